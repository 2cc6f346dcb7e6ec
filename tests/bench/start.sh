#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# One container started through the runtime against bare crun, and the memory of its shim. Prints
# "runtime start: A ms, bare crun: B ms, ratio R" and "shim PSS: K kB (N containers)".
# usage: start.sh [N]
set -eu
cd "$(dirname "$0")/../.."
n=${1:-10}
if [ "${CARRACK_INSIDE:-}" != 1 ]; then
  make --no-print-directory build/release/carrack-shim build/release/tests/unit/agent-runtime_adopt >/dev/null
  cgroup=carrack-bench-$$
  # shellcheck disable=SC2317 # called by the trap
  clean() {
    local dir
    for dir in /sys/fs/cgroup/*/"$cgroup" /sys/fs/cgroup/"$cgroup"; do
      [ ! -d "$dir" ] || find "$dir" -depth -type d -exec rmdir {} \; 2>/dev/null || true
    done
  }
  trap clean EXIT
  CARRACK_INSIDE=1 CARRACK_CGROUP=$cgroup unshare --net --mount --pid --fork --kill-child \
    --mount-proc "$0" "$n"
  if command -v dockerd >/dev/null && ms=$(timeout 120 tests/bench/docker_run.sh "$n" 2>/dev/null); then
    echo "peer docker run -d: $ms ms"
  else
    echo "peer docker run: skipped, docker.io is not installed or did not come up"
  fi
  exit
fi
if mountpoint -q /sys/fs/cgroup/unified; then
  umount /sys/fs/cgroup/unified
  mount -t tmpfs tmpfs /sys/fs/cgroup/unified # crun writes there all the same
fi
work=$(mktemp -d)
mount -t tmpfs tmpfs "$work"
mkdir -p "$work/layer"/{bin,etc,proc,sys,dev,tmp}
cp "$(command -v busybox)" "$work/layer/bin/busybox"
ln -s busybox "$work/layer/bin/sh"
ln -s busybox "$work/layer/bin/sleep"
echo root:x:0:0:root:/root:/bin/sh >"$work/layer/etc/passwd"

# The peer: crun with its own default configuration, told to go to the background.
mkdir "$work/bare"
(cd "$work/bare" && crun spec)
jq --arg root "$work/layer" --arg group "/$CARRACK_CGROUP/bare" '.process.terminal=false
  | .process.args=["sleep","1000"] | .root.path=$root | .root.readonly=false
  | .linux.cgroupsPath=$group' "$work/bare/config.json" >"$work/bare/config.new"
mv "$work/bare/config.new" "$work/bare/config.json"
bare() {
  local i start end sum=0
  for i in $(seq "$n"); do
    start=$(date +%s%N)
    crun --root "$work/crun" run --detach --bundle "$work/bare" "bare$i" </dev/null >/dev/null 2>&1
    end=$(date +%s%N)
    sum=$((sum + end - start))
    crun --root "$work/crun" delete --force "bare$i"
  done
  echo $((sum / n / 1000))
}
bare_us=$(bare)
out=$(CARRACK_BENCH=$n CARRACK_LIVE=$work CARRACK_SHIM=$PWD/build/release/carrack-shim \
  build/release/tests/unit/agent-runtime_adopt 2>&1 | grep '^bench ')
read -r _ _ ours_us _ pss <<<"$out"
awk -v a="$ours_us" -v b="$bare_us" -v k="$pss" -v n="$n" 'BEGIN {
  printf "runtime start: %.1f ms, bare crun: %.1f ms, ratio %.2f\n", a / 1000, b / 1000, a / b
  printf "shim PSS: %d kB (%d containers)\n", k, n }'
umount -l "$work"
rmdir "$work"
