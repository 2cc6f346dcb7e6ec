#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Service VIPs end to end, by both data paths: names, spreading, an update under load, isolation, drift,
# and an agent that is killed. What single packets do is tests/unit/overlay_vip.c's.
# shellcheck source=tests/cluster/lib.sh
. "$(dirname "$0")/lib.sh"
img=registry.lab:5000/busybox

write_stacks() {
  stack v <<Y
name: v
networks: {default: {enable_ipv6: true}}
services:
  web:
    image: $img
    init: true
    environment: {ROUND: "\${ROUND:-1}"}
    command: ["sh", "-c", "mkdir -p /w; hostname > /w/index.html; httpd -f -p 80 -h /w & p=\$\$!; trap 'cut -d\" \" -f1 /proc/uptime > /w/index.html; sleep 0.3; kill \$\$p; exit 0' TERM; wait \$\$p"]
    healthcheck: {test: ["CMD", "wget", "-qO/dev/null", "http://127.0.0.1/"], interval: 1s, start_interval: 100ms, start_period: 10s}
    deploy: {replicas: 3, update_config: {parallelism: 1}}
  rr:
    image: $img
    init: true
    command: ["sleep", "inf"]
    deploy: {replicas: 2, endpoint_mode: dnsrr}
  near:
    image: $img
    init: true
    command: ["sh", "-c", "mkdir -p /w; hostname > /w/index.html; exec httpd -f -p 80 -h /w"]
    deploy: {replicas: 3, labels: {carrack.vip.prefer: local}, placement: {max_replicas_per_node: 1}}
  client:
    image: $img
    init: true
    command: ["sleep", "inf"]
    deploy: {placement: {constraints: ["node.hostname == host1"]}}
Y
  stack other <<Y
name: other
services:
  stranger:
    image: $img
    init: true
    command: ["sleep", "inf"]
    deploy: {placement: {constraints: ["node.hostname == host1"]}}
Y
}
vip6() { c inspect v | jq -r '.services[]|select(.name=="web").vips[0].ip6'; }
vip() { c inspect v | jq -r '.services[]|select(.name=="web").vips[0].ip'; }
answers() { c exec v_client.1 nslookup "$1" | awk '/^Name:/ { n = 1 } n && /^Address/ { print $NF }' | sort -u; }
in_client() { c exec v_client.1 sh -c "$1"; }

up() {
  write_stacks
  apply v && apply other && until_ok 20 ready v 9 && until_ok 20 ready other 1 || return
  doctor
}
config=${CARRACK_LAB_DIR:-/var/tmp/carrack-lab}
as=''
says() { # WORDS... -- OPTION...: doctor on host1 with these options
  local words=() out
  while [ "$1" != -- ]; do words+=("$1"); shift; done
  shift
  out=$(on host1 $as carrack doctor "$@" 2>&1)
  for w in "${words[@]}"; do grep -q -- "$w" <<<"$out" || fail "doctor $* does not say \"$w\": $out" || return; done
}
# What will be used, which the configuration may say, and whether it could be had.
doctor() {
  local file=$config/$LAB/host1/carrack.yaml
  says '^ok *config *is read from' -- --config "$file" || return
  if [ "$path" = nft ]; then
    says '^ok *vip .* by nftables.*as the configuration asks (eBPF would work)' -- --config "$file" || return
    says '^ok *vip .* by eBPF, at the socket$' -- || return
    sed 's/^vip:.*/vipp: nft/' "$file" >"$work/wrong.yaml"
    says 'wrong.yaml:[0-9]*:1: error: .*vipp' '^fail *config .*wrong.yaml' '^ok *vip .*eBPF, at the socket$' -- --config "$work/wrong.yaml"
    return
  fi
  says '^ok *vip .* by eBPF.*as the configuration asks' '^ok *fast path *packets between containers pass' -- --config "$file" || return
  echo 'fast_path: false' >"$work/slow.yaml"
  says '^ok *fast path .*by the bridges, as the configuration asks (eBPF would work)' '^ok *underlay *.*"eth0"' -- --config "$work/slow.yaml" --underlay eth0 || return
  says '^fail *underlay .*no interface "eth7"' -- --underlay eth7 || return
  # Where BPF is missing: what the configuration asks for, and what is taken without its asking.
  local as='setpriv --bounding-set -bpf,-sys_admin --inh-caps -bpf,-sys_admin'
  says '^fail *vip .*the configuration asks for eBPF.*vip: auto' 'go by the bridges: ' -- --vip ebpf || return
  says '^ok *vip .*by nftables, in the container.s namespace: ' -- || return
  says '^ok *vip .*as the configuration asks (eBPF would not: ' -- --vip nft
}
names() {
  local both
  both=$(printf '%s\n' "$(vip)" "$(vip6)" | sort)
  [ "$(wc -w <<<"$both")" = 2 ] && [ "$(answers web)" = "$both" ] || fail "web: $(answers web), not $both" || return
  [ "$(answers v_web)" = "$both" ] || fail "v_web: $(answers v_web)" || return
  [ "$(answers tasks.web | wc -l)" = 6 ] || fail "tasks.web: $(answers tasks.web)" || return
  [ "$(answers rr | wc -l)" = 4 ] || fail "rr: $(answers rr)" || return
  c net inspect v_default | jq -e --arg a "$(vip)" --arg b "$(vip6)" '.vips[]|select(.service=="web" and .ip==$a and .ip6==$b)' >/dev/null ||
    fail "net inspect: $(c net inspect v_default)"
}
spread() {
  local seen
  seen=$(in_client 'for i in $(seq 60); do wget -qO- http://web/ || echo failed; done' | sort -u | wc -l)
  [ "$seen" = 3 ] || fail "$seen tasks answered" || return
  in_client 'ping -c 1 -w 2 web' >/dev/null || fail "no ping" || return
  seen=$(in_client "for i in \$(seq 60); do wget -qO- 'http://[$(vip6)]/' || echo failed; done" | sort -u | wc -l)
  [ "$seen" = 3 ] || fail "$seen tasks answered by IPv6" || return
  in_client "ping -c 1 -w 2 $(vip6)" >/dev/null || fail "no ping by IPv6"
}
prefer_local() { # one task a node: the client's own is asked each time, and the others when it has gone
  local own seen
  own=$(c exec "$(tasks '.[]|select(.service=="near" and .node=="host1").name')" hostname) || return
  seen=$(in_client 'for i in $(seq 20); do wget -qO- http://near/ || echo failed; done' | sort -u)
  [ "$seen" = "$own" ] || fail "the own node's task is $own, answers came from $seen"
}
hairpin() {
  c scale v_web=1 >/dev/null && until_ok 20 ready v 7 && c exec v_web.1 wget -qO- http://web/ || return
  c scale v_web=3 >/dev/null && until_ok 20 ready v 9
}
updated() { c inspect v | jq -e '.services[]|select(.name=="web").update.state=="completed"'; }
# A task that is told to stop says from then on when that was: whoever began to ask later was led to it
# although it is stopping.
update_under_load() {
  local before out
  before=$(vip)
  in_client "six=$(vip6);"'rm -f /stop; n=0; bad=0; met=0
    while [ ! -e /stop ]; do for u in web "[$six]"; do
      t=$(cut -d" " -f1 /proc/uptime); a=$(wget -qO- "http://$u/") || bad=$((bad + 1)); n=$((n + 1))
      case $a in [0-9]*.[0-9]*) [ "${a%.*}${a#*.}" -ge "${t%.*}${t#*.}" ] || met=$((met + 1)) ;; esac
    done; done
    echo $n requests, $bad failed, $met met a task that stops' >"$work/load" &
  out=$!
  ROUND=2 apply v >/dev/null
  until_ok 60 updated || fail "the update does not end" || return
  in_client 'touch /stop'
  wait "$out"
  cat "$work/load"
  grep -q '^[1-9][0-9]* requests, 0 failed, 0 met' "$work/load" || fail "requests failed" || return
  [ "$(vip)" = "$before" ] || fail "the VIP changed from $before to $(vip)"
}
isolated() {
  c exec other_stranger.1 true || fail "the stranger cannot be asked" || return
  ! c exec other_stranger.1 timeout 1 wget -qO- "http://$(vip)/" && ! c exec other_stranger.1 ping -c 1 -w 1 "$(vip)" &&
    ! c exec other_stranger.1 ping -c 1 -w 1 "$(vip6)"
}
drift() {
  local a b ip
  ip=$(vip)
  IFS=. read -r _ _ a b <<<"$ip"
  if [ "$path" = ebpf ]; then
    on host1 bpftool map delete pinned /run/carrack/bpf/ck_vips key 0 0 0 0 0 0 0 0 0 0 255 255 10 128 "$a" "$b" || return
  else
    on host1 sh -c 'for n in /run/carrack/netns/*; do nsenter --net=$n nft flush map inet ck_vip slots4; done' || return
  fi
  on host1 ip route del table local "$ip" || return
  # By address: the name leads to the IPv6 VIP as well, which lost nothing. A try that hangs, since nobody
  # answers for the VIP yet, must not use up the time.
  until_ok 20 in_client "timeout 2 wget -qO- http://$ip/ && ping -c 1 -w 1 $ip"
}
from_client() { # as the client's namespace does, without the agent that `carrack exec` needs
  on host1 nsenter --net="/run/carrack/netns/$1" curl -sSf -m 4 "http://$2/" >/dev/null
}
agent_killed() {
  local pid id ip
  id=$(tasks '.[]|select(.name=="v_client.1").id')
  ip=$(vip)
  pid=$(on host1 pgrep -f 'carrack agent' | head -n 1)
  on host1 kill -STOP "$pid"
  from_client "$id" "$ip" || { on host1 kill -CONT "$pid"; fail "the VIP does not answer while the agent is held"; } || return
  on host1 kill -KILL "$pid"
  from_client "$id" "$ip" || fail "the VIP does not answer after the agent's death" || return
  until_ok 20 nodes_up 3 && until_ok 20 in_client 'wget -qO- http://web/'
}
gone() {
  c rm v >/dev/null && c rm other >/dev/null && until_ok 30 no_tasks || return
  until_ok 10 no_routes || fail "routes of VIPs are left"
}
no_routes() { [ -z "$(on host1 ip route show table local proto 199)" ]; }

for path in ebpf nft; do
  export CARRACK_LAB_VIP=$path
  LAB=${LAB%-[en]*}-${path:0:1}
  lab_up 3
  t "$path: a stack is up, doctor tells" up
  t "$path: names lead to the VIP, tasks.NAME and dnsrr to tasks" names
  t "$path: connections spread over three hosts; ping" spread
  t "$path: prefer local: the client's own node first" prefer_local
  t "$path: a task reaches itself by its own VIP" hairpin
  t "$path: an update under load fails no request" update_under_load
  t "$path: no way from another network" isolated
  t "$path: what someone else removed is back" drift
  t "$path: an agent that is killed" agent_killed
  t "$path: nothing is left" gone
  "$carrack" lab down --name "$LAB" >/dev/null 2>&1
done
finish
