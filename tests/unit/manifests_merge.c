/* SPDX-License-Identifier: Apache-2.0
 * Merging by the rules of the Compose Specification (13-merge, 14-include): what two files give is what
 * one file says that is written by hand; and that it does not matter which two of three are merged first. */
#include "manifests/shape.h"
#include "manifests/yaml.h"
#include "manifests_helper.h"
#include <time.h>

static const struct file {
	const char *path, *text;
} others[] = {
	{"/srv/app/inc.yaml", "services: {i: {image: i}}\nnetworks: {n: {}}\n"},
	{"/srv/app/other.yaml", "services: {i: {image: other}}\n"},
	{"/srv/app/over.yaml", "services: {i: {command: [over]}}\n"},
	{"/srv/app/raw.env", "A=\"$V\" # c\nB='x'\n"},
};

static int read_other(const char *path, char **ret, size_t *len, void *arg)
{
	(void)arg;
	for (size_t i = 0; i < ARRAY_LEN(others); i++)
		if (streq(others[i].path, path)) {
			*ret = xstrdup(others[i].text);
			*len = strlen(*ret);
			return 0;
		}
	return -ENOENT;
}

static char *config(const char *one, const char *two, struct diag *d)
{
	struct kvlist env = {0};
	struct stackfile_source more = {"two.yaml", two, two ? strlen(two) : 0, 0};
	struct stackfile_input in = {.file = "one.yaml",
				     .text = one,
				     .len = strlen(one),
				     .more = &more,
				     .n_more = two ? 1 : 0,
				     .project_dir = "/srv/app",
				     .env = &env,
				     .read = read_other};
	auto_json *j = stackfile_config(&in, d);
	return j ? json_text_canonical(j) : NULL;
}

/* of a service, but for its image: in the first file, in the second, and what they mean */
static const struct {
	const char *one, *two, *want;
} rules[] = {
	/* single values are replaced */
	{"user: a", "user: b", "user: b"},
	{"mem_limit: 1m", "mem_limit: 2m", "mem_limit: 2m"},
	/* commands are replaced, not joined */
	{"command: [a, b]", "command: c", "command: [c]"},
	{"entrypoint: a", "entrypoint: [b, c]", "entrypoint: [b, c]"},
	{"healthcheck: {test: [CMD, a], interval: 1s}", "healthcheck: {test: b}",
	 "healthcheck: {test: [CMD-SHELL, b], interval: 1s}"},
	/* mappings are merged, in both syntaxes */
	{"environment: {A: 1, B: 2}", "environment: [B=3, C]", "environment: {A: 1, B: 3, C: }"},
	{"labels: [a=1]", "labels: {b: 2}", "labels: {a: 1, b: 2}"},
	{"annotations: {a: 1}", "annotations: [a=2]", "annotations: {a: 2}"},
	{"sysctls: [a=1]", "sysctls: {b: 2}", "sysctls: {a: 1, b: 2}"},
	{"build: ctx", "build: {args: [A=1]}", "build: {context: ctx, args: {A: 1}}"},
	{"build: {args: {A: 1}}", "build: {args: [B=2]}", "build: {args: {A: 1, B: 2}}"},
	{"deploy: {labels: [a=1], replicas: 2}", "deploy: {labels: {b: 2}}",
	 "deploy: {labels: {a: 1, b: 2}, replicas: 2}"},
	{"depends_on: [i]", "depends_on: {i: {condition: service_healthy}}",
	 "depends_on: {i: {condition: service_healthy}}"},
	{"ulimits: {nofile: 1}", "ulimits: {nofile: {soft: 1, hard: 2}}",
	 "ulimits: {nofile: {soft: 1, hard: 2}}"},
	{"networks: [default]", "networks: {default: {aliases: [x]}}",
	 "networks: {default: {aliases: [x]}}"},
	/* lists are joined */
	{"security_opt: [a]", "security_opt: [b]", "security_opt: [a, b]"},
	{"deploy: {placement: {constraints: [a==b]}}", "deploy: {placement: {constraints: [c==d]}}",
	 "deploy: {placement: {constraints: [a==b, c==d]}}"},
	{"post_start: [{command: a}]", "post_start: [{command: a}]",
	 "post_start: [{command: a}, {command: a}]"},
	/* a string is a list of one */
	{"dns: 1.1.1.1", "dns: [2.2.2.2]", "dns: [1.1.1.1, 2.2.2.2]"},
	{"tmpfs: /a", "tmpfs: [/b, /a]", "tmpfs: [/a, /b]"},
	/* sets have no entry twice */
	{"cap_add: [A, B]", "cap_add: [B, C]", "cap_add: [A, B, C]"},
	{"expose: ['1']", "expose: [1, 2]", "expose: ['1', '2']"},
	{"extra_hosts: ['a=1.1.1.1']", "extra_hosts: {a: 1.1.1.1, b: 2.2.2.2}",
	 "extra_hosts: ['a=1.1.1.1', 'b=2.2.2.2']"},
	/* what has a name of its own is replaced where it stands: ports by all four parts, volumes,
	   devices and grants by their target */
	{"ports: ['80:80', '81:81']", "ports: ['80:80', '80:80/udp']",
	 "ports: ['80:80', '81:81', '80:80/udp']"},
	{"ports: ['127.0.0.1:80:80']", "ports: ['80:80']", "ports: ['127.0.0.1:80:80', '80:80']"},
	{"volumes: ['/a:/x', '/b:/y']", "volumes: ['/c:/x:ro']", "volumes: ['/c:/x:ro', '/b:/y']"},
	{"volumes: ['/a:/x', '/b:/x']", NULL, "volumes: ['/b:/x']"},
	{"devices: ['/dev/a:/dev/x']", "devices: ['/dev/b:/dev/x:r']",
	 "devices: ['/dev/b:/dev/x:r']"},
	/* loggers of two drivers have nothing in common */
	{"logging: {driver: a, options: {x: 1}}", "logging: {options: {y: 2}}",
	 "logging: {driver: a, options: {x: 1, y: 2}}"},
	{"logging: {driver: a, options: {x: 1}}", "logging: {driver: b, options: {y: 2}}",
	 "logging: {driver: b, options: {y: 2}}"},
	/* !reset takes away, !override replaces */
	{"ports: ['80:80']", "ports: !reset []", ""},
	{"environment: {A: 1, B: 2}", "environment: {A: !reset null}", "environment: {B: 2}"},
	{"dns: [1.1.1.1]", "dns: !override [2.2.2.2]", "dns: [2.2.2.2]"},
	{"labels: {a: 1}", "labels: !override {b: 2}", "labels: {b: 2}"},
	/* nothing changes nothing */
	{"environment: {A: 1}", "environment: ", "environment: {A: 1}"},
	{"user: a", "user: ", "user: a"},
};

static char *stack_of(const char *line)
{
	return xasprintf("services:\n  i: {image: i}\n  w:\n    image: a\n    %s\n",
			 line ? line : "");
}

static void rules_of_merging(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rules); i++) {
		struct diag d = {0};
		auto_free char *one = stack_of(rules[i].one), *want = stack_of(rules[i].want);
		auto_free char *two = rules[i].two ? stack_of(rules[i].two) : NULL;
		auto_free char *merged = config(one, two, &d), *by_hand = config(want, NULL, &d);
		for (size_t k = 0; k < d.n && (!merged || !by_hand); k++)
			print_error("%s + %s: %s\n", rules[i].one, rules[i].two, d.v[k].text);
		assert_non_null(merged);
		assert_non_null(by_hand);
		assert_string_equal(merged, by_hand);
		diag_done(&d);
	}
}

static void includes(void **state)
{
	(void)state;
	static const struct {
		const char *text, *words; /* NULL: right */
	} all[] = {
		{"include: [inc.yaml]\nservices: {w: {image: a, networks: [n]}}", NULL},
		{"include: [inc.yaml]\nservices: {i: {image: i}}",
		 NULL}, /* the same is no conflict */
		{"include: [{path: [inc.yaml, over.yaml]}]\nservices: {}", NULL},
		{"include: [inc.yaml]\nservices: {i: {image: x}}", "is there already"},
		{"include: [inc.yaml, other.yaml]\nservices: {}", "is there already"},
	};
	for (size_t i = 0; i < ARRAY_LEN(all); i++) {
		struct diag d = {0};
		auto_free char *text = config(all[i].text, NULL, &d);
		if (all[i].words) {
			assert_null(text);
			assert_non_null(strstr(d.v[0].text, all[i].words));
		} else {
			assert_non_null(text);
		}
		diag_done(&d);
	}
}

static void raw_env_files(void **state)
{
	(void)state;
	struct diag d = {0};
	auto_free char *text = config("services: {w: {image: a, env_file: [{path: raw.env, format: "
				      "raw}]}}",
				      NULL, &d);
	assert_non_null(text);
	assert_non_null(strstr(text, "\"A\":\"\\\"$V\\\" # c\",\"B\":\"'x'\""));
	assert_null(config("services: {w: {image: a, env_file: [{path: raw.env, format: x}]}}",
			   NULL, &d));
	diag_done(&d);
}

static uint64_t next(uint64_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return *seed;
}

/* Some lines of the rules above, but for tags and loggers, whose merging looks at one side alone. */
static struct node *random_tree(uint64_t *seed, struct shape *x, struct diag *d)
{
	static const char *const names[] = {"a", "b", "c"};
	struct str s = {0};
	str_add(&s, "services:\n");
	for (size_t n = 0; n < ARRAY_LEN(names); n++) {
		struct map seen = {0};
		str_addf(&s, "  %s:\n    image: i%llu\n", names[n],
			 (unsigned long long)next(seed) % 9);
		for (size_t k = next(seed) % 12; k > 0; k--) {
			size_t pick = next(seed) % ARRAY_LEN(rules);
			const char *line = next(seed) % 2 ? rules[pick].one : rules[pick].two;
			auto_free char *key = line ? xstrndup(line, strcspn(line, ":")) : NULL;
			if (!line || strstr(line, "!") || str_starts(line, "logging") ||
			    map_has(&seen, key))
				continue;
			map_set(&seen, key, &seen);
			str_addf(&s, "    %s\n", line);
		}
		map_clear(&seen);
	}
	struct node *root = yaml_read("r", s.data, s.len, x->t, d);
	str_done(&s);
	assert_non_null(root);
	return shape_record(x, &record_top, root);
}

static void merging_is_associative(void **state)
{
	(void)state;
	uint64_t seed = (uint64_t)time(NULL) | 1;
	print_message("seed %llu\n", (unsigned long long)seed);
	for (int i = 0; i < 500; i++) {
		struct tree t = {0};
		struct diag d = {0};
		struct shape x = {.t = &t, .dir = "/srv"};
		struct node *a = random_tree(&seed, &x, &d), *b = random_tree(&seed, &x, &d);
		struct node *c = random_tree(&seed, &x, &d);
		struct node *ab = shape_merge(&x, &record_top, a, b);
		struct node *bc = shape_merge(&x, &record_top, b, c);
		struct node *left = shape_merge(&x, &record_top, ab, c);
		struct node *right = shape_merge(&x, &record_top, a, bc);
		assert_true(shape_equal(left, right));
		tree_done(&t);
		diag_done(&d);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rules_of_merging),
		cmocka_unit_test(includes),
		cmocka_unit_test(raw_env_files),
		cmocka_unit_test(merging_is_associative),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
