#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Runs the cluster tests (all, or those named) and adds up; the last line is "N passed, N failed".
here=$(cd "$(dirname "$0")" && pwd)
names=("$@")
if [ ${#names[@]} = 0 ]; then
  for f in "$here"/*.sh; do
    case $(basename "$f") in lib.sh | run.sh) ;; *) names+=("$(basename "$f" .sh)") ;; esac
  done
fi
passed=0 failed=0
for name in "${names[@]}"; do
  out=$(mktemp)
  timeout 600 bash "$here/$name.sh" 2>&1 | tee "$out"
  status=${PIPESTATUS[0]}
  p=$(grep -c '^ok ' "$out") f=$(grep -c '^FAIL' "$out")
  [ "$status" != 0 ] && [ "$f" = 0 ] && { f=1; echo "FAIL  $name: ended with status $status"; }
  passed=$((passed + p)) failed=$((failed + f))
  rm -f "$out"
done
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
