#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# RTT, small-packet rate, UDP and TCP throughput of carrack's overlay between two hosts, as ratios to a hand-made
# bridge + VXLAN, to Docker Swarm's overlay (where docker.io is installed) and to the raw underlay. Measured in turns,
# in one run, in private namespaces; what is printed are medians.
# overlay.sh [ROUNDS]   METRICS="rtt rate udp tcp"   PEERS="underlay hand swarm"
set -eu
here=$(cd "$(dirname "$0")" && pwd)
top=$here/../..
if [ -z "${SWARM_INNER:-}" ]; then
  [ "$(id -u)" = 0 ] || { echo "overlay bench: skipped, it needs root"; exit 0; }
  for tool in iperf3 python3 ip nsenter; do
    command -v $tool >/dev/null || { echo "overlay bench: skipped, no $tool"; exit 0; }
  done
  out=$top/build/release/tests/bench
  mkdir -p "$out"
  make -C "$top" -s build/release/lib/overlay.a build/release/lib/base.a
  # shellcheck disable=SC2046 # flags are words
  cc -std=gnu11 -O2 -I"$top" -D_GNU_SOURCE -o "$out/overlay_bench" "$here/overlay_bench.c" \
    -Wl,--start-group "$top/build/release/lib/overlay.a" "$top/build/release/lib/base.a" -Wl,--end-group \
    -Wl,--as-needed $(pkg-config --cflags --libs jansson libnl-3.0 libnl-route-3.0 libnftables libevent \
      libevent_openssl openssl libcurl libsodium ldns libbpf) -lm -lpthread
  cc -std=gnu11 -O2 -D_GNU_SOURCE -o "$out/netprobe" "$here/netprobe.c"
  export BIN=$out
fi
# shellcheck source=tests/bench/swarm.sh
. "$here/swarm.sh"

rounds=${1:-9}
metrics=${METRICS:-rtt rate udp tcp}
peers=${PEERS:-underlay hand swarm}
declare -A server client address

wants() { [[ " $peers " == *" $1 "* ]]; }

swarm_peer() { # two containers on an overlay of a swarm; they stay for the whole run
  swarm_up 2 && swarm_pull 2 || return
  d 1 network create -d overlay --attachable bench >/dev/null || return
  d 2 run -d --name srv --network bench "$swarm_image" sleep 100000 >/dev/null || return
  d 1 run -d --name cli --network bench "$swarm_image" sleep 100000 >/dev/null || return
  server[swarm]=/proc/$(d 2 inspect -f '{{.State.Pid}}' srv)/ns/net
  client[swarm]=/proc/$(d 1 inspect -f '{{.State.Pid}}' cli)/ns/net
  address[swarm]=$(d 2 inspect -f '{{.NetworkSettings.Networks.bench.IPAddress}}' srv)
}
if ! wants swarm || ! command -v dockerd docker-registry >/dev/null || ! swarm_peer 2>"$swarm_work/why"; then
  wants swarm && echo "swarm: skipped; docker.io or docker-registry is missing or did not come up: $(tail -1 "$swarm_work/why")"
  peers=${peers/swarm/}
  mount --make-rprivate /
  mountpoint -q /run/netns || { mkdir -p /run/netns && mount -t tmpfs t /run/netns; }
  ip link show switch >/dev/null 2>&1 || ip link add switch up type bridge
fi

for h in 1 2; do # hosts of carrack and of what is made by hand, on the same switch
  ip netns add k$h
  ip link add to-k$h type veth peer name und0 netns k$h
  ip link set to-k$h master switch up
  ip -n k$h link set lo up
  ip -n k$h addr add 192.0.2.$h/24 dev und0
  ip -n k$h link set und0 up
done
client[underlay]=/run/netns/k1 server[underlay]=/run/netns/k2 address[underlay]=192.0.2.2

for h in 1 2; do # by hand, with ip(8)
  ip netns add c$h
  ip -n k$h link add hand type bridge
  ip -n k$h link add handx mtu 1450 type vxlan id 99 local 192.0.2.$h remote 192.0.2.$((3 - h)) dstport 4790 dev und0
  ip -n k$h link add handv mtu 1450 type veth peer name eth0 mtu 1450 netns c$h
  for l in handx handv; do ip -n k$h link set $l master hand up; done
  ip -n k$h link set hand up
  ip -n c$h addr add 10.9.0.$h/24 dev eth0
  ip -n c$h link set eth0 up
  ip -n c$h link set lo up
done
client[hand]=/run/netns/c1 server[hand]=/run/netns/c2 address[hand]=10.9.0.2

mkdir /run/netns/bench
"$BIN/overlay_bench" /run/netns/bench /run/netns/k1 192.0.2.1 /run/netns/k2 192.0.2.2 >"$swarm_work/boxes"
client[carrack]=$(sed -n 1p "$swarm_work/boxes") server[carrack]=$(sed -n 2p "$swarm_work/boxes")
address[carrack]=10.1.0.3
sed -n '3,$p' "$swarm_work/boxes"

# Two containers on one host: the second sandbox of overlay_bench there, and a second port by hand.
client[local]=${client[carrack]} server[local]=$(dirname "${client[carrack]}")/near address[local]=10.1.0.4
ip netns add c3
ip -n k1 link add handw mtu 1450 type veth peer name eth0 mtu 1450 netns c3
ip -n k1 link set handw master hand up
ip -n c3 addr add 10.9.0.3/24 dev eth0
ip -n c3 link set eth0 up
client[localhand]=/run/netns/c1 server[localhand]=/run/netns/c3 address[localhand]=10.9.0.3

for s in "${!server[@]}"; do
  nsenter --net="${server[$s]}" "$BIN/netprobe" serve &
done
sleep 0.3
probe() { # SUBJECT ARGS...
  local s=$1 verb=$2
  shift 2
  nsenter --net="${client[$s]}" "$BIN/netprobe" "$verb" "${address[$s]}" "$@"
}
measure() { # METRIC SUBJECT
  case $1 in
  rtt) probe "$2" rtt 8000 ;;
  rate) probe "$2" flood 500 64 ;;
  udp) probe "$2" flood 500 1372 | awk '{printf "%.3f\n", $1 * 1372 * 8 / 1e9}' ;;
  tcp)
    nsenter --net="${server[$2]}" iperf3 -s -1 >/dev/null &
    local pid=$!
    sleep 0.2
    nsenter --net="${client[$2]}" iperf3 -c "${address[$2]}" -t 1.5 -J |
      python3 -c 'import json,sys; print("%.2f" % (json.load(sys.stdin)["end"]["sum_received"]["bits_per_second"]/1e9))'
    wait $pid
    ;;
  esac
}
for metric in $metrics; do
  subjects="carrack $peers"
  [ "$metric" = tcp ] || subjects="$subjects local localhand"
  for s in $subjects; do measure "$metric" "$s" >/dev/null; done # warm
  for ((i = 0; i < rounds; i++)); do
    for s in $subjects; do measure "$metric" "$s" >>"$swarm_work/$metric-$s"; done
  done
  # shellcheck disable=SC2086 # words
  python3 - "$swarm_work" "$metric" $subjects <<'PY'
import statistics, sys
work, metric, *subjects = sys.argv[1:]
v = {s: [float(x) for x in open(f"{work}/{metric}-{s}")] for s in subjects}
unit = {"rtt": "us", "rate": "datagrams/s", "udp": "Gb/s", "tcp": "Gb/s"}[metric]
name = {"rtt": "round trip", "rate": "64-byte UDP", "udp": "UDP", "tcp": "TCP, one stream"}[metric]
def line(mine, others):
    med = {s: statistics.median(v[s]) for s in [mine, *others]}
    # Neighbours in time are compared, not means of different minutes.
    ratios = ", ".join(f"{statistics.median(a / b for a, b in zip(v[mine], v[s])):.2f}x {s} ({med[s]:g})" for s in others)
    print(f"{name}: {mine} {med[mine]:g} {unit}: {ratios}", flush=True)
line("carrack", [s for s in subjects if not s.startswith(("carrack", "local"))])
if "local" in subjects:
    line("local", ["localhand"])
PY
done
