#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Containers of one node without a cluster: tests/unit/agent-runtime_{live,adopt}.c in own namespaces.
# usage: runtime.sh [MODE]   (release or san; the shim is always the release one)
set -eu
cd "$(dirname "$0")/../.."
mode=${1:-release}
if [ "${CARRACK_INSIDE:-}" != 1 ]; then
  make --no-print-directory build/release/carrack-shim
  make --no-print-directory MODE="$mode" "build/$mode/tests/unit/agent-runtime_live" \
    "build/$mode/tests/unit/agent-runtime_adopt"
  cgroup=carrack-test-$$
  # shellcheck disable=SC2317 # called by the trap
  clean() {
    # The groups outlive the namespaces; what is left in them was killed with the pid namespace.
    local dir
    for dir in /sys/fs/cgroup/*/"$cgroup" /sys/fs/cgroup/"$cgroup"; do
      [ ! -d "$dir" ] || find "$dir" -depth -type d -exec rmdir {} \; 2>/dev/null || true
    done
  }
  trap clean EXIT
  CARRACK_INSIDE=1 CARRACK_CGROUP=$cgroup unshare --net --mount --pid --fork --kill-child \
    --mount-proc "$0" "$mode"
  exit
fi
ip link set lo up 2>/dev/null || true
if [ -z "${CARRACK_HYBRID:-}" ] && mountpoint -q /sys/fs/cgroup/unified; then
  umount /sys/fs/cgroup/unified
  mount -t tmpfs tmpfs /sys/fs/cgroup/unified # crun writes there all the same
fi
work=$(mktemp -d)
mount -t tmpfs tmpfs "$work"
root=$work/layer
mkdir -p "$root"/{bin,etc,tmp,proc,sys,dev,root}
cp "$(command -v busybox)" "$root/bin/busybox"
for applet in $("$root/bin/busybox" --list); do
  [ "$applet" = busybox ] || ln -s busybox "$root/bin/$applet"
done
printf 'root:x:0:0:root:/root:/bin/sh\nweb:x:33:33:web:/srv:/bin/sh\n' >"$root/etc/passwd"
printf 'root:x:0:\nweb:x:33:\n' >"$root/etc/group"
chmod 1777 "$root/tmp"
export CARRACK_LIVE=$work CARRACK_SHIM=$PWD/build/release/carrack-shim
status=0
for test in live adopt; do
  if "build/$mode/tests/unit/agent-runtime_$test"; then
    echo "ok    runtime: $test"
  else
    echo "FAIL  runtime: $test"
    status=1
  fi
done
umount -l "$work"
rmdir "$work"
exit $status
