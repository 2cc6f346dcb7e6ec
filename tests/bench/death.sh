#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# From a task's death (SIGKILL) to its removal from the VIP on each of three hosts, beside what the
# controller and a node need for one answer (the round trip that any such news takes at least).
here=$(cd "$(dirname "$0")/../.." && pwd)
# shellcheck source=tests/cluster/lib.sh
. "$here/tests/cluster/lib.sh"
[ "${CARRACK_LAB_VIP:-ebpf}" = ebpf ] || { echo "only VIPs by eBPF are watched"; exit 0; }
watch=$here/build/release/tests/bench/vip_watch
mkdir -p "$(dirname "$watch")"
cc -O2 -I"$here" -o "$watch" "$here/tests/bench/vip_watch.c" -lbpf || exit 1
img=registry.lab:5000/busybox
kills=${KILLS:-20}
lab_up 3
stack d <<Y
name: d
services:
  web:
    image: $img
    init: true
    command: ["sleep", "inf"]
    deploy: {replicas: $kills, placement: {constraints: ["node.hostname == host1"]}}
  client: {image: $img, init: true, command: ["sleep", "inf"], deploy: {mode: global}}
Y
all=$((kills + 3))
apply d >/dev/null && until_ok 60 ready d $all || exit 1
vip=$(c inspect d | jq -r '.services[]|select(.name=="web").vips[0].ip')
for h in 1 2 3; do on host$h "$watch" "$vip" >"$work/host$h" & done
full() { tail -qn 1 "$work"/host[123] | awk -v n="$kills" '$2 != n { bad = 1 } END { exit bad || NR != 3 }'; }
until_ok 10 full || { echo "the VIP does not lead to all tasks"; exit 1; }
for pid in $(tasks '.[]|select(.service=="web").pid'); do
  until_ok 30 full || { echo "a task does not come back"; exit 1; }
  sleep 0.05
  on host1 "$watch" kill "$pid" >>"$work/kills"
done
until_ok 30 full
for h in 1 2 3; do
  awk -v h=host$h 'NR == FNR { at[NR] = $1; n = NR; next }
    { if (FNR > 1 && $2 < last) { while (k < n && at[k + 1] <= $1) k++; if (!done[k]++) print h, ($1 - at[k]) / 1000 } last = $2 }' \
    "$work/kills" "$work/host$h"
done >"$work/took"
for h in host1 host2 host3; do
  awk -v h=$h '$1 == h { print $2 }' "$work/took" | sort -n |
    awk -v h=$h '{ v[NR] = $1 } END { printf "%s: %d deaths, removed after %.1f ms (median), %.1f ms (worst); target 100 ms: %.2fx\n", h, NR, v[int((NR + 1) / 2)], v[NR], v[NR] / 100 }'
done
start=$(date +%s%N)
for _ in 1 2 3 4 5 6 7 8 9 10; do c exec d_client.host2 true; done
echo "peer: \`carrack exec\` of true on host2, there and back: $((($(date +%s%N) - start) / 10000000)) ms"
