#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# apply -> 30 tasks running on 3 hosts, image present: carrack against Docker Swarm.
here=$(cd "$(dirname "$0")/../.." && pwd)
runs=${RUNS:-3}

if [ "${1:-}" = swarm ]; then
  # shellcheck source=tests/bench/swarm.sh
  . "$here/tests/bench/swarm.sh"
  swarm_up 3 && swarm_pull 3 || exit 1
  cat >"$swarm_work/s.yaml" <<Y
version: "3.8"
services:
  w: {image: "$swarm_image", command: ["sleep", "100000"], networks: [net], deploy: {replicas: 30, endpoint_mode: dnsrr}}
networks: {net: {driver: overlay}}
Y
  for i in $(seq "$runs"); do
    begin=$(date +%s.%N)
    d 1 stack deploy -c "$swarm_work/s.yaml" "s$i" >/dev/null 2>&1
    until [ "$(d 1 service ls --format '{{.Replicas}}' --filter "name=s${i}_w")" = 30/30 ]; do sleep 0.02; done
    end=$(date +%s.%N)
    echo "swarm $(echo "$end - $begin" | bc)"
    d 1 stack rm "s$i" >/dev/null 2>&1
    for n in 1 2 3; do until [ "$(d $n ps -q | wc -l)" = 0 ]; do sleep 0.2; done; done
  done
  exit 0
fi

. "$here/tests/cluster/lib.sh"
lab_up 3
stack s <<Y
name: s
services:
  w: {image: "registry.lab:5000/busybox", command: ["sleep", "100000"], deploy: {replicas: 30}}
Y
apply s >/dev/null && c rm s >/dev/null # the image is on every host now
mine=() theirs=()
for _ in $(seq "$runs"); do
  begin=$(date +%s.%N)
  apply s >/dev/null || exit 1
  end=$(date +%s.%N)
  mine+=("$(echo "$end - $begin" | bc)")
  c rm s >/dev/null
done
lab_end
trap - EXIT
median() { printf '%s\n' "$@" | sort -n | sed -n "$((($# + 1) / 2))p"; }
m=$(median "${mine[@]}")
echo "carrack apply to 30 running on 3 hosts: ${mine[*]} s (median $m)"
if ! command -v dockerd >/dev/null; then
  echo "peer Docker Swarm: skipped, docker.io is not installed"
  exit 0
fi
while read -r name value; do [ "$name" = swarm ] && theirs+=("$value"); done < <(timeout 300 bash "$0" swarm)
if [ ${#theirs[@]} = 0 ]; then
  echo "peer Docker Swarm: skipped, it did not come up here"
  exit 0
fi
s=$(median "${theirs[@]}")
echo "Docker Swarm: ${theirs[*]} s (median $s)"
echo "ratio: Swarm takes $(echo "scale=1; $s / $m" | bc) times as long"
