#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What goes wrong is told in one sentence that names the thing and says what to do; the exit status is not
# 0, it does not take long, and nothing half made is left.
# shellcheck source=tests/cluster/lib.sh
. "$(dirname "$0")/lib.sh"
img=registry.lab:5000/busybox
lab_up 1
lab_dir=/var/tmp/carrack-lab/$LAB

# A second registry on the switch, that wants a password.
strict_registry() {
  htpasswd -Bbn someone secret >"$work/htpasswd"
  cat >"$work/strict.yaml" <<Y
version: 0.1
log: {level: error, accesslog: {disabled: true}}
storage: {inmemory: {}}
auth: {htpasswd: {realm: strict, path: $work/htpasswd}}
http: {addr: "10.77.0.254:5001"}
Y
  on switch sh -c "setsid docker-registry serve $work/strict.yaml >$work/strict.log 2>&1 </dev/null &"
  until_ok 10 on switch nc -z 10.77.0.254 5001
}
host_trusts_ports() { # the host speaks plain HTTP with the other ports too; agents read this when they start
  sed -i 's/"registry.lab:5000"/"registry.lab:5000", "registry.lab:5001", "registry.lab:5999"/' "$lab_dir/host1/carrack.yaml"
  lab kill host1 && lab start host1 >/dev/null && until_ok 20 nodes_up 1
}

told() { # STATUS OUTPUT WORDS...: it failed, in one sentence that says each of the words
  local status=$1 out=$2 line w
  shift 2
  [ "$status" != 0 ] || fail "the exit status is 0: $out" || return
  line=$(grep -E '^(error: |[^ ]+ error agent: )' <<<"$out")
  [ "$(grep -c . <<<"$line")" = 1 ] || fail "not one sentence: $out" || return
  for w in "$@"; do grep -qiE -- "$w" <<<"$line" || fail "'$w' is not said: $out" || return; done
  [ -z "${SHOW:-}" ] || echo "$line" >>"$SHOW"
}
refuses() { # WORDS... -- CMD...: an operator's command that fails on standard error alone
  local words=() out status
  while [ "$1" != -- ]; do words+=("$1"); shift; done
  shift
  out=$("$@" 2>&1 >"$work/stdout")
  status=$?
  [ ! -s "$work/stdout" ] || fail "on standard output: $(cat "$work/stdout")" || return
  told "$status" "$out" "${words[@]}"
}
does_not_come_up() { # NAME WORDS...: apply of the stack file NAME fails and says why; rm takes all of it away
  local name=$1 out status
  shift
  out=$(apply "$name" --timeout 8s 2>&1)
  status=$?
  c rm "$name" >/dev/null || fail "rm failed" || return
  until_ok 10 no_tasks || fail "tasks are left: $(c ps)" || return
  until_ok 10 clean || fail "left on the host: $(left)" || return
  told "$status" "$out" "$@"
}
left() {
  on host1 sh -c 'ls -A /run/carrack/containers /var/lib/carrack/containers 2>/dev/null | grep -E "[0-9a-f]{20}"
    ip -br link | grep " *ck"; ls /run/carrack/netns 2>/dev/null; pgrep -lx carrack-shim'
}
clean() { [ -z "$(left)" ]; }
one() { # NAME IMAGE [MORE_KEYS]: a stack of one service
  stack "$1" <<<"{name: $1, services: {x: {image: \"$2\", command: [sleep, inf], init: true${3:+, $3}}}}"
}

registry_refuses() {
  one refused registry.lab:5999/thing:1
  does_not_come_up refused 'registry.lab:5999' 'refused|nobody answers|not answer|connect'
}
registry_wants_password() {
  one strict registry.lab:5001/thing:1
  does_not_come_up strict 'registry.lab:5001' 'user and a password'
}
disk_is_full() {
  on host1 mount -t tmpfs -o size=300k none /var/lib/carrack/images || return
  one full $img
  does_not_come_up full '/var/lib/carrack/images' 'full; free some space'
  local status=$?
  on host1 umount /var/lib/carrack/images || return
  [ $status = 0 ] || return
  apply full >/dev/null || fail "it does not come up with space" || return
  c rm full >/dev/null && until_ok 10 no_tasks
}
port_is_taken() {
  local status holder
  holder=$(on host1 sh -c 'nc -l -p 8099 >/dev/null 2>&1 </dev/zero & echo $!')
  one port $img 'ports: [{target: 80, published: 8099, mode: host}]'
  does_not_come_up port '8099' 'use|taken|held|listen'
  status=$?
  on host1 kill "$holder"
  return $status
}
bind_is_missing() {
  one bind $img 'volumes: [{type: bind, source: /no/such/dir, target: /x, bind: {create_host_path: false}}]'
  does_not_come_up bind '/no/such/dir' 'make it'
}
unknown_things() {
  one there $img
  apply there >/dev/null || return
  refuses 'nothing_x.1' -- c exec nothing_x.1 true || return
  refuses 'there_y' -- c logs there_y || return
  refuses 'nothing' 'carrack ls' -- c rm nothing || return
  refuses 'there_y' -- c scale there_y=2 || return
  refuses 'nothing' -- c inspect nothing || return
  c rm there >/dev/null || return
  until_ok 10 no_tasks
}
# What the controller has against a stack is told as the command's own findings are: with the line and a caret.
controller_refuses() {
  local out verb
  stack held <<Y
name: held
services:
  x: {image: $img, command: [sleep, inf], init: true, ports: ["7000-7003:1-4"]}
networks: {default: {driver_opts: {vni: 4242}, ipam: {config: [{subnet: 10.66.0.0/24}]}}}
Y
  apply held --no-wait >/dev/null || return
  stack wants <<Y
name: wants
services:
  x:
    image: $img
    ports:
      - "6999-7001:1-3"
networks:
  default: {}
Y
  for verb in apply plan diff; do
    out=$(on host1 carrack "$verb" -f "$work/wants.yaml" --context "$work/operator.json" 2>&1) && fail "$verb: a port that is held was given again" && return 1
    [ "$out" = "$work/wants.yaml:6:9: error: the port 7000/tcp of the service 'x' is published by the service 'x' of the stack 'held' already; choose another, or remove that first
  in services.x.ports[0]
          - \"6999-7001:1-3\"
            ^" ] || fail "$verb says: $out" || return
  done
  sed -i 's/6999-7001:1-3/80/; s,default: {},default: {ipam: {config: [{subnet: "10.66.0.128/25"}]}},' "$work/wants.yaml"
  out=$(apply wants 2>&1) && fail "subnets overlap" && return 1
  grep -q "wants.yaml:8:38: error: the subnet '10.66.0.128/25' of the network 'default' overlaps that of 'held_default'" <<<"$out" || fail "it says: $out" || return
  sed -i 's,ipam: .*,driver_opts: {vni: 4242}},' "$work/wants.yaml"
  out=$(c apply -f - --no-wait <"$work/wants.yaml" 2>&1) && fail "a VNI was given twice" && return 1
  grep -q "<stdin>:8:32: error: the VNI 4242 of the network 'default' is that of 'held_default'" <<<"$out" || fail "it says: $out" || return
  c rm held >/dev/null && until_ok 10 no_tasks
}
wrong_context() {
  refuses '/no/operator.json' -- c ps --context /no/operator.json || return
  echo '{"a": 1}' >"$work/odd.json"
  refuses 'odd.json' -- c ps --context "$work/odd.json"
}
token_expired() {
  local token
  token=$(c token create --ttl 1s) || return
  sleep 1.5
  refuses 'token' 'expired|create' -- on host1 timeout 20 carrack agent --join "$token" --data-dir "$work/d" --run-dir "$work/r"
}
controller_lost() {
  local start=$SECONDS
  lab partition ctl && sleep 0.2
  refuses '10.77.0.200' -- on host1 timeout 20 carrack ps --context "$lab_dir/ctl/data/controller/operator.json"
  local status=$?
  lab heal ctl
  [ $status = 0 ] || return
  [ $((SECONDS - start)) -lt 10 ] || fail "it took $((SECONDS - start)) s" || return
  until_ok 10 nodes_up 1 || return
  lab kill ctl
  refuses '10.77.0.200' -- on host1 timeout 20 carrack ps --context "$work/operator.json"
  status=$?
  lab start ctl >/dev/null
  until_ok 10 nodes_up 1 || fail "the controller did not come back" || return
  return $status
}

strict_registry || exit 1
host_trusts_ports || exit 1
c version >/dev/null
cp "$lab_dir/ctl/data/controller/operator.json" "$work/operator.json"
t "a registry that refuses connections" registry_refuses
t "a registry that wants a password" registry_wants_password
t "a full disk, and then space again" disk_is_full
t "a port that another process holds" port_is_taken
t "a bind source that is not there" bind_is_missing
t "tasks, services and stacks that are not there" unknown_things
t "what the controller refuses, with its place in the file" controller_refuses
t "a context file that is missing or odd" wrong_context
t "a token that expired" token_expired
t "a controller that is cut off, or down" controller_lost
finish
