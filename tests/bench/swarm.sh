# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# Docker Swarm on virtual hosts, as a peer to measure against: source this inside private namespaces
# (it re-executes the script that sources it), then `swarm_up N`. Everything dies with the script.
if [ -z "${SWARM_INNER:-}" ]; then
  export SWARM_INNER=1
  exec unshare --net --mount --pid --fork --kill-child --mount-proc bash "$0" "$@"
fi
swarm_work=$(mktemp -d)
trap 'rm -rf "$swarm_work"' EXIT
d() { # N ARGS...: the docker command against host N
  local n=$1
  shift
  docker -H "unix://$swarm_work/h$n.sock" "$@"
}
swarm_host() { # N: a network namespace on the switch with a dockerd in it
  local n=$1 dir=$swarm_work/h$1
  ip netns add "h$n"
  ip link add "v$n" type veth peer name eth0 netns "h$n"
  ip link set "v$n" master switch up
  ip -n "h$n" link set lo up
  ip -n "h$n" addr add "10.78.0.$n/24" dev eth0
  ip -n "h$n" link set eth0 up
  ip -n "h$n" route add default via 10.78.0.254
  mkdir -p "$dir/cg"
  nsenter --net="/run/netns/h$n" unshare --mount bash -c "
    mount --make-rprivate /; mount --rbind /sys/fs/cgroup $dir/cg; mount -t sysfs sysfs /sys
    mount --rbind $dir/cg /sys/fs/cgroup; echo 1 >/proc/sys/net/ipv4/ip_forward
    mkdir -p /run/docker; mount -t tmpfs t /run/docker
    exec dockerd --data-root $dir/data --exec-root $dir/run -H unix://$dir.sock --pidfile $dir/pid --bip 172.18.$n.1/24 --insecure-registry 10.78.0.254:5000" \
    >"$dir.log" 2>&1 &
}
swarm_up() { # N hosts in one swarm
  local n
  mount --make-rprivate /
  mkdir -p /run/netns && mount -t tmpfs t /run/netns
  ip link set lo up
  ip link add switch type bridge
  ip link set switch up
  ip addr add 10.78.0.254/24 dev switch
  printf 'version: 0.1\nlog: {level: error}\nstorage: {filesystem: {rootdirectory: %s/registry}}\nhttp: {addr: "10.78.0.254:5000"}\n' "$swarm_work" >"$swarm_work/registry.yaml"
  docker-registry serve "$swarm_work/registry.yaml" >"$swarm_work/registry.log" 2>&1 &
  for n in $(seq "$1"); do swarm_host "$n"; done
  for n in $(seq "$1"); do
    for _ in $(seq 150); do d "$n" info >/dev/null 2>&1 && break; sleep 0.2; done
  done
  d 1 swarm init --advertise-addr 10.78.0.1 >/dev/null || return
  local token
  token=$(d 1 swarm join-token -q worker)
  for n in $(seq 2 "$1"); do d "$n" swarm join --advertise-addr "10.78.0.$n" --token "$token" 10.78.0.1:2377 >/dev/null || return; done
}
swarm_image=10.78.0.254:5000/busybox:1
swarm_pull() { # N: a busybox image, from Debian's busybox-static, in the registry and on every host
  local n root=$swarm_work/root
  mkdir -p "$root/bin" "$root/tmp"
  cp /bin/busybox "$root/bin/"
  for a in sh sleep true cat; do ln -sf busybox "$root/bin/$a"; done
  tar -C "$root" -c . | d 1 import - "$swarm_image" >/dev/null && d 1 push -q "$swarm_image" >/dev/null || return
  for n in $(seq "$1"); do d "$n" pull -q "$swarm_image" >/dev/null || return; done
}
