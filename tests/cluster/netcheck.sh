#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# `carrack net check` finds nothing where nothing is wrong, and names what someone broke: the pair of
# hosts, the network, what it is. `carrack net repair` mends at once. `carrack net trace` follows a packet and
# tells where it is lost. The agents mend only when asked here, so that what is broken is there to be seen.
# shellcheck source=tests/cluster/lib.sh
. "$(dirname "$0")/lib.sh"
img=registry.lab:5000/busybox
export CARRACK_LAB_CONFIG='network_check_seconds: 0'
lab_up 2

stack shop <<Y
name: shop
services:
  web:
    image: $img
    init: true
    command: ["sleep", "inf"]
    deploy: {mode: global}
    networks: {default: {}, six: {}}
  client:
    image: $img
    init: true
    command: ["sh", "-c", "mkdir -p /w; exec httpd -f -p 80 -h /w"]
    deploy: {placement: {constraints: ["node.hostname == host1"]}}
  lonely:
    image: $img
    init: true
    command: ["sleep", "inf"]
    networks: [alone]
networks:
  six: {enable_ipv6: true}
  alone: {internal: true}
Y

check() { c net check --json; } # its status is 1 where something is wrong
found() { local out; out=$(check) && return 1; jq -e "any(.[]; $1)" <<<"$out" >/dev/null; } # JQ: a condition over a finding
clean() { [ "$(check)" = "[]" ]; }
empty() {
  clean || { check; fail "something is found where nothing runs"; } || return
  c net repair >/dev/null && [ -z "$(on host1 nft list tables)" ] || fail "repair made tables on a host without tasks"
}
up() { apply shop && ready shop 4; }
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
offload() { # pings pass, what is summed up by others does not
  on host2 nft -f - <<'N' || return
table bridge breaks { chain in { type filter hook forward priority -400; meta protocol ip ip protocol { tcp, udp } drop; }; }
N
  local ok=0
  found '.what=="offload" and .node=="host1" and .peer=="host2" and (.text|test("ethtool"))' || ok=1
  on host2 nft delete table bridge breaks
  [ $ok = 0 ] && clean
}

# On a host: $x VXLAN link, $b bridge, $v a port of the task web, $id of it, $ip and $mac of the other host's,
# $vtep that host. Each with what net check says of it.
# shellcheck disable=SC2016 # expanded on the host
falsehoods=(
  'bridge fdb replace $mac dev $x self dst 10.77.0.99|VXLAN entry of'
  'ip neigh del $ip dev $b|neighbour entry of'
  'ip link set $x nomaster|not on its bridge'
  'ip link set $v down|is down'
  'nft flush set inet ck_overlay members|packet filter: 1 elements'
  'nsenter --net=/run/carrack/netns/$id ip addr flush dev eth0|lacks its address'
  'nsenter --net=/run/carrack/netns/$id ip route del default|no default route'
  'nsenter --net=/run/carrack/netns/$id nft delete table ip ck_resolver|does not reach its resolver'
  'ip route del table local $vip|routes of VIPs'
  'sysctl -qw net.ipv4.ip_forward=0|does not forward'
)
learn() { # what falsify needs
  local id ip net
  near=$(tasks '.[]|select(.service=="web" and .node=="host1").name') far=$(tasks '.[]|select(.service=="web" and .node=="host2").name')
  id=$(tasks '.[]|select(.service=="web" and .node=="host1").id')
  ip=$(tasks '.[]|select(.service=="web" and .node=="host2").addresses[]|select(.network=="shop_default").ip')
  net=$(c net ls --json | jq -r '.[]|select(.name=="shop_default").id' | cut -c1-8)
  # shellcheck disable=SC2086 # four words
  known="ip=$ip mac=$(printf '02:42:%02x:%02x:%02x:%02x' ${ip//./ }) vtep=10.77.0.2 x=ckx-$net b=ckb-$net id=$id
    vip=$(c inspect shop | jq -r '.services[]|select(.name=="web").vips[]|select(.network=="shop_default").ip')"
}
falsify() { # COMMAND
  on host1 sh -ec "$known
    v=\$(bridge fdb show br \$b | awk '/ static/ && !/ckx/ {print \$3}' | head -n 1)
    $1"
}
named() {
  local f out
  learn
  for f in "${falsehoods[@]}"; do
    falsify "${f%|*}" || fail "cannot do ${f%|*}" || return
    out=$(c net check)
    grep -q "^host1.*${f##*|}" <<<"$out" || fail "\"${f%|*}\" is not named: $out" || return
    c net repair shop_default | grep -q '^host1: [1-9][0-9]* things mended now' || fail "\"${f%|*}\" is not mended" || return
  done
  clean || { check; fail "something is left"; }
}
trace() { c net trace "$@" --json; }
lost() { # HOP TEXT ARGS...: not reachable; the hop of that name is wrong; the verdict has the text
  local out
  out=$(trace "${@:3}") && fail "${*:3}: reachable" && return 1
  jq -e --arg h "$1" --arg t "$2" '(.reachable|not) and (.verdict|test($t)) and ($h=="" or any(.hops[]; .hop==$h and .state=="wrong"))' \
    <<<"$out" >/dev/null || fail "${*:3}: $(jq -c '[.verdict, (.hops[]|select(.state!="right"))]' <<<"$out")"
}
traced_fast() { # the fast path goes by some of the hops
  learn
  trace shop_client.1 "$far" | jq -e '.reachable and all(.hops[]; .state=="right") and ([.seen[]|select(.hop=="underlay" or .hop=="interface")]|length==4 and all(.there and .back))' ||
    { c net trace shop_client.1 "$far"; fail "a ping over the hosts"; }
}
slow_path() { # by the bridges only
  local h
  for h in host1 host2; do
    echo "fast_path: no" >>"${CARRACK_LAB_DIR:-/var/tmp/carrack-lab}/$LAB/$h/carrack.yaml"
    # shellcheck disable=SC2046 # pids
    on $h kill -9 $(on $h pgrep -f 'carrack(-agent)? agent')
  done
  until_ok 20 nodes_up 2 && until_ok 20 ready shop 4 || return
  for h in host1 host2; do
    until_ok 20 no_fast $h || return
  done
}
no_fast() { ! on "$1" tc filter show dev eth0 ingress | grep -q ck_underlay; }
traced() {
  local ip6
  learn
  trace shop_client.1 "$far" | jq -e '.reachable and all(.hops[]; .state=="right") and all(.seen[]; .there and .back) and (.seen|length)==8' ||
    { c net trace shop_client.1 "$far"; fail "a ping over the hosts"; } || return
  trace "$far" client --port 80 | jq -e '.reachable and .vip_answer=="answered" and any(.hops[]; .hop=="vip")' || fail "TCP through a VIP" || return
  trace shop_client.1 10.77.0.254 | jq -e '.reachable and any(.seen[]; .hop=="way out" and .back)' || fail "out of the network" || return
  ip6=$(c net inspect shop_six | jq -r '.endpoints[]|select(.node=="host2").ip6')
  trace "$near" "$ip6" | jq -e '.reachable' || fail "IPv6" || return
  c net trace shop_client.1 "$far" | grep -q '^reachable' || fail "for people"
}
trace_lost() {
  learn
  lost '' 'nothing listens' shop_client.1 "$far" --port 81 && lost '' 'nothing listens' shop_client.1 "$far" --port 81/udp || return
  lost network 'no address' shop_client.1 shop_lonely.1 && lost name 'no address' shop_client.1 nobody || return
  lost route 'no way out|nothing leaves|nothing was sent' shop_lonely.1 10.77.0.254 || return
  # shellcheck disable=SC2016 # expanded on the host
  falsify 'bridge fdb replace $mac dev $x self dst 10.77.0.99' && lost tunnel 'between the VXLAN link of host1' shop_client.1 "$far" || return
  on host2 nft flush set inet ck_overlay members
  c net repair host1 >/dev/null && lost filter "underlay's link of host2 and the VXLAN link of host2" shop_client.1 "$far" || return
  c net repair >/dev/null
  on host2 nft -f - <<'N' || return
table bridge breaks { chain in { type filter hook forward priority -400; icmp type echo-reply drop; }; }
N
  lost '' 'the answer is lost between the container.s port on its bridge of host2' shop_client.1 "$far"
  local ok=$?
  on host2 nft delete table bridge breaks
  [ $ok = 0 ] && clean
}
trace_away() { # the agent is away, its containers and its network work on
  local pid ok=0
  learn
  pid=$(on host2 pgrep -f 'carrack agent' | head -n 1)
  on host2 kill -STOP "$pid"
  until_ok 20 node_state host2 down || return
  trace shop_client.1 "$far" | jq -e 'any(.hops[]; .node=="host2" and .state=="away")' >/dev/null || ok=1
  on host2 kill -CONT "$pid"
  [ $ok = 0 ] || fail "it is not said that host2 is away" || return
  until_ok 20 nodes_up 2 && until_ok 20 ready shop 4
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
  local why before
  before=$(on host1 ip -br link show type vxlan | wc -l)
  why=$(c nodes --json | jq -r '.[0].no_encrypt // ""')
  apply safe --no-wait || return
  if [ -z "$why" ]; then
    until_ok 20 ready safe 1 && c rm safe
    return
  fi
  on host1 carrack doctor | grep -q '^warn  encryption' || fail "doctor does not say it" || return
  until_ok 20 sentence || { tasks .; fail "the reason is not told"; } || return
  c nodes rotate-key host1 2>&1 | grep -q 'cannot encrypt' || fail "rotate-key does not say it" || return
  [ "$(on host1 ip -br link show type vxlan | wc -l)" = "$before" ] || fail "there is a VXLAN link of it" || return
  c rm safe
}
sentence() { tasks '.[]|select(.stack=="safe").reason' | grep '2 cannot encrypt (host[12]: ' | grep -qF ": $why)"; }
t "where nothing runs nothing is found and nothing made" empty
t "a service on both hosts" up
t "nothing is found where nothing is wrong" healthy
t "a host that cannot encrypt gets no task of an encrypted network" cannot_encrypt
t "VXLAN that a firewall drops is named, with the pair of hosts" vxlan_blocked
t "a host that does not answer is named" host_cut
t "a path MTU that is too small is named" small_mtu
t "a trace sees the packet on the fast path" traced_fast
t "hosts change to the bridges" slow_path
t "TCP and UDP that are lost where pings pass are named" offload
t "what is false in a table is named, and mended when asked" named
t "a trace sees the packet at each hop, there and back" traced
t "a trace tells where a packet is lost, and why" trace_lost
t "a trace where one agent is away" trace_away
t "a host that is down is named" node_gone
finish
