#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Makes what the virtual machines boot from, once: build/vm/{vmlinuz,modules,root.img,key}. The kernel and
# the root file system are Debian's packages; carrack itself is not in them (lib.sh adds it at each boot).
# usage: image.sh DIR
set -eu
dir=$1
here=$(cd "$(dirname "$0")" && pwd)
packages=iproute2,iputils-ping,iputils-arping,kmod,nftables,wireguard-tools,crun,busybox-static,tcpdump,openssh-server,procps
packages+=,ethtool,curl,jq,iperf3,socat,libarchive13,libcurl4,libevent-2.1-7,libevent-openssl-2.1-7,libisal2,libjansson4,libldns3
packages+=,libnftables1,libseccomp2,libsodium23,libsqlite3-0,libssl3,libyaml-0-2,libzstd1,libnl-3-200,libnl-route-3-200
packages+=,libnl-genl-3-200,libbpf1,bpftool
stamp=$(cat "$0" | sha256sum | cut -d' ' -f1)
[ "$(cat "$dir/stamp" 2>/dev/null)" = "$stamp" ] && exit 0

rm -rf "$dir"
mkdir -p "$dir"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
chmod 755 "$work"
cd "$work"

kernel=$(apt-cache depends linux-image-cloud-amd64 | sed -n 's/.*Depends: \(linux-image[^ ]*\).*/\1/p' | head -n 1)
apt-get download -q -o APT::Sandbox::User=root "$kernel" >/dev/null
dpkg -x "$kernel"_*.deb kernel
cp kernel/boot/vmlinuz-* "$dir/vmlinuz"
version=$(basename kernel/lib/modules/*)

mmdebstrap --quiet --variant=minbase --include="$packages" --dpkgopt='path-exclude=/usr/share/doc/*' \
  --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/locale/*' bookworm root.tar
mkdir root
tar -C root -xf root.tar
rm root.tar
cp -r kernel/lib/modules root/lib/
depmod -b root "$version"
ssh-keygen -q -t ed25519 -N '' -f "$dir/key" -C carrack-vm
install -D -m 600 "$dir/key.pub" root/root/.ssh/authorized_keys
mkdir -p root/opt/carrack
truncate -s 2G "$dir/root.img"
mke2fs -q -t ext4 -O ^has_journal -d root "$dir/root.img"

# What the first stage needs to reach the disk: a static busybox and the modules of virtio.
mkdir -p first/bin first/dev first/proc first/sys first/root first/lib
cp root/bin/busybox first/bin/busybox
for module in $(modprobe -d "$work/root" -S "$version" --show-depends -a virtio_pci virtio_blk virtio_net |
  awk '$1 == "insmod" {print $2}' | awk '!seen[$0]++'); do
  cp "$module" first/lib/
  basename "$module" >>first/lib/order
done
install -m 755 "$here/init" first/init
(cd first && find . | cpio --quiet -o -H newc | gzip -1) >"$dir/first.gz"
echo "$stamp" >"$dir/stamp"
