#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Runs the tests on virtual machines (all, or those named); the last line is "N passed, N failed".
here=$(cd "$(dirname "$0")" && pwd)
image=${VM_IMAGE:-$here/../../build/vm}
if [ "$(id -u)" != 0 ]; then
  echo "skipped: tests on virtual machines want root"
  exit 0
fi
for program in qemu-system-x86_64 mmdebstrap cpio ssh; do
  command -v "$program" >/dev/null && continue
  echo "skipped: there is no $program here (tests/tools/deps.sh vm installs it)"
  exit 0
done
if [ ! -c /dev/net/tun ]; then
  echo "skipped: there is no /dev/net/tun here"
  exit 0
fi
"$here/image.sh" "$(realpath -m "$image")" || exit 1
names=("$@")
if [ ${#names[@]} = 0 ]; then
  for f in "$here"/*.sh; do
    case $(basename "$f") in lib.sh | run.sh | image.sh) ;; *) names+=("$(basename "$f" .sh)") ;; esac
  done
fi
passed=0 failed=0
for name in "${names[@]}"; do
  out=$(mktemp)
  scratch=$(mktemp -d)
  VM_WORK=$scratch timeout 480 bash "$here/$name.sh" 2>&1 | tee "$out"
  status=${PIPESTATUS[0]}
  p=$(grep -c '^ok ' "$out") f=$(grep -c '^FAIL' "$out")
  [ "$status" != 0 ] && [ "$f" = 0 ] && { f=1; echo "FAIL  $name: ended with status $status"; }
  passed=$((passed + p)) failed=$((failed + f))
  rm -rf "$out" "$scratch"
done
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
