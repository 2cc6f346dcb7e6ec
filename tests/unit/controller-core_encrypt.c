/* SPDX-License-Identifier: Apache-2.0
 * Encrypted networks: only nodes that can encrypt get their tasks, and each learns its peers' keys. */
#include "tests/unit/cluster_driver.h"

#define KEY_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define KEY_B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define KEY_C "cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc"

static int put(struct driver *d, const char *opts)
{
	struct err err = {0};
	json_t *answer = NULL;
	auto_free char *text =
		xasprintf("{\"name\":\"s\",\"services\":{\"web\":{\"image\":\"a\",\"networks\":"
			  "{\"default\":{}},\"deploy\":{\"replicas\":2}}},\"networks\":"
			  "{\"default\":{\"name\":\"s_default\",\"driver_opts\":%s}}}",
			  opts);
	auto_json *j = json_parse(text, strlen(text), &err);
	int rc = cluster_stack_put(d->c, "s", j, &answer, &err);
	if (rc < 0)
		print_message("refused: %s\n", err_text(&err));
	json_decref(answer);
	return rc;
}

static int say(struct driver *d, const char *id, const char *more)
{
	auto_free char *text = xasprintf("{\"node\":{\"name\":\"x\",\"address\":\"192.0.2.%s\","
					 "\"os\":\"linux\",\"arch\":\"amd64\",\"cpus\":4,"
					 "\"memory\":8589934592%s}}",
					 id, more);
	auto_json *msg = json_parse(text, strlen(text), NULL);
	return cluster_agent_node(d->c, id, msg, NULL);
}

static const struct task *first(const struct driver *d)
{
	return drive_service(d, "web")->slots[0].cur;
}

/* Was node told key as member of the object of another node? */
static bool told(const struct driver *d, const char *node, const char *member, const char *key)
{
	auto_free char *want = xasprintf("\"%s\":\"%s\"", member, key);
	for (size_t i = 0; i < d->out.n_sends; i++)
		if (streq(d->out.sends[i].node_id, node) && strstr(d->out.sends[i].json, want))
			return true;
	return false;
}

static void test_eligible(void **state)
{
	struct driver d;
	(void)state;
	drive_init(&d, 2);
	assert_int_equal(say(&d, "1", ",\"no_encrypt\":\"this kernel has no WireGuard\""), 0);
	assert_int_equal(put(&d, "{\"encrypted\":\"true\"}"), 0);
	drive_step(&d);
	assert_null(first(&d)->node);
	assert_string_equal(first(&d)->reason, "no node fits: 2 cannot encrypt (host1: this kernel "
					       "has no WireGuard)");
	/* One that can is found as soon as it says so. */
	assert_int_equal(say(&d, "2", ",\"tunnel_key\":\"" KEY_B "\",\"tunnel_port\":51820"), 0);
	drive_step(&d);
	assert_string_equal(first(&d)->node->name, "host2");
	drive_done(&d);
}

static void test_keys_travel(void **state)
{
	struct driver d;
	(void)state;
	drive_init(&d, 2);
	assert_int_equal(say(&d, "1", ",\"tunnel_key\":\"" KEY_A "\",\"tunnel_port\":51820"), 0);
	assert_int_equal(say(&d, "2", ",\"tunnel_key\":\"" KEY_B "\",\"tunnel_port\":51821"), 0);
	assert_int_equal(put(&d, "{\"encrypted\":\"\"}"), 0);
	drive_step(&d);
	assert_true(told(&d, "1", "tunnel_key", KEY_B));
	assert_true(told(&d, "2", "tunnel_key", KEY_A));
	drive_obey(&d, TASK_RUNNING);
	assert_int_equal(say(&d, "1",
			     ",\"tunnel_key\":\"" KEY_A "\",\"tunnel_next\":\"" KEY_C "\","
			     "\"tunnel_port\":51820"),
			 0);
	drive_step(&d);
	assert_true(told(&d, "2", "tunnel_next", KEY_C));
	assert_int_equal(say(&d, "1", ",\"tunnel_key\":\"" KEY_C "\",\"tunnel_port\":51820"), 0);
	drive_step(&d);
	assert_true(told(&d, "2", "tunnel_key", KEY_C));
	assert_false(told(&d, "2", "tunnel_next", KEY_C));
	/* The same again is no news. */
	assert_int_equal(say(&d, "1", ",\"tunnel_key\":\"" KEY_C "\",\"tunnel_port\":51820"), 0);
	drive_step(&d);
	assert_int_equal(d.out.n_sends, 0);
	drive_done(&d);
}

/* What was in clear does not become encrypted below running tasks: it is another network. */
static void test_change(void **state)
{
	struct driver d;
	(void)state;
	drive_init(&d, 1);
	assert_int_equal(say(&d, "1", ",\"tunnel_key\":\"" KEY_A "\",\"tunnel_port\":51820"), 0);
	assert_int_equal(put(&d, "{\"encrypted\":\"false\"}"), 0);
	drive_step(&d);
	char was[ID_ROOM];
	snprintf(was, sizeof(was), "%s", first(&d)->attach[0].net->id);
	assert_false(first(&d)->attach[0].net->encrypted);
	for (int i = 0; i < 5; i++)
		drive_obey(&d, TASK_RUNNING);
	assert_int_equal(put(&d, "{\"encrypted\":\"1\"}"), 0);
	for (int i = 0; i < 60; i++)
		drive_obey(&d, TASK_RUNNING);
	assert_non_null(first(&d)->node);
	assert_true(first(&d)->attach[0].net->encrypted);
	assert_string_not_equal(first(&d)->attach[0].net->id, was);
	drive_done(&d);
}

static void test_bad_key(void **state)
{
	struct driver d;
	(void)state;
	drive_init(&d, 1);
	assert_int_equal(say(&d, "1", ",\"tunnel_key\":\"abc\""), -EINVAL);
	assert_int_equal(say(&d, "1", ",\"tunnel_port\":70000"), -EINVAL);
	assert_int_equal(put(&d, "{\"encrypted\":\"perhaps\"}"), -EINVAL);
	drive_done(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_eligible),
		cmocka_unit_test(test_keys_travel),
		cmocka_unit_test(test_change),
		cmocka_unit_test(test_bad_key),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
