#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Containers on the physical network: each host's eth1 is on a switch with a machine that is no member of the
# cluster ("switch", 192.168.77.1), which reaches them at their own addresses, also after they moved.
# shellcheck source=tests/cluster/lib.sh
. "$(dirname "$0")/lib.sh"
img=registry.lab:5000/busybox
lab_up 2 --lan
idle="image: $img, init: true, command: [\"sleep\", \"inf\"]"
web="image: $img, init: true, command: [\"sh\", \"-c\", \"hostname >/index.html; exec httpd -f -p '[::]:80' -h /\"]"

lan() { # DRIVER HOST-OF-FIXED
  stack lan <<Y
name: lan
services:
  web: {$web, hostname: web, networks: [office], deploy: {replicas: 2}}
  fixed:
    image: $img
    init: true
    command: ["sleep", "inf"]
    labels: {at: $2} # another task
    networks: {office: {ipv4_address: 192.168.77.50, ipv6_address: "fd77:1::50", mac_address: "02:00:00:00:77:50"}}
    deploy: {placement: {constraints: ["node.hostname == $2"]}}
  both:
    image: $img
    init: true
    command: ["sh", "-c", "echo both >/index.html; exec httpd -f -p 80 -h /"]
    ports: ["8080:80"]
    networks: {office: {gw_priority: 1, interface_name: lan0}, default: {}}
    deploy: {placement: {constraints: ["node.hostname == host1"]}}
networks:
  office:
    driver: $1
    enable_ipv6: true
    driver_opts: {parent: eth1}
    ipam:
      config:
        - {subnet: 192.168.77.0/24, gateway: 192.168.77.1, ip_range: 192.168.77.64/27, aux_addresses: {kept: 192.168.77.65}}
        - {subnet: "fd77:1::/64", gateway: "fd77:1::1", ip_range: "fd77:1::1:0/112"}
Y
}
address() { tasks ".[]|select(.name==\"$1\").addresses[]|select(.network==\"lan_office\").$2"; } # TASK ip|ip6
outside() { on switch ping -q -c 1 -W 1 "$1"; }

up() { lan macvlan host1 && apply lan && ready lan 4; }
reached() {
  local task
  for task in lan_web.1 lan_web.2; do
    [ "$(on switch curl -s -m 5 "http://$(address $task ip)/")" = web ] || fail "$task is not reached by IPv4" || return
    [ "$(on switch curl -s -m 5 "http://[$(address $task ip6)]/")" = web ] || fail "$task is not reached by IPv6" || return
  done
  outside 192.168.77.50 && outside fd77:1::50 || fail "the fixed addresses are not reached" || return
  [ "$(on switch ip neigh show 192.168.77.50 | grep -c 02:00:00:00:77:50)" = 1 ] || fail "the MAC is another" || return
  ! tasks '.[].addresses[]|select(.network=="lan_office").ip' | grep -qx 192.168.77.65 || fail "a kept address was given out" || return
  c exec lan_web.1 ping -c 1 -w 2 10.77.0.254 || fail "there is no way out by the LAN's router"
}
named() { # the names lead to the tasks: there is no VIP on the physical network
  c exec lan_fixed.1 nslookup web | grep -q "$(address lan_web.1 ip)" && c exec lan_fixed.1 nslookup web | grep -q "$(address lan_web.2 ip)" &&
    c exec lan_fixed.1 ping -c 1 -w 2 web-2 && c exec lan_web.1 ping -6 -c 1 -w 2 fixed
}
told() {
  c net | grep -q 'lan_office .*macvlan eth1' || fail "$(c net)" || return
  [ "$(c net inspect lan_office | jq -r '.parent+" "+.mode+" "+(.vips|length|tostring)')" = "eth1 bridge 0" ] || fail "$(c net inspect lan_office)" || return
  until_ok 5 c net check || fail "$(c net check)" || return
  until_ok 5 c net trace lan_fixed.1 lan_web.1 || fail "$(c net trace lan_fixed.1 lan_web.1)" || return
  c nodes --json | jq -e '.[0].parents|has("eth1")'
}
published() { # by its other network, with the answers going back that way
  c exec lan_both.1 ip route | grep -q 'default via 192.168.77.1 dev lan0' || fail "$(c exec lan_both.1 ip route)" || return
  [ "$(on switch curl -s -m 5 http://10.77.0.1:8080/)" = both ] && [ "$(on switch curl -s -m 5 http://10.77.0.2:8080/)" = both ]
}
loss_of() { sed -n 's/.*, \([0-9.]*\)% packet loss.*/\1/p' "$1"; }
agent_again() { # its connections do not notice
  on switch ping -q -i 0.02 -c 100 "$(address lan_web.1 ip)" >"$work/ping" 2>&1 &
  local host
  host=$(tasks '.[]|select(.name=="lan_web.1").node')
  on "$host" pkill -9 -f 'carrack agent'
  until_ok 10 nodes_up 2
  wait $!
  [ "$(loss_of "$work/ping")" = 0 ] || fail "lost: $(cat "$work/ping")"
}
follows() { # the outsider's switch and caches, without being asked
  outside 192.168.77.50 && lan macvlan host2 && apply lan && ready lan 4 || return
  [ "$(tasks '.[]|select(.service=="fixed").node')" = host2 ] || fail "it did not move" || return
  until_ok 5 learned || fail "$(on switch bridge fdb show br lan)" || return
  outside 192.168.77.50 && outside fd77:1::50
}
learned() { on switch bridge fdb show br lan | grep -q '02:00:00:00:77:50 dev cl-host2'; }
broken() { # what someone breaks is mended
  local ns
  ns=/run/carrack/netns/$(tasks '.[]|select(.service=="fixed").id')
  on host2 nsenter --net="$ns" ip link del eth0 && until_ok 5 outside 192.168.77.50 || fail "the link is not back" || return
  on host2 nsenter --net="$ns" nft flush ruleset && until_ok 5 on host2 nsenter --net="$ns" nft list table netdev ck_lan || fail "the guard is not back" || return
  on host2 ip link set eth1 down && until_ok 5 outside 192.168.77.50 || fail "the parent is not up again"
}
node_fails() { # another node takes over the address, and lets go of it when told to
  local ip
  ip=$(tasks '.[]|select(.service=="web" and .node=="host1").addresses[0].ip')
  lab kill host1
  until_ok 20 node_state host1 down || fail "host1 is not down" || return
  until_ok 20 outside "$ip" || fail "$ip is not taken over" || return
  lab start host1 && until_ok 20 nodes_up 2 && until_ok 20 ready lan 4 && until_ok 10 outside "$ip"
}
refused() { # WORDS DRIVER PARENT
  stack bad <<Y
name: bad
services: {a: {$idle, networks: [n]}}
networks: {n: {driver: $2, driver_opts: {parent: $3}, ipam: {config: [{subnet: 10.99.0.0/24}]}}}
Y
  apply bad --no-wait >"$work/out" 2>&1
  until_ok 5 says "$1" || fail "not told: $1: $(cat "$work/out"; c ps bad)" || return
  c rm bad >/dev/null 2>&1
  return 0
}
says() { grep -qF "$1" "$work/out" || c ps bad --json | jq -r '.[].reason' | grep -qF "$1"; }
not_eligible() {
  refused "2 cannot be on its physical network" macvlan eth7 && refused "it has no interface 'eth7')" macvlan eth7 &&
    refused ", which a bridge would cut off" bridge eth0 &&
    refused "'eth1' by bridge and by macvlan" bridge eth1 && until_ok 10 gone bad && outside 10.77.0.1
}
gone() { ! c net ls --json | jq -e ".[]|select(.stack==\"$1\")"; }
bridged() { # a bridge with eth1 in it, which goes with the last network
  c rm lan && until_ok 20 no_tasks && until_ok 10 gone lan || return
  sed -i 's/driver: macvlan/driver: bridge/' "$work/lan.yaml"
  apply lan && ready lan 4 && until_ok 5 outside 192.168.77.50 && outside fd77:1::50 || return
  on host2 ip link show eth1 | grep -q 'master ckb-' || fail "eth1 is in no bridge" || return
  named && until_ok 5 c net check || return
  c rm lan && until_ok 20 no_tasks && until_ok 10 on host2 sh -c '! ip -o link | grep -q " ck[bv]"' || fail "a link is left" || return
  ! on host2 ip link show eth1 | grep -q master || fail "eth1 is still in a bridge"
}

t "a stack with a network by macvlan starts" up
t "a machine that is no member reaches containers at their addresses, by IPv4 and IPv6" reached
t "names lead to the tasks" named
t "net, net inspect, net check and nodes tell of it" told
t "ports are published by a container's other network" published
t "an agent that restarts does not break a connection" agent_again
t "machines out there follow a task that moves" follows
t "what someone breaks is mended" broken
t "nodes without the interface, and bridges that would cut a host off, are refused" not_eligible
t "the address of a task on a dead node is taken over" node_fails
t "a bridge with the host's interface" bridged
finish
