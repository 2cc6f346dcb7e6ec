#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Prints the mean of `docker run -d` in milliseconds, image present, on a private dockerd: a peer for
# start.sh. usage: docker_run.sh [RUNS]
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tests/bench/swarm.sh
. "$here/swarm.sh"
runs=${1:-10}
swarm_up 1 && swarm_pull 1 || exit 1
d 1 run --rm "$swarm_image" true || exit 1 # warm-up
sum=0
for _ in $(seq "$runs"); do
  begin=$(date +%s%N)
  id=$(d 1 run -d "$swarm_image" sleep 1000) || exit 1
  end=$(date +%s%N)
  sum=$((sum + end - begin))
  d 1 rm -f "$id" >/dev/null
done
echo "scale=1; $sum / $runs / 1000000" | bc
