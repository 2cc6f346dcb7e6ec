#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The resolver of containers: which names there are, what an unknown one gets, a container that serves
# port 53 itself, and what Compose says of resolv.conf.
# shellcheck source=tests/cluster/lib.sh
. "$(dirname "$0")/lib.sh"
img=registry.lab:5000/busybox
lab_up 2
idle="image: $img, init: true, command: [\"sleep\", \"inf\"]"
on1='deploy: {placement: {constraints: ["node.hostname == host1"]}}'

stack dns <<Y
name: dns
services:
  web: {$idle, deploy: {replicas: 3}, ports: [{name: http, target: 8080, mode: ingress}], expose: ["9000/udp"]}
  ask: {$idle, networks: {default: {aliases: [Alias]}}, $on1}
  conf: {$idle, dns_search: [example.test], dns_opt: ["timeout:1"]}
  own:
    image: $img
    init: true
    command: ["sh", "-c", "while true; do nc -l -p 53 -e echo mine; done"]
    $on1
Y

up() { apply dns && ready dns 6; }
addr() { tasks ".[]|select(.name==\"$1\").addresses[0].ip"; }
look() { c exec "$1" nslookup -type="${3:-a}" "$2" 2>&1; }
has() { look "$1" "$2" | grep -q "Address: *$3\$" || fail "$2 is not $3: $(look "$1" "$2")"; }
names() {
  local i n
  for i in 1 2 3; do
    for n in "web-$i" "WEB-$i.dns" "dns_web.$i"; do has dns_ask.1 "$n" "$(addr "dns_web.$i")" || return; done
  done
  [ "$(look dns_ask.1 tasks.web | grep -c '^Address: *10\.')" = 3 ] || fail "$(look dns_ask.1 tasks.web)" || return
  c exec dns_ask.1 ping -c 1 -w 5 web.dns && c exec dns_web.1 ping -c 1 -w 5 aLIAS
}
restarted() { [ "$(tasks '.[]|select(.name=="dns_web.2").restarts')" -gt 0 ]; }
stay() { # a replica that is made again keeps its name
  c exec dns_web.2 kill -TERM 1
  until_ok 20 restarted || fail "it was not restarted" || return
  until_ok 20 ready dns 6 && until_ok 10 has dns_ask.1 web-2 "$(addr dns_web.2)"
}
srv() {
  local out
  out=$(look dns_ask.1 _http._tcp.web srv)
  [ "$(grep -c 'service = 0 0 8080' <<<"$out")" = 3 ] && grep -q 'web-3\|web.3' <<<"$out" || fail "SRV: $out" || return
  look dns_ask.1 _9000._udp.web.dns srv | grep -q 'service = 0 0 9000' || fail "an exposed port: $(look dns_ask.1 _9000._udp.web.dns srv)" || return
  look dns_ask.1 _nope._tcp.web srv | grep -qi NXDOMAIN || fail "a port that is not there"
}
negative() {
  local out
  out=$(look dns_ask.1 web aaaa)
  ! grep -qi 'NXDOMAIN' <<<"$out" || fail "AAAA of a known name: $out" || return
  out=$(look dns_ask.1 nobody)
  grep -qi 'NXDOMAIN' <<<"$out" || fail "an unknown name: $out" || return
  ! grep -qi 'NXDOMAIN' <<<"$(look dns_ask.1 web mx)" || fail "MX of a known name"
}
reverse() { c exec dns_ask.1 nslookup "$(addr dns_web.3)" | grep -q 'name = .*web' || fail "PTR: $(c exec dns_ask.1 nslookup "$(addr dns_web.3)")"; }
soon() { # a name that comes up is not kept as unknown
  look dns_ask.1 late >/dev/null
  sed 's/^  conf:/  late: {'"${idle//\//\\/}"'}\n  conf:/' "$work/dns.yaml" >"$work/more.yaml"
  apply more && has dns_ask.1 tasks.late "$(addr dns_late.1)"
}
conf() {
  local out
  out=$(c exec dns_conf.1 cat /etc/resolv.conf)
  grep -q '^nameserver 127.0.0.11$' <<<"$out" && grep -q '^search example.test$' <<<"$out" && grep -q 'timeout:1' <<<"$out" || fail "$out"
}
own_port() {
  c exec dns_own.1 nc -w 3 127.0.0.1 53 </dev/null | grep -q mine || fail "its own server does not answer" || return
  c exec dns_ask.1 nc -w 3 "$(addr dns_own.1)" 53 </dev/null | grep -q mine || fail "it does not answer others" || return
  has dns_own.1 web-1 "$(addr dns_web.1)"
}

t "a stack comes up" up
t "service, alias, tasks.NAME, names with the stack, one for each replica, in any case" names
t "a replica that is made again keeps its name" stay
t "NODATA for a known name, NXDOMAIN for none" negative
t "PTR" reverse
t "SRV leads to the tasks and the port" srv
t "a name that comes up is not remembered as unknown" soon
t "resolv.conf has what Compose says" conf
t "a container that serves port 53 is not disturbed" own_port
finish
