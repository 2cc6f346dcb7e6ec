#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# `carrack net check` finds nothing where nothing is wrong, and names what someone broke: the pair of
# hosts, the network, what it is. `carrack net repair` mends at once.
# shellcheck source=tests/cluster/lib.sh
. "$(dirname "$0")/lib.sh"
img=registry.lab:5000/busybox
lab_up 2

stack shop <<Y
name: shop
services:
  web:
    image: $img
    init: true
    command: ["sleep", "inf"]
    deploy: {mode: global}
Y

check() { c net check --json; }
found() { check | jq -e "any(.[]; $1)" >/dev/null; } # JQ: a condition over a finding
clean() { [ "$(check)" = "[]" ]; }
empty() {
  clean || { check; fail "something is found where nothing runs"; } || return
  c net repair >/dev/null && [ -z "$(on host1 nft list tables)" ] || fail "repair made tables on a host without tasks"
}
up() { apply shop && ready shop 2; }
healthy() {
  until_ok 10 clean || { check; fail "something is found on a healthy cluster"; } || return
  c net check shop_default | grep -q '^ok: 2 nodes' || fail "no line that says it is well" || return
  c net check nothing 2>&1 | grep -q "no network 'nothing'" || fail "an unknown network is not told"
}
vxlan_blocked() {
  on host2 nft -f - <<'N' || return
table inet breaks { chain in { type filter hook input priority -400; udp dport 4789 drop; }; }
N
  local ok=0
  found '.what=="overlay" and .node=="host1" and .peer=="host2" and .network=="shop_default" and (.text|test("4789"))' || ok=1
  c net check >/dev/null && ok=1
  on host2 nft delete table inet breaks
  [ $ok = 0 ] && clean
}
host_cut() {
  on host2 nft -f - <<'N' || return
table inet breaks { chain in { type filter hook input priority -400; icmp type echo-request drop; }; }
N
  local ok=0
  found '.what=="underlay" and .node=="host1" and .peer=="host2"' || ok=1
  on host2 nft delete table inet breaks
  [ $ok = 0 ] && clean
}
small_mtu() { # the path to host2 carries less than the interfaces say: its own end drops what is longer
  on host2 nft -f - <<'N' || return
table inet breaks { chain in { type filter hook prerouting priority -500; meta length > 1400 drop; }; }
N
  local ok=0
  found '.what=="mtu" and .node=="host1" and .peer=="host2"' || ok=1
  on host2 nft delete table inet breaks
  [ $ok = 0 ] && clean
}
drifted() { # with the agent held, so that it cannot mend before it is asked: nothing is hidden from it
  local pid x
  pid=$(on host1 pgrep -f 'carrack agent' | head -n 1)
  x=$(on host1 ip -br link show type vxlan | cut -d' ' -f1 | cut -d@ -f1)
  on host1 kill -STOP "$pid"
  # shellcheck disable=SC2016 # expanded on the host
  on host1 sh -c 'for m in $(bridge fdb show dev '"$x"' | awk "/dst/ {print \$1}"); do bridge fdb del $m dev '"$x"' self; done'
  on host1 kill -CONT "$pid"
  c net repair host1 | grep -q 'mended now' || fail "repair does not say what it did" || return
  until_ok 5 clean
}
node_gone() {
  lab kill host2 || return
  until_ok 20 node_state host2 down && found '.node=="host2" and .what=="agent" and (.text|test("down"))'
}
stack safe <<Y
name: safe
services:
  web: {image: $img, networks: [closed]}
networks:
  closed: {driver_opts: {encrypted: ""}}
Y
cannot_encrypt() { # this machine's kernel may have WireGuard or not; either way it is said
  local why
  why=$(c nodes --json | jq -r '.[0].no_encrypt // ""')
  apply safe --no-wait || return
  if [ -z "$why" ]; then
    until_ok 20 ready safe 1 && c rm safe
    return
  fi
  on host1 carrack doctor | grep -q '^warn  encryption' || fail "doctor does not say it" || return
  until_ok 10 sentence "2 cannot encrypt (host1: $why)" || { tasks .; fail "the reason is not told"; } || return
  c nodes rotate-key host1 2>&1 | grep -q 'cannot encrypt' || fail "rotate-key does not say it" || return
  [ "$(on host1 ip -br link show type vxlan | wc -l)" = 1 ] || fail "there is a VXLAN link of it" || return
  c rm safe
}
sentence() { tasks '.[]|select(.stack=="safe").reason' | grep -qF "$1"; }
t "where nothing runs nothing is found and nothing made" empty
t "a service on both hosts" up
t "nothing is found where nothing is wrong" healthy
t "a host that cannot encrypt gets no task of an encrypted network" cannot_encrypt
t "VXLAN that a firewall drops is named, with the pair of hosts" vxlan_blocked
t "a host that does not answer is named" host_cut
t "a path MTU that is too small is named" small_mtu
t "repair mends lost entries" drifted
t "a host that is down is named" node_gone
finish
