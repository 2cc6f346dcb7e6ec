#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Hosts that die and return, partitions, and daemons that are killed in the middle of things.
# shellcheck source=tests/cluster/lib.sh
. "$(dirname "$0")/lib.sh"
img=registry.lab:5000/busybox
lab_up 3

stack work <<Y
name: work
services:
  web:
    image: $img
    init: true
    command: ["sh", "-c", "hostname > /www/index.html; exec httpd -f -p 80 -h /www"]
    deploy: {replicas: 6}
Y
pids() { on "$1" pgrep -x httpd | sort -n | tr '\n' ' '; }
slots_ok() { # every slot has one running task, and no address twice
  [ "$(tasks '[.[]|select(.state=="running" and .service=="web")|.slot]|sort|join(",")')" = "1,2,3,4,5,6" ] &&
    [ "$(tasks '[.[].addresses[].ip]|(length==(unique|length))')" = true ]
}
host_off() { ! tasks '.[]|select(.state=="running").node' | grep -q "^$1\$"; }

up() { apply work && slots_ok; }
agent_killed() {
  local before after
  before=$(pids host1)
  [ -n "$before" ] || fail "nothing runs on host1" || return
  on host1 sh -c 'kill -9 $(pgrep -f "carrack agent")'
  sleep 0.3
  [ "$(pids host1)" = "$before" ] || fail "containers died with the agent" || return
  until_ok 15 node_state host1 up
  until_ok 15 slots_ok || fail "not converged: $(c ps)" || return
  after=$(pids host1)
  [ "$before" = "$after" ] || fail "pids changed: $before / $after" || return
  [ "$(tasks '[.[].restarts]|add')" = 0 ] || fail "counted as restarts"
}
controller_killed_in_apply() {
  stack extra <<Y
name: extra
services:
  x: {image: $img, init: true, command: ["sleep", "inf"], deploy: {replicas: 12}}
Y
  apply extra --no-wait || return
  on ctl sh -c 'kill -9 $(pgrep -f "carrack controller")'
  until_ok 30 ready extra 12 || fail "the acknowledged stack did not converge: $(c ps extra)" || return
  slots_ok || fail "work was disturbed" || return
  c rm extra
}
controller_gone() { # containers restart without it, and nothing is moved when it comes back
  local before had
  before=$(tasks '[.[]|[.name,.id,.node]]|sort')
  lab partition ctl || return
  # shellcheck disable=SC2034  # read by eval
  had=$(pids host1)
  on host1 sh -c 'kill -9 $(pgrep -x httpd | head -n 1)'
  sleep 0.5
  until_ok 15 eval '[ "$(pids host1 | wc -w)" = 2 ] && [ "$(pids host1)" != "$had" ]' || fail "not restarted without the controller: $(pids host1)"
  local r=$?
  lab heal ctl
  until_ok 30 eval 'nodes_up 3' || fail "the nodes did not come back: $(c nodes)" || return
  until_ok 30 slots_ok || fail "not converged after healing: $(c ps)" || return
  [ "$before" = "$(tasks '[.[]|[.name,.id,.node]]|sort')" ] || fail "tasks were moved: $before, now $(c ps)" || return
  return $r
}
host_killed() {
  lab kill host3 || return
  until_ok 15 node_state host3 down || fail "host3 is not seen as down: $(c nodes)" || return
  until_ok 20 slots_ok || fail "not replaced: $(c ps)" || return
  host_off host3 || fail "running on a dead host: $(c ps)" || return
  [ "$(on host1 sh -c 'for d in $(ip -br link show type vxlan | cut -d" " -f1 | cut -d@ -f1); do bridge fdb show dev $d; done' | grep -c 10.77.0.3)" = 0 ] || fail "its entries are still in host1's tables"
}
host_returns() {
  lab start host3 || return
  until_ok 20 node_state host3 up || fail "host3 did not return: $(c nodes)" || return
  until_ok 20 slots_ok || return
  until_ok 15 eval '[ "$(tasks length)" = 6 ]' || fail "lost tasks are left: $(c ps)" || return
  until_ok 10 eval '[ -z "$(pids host3)" ]' || fail "surplus containers run on host3"
}
partition() {
  c scale work_web=6 >/dev/null
  lab partition host2 || return
  until_ok 15 node_state host2 down || return
  until_ok 20 slots_ok || fail "not replaced: $(c ps)" || return
  lab heal host2 || return
  until_ok 20 node_state host2 up || return
  until_ok 20 eval '[ "$(tasks length)" = 6 ]' || fail "not converged: $(c ps)" || return
  until_ok 20 eval '[ -z "$(pids host2)" ]' || fail "surplus containers run on host2: $(pids host2)" || return
  stack probe <<Y
name: probe
services:
  a: {image: $img, init: true, command: ["sleep", "inf"], deploy: {mode: global}}
Y
  apply probe || return
  local n
  for n in host1 host2 host3; do
    until_ok 10 c exec "probe_a.host1" ping -c 1 -w 2 "probe_a.$n" || fail "host1 does not reach $n" || return
    until_ok 10 c exec "probe_a.$n" ping -c 1 -w 2 "probe_a.host1" || fail "$n does not reach host1" || return
  done
  c rm probe
}
# The only replica has a fixed address: its replacement gets that while the lost one may still be running, and is who is
# reached, during and after.
fixed_address() {
  local lost
  stack fixed <<Y
name: fixed
networks: {default: {ipam: {config: [{subnet: 10.67.0.0/24}]}}}
services:
  one:
    image: $img
    init: true
    command: ["sh", "-c", "mkdir /w; hostname > /w/index.html; exec httpd -f -p 80 -h /w"]
    networks: {default: {ipv4_address: 10.67.0.2}}
    deploy: {placement: {constraints: ["node.hostname != host1"]}}
  client: {image: $img, init: true, command: ["sleep", "inf"], deploy: {placement: {constraints: ["node.hostname == host1"]}}}
Y
  apply fixed || return
  lost=$(tasks '.[]|select(.service=="one").node')
  first=$(c exec fixed_one.1 hostname)
  [ "$(who)" = "$first" ] || fail "the address does not lead to the task" || return
  lab partition "$lost" || return
  until_ok 25 elsewhere "$lost" || { lab heal "$lost"; fail "it is not replaced: $(c ps fixed)"; } || return
  until_ok 10 is_new || { lab heal "$lost"; fail "the address does not lead to the new task"; } || return
  lab heal "$lost" || return
  until_ok 20 node_state "$lost" up || return
  until_ok 20 eval '[ "$(tasks "[.[]|select(.service==\"one\")]|length")" = 1 ]' || fail "the lost task is left: $(c ps fixed)" || return
  is_new || fail "the address leads to $(who), which was lost" || return
  c rm fixed
}
who() { c exec fixed_client.1 timeout 2 wget -qO- http://10.67.0.2/; }
is_new() { [ -n "$(who)" ] && [ "$(who)" != "$first" ]; }
elsewhere() { tasks '.[]|select(.service=="one" and .state=="running").node' | grep -qv "^$1\$"; }
health() {
  stack sick <<Y
name: sick
services:
  a:
    image: $img
    init: true
    command: ["sh", "-c", "touch /ok; sleep inf"]
    healthcheck: {test: ["CMD", "test", "-e", "/ok"], interval: 300ms, timeout: 1s, retries: 2, start_period: 1s}
    deploy: {replicas: 2}
  b: {image: $img, init: true, command: ["sleep", "inf"]}
Y
  apply sick || return
  [ "$(tasks '[.[]|select(.service=="a" and .health=="healthy")]|length')" = 2 ] || fail "not healthy: $(c ps)" || return
  c exec sick_a.1 rm /ok
  until_ok 20 eval '[ "$(tasks "[.[]|select(.name==\"sick_a.1\")][0].restarts")" -ge 1 ]' || fail "an unhealthy container was not restarted: $(c ps)" || return
  until_ok 20 ready sick 3 || fail "did not recover: $(c ps)" || return
  c rm sick
}

t "six replicas over three hosts" up
t "kill -9 of an agent does not touch its containers" agent_killed
t "kill -9 of the controller in mid-apply: what was acknowledged converges" controller_killed_in_apply
t "with the controller gone an agent restarts what ends" controller_gone
t "a killed host's tasks are replaced and its endpoints vanish" host_killed
t "it returns: surplus stops, nothing runs twice" host_returns
t "partition and heal: tables converge without restart" partition
t "the only replica keeps its fixed address when its host is lost" fixed_address
t "an unhealthy container is restarted" health
finish
