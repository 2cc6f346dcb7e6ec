#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Hosts with kernels of their own: a stack over two of them, on cgroup v2.
# shellcheck source=tests/vm/lib.sh
. "$(dirname "$0")/lib.sh"
img=registry.lab:5000/busybox
vm_up 2

stack demo <<Y
name: demo
services:
  web:
    image: $img
    command: ["sh", "-c", "hostname >/www/index.html; exec httpd -f -h /www"]
    deploy:
      placement: {constraints: ["node.hostname == vm2"]}
      resources: {limits: {memory: 32M, pids: 50}}
  client:
    image: $img
    init: true
    command: ["sleep", "inf"]
    deploy: {placement: {constraints: ["node.hostname == vm1"]}}
Y

up() { apply demo && ready demo 2; }
ping_by_name() { c exec demo_client.1 ping -c 3 -w 10 tasks.web; }
http_by_name() { until_ok 15 fetches; }
fetches() { # not by wget: Debian's static busybox ends in it where the C library is a newer one
  c exec demo_client.1 sh -c 'printf "GET / HTTP/1.0\r\n\r\n" | nc -w 5 web 80' | grep -q '200 OK'
}
large() { # a packet of the network's full size, and one that must be cut
  c exec demo_client.1 ping -c 1 -w 5 -s 1422 tasks.web && c exec demo_client.1 ping -c 1 -w 5 -s 4000 tasks.web
}
fast_path() { # this kernel takes it: what the bridges of vm2 drop arrives
  on vm2 'carrack doctor | grep -q "^ok *fast path *packets between containers pass"' || fail "doctor says otherwise" || return
  on vm2 'tc filter show dev eth0 ingress | grep -q ck_underlay' || fail "no filter on the underlay's link" || return
  on vm2 'nft -f - <<N
table bridge seen { chain f { type filter hook forward priority -400; ether type ip counter drop; }; }
N'
  ping_by_name || fail "packets go by the bridge of vm2"
  local ok=$?
  on vm2 'nft delete table bridge seen'
  return $ok
}
cgroup2() {
  on vm2 'stat -f -c %T /sys/fs/cgroup' | grep -q cgroup2 || return
  on vm2 'cat $(find /sys/fs/cgroup/carrack -name memory.max)' | grep -qx 33554432 || fail "no memory.max of 32M"
}
restarted() {
  agent_stop vm2 && ping_by_name && agent_start vm2 && until_ok 30 nodes_up 2 && fetches
}
removed() {
  c rm demo && until_ok 30 no_tasks && [ -z "$(on vm1 ip -br link show type vxlan)" ]
}
t "a stack starts on two hosts" up
t "ping by name over the wire" ping_by_name
t "HTTP by name over the wire" http_by_name
t "packets of full size and fragments" large
t "packets pass the bridges by" fast_path
t "limits stand in cgroup v2" cgroup2
t "an agent that restarts finds its container" restarted
t "all is gone after rm" removed
finish
