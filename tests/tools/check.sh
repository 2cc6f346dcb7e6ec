#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Builds and runs the parts of `make check` that are named: lint unit sim fuzz cluster.
# Each part says what it ran; the last line adds up: "N passed, N failed".
set -u
cd "$(dirname "$0")/../.." || exit 1
jobs=$(nproc)
fuzz_seconds=${FUZZ_SECONDS:-4}
passed=0 failed=0

build() { # MODE TARGET...
  local mode=$1 log
  shift
  log=$(mktemp)
  if ! make -s -j"$jobs" MODE="$mode" "$@" >"$log" 2>&1; then
    grep -E 'error|warning|\*\*\*' "$log" | head -n 30
    echo "FAIL  build: MODE=$mode $*"
    failed=$((failed + 1))
    rm -f "$log"
    return 1
  fi
  rm -f "$log"
}
one() { # NAME CMD...: one test that is a command
  local name=$1 log
  shift
  log=$(mktemp)
  if "$@" >"$log" 2>&1; then
    passed=$((passed + 1))
    echo "ok    $name"
  else
    failed=$((failed + 1))
    echo "FAIL  $name"
    tail -n 40 "$log" | sed 's/^/      /'
  fi
  rm -f "$log"
}
unit_binary() { # BINARY: adds what cmocka counted
  local log good bad status
  log=$(mktemp)
  timeout 180 "$1" >"$log" 2>&1
  status=$?
  good=$(sed -n 's/^\[  PASSED  \] \([0-9]*\) test.*/\1/p' "$log" | awk '{s+=$1} END {print s+0}')
  bad=$(sed -n 's/^\[  FAILED  \] *\([0-9]*\) test.*/\1/p' "$log" | awk '{s+=$1} END {print s+0}')
  [ "$status" != 0 ] && [ "$bad" = 0 ] && bad=1
  passed=$((passed + good)) failed=$((failed + bad))
  if [ "$bad" = 0 ]; then
    echo "ok    $1: $good tests$(grep -qi 'skipped' "$log" && sed -n 's/^\(skipped: .*\)/ (\1)/p' "$log" | head -n 1)"
  else
    echo "FAIL  $1: $bad of $((good + bad)) (status $status)"
    grep -vE '^\[ RUN |^\[       OK' "$log" | tail -n 40 | sed 's/^/      /'
  fi
  rm -f "$log"
}

part_lint() {
  local out
  out=$(mktemp)
  tests/lint/run.sh 2>&1 | tee "$out"
  passed=$((passed + $(grep -c '^ok ' "$out")))
  failed=$((failed + $(grep -c '^FAIL' "$out")))
  rm -f "$out"
  build clang all && one "lint: builds with clang without warnings" true
}
part_unit() {
  local mode b
  for mode in release san; do
    build "$mode" unit-bins || continue
    for b in build/"$mode"/tests/unit/*; do
      case $b in *.d) continue ;; esac
      unit_binary "$b"
    done
  done
}
part_sim() {
  build release sim-bin && one "sim: random schedules of failures" build/release/tests/sim/sim --seeds 500
  build release sim-bin && one "sim: a plan is what the apply does" build/release/tests/sim/sim --plan --seeds 500
  build san sim-bin && one "sim: sanitized" build/san/tests/sim/sim --seeds 40
}
part_fuzz() {
  local b corpus scratch seeds
  build fuzz fuzz-bins || return
  for b in build/fuzz/tests/fuzz/fuzz_*; do
    case $b in *.d) continue ;; esac
    corpus=tests/fuzz/corpus/$(basename "$b" | sed 's/^fuzz_//')
    scratch=$(mktemp -d)
    seeds=()
    [ -d "$corpus" ] && seeds=("$corpus")
    one "fuzz: $(basename "$b") for $fuzz_seconds s" env ASAN_OPTIONS=detect_leaks=1 "$b" -max_total_time="$fuzz_seconds" \
      -rss_limit_mb=2048 -timeout=10 -artifact_prefix="$scratch/" "$scratch" "${seeds[@]}"
    for crash in "$scratch"/crash-* "$scratch"/timeout-* "$scratch"/oom-* "$scratch"/leak-*; do
      [ -e "$crash" ] && cp "$crash" build/ && echo "      kept: build/$(basename "$crash")"
    done
    rm -rf "$scratch"
  done
}
part_cluster() {
  local out
  build release all || return
  out=$(mktemp)
  # shellcheck disable=SC2086
  tests/cluster/run.sh ${T:-} 2>&1 | tee "$out"
  passed=$((passed + $(grep -c '^ok ' "$out")))
  failed=$((failed + $(grep -c '^FAIL' "$out")))
  rm -f "$out"
}

for part in "$@"; do
  echo "== $part"
  "part_$part"
done
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
