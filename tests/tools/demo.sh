#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# `make demo`: a controller and three virtual hosts on this machine, a real registry, hello.yaml,
# and proof that containers on different hosts reach each other by name. Takes it all down at the end.
set -eu
here=$(cd "$(dirname "$0")/../.." && pwd)
carrack=${CARRACK:-$here/build/release/carrack}
lab=demo-$$
work=$(mktemp -d)

say() { printf '\n\033[1m== %s\033[0m\n' "$*"; }
in_lab() { "$carrack" lab sh --name "$lab" "$@"; }
finish() {
  "$carrack" lab down --name "$lab" >/dev/null 2>&1 || true
  rm -rf "$work"
}
trap finish EXIT

say "a cluster: one controller, three hosts, a registry"
"$carrack" lab up --name "$lab" --hosts 3 --registry

say "an image into the registry"
"$here/tests/tools/busybox-image.sh" "$work/oci"
in_lab switch -- skopeo copy -q --dest-tls-verify=false "oci:$work/oci:busybox" docker://registry.lab:5000/busybox:latest

say "carrack nodes"
in_lab -- carrack nodes

say "carrack apply -f manifests/examples/hello.yaml"
in_lab -- carrack apply -f "$here/manifests/examples/hello.yaml"

say "carrack ps"
in_lab -- carrack ps

client=$(in_lab -- carrack ps --json | jq -r '[.[]|select(.service=="client")][0].name')
far=$(in_lab -- carrack ps --json | jq -r '([.[]|select(.service=="client")][0].node) as $n|[.[]|select(.service=="web" and .node!=$n)][0].name')
say "ping from $client to $far, a container on another host"
in_lab -- carrack exec "$client" ping -c 3 "$far"

say "HTTP from $client to the service by its name"
for _ in 1 2 3; do in_lab -- carrack exec "$client" wget -q -O - http://web:8080/; done

say "carrack logs client (last lines)"
in_lab -- carrack logs --tail 3 client

say "carrack rm hello"
in_lab -- carrack rm hello

say "taking the lab down"
"$carrack" lab down --name "$lab"
echo "demo: done"
