/* SPDX-License-Identifier: Apache-2.0
 * Places and hands out many tasks on many nodes and prints what it took. Agents here only count. */
#include "base/loop.h"
#include "manifests/canon.h"
#include "tests/sim/world.h"

#include <stdio.h>
#include <string.h>

#define STACK_TASKS 50
#define STACK_BATCH 40 /* stacks applied in one step */

static json_t *stack_of(long ix, long tasks, struct err *err)
{
	auto_free char *text =
		xasprintf("{\"name\":\"s%ld\",\"services\":{\"web\":{\"image\":\"app:1\","
			  "\"networks\":{\"default\":{}},\"deploy\":{\"replicas\":%ld}}},"
			  "\"networks\":{\"default\":{\"name\":\"s%ld_default\"}}}",
			  ix, tasks, ix);
	return json_parse(text, strlen(text), err);
}

static void join_all(struct cluster *c, long agents)
{
	for (long i = 0; i < agents; i++) {
		char id[24], name[32], address[64];
		snprintf(id, sizeof(id), "%012lx", i + 1);
		snprintf(name, sizeof(name), "host%ld", i + 1);
		snprintf(address, sizeof(address), "10.%ld.%ld.1", i / 250, i % 250);
		struct wire_node n = {.name = name,
				      .address = address,
				      .cpus = 64,
				      .memory = 1LL << 38};
		auto_json *hello = json_object();
		json_put_int(hello, "wire", WIRE_VERSION);
		json_object_set_new(hello, "node", wire_node_json(&n));
		cluster_node_join(c, id, name, NULL);
		cluster_agent_hello(c, id, hello, 1000, NULL);
	}
}

struct count {
	size_t messages, bytes, rows;
};

static void step(struct cluster *c, struct count *n)
{
	struct cluster_out out = {0};
	cluster_step(c, 1000, 1000, &out);
	n->rows += out.n_puts;
	n->messages += out.n_sends;
	for (size_t i = 0; i < out.n_sends; i++)
		n->bytes += strlen(out.sends[i].json);
	cluster_out_done(&out);
}

int scale_run(long tasks, long agents)
{
	struct cluster_config cfg = {.seed = 1, .pool = "10.0.0.0/8", .prefix_len = 24};
	struct err err = {0};
	struct count n = {0};
	struct cluster *c = cluster_new(&cfg);
	cluster_start(c, 1000);
	uint64_t start = clock_ms();
	join_all(c, agents);
	step(c, &n);
	printf("%ld agents joined: %llu ms\n", agents, (unsigned long long)(clock_ms() - start));
	long ix = 0;
	for (long left = tasks; left > 0; left -= STACK_TASKS, ix++) {
		auto_json *spec = stack_of(ix, left < STACK_TASKS ? left : STACK_TASKS, &err);
		json_t *answer = NULL;
		auto_free char *name = xasprintf("s%ld", ix);
		if (!spec || cluster_stack_put(c, name, spec, &answer, &err) < 0) {
			fprintf(stderr, "sim: %s\n", err.text);
			return 1;
		}
		json_decref(answer);
		if (ix % STACK_BATCH == STACK_BATCH - 1)
			step(c, &n);
	}
	step(c, &n);
	size_t placed = 0;
	for (size_t i = 0; i < c->n_sched; i++)
		placed += c->sched_of[i]->n_tasks;
	printf("%zu of %ld tasks handed out to %ld agents in %llu ms: %zu messages, %zu MB, %zu "
	       "rows\n",
	       placed, tasks, agents, (unsigned long long)(clock_ms() - start), n.messages,
	       n.bytes >> 20, n.rows);
	cluster_free(c);
	return placed == (size_t)tasks ? 0 : 1;
}
