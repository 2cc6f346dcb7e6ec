/* SPDX-License-Identifier: Apache-2.0
 * Placement on thousands of random clusters, against the rules written down naively. */
#include "controller/sched/ports.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define NODES 24

static uint64_t state;

static uint64_t rnd(uint64_t below)
{
	uint64_t x = state += 0x9e3779b97f4a7c15u;
	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
	x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
	return (x ^ (x >> 31)) % below;
}

struct lab {
	struct sched_node nodes[NODES];
	struct kvlist labels[NODES];
	struct spec_port ports[NODES];
	struct sched_port port_list[NODES][1];
	char names[NODES][32];
	size_t n;
	struct spec_service s;
	struct spec_port own;
};

static void lab_make(struct lab *l)
{
	memset(l, 0, sizeof(*l));
	l->n = rnd(NODES + 1);
	for (size_t i = 0; i < l->n; i++) {
		struct sched_node *n = &l->nodes[i];
		snprintf(l->names[i], sizeof(l->names[i]), "host%zu", i);
		n->id = n->name = l->names[i];
		n->os = "linux";
		n->arch = rnd(5) ? "amd64" : "arm64";
		n->ready = rnd(8) != 0;
		kvlist_set(&l->labels[i], "disk", rnd(2) ? "ssd" : "hdd");
		n->labels = &l->labels[i];
		n->cpus = 4;
		n->cpus_used = (double)rnd(9) * 0.5;
		n->memory = 4096;
		n->memory_used = (int64_t)rnd(9) * 512;
		n->n_tasks = rnd(6);
		n->n_service_tasks = rnd(3);
		l->ports[i] =
			(struct spec_port){.published = (uint16_t)(80 + rnd(2)), .mode = PORT_HOST};
		l->port_list[i][0].port = &l->ports[i];
		l->port_list[i][0].number = l->ports[i].published;
		n->ports = l->port_list[i];
		n->n_ports = rnd(2);
	}
	l->own = (struct spec_port){.published = 80, .target = 80, .mode = PORT_HOST};
	l->s.ports = &l->own;
	l->s.n_ports = rnd(3) == 0;
	if (rnd(2))
		strlist_add(&l->s.constraints, "node.labels.disk == ssd");
	if (rnd(4) == 0)
		strlist_add(&l->s.constraints, "node.hostname!=host1");
	l->s.platform = rnd(3) ? NULL : xstrdup("linux/amd64");
	l->s.reservations.cpus = (double)rnd(3) * 0.5;
	l->s.reservations.memory = (int64_t)rnd(3) * 512;
	l->s.max_replicas_per_node = (int64_t)rnd(4);
}

static void lab_done(struct lab *l)
{
	for (size_t i = 0; i < l->n; i++)
		kvlist_done(&l->labels[i]);
	strlist_done(&l->s.constraints);
	free(l->s.platform);
}

/* The rules of sched.h, one after the other. */
static bool fits(const struct lab *l, const struct sched_node *n)
{
	const struct spec_service *s = &l->s;
	if (!n->ready || (s->platform && strcmp(n->arch, "amd64") != 0))
		return false;
	for (size_t i = 0; i < s->constraints.n; i++) {
		bool disk = strstr(s->constraints.v[i], "disk") != NULL;
		if (disk && strcmp(kvlist_get(n->labels, "disk"), "ssd") != 0)
			return false;
		if (!disk && strcmp(n->name, "host1") == 0)
			return false;
	}
	if (n->cpus_used + s->reservations.cpus > n->cpus && s->reservations.cpus > 0)
		return false;
	if (n->memory_used + s->reservations.memory > n->memory && s->reservations.memory > 0)
		return false;
	if (s->n_ports && n->n_ports && n->ports[0].port->published == 80)
		return false;
	return !s->max_replicas_per_node || n->n_service_tasks < (size_t)s->max_replicas_per_node;
}

static int rank(const struct sched_node *a, const struct sched_node *b)
{
	if (a->n_service_tasks != b->n_service_tasks)
		return a->n_service_tasks < b->n_service_tasks ? -1 : 1;
	if (a->n_tasks != b->n_tasks)
		return a->n_tasks < b->n_tasks ? -1 : 1;
	int64_t x = a->memory - a->memory_used, y = b->memory - b->memory_used;
	return x > y ? -1 : x < y;
}

static void test_against_rules(void **unused)
{
	(void)unused;
	for (int round = 0; round < 20000; round++) {
		struct lab l;
		struct sched_result r;
		lab_make(&l);
		sched_place(&l.s, l.nodes, l.n, (uint64_t)round, &r);
		size_t refused = 0, able = 0;
		for (size_t i = 0; i < FILTER_MAX; i++)
			refused += r.refused[i];
		for (size_t i = 0; i < l.n; i++) {
			able += fits(&l, &l.nodes[i]);
			if (r.node >= 0 && fits(&l, &l.nodes[i]))
				assert_true(rank(&l.nodes[r.node], &l.nodes[i]) <= 0);
		}
		assert_int_equal(refused + able, l.n);
		assert_int_equal(r.node >= 0, able > 0);
		if (r.node >= 0)
			assert_true(fits(&l, &l.nodes[r.node]));
		else
			assert_non_null(strstr(r.why, "no node fits: "));
		lab_done(&l);
	}
}

static void account(struct lab *l, long node)
{
	struct sched_node *n = &l->nodes[node];
	n->n_tasks++;
	n->n_service_tasks++;
	n->cpus_used += l->s.reservations.cpus;
	n->memory_used += l->s.reservations.memory;
	if (l->s.n_ports) {
		l->port_list[node][0].port = &l->own;
		l->port_list[node][0].number = l->own.published;
		n->n_ports = 1;
	}
}

/* A batch puts each task where a single placement would. */
static void test_batch(void **unused)
{
	(void)unused;
	for (int round = 0; round < 3000; round++) {
		struct lab l;
		struct sched_result one, many;
		lab_make(&l);
		struct sched_batch *b = sched_batch_new(&l.s, l.nodes, l.n, (uint64_t)round);
		for (int k = 0; k < 40; k++) {
			sched_place(&l.s, l.nodes, l.n, (uint64_t)round, &one);
			sched_batch_next(b, &many);
			assert_int_equal(one.node, many.node);
			if (one.node < 0) {
				assert_memory_equal(one.refused, many.refused, sizeof(one.refused));
				sched_batch_why(b, l.n, &many);
				assert_string_equal(one.why, many.why);
				break;
			}
			account(&l, one.node);
			sched_batch_used(b);
		}
		sched_batch_free(b);
		lab_done(&l);
	}
}

static void test_constraints(void **unused)
{
	(void)unused;
	assert_true(sched_constraint_valid("node.labels.disk == ssd"));
	assert_true(sched_constraint_valid("node.hostname!=a"));
	assert_true(sched_constraint_valid("node.platform.arch==x86_64"));
	assert_false(sched_constraint_valid("node.labels. == ssd"));
	assert_false(sched_constraint_valid("node.labels.disk"));
	assert_false(sched_constraint_valid("disk == ssd"));
	assert_false(sched_constraint_valid("node.id =="));
	assert_false(sched_constraint_valid(""));
	struct sched_node n = {.id = "1", .name = "a", .os = "linux", .arch = "amd64"};
	struct spec_service s = {0};
	strlist_add(&s.constraints, "node.platform.arch == x86_64");
	strlist_add(&s.constraints, "node.labels.missing != yes");
	strlist_add(&s.constraints, "node.role == worker");
	assert_true(sched_eligible(&s, &n));
	strlist_add(&s.constraints, "node.labels.missing == yes");
	assert_false(sched_eligible(&s, &n));
	strlist_done(&s.constraints);
}

/* Five nodes in one zone, one in another, one in none: each zone gets a third. */
static void test_devices(void **unused)
{
	(void)unused;
	struct strlist one = {0}, both = {0};
	strlist_add(&one, "x.com/gpu=0");
	strlist_add(&both, "x.com/gpu=0");
	strlist_add(&both, "x.com/gpu=1");
	struct sched_node nodes[] = {{.name = "a", .ready = true},
				     {.name = "b", .ready = true, .devices = &one},
				     {.name = "c", .ready = true, .devices = &both}};
	struct spec_service s = {0};
	struct sched_result r;
	strlist_add(&s.devices, "/dev/x:/dev/x:rwm"); /* a file is no matter of placement */
	strlist_add(&s.devices, "x.com/gpu=0");
	sched_place(&s, nodes, 1, 0, &r);
	assert_int_equal(r.node, -1);
	assert_string_equal(r.why, "no node fits: 1 lacks the device 'x.com/gpu=0'");
	sched_place(&s, nodes, 2, 0, &r);
	assert_int_equal(r.node, 1);
	strlist_add(&s.devices, "x.com/gpu=1");
	sched_place(&s, nodes, 3, 0, &r);
	assert_int_equal(r.node, 2);
	sched_place(&s, nodes, 2, 0, &r);
	assert_string_equal(r.why, "no node fits: 2 lack the device 'x.com/gpu=0' or another one");
	strlist_done(&one);
	strlist_done(&both);
	strlist_done(&s.devices);
}

static void test_preferences(void **unused)
{
	(void)unused;
	struct sched_node nodes[7];
	struct kvlist zone[2] = {0};
	struct spec_preference by = {.spread = (char *)"node.labels.zone"};
	struct spec_service s = {.preferences = {&by, 1}};
	struct sched_result r;
	size_t got[3] = {0};
	kvlist_set(&zone[0], "zone", "a");
	kvlist_set(&zone[1], "zone", "b");
	for (size_t i = 0; i < 7; i++)
		nodes[i] = (struct sched_node){.id = "n",
					       .name = "n",
					       .os = "linux",
					       .arch = "amd64",
					       .ready = true,
					       .labels = i < 5    ? &zone[0]
							 : i == 5 ? &zone[1]
								  : NULL};
	struct sched_batch *b = sched_batch_new(&s, nodes, 7, 5);
	for (int i = 0; i < 12; i++) {
		sched_batch_next(b, &r);
		assert_true(r.node >= 0);
		got[r.node < 5 ? 0 : r.node - 4]++;
		nodes[r.node].n_tasks++;
		nodes[r.node].n_service_tasks++;
		sched_batch_used(b);
	}
	sched_batch_free(b);
	assert_int_equal(got[0], 4);
	assert_int_equal(got[1], 4);
	assert_int_equal(got[2], 4);
	for (size_t i = 0; i < 4; i++) /* and inside a zone as everywhere */
		assert_true(nodes[i].n_service_tasks <= 1);
	kvlist_done(&zone[0]);
	kvlist_done(&zone[1]);
}

/* Three tasks of one service have a range of three ports of one node; a fourth finds none. */
static void test_port_ranges(void **unused)
{
	(void)unused;
	struct spec_port asked[] = {
		{.range_first = 80, .range_last = 84, .target = 1, .mode = PORT_HOST},
		{.published = 81, .target = 2, .mode = PORT_HOST, .protocol = PROTO_UDP},
		{.range_first = 80, .range_last = 82, .target = 3, .mode = PORT_HOST},
		{.range_first = 80, .range_last = 82, .target = 3, .mode = PORT_INGRESS},
	};
	struct spec_port single = {.published = 82, .mode = PORT_INGRESS};
	struct spec_port local = {.published = 80, .mode = PORT_HOST, .host_ip = (char *)"::1"};
	struct sched_port web = {&single, 82, "t", "far"}, used[3] = {{&local, 80, "t", "x"}};
	struct sched_ports everywhere = {.v = &web, .n = 1};
	struct spec_service s = {.ports = asked, .n_ports = 4};
	struct sched_node n = {.name = "a", .ready = true, .ports = used};
	struct sched_result r;
	uint16_t got[4] = {0};
	/* The one that ends first has the first; a single of another protocol is in nobody's way. */
	assert_true(sched_ports_pick(&s, &n, got));
	assert_int_equal(got[0], 81);
	assert_int_equal(got[1], 80);
	n.everywhere = &everywhere;
	n.n_ports = 1;
	assert_true(sched_ports_pick(&s, &n, got));
	assert_int_equal(got[0], 80 + 3);
	assert_int_equal(got[1], 81);
	/* With host_ip of the other family they do not meet. */
	asked[2].host_ip = (char *)"127.0.0.1";
	assert_true(sched_ports_pick(&s, &n, got));
	assert_int_equal(got[1], 80);
	asked[2].host_ip = NULL;
	used[1] = (struct sched_port){&asked[2], 81, "s", "web"};
	n.n_ports = 2;
	assert_false(sched_ports_pick(&s, &n, NULL));
	sched_place(&s, &n, 1, 1, &r);
	assert_int_equal(r.refused[FILTER_PORT], 1);
	assert_string_equal(r.why, "no node fits: 1 has all host ports of 80-82/tcp in use (80 by "
				   "'x' of the stack 't')");
}

static void test_port_range_batch(void **unused)
{
	(void)unused;
	struct spec_port range = {.range_first = 80, .range_last = 82, .mode = PORT_HOST};
	struct sched_port used[2][3];
	struct spec_service s = {.ports = &range, .n_ports = 1};
	struct sched_node nodes[2] = {{.name = "a", .ready = true, .ports = used[0]},
				      {.name = "b", .ready = true, .ports = used[1]}};
	struct sched_result r;
	struct sched_batch *b = sched_batch_new(&s, nodes, 2, 5);
	for (int i = 0; i < 6; i++) {
		uint16_t got = 0;
		sched_batch_next(b, &r);
		assert_true(r.node >= 0);
		struct sched_node *n = &nodes[r.node];
		assert_true(sched_ports_pick(&s, n, &got));
		assert_int_equal(got, 80 + n->n_ports);
		used[r.node][n->n_ports++] = (struct sched_port){&range, got, "s", "web"};
		n->n_service_tasks++;
		sched_batch_used(b);
	}
	sched_batch_next(b, &r);
	assert_int_equal(r.node, -1);
	assert_int_equal(r.refused[FILTER_PORT], 2);
	sched_batch_free(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_against_rules),    cmocka_unit_test(test_batch),
		cmocka_unit_test(test_devices),          cmocka_unit_test(test_preferences),
		cmocka_unit_test(test_constraints),      cmocka_unit_test(test_port_ranges),
		cmocka_unit_test(test_port_range_batch),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
