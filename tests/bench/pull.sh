#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Pull and unpack one large image (about 150 MB of this machine's /usr, in three layers) from a registry
# on this machine: carrack against podman, the same registry, turn by turn, the best of three each.
set -u
here=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
carrack=${CARRACK:-$here/build/release/carrack}
if [ -z "${CARRACK_PULL_BENCH:-}" ]; then
  for tool in umoci skopeo docker-registry; do
    command -v $tool >/dev/null || { echo "skipped: $tool is not installed"; exit 0; }
  done
  export CARRACK_PULL_BENCH=1
  exec unshare --net --mount --pid --fork --kill-child --mount-proc bash "$0" "$@"
fi
mount --make-rprivate /
ip link set lo up
mount -t tmpfs run /run
work=$(mktemp -d)
trap 'cd /; rm -rf "$work"' EXIT
cd "$work" || exit 1
reg=127.0.0.1:5059

layer() { # N MEGABYTES FOLDER: files of FOLDER up to that size, as one layer
  find "$3" -xdev -type f -size -4M 2>/dev/null | LC_ALL=C sort |
    while read -r f; do stat -c '%s %n' "$f"; done |
    awk -v max=$(($2 * 1000000)) '{n += $1; if (n > max) exit; sub(/^[0-9]+ /, ""); print}' >list
  tar -C / --no-recursion -cf "$1.tar" -T <(sed 's|^/||' list) && umoci raw add-layer --image oci:large "$1.tar"
}
umoci init --layout oci && umoci new --image oci:large && layer 1 60 /usr/lib && layer 2 60 /usr/share && layer 3 30 /usr/include || exit 1
size=$(cat ./?.tar | wc -c)
rm -f ./?.tar
printf 'version: 0.1\nlog: {level: error}\nstorage: {filesystem: {rootdirectory: %s}}\nhttp: {addr: "%s"}\n' "$work/reg" $reg >reg.yml
docker-registry serve reg.yml >reg.log 2>&1 &
until curl -s -o /dev/null "http://$reg/v2/"; do sleep 0.05; done
skopeo copy -q --dest-tls-verify=false oci:oci:large docker://$reg/large:latest || exit 1
echo "image: $((size / 1000000)) MB unpacked, $(du -sm reg | cut -f1) MB in the registry, $(jq -r '.layers|length' <(curl -s -H 'Accept: application/vnd.oci.image.manifest.v1+json' "http://$reg/v2/large/manifests/latest")) layers"

ms() { # CMD...: how long it takes
  local from
  from=$(date +%s%N)
  "$@" >out 2>&1 || { cat out >&2; echo failed; return; }
  echo $((($(date +%s%N) - from) / 1000000))
}
best() { sort -n "$1" | head -n 1; }
pull_carrack() { printf '{"dir":"%s","ref":"%s/large"}' "$work/store" $reg | "$carrack-agent" image-worker; }
pull_podman() { podman --root "$work/podman" --runroot "$work/run" --storage-driver overlay pull -q --tls-verify=false "$reg/large"; }
forget_podman() { podman --root "$work/podman" --runroot "$work/run" --storage-driver overlay rmi -af >/dev/null 2>&1; }
for _ in 1 2 3; do
  rm -rf store && sync
  ms pull_carrack >>carrack.ms
  command -v podman >/dev/null || continue
  forget_podman
  sync
  ms pull_podman >>podman.ms
done
echo "carrack: $(best carrack.ms) ms"
if [ -s podman.ms ]; then
  echo "podman:  $(best podman.ms) ms"
  awk -v p="$(best podman.ms)" -v c="$(best carrack.ms)" 'BEGIN {printf "ratio: carrack is %.1f times as fast\n", p / c}'
else
  echo "podman is not installed: no ratio"
fi
