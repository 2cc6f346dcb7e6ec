#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Hosts that have IPv6 and nothing else: controller, registry, overlay and published ports by IPv6.
# shellcheck source=tests/cluster/lib.sh
. "$(dirname "$0")/lib.sh"
img=registry.lab:5000/busybox
lab_up 3 --ipv6

# Each answers with the address it sees and its own name.
server='mkdir -p /w/cgi-bin; printf "#!/bin/sh\necho; a=\${REMOTE_ADDR#[}; echo \${a%%]*} \$(hostname)\n" >/w/cgi-bin/who; chmod +x /w/cgi-bin/who; hostname >/w/index.html; exec httpd -f -p [::]:80 -h /w'
stack six <<Y
name: six
networks: {default: {enable_ipv6: true}, four: {}}
services:
  web:
    image: $img
    init: true
    hostname: web
    command: ["sh", "-c", '${server//\$/\$\$}']
    ports:
      - "8080:80"
      - {target: 80, published: 8081, x-local: true}
      - {target: 80, published: 8082, mode: host}
      - "[::1]:8083:80"
      - "[fd77::1]:8084:80"
    deploy: {placement: {constraints: ["node.hostname == host1"]}}
  old:
    image: $img
    init: true
    hostname: old
    command: ["sh", "-c", '${server//\$/\$\$}']
    networks: [four]
    ports: ["8090:80"]
    deploy: {placement: {constraints: ["node.hostname == host2"]}}
  client:
    image: $img
    init: true
    command: ["sleep", "inf"]
    networks: [default, four]
    deploy: {placement: {constraints: ["node.hostname == host3"]}}
Y
ask() { on "$1" curl -gsf -m 4 "http://$2/cgi-bin/who"; } # FROM WHERE
refused() { # FROM WHERE: at once, not by waiting
  local status
  on "$1" curl -gs -m 8 "http://$2/" >/dev/null
  status=$?
  [ "$status" = 7 ] || fail "from $1 to $2: curl ends with $status, not refused"
}
up() {
  [ -z "$(on host1 ip -4 route show default)" ] || fail "the lab has IPv4" || return
  apply six && until_ok 20 ready six 3 && c logs six_web && [ "$(c exec six_web.1 hostname)" = web ]
}
answers() { [ "$(c exec six_client.1 timeout 4 wget -qO- "http://$1/")" = "${1#tasks.}" ]; }
inside() {
  local name
  for name in web tasks.web old; do
    until_ok 10 answers $name || fail "$name does not answer" || return
  done
  c exec six_client.1 ping -c 1 -w 2 web
}
everywhere() {
  local h seen
  for h in 1 2 3; do
    until_ok 10 ask switch "[fd77::$h]:8080" || fail "host$h does not answer the stranger" || return
    seen=$(ask switch "[fd77::$h]:8080")
    case $h in
      1) [ "$seen" = "fd77::254 web" ] || fail "the task's own node shows it as $seen" || return ;;
      *) [ "$seen" = "fd77::$h web" ] || fail "host$h shows the stranger as $seen" || return ;;
    esac
    ask "host$h" "[::1]:8080" >/dev/null || fail "host$h does not reach its loopback" || return
    ask "host$h" "127.0.0.1:8080" >/dev/null || fail "host$h does not reach its loopback by IPv4" || return
    ask "host$h" "[fd77::$((h % 3 + 1))]:8080" >/dev/null || fail "host$h does not reach the next one" || return
    ask switch "[fd77::$h]:8090" >/dev/null || fail "a container of IPv4 is not reached by way of host$h" || return
  done
}
own_node() {
  local port
  for port in 8081 8082 8084; do until_ok 10 ask switch "[fd77::1]:$port"; done
  [ "$(ask switch "[fd77::1]:8081")" = "fd77::254 web" ] || fail "x-local does not answer: $(ask switch "[fd77::1]:8081")" || return
  [ "$(ask switch "[fd77::1]:8082")" = "fd77::254 web" ] || fail "mode host does not answer: $(ask switch "[fd77::1]:8082")" || return
  [ "$(ask switch "[fd77::1]:8084")" = "fd77::254 web" ] || fail "an address of the host does not answer" || return
  ask host1 "[::1]:8083" >/dev/null || fail "[::1] does not answer at home" || return
  refused switch "[fd77::2]:8081" && refused switch "[fd77::2]:8082" && refused switch "[fd77::1]:8083" &&
    refused switch "[fd77::2]:8084"
}
checked() { c net check; }

t "a stack is up: controller, agents and registry speak IPv6" up
t "networks of both families over IPv6" inside
t "published ports: every node, the client's address where the task is" everywhere
t "mode host, x-local and host_ip" own_node
t "net check finds nothing" checked
finish
