/* SPDX-License-Identifier: Apache-2.0
 * What one change costs an agent: its own code from the message's text to the kernel's tables, with the
 * endpoints of 1 and of 30,000 services on a network, and 1,000 endpoints that join in one message
 * beside the same forwarding and neighbour entries written by `bridge` and `ip` in batches. Needs
 * root; all inside private namespaces. */
#include "agent/core/assign.h"
#include "agent/core/core.h"
#include "agent/core/nodenet.h"
#include "base/fd.h"
#include "base/mem.h"
#include "base/str.h"
#include "tests/bench/bench.h"
#include <malloc.h>
#include <string.h>

#define RUN     "/run/ck-agent-bench"
#define MANY    30000
#define JOIN    1000
#define CHANGES 300
#define NET     "aaaa0001aaaa"

static struct core c;
static int64_t version;

static void look(void *arg)
{
	if (c.ack == 0)
		loop_stop(c.loop);
	else
		loop_defer(c.loop, look, arg);
}

/* As main.c does with a message; microseconds until all of it is done. */
static double deliver(const char *text)
{
	struct err err = {0};
	double start = now_us();
	auto_json *msg = json_parse(text, strlen(text), &err);
	must(msg ? assign_apply(c.assign, msg, &err) : -1, &err);
	c.ack = assign_version(c.assign);
	core_sync_soon(&c);
	loop_defer(c.loop, look, NULL);
	loop_run(c.loop);
	return now_us() - start;
}

static void add_network(struct str *s)
{
	str_add(s, "{\"kind\":\"network\",\"id\":\"" NET "\",\"obj\":{\"id\":\"" NET
		   "\",\"name\":\"n\",\"stack\":\"s\",\"vni\":5001,\"subnet\":\"10.0.0.0/12\","
		   "\"gateway\":\"10.0.0.1\",\"mtu\":0}}");
	for (int i = 1; i <= 2; i++)
		str_addf(s,
			 ",{\"kind\":\"node\",\"id\":\"00000000000%d\",\"obj\":{\"id\":"
			 "\"00000000000%d\",\"name\":\"h%d\",\"address\":\"192.0.2.1%d\","
			 "\"os\":\"linux\",\"arch\":\"amd64\",\"cpus\":2,\"memory\":1000000000}}",
			 i, i, i, i);
}

/* Each is the one task of its service, and has that one's VIP. */
static void add_endpoint(struct str *s, int i, bool ready)
{
	int n = i + 1000, v = n + 300000;
	str_addf(s,
		 "{\"kind\":\"endpoint\",\"id\":\"%024d/" NET "\",\"obj\":{\"id\":\"%024d/" NET
		 "\",\"network_id\":\"" NET "\",\"task_id\":\"%024d\",\"task_name\":\"s_w%d.1\","
		 "\"service\":\"w%d\",\"vip_names\":[\"w%d\",\"s_w%d\",\"w%d.s\"],\"names\":"
		 "[\"s_w%d.1\",\"tasks.w%d\",\"w%d-1\",\"w%d-1.s\"],\"ip\":\"10.%d.%d.%d\","
		 "\"mac\":\"02:42:0a:%02x:%02x:%02x\",\"vip\":\"10.%d.%d.%d\",\"node_id\":"
		 "\"00000000000%d\",\"vtep\":\"192.0.2.1%d\"%s}}",
		 i, i, i, i, i, i, i, i, i, i, i, i, n >> 16, n >> 8 & 255, n & 255, n >> 16,
		 n >> 8 & 255, n & 255, v >> 16, v >> 8 & 255, v & 255, 1 + i % 2, 1 + i % 2,
		 ready ? ",\"ready\":true" : "");
}

static double snapshot(int n)
{
	auto_str s = {0};
	str_addf(&s, "{\"version\":%lld,\"set\":[", (long long)++version);
	add_network(&s);
	for (int i = 0; i < n; i++) {
		str_addc(&s, ',');
		add_endpoint(&s, i, true);
	}
	str_add(&s, "]}");
	return deliver(s.data);
}

static void begin(struct str *s)
{
	str_addf(s, "{\"version\":%lld,\"prev\":%lld,\"set\":[", (long long)version + 1,
		 (long long)version);
	version++;
}

static int by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return x < y ? -1 : x > y;
}

/* The median of many: one endpoint of the first service leaves its VIP, or comes back. */
static double changes(double *ret_p99)
{
	double took[CHANGES];
	for (int i = 0; i < CHANGES; i++) {
		auto_str s = {0};
		begin(&s);
		add_endpoint(&s, 0, i % 2);
		str_add(&s, "]}");
		took[i] = deliver(s.data);
	}
	qsort(took, CHANGES, sizeof(*took), by_size);
	*ret_p99 = took[CHANGES * 99 / 100];
	return took[CHANGES / 2];
}

static double join(int from)
{
	auto_str s = {0};
	begin(&s);
	for (int i = 0; i < JOIN; i++) {
		if (i)
			str_addc(&s, ',');
		add_endpoint(&s, from + i, true);
	}
	str_add(&s, "]}");
	return deliver(s.data);
}

/* The peer: a bridge and a VXLAN link made by hand, and the same entries in two batches. */
static double by_hand(void)
{
	FILE *fdb = fopen(RUN "/fdb", "w"), *neigh = fopen(RUN "/neigh", "w");
	if (!fdb || !neigh)
		exit(1);
	for (int i = 0; i < JOIN; i++) {
		fprintf(fdb,
			"fdb replace 02:42:0b:00:%02x:%02x dev hx dst 192.0.2.11 self permanent\n",
			i >> 8, i & 255);
		fprintf(neigh,
			"neigh replace 10.200.%d.%d lladdr 02:42:0b:00:%02x:%02x dev hb nud "
			"permanent\n",
			i >> 8, i & 255, i >> 8, i & 255);
	}
	fclose(fdb);
	fclose(neigh);
	if (system("ip link add hb type bridge && ip link add hx type vxlan id 77 dstport 4790 "
		   "nolearning local 192.0.2.1 && ip link set hx master hb up && ip link set hb "
		   "up") != 0)
		exit(1);
	double start = now_us();
	if (system("bridge -batch " RUN "/fdb && ip -batch " RUN "/neigh") != 0)
		exit(1);
	return now_us() - start;
}

/* What a task of this node does first: the network is here, and a namespace is on it. */
static void be_there(void)
{
	struct err err = {0};
	struct wire_attach at = {.network_id = (char *)NET};
	struct wire_task t = {.id = (char *)"here", .attach = &at, .n_attach = 1};
	struct ov_endpoint e = {.network_id = NET, .mac = {2, 0x42, 10, 0, 0, 9}};
	struct ov_sandbox s = {.id = "here", .endpoints = &e, .n_endpoints = 1};
	char *path = NULL;
	ipaddr_parse("10.0.0.9", &e.ip);
	must(nodenet_hold(c.networks, &t, &err), &err);
	must(overlay_sandbox_set(c.overlay, &s, &path, &err), &err);
	free(path);
}

static void open_agent(void)
{
	static struct overlay_config oc = {.run_dir = RUN, .underlay = "und0"};
	static struct crypto_pair seal;
	struct err err = {0};
	struct registry_config none = {0};
	struct runtime_config rc = {.run_dir = RUN, .data_dir = RUN "/data"};
	c.loop = loop_new();
	c.data_dir = RUN "/data";
	c.run_dir = RUN;
	c.node_id = "000000000009";
	c.node_name = "here";
	c.overlay_config = &oc;
	c.seal = &seal;
	must(image_store_open(c.loop, RUN "/images", &none, &c.images, &err), &err);
	must(runtime_open(c.loop, &rc, core_runtime_event, &c, &c.runtime, &err), &err);
	must(overlay_open(c.loop, &oc, &c.overlay, &err), &err);
	c.assign = assign_new(c.loop, RUN "/data/assignments.json");
	core_open(&c);
	c.had_tasks = false; /* nothing to wipe */
}

int main(int argc, char **argv)
{
	(void)argc;
	own_host(argv, RUN);
	struct err err = {0};
	must(dir_make(RUN "/data", 0700, &err), &err);
	open_agent();
	double p99, one, many, hand = by_hand();
	snapshot(1);
	be_there();
	one = changes(&p99);
	printf("one change with 1 service: median %.0f us, 99 in 100 within %.0f us\n", one, p99);
	double joined = join(1);
	printf("%d endpoints join: %.1f ms (with VIP and names); by `bridge` and `ip` in batches "
	       "%.1f ms: %.2fx\n",
	       JOIN, joined / 1e3, hand / 1e3, joined / hand);
	printf("a snapshot of %d services: %.2f s\n", MANY, snapshot(MANY) / 1e6);
	many = changes(&p99);
	printf("one change with %d services: median %.0f us (%.2fx of 1 service, target under 1000 "
	       "us), 99 in 100 within %.0f us\n",
	       MANY, many, many / one, p99);
	joined = join(MANY);
	printf("%d endpoints join these: %.1f ms: %.2fx of by hand\n", JOIN, joined / 1e3,
	       joined / hand);
	return 0;
}
