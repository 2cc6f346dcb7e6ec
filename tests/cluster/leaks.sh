#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Many cycles of apply and rm: agents and controller end with the descriptors, threads and (nearly) the memory
# that they had, and the hosts without a trace.
# shellcheck source=tests/cluster/lib.sh
. "$(dirname "$0")/lib.sh"
img=registry.lab:5000/busybox
cycles=${CYCLES:-25}
lab_up 2

stack leak <<Y
name: leak
services:
  a:
    image: $img
    command: ["sleep", "inf"]
    init: true
    stop_grace_period: 1s
    volumes: ["data:/data"]
    tmpfs: [/scratch]
    deploy: {replicas: 4}
  b:
    image: $img
    command: ["httpd", "-f", "-p", "8080"]
    init: true
    stop_grace_period: 1s
    ports: [{target: 8080, published: 8090, mode: host}]
volumes: {data: {}}
Y

cycle() {
  apply leak >/dev/null || return
  c rm leak >/dev/null && until_ok 20 no_tasks
}
daemon() { # HOST: the process id of its agent or controller
  on "$1" pgrep -of "carrack (agent|controller)"
}
figures() { # HOST: descriptors, threads, resident kB of its daemon
  local p
  p=$(daemon "$1")
  on "$1" sh -c "ls /proc/$p/fd | wc -l; grep ^Threads /proc/$p/status; grep ^VmRSS /proc/$p/status" | tr -cd '0-9\n' | xargs
}
run_cycles() { # N
  local i
  for ((i = 0; i < $1; i++)); do cycle || fail "cycle $i failed" || return; done
}
many_cycles() {
  run_cycles 2 || return
  for h in ctl host1 host2; do
    pid_before[$h]=$(daemon $h)
    until_ok 10 settled "$h"
    before[$h]=$(figures $h)
  done
  run_cycles "$cycles"
}
settled() { # HOST: no workers or connections come and go any more
  local one
  one=$(figures "$1")
  sleep 0.5
  [ "${one% *}" = "$(figures "$1" | cut -d' ' -f1,2)" ]
}
as_before() { # HOST
  local f
  f=$(figures "$1")
  [ "${f% *}" = "$(cut -d' ' -f1,2 <<<"${before[$1]}")" ]
}
no_leak() {
  local h a b
  for h in ctl host1 host2; do
    [ "$(daemon $h)" = "${pid_before[$h]}" ] || fail "$h: the daemon is another" || return
    until_ok 10 as_before $h || fail "$h: descriptors, threads, kB were ${before[$h]}, are $(figures $h)" || return
    a=${before[$h]##* } b=$(figures $h)
    b=${b##* }
    echo "$h: ${before[$h]} -> $(figures $h)" >>"$work/figures"
    [ $((b * 100)) -lt $((a * 115)) ] || fail "$h: grew from $a kB to $b kB" || return
  done
}
left() { # HOST
  on "$1" sh -c 'ls -A /var/lib/carrack/containers /run/carrack/containers 2>/dev/null | grep -E "[0-9a-f]{20}"; pgrep -lx carrack-shim
    ls /run/carrack/netns 2>/dev/null; ip -br link | grep " *ck"; grep -E " /(run|var/lib)/carrack/" /proc/self/mounts'
}
clean() { [ -z "$(left "$1")" ]; }
hosts_are_clean() {
  local h
  for h in host1 host2; do until_ok 10 clean $h || fail "$h: $(left $h)" || return; done
}

declare -A before pid_before
many_cycles >"$work/out" 2>&1 # not by t: its figures are wanted here
status=$?
cycles_went() { [ $status = 0 ] || fail "$(cat "$work/out")"; }
t "$cycles cycles of apply and rm" cycles_went
t "descriptors, threads and memory are as before" no_leak
t "nothing is left on the hosts" hosts_are_clean
[ -z "${SHOW:-}" ] || cat "$work/figures"
finish
