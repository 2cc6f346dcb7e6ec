/* SPDX-License-Identifier: Apache-2.0
 * Networks on the physical network: who may be on one, and who has which address, over updates, moves and
 * restarts of the controller. */
#include "tests/unit/cluster_driver.h"

#define NETS(driver, opts)                                                                         \
	"{\"default\":{\"name\":\"s_lan\",\"driver\":\"" driver "\",\"driver_opts\":{" opts        \
	"},\"ipam\":{\"config\":[{\"subnet\":\"192.0.2.0/24\",\"gateway\":\"192.0.2.254\","        \
	"\"ip_range\":\"192.0.2.64/28\",\"aux_addresses\":{\"printer\":\"192.0.2.65\"}}]}}}"
#define ETH1 "\"parent\":\"eth1\""

static int put_as(struct driver *d, const char *stack, const char *service, const char *nets,
		  struct err *err)
{
	json_t *answer = NULL;
	auto_free char *text = xasprintf(
		"{\"name\":\"%s\",\"services\":{\"web\":{\"networks\":{\"default\":{}},%s}},"
		"\"networks\":%s}",
		stack, service, nets);
	auto_json *j = json_parse(text, strlen(text), err);
	int rc = cluster_stack_put(d->c, stack, j, &answer, err);
	json_decref(answer);
	return rc;
}

static void put(struct driver *d, const char *service, const char *nets)
{
	struct err err = {0};
	if (put_as(d, "s", service, nets, &err) < 0)
		fail_msg("refused: %s", err_text(&err));
	drive_step(d);
}

static void say(struct driver *d, const char *id, const char *more)
{
	auto_free char *text =
		xasprintf("{\"node\":{\"name\":\"x\",\"address\":\"192.0.2.%s\","
			  "\"os\":\"linux\",\"arch\":\"amd64\",\"cpus\":4,\"subnets\":"
			  "[\"192.0.2.0/24\"],\"memory\":8589934592%s}}",
			  id, more);
	auto_json *msg = json_parse(text, strlen(text), NULL);
	assert_non_null(msg);
	assert_int_equal(cluster_agent_node(d->c, id, msg, NULL), 0);
	drive_step(d);
}

static struct task *cur(const struct driver *d, size_t slot)
{
	return drive_service(d, "web")->slots[slot].cur;
}

static void test_eligible(void **state)
{
	(void)state;
	struct driver d;
	drive_init(&d, 2);
	say(&d, "1",
	    ",\"parents\":{\"eth0\":\"\",\"eth2\":\"it is a port of 'br0'; name that instead\"},"
	    "\"no_bridge\":{\"eth0\":\"it has the host's address 192.0.2.1\"}");
	put(&d, "\"image\":\"a\"", NETS("macvlan", ETH1));
	assert_string_equal(cur(&d, 0)->reason,
			    "no node fits: 2 cannot be on its physical network (host1: it has no "
			    "interface 'eth1')");
	put(&d, "\"image\":\"a\"", NETS("bridge", "\"parent\":\"eth0\""));
	assert_string_equal(
		cur(&d, 0)->reason,
		"no node fits: 2 cannot be on its physical network (host1: 'eth0': it has "
		"the host's address 192.0.2.1)");
	put(&d, "\"image\":\"a\"", NETS("macvlan", "\"parent\":\"eth2\""));
	assert_non_null(strstr(cur(&d, 0)->reason, "'eth2': it is a port of 'br0'"));
	/* The interface comes, on the other node. */
	put(&d, "\"image\":\"a\"", NETS("macvlan", ETH1));
	say(&d, "2", ",\"parents\":{\"eth1\":\"\"}");
	assert_string_equal(cur(&d, 0)->node->name, "host2");
	drive_done(&d);
}

static void test_vlan(void **state)
{
	(void)state;
	struct driver d;
	drive_init(&d, 1);
	say(&d, "1",
	    ",\"parents\":{\"eth0\":\"\"},\"no_bridge\":{\"eth0\":\"it has the host's address\"},"
	    "\"no_driver\":{\"ipvlan\":\"this kernel has no ipvlan\"}");
	put(&d, "\"image\":\"a\"", NETS("ipvlan", "\"parent\":\"eth0\""));
	assert_non_null(strstr(cur(&d, 0)->reason, "(host1: this kernel has no ipvlan)"));
	put(&d, "\"image\":\"a\"", NETS("macvlan", "\"parent\":\"eth1.50\""));
	assert_non_null(strstr(cur(&d, 0)->reason, "(host1: it has no interface 'eth1')"));
	/* A VLAN on it is an interface of its own. */
	put(&d, "\"image\":\"a\"", NETS("bridge", "\"parent\":\"eth0.50\""));
	assert_non_null(cur(&d, 0)->node);
	drive_done(&d);
}

static void text_of(const struct task *t, char out[IPAM_TEXT])
{
	ipam_addr_text(t->attach[0].ip, out);
}

static void expect(const struct task *t, const char *address)
{
	char text[IPAM_TEXT];
	assert_non_null(t->node);
	text_of(t, text);
	assert_string_equal(text, address);
}

static void ready(struct driver *d, int nodes)
{
	drive_init(d, nodes);
	for (int i = 1; i <= nodes; i++) {
		char id[16];
		snprintf(id, sizeof(id), "%d", i);
		say(d, id, ",\"parents\":{\"eth1\":\"\"}");
	}
}

static void test_addresses(void **state)
{
	(void)state;
	struct driver d;
	struct err err = {0};
	ready(&d, 2);
	put(&d, "\"image\":\"a\",\"deploy\":{\"replicas\":2}", NETS("macvlan", ETH1));
	char first[IPAM_TEXT], second[IPAM_TEXT];
	text_of(cur(&d, 0), first);
	text_of(cur(&d, 1), second);
	bool in_order = streq(first, "192.0.2.64"); /* .65 is kept free */
	assert_string_equal(in_order ? first : second, "192.0.2.64");
	assert_string_equal(in_order ? second : first, "192.0.2.66");
	assert_int_equal(drive_service(&d, "web")->n_vips, 0);
	/* An update gives each replica its address again, though others are free. */
	put(&d, "\"image\":\"b\",\"deploy\":{\"replicas\":2,\"update_config\":{\"parallelism\":0}}",
	    NETS("macvlan", ETH1));
	for (int i = 0; i < 4; i++)
		drive_obey(&d, TASK_RUNNING);
	assert_string_equal(cur(&d, 0)->tmpl->spec.image, "b");
	expect(cur(&d, 0), first);
	expect(cur(&d, 1), second);
	/* The nodes' own subnet is no obstacle, another network on it is one. */
	assert_int_equal(put_as(&d, "t", "\"image\":\"a\"", NETS("macvlan", ETH1), &err), -EEXIST);
	drive_done(&d);
}

static void lose(struct driver *d, const char *lost, const char *other)
{
	for (int i = 0; i < 60; i++) {
		cluster_agent_heartbeat(d->c, other, d->now);
		drive_step(d);
	}
	assert_false(node_by_name(d->c, lost)->up);
}

static void test_moves(void **state)
{
	(void)state;
	struct driver d;
	ready(&d, 2);
	put(&d, "\"image\":\"a\"", NETS("macvlan", ETH1));
	drive_obey(&d, TASK_RUNNING);
	struct task *was = cur(&d, 0);
	char lost[8], other[8];
	snprintf(lost, sizeof(lost), "%s", was->node->id);
	snprintf(other, sizeof(other), "%s", streq(lost, "1") ? "2" : "1");
	expect(was, "192.0.2.64");
	lose(&d, lost, other);
	assert_ptr_not_equal(cur(&d, 0), was);
	assert_string_equal(cur(&d, 0)->node->id, other);
	expect(cur(&d, 0), "192.0.2.64");
	assert_true(was->attach[0].handed);
	/* The lost one comes back and goes: the address stays its replacement's. */
	drive_hello(&d, lost, 0);
	drive_step(&d);
	for (int i = 0; i < 4; i++)
		drive_obey(&d, TASK_RUNNING);
	struct network *n = cur(&d, 0)->attach[0].net;
	assert_int_equal(n->n_attaches, 1);
	assert_int_equal(n->n_handed, 0);
	assert_int_equal(ipam_take_fixed(&n->subnet, 0xc0000240), -EADDRINUSE);
	drive_done(&d);
}

/* The replacement goes first: the lost task has its address again, and the next replacement gets it. */
static void test_handed_back(void **state)
{
	(void)state;
	struct driver d;
	ready(&d, 3);
	put(&d, "\"image\":\"a\"", NETS("macvlan", ETH1));
	drive_obey(&d, TASK_RUNNING);
	char lost[8], other[8];
	snprintf(lost, sizeof(lost), "%s", cur(&d, 0)->node->id);
	snprintf(other, sizeof(other), "%s", streq(lost, "1") ? "2" : "1");
	lose(&d, lost, other); /* and the third */
	struct task *heir = cur(&d, 0);
	expect(heir, "192.0.2.64");
	struct network *n = heir->attach[0].net;
	task_stop(d.c, heir);
	for (int i = 0; i < 3; i++) {
		cluster_agent_heartbeat(d.c, other, d.now);
		map_each(&d.c->tasks, e)
		{
			const struct task *t = e->val;
			if (t->node && t->stop && streq(t->node->id, other)) {
				drive_report(&d, t, TASK_STOPPED);
				break;
			}
		}
		drive_step(&d);
	}
	expect(cur(&d, 0), "192.0.2.64");
	assert_int_equal(n->n_handed, 1);
	assert_int_equal(n->subnet.n_used, 2); /* and the printer's */
	drive_done(&d);
}

static void refused(struct driver *d, const char *stack, const char *service, const char *nets,
		    const char *words)
{
	struct err err = {0};
	assert_true(put_as(d, stack, service, nets, &err) < 0);
	if (!strstr(err_text(&err), words))
		fail_msg("'%s' does not say '%s'", err_text(&err), words);
}

static void test_refused(void **state)
{
	(void)state;
	struct driver d;
	ready(&d, 1);
	put(&d, "\"image\":\"a\"",
	    "{\"default\":{\"name\":\"s_lan\",\"driver\":\"ipvlan\",\"attachable\":true,\"driver_"
	    "opts\":{" ETH1 "},\"ipam\":{\"config\":[{\"subnet\":\"192.0.2.0/24\"}]}}}");
	refused(&d, "t", "\"image\":\"a\",\"ports\":[{\"target\":80,\"published\":\"80\"}]",
		"{\"default\":{\"name\":\"s_lan\",\"external\":true}}",
		"publishes ports but is on");
	struct err err = {0};
	assert_int_equal(put_as(&d, "t", "\"image\":\"a\"",
				"{\"default\":{\"name\":\"s_lan\",\"external\":true}}", &err),
			 0);
	refused(&d, "u", "\"image\":\"a\"",
		"{\"default\":{\"name\":\"u_lan\",\"driver\":\"macvlan\",\"driver_opts\":{" ETH1
		"},\"ipam\":{\"config\":[{\"subnet\":\"198.51.100.0/24\"}]}}}",
		"'eth1' by macvlan and by ipvlan");
	drive_done(&d);
}

/* What no host can have is refused before a task waits for it. */
static void test_edges(void **state)
{
	(void)state;
	static const struct {
		const char *key, *ip;
		bool fine;
	} rows[] = {
		{"ipv4_address", "192.0.2.128", false}, {"ipv4_address", "192.0.2.191", false},
		{"ipv4_address", "192.0.2.190", true},  {"ipv6_address", "2001:db8::", false},
		{"ipv6_address", "2001:db8::ff", true},
	};
	struct driver d;
	ready(&d, 1);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct err err = {0};
		json_t *answer = NULL;
		auto_free char *text = xasprintf(
			"{\"name\":\"s\",\"services\":{\"web\":{\"image\":\"a\",\"networks\":"
			"{\"n\":{\"%s\":\"%s\"}}}},\"networks\":{\"n\":{\"name\":\"s_n\","
			"\"driver\":\"macvlan\",\"enable_ipv6\":true,\"driver_opts\":{" ETH1 "},"
			"\"ipam\":{\"config\":[{\"subnet\":\"192.0.2.128/26\"},"
			"{\"subnet\":\"2001:db8::/120\"}]}}}}",
			rows[i].key, rows[i].ip);
		auto_json *j = json_parse(text, strlen(text), &err);
		int rc = cluster_stack_put(d.c, "s", j, &answer, &err);
		json_decref(answer);
		if (rows[i].fine ? rc < 0 : !strstr(err_text(&err), "which no host can have"))
			fail_msg("%s: %s", rows[i].ip, err_text(&err));
	}
	drive_done(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_eligible),    cmocka_unit_test(test_vlan),
		cmocka_unit_test(test_addresses),   cmocka_unit_test(test_moves),
		cmocka_unit_test(test_handed_back), cmocka_unit_test(test_refused),
		cmocka_unit_test(test_edges),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
