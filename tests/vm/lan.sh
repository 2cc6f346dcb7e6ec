#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Containers on the physical network of hosts with kernels of their own: by macvlan and ipvlan on the interface that
# has the host's address, on a VLAN, and by a bridge with a VLAN in it. The machine that is no member is "switch"
# (10.77.0.254, fd77::254), with the wire before it.
# shellcheck source=tests/vm/lib.sh
. "$(dirname "$0")/lib.sh"
img=registry.lab:5000/busybox
export VM_CONFIG='parents: {office: eth0, tagged: eth0.50}'
vm_up 2

lan() { # DRIVER PARENT HOST-OF-FIXED
  stack lan <<Y
name: lan
services:
  each: {image: $img, init: true, command: ["sleep", "inf"], networks: [n], deploy: {mode: global}}
  fixed:
    image: $img
    command: ["sh", "-c", "hostname >/www/index.html; exec httpd -f -p '[::]:80' -h /www"]
    hostname: fixed
    labels: {at: $3} # another task
    networks: {n: {ipv4_address: 10.77.0.150, ipv6_address: "fd77::1:50"}}
    deploy: {placement: {constraints: ["node.hostname == $3"]}}
networks:
  n:
    driver: $1
    enable_ipv6: true
    driver_opts: {parent: $2}
    ipam:
      config:
        - {subnet: 10.77.0.0/24, gateway: 10.77.0.254, ip_range: 10.77.0.128/26, aux_addresses: {kept: 10.77.0.128}}
        - {subnet: "fd77::/64", gateway: "fd77::254", ip_range: "fd77::1:0/112"}
Y
}
address() { tasks ".[]|select(.service==\"$1\" and .node==\"$2\").addresses[0].$3"; } # SERVICE VM ip|ip6
outside() { ping -q -c 1 -W 2 "$1" >/dev/null; }
page() { [ "$(curl -s -m 10 "http://$1/")" = fixed ]; } # ADDRESS
on_wire() { # FILTER CMD...: does such a frame come by while the command runs
  tcpdump -i switch -c 1 -w "$work/frame" "$1" 2>"$work/tcpdump.log" &
  local pid=$!
  until_ok 10 grep -q 'listening on' "$work/tcpdump.log"
  "${@:2}"
  local seen=1
  until_ok 5 ended $pid && seen=0
  kill $pid 2>/dev/null
  wait $pid
  return $seen
}
ended() { ! kill -0 "$1" 2>/dev/null; }

up() { lan "$1" "$2" vm1 && apply lan && ready lan 3; } # DRIVER PARENT
reached() {
  local vm
  for vm in vm1 vm2; do
    until_ok 10 outside "$(address each $vm ip)" && until_ok 10 outside "$(address each $vm ip6)" || fail "the task on $vm is not reached" || return
  done
  until_ok 20 page 10.77.0.150 && until_ok 20 page '[fd77::1:50]' || fail "no HTTP from outside" || return
  on vm2 ping -q -c 1 -W 5 10.77.0.150 || fail "the other host does not reach it" || return
  c exec "lan_fixed.1" ping -c 1 -w 5 10.77.0.254 || fail "the gateway is not reached" || return
  on vm1 ping -q -c 1 -W 5 10.77.0.2 || fail "the hosts are cut off"
}
each_other() { # the tasks of the global service, by name and at the link's full size
  local from
  from=$(tasks '.[]|select(.service=="each" and .node=="vm2").name')
  until_ok 10 c exec "$from" ping -c 1 -w 5 fixed && c exec "$from" ping -c 1 -w 5 -s 1472 fixed
}
follows() {
  local mac
  outside 10.77.0.150
  mac=$(ip -br neigh show 10.77.0.150 dev switch | grep -o '..:..:..:..:..:..')
  lan macvlan office vm2 && apply lan && ready lan 3 || return
  [ "$(tasks '.[]|select(.service=="fixed").node')" = vm2 ] || fail "it did not move" || return
  # The switch knows the port before anybody asks.
  until_ok 10 learned "$mac" || fail "not on w2: $(bridge fdb show br switch)" || return
  until_ok 20 page 10.77.0.150
}
learned() { bridge fdb show br switch | grep -q "^$1 dev w2"; }
ipvlan_follows() {
  outside 10.77.0.150
  lan ipvlan office vm2 && apply lan && ready lan 3 || return
  # The MAC is the host's: the outsider's cache must change.
  until_ok 10 cached 52:54:00:00:00:02 || fail "$(ip neigh show 10.77.0.150)"
}
cached() { ip neigh show 10.77.0.150 dev switch | grep -q "$1"; }
own_host() { # as the kernel has it, and docs/network.md says
  ! on vm1 ping -q -c 1 -W 2 "$(address each vm1 ip)"
}
arp_as() { # ADDRESS: a container asks with it as the sender
  local ns
  ns=/run/carrack/netns/$(tasks '.[]|select(.service=="each" and .node=="vm1").id')
  on_wire "arp and src host $1" on vm1 "nsenter --net=$ns sh -c 'ip addr add $1/32 dev eth0; arping -q -c 2 -w 3 -I eth0 -s $1 10.77.0.254; ip addr del $1/32 dev eth0'"
}
forged() {
  arp_as "$(address each vm1 ip)" || fail "its own does not come by" || return
  ! arp_as 10.77.0.99
}
agent_again() {
  agent_stop vm1 && outside "$(address each vm1 ip)" && agent_start vm1 && until_ok 60 nodes_up 2 && outside "$(address each vm1 ip)"
}
down() {
  c rm lan && until_ok 60 no_tasks && until_ok 30 nothing vm1 && until_ok 30 nothing vm2
}
nothing() { ! on "$1" 'ip -o link | grep -E " (ck[bv]|eth0\.)"'; } # VM
by() { up "$1" "$2" && reached; } # DRIVER PARENT
tagged() { # frames are on the wire with their VLAN
  up "$1" "$2" && each_other || return
  on_wire "vlan $3" each_other || fail "nothing of VLAN $3 is on the wire"
}
cut_off() { # a bridge would take the host's address off the network
  lan bridge eth0 vm1
  apply lan --no-wait >"$work/out" 2>&1
  until_ok 10 says 'which a bridge would cut off' || fail "$(cat "$work/out")"
  on vm1 ping -q -c 1 -W 5 10.77.0.2 && c rm lan && until_ok 20 no_tasks
}
says() { grep -q "$1" "$work/out" || c ps lan --json | jq -r '.[].reason' | grep -q "$1"; }

macvlan() { by macvlan office; }
ipvlan() { by ipvlan office; }
vlan() { tagged macvlan tagged 50; }
bridged() { tagged bridge eth0.60 60; }

t "a bridge on the interface with the host's address is refused" cut_off
t "by macvlan on the interface that has the host's address" macvlan
t "containers reach each other by name" each_other
t "a container does not reach its own host" own_host
t "a forged sender is not on the wire" forged
t "the switch follows a task that moves" follows
t "an agent that restarts disturbs nobody" agent_again
t "all is gone after rm" down
t "by ipvlan" ipvlan
t "the caches of others follow a task that moves" ipvlan_follows
t "all is gone after rm of that too" down
t "by macvlan on a VLAN" vlan
t "the VLAN is gone after rm" down
t "by a bridge with a VLAN in it" bridged
t "the bridge is gone after rm" down
finish
