/* SPDX-License-Identifier: Apache-2.0
 * What a client may send to the controller: canonical JSON is checked like a file, whoever wrote it. */
#include "manifests_helper.h"

#define STACK(services) "{\"name\":\"s\",\"services\":{" services "}}"
#define WEB(rest)       STACK("\"w\":{\"image\":\"a\"" rest "}")

static const struct {
	const char *json, *words;
} refused[] = {
	/* names */
	{"{\"name\":\"../s\",\"services\":{\"w\":{\"image\":\"a\"}}}", "name"},
	{"{\"name\":\"S\",\"services\":{\"w\":{\"image\":\"a\"}}}", "name"},
	{STACK("\"../w\":{\"image\":\"a\"}"), "../w"},
	{STACK("\"\":{\"image\":\"a\"}"), "empty"},
	{"{\"name\":\"s\",\"services\":{\"w\":{\"image\":\"a\"}},\"volumes\":{\"v\":{\"name\":"
	 "\"../../etc\"}}}",
	 "'name' may have"},
	{"{\"name\":\"s\",\"services\":{\"w\":{\"image\":\"a\"}},\"networks\":{\"n\":{\"name\":"
	 "\"a/b\"}}}",
	 "'name' may have"},
	/* shapes and kinds */
	{"{}", ""},
	{"{\"name\":\"s\"}", "no services"},
	{"{\"name\":\"s\",\"services\":[]}", "mapping"},
	{STACK("\"w\":[]"), "mapping"},
	{STACK("\"w\":{}"), "image"},
	{STACK("\"w\":{\"image\":5}"), "string"},
	{WEB(",\"bogus\":1"), "bogus"},
	{WEB(",\"command\":{}"), "command"},
	{WEB(",\"environment\":{\"A\":[]}"), "A"},
	{WEB(",\"deploy\":{\"replicas\":\"many\"}"), "replicas"},
	/* ranges */
	{WEB(",\"deploy\":{\"replicas\":-1}"), "replicas"},
	{WEB(",\"deploy\":{\"replicas\":1000000000}"), "replicas"},
	{WEB(",\"ports\":[{\"target\":0}]"), "target"},
	{WEB(",\"ports\":[{\"target\":70000}]"), "target"},
	{WEB(",\"ports\":[{\"target\":80,\"published\":\"99999\"}]"), "published"},
	{WEB(",\"ports\":[{\"target\":80,\"host_ip\":\"x\"}]"), "host_ip"},
	{WEB(",\"oom_score_adj\":-2000"), "oom_score_adj"},
	{WEB(",\"shm_size\":-5"), "shm_size"},
	{WEB(",\"stop_signal\":\"KILL ALL\""), "signal"},
	{WEB(",\"ulimits\":{\"nofile\":{\"soft\":9,\"hard\":1}}"), "nofile"},
	/* paths */
	{WEB(",\"volumes\":[{\"type\":\"bind\",\"source\":\"rel\",\"target\":\"/x\"}]"),
	 "absolute"},
	{WEB(",\"volumes\":[{\"type\":\"bind\",\"source\":\"~/x\",\"target\":\"/x\"}]"), "~"},
	{WEB(",\"volumes\":[{\"type\":\"volume\",\"source\":\"v\",\"target\":\"x\"}]"), "absolute"},
	{WEB(",\"devices\":[\"null:/dev/x:r\"]"), "device"},
	{WEB(",\"working_dir\":\"w\""), "absolute"},
	/* what must be there */
	{WEB(",\"volumes\":[{\"type\":\"volume\",\"source\":\"v\",\"target\":\"/x\"}]"),
	 "'v' is not there"},
	{WEB(",\"networks\":{\"n\":null}"), "'n' is not there"},
	{WEB(",\"depends_on\":{\"x\":{}}"), "'x'"},
	{STACK("\"a\":{\"image\":\"a\",\"depends_on\":{\"b\":{}}},\"b\":{\"image\":\"b\","
	       "\"depends_on\":{\"a\":{}}}"),
	 "itself"},
	/* what belongs in files, and what is not supported */
	{WEB(",\"env_file\":[\"/etc/shadow\"]"), "env_file"},
	{WEB(",\"extends\":{\"service\":\"w\"}"), "files"},
	{WEB(",\"profiles\":[\"p\"]"), "files"},
	{"{\"name\":\"s\",\"include\":[\"/etc/passwd\"],\"services\":{\"w\":{\"image\":\"a\"}}}",
	 "files"},
	{WEB(",\"models\":{\"m\":{}}"), "models"},
	{WEB(",\"ports\":[{\"target\":80,\"published\":\"5\",\"chosen\":5}]"), "chosen"},
	{WEB(",\"ports\":[{\"target\":80,\"published\":\"5-7\",\"chosen\":8}]"), "chosen"},
	/* the same thing twice */
	{WEB(",\"network_mode\":\"host\",\"networks\":{\"default\":null}"), "exclude"},
	{WEB(",\"ports\":[{\"target\":1,\"published\":\"5\"},{\"target\":2,\"published\":\"5\"}]"),
	 "twice"},
};

static void clients_are_not_trusted(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
		struct err err = {0};
		struct spec_stack *s = NULL;
		auto_json *j = json_parse(refused[i].json, strlen(refused[i].json), NULL);
		assert_non_null(j);
		if (canon_stack_parse(j, &s, &err) == 0)
			fail_msg("taken: %s", refused[i].json);
		if (!strstr(err.text, refused[i].words))
			fail_msg("%s: '%s' has no '%s'", refused[i].json, err.text,
				 refused[i].words);
	}
}

static void limits(void **state)
{
	(void)state;
	struct str deep = {0}, many = {0};
	struct err err = {0};
	struct spec_stack *s = NULL;
	str_add(&deep, "{\"name\":\"s\",\"x-a\":");
	for (int i = 0; i < 300; i++)
		str_addc(&deep, '[');
	for (int i = 0; i < 300; i++)
		str_addc(&deep, ']');
	str_addc(&deep, '}');
	auto_json *a = json_parse(deep.data, deep.len, NULL);
	assert_true(!a || canon_stack_parse(a, &s, &err) < 0);
	str_add(&many, "{\"name\":\"s\",\"services\":{");
	for (int i = 0; i < 20001; i++)
		str_addf(&many, "%s\"s%d\":{\"image\":\"a\"}", i ? "," : "", i);
	str_add(&many, "}}");
	auto_json *b = json_parse(many.data, many.len, NULL);
	assert_non_null(b);
	assert_int_equal(canon_stack_parse(b, &s, &err), -EINVAL);
	assert_non_null(strstr(err.text, "at most 20000"));
	str_done(&deep);
	str_done(&many);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(clients_are_not_trusted),
		cmocka_unit_test(limits),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
