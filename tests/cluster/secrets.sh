#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Configs and secrets from the file to the container: what arrives, what rolls, what outlives agents, hosts
# and the controller, and that no value is anywhere else.
# shellcheck source=tests/cluster/lib.sh
. "$(dirname "$0")/lib.sh"
img=registry.lab:5000/busybox
lab_up 2

# Every value has "seed" in it, so that one search finds any of them in clear; and in base64, at each of
# the three places where it can begin.
new() { printf 'seed-%s-%s' "$1" "$(od -An -N12 -tx1 /dev/urandom | tr -d ' \n')"; }
value() { cat "$work/$1"; }
for n in pass token page outer only; do new $n >"$work/$n"; done
head -c 3000 /dev/urandom >"$work/binary"
printf 'seed-tail' >>"$work/binary"

file() { # the stack, with the values as they are now
  stack sec <<Y
name: sec
services:
  web:
    image: $img
    init: true
    command: ["sleep", "inf"]
    user: "1000:1000"
    read_only: true
    tmpfs: [/run]
    volumes: ["data:/data"]
    stop_grace_period: 1s
    secrets:
      - pass
      - {source: token, target: /etc/app/deep/token, uid: "1000", gid: "7", mode: 0400}
      - {source: pass, target: /data/pass}
      - {source: bin, target: bin}
      - outer
    configs:
      - page
      - {source: run, target: /go, mode: 0555}
    healthcheck: {test: ["CMD-SHELL", "! grep -q bad /run/secrets/pass"], interval: 200ms, retries: 1}
    deploy:
      replicas: 2
      placement: {max_replicas_per_node: 1}
      update_config: {failure_action: rollback, monitor: 500ms, order: stop-first, parallelism: 2}
  still: {image: $img, init: true, command: ["sleep", "inf"], stop_grace_period: 1s, secrets: [token]}
  only:
    image: $img
    init: true
    command: ["sleep", "inf"]
    stop_grace_period: 1s
    secrets: [only]
    deploy: {placement: {constraints: ["node.hostname == host2"]}}
volumes: {data: {}}
secrets:
  pass: {file: ./pass}
  token: {environment: TOKEN}
  bin: {file: ./binary}
  only: {file: ./only}
  outer: {external: true}
configs:
  page: {content: "hello \${PAGE}"}
  run: {content: "#!/bin/sh\necho ran"}
Y
}
put() { # applies it
  file
  TOKEN=$(value token) PAGE=$(value page) apply sec
}
ids() { tasks "[.[]|select(.service==\"$1\" and .state==\"running\").id]|sort|join(\" \")"; }
inside() { # TASK CMD...
  local task=$1
  shift
  c exec "$task" "$@" </dev/null
}
# What a container has, seen from its host, without the controller.
seen() { # HOST PATH
  on "$1" sh -c "cat /proc/\$(pgrep -x -u 1000 sleep | head -n 1)/root$2"
}
has() { # FILE-WITH-THE-VALUE: every web container has it as /run/secrets/pass
  local h
  for h in host1 host2; do [ "$(seen $h /run/secrets/pass)" = "$(value "$1")" ] || return; done
}

delivered() {
  c secret create outer "$work/outer" || return
  put || return
  local task
  for task in $(ids web); do
    [ "$(inside "$task" cat /run/secrets/pass)" = "$(value pass)" ] || fail "pass" || return
    [ "$(inside "$task" cat /data/pass)" = "$(value pass)" ] || fail "a target in a volume" || return
    [ "$(inside "$task" cat /etc/app/deep/token)" = "$(value token)" ] || fail "token" || return
    [ "$(inside "$task" cat /run/secrets/outer)" = "$(value outer)" ] || fail "outer" || return
    [ "$(inside "$task" cat /page)" = "hello $(value page)" ] || fail "page" || return
    [ "$(inside "$task" md5sum /run/secrets/bin | cut -d' ' -f1)" = "$(md5sum <"$work/binary" | cut -d' ' -f1)" ] || fail "binary" || return
    [ "$(inside "$task" /go)" = ran ] || fail "a config cannot be run" || return
    [ "$(inside "$task" stat -c '%a %u %g' /run/secrets/pass /etc/app/deep/token /go | xargs)" = "444 0 0 400 1000 7 555 0 0" ] || fail "modes: $(inside "$task" stat -c '%a %u %g' /run/secrets/pass /etc/app/deep/token /go)" || return
    ! inside "$task" sh -c 'echo x >/etc/app/deep/token' || fail "a secret can be written" || return
  done
  for task in $(ids web); do
    inside "$task" sh -c 'grep -c " /run/secrets/pass .*tmpfs" /proc/mounts' || fail "a secret is not on a tmpfs" || return
  done
}
same_again() {
  local before
  before=$(ids web)
  put || return
  [ "$(ids web)" = "$before" ] || fail "the same values made new tasks"
}
versions() { on "$1" ls /var/lib/carrack/sealed | sort; } # HOST
no_stale() { # host1 keeps the six that web uses, and that of still if it is there
  local n
  n=$(versions host1 | wc -l)
  [ "$n" = 6 ]
}
edit_rolls() {
  local before still old
  before=$(ids web) still=$(ids still) old=$(versions host1)
  new second >"$work/pass"
  put || return
  [ "$(ids still)" = "$still" ] || fail "a service that does not use it was rolled" || return
  [ "$(ids web)" != "$before" ] || fail "not rolled" || return
  has pass || fail "not the new value" || return
  until_ok 15 no_stale || fail "old versions stay on host1: $(versions host1)" || return
  [ "$(comm -23 <(echo "$old") <(versions host1) | wc -l)" = 1 ] || fail "not one version went: $old; $(versions host1)"
}
rolled_back() {
  value pass >"$work/good"
  printf 'seed-bad' >"$work/pass"
  ! put || fail "apply says that it went well" || return
  until_ok 20 has good || fail "not rolled back: $(c ps)" || return
  cp "$work/good" "$work/pass"
  put || fail "the good value again" || return
  has pass
}
external_rolls() { # and the cluster's key is another one by then, read by another controller
  local still
  c secret rotate-key || return
  on ctl sh -c 'kill -9 $(pgrep -f "carrack controller")'
  until_ok 20 nodes_up 2 || return
  still=$(ids still)
  new outside >"$work/outer"
  c secret create --replace outer "$work/outer" || return
  until_ok 20 eval '[ "$(seen host1 /run/secrets/outer)" = "$(value outer)" ] && [ "$(seen host2 /run/secrets/outer)" = "$(value outer)" ]' || fail "not rolled: $(c ps)" || return
  until_ok 10 ready sec 4 || return
  [ "$(ids still)" = "$still" ] || fail "a service that does not use it was rolled" || return
  ! c secret rm outer || fail "one in use was removed"
}
sleeper() { on "$1" pgrep -x -u 1000 sleep; }
agent_restarts() {
  local before
  before=$(sleeper host1)
  on host1 sh -c 'kill -9 $(pgrep -f "carrack agent"); mkdir -p /run/carrack/secrets/left; echo seed >/run/carrack/secrets/left/secret.0'
  until_ok 15 eval '! on host1 test -e /run/carrack/secrets/left' || fail "what is left over stays" || return
  until_ok 15 node_state host1 up || return
  [ "$(sleeper host1)" = "$before" ] || fail "the container did not survive" || return
  has pass || fail "its files did not"
}
key_lost() { # a container that starts again has its files all the same
  local before
  before=$(sleeper host1)
  on host1 sh -c 'rm /var/lib/carrack/sealing.key; kill -9 $(pgrep -f "carrack agent")'
  until_ok 15 node_state host1 up || return
  until_ok 15 on host1 test -e /var/lib/carrack/sealing.key || return
  on host1 kill -9 "$before"
  until_ok 20 eval '[ -n "$(sleeper host1)" ] && [ "$(sleeper host1)" != "$before" ]' || fail "not started again: $(c ps)" || return
  until_ok 10 has pass || fail "not its value"
}
reboot_alone() { # the host's memory is gone, and so is the controller
  lab partition ctl || return
  lab kill host2 && lab start host2 || return
  until_ok 30 has pass || fail "no files without the controller: $(on host2 ls -R /run/carrack/secrets)"
  local r=$?
  lab heal ctl
  until_ok 30 ready sec 4 || fail "not converged: $(c ps)" || return
  return $r
}
only_its_own() { # the disk of host1 has nothing that its tasks do not use
  local v
  v=$(on host2 sh -c 'grep -l "\"name\":\"sec_only\"" /var/lib/carrack/sealed/*' | xargs -n1 basename)
  [ -n "$v" ] || fail "host2 has no version of 'only'" || return
  ! versions host1 | grep -q "$v" || fail "host1 was sent a secret of host2's task"
}
as_agent() { # METHOD PATH: what an agent's certificate is answered
  on host1 sh -c "cd /root && jq -r .cert /var/lib/carrack/identity.json >c.pem && jq -r .key /var/lib/carrack/identity.json >k.pem && jq -r .ca /var/lib/carrack/identity.json >ca.pem &&
    curl -s -o /dev/null -w '%{http_code}' -X $1 --cacert ca.pem --cert c.pem --key k.pem --connect-to ::10.77.0.200:7677 https://controller.carrack$2; rm -f k.pem"
}
agent_asks() { # a taken-over agent is no operator
  local path
  for path in "GET /v1/secrets" "GET /v1/configs" "GET /v1/secrets/outer" "PUT /v1/secrets/outer" "GET /v1/sealing?stack=sec" "PUT /v1/sealed/x" "GET /v1/stacks/sec"; do
    # shellcheck disable=SC2086 # two words
    [ "$(as_agent $path)" = 403 ] || fail "$path is answered $(as_agent $path)" || return
  done
}
# "seed-" in clear, in base64 at each of the three places where it can begin, in hex.
seeds='seed-|c2VlZC|zZWVkL|NlZWQt|736565642d'
log_of() { echo "${CARRACK_LAB_DIR:-/var/tmp/carrack-lab}/$LAB/$1/daemon.log"; }
clean() { # WHAT: standard input has no value in it
  local text
  text=$(cat)
  [ -n "$text" ] || fail "$1: nothing to search" || return
  ! grep -aqE "$seeds" <<<"$text" || fail "$1 has a value in it: $(grep -aoE ".{0,20}($seeds).{0,20}" <<<"$text" | head -n 3)"
}
disk_clean() { # HOST
  local found
  found=$(on "$1" sh -c "grep -rlaE '$seeds' /var/lib/carrack /run/carrack 2>/dev/null" | grep -vE '^/run/carrack/secrets/')
  [ -z "$found" ] || fail "$1 has a value in clear in $found"
}
no_leaks() {
  local verb h
  # The search finds what is there.
  on host1 grep -rq seed-second /run/carrack/secrets || fail "nothing found where the values are" || return
  for h in ctl host1 host2; do
    disk_clean $h || return
    clean "the log of $h" <"$(log_of $h)" || return
  done
  for verb in "ls" "ps --json" "inspect sec" "inspect sec_web" "inspect sec_web.1" "events" "secret ls --json" "configs ls --json" "configs inspect sec_page" "secret inspect outer" "nodes --json"; do
    # shellcheck disable=SC2086 # words
    c $verb 2>&1 | clean "carrack $verb" || return
  done
  file
  (cd "$work" && TOKEN=$(new later) PAGE=x c plan -f sec.yaml --json 2>&1 | clean "carrack plan") || return
}
removed() {
  c rm sec >/dev/null && until_ok 20 no_tasks || return
  local h
  for h in host1 host2; do
    until_ok 10 eval "! on $h test -e /run/carrack/secrets" || fail "$h: $(on $h ls -R /run/carrack/secrets)" || return
    until_ok 10 eval "[ -z \"\$(versions $h)\" ]" || fail "$h keeps sealed versions: $(versions $h)" || return
  done
  c secret rm outer
}

t "file, environment, content and external arrive with owner and mode" delivered
t "the same values again change nothing" same_again
t "an edited secret rolls those who use it; the old version goes" edit_rolls
t "a value that makes a service sick is rolled back" rolled_back
t "a new value of an external secret rolls those who use it" external_rolls
t "an agent that dies leaves the files of what runs" agent_restarts
t "a node that lost its key is sealed to anew" key_lost
t "a host that reboots without the controller has its files" reboot_alone
t "a host is sent what its own tasks use" only_its_own
t "an agent's certificate opens no door to secrets" agent_asks
t "no value in stores, logs, states and answers" no_leaks
t "with the stack all of it goes" removed
finish
