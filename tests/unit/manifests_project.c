/* SPDX-License-Identifier: Apache-2.0
 * Several files as one stack: merging, extends, include, profiles, !reset and !override; and the
 * canonical file that comes out. Files are a table; the canonical file is read again and must stay
 * the same. */
#include "manifests_helper.h"

struct file {
	const char *path, *text;
};

static const struct file others[] = {
	{"/srv/app/base.yaml", "services:\n  base: {image: base, environment: {A: 1, B: 2}, build: "
			       "ctx, volumes: ['./d:/d']}\n"},
	{"/srv/app/sub/inc.yaml", "services:\n  inc: {image: 'inc:${TAG}', env_file: e.env}\n"},
	{"/srv/app/sub/.env", "TAG=7\n"},
	{"/srv/app/sub/e.env", "FROM=file\n"},
	{"/srv/app/round.yaml", "include: [round.yaml]\nservices: {r: {image: a}}\n"},
};

static int read_other(const char *path, char **ret, size_t *len, void *arg)
{
	(void)arg;
	for (size_t i = 0; i < ARRAY_LEN(others); i++) {
		if (!streq(others[i].path, path))
			continue;
		*ret = xstrdup(others[i].text);
		*len = strlen(*ret);
		return 0;
	}
	return -ENOENT;
}

static char *config(const char *one, const char *two, const char *profile, struct diag *d)
{
	auto_strlist profiles = {0};
	struct kvlist env = {0};
	struct stackfile_source more = {"two.yaml", two, two ? strlen(two) : 0, 0};
	struct stackfile_input in = {.file = "one.yaml",
				     .text = one,
				     .len = strlen(one),
				     .more = &more,
				     .n_more = two ? 1 : 0,
				     .profiles = &profiles,
				     .project_dir = "/srv/app",
				     .env = &env,
				     .read = read_other};
	if (profile)
		strlist_add(&profiles, profile);
	auto_json *j = stackfile_config(&in, d);
	return j ? json_text_canonical(j) : NULL;
}

#define HEAD                                                                                       \
	"{\"name\":\"app\",\"networks\":{\"default\":{\"name\":\"app_default\"}},\"services\":{"
#define NET "\"networks\":{\"default\":null}"

static const struct {
	const char *one, *two, *profile, *expected;
} cases[] = {
	{"services: {w: {image: a, command: a b}}", "services: {w: {image: b, command: [c]}}", NULL,
	 HEAD "\"w\":{\"command\":[\"c\"],\"image\":\"b\"," NET "}}}"},
	{"services: {w: {image: a, environment: [A=1, B=2], labels: {x: 1}}}",
	 "services: {w: {environment: {B: 3, C: }, labels: ['y=2']}}", NULL,
	 HEAD "\"w\":{\"environment\":{\"A\":\"1\",\"B\":\"3\",\"C\":null},\"image\":\"a\","
	      "\"labels\":{\"x\":\"1\",\"y\":\"2\"}," NET "}}}"},
	{"services: {w: {image: a, dns: 1.1.1.1, volumes: ['v:/v', 'v:/w']}}\nvolumes: {v: }",
	 "services: {w: {dns: [1.1.1.1, 2.2.2.2], volumes: ['/h:/v:ro']}}", NULL,
	 HEAD "\"w\":{\"dns\":[\"1.1.1.1\",\"2.2.2.2\"],\"image\":\"a\"," NET
	      ",\"volumes\":[{\"bind\":{\"create_host_path\":true},\"read_only\":true,\"source\":"
	      "\"/h\",\"target\":\"/v\",\"type\":\"bind\"},{\"source\":\"v\",\"target\":\"/w\","
	      "\"type\":\"volume\",\"volume\":{}}]}},\"volumes\":{\"v\":{\"name\":\"app_v\"}}}"},
	{"services: {w: {image: a, ports: ['80']}}",
	 "services: {w: {ports: ['80', '1-2:3-4/udp', '8-9:5']}}", NULL,
	 HEAD "\"w\":{\"image\":\"a\"," NET
	      ",\"ports\":[{\"mode\":\"ingress\",\"protocol\":\"tcp\",\"target\":80},{\"mode\":"
	      "\"ingress\",\"protocol\":\"udp\",\"published\":\"1\",\"target\":3},{\"mode\":"
	      "\"ingress\",\"protocol\":\"udp\",\"published\":\"2\",\"target\":4},{\"mode\":"
	      "\"ingress\",\"protocol\":\"tcp\",\"published\":\"8-9\",\"target\":5}]}}}"},
	{"services: {w: {image: a, ports: ['80'], dns: [1.1.1.1], init: true}}",
	 "services: {w: {ports: !reset [], dns: !override [2.2.2.2], init: !reset null}}", NULL,
	 HEAD "\"w\":{\"dns\":[\"2.2.2.2\"],\"image\":\"a\"," NET "}}}"},
	{"services: {w: {image: a, logging: {driver: x, options: {a: 1}}}}",
	 "services: {w: {logging: {driver: y}}}", NULL,
	 HEAD "\"w\":{\"image\":\"a\",\"logging\":{\"driver\":\"y\"}," NET "}}}"},
	{"services: {a: {image: a, profiles: [p]}, b: {image: b}}", NULL, NULL,
	 HEAD "\"b\":{\"image\":\"b\"," NET "}}}"},
	{"services: {a: {image: a, profiles: [p]}}", NULL, "p",
	 HEAD "\"a\":{\"image\":\"a\"," NET ",\"profiles\":[\"p\"]}}}"},
	{"services: {a: {image: a, init: true}, b: {extends: a, tty: true}}", NULL, NULL,
	 HEAD "\"a\":{\"image\":\"a\",\"init\":true," NET
	      "},\"b\":{\"image\":\"a\",\"init\":true," NET ",\"tty\":true}}}"},
	{"services: {w: {extends: {file: base.yaml, service: base}, build: !reset null, "
	 "environment: [B=3]}}",
	 NULL, NULL,
	 HEAD "\"w\":{\"environment\":{\"A\":\"1\",\"B\":\"3\"},\"image\":\"base\"," NET
	      ",\"volumes\":[{\"bind\":{\"create_host_path\":true},\"source\":\"/srv/app/d\","
	      "\"target\":\"/d\",\"type\":\"bind\"}]}}}"},
	{"include: [sub/inc.yaml]\nservices: {w: {image: a, depends_on: [inc]}}", NULL, NULL,
	 HEAD "\"inc\":{\"env_file\":[\"/srv/app/sub/e.env\"],\"environment\":{\"FROM\":\"file\"},"
	      "\"image\":\"inc:7\"," NET
	      "},\"w\":{\"depends_on\":{\"inc\":{\"condition\":\"service_started\",\"required\":"
	      "true}},\"image\":\"a\"," NET "}}}"},
	{"services: {&s a: {image: &k i, labels: {*k : v, !!str b: *s}}}", NULL, NULL,
	 HEAD "\"a\":{\"image\":\"i\",\"labels\":{\"b\":\"a\",\"i\":\"v\"}," NET "}}}"},
	{"x-a: &a {init: true}\nservices: {w: {image: i, !!merge <<: *a}}", NULL, NULL,
	 "{\"name\":\"app\",\"networks\":{\"default\":{\"name\":\"app_default\"}},\"services\":{"
	 "\"w\":{\"image\":\"i\",\"init\":true," NET "}},\"x-a\":{\"init\":true}}"},
	{"models: {m: {model: a}}\nservices: {w: {image: i, models: {m: }}}", NULL, NULL,
	 "{\"models\":{\"m\":{\"model\":\"a\"}},\"name\":\"app\",\"networks\":{"
	 "\"default\":"
	 "{\"name\":\"app_default\"}},\"services\":{\"w\":{\"image\":\"i\",\"models\":{\"m\":null}"
	 "," NET "}}}"},
	{"name: ${COMPOSE_PROJECT_NAME:-app}\nservices: {a: {image: '${COMPOSE_PROJECT_NAME}'}}",
	 NULL, NULL, HEAD "\"a\":{\"image\":\"app\"," NET "}}}"},
	{"services: {a: {image: a, labels: {x: '1'}}}\n---\n# nothing\n--- # more\n"
	 "services: {a: {image: b, labels: {y: '2'}}}\n---",
	 NULL, NULL, HEAD "\"a\":{\"image\":\"b\",\"labels\":{\"x\":\"1\",\"y\":\"2\"}," NET "}}}"},
	{"name: a${NO:-pp}\nservices: {a: {image: '${COMPOSE_PROJECT_NAME}', x-n: [0x1F, 010, "
	 "1_0]}}",
	 NULL, NULL, HEAD "\"a\":{\"image\":\"app\"," NET ",\"x-n\":[31,8,10]}}}"},
};

static void canonical_files(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct diag d = {0};
		auto_free char *text = config(cases[i].one, cases[i].two, cases[i].profile, &d);
		for (size_t k = 0; k < d.n && !text; k++)
			print_error("%s: %s\n", cases[i].one, d.v[k].text);
		assert_non_null(text);
		assert_string_equal(text, cases[i].expected);
		/* the canonical file means itself */
		auto_free char *again = config(text, NULL, cases[i].profile, &d);
		assert_non_null(again);
		assert_string_equal(again, text);
		diag_done(&d);
	}
}

static const struct {
	const char *one, *two, *words;
} wrong[] = {
	{"include: [round.yaml]\nservices: {w: {image: a}}", NULL, "circle"},
	{"services: {a: {extends: b}, b: {extends: a}}", NULL, "circle"},
	{"services: {a: {image: a, extends: {file: none.yaml, service: b}}}", NULL, "cannot read"},
	{"services: {a: {image: a, extends: {}}}", NULL, "needs 'service'"},
	{"services: {a: {image: a}}", "services: {a: {imag: b}}", "did you mean 'image'"},
	{"services: {a: {image: a}}", "services: [", "not valid YAML"},
	{"services: {a: {image: a, depends_on: [b]}, b: {image: a, depends_on: [a]}}", NULL,
	 "by way of others"},
	{"services: {a: {init: true}}", NULL, "no 'image'"},
	{"services: {a: {image: a, ports: [{target: 55555555555555555545.5}]}}", NULL, "'target'"},
	{"services: {a: {image: a, ports: [{target: -1e300}]}}", NULL, "'target'"},
	{"services: {a: {image: a, networks: [nn]}}", NULL, "the network 'nn' is not there"},
	{"services: {a: {image: a, networks: ['n(n']}}", NULL, "the network 'n(n' is not there"},
};

static void errors(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		struct diag d = {0};
		auto_free char *text = config(wrong[i].one, wrong[i].two, NULL, &d);
		assert_null(text);
		assert_true(d.n_errors > 0);
		bool found = false;
		for (size_t k = 0; k < d.n; k++)
			found = found || strstr(d.v[k].text, wrong[i].words);
		if (!found)
			print_error("%s: %s\n", wrong[i].one, d.v[0].text);
		assert_true(found);
		diag_done(&d);
	}
}

/* Compose drops a word that it does not know; here that is said. */
static void option_of_a_volume(void **state)
{
	(void)state;
	struct diag d = {0};
	auto_free char *text =
		config("services: {a: {image: a, volumes: ['/h:/t:ro,noexec']}}", NULL, NULL, &d);
	assert_non_null(text);
	assert_int_equal(d.n, 1);
	assert_non_null(strstr(d.v[0].text, "'noexec' is not an option of a volume"));
	assert_true(d.v[0].line == 1 && d.v[0].column == 36);
	diag_done(&d);
}

/* A file that overrides is named in its findings, with its own line. */
static void places(void **state)
{
	(void)state;
	struct diag d = {0};
	auto_free char *text = config("services: {a: {image: a}}\n",
				      "services:\n  a:\n    replicas: 2\n", NULL, &d);
	assert_null(text);
	assert_string_equal(d.v[0].file, "two.yaml");
	assert_int_equal(d.v[0].line, 3);
	assert_string_equal(d.v[0].source, "    replicas: 2");
	diag_done(&d);
}

static struct stackfile_input one_file(const char *text, struct kvlist *env)
{
	return (struct stackfile_input){.file = "f",
					.text = text,
					.len = strlen(text),
					.project_dir = "/srv/app",
					.read = read_other,
					.env = env};
}

/* What a variable stands for is not known, so nothing is missing where one stands. */
static void variables_stay(void **state)
{
	static const char text[] =
		"services: {a: {image: '$I', ports: [{target: '$P'}, '$Q:80'],"
		" volumes: [{type: volume, target: '$T'}, {type: bind, source: '$S', target: /x}],"
		" secrets: [{source: '$X'}], deploy: {replicas: '$R'}}}";
	struct kvlist env = {0};
	struct diag d = {0};
	struct stackfile_input in = one_file(text, &env);
	(void)state;
	in.no_interpolate = true;
	auto_json *j = stackfile_config(&in, &d);
	if (!j)
		print_error("%s\n", d.v[0].text);
	assert_non_null(j);
	auto_free char *out = json_text_canonical(j);
	assert_non_null(strstr(out, "\"target\":\"$T\""));
	assert_non_null(strstr(out, "\"target\":\"$P\""));
	diag_done(&d);
}

/* The file is neither read nor missed, and stays named; one of labels is read all the same. */
static void env_files_stay(void **state)
{
	struct kvlist env = {0};
	struct diag d = {0};
	struct stackfile_input in =
		one_file("name: n\nservices: {a: {image: i, env_file: sub/no.env}}", &env);
	(void)state;
	assert_null(stackfile_config(&in, &d));
	diag_done(&d);
	in.no_env_files = true;
	auto_json *j = stackfile_config(&in, &d);
	json_t *a = json_object_get(json_object_get(j, "services"), "a");
	assert_non_null(a);
	assert_null(json_object_get(a, "environment"));
	assert_string_equal(json_string_value(json_array_get(json_object_get(a, "env_file"), 0)),
			    "/srv/app/sub/no.env");
	in.text = "name: n\nservices: {a: {image: i, label_file: sub/no.env}}";
	in.len = strlen(in.text);
	assert_null(stackfile_config(&in, &d));
	diag_done(&d);
}

/* The rules that can be left out, one by one. */
static void as_written(void **state)
{
	static const char text[] =
		"name: n\nservices: {a: {image: i, env_file: sub/e.env, volumes: "
		"['./d:/d', 'none:/n'], "
		"depends_on: [b]}}";
	struct kvlist env = {0};
	struct diag d = {0};
	struct stackfile_input in = one_file(text, &env);
	(void)state;
	in.no_normalize = in.no_paths = true;
	assert_null(stackfile_config(&in, &d));
	assert_int_equal(d.n_errors, 2);
	diag_done(&d);
	in.no_consistency = true;
	auto_json *j = stackfile_config(&in, &d);
	if (!j)
		print_error("%s\n", d.v[0].text);
	assert_non_null(j);
	auto_free char *out = json_text_canonical(j);
	assert_null(strstr(out, "networks"));
	assert_null(strstr(out, "\"environment\""));
	assert_non_null(strstr(out, "\"source\":\"./d\""));
	assert_non_null(strstr(out, "\"path\":\"sub/e.env\""));
	diag_done(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(canonical_files),    cmocka_unit_test(errors),
		cmocka_unit_test(env_files_stay),     cmocka_unit_test(places),
		cmocka_unit_test(variables_stay),     cmocka_unit_test(as_written),
		cmocka_unit_test(option_of_a_volume),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
