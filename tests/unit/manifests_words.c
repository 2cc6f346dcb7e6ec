/* SPDX-License-Identifier: Apache-2.0
 * Small grammars: image names, units, variables, .env files, shell words, scalars. */
#include "manifests/imageref.h"
#include "manifests/interp.h"
#include "manifests/node.h"
#include "manifests/task.h"
#include "manifests/units.h"
#include "manifests/words.h"
#include "manifests_helper.h"

static void image_names(void **state)
{
	(void)state;
	const char *hex = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
	auto_free char *pinned = xasprintf("r.io/a/b:v1@sha256:%s", hex);
	auto_free char *digest = xasprintf("a@sha256:%s", hex);
	auto_free char *digest_full = xasprintf("docker.io/library/a@sha256:%s", hex);
	const struct {
		const char *text, *full;
	} good[] = {
		{"nginx", "docker.io/library/nginx:latest"},
		{"u/nginx:1.2", "docker.io/u/nginx:1.2"},
		{"docker.io/nginx", "docker.io/library/nginx:latest"},
		{"index.docker.io/nginx", "docker.io/library/nginx:latest"},
		{"localhost/x", "localhost/x:latest"},
		{"registry.lab:5000/busybox", "registry.lab:5000/busybox:latest"},
		{"[::1]:5000/a", "[::1]:5000/a:latest"},
		{"10.0.0.1:5000/a/b_c__d-e.f:V_1", "10.0.0.1:5000/a/b_c__d-e.f:V_1"},
		{pinned, pinned},
		{digest, digest_full},
	};
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		struct imageref r;
		struct err err = {0};
		if (imageref_parse(good[i].text, &r, &err) < 0)
			fail_msg("%s", err.text);
		auto_free char *full = imageref_text(&r);
		assert_string_equal(full, good[i].full);
		imageref_done(&r);
	}
	static const char *const bad[] = {
		"",     "a:",          ":a",       "A",    "a//b",   "/a",     "a/",
		"a b",  "a@sha256:12", "a:b c",    "-a",   "a..b",   "a___b",  "h:99999/a",
		"h:/a", "a:-x",        "a@md5:00", "../a", "a/../b", "[::1/a",
	};
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct imageref r;
		struct err err = {0};
		if (imageref_parse(bad[i], &r, &err) == 0)
			fail_msg("'%s' was taken", bad[i]);
		assert_true(err.text[0]);
	}
}

/* The full form is longer than what was written, and must be taken again. */
static void image_name_length(void **state)
{
	(void)state;
	for (size_t len = 1000; len <= 1024; len++) {
		struct imageref r, again;
		auto_str text = {0};
		while (text.len < len - 3)
			str_add(&text, text.len ? "h" : "r.");
		str_add(&text, "h/a");
		text.data[len] = 0;
		if (imageref_parse(text.data, &r, NULL) < 0)
			continue;
		auto_free char *full = imageref_text(&r);
		assert_int_equal(imageref_parse(full, &again, NULL), 0);
		imageref_done(&r);
		imageref_done(&again);
	}
}

static void sizes_and_durations(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		int64_t value; /* -1: wrong */
	} sizes[] = {{"0", 0},
		     {"10", 10},
		     {"1k", 1024},
		     {"1KB", 1024},
		     {"1KiB", 1024},
		     {"1.5m", 1572864},
		     {"2G", 2147483648},
		     {"1 gb", 1073741824},
		     {"5b", 5},
		     {"", -1},
		     {"k", -1},
		     {"1x", -1},
		     {"1bb", -1},
		     {"-1", -1},
		     {"1kk", -1},
		     {"9223372036854775807", INT64_MAX},
		     {"9223372036854775808", -1},
		     {"8192p", -1}},
	  times[] = {{"0", 0},
		     {"1s", 1000000000},
		     {"1m30s", 90000000000},
		     {"1.5h", 5400000000000},
		     {"10ms", 10000000},
		     {"1d", 86400000000000},
		     {"5us", 5000},
		     {"1", -1},
		     {"", -1},
		     {"s", -1},
		     {"1s2", -1},
		     {"1x", -1},
		     {"-1s", -1},
		     {"300000000h", -1}};
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		int64_t v = -1;
		assert_int_equal(units_size(sizes[i].text, &v), sizes[i].value >= 0);
		assert_int_equal(v, sizes[i].value);
	}
	for (size_t i = 0; i < ARRAY_LEN(times); i++) {
		int64_t v = -1, again;
		assert_int_equal(units_duration(times[i].text, &v), times[i].value >= 0);
		assert_int_equal(v, times[i].value);
		if (v < 0)
			continue;
		auto_free char *text = units_duration_text(v);
		assert_true(units_duration(text, &again));
		assert_int_equal(again, v);
	}
}

static void variables(void **state)
{
	(void)state;
	static const struct {
		const char *text, *want; /* NULL: an error */
	} cases[] = {
		{"plain", "plain"},
		{"$V", "value"},
		{"${V}x", "valuex"},
		{"$$V", "$V"},
		{"${V:-d}", "value"},
		{"${N:-d}", "d"},
		{"${N-d}", "d"},
		{"${E:-d}", "d"},
		{"${E-d}", ""},
		{"${V:+d}", "d"},
		{"${N:+d}", ""},
		{"${E+d}", "d"},
		{"${E:+d}", ""},
		{"${N:-${M:-deep $V}}", "deep value"},
		{"${N:-a$$b}", "a$b"},
		{"${V:?no}", "value"},
		{"${N:?no}", NULL},
		{"${E:?no}", NULL},
		{"${E?no}", ""},
		{"${V", NULL},
		{"${}", NULL},
		{"${1}", NULL},
		{"${V!x}", NULL},
		{"$(date) $2a$", "$(date) $2a$"},
		{"a$", "a$"},
		{"${V:-${N:?unseen}}", "value"},
		{"$N", ""},
		{"${N:-{}", "{"},
	};
	struct kvlist env = {0};
	kvlist_set(&env, "V", "value");
	kvlist_set(&env, "E", "");
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct diag d = {0};
		struct interp in = {.env = &env, .d = &d, .left = 1000};
		auto_free char *got = interp_text(&in, cases[i].text);
		if (!streq(got, cases[i].want))
			fail_msg("'%s' gave '%s'", cases[i].text, got ? got : "an error");
		assert_int_equal(d.n_errors > 0, cases[i].want == NULL);
		diag_done(&d);
	}
	struct diag d = {0};
	struct interp in = {.env = &env, .d = &d, .left = 8};
	assert_null(interp_text(&in, "$V$V$V"));
	diag_done(&d);
	kvlist_done(&env);
}

static void dotenv_files(void **state)
{
	(void)state;
	const char *text =
		"\xef\xbb\xbf# comment\n\nexport A=one # note\nB='$A # x'\nC=\"$A\\n\\\"q\\\" "
		"\\$A\"\nD=two\\n#three\nE=\nF: six\r\nG=\"multi\nline\"\nV\nNOT\n H = $A ";
	struct kvlist env = {0}, out = {0};
	struct diag d = {0};
	kvlist_set(&env, "V", "value");
	assert_int_equal(dotenv_parse("e", text, strlen(text), &env, &out, &d), 0);
	static const struct {
		const char *k, *v;
	} want[] = {{"A", "one"},          {"B", "$A # x"}, {"C", "one\n\"q\" $A"},
		    {"D", "two\\n#three"}, {"E", ""},       {"F", "six"},
		    {"G", "multi\nline"},  {"V", "value"},  {"H", "one"}};
	assert_int_equal(out.n, ARRAY_LEN(want));
	for (size_t i = 0; i < ARRAY_LEN(want); i++)
		assert_string_equal(kvlist_get(&out, want[i].k), want[i].v);
	static const char *const bad[] = {"A B=1", "=x", "A='x", "A=\"x\" y", "A=${", "A=\"\\"};
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		size_t before = d.n_errors;
		assert_int_equal(dotenv_parse("e", bad[i], strlen(bad[i]), &env, &out, &d),
				 -EINVAL);
		assert_int_equal(d.v[d.n - 1].line, 1);
		assert_true(d.n_errors > before);
	}
	diag_done(&d);
	kvlist_done(&out);
	kvlist_done(&env);
}

static void words_and_paths(void **state)
{
	(void)state;
	auto_strlist w = {0};
	assert_true(words_split(" a  'b c'd \"e \\\"f\" \\  '' ", &w));
	assert_int_equal(w.n, 5);
	assert_string_equal(w.v[1], "b cd");
	assert_string_equal(w.v[2], "e \"f");
	assert_string_equal(w.v[3], " ");
	assert_string_equal(w.v[4], "");
	assert_false(words_split("a 'b", &w));
	static const char *const paths[][2] = {{"/", "/"},
					       {"//a/./b/", "/a/b"},
					       {"/../..", "/"},
					       {"/a/../b", "/b"},
					       {"/a/b/../..", "/"}};
	for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
		auto_free char *clean = path_clean(paths[i][0]);
		assert_string_equal(clean, paths[i][1]);
	}
	assert_true(utf8_valid("a\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80"));
	assert_false(utf8_valid("\xc0\xaf"));
	assert_false(utf8_valid("\xed\xa0\x80"));
	assert_false(utf8_valid("\xe2\x82"));
}

static void core_scalars(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		enum node_kind kind;
	} cases[] = {
		{"", NODE_NULL},     {"~", NODE_NULL},    {"null", NODE_NULL}, {"True", NODE_BOOL},
		{"no", NODE_STR},    {"n", NODE_STR},     {"yes", NODE_STR},   {"on", NODE_STR},
		{"12", NODE_INT},    {"-3", NODE_INT},    {"0o17", NODE_INT},  {"0xff", NODE_INT},
		{"1.5", NODE_FLOAT}, {"1e3", NODE_FLOAT}, {".5", NODE_FLOAT},  {".inf", NODE_FLOAT},
		{"1.", NODE_FLOAT},  {".", NODE_STR},     {"1:30", NODE_STR},  {"22:22", NODE_STR},
		{"1_000", NODE_STR}, {"0x", NODE_STR},    {"1e", NODE_STR},    {"tRue", NODE_STR},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		assert_int_equal(node_core_kind(cases[i].text), cases[i].kind);
}

static void task_moves(void **state)
{
	(void)state;
	for (int s = 0; s < TASK_STATE_MAX; s++) {
		assert_int_equal(task_state_parse(task_state_name((enum task_state)s)), s);
		for (int to = 0; to < TASK_STATE_MAX; to++)
			if (task_state_ended((enum task_state)s) && to != s)
				assert_false(
					task_state_may((enum task_state)s, (enum task_state)to));
	}
	assert_int_equal(task_state_parse("bogus"), TASK_STATE_INVALID);
	assert_int_equal(task_state_parse(NULL), TASK_STATE_INVALID);
	assert_true(task_state_may(TASK_PENDING, TASK_ASSIGNED));
	assert_true(task_state_may(TASK_LOST, TASK_RUNNING));
	assert_false(task_state_may(TASK_STOPPING, TASK_RUNNING));
	assert_false(task_state_may(TASK_RUNNING, TASK_PENDING));
	assert_true(task_ready(TASK_RUNNING, HEALTH_HEALTHY));
	assert_false(task_ready(TASK_RUNNING, HEALTH_STARTING));
	assert_int_equal(task_health_parse("unhealthy"), HEALTH_UNHEALTHY);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(image_name_length),   cmocka_unit_test(image_names),
		cmocka_unit_test(sizes_and_durations), cmocka_unit_test(variables),
		cmocka_unit_test(dotenv_files),        cmocka_unit_test(words_and_paths),
		cmocka_unit_test(core_scalars),        cmocka_unit_test(task_moves),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
