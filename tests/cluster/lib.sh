# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# For the cluster tests: a lab of real hosts with real containers. Each test file sources this, says
# `lab_up N`, then runs `t NAME FUNCTION`; conditions are waited for, never times. Nothing here sends a
# packet outside of the lab's namespaces.
#
#        host1 ... hostN      ctl
#          |         |         |
#      ----+---------+---------+---- switch (10.77.0.254: registry.lab:5000)
set -u
here=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
carrack=${CARRACK:-$here/build/release/carrack}
test_name=$(basename "$0" .sh)
LAB=${LAB:-$(echo "t-$test_name" | cut -c1-12)-$$}
work=$(mktemp -d)
passed=0 failed=0 failures=

lab_up() { # HOSTS: a lab with registry and the busybox image, all nodes up
  trap lab_end EXIT
  "$carrack" lab up --name "$LAB" --hosts "$1" --registry >/dev/null || exit 1
  "$here/tests/tools/busybox-image.sh" "$work/oci" || exit 1
  on switch skopeo copy -q --dest-tls-verify=false "oci:$work/oci:busybox" docker://registry.lab:5000/busybox:latest || exit 1
  until_ok 20 nodes_up "$1" || { echo "the nodes did not come up" >&2; exit 1; }
}
lab_end() {
  if [ "$failed" != 0 ] && [ -n "${CARRACK_KEEP_LAB:-}" ]; then
    echo "the lab is kept: carrack lab sh --name $LAB"
  else
    "$carrack" lab down --name "$LAB" >/dev/null 2>&1
  fi
  rm -rf "$work"
}
on() { # HOST CMD...: runs a command on a host
  local host=$1
  shift
  "$carrack" lab sh --name "$LAB" "$host" -- "$@"
}
c() { on ctl carrack "$@"; } # the operator's command
lab() { local verb=$1; shift; "$carrack" lab "$verb" --name "$LAB" "$@"; }
nodes_up() { [ "$(c nodes --json 2>/dev/null | jq '[.[]|select(.state=="up")]|length')" = "$1" ]; }
node_state() { [ "$(c nodes --json 2>/dev/null | jq -r --arg n "$1" '.[]|select(.name==$n).state')" = "$2" ]; }
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
