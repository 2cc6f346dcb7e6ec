# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2154
# What tests in shell share (tests/cluster/lib.sh, tests/vm/lib.sh): a test, its count, waiting for a
# condition, a stack file. The one who sources this defines c (the operator's command) and $work.
test_name=$(basename "$0" .sh)
passed=0 failed=0 failures=

ready() { # STACK N: N tasks of the stack run
  [ "$(c ps "$1" --json 2>/dev/null | jq '[.[]|select(.state=="running" and (.health=="" or .health==null or .health=="healthy"))]|length')" = "$2" ]
}
tasks() { c ps --json 2>/dev/null | jq -r "$1"; } # JQ over the task list
until_ok() { # SECONDS CMD...: waits until the command succeeds
  local end=$((SECONDS + $1))
  shift
  while ! "$@" >/dev/null 2>&1; do
    [ "$SECONDS" -lt "$end" ] || return 1
    sleep 0.1
  done
}
stack() { cat >"$work/$1.yaml"; } # NAME: a stack file from standard input
apply() { c apply -f "$work/$1.yaml" "${@:2}"; }
no_tasks() { [ "$(c ps --json 2>/dev/null | jq length)" = 0 ]; }
fail() {
  echo "    $*" >&2
  return 1
}
t() { # "what it shows" FUNCTION
  local out
  if out=$("$2" 2>&1); then
    passed=$((passed + 1))
    echo "ok    $test_name: $1"
  else
    failed=$((failed + 1))
    failures+=" $2"
    echo "FAIL  $test_name: $1"
    printf '%s\n' "$out" | tail -n 30 | sed 's/^/      /'
  fi
}
finish() {
  echo "$test_name: $passed passed, $failed failed"
  [ "$failed" = 0 ]
}
