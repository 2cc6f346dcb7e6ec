#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# TCP throughput and RTT of carrack's overlay between two hosts (namespaces on one bridge), as ratios
# to a hand-made bridge + VXLAN and to the raw underlay, measured in the same run.
# overlay.sh [SECONDS]; BENCH=the overlay_bench binary. Everything is in a private namespace.
set -eu

if [ "${1:-}" != inside ]; then
	[ "$(id -u)" = 0 ] || { echo "overlay bench: skipped, it needs root"; exit 0; }
	for tool in iperf3 python3 ip nsenter; do
		command -v $tool >/dev/null || { echo "overlay bench: skipped, no $tool"; exit 0; }
	done
	top=$(cd "$(dirname "$0")/../.." && pwd)
	if [ -z "${BENCH:-}" ]; then
		BENCH=$top/build/release/tests/bench/overlay_bench
		mkdir -p "$(dirname "$BENCH")"
		make -C "$top" -s build/release/lib/overlay.a build/release/lib/base.a
		# shellcheck disable=SC2046 # flags are words
		cc -std=gnu11 -O2 -I"$top" -D_GNU_SOURCE -o "$BENCH" "$top/tests/bench/overlay_bench.c" \
			"$top/build/release/lib/overlay.a" "$top/build/release/lib/base.a" \
			-Wl,--as-needed $(pkg-config --cflags --libs jansson libnl-3.0 libnftables libevent \
				libevent_openssl openssl libcurl libsodium ldns) -lm -lpthread
	fi
	export BENCH
	exec unshare --net --mount --pid --fork --kill-child --mount-proc "$0" inside "${1:-5}"
fi
seconds=$2
mount -t tmpfs tmpfs /run
mkdir -p /run/bench
ip link add und type bridge
ip link set und up
for h in 1 2; do
	ip netns add h$h
	ip link add to-$h type veth peer name und0 netns h$h
	ip link set to-$h master und up
	ip -n h$h link set lo up
	ip -n h$h addr add 192.0.2.$h/24 dev und0
	ip -n h$h link set und0 up
done

# The peer: what one builds by hand with ip(8), with learning and flooding off where it can be.
for h in 1 2; do
	other=$((3 - h))
	ip netns add c$h
	ip -n h$h link add hand type bridge
	ip -n h$h link add handx mtu 1450 type vxlan id 99 local 192.0.2.$h remote 192.0.2.$other \
		dstport 4790 dev und0
	ip -n h$h link add handv mtu 1450 type veth peer name eth0 mtu 1450 netns c$h
	for l in handx handv; do ip -n h$h link set $l master hand up; done
	ip -n h$h link set hand up
	ip -n c$h addr add 10.9.0.$((h + 1))/24 dev eth0
	ip -n c$h link set eth0 up
	ip -n c$h link set lo up
done

"$BENCH" /run/bench /run/netns/h1 192.0.2.1 /run/netns/h2 192.0.2.2 >/run/out
box_a=$(sed -n 1p /run/out)
box_b=$(sed -n 2p /run/out)
sed -n 3p /run/out

cat >/run/rtt.py <<'PY'
import socket, sys, time
# Ping-pong of one byte over UDP: prints the median in microseconds, or answers for ever.
if sys.argv[1] == "serve":
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.bind(("0.0.0.0", 7000))
    while True:
        d, a = s.recvfrom(64)
        s.sendto(d, a)
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.settimeout(2)
s.connect((sys.argv[1], 7000))
t = []
for i in range(20000):
    b = time.perf_counter_ns()
    s.send(b"x")
    s.recv(64)
    t.append(time.perf_counter_ns() - b)
t.sort()
print("%.2f" % (t[len(t) // 2] / 1000))
PY

# throughput SERVER_NS CLIENT_NS ADDRESS: Gb/s; rtt likewise: microseconds
throughput()
{
	nsenter --net="$1" iperf3 -s -1 >/dev/null &
	sleep 0.3
	nsenter --net="$2" iperf3 -c "$3" -t "$seconds" -O 1 -J |
		python3 -c 'import json,sys; print("%.2f" % (json.load(sys.stdin)["end"]["sum_received"]["bits_per_second"]/1e9))'
	wait
}
rtt()
{
	nsenter --net="$1" python3 /run/rtt.py serve &
	server=$!
	sleep 0.3
	nsenter --net="$2" python3 /run/rtt.py "$3"
	kill $server
	wait $server 2>/dev/null || true
}

for what in throughput rtt; do
	for _ in 1 2 3; do
		$what /run/netns/h2 /run/netns/h1 192.0.2.2 >>/run/$what-underlay
		$what /run/netns/c2 /run/netns/c1 10.9.0.3 >>/run/$what-hand
		$what "$box_b" "$box_a" 10.1.0.3 >>/run/$what-carrack
	done
	python3 - $what <<'PY'
import statistics, sys
w = sys.argv[1]
u, h, c = (statistics.median(map(float, open(f"/run/{w}-{k}"))) for k in ("underlay", "hand", "carrack"))
unit = "Gb/s" if w == "throughput" else "us"
print(f"{w}: carrack {c:.2f} {unit}, hand-made {h:.2f}, underlay {u:.2f};"
      f" ratio to hand-made {c / h:.2f}, to underlay {c / u:.2f}")
PY
done
