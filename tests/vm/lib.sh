# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# For the tests on virtual machines: hosts with kernels of their own (qemu in software emulation, cgroup
# v2, Debian's kernel), an agent in each; controller and registry run outside, in the private namespaces
# of the test, where every frame of the wire can be seen. Each test sources this, says `vm_up N`, then
# runs `t NAME FUNCTION`. Emulated hosts are slow: test function here, never speed.
#
#      vm1 eth0 (10.77.0.1, fd77::1)  ...  vmN          controller, registry.lab:5000
#           |                               |                     |
#      tap w1 ------------------------- tap wN ---- bridge "switch" (10.77.0.254, fd77::254)
#
# eth1 of each (10.78.0.N) is for `on` alone. vm_up takes lines for an agent's configuration in VM_CONFIG.
set -u
if [ -z "${VM_INSIDE:-}" ]; then
  export VM_INSIDE=1
  exec unshare --net --mount --pid --fork --kill-child --mount-proc bash "$0" "$@"
fi
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
bin=${CARRACK_BIN:-$root/build/release}
image=${VM_IMAGE:-$root/build/vm}
work=${VM_WORK:-$(mktemp -d)}
# shellcheck source=tests/tools/testlib.sh
. "$root/tests/tools/testlib.sh"
export CARRACK_CONTEXT=$work/controller/operator.json PATH=$bin:$PATH TMPDIR=$work

c() { "$bin/carrack" "$@"; } # the operator's command
on() { # VM CMD...: runs a command line (one word: a shell's) on a virtual machine
  local n=${1#vm}
  shift
  ssh -F none -q -i "$image/key" -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o ControlMaster=auto \
    -o ControlPath="$work/ssh-%h" -o ControlPersist=yes -o ConnectTimeout=5 "root@10.78.0.$n" \
    "export PATH=/opt/carrack:\$PATH; $*" </dev/null
}
log_of() { on "$1" cat /run/agent.log; } # VM: what its agent said

wire_up() { # N: the switch and the machines' ends
  mount -t sysfs sysfs /sys
  mount -t tmpfs tmpfs /run # names of namespaces
  ip link set lo up
  local bridge i
  for bridge in switch manage; do
    ip link add "$bridge" type bridge mcast_snooping 0
    ip link set "$bridge" up
  done
  ip addr add 10.77.0.254/24 dev switch
  ip addr add fd77::254/64 dev switch nodad
  ip addr add 10.78.0.254/24 dev manage
  for ((i = 1; i <= $1; i++)); do
    ip tuntap add "w$i" mode tap
    ip link set "w$i" master switch up
    ip tuntap add "m$i" mode tap
    ip link set "m$i" master manage up
  done
  printf '127.0.0.1 localhost\n10.77.0.254 switch registry.lab\n' >"$work/hosts"
  mount --bind "$work/hosts" /etc/hosts
}
controller_up() {
  cat >"$work/registry.yaml" <<Y
version: 0.1
log: {level: error, accesslog: {disabled: true}}
storage: {filesystem: {rootdirectory: $work/registry}, delete: {enabled: true}}
http: {addr: "10.77.0.254:5000"}
Y
  docker-registry serve "$work/registry.yaml" >"$work/registry.log" 2>&1 &
  # An emulated host may be silent for a while without being dead.
  "$bin/carrack" controller --data-dir "$work/controller" --advertise 10.77.0.254 --heartbeat-ms "${VM_HEARTBEAT_MS:-3000}" \
    >"$work/controller.log" 2>&1 &
  "$root/tests/tools/busybox-image.sh" "$work/oci" || exit 1
  until_ok 10 curl -sf http://10.77.0.254:5000/v2/ || exit 1
  skopeo copy -q --dest-tls-verify=false "oci:$work/oci:busybox" docker://registry.lab:5000/busybox:latest || exit 1
  until_ok 10 c nodes || { cat "$work/controller.log" >&2; exit 1; }
}
vm_boot() { # I: one virtual machine, with the binaries as they are now
  local i=$1 dir=$work/vm$1
  mkdir -p "$dir/carrack"
  cp "$bin"/carrack{,-agent,-shim} "$dir/carrack/"
  strip "$dir"/carrack/carrack{,-agent}
  printf 'cgroup_parent: /carrack\nregistries: {insecure: ["registry.lab:5000", "10.77.0.254:5000"]}\n%s\n' "${VM_CONFIG:-}" \
    >"$dir/carrack/carrack.yaml"
  { cat "$image/first.gz"; (cd "$dir" && find carrack | cpio --quiet -o -H newc | gzip -1); } >"$dir/initrd.gz"
  qemu-system-x86_64 -accel tcg -cpu max -nographic -m 768 -no-reboot -kernel "$image/vmlinuz" -initrd "$dir/initrd.gz" \
    -append "console=ttyS0 panic=-1 quiet mitigations=off no_timer_check net.ifnames=0 vm=$i" \
    -drive "file=$image/root.img,format=raw,if=virtio,snapshot=on" -device virtio-rng-pci \
    -netdev "tap,id=w,ifname=w$i,script=no,downscript=no" -device "virtio-net-pci,netdev=w,mac=52:54:00:00:00:0$i" \
    -netdev "tap,id=m,ifname=m$i,script=no,downscript=no" -device "virtio-net-pci,netdev=m,mac=52:54:00:00:01:0$i" \
    >"$dir/console.log" 2>&1 </dev/null &
}
agent_start() { # VM: starts its agent (again)
  on "$1" "setsid carrack agent --config /opt/carrack/carrack.yaml --join $(cat "$work/token") >>/run/agent.log 2>&1 </dev/null & echo \$! >/run/agent.pid"
}
agent_stop() { on "$1" 'kill $(cat /run/agent.pid); while kill -0 $(cat /run/agent.pid) 2>/dev/null; do sleep 0.1; done'; }
nodes_up() { [ "$(c nodes --json 2>/dev/null | jq '[.[]|select(.state=="up")]|length')" = "$1" ]; }

vm_up() { # N: virtual machines vm1 ... vmN with their agents, all nodes up
  local i
  trap vm_end EXIT
  wire_up "$1"
  for ((i = 1; i <= $1; i++)); do vm_boot "$i"; done
  controller_up
  c token create >"$work/token"
  for ((i = 1; i <= $1; i++)); do
    until_ok 180 on "vm$i" true || { echo "vm$i did not boot" >&2; tail -n 20 "$work/vm$i/console.log" >&2; exit 1; }
    agent_start "vm$i"
  done
  until_ok 150 nodes_up "$1" || { echo "the nodes did not come up" >&2; log_of vm1 | tail -n 20 >&2; exit 1; }
}
vm_end() {
  [ "$failed" = 0 ] || tail -n 5 "$work/controller.log"
  rm -rf "$work"
}
