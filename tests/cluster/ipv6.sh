#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# IPv6 on networks: both families and IPv6 alone, across hosts, names, the way out, isolation, what a
# file may ask for and what is refused.
# shellcheck source=tests/cluster/lib.sh
. "$(dirname "$0")/lib.sh"
img=registry.lab:5000/busybox
lab_up 3
on1='deploy: {placement: {constraints: ["node.hostname == host1"]}}'
on2='deploy: {placement: {constraints: ["node.hostname == host2"]}}'
web="image: $img, init: true, command: [\"sh\", \"-c\", \"echo hello >/index.html; exec httpd -f -p '[::]:80' -h /\"]"
idle="image: $img, init: true, command: [\"sleep\", \"inf\"]"

stack six <<Y
name: six
services:
  left:
    $(tr '\n' ' ' <<<"image: $img")
    init: true
    command: ["sleep", "inf"]
    networks:
      dual: {}
      own: {priority: 5, interface_name: lan0, ipv6_address: "fd42:9::77", mac_address: "02:AA:bb:00:00:01", link_local_ips: ["169.254.7.7"], gw_priority: -1}
    $on1
  right: {$web, networks: [dual], $on2}
  far: {$idle, networks: {own: {gw_priority: 1}}, $on2}
  alone: {$idle, networks: [only6], $on1}
  mate: {$web, networks: [only6], $on2}
  shut: {$idle, networks: [closed], $on1}
networks:
  dual: {enable_ipv6: true}
  own:
    enable_ipv6: true
    labels: {purpose: test}
    driver_opts: {mtu: 1400, vni: "77777"}
    ipam: {config: [{subnet: 10.42.9.0/24, gateway: 10.42.9.254, aux_addresses: {kept: 10.42.9.1}},
                    {subnet: "fd42:9::/64", gateway: "fd42:9::fe", ip_range: "fd42:9::1:0/112"}]}
  only6: {enable_ipv4: false, enable_ipv6: true}
  closed: {internal: true, enable_ipv6: true}
Y

up() { apply six && ready six 6; }
ip6() { tasks ".[]|select(.name==\"$1\").addresses[]|select(.network==\"six_$2\").ip6"; }
across() {
  c exec six_left.1 ping -6 -c 2 -w 5 tasks.right && c exec six_left.1 ping -4 -c 1 -w 5 tasks.right &&
    c exec six_left.1 ping -c 1 -w 5 "$(ip6 six_far.1 own)" && c exec six_alone.1 ping -c 2 -w 5 tasks.mate || return
  [ "$(c exec six_alone.1 wget -q -O - "http://[$(ip6 six_mate.1 only6)]/index.html")" = hello ] || fail "no HTTP by address" || return
  [ "$(c exec six_alone.1 wget -q -O - http://mate/index.html)" = hello ] || fail "no HTTP by name" || return
  c exec six_left.1 ping -6 -c 2 -w 5 -s 1402 tasks.right || fail "a full-size packet does not pass"
}
named() {
  local a
  a=$(ip6 six_right.1 dual)
  c exec six_left.1 nslookup -type=aaaa tasks.right | grep -q "$a" || fail "no AAAA" || return
  c exec six_left.1 nslookup "$a" | grep -qi "right" || fail "no PTR: $(c exec six_left.1 nslookup "$a")" || return
  ! c exec six_alone.1 nslookup -type=a mate | grep -q "Address: .*10\." || fail "an A record of a network without IPv4"
}
asked() {
  local out
  out=$(c exec six_left.1 ip addr show lan0)
  grep -q 'mtu 1400' <<<"$out" && grep -q '02:aa:bb:00:00:01' <<<"$out" && grep -q 'fd42:9::77/64' <<<"$out" &&
    grep -q '169.254.7.7/16' <<<"$out" && grep -q '10.42.9.2/24' <<<"$out" || fail "lan0: $out" || return
  [ "$(c exec six_left.1 sh -c 'ls /sys/class/net | grep -c .')" = 3 ] && c exec six_left.1 ip link show eth0 >/dev/null || fail "no eth0" || return
  c exec six_left.1 ip route | grep -q 'default via .* dev eth0' || fail "gw_priority: $(c exec six_left.1 ip route)" || return
  c exec six_left.1 ip -6 route | grep -q 'default via .* dev eth0' || fail "gw_priority: $(c exec six_left.1 ip -6 route)" || return
  c exec six_far.1 ip addr show eth0 | grep -q 'fd42:9::1:' || fail "ip_range: $(c exec six_far.1 ip addr show eth0)" || return
  on host1 ip -d link show type vxlan | grep -q 'vxlan id 77777 ' || fail "the VNI is another"
  out=$(c net inspect six_own)
  [ "$(jq -r '.subnet6+" "+.gateway6+" "+.labels.purpose' <<<"$out")" = "fd42:9::/64 fd42:9::fe test" ] || fail "inspect: $out"
}
isolated() {
  ! c exec six_alone.1 ping -c 1 -w 2 "$(ip6 six_left.1 dual)" || fail "alone reaches dual, on the same host" || return
  ! c exec six_far.1 ping -c 1 -w 2 "$(ip6 six_right.1 dual)" || fail "far reaches dual"
}
way_out() {
  on switch ip -6 addr replace fd77::fe/64 dev switch nodad && on host1 ip -6 addr replace fd77::1/64 dev eth0 nodad || return
  c exec six_left.1 ping -c 1 -w 5 fd77::fe || fail "left cannot leave" || return
  ! c exec six_shut.1 ping -c 1 -w 2 fd77::fe || fail "shut can leave an internal network"
}
refused() { # WHAT WORD...: the stack file "bad" is refused with these words
  local out w
  out=$(apply bad --timeout 5s 2>&1) && fail "accepted: $1" && return 1
  for w in "${@:2}"; do grep -q -- "$w" <<<"$out" || fail "$1: no '$w' in: $out" || return; done
}
one() { stack bad <<<"{name: bad, services: {x: {$idle, $1}}, networks: {n: $2}}"; }
refusals() {
  one 'networks: [n]' '{ipam: {config: [{subnet: 10.42.0.0/16}]}}' && refused overlap 10.42.0.0/16 six_own &&
    one 'networks: [n]' '{enable_ipv6: true, ipam: {config: [{subnet: "fd42:9::/48"}]}}' && refused overlap6 six_own || return
  one 'networks: [n]' '{ipam: {config: [{subnet: 10.77.0.0/16}]}}' && refused underlay 10.77.0.0/24 host || return
  one 'networks: [n]' '{driver_opts: {vni: 77777}}' && refused vni 77777 six_own || return
  one 'networks: [n]' '{driver_opts: {mtu: 12}}' && refused mtu mtu || return
  one 'networks: {n: {ipv4_address: 10.9.0.9}}, deploy: {replicas: 2}' '{ipam: {config: [{subnet: 10.9.0.0/24}]}}' && refused replicas 10.9.0.9 'one replica' || return
  one 'networks: {n: {ipv4_address: 10.9.0.1}}' '{ipam: {config: [{subnet: 10.9.0.0/24}]}}' && refused gateway 10.9.0.1 gateway || return
  one 'networks: {n: {ipv4_address: 10.9.0.9}}' '{ipam: {config: [{subnet: 10.9.0.0/24, aux_addresses: {k: 10.9.0.9}}]}}' && refused aux 10.9.0.9 aux_addresses || return
  one "networks: {n: {ipv4_address: 10.9.0.9}}}, y: {$idle, networks: {n: {ipv4_address: 10.9.0.9}}" '{ipam: {config: [{subnet: 10.9.0.0/24}]}}' &&
    refused twice "'x' and 'y'" 10.9.0.9
}
joined() { # another stack on a network of this one
  stack guest <<<"{name: guest, services: {g: {$idle, networks: [d]}}, networks: {d: {external: true, name: six_dual}}}"
  apply guest && c exec guest_g.1 ping -6 -c 1 -w 5 tasks.right || fail "the guest does not reach right" || return
  c rm guest
}
restart() { # controller and agent: the addresses stay
  local before
  before=$(tasks '[.[]|{name,addresses}]|sort_by(.name)')
  on ctl sh -c 'kill -9 $(pgrep -f "carrack controller")'
  on host1 sh -c 'kill -9 $(pgrep -f "carrack agent")'
  until_ok 20 nodes_up 3 && until_ok 20 c exec six_left.1 ping -6 -c 1 -w 2 tasks.right || fail "no ping" || return
  [ "$(tasks '[.[]|{name,addresses}]|sort_by(.name)')" = "$before" ] || fail "addresses changed"
}

underlay() { # the hosts reach each other by IPv6 alone
  local i dir
  c rm six && until_ok 20 no_tasks || return
  dir=${CARRACK_LAB_DIR:-/var/tmp/carrack-lab}/$LAB
  for i in 1 2 3; do
    on host$i ip -6 addr add fd77:7::$i/64 dev eth0 nodad || return
    echo "underlay: \"fd77:7::$i\"" >>"$dir/host$i/carrack.yaml"
    on host$i sh -c 'kill -9 $(pgrep -f "carrack agent")'
  done
  until_ok 20 moved || fail "$(c nodes)"
}
moved() { [ "$(c nodes --json | jq '[.[]|select(.state=="up" and (.address|startswith("fd77:7::")))]|length')" = 3 ]; }
over6() {
  apply six && ready six 6 || return
  c exec six_left.1 ping -6 -c 2 -w 5 tasks.right && c exec six_left.1 ping -4 -c 2 -w 5 -s 1402 tasks.right || return
  c exec six_left.1 ip link show eth0 | grep -q 'mtu 1430' || fail "MTU: $(c exec six_left.1 ip link)" || return
  on host1 ip -d link show type vxlan | grep -q 'local fd77:7::1' || fail "the tunnel has another address"
}

t "a stack with IPv6 networks comes up" up
t "both families, and IPv6 alone, cross the hosts" across
t "AAAA and PTR; no A where there is no IPv4" named
t "interface name, order, MAC, fixed and link-local addresses, MTU, VNI, ranges, default route" asked
t "networks are isolated in IPv6" isolated
t "IPv6 leaves by the host's own; internal networks do not" way_out
t "what cannot be is refused by name" refusals
t "a network takes another stack's service" joined
t "addresses survive the death of controller and agent" restart
t "agents move to IPv6 addresses" underlay
t "both families over an IPv6 underlay; the path MTU is right" over6
finish
