#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The main job: apply, apply again, change, scale, several stacks, logs, exec, errors, rm without a trace.
# shellcheck source=tests/cluster/lib.sh
. "$(dirname "$0")/lib.sh"
img=registry.lab:5000/busybox
lab_up 3

stack hello <<Y
name: hello
services:
  web:
    image: $img
    stop_grace_period: 1s
    command: ["sh", "-c", "hostname > /www/index.html; exec httpd -f -p 8080 -h /www"]
    environment: {COLOUR: blue}
    deploy: {replicas: 3}
  client:
    image: $img
    stop_grace_period: 1s
    command: ["sh", "-c", "while :; do wget -q -O - http://web:8080/; sleep 1; done"]
Y

apply_hello() {
  apply hello || return
  ready hello 4 || fail "not 4 ready tasks: $(c ps)" || return
  [ "$(tasks '[.[]|select(.service=="web").node]|unique|length')" = 3 ] || fail "web is not on 3 nodes"
}
# shellcheck disable=SC2016
completion() {
  local out
  out=$(on ctl bash -c '. <(carrack completion bash)
    try() { COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _carrack; echo "${COMPREPLY[*]}"; }
    try carrack insp; try carrack logs --tai; try carrack rm hel; try carrack logs hello_w
    try carrack nodes label host2; try carrack net inspect hello_; try carrack config --format y') || return
  [ "$out" = "inspect
--tail
hello
hello_web hello_web.1 hello_web.2 hello_web.3
host2
hello_default
yaml" ] || fail "completed: $out"
}
http_by_name() {
  local names
  names=$(for _ in 1 2 3 4 5 6 7 8 9 10 11 12; do c exec hello_client.1 wget -q -O - http://web:8080/; done | sort -u | wc -l)
  [ "$names" = 3 ] || fail "12 requests by name met $names of 3 containers"
}
same_again() {
  local before after out
  before=$(tasks '[.[]|[.id,.restarts]]|sort')
  out=$(apply hello) || return
  after=$(tasks '[.[]|[.id,.restarts]]|sort')
  [ "$before" = "$after" ] || fail "tasks changed: $before / $after" || return
  grep -qi 'nothing to change\|unchanged' <<<"$out" || fail "it did not say so: $out"
}
change_one() {
  local client web
  client=$(tasks '.[]|select(.service=="client").id') web=$(tasks '[.[]|select(.service=="web").id]|sort')
  sed -i 's/COLOUR: blue/COLOUR: red/' "$work/hello.yaml"
  apply hello || return
  [ "$(tasks '.[]|select(.service=="client").id')" = "$client" ] || fail "client was touched" || return
  [ "$(tasks '[.[]|select(.service=="web").id]|sort')" != "$web" ] || fail "web was not replaced" || return
  [ "$(c exec hello_web.1 sh -c 'echo $COLOUR')" = red ] || fail "the new environment is not there"
}
scale() {
  c scale hello_web=5 || return
  until_ok 20 ready hello 6 || fail "no 6 ready tasks" || return
  c scale hello_web=2 || return
  until_ok 20 eval '[ "$(tasks "[.[]|select(.service==\"web\")]|length")" = 2 ]' || fail "surplus tasks are left" || return
  ready hello 3
}
logs_and_exec() {
  until_ok 10 eval 'c logs --tail 5 hello_client.1 | grep -q .' || fail "no logs" || return
  [ "$(c exec hello_client.1 -- echo as others write it)" = "as others write it" ] || fail "-- before the command" || return
  c exec hello_client.1 sh -c 'exit 42'
  [ $? = 42 ] || fail "exit status was not passed on" || return
  [ "$(echo over there | c exec -i hello_client.1 cat)" = "over there" ] || fail "stdin did not arrive" || return
  [ "$(c exec hello_client.1 sh -c 'ls /proc/self/fd | tr "\n" " "')" = "0 1 2 3 " ] || fail "descriptors leak: $(c exec hello_client.1 ls -l /proc/self/fd)"
}
service_removed() {
  local out
  sed -i '/^  client:/,$d' "$work/hello.yaml"
  out=$(apply hello) || return
  grep -q 'is up: 1 service, ' <<<"$out" || fail "what goes is counted: $out" || return
  until_ok 20 eval '[ "$(tasks "[.[]|select(.service==\"client\")]|length")" = 0 ]'
}
three_stacks() {
  local s
  for s in a b c; do
    stack "$s" <<Y
name: $s
services:
  one: {image: $img, command: ["sleep", "inf"], init: true, hostname: "$s-one"}
  two: {image: $img, command: ["sleep", "inf"], init: true, deploy: {replicas: 2}}
Y
    apply "$s" --no-wait || return
  done
  for s in a b c; do until_ok 30 ready "$s" 3 || fail "$s is not ready: $(c ps)" || return; done
  for s in a b c; do
    [ "$(c exec "${s}_two.1" ping -c 1 -w 5 tasks.one | grep -c '1 packets received')" = 1 ] || fail "$s cannot reach its one" || return
  done
  ! c exec a_two.1 ping -c 1 -w 2 "$(tasks '.[]|select(.name=="b_one.1").addresses[0].ip')" || fail "a reaches b" || return
  for s in a b c; do c rm "$s" || return; done
}
bad_files() {
  local out
  out=$(c apply -f /nowhere/x.yaml 2>&1) && fail "a missing file is fine?" && return 1
  grep -q '/nowhere/x.yaml' <<<"$out" || fail "the file is not named: $out" || return
  printf 'services:\n  web:\n    imagee: x\n' >"$work/bad.yaml"
  out=$(apply bad 2>&1) && fail "an unknown key is fine?" && return 1
  grep -q 'bad.yaml:3:5' <<<"$out" || fail "no place: $out" || return
  printf 'services: [\n' >"$work/bad.yaml"
  out=$(apply bad 2>&1) && return 1
  grep -q 'bad.yaml:2:1\|bad.yaml:1:' <<<"$out" || fail "no place: $out"
}
reads_own_output() { # with dollars, line breaks and what looks like another type
  cat >"$work/odd.yaml" <<'Y'
services:
  web: {image: "a:1", command: ["sh", "-c", "echo $$HOME $${X:-y} '$$$$'"], labels: {a: "yes", b: "1e3", c: "one\ntwo "}}
Y
  "$carrack" config --escape -f "$work/odd.yaml" >"$work/once" && "$carrack" config --escape -f - <"$work/once" >"$work/twice" || return
  grep -qF 'echo $$HOME' "$work/once" && cmp "$work/once" "$work/twice"
}
unknown_image() {
  local out
  stack nope <<Y
name: nope
services: {x: {image: "registry.lab:5000/not-there:1"}}
Y
  out=$(apply nope 2>&1) && fail "it came up?" && return 1
  grep -q 'not-there' <<<"$out" || fail "the image is not named: $out" || return
  c rm nope
}
no_node_fits() {
  local out
  stack big <<Y
name: big
services:
  x:
    image: $img
    command: ["sleep", "inf"]
    deploy: {placement: {constraints: ["node.labels.disk == ssd"]}}
Y
  out=$(apply big --timeout 6s 2>&1) && fail "it came up?" && return 1
  grep -qi 'constraint' <<<"$out" || fail "the rule is not named: $out" || return
  c rm big
}
crashing() {
  local out
  stack crash <<Y
name: crash
services:
  x: {image: $img, command: ["sh", "-c", "echo last words; exit 3"], restart: "no"}
Y
  out=$(apply crash 2>&1) && fail "it came up?" && return 1
  grep -q 'last words' <<<"$out" && grep -q '3' <<<"$out" || fail "no status or log: $out" || return
  c rm crash
}
wrong_token() {
  local out
  out=$(on host1 carrack agent --join ck1.10.77.0.200:7677.00.aa.bb --data-dir /run/x --run-dir /run/y 2>&1)
  [ $? != 0 ] && [ -n "$out" ] || fail "it was taken: $out"
}
traces() { # what a stack leaves on a host
  on "$1" sh -c "ip -br link | grep ' *ck' ; ls /run/carrack/netns 2>/dev/null; grep -E ' /(run|var/lib)/carrack/' /proc/self/mounts; nft list tables | grep ck; find /sys/fs/cgroup -name unified -prune -o -type d -path '*carrack-lab-$LAB-*' -print | grep -E '/[0-9a-f]{20,}'; pgrep -lx carrack-shim"
}
rm_leaves_nothing() {
  local h
  c rm hello || return
  until_ok 20 no_tasks || fail "tasks are left: $(c ps)" || return
  for h in host1 host2 host3; do
    until_ok 10 eval '[ -z "$(traces '$h')" ]' || fail "$h: $(traces $h)" || return
  done
}

t "apply runs a stack over three hosts" apply_hello
t "bash completes verbs, options, stacks, services, nodes and networks" completion
t "a service answers by name from another host, in rotation" http_by_name
t "the same file again changes nothing and says so" same_again
t "a changed service is replaced, others are left alone" change_one
t "scale up and down" scale
t "logs, exec with stdin and exit status, no descriptor leaks" logs_and_exec
t "a service gone from the file is removed" service_removed
t "three stacks side by side, isolated from each other" three_stacks
t "what config --escape writes is a stack file that means the same" reads_own_output
t "a missing file, an unknown key and bad YAML are told with their place" bad_files
t "an image that is not there is told" unknown_image
t "no node fits: the rule is told" no_node_fits
t "a crash is told with status and last words" crashing
t "a wrong token is refused" wrong_token
t "rm leaves no link, namespace, mount, rule, cgroup or process" rm_leaves_nothing
finish
