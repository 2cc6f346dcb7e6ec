/* SPDX-License-Identifier: Apache-2.0
 * Differences of two versions of a stack, and that they agree with what decides over restarts. */
#include "manifests/diff.h"
#include "manifests_helper.h"

#define BASE "services:\n  web:\n    image: a:1\n"

static json_t *diff_texts(const char *old, const char *next)
{
	struct spec_stack *a = old ? parse_ok(old) : NULL, *b = next ? parse_ok(next) : NULL;
	json_t *j = diff_stacks(a, b);
	/* A container is made anew exactly when the hash of what it is made from differs. */
	for (size_t i = 0; a && b && i < a->n_services; i++) {
		const struct spec_service *s = spec_find_service(b, a->services[i].name);
		char ha[65], hb[65];
		auto_free char *prefix = xasprintf("services.%s.", a->services[i].name);
		bool restart = false;
		size_t k;
		json_t *v;
		if (!s)
			continue;
		canon_task_hash(&a->services[i], ha);
		canon_task_hash(s, hb);
		json_array_foreach(j, k, v) restart |= str_starts(json_str(v, "path"), prefix) &&
						       streq(json_str(v, "effect"), "restart");
		assert_int_equal(restart, !streq(ha, hb));
	}
	spec_stack_free(a);
	spec_stack_free(b);
	return j;
}

/* Each line: path|old|new|effect. */
static void expect(const char *old, const char *next, const char *const *lines)
{
	auto_json *j = diff_texts(old, next);
	size_t n = 0;
	for (; lines[n]; n++) {
		const json_t *v = json_array_get(j, n);
		auto_free char *a = json_dumps(json_object_get(v, "old"), JSON_ENCODE_ANY),
			       *b = json_dumps(json_object_get(v, "new"), JSON_ENCODE_ANY);
		auto_free char *got =
			xasprintf("%s|%s|%s|%s", json_str_or(v, "path", "nothing"), a ? a : "",
				  b ? b : "", json_str_or(v, "effect", ""));
		assert_string_equal(got, lines[n]);
	}
	assert_int_equal(json_array_size(j), n);
}
#define EXPECT(old, next, ...) expect(old, next, (const char *const[]){__VA_ARGS__, NULL})

static void nothing(void **state)
{
	(void)state;
	EXPECT(BASE, BASE, NULL);
	EXPECT(BASE "    deploy: {replicas: 1}\n", BASE, NULL);
}

static void values(void **state)
{
	(void)state;
	EXPECT(BASE, "services:\n  web:\n    image: a:2\n    deploy: {replicas: 3}\n",
	       "services.web.image|\"a:1\"|\"a:2\"|restart",
	       "services.web.deploy.replicas|1|3|in place");
	EXPECT(BASE "    environment: {A: 1, B: 2, C: 3}\n",
	       BASE "    environment: {A: 1, B: 3, D: 4}\n",
	       "services.web.environment.B|\"2\"|\"3\"|restart",
	       "services.web.environment.C|\"3\"|null|restart",
	       "services.web.environment.D|null|\"4\"|restart");
	EXPECT(BASE, BASE "    environment: {A: 1}\n",
	       "services.web.environment.A|null|\"1\"|restart");
	EXPECT(BASE, BASE "    labels: {a.b: x}\n",
	       "services.web.labels[\"a.b\"]|null|\"x\"|restart");
	EXPECT(BASE "    command: [a, b]\n", BASE "    command: [b, a]\n",
	       "services.web.command|[\"a\", \"b\"]|[\"b\", \"a\"]|restart");
}

static void sections(void **state)
{
	(void)state;
	EXPECT(BASE, BASE "    deploy: {placement: {constraints: [node.role == x]}}\n",
	       "services.web.deploy.placement.constraints|null|[\"node.role == x\"]|in place");
	EXPECT(BASE, BASE "    healthcheck: {test: [CMD, x]}\n",
	       "services.web.healthcheck.test|null|[\"CMD\", \"x\"]|restart");
	EXPECT(BASE, BASE "    deploy: {resources: {limits: {memory: 1m}}}\n",
	       "services.web.deploy.resources.limits.memory|null|1048576|restart");
	EXPECT(BASE "    deploy: {labels: {a: x}}\n", BASE "    deploy: {labels: {a: y}}\n",
	       "services.web.deploy.labels.a|\"x\"|\"y\"|in place");
#define FILLS BASE "    hostname: '{{index .Service.Labels \"a\"}}'\n"
	EXPECT(FILLS "    deploy: {labels: {a: x}}\n", FILLS "    deploy: {labels: {a: y}}\n",
	       "services.web.deploy.labels.a|\"x\"|\"y\"|restart");
}

static void lists(void **state)
{
	(void)state;
	EXPECT(BASE "    cap_add: [A, B]\n", BASE "    cap_add: [B, C]\n",
	       "services.web.cap_add|\"A\"|\"C\"|restart");
	EXPECT(BASE "    volumes: [\"/a:/x\", \"/b:/y\"]\n", BASE "    volumes: [\"/a:/x:ro\"]\n",
	       "services.web.volumes[/x].read_only|null|true|restart",
	       "services.web.volumes[/y]|{\"type\": \"bind\", \"source\": \"/b\", \"target\": "
	       "\"/y\"}|null|"
	       "restart");
	EXPECT(BASE "    ports: [\"80:1\"]\n", BASE "    ports: [\"81:1\"]\n",
	       "services.web.ports|{\"target\": 1, \"published\": \"80\"}|{\"target\": 1, "
	       "\"published\": \"81\"}|restart");
	EXPECT(BASE "    ports: [\"80:1\"]\n", BASE "    ports: [\"80-81:1\"]\n",
	       "services.web.ports|{\"target\": 1, \"published\": \"80\"}|{\"target\": 1, "
	       "\"published\": \"80-81\"}|restart");
}

static void whole(void **state)
{
	(void)state;
	auto_json *j = diff_texts(NULL, BASE);
	assert_string_equal(json_str(json_array_get(j, 0), "path"), "services.web");
	assert_true(json_is_null(json_object_get(json_array_get(j, 0), "old")));
	assert_string_equal(json_str(json_array_get(j, 1), "path"), "networks.default");
	auto_json *gone = diff_texts(BASE, NULL);
	assert_int_equal(json_array_size(gone), 2);
	assert_true(json_is_null(json_object_get(json_array_get(gone, 0), "new")));
	EXPECT(BASE "networks: {default: {internal: true}}\n", BASE,
	       "networks.default.internal|true|null|restart");
	EXPECT(BASE "networks: {default: {labels: {a: b}}}\n", BASE,
	       "networks.default.labels.a|\"b\"|null|in place");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing), cmocka_unit_test(values),   cmocka_unit_test(lists),
		cmocka_unit_test(whole),   cmocka_unit_test(sections),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
