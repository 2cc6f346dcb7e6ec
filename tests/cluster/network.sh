#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The overlay between hosts: ping, TCP, large transfers, names, isolation, published ports, the way out.
# shellcheck source=tests/cluster/lib.sh
. "$(dirname "$0")/lib.sh"
img=registry.lab:5000/busybox
lab_up 3

stack net <<Y
name: net
services:
  left:
    image: $img
    init: true
    command: ["sleep", "inf"]
    networks: {front: {}, back: {aliases: [gauche]}}
    deploy: {placement: {constraints: ["node.hostname == host1"]}}
  right:
    image: $img
    init: true
    command: ["sh", "-c", "dd if=/dev/urandom of=/big bs=1M count=10 2>/dev/null; sha256sum /big | cut -d' ' -f1 > /sum; exec httpd -f -p 80 -h /"]
    networks: [front]
    ports: [{target: 80, published: 8088, mode: host}]
    deploy: {placement: {constraints: ["node.hostname == host2"]}}
  lonely:
    image: $img
    init: true
    command: ["sleep", "inf"]
    networks: [back]
    deploy: {placement: {constraints: ["node.hostname == host2"]}}
  inside:
    image: $img
    init: true
    command: ["sleep", "inf"]
    networks: [closed]
    deploy: {placement: {constraints: ["node.hostname == host3"]}}
networks: {front: {}, back: {}, closed: {internal: true}}
Y

up() { apply net; }
ping_both() {
  c exec net_left.1 ping -c 2 -w 5 tasks.right && c exec net_right.1 ping -c 2 -w 5 tasks.left && c exec net_lonely.1 ping -c 2 -w 5 gauche
}
names() {
  c exec net_left.1 nslookup tasks.right && c exec net_left.1 ping -c 1 -w 5 net_right.1 &&
    c exec net_left.1 ping -c 1 -w 5 net_right || return
  ! c exec net_left.1 nslookup nobody-of-this-name || fail "an unknown name resolved" || return
  [ "$(c exec net_left.1 cat /etc/resolv.conf | grep -c 127.0.0.11)" = 1 ]
}
large() {
  local want got
  until_ok 10 c exec net_right.1 test -s /sum
  want=$(c exec net_right.1 cat /sum)
  got=$(c exec net_left.1 sh -c 'wget -q -O - http://right/big | sha256sum' | cut -d' ' -f1)
  [ "$want" = "$got" ] || fail "10 MB arrived as $got, not $want" || return
  c exec net_left.1 sh -c 'ip link show eth0' | grep -q 'mtu 1450' || fail "MTU: $(c exec net_left.1 ip link)" || return
  c exec net_left.1 ping -c 2 -w 5 -s 1422 tasks.right || fail "a full-size packet does not pass"
}
isolated() {
  local ip
  ip=$(tasks '.[]|select(.service=="lonely").addresses[0].ip')
  ! c exec net_right.1 ping -c 1 -w 2 "$ip" || fail "right reaches lonely, on the same host" || return
  ! c exec net_right.1 nslookup lonely || fail "right resolves lonely" || return
  ip=$(tasks '.[]|select(.service=="inside").addresses[0].ip')
  ! c exec net_left.1 ping -c 1 -w 2 "$ip" || fail "left reaches inside"
}
published() {
  on host1 curl -sf -m 5 http://host2:8088/sum >/dev/null || fail "host1 does not reach host2:8088" || return
  on host2 curl -sf -m 5 http://10.77.0.2:8088/sum >/dev/null || fail "host2 does not reach itself" || return
  ! on host1 curl -sf -m 2 http://host3:8088/sum >/dev/null || fail "host mode answers on host3"
}
way_out() {
  c exec net_left.1 ping -c 1 -w 5 10.77.0.254 || fail "left cannot leave" || return
  ! c exec net_inside.1 ping -c 1 -w 2 10.77.0.254 || fail "inside can leave an internal network"
}
echos() { c exec net_left.1 awk '/^Icmp:/ {line=$0} END {split(line, f, " "); print f[10]}' /proc/net/snmp; }
stranger() { # a machine on the switch that is no member sends frames with the right VNI, MAC and address
  local vni mac ip before after
  ip=$(tasks '.[]|select(.name=="net_left.1").addresses[]|.ip' | head -n 1)
  for vni in $(on host1 ip -d -j link show type vxlan | jq -r '.[].linkinfo.info_data.id'); do
    for ip in $(tasks '.[]|select(.name=="net_left.1").addresses[].ip'); do
      mac=$(printf '02:42:%02x:%02x:%02x:%02x' ${ip//./ })
      on switch sh -c "ip link add forge type vxlan id $vni remote 10.77.0.1 dstport 4789 dev switch nolearning &&
        ip addr add ${ip%.*}.250/20 dev forge && ip link set forge up && ip neigh replace $ip lladdr $mac dev forge" || return
      before=$(echos)
      on switch ping -c 3 -i 0.2 -w 2 "$ip" >/dev/null
      after=$(echos)
      on switch ip link del forge
      [ "$before" = "$after" ] || fail "$((after - before)) forged frames arrived (VNI $vni, $ip)" || return
    done
  done
  before=$(echos) # and the counter does count
  c exec net_right.1 ping -c 2 -w 5 tasks.left >/dev/null
  [ "$(echos)" -gt "$before" ] || fail "the counter does not count: $before"
}
port_in_use() {
  local out
  stack dup <<Y
name: dup
services:
  x:
    image: $img
    init: true
    command: ["sleep", "inf"]
    ports: [{target: 80, published: 8088, mode: host}]
    deploy: {placement: {constraints: ["node.hostname == host2"]}}
Y
  out=$(apply dup --timeout 6s 2>&1) && fail "it came up?" && return 1
  grep -qi 'port' <<<"$out" || fail "the port is not told: $out" || return
  c rm dup
}
mended() {
  local dev
  dev=$(on host1 sh -c "ip -br link show type vxlan | cut -d' ' -f1 | head -n 1")
  on host1 sh -c "for d in \$(ip -br link show type vxlan | cut -d' ' -f1); do bridge fdb show dev \$d | grep ' dst ' | while read -r mac _; do bridge fdb del \$mac dev \$d; done; done" 2>/dev/null
  until_ok 20 c exec net_left.1 ping -c 1 -w 2 tasks.right || fail "not mended on $dev"
}
agent_restart() {
  local pid ips
  pid=$(tasks '.[]|select(.name=="net_left.1").id') ips=$(tasks '[.[].addresses]')
  on host1 sh -c 'kill -9 $(pgrep -f "carrack agent")'
  until_ok 20 c exec net_left.1 ping -c 1 -w 2 tasks.right || fail "no ping after the agent's restart" || return
  [ "$(tasks '.[]|select(.name=="net_left.1").id')" = "$pid" ] && [ "$(tasks '[.[].addresses]')" = "$ips" ]
}

t "a stack with three networks comes up" up
t "ping by name across hosts, both ways and by alias" ping_both
t "tasks.NAME, stack_service and task names resolve; unknown ones do not" names
t "10 MB cross the hosts unharmed; the path MTU is right" large
t "networks are isolated, on one host too" isolated
t "a host-mode port answers on its node only" published
t "outgoing traffic is masqueraded; internal networks have no way out" way_out
t "frames of a stranger with the right VNI are dropped" stranger
t "a port in use is told" port_in_use
t "deleted forwarding entries are mended" mended
t "the data path and names survive the agent's death" agent_restart
finish
