/* SPDX-License-Identifier: Apache-2.0
 * Tasks in the namespaces of other tasks: on their node, after them, and gone with them. */
#include "tests/unit/cluster_driver.h"

#define NET "\"networks\":{\"default\":{}}"
#define VPN(img, n, extra)                                                                         \
	"\"vpn\":{\"image\":\"" img "\"," NET ",\"deploy\":{\"replicas\":" n extra "}}"
#define GUEST(n, extra)                                                                            \
	"\"app\":{\"image\":\"a\",\"network_mode\":\"service:vpn\",\"deploy\":{\"replicas\":" n    \
		extra "}}"

static void put(struct driver *d, const char *services)
{
	struct err err = {0};
	if (drive_put(d, services, NULL, &err) < 0)
		fail_msg("%s", err.text);
	drive_step(d);
}

static void obey(struct driver *d)
{
	for (int i = 0; i < 12; i++)
		drive_obey(d, TASK_RUNNING);
}

static struct task *cur(const struct driver *d, const char *service, size_t slot)
{
	struct service *svc = drive_service(d, service);
	return svc && slot < svc->n_slots ? svc->slots[slot].cur : NULL;
}

static void assert_together(const struct driver *d, size_t slot, size_t host_slot)
{
	const struct task *t = cur(d, "app", slot), *p = cur(d, "vpn", host_slot);
	assert_non_null(t);
	assert_non_null(p);
	assert_true(task_up(t));
	assert_ptr_equal(t->node, p->node);
	assert_non_null(t->with);
	assert_string_equal(t->with->id[SPACE_NET], p->id);
	assert_string_equal(t->with->id[SPACE_PID], "");
}

static void test_beside(void **unused)
{
	(void)unused;
	struct driver d;
	drive_init(&d, 4);
	put(&d, "{" GUEST("4", "") "," VPN("v", "4", "") "}");
	assert_non_null(cur(&d, "app", 0)->reason);
	assert_non_null(strstr(cur(&d, "app", 0)->reason, "vpn"));
	assert_null(cur(&d, "app", 0)->node); /* not before the other runs */
	obey(&d);
	for (size_t i = 0; i < 4; i++)
		assert_together(&d, i, i);
	drive_done(&d);
}

static void test_more_than_hosts(void **unused)
{
	(void)unused;
	struct driver d;
	drive_init(&d, 3);
	put(&d, "{" GUEST("3", "") "," VPN("v", "1", "") "}");
	obey(&d);
	for (size_t i = 0; i < 3; i++)
		assert_together(&d, i, 0);
	drive_done(&d);
}

static void test_update(void **unused)
{
	(void)unused;
	struct driver d;
	char before[2][ID_ROOM];
	drive_init(&d, 3);
	put(&d, "{" GUEST("2", "") "," VPN("v", "2", "") "}");
	obey(&d);
	for (size_t i = 0; i < 2; i++)
		memcpy(before[i], cur(&d, "app", i)->id, ID_ROOM);
	put(&d, "{" GUEST("2", "") "," VPN("w", "2", "") "}");
	assert_null(cur(&d, "app", 0)); /* goes with it, not after it */
	assert_non_null(cur(&d, "app", 1));
	obey(&d);
	for (size_t i = 0; i < 2; i++) {
		assert_together(&d, i, i);
		assert_string_not_equal(before[i], cur(&d, "app", i)->id);
	}
	assert_int_equal(drive_service(&d, "app")->roll, ROLL_DONE);
	drive_done(&d);
}

static void test_host_ends(void **unused)
{
	(void)unused;
	struct driver d;
	drive_init(&d, 2);
	put(&d, "{" GUEST("1", "") "," VPN("v", "1", "") "}");
	obey(&d);
	drive_report(&d, cur(&d, "vpn", 0), TASK_COMPLETE);
	drive_step(&d);
	obey(&d);
	const struct task *t = cur(&d, "app", 0);
	assert_null(t->node);
	assert_true(t->stuck);
	drive_done(&d);
}

static void test_node_lost(void **unused)
{
	(void)unused;
	struct driver d;
	drive_init(&d, 3);
	put(&d, "{" GUEST("1", "") "," VPN("v", "1", "") "}");
	obey(&d);
	task_lose(d.c, cur(&d, "vpn", 0));
	task_lose(d.c, cur(&d, "app", 0));
	obey(&d);
	assert_together(&d, 0, 0);
	drive_done(&d);
}

/* What the guest asks for is found where its host is placed, and counted there. */
static void test_needs(void **unused)
{
	(void)unused;
	struct driver d;
	drive_init(&d, 3);
	put(&d,
	    "{" GUEST(
		    "1",
		    ",\"resources\":{\"reservations\":{\"cpus\":1.5}},"
		    "\"placement\":{\"constraints\":[\"node.hostname == host2\"]}") "," VPN("v",
											    "1",
											    ",\"res"
											    "ources"
											    "\":{"
											    "\"rese"
											    "rvatio"
											    "ns\":{"
											    "\"cpus"
											    "\":0."
											    "5}}") "}");
	const struct node *n = cur(&d, "vpn", 0)->node;
	assert_non_null(n);
	assert_true(d.c->sched[n->sched_ix].cpus_used > 1.99 &&
		    d.c->sched[n->sched_ix].cpus_used < 2.01);
	obey(&d);
	assert_together(&d, 0, 0);
	assert_true(d.c->sched[n->sched_ix].cpus_used < 2.01);
	put(&d,
	    "{" GUEST("1", ",\"placement\":{\"constraints\":[\"node.hostname == host2\"]}") "," VPN(
		    "v", "1", ",\"resources\":{\"reservations\":{\"cpus\":0.5}}") "}");
	obey(&d);
	n = cur(&d, "vpn", 0)->node;
	assert_true(d.c->sched[n->sched_ix].cpus_used < 0.51);
	drive_done(&d);
}

static void test_global(void **unused)
{
	(void)unused;
	struct driver d;
	drive_init(&d, 3);
	put(&d, "{\"vpn\":{\"image\":\"v\"," NET ",\"deploy\":{\"mode\":\"global\","
		"\"placement\":{\"constraints\":[\"node.hostname != host3\"]}}},"
		"\"app\":{\"image\":\"a\",\"network_mode\":\"service:vpn\",\"pid\":\"service:vpn\","
		"\"deploy\":{\"mode\":\"global\"}}}");
	obey(&d);
	assert_int_equal(drive_up(drive_service(&d, "vpn")), 2);
	assert_int_equal(drive_up(drive_service(&d, "app")), 2);
	assert_int_equal(drive_service(&d, "app")->n_pending, 0);
	drive_done(&d);
}

/* The guests first, and nothing is left. */
static void test_removal(void **unused)
{
	(void)unused;
	struct driver d;
	drive_init(&d, 2);
	put(&d, "{" GUEST("2", "") "," VPN("v", "2", "") "}");
	obey(&d);
	assert_int_equal(cluster_stack_del(d.c, "s", NULL), 0);
	drive_step(&d);
	assert_true(drive_service(&d, "app")->slots[0].old->stop);
	assert_non_null(cur(&d, "vpn", 0));
	obey(&d);
	assert_int_equal(d.c->stacks.n + d.c->tasks.n, 0);
	drive_done(&d);
}

static void refuse(struct driver *d, const char *services, const char *words)
{
	struct err err = {0};
	if (drive_put(d, services, NULL, &err) == 0)
		fail_msg("taken: %s", services);
	if (!strstr(err.text, words))
		fail_msg("said: %s", err.text);
}

static void test_refused(void **unused)
{
	(void)unused;
	struct driver d;
	drive_init(&d, 1);
	refuse(&d, "{\"a\":{\"image\":\"a\",\"network_mode\":\"service:no\"}}", "no service 'no'");
	refuse(&d, "{\"a\":{\"image\":\"a\",\"network_mode\":\"service:a\"}}", "itself");
	refuse(&d,
	       "{\"a\":{\"image\":\"a\",\"network_mode\":\"service:b\"},"
	       "\"b\":{\"image\":\"a\",\"pid\":\"service:a\"," NET "}}",
	       "circle");
	refuse(&d, "{" GUEST("1", ",\"mode\":\"global\"") "," VPN("v", "1", "") "}", "global");
	refuse(&d,
	       "{\"a\":{\"image\":\"a\",\"network_mode\":\"service:b\",\"hostname\":\"x\"},"
	       "\"b\":{\"image\":\"a\"," NET "}}",
	       "write 'hostname' there");
	refuse(&d,
	       "{\"a\":{\"image\":\"a\",\"ipc\":\"service:b\"," NET "},"
	       "\"b\":{\"image\":\"a\"," NET "}}",
	       "ipc: shareable");
	refuse(&d,
	       "{\"a\":{\"image\":\"a\",\"pid\":\"service:b\",\"network_mode\":\"service:c\"},"
	       "\"b\":{\"image\":\"a\"," NET "},\"c\":{\"image\":\"a\"," NET "}}",
	       "different nodes");
	refuse(&d, "{\"a\":{\"image\":\"a\",\"network_mode\":\"container:x\"}}", "container_name");
	drive_done(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_beside),    cmocka_unit_test(test_more_than_hosts),
		cmocka_unit_test(test_update),    cmocka_unit_test(test_host_ends),
		cmocka_unit_test(test_node_lost), cmocka_unit_test(test_needs),
		cmocka_unit_test(test_global),    cmocka_unit_test(test_removal),
		cmocka_unit_test(test_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
