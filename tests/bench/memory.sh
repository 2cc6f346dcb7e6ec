#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Idle memory (PSS, from smaps_rollup): controller, agent, one shim for each container; beside them
# dockerd + containerd and conmon or containerd-shim where they are installed.
here=$(cd "$(dirname "$0")/../.." && pwd)
. "$here/tests/cluster/lib.sh"
lab_up 2
pss() { # HOST PATTERN: PSS in KiB of every process whose command line matches
  on "$1" sh -c "for p in \$(pgrep -f '$2'); do grep -s '^Pss:' /proc/\$p/smaps_rollup; done" | awk '{s+=$2} END {print s+0}'
}
echo "controller, idle: $(pss ctl '^[^ ]*carrack controller') KiB"
echo "agent, idle, no container: $(pss host1 '^[^ ]*carrack agent') KiB"
stack m <<Y
name: m
services: {w: {image: "registry.lab:5000/busybox", command: ["sleep", "inf"], deploy: {replicas: 40}}}
Y
apply m >/dev/null || exit 1
sleep 2
echo "agent with 20 containers: $(pss host1 '^[^ ]*carrack agent') KiB"
n=$(on host1 pgrep -cx carrack-shim)
total=$(pss host1 '^[^ ]*carrack-shim')
echo "shim: $((total / (n > 0 ? n : 1))) KiB for each of $n containers"
lab_end
trap - EXIT
if command -v dockerd >/dev/null; then
  out=$(mktemp) dockerd_root=$(mktemp -d)
  unshare --net --mount --pid --fork --kill-child --mount-proc bash -c "
    mount --make-rprivate /; ip link set lo up; w=$dockerd_root; mount -t tmpfs t /run
    dockerd --data-root $dockerd_root/d --exec-root $dockerd_root/r -H unix://$dockerd_root/s --pidfile $dockerd_root/p --bridge none --iptables=false >$dockerd_root/log 2>&1 &
    for i in \$(seq 100); do docker -H unix://$dockerd_root/s info >/dev/null 2>&1 && break; sleep 0.2; done; sleep 2
    for p in \$(pgrep -f '^[^ ]*(dockerd|containerd)'); do grep -s '^Pss:' /proc/\$p/smaps_rollup; done | awk '{s+=\$2} END {print s+0}' >$out"
  rm -rf "$dockerd_root"
  echo "peer dockerd + containerd, idle: $(cat "$out") KiB"
  rm -f "$out"
else
  echo "peer dockerd: skipped, docker.io is not installed"
fi
