#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Encrypted networks on hosts whose kernel has WireGuard: what is on the wire, from the first packet to
# the last; fresh keys under traffic; what someone breaks is mended.
# shellcheck source=tests/vm/lib.sh
. "$(dirname "$0")/lib.sh"
img=registry.lab:5000/busybox
secret=nobody-may-read-this-on-the-wire
vm_up 2

stack safe <<Y
name: safe
services:
  web:
    image: $img
    command: ["sh", "-c", "echo $secret >/www/index.html; exec httpd -f -h /www"]
    networks: [closed]
    deploy: {placement: {constraints: ["node.hostname == vm2"]}}
  client:
    image: $img
    init: true
    command: ["sh", "-c", "while :; do ping -c 1 -w 1 web; sleep 0.2; done >/dev/null 2>&1"]
    networks: [closed]
    deploy: {placement: {constraints: ["node.hostname == vm1"]}}
networks:
  closed:
    driver_opts: {encrypted: "true"}
Y

tcpdump -i switch -U -w "$work/wire.pcap" not tcp port 7677 and not tcp port 5000 2>"$work/tcpdump.log" &
tcpdump_pid=$!
until_ok 10 grep -q 'listening on' "$work/tcpdump.log"

frames() { tcpdump -r "$work/wire.pcap" -n "$@" 2>/dev/null | wc -l; }
fetch() { c exec safe_client.1 sh -c 'printf "GET / HTTP/1.0\r\n\r\n" | nc -w 5 web 80' | grep -q "$secret"; }
ip_of() { tasks ".[]|select(.service==\"$1\").addresses[0].ip"; }
pings() { c exec safe_client.1 ping -c 1 -w "${1:-2}" web; }

up() { apply safe && ready safe 2 && until_ok 20 pings; }
http() { until_ok 10 fetch && fetch; }
large() { c exec safe_client.1 ping -c 1 -w 5 -s 3000 web && c exec safe_client.1 ping -c 1 -w 5 -s 1300 web; }
no_cleartext() { # nor a frame of VXLAN, nor the text, nor the addresses of the network
  kill -INT $tcpdump_pid 2>/dev/null
  wait $tcpdump_pid
  [ "$(frames udp port 51820)" -gt 20 ] || fail "there is no WireGuard on the wire" || return
  [ "$(frames udp port 4789)" = 0 ] || fail "VXLAN is on the wire in clear" || return
  [ "$(frames net 10.128.0.0/9)" = 0 ] || fail "addresses of the network are on the wire" || return
  ! grep -qa "$secret" "$work/wire.pcap" || fail "the secret is on the wire"
}

key_of() { on "vm$1" 'nsenter --net=/run/carrack/overlay/tunnel wg show ckwg public-key'; }
key_is_not() { [ "$(key_of 1)" != "$1" ]; }
rotates() {
  local was lost
  was=$(key_of 1)
  c exec safe_client.1 sh -c 'ping -i 0.2 -c 150 web >/tmp/ping 2>&1 &'
  c nodes rotate-key vm1 || return
  until_ok 40 key_is_not "$was" || fail "the key of vm1 is still the same" || return
  until_ok 20 pings || fail "no traffic with the fresh key" || return
  until_ok 60 c exec safe_client.1 grep -q 'packet loss' /tmp/ping
  lost=$(c exec safe_client.1 sed -n 's/.* \([0-9]*\) packets received.*/\1/p' /tmp/ping | tr -d '\r')
  [ "$lost" -ge 140 ] || fail "only $lost of 150 packets arrived while the key changed"
}
told() { log_of "$1" | grep -c 'overlay.*mended'; }
told_more() { [ "$(told "$1")" -gt "$2" ]; }
mends() {
  local what before ns='nsenter --net=/run/carrack/overlay/tunnel'
  for what in 'ip link del ckwg' 'wg set ckwg listen-port 4000' 'ip link set ckwg down' 'ip addr flush dev ckwg' \
    'wg set ckwg peer $(wg show ckwg peers | head -n 1) remove' 'wg set ckwg peer $(wg show ckwg peers | head -n 1) endpoint 10.77.0.9:1' \
    'wg set ckwg peer $(wg show ckwg peers | head -n 1) allowed-ips fd00::/8'; do
    before=$(told vm1)
    on vm1 "$ns sh -c '$what'" || fail "cannot do \"$what\"" || return
    until_ok 15 told_more vm1 "$before" || { log_of vm1 | tail -n 12; fail "\"$what\" is not noticed"; } || return
    until_ok 20 pings || fail "no traffic after \"$what\"" || return
  done
}
closed_link() { # someone puts a VXLAN link in clear in the place of ours: it is not left there
  local vni
  vni=$(c net ls --json | jq '.[]|select(.name=="safe_closed").vni')
  on vm1 "x=\$(ip -br link show type vxlan | cut -d' ' -f1 | cut -d@ -f1 | head -n 1); ip link del \$x; ip link add \$x type vxlan id $vni dev eth0 dstport 4789 nolearning; ip link set \$x master ckb-\${x#ckx-} up"
  until_ok 15 on vm1 'ip -d link show type vxlan | grep -q link-netns' || fail "the link in clear stays" || return
  until_ok 20 pings
}
agent_again() {
  agent_stop vm1 && pings 5 && agent_start vm1 && until_ok 30 nodes_up 2 && until_ok 10 pings
}
gone() {
  c rm safe && until_ok 30 no_tasks
  until_ok 20 on vm1 'test ! -e /run/carrack/overlay/tunnel' || fail "the tunnel stays after its last network"
}

t "a stack with an encrypted network starts" up
t "HTTP between the hosts" http
t "large packets" large
t "nothing is on the wire in clear, from the first packet on" no_cleartext
t "a fresh key under traffic" rotates
t "what someone breaks in the tunnel is mended" mends
t "a link in clear does not stay" closed_link
t "an agent that restarts keeps the tunnel" agent_again
t "all is gone after rm" gone
finish
