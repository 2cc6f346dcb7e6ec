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
# shellcheck source=tests/tools/testlib.sh
. "$here/tests/tools/testlib.sh"
LAB=${LAB:-$(echo "t-$test_name" | cut -c1-12)-$$}
work=$(mktemp -d)

lab_up() { # HOSTS [OPTION...]: a lab with registry and the busybox image, all nodes up
  trap lab_end EXIT
  "$carrack" lab up --name "$LAB" --hosts "$1" --registry "${@:2}" >/dev/null || exit 1
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
