#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What someone else breaks in a host's network is mended by the agent's check, with no restart, and
# told in its log. DRIFT_ROUNDS (50) random damages (hundreds: run this file itself, run.sh ends it after
# 600 s); DRIFT_SEED repeats a run. VIPs go by eBPF on host1
# where the kernel has it, by nftables on host2.
# shellcheck source=tests/cluster/lib.sh
. "$(dirname "$0")/lib.sh"
img=registry.lab:5000/busybox
rounds=${DRIFT_ROUNDS:-50}
: "${DRIFT_SEED:=$RANDOM}"
serve='["sh", "-c", "mkdir -p /w; hostname >/w/index.html; exec httpd -f -p 80 -h /w"]'
lab_up 2

stack drift <<Y
name: drift
services:
  left:
    image: $img
    init: true
    command: $serve
    deploy: {placement: {constraints: ["node.hostname == host1"]}}
  right:
    image: $img
    init: true
    command: $serve
    deploy: {placement: {constraints: ["node.hostname == host2"]}}
Y

# Each runs on a host with: $b bridge, $x VXLAN link, $v a veth, $ip and $mac of the other host's task,
# $vtep the other host, $gw the gateway with its prefix length, $vip the VIP of the other host's service,
# $in a command that runs in the task's namespace, $fast the numbers of the fast path's tables.
# shellcheck disable=SC2016 # expanded on the host
damages=(
  'bridge fdb del $mac dev $x self'
  'bridge fdb replace $mac dev $x self dst 10.77.0.99'
  'bridge fdb append $mac dev $x self dst 10.77.0.99; bridge fdb del $mac dev $x self dst $vtep'
  'bridge fdb del $mac dev $x master'
  'bridge fdb replace $mac dev $v master static'
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
  'key="$(first ck_links)"; bpftool map delete $(fast ck_links) key $key'
  'key="$(first ck_dests)"; bpftool map delete $(fast ck_dests) key $key'
  'key="$(first ck_dests)"; bpftool map update $(fast ck_dests) key $key value $(zeros 24)'
  'ip route del table local $vip'
  '$in ip route del default'
  '$in ip link set eth0 down'
  '$in ip addr flush dev eth0'
  '$in ip link set eth0 mtu 600'
)
by_ebpf=(
  'bpftool map delete $(pin ck_vips) key $vipkey'
  'bpftool map update $(pin ck_vips) key $vipkey value $(zeros 8)'
  'key="$(first ck_slots)"; bpftool map delete $(pin ck_slots) key $key'
  'key="$(first ck_members)"; bpftool map delete $(pin ck_members) key $key'
)
by_nft=(
  '$in nft flush map inet ck_vip slots4'
  '$in nft delete table inet ck_vip'
)

# What damages call, on the host.
# shellcheck disable=SC2016 # expanded on the host
tools='
  zeros() { yes 0 | head -n "$1"; }
  key_of() { jq -er ".[0].key|join(\" \")"; }
  pin() { echo "pinned /run/carrack/bpf/$1"; }
  fast() { # the number of a table that the filter at $x reads
    prog=$(tc -j filter show dev "$x" ingress | jq -er "[.[]|.options.prog.id//empty][0]")
    for id in $(bpftool -j prog show id "$prog" | jq -r ".map_ids[]"); do
      [ "$(bpftool -j map show id "$id" | jq -r .name)" = "$1" ] && echo "id $id"
    done
  }
  first() { # the first key of a table of the fast path or of VIPs
    if [ -e "/run/carrack/bpf/$1" ]; then bpftool -j map dump pinned "/run/carrack/bpf/$1" | key_of
    else bpftool -j map dump $(fast "$1") | key_of; fi
  }
  x=$(ip -br link show type vxlan | cut -d" " -f1 | head -n 1) b=ckb-${x#ckx-}
  v=$(ip -br link show master $b type veth | cut -d@ -f1 | head -n 1)
  gw=$(ip -br -4 addr show dev $b | awk "{print \$3}")
  in="nsenter --net=/run/carrack/netns/$(ls /run/carrack/netns | head -n 1)"
  mac=$(printf "02:42:%02x:%02x:%02x:%02x" $(echo $ip | tr . " "))
  vipkey="0 0 0 0 0 0 0 0 0 0 255 255 $(echo $vip | tr . " ")"'

other() { [ "$1" = host1 ] && echo right || echo left; }
damage() { # HOST DAMAGE
  local service
  service=$(other "$1")
  on "$1" sh -ec "ip=${ips[$service]} vip=${vips[$service]} vtep=10.77.0.$((3 - ${1#host}))
    $tools
    $2"
}
declare -A ips vips
addresses() {
  local s
  for s in left right; do
    ips[$s]=$(tasks ".[]|select(.service==\"$s\").addresses[0].ip")
    vips[$s]=$(c inspect drift | jq -r ".services[]|select(.name==\"$s\").vips[0].ip")
    [ -n "${ips[$s]}" ] && [ -n "${vips[$s]}" ] || return
  done
}
told() { grep -c 'overlay.*mended' "${CARRACK_LAB_DIR:-/var/tmp/carrack-lab}/$LAB/$1/daemon.log"; }
told_more() { [ "$(told "$1")" -gt "$2" ]; }
# A try that hangs must not use up the time: a lost SYN is sent again after a second.
asks() { # FROM TO: the other task, its service's VIP, and what is outside
  c exec "drift_$1.1" sh -c "ping -c 1 -w 1 tasks.$2 && timeout 1 wget -qO- http://${vips[$2]}/ && ping -c 1 -w 1 10.77.0.254" >/dev/null
}
talks() { asks left right && asks right left; }
nft_there() { on host2 sh -c 'nsenter --net="$(ls -d /run/carrack/netns/*)" nft list table inet ck_vip' >/dev/null; }
up() {
  sed -i 's/^vip: .*/vip: nft/' "${CARRACK_LAB_DIR:-/var/tmp/carrack-lab}/$LAB/host2/carrack.yaml"
  # shellcheck disable=SC2046 # pids
  on host2 kill -9 $(on host2 pgrep -f 'carrack(-agent)? agent')
  apply drift && until_ok 20 addresses && until_ok 20 talks || return
  nft_there || fail "VIPs do not go by nftables on host2"
}
now_ms() { echo $((${EPOCHREALTIME/[.,]/} / 1000)); }
took=$work/took # ms from a mend that was told to traffic, the try's own time included; a line each
spread() { # of the numbers in stdin: median, 99 of 100, most
  sort -n | awk '{v[NR] = $1} END {printf "median %d ms, 99 %% %d ms, worst %d ms", v[int((NR + 1) / 2)], v[int((NR * 99 + 99) / 100)], v[NR]}'
}
drift() {
  local i host what before pids some since
  RANDOM=$DRIFT_SEED # a subshell begins anew
  addresses || fail "no addresses are told" || return
  pids=$(on host1 pgrep -f 'carrack agent')
  for ((i = 1; i <= rounds; i++)); do
    host=host$((RANDOM % 2 + 1))
    some=("${damages[@]}" "${by_nft[@]}")
    [ $host = host1 ] && on host1 test -e /run/carrack/bpf/ck_vips && some=("${damages[@]}" "${by_ebpf[@]}")
    what=${some[RANDOM % ${#some[@]}]}
    before=$(told "$host")
    damage "$host" "$what" || fail "round $i (seed $DRIFT_SEED): cannot do \"$what\" on $host" || return
    until_ok 10 told_more "$host" "$before" || fail "round $i (seed $DRIFT_SEED): $host does not notice \"$what\"" || return
    since=$(now_ms)
    until_ok 10 talks || fail "round $i (seed $DRIFT_SEED): no traffic after \"$what\" on $host" || return
    echo $(($(now_ms) - since)) >>"$took"
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
if [ -s "$took" ] && addresses; then
  since=$(now_ms)
  talks
  echo "      drift: $(wc -l <"$took") mends; from the line in the log to traffic both ways: $(spread <"$took"); a try alone takes $(($(now_ms) - since)) ms"
fi
finish
