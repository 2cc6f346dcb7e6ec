#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Published ports: every node answers, the client's address, UDP, addresses of the host, conflicts, ranges
# to choose from, a node lost, nobody ready, two tasks on a node, the agent's death, damage.
# shellcheck source=tests/cluster/lib.sh
. "$(dirname "$0")/lib.sh"
img=registry.lab:5000/busybox
lab_up 3

# Each answers with the address it sees and its own name: CGI for TCP, and for UDP what this makes.
cat >"$work/udp.c" <<'C'
#include <arpa/inet.h>
#include <stdio.h>
#include <unistd.h>
int main(void)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(53)}, from;
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	if (bind(fd, (struct sockaddr *)&at, sizeof(at)) < 0)
		return 1;
	for (;;) {
		socklen_t len = sizeof(from);
		char buf[200], host[100] = "", out[400];
		ssize_t n = recvfrom(fd, buf, sizeof(buf), 0, (struct sockaddr *)&from, &len);
		while (n > 0 && buf[n - 1] == '\n')
			n--;
		gethostname(host, sizeof(host) - 1);
		n = snprintf(out, sizeof(out), "%.*s %s %s\n", (int)n, buf, inet_ntoa(from.sin_addr), host);
		sendto(fd, out, (size_t)n, 0, (struct sockaddr *)&from, len);
	}
}
C
cc -static -o "$work/udp" "$work/udp.c" || exit 1
chmod 755 "$work"
# knock LINK MAC SOURCE DESTINATION tcp|udp PORT MS: one frame to that MAC, whatever the addresses are; says whether it
# is answered from that port within so many milliseconds.
cat >"$work/knock.c" <<'C'
#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>

static int64_t now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}
static uint32_t add(uint32_t sum, const uint8_t *p, size_t n)
{
	for (size_t i = 0; i + 1 < n; i += 2)
		sum += (uint32_t)(p[i] << 8 | p[i + 1]);
	return sum;
}
static void put16(uint8_t *p, uint32_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	p[0] = (uint8_t)(~sum >> 8);
	p[1] = (uint8_t)~sum;
}
int main(int argc, char **argv)
{
	uint8_t f[80] = {0}, in[2000], *ip = f + 14, *l4 = ip + 20;
	int fd = socket(AF_PACKET, SOCK_RAW, htons(ETH_P_IP)), tcp, port;
	struct ifreq r = {0};
	if (argc != 8 || fd < 0)
		return 2;
	tcp = strcmp(argv[5], "tcp") == 0;
	port = atoi(argv[6]);
	strncpy(r.ifr_name, argv[1], IFNAMSIZ - 1);
	struct sockaddr_ll at = {.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_IP), .sll_ifindex = (int)if_nametoindex(argv[1])};
	if (ioctl(fd, SIOCGIFHWADDR, &r) < 0 || bind(fd, (struct sockaddr *)&at, sizeof(at)) < 0)
		return 2;
	sscanf(argv[2], "%hhx:%hhx:%hhx:%hhx:%hhx:%hhx", f, f + 1, f + 2, f + 3, f + 4, f + 5);
	memcpy(f + 6, r.ifr_hwaddr.sa_data, 6);
	f[12] = 8;
	size_t n = tcp ? 20 : 8 + 6, len = 14 + 20 + n;
	memcpy(ip, (uint8_t[]){0x45, 0, 0, (uint8_t)(20 + n), 0, 1, 0, 0, 64, tcp ? 6 : 17}, 10);
	inet_pton(AF_INET, argv[3], ip + 12);
	inet_pton(AF_INET, argv[4], ip + 16);
	put16(ip + 10, add(0, ip, 20));
	memcpy(l4, (uint8_t[]){0x9c, 0x40, (uint8_t)(port >> 8), (uint8_t)port}, 4);
	if (tcp)
		memcpy(l4 + 12, (uint8_t[]){0x50, 2, 0x20, 0}, 4), put16(l4 + 16, add(add(6 + 20, ip + 12, 8), l4, 20));
	else
		l4[5] = 14, memcpy(l4 + 8, "hello\n", 6);
	if (send(fd, f, len, 0) != (ssize_t)len)
		return 2;
	struct pollfd p = {fd, POLLIN, 0};
	for (int64_t left, end = now() + atoi(argv[7]); (left = end - now()) > 0 && poll(&p, 1, (int)left) > 0;) {
		ssize_t got = recv(fd, in, sizeof(in), 0);
		const uint8_t *from = in + 14 + (in[14] & 15) * 4;
		if (got < 54 - 12 * !tcp || in[23] != (tcp ? 6 : 17) || memcmp(in, f + 6, 6) != 0 || (from[0] << 8 | from[1]) != port || (from[2] << 8 | from[3]) != 0x9c40)
			continue;
		if (tcp && (from[13] & 0x12) != 0x12) /* refused */
			continue;
		puts("answered");
		return 0;
	}
	puts("nothing");
	return 0;
}
C
cc -static -o "$work/knock" "$work/knock.c" || exit 1
server='mkdir -p /w/cgi-bin; printf "#!/bin/sh\necho; a=\${REMOTE_ADDR##*:}; echo \${a%%]} \$(hostname)\n" >/w/cgi-bin/who; chmod +x /w/cgi-bin/who; httpd -p 80 -h /w; exec /udp'
stack ports <<Y
name: ports
services:
  web:
    image: $img
    init: true
    hostname: web
    volumes: ["$work/udp:/udp:ro"]
    command: ["sh", "-c", '${server//\$/\$\$}']
    ports: ["8080:80", "5353:53/udp", "127.0.0.1:8081:80", "127.0.0.1:5354:53/udp", "10.77.0.1:8082:80", "7000-7004:80-84"]
    deploy: {placement: {constraints: ["node.hostname == host1"]}}
  near:
    image: $img
    init: true
    volumes: ["$work/udp:/udp:ro"]
    command: ["sh", "-c", '${server//\$/\$\$}']
    ports: [{target: 80, published: 8090, x-local: true}]
    deploy: {placement: {constraints: ["node.hostname == host2"]}}
  two:
    image: $img
    init: true
    volumes: ["$work/udp:/udp:ro"]
    command: ["sh", "-c", '${server//\$/\$\$}']
    ports: ["8100:80", "5100:53/udp"]
    deploy: {replicas: 2, placement: {constraints: ["node.hostname == host3"]}}
Y

ask() { on "$1" curl -sf -m 4 "http://$2/cgi-bin/who"; } # FROM WHERE
udp() { # FROM ADDRESS PORT: what the server answers
  on "$1" bash -c "exec 3<>/dev/udp/$2/$3 && echo hello >&3 && timeout 2 head -n 1 <&3"
}
refused() { # FROM WHERE: at once, not by waiting
  local status
  on "$1" curl -s -m 8 "http://$2/" >/dev/null
  status=$?
  [ "$status" = 7 ] || fail "from $1 to $2: curl ends with $status, not refused"
}
up() { apply ports && until_ok 10 ask switch 10.77.0.3:8100; }
everywhere() {
  local h seen
  for h in 1 2 3; do
    seen=$(ask switch "10.77.0.$h:8080") || fail "host$h does not answer the stranger" || return
    case $h in
      1) [ "$seen" = "10.77.0.254 web" ] || fail "the task's own node shows it as $seen" || return ;;
      *) [ "$seen" = "10.77.0.$h web" ] || fail "host$h shows the stranger as $seen" || return ;;
    esac
    seen=$(ask "host$h" "10.77.0.$h:8080") || fail "host$h does not reach its own address" || return
    seen=$(ask "host$h" "10.77.0.$((h % 3 + 1)):8080") || fail "host$h does not reach the next one" || return
    seen=$(ask "host$h" localhost:8080) || fail "host$h does not reach its loopback" || return
    seen=$(ask "host$h" "[::1]:8080") || fail "host$h does not reach its loopback by IPv6" || return
  done
  c exec ports_two.1 timeout 4 wget -q -O - http://10.77.0.3:8080/cgi-bin/who >/dev/null || fail "a container does not reach its node's port"
}
datagrams() {
  local h
  [ "$(udp switch 10.77.0.1 5353)" = "hello 10.77.0.254 web" ] || fail "UDP at home: $(udp switch 10.77.0.1 5353)" || return
  for h in 1 2 3; do
    udp switch "10.77.0.$h" 5353 | grep -q "^hello .* web" || fail "host$h does not answer UDP" || return
    udp "host$h" "10.77.0.$h" 5353 | grep -q "^hello .* web" || fail "host$h does not reach its UDP port" || return
    udp "host$h" 127.0.0.1 5353 | grep -q "^hello .* web" || fail "host$h does not reach UDP on its loopback" || return
  done
}
addresses() {
  ask host1 127.0.0.1:8081 >/dev/null || fail "127.0.0.1:8081 does not answer at home" || return
  udp host1 127.0.0.1 5354 | grep -q "^hello .* web" || fail "127.0.0.1:5354 does not answer UDP at home" || return
  refused switch 10.77.0.1:8081 || return
  refused host2 10.77.0.1:8081 || return
  [ -z "$(udp switch 10.77.0.1 5354 2>/dev/null)" ] || fail "UDP of loopback answers a stranger" || return
  [ "$(ask switch 10.77.0.1:8082)" = "10.77.0.254 web" ] || fail "10.77.0.1:8082 does not answer" || return
  refused switch 10.77.0.2:8082 || return
  refused host1 127.0.0.1:8082 || return
  [ "$(on host1 cat /proc/sys/net/ipv4/conf/all/route_localnet)" = 0 ]
}
answer() { # WHAT DESTINATION PROTOCOL PORT: what comes back for a frame from where $from says: HOST NETNS LINK MAC SOURCE
  local got host ns link mac source
  read -r host ns link mac source <<<"$from"
  got=$(on "$host" nsenter --net="$ns" "$work/knock" "$link" "$mac" "$source" "$2" "$3" "$4" "$([ "$1" = nothing ] && echo 300 || echo 5000)")
  [ "$got" = "$1" ] || fail "from $source on $host to $2:$4/$3: '$got'"
}
no_answer() {
  answer nothing 127.0.0.1 tcp 8081 && answer nothing 127.0.0.1 udp 5354
}
# Who is on the same segment can put any address into a frame: 127.0.0.1 of another host is none of theirs, whether or
# not somebody has opened that host's loopback (route_localnet) for purposes of his own.
loopback_frames() {
  local mac from id ns address gateway
  mac=$(on host1 cat /sys/class/net/eth0/address)
  id=$(tasks '.[]|select(.service=="near").id')
  ns=/run/carrack/netns/$id
  address=$(on host2 nsenter --net="$ns" ip -4 -br addr show eth0 | awk '{ sub("/.*", "", $3); print $3 }')
  gateway=$(on host2 ip -4 -br addr | awk -v net="${address%.*}." 'index($3, net) == 1 { sub("@.*", "", $1); print $1; exit }')
  gateway=$(on host2 cat "/sys/class/net/$gateway/address")
  for from in "switch /proc/self/ns/net switch $mac 10.77.0.254" "host2 /proc/self/ns/net eth0 $mac 10.77.0.2" "host2 $ns eth0 $gateway $address"; do
    answer answered 10.77.0.1 tcp 8080 && answer answered 10.77.0.1 udp 5353 && no_answer || return
    answer nothing 10.77.0.1 tcp 8081 && answer nothing 10.77.0.1 udp 5354 || return
  done
  on host1 sysctl -qw net.ipv4.conf.all.route_localnet=1 || return
  opened
  local status=$?
  on host1 nft delete table ip untracked 2>/dev/null
  on host1 sysctl -qw net.ipv4.conf.all.route_localnet=0 && return $status
}
opened() {
  for from in "switch /proc/self/ns/net switch $mac 10.77.0.254" "host2 /proc/self/ns/net eth0 $mac 10.77.0.2"; do
    no_answer || return
  done
  # They were on their way: what goes by the rule that stops them arrives.
  on host1 nft 'add table ip untracked; add chain ip untracked in { type filter hook prerouting priority -300; }; add rule ip untracked in ip daddr 127.0.0.1 iifname eth0 notrack' || return
  answer answered 127.0.0.1 tcp 8081
}
# A stack that names an address of somebody else does not get what is sent there, not even from a host that lets itself
# bind to such addresses.
not_its_own() {
  local status
  on switch ip addr add 198.51.100.9/32 dev lo
  on switch sh -c 'busybox nc -ll -p 8083 -e echo theirs >/dev/null 2>&1 & echo $! >/run/theirs'
  on host1 ip route add 198.51.100.9 via 10.77.0.254
  on host1 sysctl -qw net.ipv4.ip_nonlocal_bind=1
  stack claim <<Y
name: claim
services:
  x:
    image: $img
    init: true
    command: ["sh", "-c", "exec nc -ll -p 80 -e echo claimed"]
    ports: ["198.51.100.9:8083:80"]
    deploy: {placement: {constraints: ["node.hostname == host1"]}}
Y
  apply claim && until_ok 10 claimed
  status=$?
  c rm claim && until_ok 10 no_claim || status=1
  on host1 sysctl -qw net.ipv4.ip_nonlocal_bind=0
  on switch sh -c 'kill $(cat /run/theirs)' 2>/dev/null
  on host1 ip route del 198.51.100.9
  on switch ip addr del 198.51.100.9/32 dev lo
  return $status
}
claimed() { # it is in the tables; its own host and a container are led to who has the address
  on host1 nft list map inet ck_overlay gate4_at | grep -q '198.51.100.9 .* 8083' || fail "it is not published: $(c inspect claim_x)" || return
  [ "$(on host1 busybox nc -w 2 198.51.100.9 8083 </dev/null)" = theirs ] || fail "the host's connections are taken" || return
  [ "$(c exec ports_web.1 nc -w 2 198.51.100.9 8083 </dev/null)" = theirs ] || fail "a container's connections are taken"
}
no_claim() { ! c ls 2>/dev/null | grep -q claim; }
ranges() {
  ask switch 10.77.0.2:7000 >/dev/null || fail "the first of a range does not answer" || return
  refused switch 10.77.0.2:7004 # published, and nobody listens in the container
}
near() {
  local seen
  seen=$(ask switch 10.77.0.2:8090) || fail "the node of the task does not answer" || return
  [ "${seen% *}" = 10.77.0.254 ] || fail "the client is shown as $seen" || return
  refused switch 10.77.0.1:8090
}
spread() { # both replicas of one node are asked, from here and by way of another node
  local where
  for where in 10.77.0.3:8100 10.77.0.1:8100 ; do
    [ "$(for _ in $(seq 20); do ask switch "$where"; done | sort | uniq -c | wc -l)" = 2 ] ||
      fail "20 connections to $where did not reach both replicas" || return
  done
}
conflicts() {
  local out
  stack other <<Y
name: other
services:
  x: {image: $img, init: true, command: ["sleep", "inf"], ports: ["7003:1"]}
Y
  out=$(apply other 2>&1) && fail "a taken port was taken again" && return 1
  grep -q "7003/tcp.*'web' of the stack 'ports'" <<<"$out" || fail "it is not said who has the port: $out" || return
  sed -i 's/"7003:1"/{target: 1, published: 9003, mode: host}/; s/init: true/init: true, deploy: {replicas: 4}/' "$work/other.yaml"
  out=$(apply other --timeout 8s 2>&1) && fail "four tasks have one host port on three nodes" && return 1
  out=$(c ps other --json | jq -r '.[].reason' | grep 9003)
  grep -q "9003/tcp in use (by 'x' of the stack 'other')" <<<"$out" || fail "the reason does not name the port: $out" || return
  c rm other && until_ok 15 sh -c "! $carrack ls 2>/dev/null | grep -q other"
}
port_of() { c inspect "$1" | jq -r '.ports[0]'; }
chosen() { # a range for one port: the first that is free, and it stays
  local out n
  for n in one two; do
    stack $n <<Y
name: $n
services:
  x:
    image: $img
    init: true
    volumes: ["$work/udp:/udp:ro"]
    command: ["sh", "-c", '${server//\$/\$\$}']
    ports: ["7003-7006:80"]
Y
    apply $n || return
  done
  [ "$(port_of one_x) $(port_of two_x)" = "7005->80/tcp 7006->80/tcp" ] || fail "they got $(port_of one_x) and $(port_of two_x)" || return
  until_ok 10 ask switch 10.77.0.2:7005 || fail "the port that was chosen does not answer" || return
  c ls two | grep -q "7006->80/tcp" || fail "the port is not listed: $(c ls two)" || return
  sed 's/name: two/name: three/' "$work/two.yaml" >"$work/three.yaml"
  out=$(c plan -f "$work/three.yaml" 2>&1) && fail "a range with nothing left is planned" && return 1
  grep -q "three.yaml:8.*no port of 7003-7006/tcp is left.*7003 is published by the service 'web' of the stack 'ports'.* 7005 by the service 'x' of the stack 'one'" <<<"$out" ||
    fail "it is not said who has them: $out" || return
  c rm one || return
  sed -i 's/7003-7006/7003-7009/' "$work/two.yaml"
  on ctl sh -c 'kill -9 $(pgrep -f "carrack controller")'
  until_ok 30 apply two || fail "the new controller does not take the stack: $(apply two 2>&1)" || return
  [ "$(port_of two_x)" = "7006->80/tcp" ] || fail "after an update it has $(port_of two_x)" || return
  until_ok 10 ask switch 10.77.0.3:7006 || fail "it does not answer after the update" || return
  c rm two
}
each_its_own() { # mode host: tasks of one node share a range, and a program of the host keeps its port
  local ports p
  on host2 sh -c 'busybox nc -ll -p 7101 -e echo mine >/dev/null 2>&1 & echo $! >/run/foreign'
  stack own <<Y
name: own
services:
  x:
    image: $img
    init: true
    volumes: ["$work/udp:/udp:ro"]
    command: ["sh", "-c", '${server//\$/\$\$}']
    ports: [{target: 80, published: "7100-7103", mode: host}]
    deploy: {replicas: 3, placement: {constraints: ["node.hostname == host2"]}}
Y
  apply own || return
  ports=$(c ps own --json | jq -r '.[].ports[0]' | sort | tr '\n' ' ')
  [ "$ports" = "0.0.0.0:7100->80/tcp 0.0.0.0:7102->80/tcp 0.0.0.0:7103->80/tcp " ] || fail "they have $ports" || return
  for p in 7100 7102 7103; do
    until_ok 10 ask switch 10.77.0.2:$p || fail "$p does not answer" || return
  done
  on host2 sh -c 'kill $(cat /run/foreign)'
  c scale own/x=4 && until_ok 20 ask switch 10.77.0.2:7101 || fail "the fourth does not get what is left" || return
  sed -i 's/replicas: 3/replicas: 5/' "$work/own.yaml"
  apply own --no-wait || return
  until_ok 15 no_port_left || fail "the reason does not name the range: $(c ps own --json | jq -r '.[].reason')" || return
  c rm own
}
no_port_left() { c ps own --json | jq -r '.[].reason' | grep -q "all host ports of 7100-7103/tcp in use (7100 by 'x' of the stack 'own')"; }
foreign() { # a program of the host has the port: it keeps it, and the service says so
  local out
  on host2 sh -c 'busybox nc -ll -p 9100 -e echo mine >/dev/null 2>&1 & echo $! >/run/foreign'
  stack late <<Y
name: late
services:
  x:
    image: $img
    init: true
    volumes: ["$work/udp:/udp:ro"]
    command: ["sh", "-c", '${server//\$/\$\$}']
    ports: ["9100:80"]
    deploy: {placement: {constraints: ["node.hostname == host1"]}}
Y
  apply late && ask switch 10.77.0.3:9100 >/dev/null || fail "the others do not answer" || return
  [ "$(on switch busybox nc -w 2 10.77.0.2 9100 </dev/null)" = mine ] || fail "the program lost its port" || return
  until_ok 15 told || fail "it is not told: $(c inspect late_x)" || return
  on host2 sh -c 'kill $(cat /run/foreign)'
  until_ok 15 ask switch 10.77.0.2:9100 || fail "the port is not taken when it is free" || return
  until_ok 15 told_no_more || fail "the reason stays" || return
  c rm late
}
told() { c inspect late_x | grep -q 'in use by another program'; }
told_no_more() { ! told; }
none_ready() {
  local h
  c scale ports/two=0 || return
  for h in 1 3; do
    until_ok 10 refused switch "10.77.0.$h:8100" || fail "host$h does not refuse" || return
  done
  refused host3 127.0.0.1:8100 || return
  [ -z "$(udp switch 10.77.0.1 5100 2>/dev/null)" ] || fail "UDP is answered by nobody" || return
  c scale ports/two=2
  until_ok 10 ask switch 10.77.0.1:8100
}
moved_udp() { # a client that never stops sending is not tied to a task that is gone
  on switch bash -c 'exec 3<>/dev/udp/10.77.0.3/5100; echo hello >&3; timeout 2 head -n 1 <&3; sleep 1; touch /run/go; while [ -e /run/go ]; do sleep 0.1; done; echo again >&3; timeout 2 head -n 1 <&3' >"$work/udp" &
  until_ok 10 on switch test -e /run/go
  c scale ports/two=0
  until_ok 10 refused switch 10.77.0.3:8100
  c scale ports/two=2
  until_ok 10 ask switch 10.77.0.3:8100
  on switch rm -f /run/go
  wait $!
  [ "$(grep -c again "$work/udp")" = 1 ] || fail "the old client gets no answer: $(cat "$work/udp")"
}
agent_dead() {
  on host2 sh -c 'kill -STOP $(pgrep -f "carrack agen[t]")'
  ask switch 10.77.0.2:8080 >/dev/null || fail "host2 does not answer without its agent" || return
  on host2 sh -c 'kill -9 $(pgrep -f "carrack agen[t]")'
  ask switch 10.77.0.2:8080 >/dev/null || fail "host2 does not answer after its agent's death" || return
  until_ok 20 ask host2 127.0.0.1:8080 || fail "the new agent does not serve loopback"
}
tables() { on host2 nft -n list table inet ck_overlay 2>/dev/null | tr -d ' \t' | tr ',{}' '\n' | sort; }
as_before() { [ "$(tables)" = "$1" ]; }
mended() { # the tables, for a proxy would answer in their place
  local what before
  before=$(tables)
  for what in 'flush map inet ck_overlay gate4' 'flush map inet ck_overlay back4_tcp' 'flush set inet ck_overlay far4' \
    'flush chain inet ck_overlay published' 'delete table inet ck_overlay' \
    'flush map inet ck_overlay back4_tcp; add element inet ck_overlay back4_tcp { 8080 . 0 : 10.77.0.3 . 81 }'; do
    on host2 nft "$what" || fail "cannot do \"$what\"" || return
    until_ok 15 as_before "$before" || fail "not mended: $what: $(diff <(echo "$before") <(tables) | head -n 9)" || return
    ask switch 10.77.0.2:8080 >/dev/null || fail "no answer after \"$what\"" || return
  done
}
node_lost() {
  stack far <<Y
name: far
services:
  x:
    image: $img
    init: true
    volumes: ["$work/udp:/udp:ro"]
    command: ["sh", "-c", '${server//\$/\$\$}']
    ports: ["9200:80"]
    deploy: {replicas: 2, placement: {constraints: ["node.hostname != host1"]}}
Y
  apply far && ask switch 10.77.0.1:9200 >/dev/null || return
  lab kill host3 >/dev/null || return
  until_ok 15 node_state host3 down || fail "host3 is not seen as lost" || return
  until_ok 10 twenty || fail "some connections still go to the lost node"
}
twenty() { for _ in $(seq 20); do ask switch 10.77.0.1:9200 >/dev/null || return 1; done; }

t "a stack with published ports comes up" up
t "every node answers, the client's address is kept where the task is" everywhere
t "UDP as well, on loopback too" datagrams
t "host_ip: loopback is loopback only, an address is that one only" addresses
t "a neighbour's frames to 127.0.0.1 are not answered" loopback_frames
t "host_ip of somebody else takes nothing of his" not_its_own
t "ranges" ranges
t "x-local: only nodes with a task" near
t "two replicas on one node share the port" spread
t "conflicts are refused with who has the port" conflicts
t "of a range for one port the first that is free is chosen, and stays" chosen
t "mode host: tasks of one node share a range" each_its_own
t "a program of the host keeps its port, and the service says so" foreign
t "with nobody ready a port refuses at once" none_ready
t "a UDP client that goes on sending finds the new task" moved_udp
t "the agent's death and return" agent_dead
t "damage is mended" mended
t "a lost node gets no more connections" node_lost
finish
