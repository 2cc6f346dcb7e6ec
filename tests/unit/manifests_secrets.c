/* SPDX-License-Identifier: Apache-2.0
 * Configs and secrets of the stack language: where they lie, whose they are, where their values come
 * from, and that no value is in what travels. */
#include "manifests_helper.h"

#define WEB "services:\n  web:\n    image: a\n"

static const char everything[] =
	"name: shop\n"
	"services:\n"
	"  web:\n"
	"    image: a\n"
	"    secrets:\n"
	"      - password\n"
	"      - {source: token, target: /etc/app/token, uid: \"103\", gid: '7', mode: 0440}\n"
	"      - {source: token, target: again, mode: \"0400\"}\n"
	"      - {source: theirs, mode: 256}\n"
	"    configs:\n"
	"      - page\n"
	"      - {source: page, target: etc/page}\n"
	"secrets:\n"
	"  password: {file: ./binary, labels: {a: b}}\n"
	"  token: {environment: V, name: the.token}\n"
	"  theirs: {external: true}\n"
	"  elsewhere: {external: {name: other}}\n"
	"  unused: {file: not-there}\n"
	"configs:\n"
	"  page:\n"
	"    content: |\n"
	"      hello ${V}\n";

static void expect_grant(const struct spec_grant *g, const char *target, int64_t uid, int64_t mode)
{
	assert_string_equal(g->target, target);
	assert_int_equal(g->uid, uid);
	assert_int_equal(g->mode, mode);
}

static void short_and_long(void **state)
{
	(void)state;
	struct spec_stack *s = parse_ok(everything);
	const struct spec_service *w = &s->services[0];
	assert_int_equal(w->n_secrets, 4);
	assert_int_equal(w->n_configs, 2);
	expect_grant(&w->secrets[0], "/run/secrets/password", 0, 0444);
	expect_grant(&w->secrets[1], "/etc/app/token", 103, 0440);
	assert_int_equal(w->secrets[1].gid, 7);
	expect_grant(&w->secrets[2], "/run/secrets/again", 0, 0400);
	expect_grant(&w->secrets[3], "/run/secrets/theirs", 0, 0400);
	expect_grant(&w->configs[0], "/page", 0, 0444);
	expect_grant(&w->configs[1], "/etc/page", 0, 0444);
	assert_string_equal(s->secrets[0].name, "shop_password");
	assert_string_equal(s->secrets[1].name, "the.token");
	assert_true(s->secrets[2].external);
	assert_string_equal(s->secrets[2].name, "theirs");
	assert_string_equal(s->secrets[3].name, "other");
	spec_stack_free(s);
}

static void values(void **state)
{
	(void)state;
	struct spec_stack *s = parse_ok(everything);
	assert_int_equal(s->secrets[0].value_len, 3);
	assert_memory_equal(s->secrets[0].value, "a\0b", 3);
	assert_string_equal(s->secrets[1].value, "value");
	assert_null(s->secrets[2].value);
	assert_null(s->secrets[4].value); /* nobody uses it: its file need not be there */
	assert_string_equal(s->configs[0].value, "hello value\n");
	spec_stack_free(s);
}

static void nothing_travels_in_clear(void **state)
{
	(void)state;
	struct spec_stack *s = parse_ok(everything), *back = NULL;
	struct err err = {0};
	auto_json *j = canon_stack(s);
	auto_free char *text = json_text_canonical(j);
	assert_null(strstr(text, "value"));
	assert_null(strstr(text, "hello"));
	assert_null(strstr(text, "binary"));
	assert_int_equal(canon_stack_parse(j, &back, &err), 0);
	auto_json *again = canon_stack(back);
	assert_true(json_equal(j, again));
	expect_grant(&back->services[0].secrets[1], "/etc/app/token", 103, 0440);
	expect_grant(&back->services[0].secrets[3], "/run/secrets/theirs", 0, 0400);
	spec_stack_free(back);
	spec_stack_free(s);
}

static void versions_change_the_task(void **state)
{
	(void)state;
	static const char v1[] = "0123456789abcdef0123456789abcdef01234567";
	struct spec_stack *s = parse_ok(everything);
	struct spec_service back;
	struct err err = {0};
	char before[65], after[65];
	canon_task_hash(&s->services[0], before);
	s->services[0].secrets[0].version = xstrdup(v1);
	canon_task_hash(&s->services[0], after);
	assert_string_not_equal(before, after);
	auto_json *j = canon_service(&s->services[0]);
	assert_int_equal(canon_service_parse(j, "web", &back, &err), 0);
	assert_string_equal(back.secrets[0].version, v1);
	spec_service_done(&back);
	spec_stack_free(s);
}

static void mistakes(void **state)
{
	(void)state;
	static const struct finding cases[] = {
		{WEB "    secrets: [s]\nsecrets: {s: {file: gone}}\n", 5, 21,
		 "cannot read the file '/srv/My App/gone' of the secret 's'"},
		{WEB "    secrets: [s]\nsecrets: {s: {environment: GONE}}\n", 5, 28,
		 "the variable 'GONE' of the secret 's' is not set"},
		{WEB "    secrets: [s]\nsecrets: {s: {file: huge}}\n", 5, 21, "at most 500 KiB"},
		{WEB "    configs: [s]\nconfigs: {s: {file: huge}}\n", 5, 21, "at most 1024 KiB"},
		{WEB "    configs: [s]\n", 4, 15, "declare it under the top-level 'configs'"},
		{WEB "    configs: [s]\nsecrets: {s: {file: huge}}\n", 4, 15, "is not there"},
		{WEB "secrets: {s: {}}\n", 4, 14, "has no value"},
		{WEB "secrets:\n  s:\n", 5, 3, "has no value"},
		{WEB "secrets: {s: {file: a, environment: B}}\n", 4, 14, "more than one value"},
		{WEB "secrets: {s: {file: a, external: true}}\n", 4, 14, "an external secret"},
		{WEB "secrets: {s: {content: a}}\n", 4, 15, "no key 'content'"},
		{WEB "secrets: {s: {file: a, driver: vault}}\n", 4, 24, "keeps secrets itself"},
		{WEB "configs: {s: {file: a, template_driver: golang}}\n", 4, 24, "as they are"},
		{WEB "configs: {s: {file: a, version: 1}}\n", 4, 24, "no key 'version'"},
		{WEB "configs: {s: {file: a, name: a/b}}\n", 4, 30, "'name' may have"},
		{WEB "    secrets: [{source: s, uid: root}]\nsecrets: {s: {file: a}}\n", 4, 32,
		 "must be a number"},
		{WEB "    secrets: [{source: s, mode: 999}]\nsecrets: {s: {file: app.env}}\n", 0, 0,
		 NULL},
		{WEB "    secrets: [{source: s, mode: rw}]\nsecrets: {s: {file: a}}\n", 4, 33,
		 "permission bits"},
		{WEB "    secrets: [{target: s}]\nsecrets: {s: {file: a}}\n", 4, 15,
		 "needs 'source'"},
		{WEB "    secrets: [s, s]\nsecrets: {s: {file: a}}\n", 4, 18, "mounted at"},
		{WEB "    configs: [{source: s, target: /}]\nconfigs: {s: {file: a}}\n", 4, 15,
		 "mounted at '/'"},
		{WEB
		 "    volumes: [\"/run/secrets/s\"]\n    secrets: [s]\nsecrets: {s: {file: a}}\n",
		 5, 15, "mounted at"},
		{WEB "    tmpfs: [\"/run/secrets/s:size=1m\"]\n    secrets: [s]\n"
		     "secrets: {s: {file: a}}\n",
		 5, 15, "cannot both be there"},
		{WEB "    secrets: [s, {source: s, target: s/t}]\nsecrets: {s: {file: a}}\n", 4, 18,
		 "cannot both be there"},
		{WEB "    secrets: [{source: s, target: s/t}, s]\nsecrets: {s: {file: a}}\n", 4, 41,
		 "cannot both be there"},
		{WEB "    configs: [s]\n    volumes: [\"/s/t\"]\nconfigs: {s: {file: a}}\n", 4, 15,
		 "cannot both be there"},
		{WEB "    tmpfs: [/run]\n    secrets: [s]\nsecrets: {s: {file: app.env}}\n", 0, 0,
		 NULL},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		if (cases[i].words)
			expect_finding(cases[i].text, false, cases[i].line, cases[i].column,
				       cases[i].words);
		else
			spec_stack_free(parse_ok(cases[i].text));
	}
}

/* What a client may send is no more than what a file may say. */
static void hostile_json(void **state)
{
	(void)state;
	static const char *const texts[] = {
		"{\"name\":\"a\",\"services\":{\"w\":{\"image\":\"a\"}},\"secrets\":{\"s\":{"
		"\"file\":"
		"\"/etc/passwd\"}}}",
		"{\"name\":\"a\",\"services\":{\"w\":{\"image\":\"a\"}},\"configs\":{\"s\":{"
		"\"content\":"
		"\"x\"}}}",
		"{\"name\":\"a\",\"services\":{\"w\":{\"image\":\"a\"}},\"secrets\":{\"s\":{"
		"\"version\":"
		"\"../../x\"}}}",
		"{\"name\":\"a\",\"services\":{\"w\":{\"image\":\"a\",\"secrets\":[{\"source\":"
		"\"s\"}]}}}",
		"{\"name\":\"a\",\"services\":{\"w\":{\"image\":\"a\",\"secrets\":[{\"source\":"
		"\"s\","
		"\"target\":\"/\"}]}},\"secrets\":{\"s\":{}}}",
	};
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		struct spec_stack *s = NULL;
		struct err err = {0};
		auto_json *j = json_parse(texts[i], strlen(texts[i]), &err);
		assert_non_null(j);
		assert_true(canon_stack_parse(j, &s, &err) < 0);
		assert_null(s);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(short_and_long),
		cmocka_unit_test(values),
		cmocka_unit_test(nothing_travels_in_clear),
		cmocka_unit_test(versions_change_the_task),
		cmocka_unit_test(mistakes),
		cmocka_unit_test(hostile_json),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
