/* SPDX-License-Identifier: Apache-2.0
 * Fixed addresses of services: who asks for one gets it, whoever is placed first; when a node is lost, too; and who
 * has it meanwhile is said. */
#include "tests/unit/cluster_driver.h"

/* services: members of the object. */
static void put(struct driver *d, const char *services)
{
	struct err err = {0};
	json_t *answer = NULL;
	auto_free char *text =
		xasprintf("{\"name\":\"s\",\"services\":{%s},\"networks\":{\"n\":{\"name\":\"s_n\","
			  "\"enable_ipv6\":true,\"ipam\":{\"config\":[{\"subnet\":\"10.5.0.0/28\"},"
			  "{\"subnet\":\"fd05::/64\"}]}}}}",
			  services);
	auto_json *j = json_parse(text, strlen(text), &err);
	if (cluster_stack_put(d->c, "s", j, &answer, &err) < 0)
		fail_msg("refused: %s", err_text(&err));
	json_decref(answer);
	drive_step(d);
}

#define SERVICE(name, more, wants)                                                                 \
	"\"" name "\":{\"image\":\"a\"" more ",\"networks\":{\"n\":{" wants "}}}"
#define IP(text)  "\"ipv4_address\":\"" text "\""
#define IP6(text) "\"ipv6_address\":\"" text "\""

static struct task *cur(const struct driver *d, const char *service)
{
	return drive_service(d, service)->slots[0].cur;
}

static void expect(const struct driver *d, const char *service, const char *ip, const char *ip6)
{
	const struct task *t = cur(d, service);
	char text[IPADDR_TEXT];
	if (!t->node)
		fail_msg("'%s' is not placed: %s", service, t->reason);
	ipam_addr_text(t->attach[0].ip, text);
	if (ip)
		assert_string_equal(text, ip);
	if (ip6)
		assert_string_equal(ipaddr_format(&t->attach[0].ip6, text), ip6);
}

static void expect_reason(const struct driver *d, const char *service, const char *reason)
{
	assert_null(cur(d, service)->node);
	assert_string_equal(cur(d, service)->reason, reason);
}

/* Names sort before and after: the first and the last address of the subnet are left for who wants them. */
static void test_left_alone(void **state)
{
	(void)state;
	struct driver d;
	drive_init(&d, 1);
	put(&d, SERVICE("a", ",\"deploy\":{\"replicas\":3}", "") "," SERVICE(
			"m", "",
			IP("10.5.0.2") "," IP6(
				"fd05::2")) "," SERVICE("n", "",
							IP("10.5.0.14")) "," SERVICE("z", "", ""));
	expect(&d, "m", "10.5.0.2", "fd05::2");
	expect(&d, "n", "10.5.0.14", NULL);
	expect(&d, "a", NULL, NULL);
	expect(&d, "z", NULL, NULL);
	/* Of 13 addresses 4 VIPs, 6 tasks and none that is wanted are taken: 3 more, not 4. */
	put(&d,
	    SERVICE("a", ",\"deploy\":{\"replicas\":7}", "") "," SERVICE(
		    "m", "", IP("10.5.0.2")) "," SERVICE("n", ",\"deploy\":{\"replicas\":0}",
							 IP("10.5.0.14")) "," SERVICE("z", "", ""));
	for (int i = 0; i < 3; i++)
		drive_obey(&d, TASK_RUNNING);
	size_t up = drive_up(drive_service(&d, "a"));
	assert_int_equal(up, 6);
	put(&d,
	    SERVICE("a", ",\"deploy\":{\"replicas\":7}", "") "," SERVICE(
		    "m", "", IP("10.5.0.2")) "," SERVICE("n", "",
							 IP("10.5.0.14")) "," SERVICE("z", "", ""));
	drive_obey(&d, TASK_RUNNING);
	expect(&d, "n", "10.5.0.14", NULL);
	drive_done(&d);
}

static void test_who(void **state)
{
	(void)state;
	struct driver d;
	drive_init(&d, 1);
	put(&d, SERVICE("a", "", ""));
	drive_obey(&d, TASK_RUNNING);
	expect(&d, "a", "10.5.0.2", NULL);
	put(&d, SERVICE("a", "", "") "," SERVICE("b", "", IP("10.5.0.2")) "," SERVICE(
			"c", "", IP("10.5.0.9") "," IP6("fd05::2")) "," SERVICE("d", "",
										IP("10.5.0.14")));
	expect_reason(&d, "b",
		      "the address '10.5.0.2' on 's_n' is held by the task 's_a.1' on 'host1'; "
		      "choose another address");
	expect_reason(&d, "c",
		      "the address 'fd05::2' on 's_n' is held by the task 's_a.1' on 'host1'; "
		      "choose another address");
	expect_reason(&d, "d",
		      "the address '10.5.0.14' on 's_n' is the VIP of the service 'a' of the "
		      "stack 's'; choose another address");
	/* Its holder goes. */
	put(&d, SERVICE("b", "", IP("10.5.0.2")));
	expect_reason(&d, "b",
		      "the address '10.5.0.2' on 's_n' is held by the task 's_a.1' on 'host1' "
		      "until that has stopped");
	for (int i = 0; i < 3; i++)
		drive_obey(&d, TASK_RUNNING);
	expect(&d, "b", "10.5.0.2", NULL);
	drive_done(&d);
}

/* Nothing of it stays when those who asked for it are gone. */
static void test_forgotten(void **state)
{
	(void)state;
	struct driver d;
	drive_init(&d, 1);
	put(&d, SERVICE("a", "", "") "," SERVICE("b", "", IP("10.5.0.3") "," IP6("fd05::3")));
	struct network *n = cur(&d, "b")->attach[0].net;
	assert_int_equal(n->wanted.n, 2);
	put(&d, SERVICE("a", "", "") "," SERVICE("b", "", IP("10.5.0.3")));
	for (int i = 0; i < 4; i++)
		drive_obey(&d, TASK_RUNNING);
	assert_int_equal(n->wanted.n, 1);
	put(&d, SERVICE("a", "", ""));
	for (int i = 0; i < 4; i++)
		drive_obey(&d, TASK_RUNNING);
	assert_int_equal(n->wanted.n, 0);
	drive_done(&d);
}

static void test_node_lost(void **state)
{
	(void)state;
	struct driver d;
	char was[ID_ROOM], lost[8], other[8];
	drive_init(&d, 2);
	put(&d, SERVICE("a", "", IP("10.5.0.9")));
	drive_obey(&d, TASK_RUNNING);
	expect(&d, "a", "10.5.0.9", NULL);
	snprintf(was, sizeof(was), "%s", cur(&d, "a")->id);
	snprintf(lost, sizeof(lost), "%s", cur(&d, "a")->node->id);
	snprintf(other, sizeof(other), "%s", streq(lost, "1") ? "2" : "1");
	for (int i = 0; i < 60; i++) {
		cluster_agent_heartbeat(d.c, other, d.now);
		drive_step(&d);
	}
	assert_string_not_equal(cur(&d, "a")->id, was);
	expect(&d, "a", "10.5.0.9", NULL);
	assert_string_equal(cur(&d, "a")->node->id, other);
	drive_report(&d, cur(&d, "a"), TASK_RUNNING);
	drive_step(&d);
	/* The lost node returns: its task is told to stop, and no node is led to that meanwhile. */
	drive_hello(&d, lost, 0);
	drive_step(&d);
	const struct task *old = map_get(&d.c->tasks, was);
	assert_non_null(old);
	assert_false(old->attach[0].sent);
	for (int i = 0; i < 4; i++)
		drive_obey(&d, TASK_RUNNING);
	assert_false(map_has(&d.c->tasks, was));
	struct network *n = cur(&d, "a")->attach[0].net;
	assert_int_equal(n->n_attaches, 1);
	assert_int_equal(n->n_handed, 0);
	assert_int_equal(ipam_take_fixed(&n->subnet, 0x0a050009), -EADDRINUSE);
	expect(&d, "a", "10.5.0.9", NULL);
	drive_done(&d);
}

static void test_start_first(void **state)
{
	(void)state;
	static const char *const wants[] = {IP("10.5.0.9"), IP6("fd05::9"),
					    "\"mac_address\":\"02:00:00:00:00:09\""};
	for (size_t i = 0; i < ARRAY_LEN(wants); i++) {
		struct driver d;
		drive_init(&d, 1);
		for (int round = 1; round <= 2; round++) {
			auto_free char *text = xasprintf(
				"\"a\":{\"image\":\"v%d\",\"deploy\":{\"update_config\":{\"order\":"
				"\"start-first\"}},\"networks\":{\"n\":{%s}}}",
				round, wants[i]);
			put(&d, text);
			for (int k = 0; k < 8; k++)
				drive_obey(&d, TASK_RUNNING);
		}
		assert_string_equal(cur(&d, "a")->tmpl->spec.image, "v2");
		assert_int_equal(drive_up(drive_service(&d, "a")), 1);
		drive_done(&d);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_left_alone),  cmocka_unit_test(test_who),
		cmocka_unit_test(test_forgotten),   cmocka_unit_test(test_node_lost),
		cmocka_unit_test(test_start_first),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
