/* SPDX-License-Identifier: Apache-2.0
 * The stack language: what is wrong is said, with its place, and nothing is passed over. */
#include "manifests/fields.h"
#include "manifests_helper.h"
#include <sys/resource.h>
#include <time.h>

#define WEB "services:\n  web:\n    image: a\n"
#define LAN(driver, opts)                                                                          \
	"networks: {n: {driver: " driver ", driver_opts: {" opts                                   \
	"}, ipam: {config: [{subnet: 10.7.0.0/24}]}}}\n" WEB

static void errors_with_places(void **state)
{
	(void)state;
	static const struct finding cases[] = {
		{"services:\n  web:\n    imag: a\n", 2, 3, "no 'image'"},
		{WEB "    imagee: b\n", 4, 5, "did you mean 'image'?"},
		{WEB "    image: b\n", 4, 5, "twice, first in line 3"},
		{WEB "    user: 1000\n", 4, 11, "in quotes"},
		{WEB "    secrets: [a]\n", 4, 15, "the secret 'a' is not there"},
		{WEB "    networks: [back]\n", 4, 16, "network 'back' is not there"},
		{WEB "    volumes: [\"v:/v\"]\n", 4, 15, "volume 'v' is not there"},
		{WEB "    volumes: [\"/a:b\"]\n", 4, 15, "must be absolute"},
		{WEB "    mem_limit: lots\n", 4, 16, "64m"},
		{WEB "    stop_grace_period: 10\n", 4, 24, "10s"},
		{WEB "    ports: [\"1-3:5-6\"]\n", 4, 13, "differ in length"},
		{WEB "    ports: [\"80:1\"]\n  db: {image: b, ports: [\"79-81:1-3\"]}\n", 5, 25,
		 "80/tcp is published by the services 'web' and 'db'"},
		{WEB "    ports: [99999]\n", 4, 13, "not a port"},
		{WEB "    command: \"a 'b\"\n", 4, 14, "quotation"},
		{WEB "    depends_on: [db]\n", 4, 18, "no service 'db'"},
		{WEB "    depends_on: [dab]\n  db: {image: b}\n", 4, 18, "did you mean 'db'?"},
		{WEB "    depends_on: [db]\n  db: {image: b, profiles: [x]}\n", 4, 18,
		 "`--profile x`"},
		{WEB "    networks: [bock]\nnetworks: {back: {}}\n", 4, 16, "did you mean 'back'?"},
		{WEB "    volumes: [\"dota:/v\"]\nvolumes: {data: {}}\n", 4, 15,
		 "did you mean 'data'?"},
		{WEB "    depends_on: {web2: [1]}\n  web2: {image: b}\n", 4, 24,
		 "must be a mapping"},
		{WEB "    depends_on: {web2: {condition: up}}\n  web2: {image: b}\n", 4, 36,
		 "service_healthy"},
		{WEB "    depends_on: {m: {condition: service_completed_successfully}}\n"
		     "  m: {image: b, restart: always}\n",
		 4, 21, "never happens"},
		{WEB "    links: [\"db:c\"]\n  db: {image: b}\n  c: {image: c}\n", 4, 12,
		 "cannot be"},
		{WEB "    volumes_from: [db]\n  db: {image: b, volumes: [/a]}\n", 4, 19,
		 "has no name"},
		{WEB "    cpuset: 3-1\n", 4, 13, "0-3,8"},
		{WEB "    memswap_limit: 1g\n", 4, 20, "limit of memory"},
		{WEB "    pull_policy: often\n", 4, 18, "often"},
		{WEB "    logging: {driver: syslog}\n", 4, 23, "carrack logs"},
		{WEB "    annotations: {run.oci.handler: x}\n", 4, 18, "OCI runtime"},
		{WEB "    device_cgroup_rules: [x]\n", 4, 26, "c 1:3 rwm"},
		{WEB "    security_opt: [\"label:type:x\"]\n", 4, 20, "SELinux"},
		{WEB "    deploy: {mode: global-job, restart_policy: {condition: any}}\n", 4, 13,
		 "end"},
		{WEB "    depends_on: [b]\n  b: {image: b, links: [web]}\n", 4, 17, "circle"},
		{"web:\n  image: a\n", 1, 1, "services go under 'services'"},
		{WEB "    restart: maybe\n", 4, 14, "unless-stopped"},
		{WEB "    environment: {A: [1]}\n", 4, 22, "not a list"},
		{WEB "    tty: perhaps\n", 4, 10, "true or false"},
		{WEB "    user: ${NOPE:?set it}\n", 4, 11, "'NOPE' must be set: set it"},
		{WEB "    user: ${A\n", 4, 11, "'}'"},
		{WEB "    mem_limit: 1m\n    deploy: {resources: {limits: {memory: 2m}}}\n", 4, 16,
		 "does not agree"},
		{WEB "    network_mode: host\n    networks: [default]\n", 4, 19, "exclude"},
		{WEB "    ports: [\"80:80\", \"127.0.0.1:80:81\"]\n", 4, 12,
		 "80/tcp is published twice"},
		{WEB "    ports: [{target: 80, published: 80, mode: host, x-local: true}]\n", 4, 13,
		 "host mode is local"},
		{WEB "    extends: {service: x}\n", 4, 14, "no service 'x' to extend"},
		{"services:\n  We b: {image: a}\n", 2, 3, "may have letters"},
		{"services:\n  web: {image: a/B}\n", 2, 16, "capital"},
		{"services: [a]\n", 1, 11, "a mapping, not a list"},
		{"- a\n", 1, 1, "must be a mapping"},
		{"", 1, 1, "no services"},
		{"services: {a: !foo x}\n", 1, 15, "tag"},
		{"a: *b\n", 1, 4, "names no anchor"},
		{"x-a: 1\n---\nx-b: 1\nb: 1\n", 4, 1, "'b'"},
		{"a: [\n", 2, 1, "not valid YAML"},
		{WEB "networks: {n: {driver: weave}}\n", 4, 24, "no network driver"},
		{WEB "networks: {n: {driver: macvlan}}\n", 4, 24, "needs 'driver_opts: {parent:"},
		{WEB "networks: {n: {driver: macvlan, driver_opts: {parent: eth1}}}\n", 4, 24,
		 "needs the IPv4 subnet of the physical network"},
		{LAN("macvlan", "parent: eth1.4095"), 1, 55, "'parent' must be the name"},
		{LAN("bridge", "parent: a/b"), 1, 54, "'parent' must be the name"},
		{LAN("macvlan", "parent: eth1, macvlan_mode: passthru"), 1, 75,
		 "whole interface to one container"},
		{LAN("macvlan", "parent: eth1, macvlan_mode: x"), 1, 75, "must be bridge, private"},
		{LAN("ipvlan", "parent: eth1, ipvlan_mode: l3"), 1, 73, "must be l2, not 'l3'"},
		{LAN("macvlan", "parent: eth1, vni: 7"), 1, 66, "has no VNI"},
		{LAN("macvlan", "parent: eth1, encrypted: \"1\""), 1, 72, "cannot be encrypted"},
		{LAN("ipvlan", "parent: eth1") "  b: {image: x, networks: {n: {mac_address: "
					       "\"02:00:00:00:00:01\"}}}\n",
		 5, 31, "have the interface's MAC"},
		{LAN("macvlan", "parent: eth1") "  b: {image: x, networks: {n: {mac_address: "
						"\"00:00:00:00:00:00\"}}}\n",
		 5, 28, "not the MAC address of one host"},
		{WEB "networks: {n: {ipam: {config: [{subnet: 10.0.0.0/8, gateway: 11.0.0.1}]}}}\n",
		 4, 32, "address in '10.0.0.0/8'"},
	};
	expect_errors(cases, ARRAY_LEN(cases));
}

static void images_as_volumes(void **state)
{
	(void)state;
	expect_finding(WEB "    volumes: [{type: image, target: /x}]\n", false, 4, 15,
		       "needs 'source'");
	expect_finding(WEB "    volumes: [{type: image, source: \"A b\", target: /x}]\n", false, 4,
		       37, "A b");
	expect_finding(
		WEB
		"    volumes: [{type: image, source: a, target: /x, image: {subpath: a/../..}}]\n",
		false, 4, 59, "goes up");
	expect_finding(WEB "    volumes: [{type: npipe, source: a, target: /x}]\n", false, 4, 22,
		       "npipe");
}

static void port_ranges(void **state)
{
	(void)state;
	static const struct finding cases[] = {
		{WEB "    ports: [\"80:1\", \"81:2\"]\n  db: {image: b, ports: [\"80-81:3\"]}\n", 5,
		 25,
		 "no port of 80-81/tcp is left for the service 'db': 80 is published by the "
		 "service 'web', 81 by the service 'web'; give it another range"},
		{WEB "    ports: [\"80-81:1\", \"80-81:2\", \"80-81:3\"]\n", 4, 12,
		 "no port of 80-81/tcp is left for the service 'web'"},
		{WEB "    ports: [{target: 1, published: \"80-81\", mode: host}]\n  db: {image: b, "
		     "ports: [\"80-81:1\", \"81:2\"]}\n",
		 5, 25,
		 "no port of 80-81/tcp is left for the service 'db': 80 is published by the "
		 "service 'web'"},
		{WEB "    ports: [{target: 1, published: \"81-80\"}]\n", 4, 36,
		 "a port or a range, not '81-80'"},
		{WEB "    ports: [{target: 1, published: \"0-80\"}]\n", 4, 36, "a port or a range"},
		{WEB "    ports: [{target: 1, published: \"1-2\", chosen: 1}]\n", 4, 43,
		 "'chosen'"},
	};
	expect_errors(cases, ARRAY_LEN(cases));
}

static void commands_before(void **state)
{
	(void)state;
#define BEFORE(hook) WEB "    pre_start: [{command: a" hook "}]\n"
	expect_finding(BEFORE("") "    deploy: {replicas: 2}\n", false, 4, 16, "per_replica: true");
	expect_finding(BEFORE("") "    deploy: {mode: global}\n", false, 4, 16,
		       "each task of 'web'");
	expect_finding(BEFORE(", image: \"A b\""), false, 4, 16, "A b");
	expect_finding(BEFORE(", working_dir: x"), false, 4, 16, "absolute");
	expect_finding(WEB "    pre_start: [{image: a}]\n", false, 4, 16, "command");
	spec_stack_free(parse_ok(BEFORE(", per_replica: true") "    deploy: {mode: global}\n"));
}

static void keys_elsewhere(void **state)
{
	(void)state;
	expect_finding("image: a\n" WEB, false, 1, 1, "goes into a service");
	expect_finding(WEB "    replicas: 2\n", false, 4, 5, "goes under 'deploy'");
	expect_finding(WEB "    memory: 2\n", false, 4, 5, "goes under 'deploy.resources.limits'");
	expect_finding(WEB "    environment: {A: {b: c}}\n", false, 4, 22,
		       "a string, not a mapping");
}

static void what_is_no_yaml(void **state)
{
	(void)state;
	expect_finding(WEB "    user: \"a\n    tty: true\n", false, 4, 11, "end of stream");
	expect_finding(WEB "    ports:\n    - a\n    -b\n  c: {}\n", false, 6, 5, "simple key");
	expect_finding(WEB "    ports: [80\n  b: {}\n", false, 5, 4, "begins in line 4");
	expect_finding(WEB "\tuser: a\n", false, 4, 1, "tab");
	expect_finding(WEB "    # \xc3\xa9\n    user: \xc3\xa9\xff\n", false, 5, 12, "UTF-8");
}

static void warnings_with_places(void **state)
{
	(void)state;
	expect_finding(WEB "    build: .\n", true, 4, 5, "'build' is not used");
	expect_finding(WEB "    user: $NOPE\n", true, 4, 11, "'NOPE' is not set");
	expect_finding(WEB "networks: {n: {driver: bridge}}\n", true, 4, 24, "parent: INTERFACE");
	expect_finding(WEB "networks: {n: {driver_opts: {parent: eth1}}}\n", true, 4, 38,
		       "'parent' is not used");
	expect_finding(LAN("macvlan", "parent: eth1") "    networks: [n]\n    ports: [\"80:80\"]\n",
		       true, 6, 12, "physical network alone");
}

static void all_errors_in_one_run(void **state)
{
	(void)state;
	struct diag d = {0};
	assert_null(parse(WEB "    bogus: 1\n    tty: 5\n    user: 7\n    ports: [x]\n", &d));
	assert_int_equal(d.n_errors, 4);
	for (size_t i = 1; i < d.n; i++)
		assert_true(d.v[i].line > d.v[i - 1].line);
	auto_free char *text = diag_text(&d.v[1], true);
	assert_string_equal(text, "t.yaml:5:10: error: 'tty' must be true or false, not a number\n"
				  "  in services.web.tty\n"
				  "        tty: 5\n             ^");
	diag_done(&d);
	auto_str many = {0};
	str_add(&many, WEB);
	for (int i = 0; i < 1000; i++)
		str_addf(&many, "    bogus%d: 1\n", i);
	assert_null(parse(many.data, &d));
	assert_int_equal(d.n_errors, DIAG_ERRORS_MAX);
	diag_done(&d);
}

static void table_says_something_of_every_key(void **state)
{
	(void)state;
	static const struct record *const records[] = {&record_top, &record_service,
						       &record_network, &record_volume};
	for (size_t r = 0; r < ARRAY_LEN(records); r++)
		for (size_t i = 0; i < records[r]->n; i++) {
			assert_non_null(records[r]->fields[i].doc);
			for (size_t k = 0; k < i; k++)
				assert_string_not_equal(records[r]->fields[i].name,
							records[r]->fields[k].name);
		}
}

static char *laughs(void)
{
	struct str s = {0};
	str_add(&s, "x0: &x0 [a, a, a, a, a, a, a, a, a, a]\n");
	for (int i = 1; i < 10; i++) {
		str_addf(&s, "x%d: &x%d [", i, i);
		for (int k = 0; k < 10; k++)
			str_addf(&s, "%s*x%d", k ? ", " : "", i - 1);
		str_add(&s, "]\n");
	}
	return str_take(&s);
}

static char *quadratic(void)
{
	struct str s = {0};
	str_add(&s, "x-m: &m {");
	for (int i = 0; i < 4000; i++)
		str_addf(&s, "k%d: 1, ", i);
	str_add(&s, "}\nx-l:\n");
	for (int i = 0; i < 5000; i++)
		str_add(&s, "- {<<: *m}\n");
	return str_take(&s);
}

static char *deep(const char *unit)
{
	struct str s = {0};
	for (int i = 0; i < 10000; i++)
		str_add(&s, unit);
	return str_take(&s);
}

static void bombs(void **state)
{
	(void)state;
	char *texts[] = {laughs(),
			 quadratic(),
			 deep("["),
			 deep("{a: "),
			 deep("- "),
			 deep("? "),
			 xstrdup("a: &a [*a]\n"),
			 xstrdup("a: &a {<<: *a}\n")};
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		struct timespec from, to;
		struct diag d = {0};
		clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &from);
		assert_null(parse(texts[i], &d));
		clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &to);
		double ms = (double)(to.tv_sec - from.tv_sec) * 1e3 +
			    (double)(to.tv_nsec - from.tv_nsec) / 1e6;
#ifndef __SANITIZE_ADDRESS__
		assert_true(ms < 50);
#endif
		(void)ms;
		diag_done(&d);
		free(texts[i]);
	}
#ifndef __SANITIZE_ADDRESS__
	struct rusage use;
	getrusage(RUSAGE_SELF, &use);
	assert_true(use.ru_maxrss < 16 * 1024);
#endif
}

/* What a client sends is held to the rules of a file. */
static void canonical_is_validated(void **state)
{
	(void)state;
	static const struct {
		const char *json, *words;
	} cases[] = {
		{"[]", "object"},
		{"{\"name\":\"a\"}", "no services"},
		{"{\"services\":{\"w\":{\"image\":\"a\"}}}", "no name"},
		{"{\"name\":\"A\",\"services\":{\"w\":{\"image\":\"a\"}}}", "lower-case"},
		{"{\"name\":\"a\",\"services\":{\"w\":{\"image\":\"a\",\"x\":1}}}", "services.w"},
		{"{\"name\":\"a\",\"services\":{\"../w\":{\"image\":\"a\"}}}", "may have letters"},
		{"{\"name\":\"a\",\"services\":{\"w\":{\"image\":\"a\",\"extends\":{}}}}", "files"},
		{"{\"name\":\"a\",\"services\":{\"w\":{\"image\":\"a\",\"volumes\":[\"./x:/y\"]}}}",
		 "absolute"},
		{"{\"name\":\"a\",\"services\":{\"w\":{\"image\":\"a\",\"env_file\":\"/etc/"
		 "shadow\"}}}",
		 "env_file"},
		{"{\"name\":\"a\",\"services\":{\"w\":{\"image\":\"a\"}},\"networks\":{\"n\":{"
		 "\"name\":"
		 "\"../x\"}}}",
		 "'name'"},
		{"{\"name\":\"a\",\"services\":{\"w\":{\"image\":\"a\",\"networks\":{\"q\":{}}}}}",
		 "not there"},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct err err = {0};
		struct spec_stack *s = NULL;
		auto_json *j = json_parse(cases[i].json, strlen(cases[i].json), &err);
		assert_non_null(j);
		assert_int_equal(canon_stack_parse(j, &s, &err), -EINVAL);
		if (!strstr(err.text, cases[i].words))
			print_error("%s: %s\n", cases[i].json, err.text);
		assert_non_null(strstr(err.text, cases[i].words));
		assert_null(s);
	}
}

/* A key that is there twice is found wherever the two are, also beside merge keys. */
static void twice_in_wide_mappings(void **state)
{
	(void)state;
	static const int pairs[][2] = {{0, 1},   {0, 15},  {0, 16},  {3, 17}, {14, 15},
				       {15, 16}, {16, 17}, {20, 39}, {0, 39}, {38, 39}};
	for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
		auto_str text = {0};
		str_add(&text, "x-a: &a {q: r}\n" WEB "    labels:\n      <<: *a\n");
		for (int k = 0; k < 40; k++)
			str_addf(&text, "      k%d: v\n", k == pairs[i][1] ? pairs[i][0] : k);
		auto_free char *words = xasprintf("'k%d' is there twice, first in line %d",
						  pairs[i][0], pairs[i][0] + 7);
		struct diag d = {0};
		assert_null(parse(text.data, &d));
		assert_int_equal(d.n, 1);
		assert_non_null(strstr(d.v[0].text, words));
		diag_done(&d);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bombs), /* first: it looks at the memory of the whole process */
		cmocka_unit_test(twice_in_wide_mappings),
		cmocka_unit_test(errors_with_places),
		cmocka_unit_test(port_ranges),
		cmocka_unit_test(warnings_with_places),
		cmocka_unit_test(images_as_volumes),
		cmocka_unit_test(commands_before),
		cmocka_unit_test(keys_elsewhere),
		cmocka_unit_test(what_is_no_yaml),
		cmocka_unit_test(all_errors_in_one_run),
		cmocka_unit_test(table_says_something_of_every_key),
		cmocka_unit_test(canonical_is_validated),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
