#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Installs the Debian packages that a target needs, and says nothing where all are there.
# usage: deps.sh build|demo|check|bench|vm
set -eu

build="build-essential pkg-config libyaml-dev libcurl4-openssl-dev libjansson-dev libsodium-dev
  libnl-3-dev libnl-route-3-dev libarchive-dev libnftables-dev libevent-dev libssl-dev libsqlite3-dev
  libldns-dev libisal-dev libzstd-dev zlib1g-dev libseccomp-dev libbpf-dev clang crun iproute2"
demo="$build busybox-static umoci skopeo docker-registry jq iputils-ping"
check="$demo git clang-format libclang-rt-14-dev libcmocka-dev cppcheck shellcheck universal-ctags
  curl nftables bpftool iperf3 ethtool procps apache2-utils zstd libcap2-bin openssl netcat-openbsd"
vm="$demo qemu-system-x86 mmdebstrap cpio kmod e2fsprogs openssh-client curl tcpdump"
bench="$check docker.io podman bc docker-compose"

case ${1:-} in
build) want=$build ;;
demo) want=$demo ;;
check) want=$check ;;
bench) want=$bench ;;
vm) want=$vm ;;
*)
  echo "usage: deps.sh build|demo|check|bench|vm" >&2
  exit 2
  ;;
esac

missing=()
for package in $want; do
  dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q '^install ok installed$' || missing+=("$package")
done
[ ${#missing[@]} -eq 0 ] && exit 0
if [ "$(id -u)" != 0 ]; then
  echo "these packages are missing; as root: apt-get install ${missing[*]}" >&2
  exit 1
fi
echo "installing: ${missing[*]}"
export DEBIAN_FRONTEND=noninteractive
log=$(mktemp)
if ! { apt-get install -y -q --no-install-recommends "${missing[@]}" || {
  apt-get update -q && apt-get install -y -q --no-install-recommends "${missing[@]}"; }; } >"$log" 2>&1; then
  cat "$log" >&2
  exit 1
fi
rm -f "$log"
