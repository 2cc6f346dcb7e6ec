#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Keys of a service, as they show in a container or in the order of things.
# shellcheck source=tests/cluster/lib.sh
. "$(dirname "$0")/lib.sh"
img=registry.lab:5000/busybox
lab_up 2

order() {
  local out
  stack ord <<Y
name: ord
services:
  app:
    image: $img
    init: true
    command: ["sleep", "inf"]
    stop_grace_period: 1s
    depends_on:
      db: {condition: service_healthy}
      migrate: {condition: service_completed_successfully}
  db:
    image: $img
    init: true
    command: ["sh", "-c", "while [ ! -e /go ]; do sleep 0.1; done; touch /up; sleep inf"]
    stop_grace_period: 1s
    healthcheck: {test: ["CMD", "test", "-e", "/up"], interval: 200ms, retries: 1000}
  migrate:
    image: $img
    command: ["true"]
Y
  apply ord --no-wait || return
  until_ok 20 eval 'c ps ord --json | jq -e ".[]|select(.service==\"db\" and .state==\"running\")"' || fail "db does not run" || return
  until_ok 20 eval 'c ps ord --json | jq -e ".[]|select(.service==\"migrate\" and .state==\"complete\")"' || fail "migrate: $(c ps ord)" || return
  out=$(c ps ord)
  grep -q "waits for 'db' to be healthy" <<<"$out" || fail "no reason: $out" || return
  c exec ord_db.1 touch /go || return
  apply ord || return
  [ "$(tasks '.[]|select(.name=="ord_migrate.1")|.restarts')" = 0 ] || fail "the job ran again"
}
own_values() { # each task's own
  stack own <<Y
name: own
services:
  web:
    image: $img
    init: true
    command: ["sleep", "inf"]
    hostname: "{{.Node.Hostname}}-{{.Task.Slot}}"
    environment: {S: "{{.Service.Name}} {{ .Task.Name }}", K: "{{.Other}} {{", L: '{{index .Service.Labels "tier"}}@{{.Node.Platform.Architecture}}'}
    volumes: ["data:/d", "$work/own-{{.Task.Slot}}:/b"]
    deploy: {replicas: 2, labels: {tier: front}}
volumes:
  data: {name: "own-{{.Task.Slot}}"}
Y
  apply own && ready own 2 || return
  local n node
  for n in 1 2; do
    node=$(tasks ".[]|select(.name==\"own_web.$n\").node")
    [ "$(c exec own_web.$n hostname)" = "$node-$n" ] || fail "hostname: $(c exec own_web.$n hostname)" || return
    # shellcheck disable=SC2016 # expanded in the container
    [ "$(c exec own_web.$n sh -c 'echo "$S, $K"; touch /d/there')" = "own_web own_web.$n, {{.Other}} {{" ] || fail "environment" || return
    [ "$(c exec own_web.$n sh -c 'echo $L')" = "front@$(uname -m)" ] || fail "labels, architecture: $(c exec own_web.$n env)" || return
    [ -d "$work/own-$n" ] && on "$node" test -e "/var/lib/carrack/volumes/own-$n/_data/there" || fail "volumes" || return
  done
  # a label that is filled in is a part of the tasks
  sed -i 's/tier: front/tier: back/' "$work/own.yaml"
  c plan -f "$work/own.yaml" | grep -q "2 of 2 tasks made anew" || fail "the plan: $(c plan -f "$work/own.yaml")" || return
  apply own || return
  [ "$(c exec own_web.1 sh -c 'echo $L')" = "back@$(uname -m)" ] || fail "an old label" || return
  c rm own
}
dependency_fails() {
  local out
  stack bad <<Y
name: bad
services:
  app: {image: $img, command: ["sleep", "inf"], depends_on: {job: {condition: service_completed_successfully}}}
  job: {image: $img, command: ["sh", "-c", "echo broken; exit 3"]}
Y
  out=$(apply bad 2>&1) && fail "it came up: $out" && return 1
  grep -q "job.*status 3" <<<"$out" || fail "it does not say which: $out" || return
  c rm bad
}
container_keys() {
  local v
  printf 'A=from file\nquoted="q"\n' >"$work/raw.env"
  cat >"$work/no-mkdir.json" <<Y
{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO"}]}
Y
  stack keys <<Y
name: keys
services:
  box:
    image: $img
    init: true
    command: ["sh", "-c", "seq 1 3000; sleep inf"]
    stop_grace_period: 1s
    container_name: the-box
    cpu_shares: 512
    cpuset: "0"
    cpu_quota: 50000
    mem_limit: 64m
    memswap_limit: 64m
    uts: host
    env_file: [{path: raw.env, format: raw}]
    device_cgroup_rules: ["c 10:229 rwm"]
    security_opt: ["seccomp:no-mkdir.json"]
    logging: {driver: json-file, options: {max-size: 20k, max-file: "2"}}
    post_start:
      - command: ["sh", "-c", "echo \$\$WHO > /tmp-up"]
        environment: {WHO: me}
  quiet:
    image: $img
    init: true
    ipc: host
    command: ["sh", "-c", "echo nothing; sleep inf"]
    stop_grace_period: 1s
    logging: {driver: none}
Y
  apply keys || return
  [ "$(c exec the-box cat /tmp-up)" = me ] || fail "post_start did not run, or too late" || return
  [ "$(c exec the-box sh -c 'echo $quoted')" = '"q"' ] || fail "the raw env_file was not raw" || return
  ! c exec the-box mkdir /x 2>/dev/null || fail "the seccomp profile does nothing" || return
  v=$(c exec the-box grep Cpus_allowed_list /proc/self/status)
  [ "${v##*[[:space:]]}" = 0 ] || fail "cpuset: $v" || return
  v=$(c exec keys_quiet.1 nslookup the-box 2>&1) || fail "container_name does not resolve: $v" || return
  v=$(c logs the-box | wc -l)
  [ "$v" -gt 100 ] && [ "$v" -lt 3000 ] || fail "the log was not rotated: $v lines" || return
  [ -z "$(c logs keys_quiet.1)" ] || fail "there is a log" || return
  ! c scale keys_box=2 2>/dev/null || fail "two with one name?"
}
cgroup_values() {
  local id node dir
  id=$(tasks '.[]|select(.name=="keys_box.1").id') node=$(tasks '.[]|select(.name=="keys_box.1").node')
  dir=$(on "$node" sh -c "find /sys/fs/cgroup -type d -name $id | head -20")
  on "$node" sh -c "for d in $(echo "$dir" | tr '\n' ' '); do cat \$d/cpu.shares \$d/cpu.weight 2>/dev/null; done" | grep -qx '512\|20' || fail "cpu_shares" || return
  on "$node" sh -c "for d in $(echo "$dir" | tr '\n' ' '); do cat \$d/cpu.cfs_quota_us \$d/cpu.max 2>/dev/null; done" | grep -q '^50000' || fail "cpu_quota"
}
pre_stop() {
  stack stop <<Y
name: stop
services:
  s:
    image: $img
    init: true
    command: ["sleep", "inf"]
    stop_grace_period: 5s
    volumes: ["/tmp/keys-stop:/out"]
    deploy: {placement: {constraints: [node.hostname == host1]}}
    pre_stop: [{command: ["sh", "-c", "echo bye > /out/said"]}]
Y
  apply stop || return
  c rm stop || return
  until_ok 10 on host1 grep -q bye /tmp/keys-stop/said
}
jobs() {
  stack job <<Y
name: job
services:
  each: {image: $img, command: ["true"], deploy: {mode: global-job}}
Y
  apply job || return
  until_ok 20 eval '[ "$(c ps job --json | jq "[.[]|select(.state==\"complete\")]|length")" = 2 ]' || fail "$(c ps job)" || return
  c rm job
}
guests_of() { # STACK: each task of app is in the network, the processes and the /dev/shm of vpn's
  local i
  for i in 1 2; do
    [ "$(tasks ".[]|select(.name==\"$1_app.$i\").node")" = "$(tasks ".[]|select(.name==\"$1_vpn.$i\").node")" ] || return
    [ "$(c exec "$1_app.$i" sh -c 'hostname; cat /dev/shm/mark; pidof httpd >/dev/null && echo sees')" = "$(printf 'gate\nmine\nsees')" ] || return
  done
  [ "$(c exec "$1_probe.1" wget -qO- http://vpn:9090/hostname)" = gate ]
}
shared_spaces() {
  local out pid
  stack spaces <<Y
name: spaces
services:
  app:
    image: $img
    init: true
    network_mode: service:vpn
    pid: service:vpn
    ipc: service:vpn
    command: ["sh", "-c", "httpd -p 9090 -h /etc; sleep inf"]
    restart: "no"
    stop_grace_period: 1s
    deploy: {replicas: 2}
  vpn:
    image: $img
    init: true
    hostname: gate
    ipc: shareable
    command: ["sh", "-c", "echo mine >/dev/shm/mark; sleep inf"]
    stop_grace_period: 1s
    deploy: {replicas: 2}
  probe: {image: $img, init: true, command: ["sleep", "inf"], stop_grace_period: 1s}
Y
  apply spaces || return
  guests_of spaces || fail "not shared: $(c ps spaces)" || return
  # the host's end is the guest's: both again, together
  pid=$(tasks '.[]|select(.name=="spaces_vpn.1").pid')
  on "$(tasks '.[]|select(.name=="spaces_vpn.1").node')" kill -9 "$pid"
  until_ok 20 eval '[ "$(tasks ".[]|select(.name==\"spaces_vpn.1\").restarts")" = 1 ] && guests_of spaces' || fail "after a restart: $(c ps spaces)" || return
  sed -i 's/echo mine/echo  mine/' "$work/spaces.yaml"
  out=$(c plan -f "$work/spaces.yaml")
  grep -q "service 'app': 2 of 2 tasks made anew.*goes with" <<<"$out" || fail "the plan: $out" || return
  apply spaces || return
  guests_of spaces || fail "after an update: $(c ps spaces)" || return
  c rm spaces
}
devices_by_name() { # as a file on the host describes them (CDI): on a node that has them
  on host2 sh -c 'mkdir -p /run/cdi && printf "kind: x.com/dev\ndevices: [{name: a, containerEdits: {deviceNodes: [{path: /dev/x0, hostPath: /dev/zero}]}}]\ncontainerEdits: {env: [X=void], mounts: [{hostPath: /run/cdi, containerPath: /opt/cdi, options: [ro, rbind]}]}\n" >/run/cdi/x.yaml' || return
  stack cdi <<<"{name: cdi, services: {s: {image: $img, init: true, command: [sleep, inf], stop_grace_period: 1s, devices: [x.com/dev=a], deploy: {replicas: 2}}}}"
  apply cdi || return
  [ "$(tasks '[.[]|select(.service=="s").node]|unique|join(" ")')" = host2 ] || fail "on another node: $(c ps cdi)" || return
  [ "$(c exec cdi_s.1 sh -c 'echo $X; head -c 1 /dev/x0 | wc -c; ls /opt/cdi')" = "$(printf 'void\n1\nx.yaml')" ] || fail "it is not there" || return
  sed -i 's/x.com.dev=a/x.com\/dev=b/' "$work/cdi.yaml"
  apply cdi --no-wait || return
  until_ok 20 eval 'c ps cdi | grep -q "2 lack the device .x.com/dev=b."' || fail "$(c ps cdi)" || return
  on host1 sh -c 'mkdir -p /run/cdi && printf "kind: x.com/dev\ndevices: [{name: b, containerEdits: {env: [B=1]}}]\n" >/run/cdi/late.yaml' || return
  until_ok 30 eval '[ "$(tasks "[.[]|select(.service==\"s\" and .state==\"running\").node]|join(\" \")")" = "host1 host1" ]' || fail "a device that came: $(c ps cdi)" || return
  c rm cdi
}
image_mounts() { # another image's files, and a part of them
  local out
  on switch skopeo copy -q --dest-tls-verify=false "oci:$work/oci:busybox" docker://registry.lab:5000/tools:1 || return
  stack im <<Y
name: im
services:
  s:
    image: $img
    init: true
    command: [sleep, inf]
    stop_grace_period: 1s
    volumes:
      - {type: image, source: registry.lab:5000/tools:1, target: /all}
      - {type: image, source: $img, target: /opt/busybox, image: {subpath: bin/busybox}}
Y
  out=$(c plan -f "$work/im.yaml")
  grep -q "tools:1" <<<"$out" || fail "the plan does not say what is pulled: $out" || return
  apply im || return
  out=$(c exec im_s.1 sh -c '/opt/busybox echo works; touch /all/x || ls /all/bin/busybox' 2>&1) || fail "$out" || return
  grep -q works <<<"$out" && grep -q Read-only <<<"$out" && grep -qx /all/bin/busybox <<<"$out" || fail "$out" || return
  sed -i 's/bin.busybox/bin\/none/' "$work/im.yaml"
  apply im --no-wait || return
  until_ok 20 eval 'c ps im | grep -q "image for ./opt/busybox.: the image has no .bin/none"' || fail "$(c ps im)" || return
  sed -i 's/tools:1/absent-image/' "$work/im.yaml"
  apply im --no-wait || return
  until_ok 20 eval 'c ps im | grep -q "absent-image"' || fail "$(c ps im)" || return
  c rm im
}
commands_before() { # each task's own, in containers with its volumes; once
  local out
  stack pre <<Y
name: pre
services:
  s:
    image: $img
    init: true
    command: [sleep, inf]
    stop_grace_period: 1s
    environment: {W: outer, V: all}
    volumes: ["etc:/etc"]
    deploy: {replicas: 2}
    pre_start:
      - {command: [sh, -c, "echo \$\$W \$\$V >>/etc/out; echo said"], environment: {W: inner}, per_replica: true}
      - {image: "registry.lab:5000/tools:1", command: [sh, -c, "id -u >>/etc/out; cat /etc/\$\$FAILS"], per_replica: true}
volumes: {etc: {name: "etc-{{.Task.Slot}}"}}
Y
  apply pre --no-wait || return
  until_ok 20 eval 'c ps pre | grep -q "pre_start command .sh. exited with status 1"' || fail "a failing one: $(c ps pre)" || return
  sed -i 's/FAILS/W/; s/outer/passwd/' "$work/pre.yaml"
  apply pre || return
  out=$(c exec pre_s.2 cat /etc/out)
  grep -qx "inner all" <<<"$out" && grep -qx 0 <<<"$out" || fail "it did not run: $out" || return
  c logs pre_s.2 | grep -q said || fail "no log of it: $(c logs pre_s.2)" || return
  c exec pre_s.2 grep -q root /etc/passwd || fail "the volume was not filled from the service's image" || return
  on "$(tasks '.[]|select(.name=="pre_s.2").node')" kill -9 "$(tasks '.[]|select(.name=="pre_s.2").pid')"
  until_ok 20 eval '[ "$(tasks ".[]|select(.name==\"pre_s.2\")|select(.state==\"running\").restarts")" = 1 ]' || fail "$(c ps pre)" || return
  [ "$(c exec pre_s.2 cat /etc/out)" = "$out" ] || fail "it ran again" || return
  c rm pre
}
two_stacks() { # the network of another stack, which need not be attachable; two documents
  stack guest <<Y
name: guest
services:
  s: {image: none, init: true, command: [sleep, inf], stop_grace_period: 1s, networks: [given], external_links: [owner_t]}
---
services: {s: {image: $img}}
networks: {given: {external: true, name: owner_default}}
Y
  stack owner <<<"{name: owner, services: {t: {image: $img, init: true, command: [sleep, inf], stop_grace_period: 1s}}}"
  apply owner && apply guest || return
  c exec guest_s.1 ping -c 1 -w 5 owner_t || fail "they do not meet" || return
  c rm guest && c rm owner
}
removed_in_reverse() {
  c rm ord && c rm keys && until_ok 30 no_tasks
}
t "a service waits for healthy and completed ones, and ps says so" order
t "apply names the dependency that failed" dependency_fails
t "what each task has of its own is filled in" own_values
t "keys show in the container" container_keys
t "CPU shares and quota are the cgroup's" cgroup_values
t "pre_stop runs before the end" pre_stop
t "a job runs once on each node" jobs
t "a service lives in the namespaces of another, over restarts and updates" shared_spaces
t "devices by name are there, on nodes that have them" devices_by_name
t "another image's files are mounted, whole or in part" image_mounts
t "commands before the first start run once, in containers of their own" commands_before
t "two stacks meet on a network of one of them" two_stacks
t "stacks with dependencies go" removed_in_reverse
finish
