#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Published ports on kernels that have SCTP: SCTP beside UDP and TCP, by both families, and whose
# address the server sees.
# shellcheck source=tests/vm/lib.sh
. "$(dirname "$0")/lib.sh"
img=registry.lab:5000/busybox
vm_up 2

# The host's socat, since busybox knows no SCTP.
serve() { echo "exec chroot /host socat -U $1-LISTEN:70,fork,reuseaddr,pf=ip6,ipv6only=0 SYSTEM:'echo \$\$SOCAT_PEERADDR'"; }
stack ports <<Y
name: ports
networks: {default: {enable_ipv6: true}}
services:
  sctp: &web
    image: $img
    init: true
    volumes: ["/:/host"]
    command: ["sh", "-c", "$(serve SCTP)"]
    ports: ["7000:70/sctp", {target: 70, published: 7001, protocol: sctp, mode: host}]
    deploy: {placement: {constraints: ["node.hostname == vm2"]}}
  tcp:
    <<: *web
    command: ["sh", "-c", "$(serve TCP)"]
    ports: ["7000:70"]
Y
ask() { # FROM PROTOCOL ADDRESS: whom the server sees; socat writes addresses of IPv6 in full
  local seen
  seen=$(on "$1" "timeout 10 socat -u $2:$3 -" | tr -d '[]')
  case $seen in
    0000:*:ffff:*) printf '%d.%d.%d.%d\n' "0x${seen:30:2}" "0x${seen:32:2}" "0x${seen:35:2}" "0x${seen:37:2}" ;;
    *) echo "$seen" ;;
  esac
}
sees() { # FROM PROTOCOL ADDRESS WHOM
  local seen
  seen=$(ask "$1" "$2" "$3")
  [ "$seen" = "$4" ] || fail "$2 from $1 to $3: the server sees '$seen', not $4"
}
up() {
  on vm1 ip addr replace fd77::1/64 dev eth0 nodad && on vm2 ip addr replace fd77::2/64 dev eth0 nodad || return
  apply ports && ready ports 2 && until_ok 30 sees vm1 TCP 10.77.0.2:7000 10.77.0.1
}
where_the_task_is() { sees vm1 SCTP 10.77.0.2:7000 10.77.0.1 && sees vm1 SCTP 10.77.0.2:7001 10.77.0.1; }
elsewhere() { sees vm2 SCTP 10.77.0.1:7000 10.77.0.1; }
six() {
  sees vm1 TCP6 '[fd77::2]:7000' fd77:0000:0000:0000:0000:0000:0000:0001 &&
    sees vm1 SCTP6 '[fd77::2]:7000' fd77:0000:0000:0000:0000:0000:0000:0001
}
t "a stack with SCTP ports is up" up
t "SCTP: the client's address is kept where the task is" where_the_task_is
t "SCTP by way of another node" elsewhere
t "TCP and SCTP by IPv6" six
finish
