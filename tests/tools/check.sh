#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Builds and runs the parts of `make check` that are named: lint unit sim fuzz cluster.
# Each part says what it ran; the last line adds up: "N passed, N failed".
set -u
cd "$(dirname "$0")/../.." || exit 1
jobs=$(nproc)
fuzz_seconds=${FUZZ_SECONDS:-4}
passed=0 failed=0

# What runs side by side: an item's function says its lines and sets passed and failed in a process of
# its own; lanes shows what it said when it is done, and adds up.
lane_done() { # DIR NUMBER
  local p=0 f=1
  cat "$1/$2"
  [ -s "$1/$2.count" ] && read -r p f <"$1/$2.count"
  passed=$((passed + p)) failed=$((failed + f))
}
lanes() { # FUNCTION ITEM...: FUNCTION ITEM for each, as many at a time as there are cores
  local function=$1 dir item pid n=0
  local -A running=()
  shift
  dir=$(mktemp -d)
  for item; do
    if [ ${#running[@]} -ge "$jobs" ]; then
      wait -n -p pid "${!running[@]}"
      lane_done "$dir" "${running[$pid]}"
      unset "running[$pid]"
    fi
    (
      passed=0 failed=0
      "$function" "$item"
      echo "$passed $failed" >"$dir/$n.count"
    ) >"$dir/$n" 2>&1 &
    running[$!]=$n
    n=$((n + 1))
  done
  while [ ${#running[@]} -gt 0 ]; do
    wait -n -p pid "${!running[@]}"
    lane_done "$dir" "${running[$pid]}"
    unset "running[$pid]"
  done
  rm -rf "$dir"
}
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
  build fuzz objects && one "lint: builds with clang without warnings" true
}
part_unit() {
  local mode b
  local -a slow=() quick=()
  for mode in release san; do
    build "$mode" unit-bins || continue
    for b in build/"$mode"/tests/unit/*; do
      case $b in
      *.d | *.o) ;;
      */overlay_*) slow+=("$b") ;;
      *) quick+=("$b") ;;
      esac
    done
  done
  lanes unit_binary "${slow[@]}" "${quick[@]}"
}
sim_run() {
  case $1 in
  failures) one "sim: random schedules of failures" build/release/tests/sim/sim --seeds 500 ;;
  plan) one "sim: a plan is what the apply does" build/release/tests/sim/sim --plan --seeds 500 ;;
  sanitized) one "sim: sanitized" build/san/tests/sim/sim --seeds 40 ;;
  esac
}
part_sim() {
  build release sim-bin && build san sim-bin && lanes sim_run failures plan sanitized
}
fuzz_target() { # BINARY
  local crash scratch seeds=() corpus
  corpus=tests/fuzz/corpus/$(basename "$1" | sed 's/^fuzz_//')
  scratch=$(mktemp -d)
  [ -d "$corpus" ] && seeds=("$corpus")
  one "fuzz: $(basename "$1") for $fuzz_seconds s" env ASAN_OPTIONS=detect_leaks=1 "$1" -max_total_time="$fuzz_seconds" \
    -rss_limit_mb=2048 -timeout=10 -artifact_prefix="$scratch/" "$scratch" "${seeds[@]}"
  for crash in "$scratch"/crash-* "$scratch"/timeout-* "$scratch"/oom-* "$scratch"/leak-*; do
    [ -e "$crash" ] && cp "$crash" build/ && echo "      kept: build/$(basename "$crash")"
  done
  rm -rf "$scratch"
}
part_fuzz() {
  local b
  local -a targets=()
  build fuzz fuzz-bins || return
  for b in build/fuzz/tests/fuzz/fuzz_*; do
    case $b in *.d | *.o) ;; *) targets+=("$b") ;; esac
  done
  lanes fuzz_target "${targets[@]}"
}
cluster_file() { # NAME
  local out started=$SECONDS
  out=$(tests/cluster/run.sh "$1" 2>&1)
  grep -v "passed, . failed$" <<<"$out"
  passed=$(grep -c '^ok ' <<<"$out") failed=$(grep -c '^FAIL' <<<"$out")
  echo "      $1: $passed passed, $failed failed, $((SECONDS - started)) s"
}
part_cluster() {
  local f
  local -a names=()
  build release all || return
  # shellcheck disable=SC2206
  names=(${T:-})
  if [ ${#names[@]} = 0 ]; then
    for f in tests/cluster/*.sh; do
      case $(basename "$f") in lib.sh | run.sh) ;; *) names+=("$(basename "$f" .sh)") ;; esac
    done
  fi
  lanes cluster_file "${names[@]}"
}

for part in "$@"; do
  echo "== $part"
  started=$SECONDS
  "part_$part"
  echo "   $part took $((SECONDS - started)) s"
done
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
