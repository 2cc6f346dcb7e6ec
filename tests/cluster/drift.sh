#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What someone else breaks in a host's network is mended by the agent's check, with no restart, and
# told in its log. DRIFT_ROUNDS (60) random damages; DRIFT_SEED repeats a run.
# shellcheck source=tests/cluster/lib.sh
. "$(dirname "$0")/lib.sh"
img=registry.lab:5000/busybox
rounds=${DRIFT_ROUNDS:-60}
RANDOM=${DRIFT_SEED:=$RANDOM}
lab_up 2

stack drift <<Y
name: drift
services:
  left:
    image: $img
    init: true
    command: ["sleep", "inf"]
    deploy: {placement: {constraints: ["node.hostname == host1"]}}
  right:
    image: $img
    init: true
    command: ["sleep", "inf"]
    deploy: {placement: {constraints: ["node.hostname == host2"]}}
Y

# Each runs on a host with: $b bridge, $x VXLAN link, $v a veth, $ip and $mac of the other host's task,
# $vtep the other host, $gw the gateway with its prefix length.
# shellcheck disable=SC2016 # expanded on the host
damages=(
  'bridge fdb del $mac dev $x self'
  'bridge fdb replace $mac dev $x self dst 10.77.0.99'
  'bridge fdb append $mac dev $x self dst 10.77.0.99; bridge fdb del $mac dev $x self dst $vtep'
  'bridge fdb del $mac dev $x master'
  'bridge fdb del $mac dev $x master; bridge fdb add $mac dev $v master static'
  'ip neigh del $ip dev $b'
  'ip neigh replace $ip lladdr 02:00:00:00:00:01 dev $b nud permanent'
  'ip link set $x nomaster'
  'ip link set $v nomaster'
  'ip link set $x down'
  'ip link set $b down'
  'ip link set $v down'
  'ip link del $x'
  'ip link del $b'
  'ip link del $v'
  'ip addr del $gw dev $b'
  'ip link set $x mtu 600'
  'nft flush set inet ck_overlay members'
  'nft flush set bridge ck_overlay source'
  'nft flush set inet ck_overlay bridges'
  'nft flush chain inet ck_overlay forward'
  'nft delete table bridge ck_overlay'
  'nft delete table inet ck_overlay'
  'nft add rule inet ck_overlay input udp dport 4789 drop'
  'tc qdisc del dev $v clsact'
  'tc filter del dev $x ingress'
  'tc filter del dev eth0 ingress'
)

damage() { # HOST DAMAGE
  local other=$((3 - ${1#host}))
  local name=right
  [ "$other" = 1 ] && name=left
  local ip
  ip=$(tasks ".[]|select(.service==\"$name\").addresses[0].ip")
  # shellcheck disable=SC2086 # four words
  on "$1" sh -ec "ip=$ip mac=$(printf '02:42:%02x:%02x:%02x:%02x' ${ip//./ }) vtep=10.77.0.$other
    x=\$(ip -br link show type vxlan | cut -d' ' -f1 | head -n 1) b=ckb-\${x#ckx-}
    v=\$(ip -br link show master \$b type veth | cut -d@ -f1 | head -n 1)
    gw=\$(ip -br -4 addr show dev \$b | awk '{print \$3}')
    $2"
}
told() { grep -c 'overlay.*mended' "${CARRACK_LAB_DIR:-/var/tmp/carrack-lab}/$LAB/$1/daemon.log"; }
told_more() { [ "$(told "$1")" -gt "$2" ]; }
talks() {
  c exec drift_left.1 ping -c 1 -w 1 tasks.right >/dev/null && c exec drift_right.1 ping -c 1 -w 1 tasks.left >/dev/null &&
    c exec drift_left.1 ping -c 1 -w 1 10.77.0.254 >/dev/null
}
up() {
  apply drift && until_ok 10 talks
}
drift() {
  local i host what before pids
  pids=$(on host1 pgrep -f 'carrack agent')
  for ((i = 1; i <= rounds; i++)); do
    host=host$((RANDOM % 2 + 1)) what=${damages[RANDOM % ${#damages[@]}]}
    before=$(told "$host")
    damage "$host" "$what" || fail "round $i (seed $DRIFT_SEED): cannot do \"$what\" on $host" || return
    until_ok 5 told_more "$host" "$before" || fail "round $i (seed $DRIFT_SEED): $host does not notice \"$what\"" || return
    until_ok 2 talks || fail "round $i (seed $DRIFT_SEED): no traffic after \"$what\" on $host" || return
  done
  [ "$(on host1 pgrep -f 'carrack agent')" = "$pids" ] || fail "an agent was restarted"
}
quiet() { # nothing is mended where nothing is wrong
  local before
  before=$(($(told host1) + $(told host2)))
  on host1 nft add table ip drift_stranger
  sleep 3
  on host1 nft delete table ip drift_stranger
  [ "$(($(told host1) + $(told host2)))" = "$before" ]
}

t "two tasks on two hosts talk" up
t "nothing is mended where nothing is wrong" quiet
t "$rounds random damages are mended, seed $DRIFT_SEED" drift
finish
