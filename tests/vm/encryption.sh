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
    command: ["sh", "-c", "while :; do ping -c 1 -w 1 tasks.web; sleep 0.2; done >/dev/null 2>&1"]
    networks: [closed]
    deploy: {placement: {constraints: ["node.hostname == vm1"]}}
  plain:
    image: $img
    init: true
    command: ["sleep", "inf"]
    networks: [open]
    deploy: {placement: {constraints: ["node.hostname == vm2"]}}
  neighbour:
    image: $img
    init: true
    command: ["sleep", "inf"]
    networks: [open]
    deploy: {placement: {constraints: ["node.hostname == vm1"]}}
networks:
  closed:
    driver_opts: {encrypted: "true"}
  open: {}
Y

tcpdump -i switch -U -w "$work/wire.pcap" not tcp port 7677 and not tcp port 5000 2>"$work/tcpdump.log" &
tcpdump_pid=$!
until_ok 10 grep -q 'listening on' "$work/tcpdump.log"

frames() { tcpdump -r "$work/wire.pcap" -n "$@" 2>/dev/null | wc -l; }
fetch() { c exec safe_client.1 sh -c 'printf "GET / HTTP/1.0\r\n\r\n" | nc -w 5 web 80' | grep -q "$secret"; }
ip_of() { tasks ".[]|select(.service==\"$1\").addresses[0].ip"; }
pings() { c exec safe_client.1 ping -c 1 -w "${1:-2}" tasks.web; }

up() { apply safe && ready safe 4 && until_ok 20 pings; }
http() { until_ok 10 fetch && fetch; }
large() { c exec safe_client.1 ping -c 1 -w 5 -s 3000 tasks.web && c exec safe_client.1 ping -c 1 -w 5 -s 1300 tasks.web; }
no_cleartext() { # nor a frame of VXLAN, nor the text, nor the addresses of the network
  kill -INT $tcpdump_pid 2>/dev/null
  wait $tcpdump_pid
  [ "$(frames udp port 51820)" -gt 20 ] || fail "there is no WireGuard on the wire" || return
  [ "$(frames udp port 4789)" = 0 ] || fail "VXLAN is on the wire in clear" || return
  [ "$(frames net 10.128.0.0/9)" = 0 ] || fail "addresses of the network are on the wire" || return
  ! grep -qa "$secret" "$work/wire.pcap" || fail "the secret is on the wire"
}

# A stranger on the wire sends VXLAN to vm2, with the VNI of a network and the source address of vm1: UDP
# to a port on which nothing listens, so that what arrives is counted (NoPorts).
inject() { # NETWORK SERVICE NEIGHBOUR: with the MAC of the neighbour, which is on vm1
  local vni ip mac from
  from=$(ip_of "$3")
  from=$(printf '02:42:%02x:%02x:%02x:%02x' ${from//./ })
  vni=$(c net ls --json | jq --arg n "$1" '.[]|select(.name==$n).vni')
  ip=$(ip_of "$2")
  mac=$(printf '02:42:%02x:%02x:%02x:%02x' ${ip//./ })
  if ! ip -n stranger link show s0 >/dev/null 2>&1; then
    ip netns add stranger
    ip link add s1 type veth peer name s0 netns stranger
    ip link set s1 master switch up
    ip -n stranger link set s0 up
    ip -n stranger addr add 10.77.0.1/32 dev s0 # vm1's own
    ip -n stranger route add 10.77.0.0/24 dev s0
    ip -n stranger neigh add 10.77.0.2 lladdr 52:54:00:00:00:02 dev s0 nud permanent
  fi
  ip -n stranger link del x0 2>/dev/null
  ip -n stranger link add x0 type vxlan id "$vni" dev s0 local 10.77.0.1 remote 10.77.0.2 dstport 4789 nolearning
  ip -n stranger link set x0 address "$from" up
  ip -n stranger addr add "${ip%.*}.153/24" dev x0
  ip -n stranger neigh replace "$ip" lladdr "$mac" dev x0 nud permanent
  for _ in 1 2 3 4 5; do ip netns exec stranger bash -c "echo injected >/dev/udp/$ip/9999"; done
  c exec "safe_$2.1" true # long enough for what was sent to be there
}
arrived() { c exec "safe_$1.1" awk '/^Udp:/ {n=$3} END {print n}' /proc/net/snmp | tr -d '\r'; } # SERVICE: NoPorts
injection_works() { # on a network in clear it does: WireGuard is what makes the difference
  local before
  before=$(arrived plain)
  inject safe_open plain neighbour
  [ "$(arrived plain)" -gt "$before" ] || fail "the stranger's frames do not arrive even in clear"
}
stranger() {
  local before
  before=$(arrived web)
  inject safe_closed web client
  on vm2 nft flush ruleset # as a tool that sets up a host's rules anew leaves it
  inject safe_closed web client
  on vm2 'nft add table inet user; nft add chain inet user pre "{ type filter hook prerouting priority -500; }"; nft add rule inet user pre accept'
  inject safe_closed web client
  [ "$(arrived web)" = "$before" ] || fail "a stranger's frame reached the container"
}

key_of() { on "vm$1" 'nsenter --net=/run/carrack/overlay/tunnel wg show ckwg public-key'; }
key_is_not() { [ "$(key_of 1)" != "$1" ]; }
rotates() {
  local was lost
  was=$(key_of 1)
  c exec safe_client.1 sh -c 'ping -i 0.2 -c 150 tasks.web >/tmp/ping 2>&1 &'
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
    c nodes >/dev/null && c net repair vm1 >/dev/null || return # emulated, an agent's check rests long
    told_more vm1 "$before" || { log_of vm1 | tail -n 12; fail "\"$what\" is not noticed"; } || return
    until_ok 20 pings || fail "no traffic after \"$what\"" || return
  done
}
closed_link() { # someone puts a VXLAN link in clear in the place of ours: it is not left there
  local vni
  vni=$(c net ls --json | jq '.[]|select(.name=="safe_closed").vni')
  on vm1 "x=\$(ip -br link show type vxlan | cut -d' ' -f1 | cut -d@ -f1 | head -n 1); ip link del \$x; ip link add \$x type vxlan id $vni dev eth0 dstport 4789 nolearning; ip link set \$x master ckb-\${x#ckx-} up"
  c net repair vm1 >/dev/null
  on vm1 'ip -d link show type vxlan | grep -q link-netns' || fail "the link in clear stays" || return
  until_ok 20 pings
}
inside() { on vm1 "nsenter --net=/run/carrack/netns/$(tasks '.[]|select(.service=="client").id') ping -c 2 -W 5 $(ip_of web)"; }
agent_again() {
  inside && agent_stop vm1 && inside && agent_start vm1 && until_ok 60 nodes_up 2 && until_ok 20 pings
}
gone() {
  c rm safe && until_ok 30 no_tasks
  until_ok 20 on vm1 'test ! -e /run/carrack/overlay/tunnel' || fail "the tunnel stays after its last network"
}

t "a stack with an encrypted network starts" up
t "HTTP between the hosts" http
t "large packets" large
t "nothing is on the wire in clear, from the first packet on" no_cleartext
t "frames that a stranger makes arrive on a network in clear" injection_works
t "and not on an encrypted one, with no rules and with an accepting table too" stranger
t "a fresh key under traffic" rotates
t "what someone breaks in the tunnel is mended" mends
t "a link in clear does not stay" closed_link
t "an agent that restarts keeps the tunnel" agent_again
t "all is gone after rm" gone
finish
