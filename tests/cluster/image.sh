#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Image workers against a real registry: what is pulled is what was pushed, whatever its form; and what
# is wrong is refused with one sentence and leaves nothing. In namespaces of its own, on its loopback.
set -u
here=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
carrack=${CARRACK:-$here/build/release/carrack}
if [ -z "${CARRACK_IMAGE_TEST:-}" ]; then
  export CARRACK_IMAGE_TEST=1
  exec unshare --net --mount --pid --fork --kill-child --mount-proc bash "$0" "$@"
fi
mount --make-rprivate /
ip link set lo up
work=$(mktemp -d)
trap 'cd /; umount "$work/merged" 2>/dev/null; rm -rf "$work"' EXIT
cd "$work" || exit 1
reg=127.0.0.1:5057 safe=127.0.0.1:5058
passed=0 failed=0

t() { # "what it shows" FUNCTION
  local out
  if out=$("$2" 2>&1); then
    passed=$((passed + 1))
    echo "ok    image: $1"
  else
    failed=$((failed + 1))
    echo "FAIL  image: $1"
    printf '%s\n' "$out" | tail -n 15 | sed 's/^/      /'
  fi
}
until_up() { # URL
  local end=$((SECONDS + 10))
  until curl -sk -o /dev/null "$1"; do [ $SECONDS -lt $end ] || return 1; sleep 0.05; done
}
pull() { # STORE REF [MORE_JSON]: the worker's lines
  printf '{"dir":"%s","ref":"%s"%s}' "$work/$1" "$2" "${3:-}" | "$carrack-agent" image-worker
}
pulled() { pull "$@" | tail -n 1 | jq -re .digest; }
why() { pull "$@" | tail -n 1 | jq -re .error; }
config_of() { # STORE MANIFEST_DIGEST
  local c
  c=$(jq -r .config.digest "$work/$1/blobs/sha256/${2#sha256:}")
  cat "$work/$1/blobs/sha256/${c#sha256:}"
}
chain_dirs() { # STORE MANIFEST_DIGEST: the layers' folders, uppermost first, as overlayfs wants them
  local chain='' id list=''
  for id in $(config_of "$1" "$2" | jq -r '.rootfs.diff_ids[]'); do
    if [ -z "$chain" ]; then chain=$id; else chain=sha256:$(printf '%s %s' "$chain" "$id" | sha256sum | cut -d' ' -f1); fi
    list=$work/$1/layers/$(echo "${chain#sha256:}" | cut -c1-16)/fs${list:+:$list}
  done
  echo "$list"
}
tree_sum() { # DIR: every name, kind, mode, owner, time, link, attribute and byte of it
  tar --sort=name --format=posix --pax-option='exthdr.name=%d/x/%f,delete=atime,delete=ctime' --xattrs \
    --xattrs-include='*' --xattrs-exclude='trusted.*' --numeric-owner -C "$1" -c . 2>/dev/null | sha256sum
}
same_tree() { # DIR DIR
  [ "$(tree_sum "$1")" = "$(tree_sum "$2")" ] || {
    diff <(cd "$1" && find . -printf '%p %y %m %U:%G %s %T@ %l\n' | sort) <(cd "$2" && find . -printf '%p %y %m %U:%G %s %T@ %l\n' | sort)
    return 1
  }
}
nothing_half() { # STORE
  [ -z "$(find "$work/$1/blobs/part" "$work/$1/layers/.work" -mindepth 1 2>/dev/null)" ]
}

# --- what is served ------------------------------------------------------------------------------
make_awkward() {
  mkdir -p src/{etc,dev,bin,'späß',opaque,gone}
  echo one >src/etc/one
  ln src/etc/one src/etc/hard
  ln -s /etc/shadow src/etc/link
  ln -s ../../../.. src/up
  mkfifo -m 622 src/dev/fifo
  mknod -m 640 src/dev/null2 c 1 3
  cp /bin/true src/bin/true
  chmod 4755 src/bin/true
  command -v setcap >/dev/null && { cp /bin/true src/bin/cap; setcap cap_net_raw+ep src/bin/cap; }
  truncate -s 64M src/sparse
  printf end | dd of=src/sparse bs=1 seek=40000000 conv=notrunc status=none
  local long
  long=src/$(printf 'a%.0s' {1..100})/$(printf 'b%.0s' {1..100})/$(printf 'c%.0s' {1..100})
  mkdir -p "$long" && echo deep >"$long/file"
  echo x >src/opaque/hidden && echo y >src/gone/file
  chown -R 1000:2000 src/opaque
  chmod 1777 src/dev
  find src -exec touch -h -d @1000000000 {} +
}
serve() {
  make_awkward
  tar --format=posix --sparse --xattrs --xattrs-include='*' --numeric-owner -C src -cf layer.tar . || return 1
  umoci init --layout oci && umoci new --image oci:none && umoci new --image oci:awkward &&
    umoci raw add-layer --image oci:awkward layer.tar || return 1
  echo new >added
  umoci tag --image oci:awkward over && umoci insert --image oci:over --opaque added /opaque &&
    umoci insert --image oci:over --whiteout /gone && umoci insert --image oci:over added /etc/added || return 1
  printf 'version: 0.1\nlog: {level: error}\nstorage: {filesystem: {rootdirectory: %s}}\nhttp: {addr: "%s"}\n' "$work/reg" $reg >reg.yml
  htpasswd -Bbn user 'pass word' >htpasswd 2>/dev/null
  openssl req -x509 -newkey rsa:2048 -nodes -keyout key.pem -out cert.pem -days 1 -subj /CN=127.0.0.1 \
    -addext subjectAltName=IP:127.0.0.1 2>/dev/null
  { sed "s/$reg/$safe/; s/}\$/, tls: {certificate: cert.pem, key: key.pem}}/;t;d" <(tail -n 1 reg.yml) >tls.yml
    { head -n 3 reg.yml; cat tls.yml; echo 'auth: {htpasswd: {realm: lab, path: htpasswd}}'; } >safe.yml; }
  docker-registry serve reg.yml >reg.log 2>&1 &
  docker-registry serve safe.yml >safe.log 2>&1 &
  until_up http://$reg/v2/ && until_up https://$safe/v2/ || { cat reg.log safe.log; return 1; }
  local image
  for image in none awkward over; do
    skopeo copy -q --dest-tls-verify=false "oci:oci:$image" docker://$reg/lab/$image:latest || return 1
  done
  skopeo copy -q --dest-tls-verify=false --format v2s2 oci:oci:over docker://$reg/lab/over:v2s2
}
put_manifest() { # REPO TAG TYPE FILE
  curl -sf -o /dev/null -X PUT -H "Content-Type: $3" --data-binary @"$4" "http://$reg/v2/$1/manifests/$2"
}
put_blob() { # REPO FILE: its digest
  local digest url
  digest=sha256:$(sha256sum <"$2" | cut -d' ' -f1)
  url=$(curl -sf -D - -o /dev/null -X POST "http://$reg/v2/$1/blobs/uploads/" | tr -d '\r' | sed -n 's/^[Ll]ocation: //p')
  curl -sf -o /dev/null -X PUT -H 'Content-Type: application/octet-stream' --data-binary @"$2" "$url&digest=$digest" && echo "$digest"
}
oci_manifest() { # CONFIG_DIGEST CONFIG_SIZE LAYER_DIGEST LAYER_SIZE
  printf '{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"%s","size":%d},"layers":[{"mediaType":"application/vnd.oci.image.layer.v1.tar+gzip","digest":"%s","size":%d}]}' "$@"
}
one_layer_image() { # REPO TAG CONFIG LAYER
  local c l
  c=$(put_blob "$1" "$3") && l=$(put_blob "$1" "$4") || return 1
  oci_manifest "$c" "$(stat -c %s "$3")" "$l" "$(stat -c %s "$4")" >manifest.json
  put_manifest "$1" "$2" application/vnd.oci.image.manifest.v1+json manifest.json
}
config_for() { # TAR ARCH
  printf '{"os":"linux","architecture":"%s","rootfs":{"type":"layers","diff_ids":["sha256:%s"]},"config":{}}' "$2" "$(sha256sum <"$1" | cut -d' ' -f1)"
}

# --- tests ---------------------------------------------------------------------------------------
awkward() {
  local d
  d=$(pulled s1 $reg/lab/awkward) && nothing_half s1 && same_tree src "$(chain_dirs s1 "$d")" &&
    [ "$(stat -c %b "$(chain_dirs s1 "$d")/sparse")" -lt 1000 ]
}
whiteouts() {
  local d top
  d=$(pulled s1 $reg/lab/over) || return 1
  umoci unpack --image oci:over bundle >/dev/null && mkdir -p merged && top=$(chain_dirs s1 "$d") &&
    mount -t overlay o -o "lowerdir=$top" merged || return 1
  [ ! -e merged/gone ] && [ "$(ls merged/opaque)" = "" ] || [ "$(cat merged/opaque 2>/dev/null)" = new ] || return 1
  [ "$(cat merged/etc/added)" = new ] && [ "$(stat -c '%a %u' merged/etc)" = "$(stat -c '%a %u' src/etc)" ]
}
schema2() { [ "$(chain_dirs s1 "$(pulled s1 $reg/lab/over:v2s2)")" = "$(chain_dirs s1 "$(pulled s1 $reg/lab/over)")" ]; }
no_layers() { pulled s1 $reg/lab/none; }
zstd_layer() {
  command -v zstd >/dev/null || { skopeo copy -q --dest-compress --dest-compress-format zstd oci:oci:awkward dir:zdir || return 1; }
  config_for layer.tar amd64 >config.json
  local z
  if [ -d zdir ]; then z=zdir/$(jq -r '.layers[0].digest' zdir/manifest.json | cut -d: -f2); else zstd -q layer.tar -o layer.zst && z=layer.zst; fi
  one_layer_image lab/zstd latest config.json "$z" || return 1
  local d
  d=$(pulled s2 $reg/lab/zstd) && same_tree src "$(chain_dirs s2 "$d")"
}
by_digest() {
  local d
  d=$(pulled s1 $reg/lab/awkward) && [ "$(pulled s3 $reg/lab/awkward@"$d")" = "$d" ]
}
platforms() {
  local a b
  gzip -c layer.tar >layer.gz
  config_for layer.tar arm64 >arm.json && config_for layer.tar amd64 >amd.json
  one_layer_image lab/multi a arm.json layer.gz && cp manifest.json a.json &&
    one_layer_image lab/multi b amd.json layer.gz && cp manifest.json b.json || return 1
  a=$(sha256sum <a.json | cut -d' ' -f1) b=$(sha256sum <b.json | cut -d' ' -f1)
  printf '{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"sha256:%s","size":%d,"platform":{"os":"linux","architecture":"arm64"}},{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"sha256:%s","size":%d,"platform":{"os":"linux","architecture":"amd64"}}]}' \
    "$a" "$(stat -c %s a.json)" "$b" "$(stat -c %s b.json)" >index.json
  put_manifest lab/multi latest application/vnd.oci.image.index.v1+json index.json || return 1
  [ "$(pulled s4 $reg/lab/multi ',"platform":"linux/arm64"')" = "sha256:$a" ] &&
    [ "$(pulled s4 $reg/lab/multi ',"platform":"linux/amd64"')" = "sha256:$b" ] &&
    why s4 $reg/lab/multi ',"platform":"linux/s390x"' | grep -q "no image for the platform 'linux/s390x'; there is: linux/arm64, linux/amd64"
}
basic_auth() {
  skopeo copy -q --dest-tls-verify=false --dest-creds 'user:pass word' oci:oci:awkward docker://$safe/lab/x:1 || return 1
  pulled s5 $safe/lab/x:1 ",\"insecure\":[\"$safe\"],\"auth\":{\"$safe\":\"user:pass word\"}" &&
    why s6 $safe/lab/x:1 ",\"insecure\":[\"$safe\"],\"auth\":{\"$safe\":\"user:wrong\"}" | grep -q "does not let us read" &&
    why s6 $safe/lab/x:1 ",\"insecure\":[\"$safe\"]" | grep -q "wants a user and a password"
}
resume() {
  local d l
  d=$(pulled s1 $reg/lab/awkward) && l=$(jq -r '.layers[0].digest' "s1/blobs/sha256/${d#sha256:}")
  l=${l#sha256:}
  mkdir -p s7/blobs/part && head -c 20000 "s1/blobs/sha256/$l" >"s7/blobs/part/$l"
  pulled s7 $reg/lab/awkward && cmp "s1/blobs/sha256/$l" "s7/blobs/sha256/$l" && nothing_half s7 || return 1
  mkdir -p s8/blobs/part && head -c 20000 /dev/zero >"s8/blobs/part/$l"
  pull s8 $reg/lab/awkward | tail -n 1 | jq -e .error && nothing_half s8 && pulled s8 $reg/lab/awkward
}
wrong_diff_id() {
  config_for config.json amd64 >wrong.json
  one_layer_image lab/wrong latest wrong.json layer.gz || return 1
  why s9 $reg/lab/wrong | grep -q "configuration names" && nothing_half s9 && [ -z "$(ls s9/layers)" ]
}
damaged_blob() {
  head -c -100 layer.gz >cut.gz
  one_layer_image lab/cut latest config.json cut.gz || return 1
  why s9 $reg/lab/cut | grep -q 'ends too early' && nothing_half s9 && [ -z "$(ls s9/layers)" ]
}
lying_store() { # the registry's own disk has another byte
  one_layer_image lab/lie latest config.json layer.gz || return 1
  local f
  f=reg/docker/registry/v2/blobs/sha256/$(sha256sum <layer.gz | cut -c1-2)/$(sha256sum <layer.gz | cut -d' ' -f1)/data
  cp "$f" kept && printf X | dd of="$f" bs=1 seek=9 conv=notrunc status=none
  local said
  said=$(why s10 $reg/lab/lie)
  cp kept "$f"
  [ -n "$said" ] && nothing_half s10 && [ -z "$(ls s10/layers)" ]
}
disk_full() {
  mkdir -p small && mount -t tmpfs -o size=64k none small
  local said left
  said=$(why small $reg/lab/over)
  left=$(find small -type f -path '*layers*' | wc -l)
  umount small
  echo "$said" | grep -q "is full; free some space" && [ "$left" = 0 ]
}
together() {
  local i pids=()
  for i in 1 2 3 4 5 6; do pull s11 $reg/lab/over >"out$i" & pids+=($!); done
  wait "${pids[@]}"
  [ "$(tail -qn 1 out? | jq -r .digest | sort -u | wc -l)" = 1 ] && tail -n 1 out1 | jq -e .digest && nothing_half s11
}
killed() {
  local i p
  for i in 1 2 3 4 5; do
    rm -rf s12
    pull s12 $reg/lab/awkward >/dev/null &
    p=$!
    sleep 0.0$((i * 2))
    kill -9 $p 2>/dev/null
    wait $p 2>/dev/null
    pulled s12 $reg/lab/awkward >/dev/null && nothing_half s12 && same_tree src "$(chain_dirs s12 "$(pulled s12 $reg/lab/awkward)")" || return 1
  done
}
unknown() {
  why s1 $reg/lab/none:nope | grep -q "has no 'lab/none:nope'" && why s1 $reg/lab/zzz | grep -q "lab/zzz" &&
    why s1 127.0.0.1:1/x/y | grep -q "cannot reach the registry '127.0.0.1:1'" && why s1 'Bad Name' | grep -q 'not the name of an image'
}
again_is_cheap() {
  pull s1 $reg/lab/over | jq -se 'all(.bytes_total == null or .bytes_total == 0)'
}

serve || { echo "FAIL  image: the registry did not start"; exit 1; }
t "a layer with everything awkward comes back as it was" awkward
t "whiteouts and opaque folders hide, implied folders keep their attributes" whiteouts
t "docker schema 2 is the same image" schema2
t "an image without layers" no_layers
t "zstd layers" zstd_layer
t "by digest" by_digest
t "an index: the platform is chosen, a missing one named" platforms
t "TLS with basic authentication; what refuses says so" basic_auth
t "an interrupted blob is resumed, a wrong beginning found out" resume
t "content that is not what the configuration names is refused" wrong_diff_id
t "a layer that ends early is refused" damaged_blob
t "a registry that serves another byte is found out" lying_store
t "a full disk is said, and left as it was" disk_full
t "six workers at once do it once" together
t "a worker killed at any time leaves what the next one mends" killed
t "unknown names and registries: one sentence" unknown
t "what is there is not fetched again" again_is_cheap
echo "image: $passed passed, $failed failed"
[ "$failed" = 0 ]
