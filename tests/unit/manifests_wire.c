/* SPDX-License-Identifier: Apache-2.0
 * Objects on the wire, both ways, and what is refused; the configuration file. */
#include "base/fd.h"
#include "manifests/conf.h"
#include "manifests/wire.h"
#include "manifests_helper.h"
#include <stdio.h>

/* a text for a member that owns its strings, in an object that is only read */
#define TEXT(s) ((char *)(s))

static void tasks(void **state)
{
	(void)state;
	struct spec_stack *s =
		parse_ok("services: {web: {image: a, volumes: ['v:/v'], tty: true}}\n"
			 "volumes: {v: {labels: {a: b}}}\n");
	struct wire_attach attach = {.network_id = TEXT("ab12"),
				     .ip = TEXT("10.128.0.5"),
				     .mac = TEXT("02:42:0a:80:00:05")};
	struct wire_task t = {.id = TEXT("0af1"),
			      .name = TEXT("hello_web.1"),
			      .stack = TEXT("hello"),
			      .service = TEXT("web"),
			      .slot = 1,
			      .stop = true,
			      .hash = TEXT("ff"),
			      .spec = s->services[0],
			      .attach = &attach,
			      .n_attach = 1,
			      .volumes = s->volumes,
			      .n_volumes = 1,
			      .host_ports = (uint16_t[]){8001, 65535},
			      .n_host_ports = 2};
	auto_json *j = wire_task_json(&t);
	auto_free char *a = json_text(j);
	struct wire_task back;
	struct err err = {0};
	if (wire_task_parse(j, &back, &err) < 0)
		fail_msg("%s", err.text);
	auto_json *j2 = wire_task_json(&back);
	auto_free char *b = json_text(j2);
	assert_string_equal(a, b);
	assert_string_equal(back.volumes[0].name, "myapp_v");
	assert_true(back.stop && back.spec.tty);
	assert_int_equal(back.n_host_ports, 2);
	assert_int_equal(back.host_ports[1], 65535);
	wire_task_done(&back);
	spec_stack_free(s);
}

static void reports_and_networks(void **state)
{
	(void)state;
	static const struct {
		int kind;
		const char *json;
		const char *error; /* NULL: right, and printed as it was */
	} cases[] = {
		{'r',
		 "{\"id\":\"aa\",\"state\":\"running\",\"health\":\"healthy\",\"reason\":\"x\","
		 "\"since\":5,\"exit_code\":-1,\"restarts\":2,\"pid\":7,"
		 "\"ports\":[\"0.0.0.0:1->2/tcp\"]}",
		 NULL},
		{'r', "{\"id\":\"aa\",\"state\":\"bogus\"}", "state"},
		{'r', "{\"id\":\"../x\",\"state\":\"running\"}", "hex"},
		{'r', "{\"id\":\"aa\",\"state\":\"running\",\"exit_code\":900}", "exit_code"},
		{'r', "[]", "'id'"},
		{'n',
		 "{\"id\":\"ab\",\"name\":\"s_default\",\"stack\":\"s\",\"vni\":4097,"
		 "\"subnet\":\"10.128.0.0/20\",\"gateway\":\"10.128.0.1\",\"mtu\":1450,"
		 "\"internal\":true}",
		 NULL},
		{'n', "{\"id\":\"ab\",\"name\":\"n\",\"vni\":99999999}", "vni"},
		{'e',
		 "{\"id\":\"aa/ab\",\"network_id\":\"ab\",\"task_id\":\"aa\",\"names\":[\"web\"],"
		 "\"ip\":\"10.128.0.5\",\"vtep\":\"192.0.2.1\",\"ready\":true}",
		 NULL},
		{'e', "{\"id\":\"x\",\"network_id\":\"ab\"}", "'ip'"},
		{'h',
		 "{\"name\":\"n1\",\"address\":\"192.0.2.1\",\"cpus\":2.0,\"memory\":5,"
		 "\"labels\":{\"a\":\"b\"}}",
		 NULL},
		{'h', "{\"name\":\"n1\",\"labels\":[1]}", "labels"},
		{'h',
		 "{\"name\":\"n1\",\"cpus\":1.0,\"memory\":5,"
		 "\"devices\":[\"x.com/gpu=0\"]}",
		 NULL},
		{'h', "{\"name\":\"n1\",\"devices\":{}}", "devices"},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct err err = {0};
		auto_json *j = json_parse(cases[i].json, strlen(cases[i].json), &err);
		auto_json *out = NULL;
		struct wire_report r = {0};
		struct wire_network n = {0};
		struct wire_endpoint e = {0};
		struct wire_node h = {0};
		int rc = -1;
		if (cases[i].kind == 'r' && (rc = wire_report_parse(j, &r, &err)) == 0)
			out = wire_report_json(&r);
		if (cases[i].kind == 'n' && (rc = wire_network_parse(j, &n, &err)) == 0)
			out = wire_network_json(&n);
		if (cases[i].kind == 'e' && (rc = wire_endpoint_parse(j, &e, &err)) == 0)
			out = wire_endpoint_json(&e);
		if (cases[i].kind == 'h' && (rc = wire_node_parse(j, &h, &err)) == 0)
			out = wire_node_json(&h);
		if (cases[i].error) {
			assert_int_equal(rc, -EINVAL);
			assert_non_null(strstr(err.text, cases[i].error));
		} else {
			assert_int_equal(rc, 0);
			auto_free char *text = json_text(out);
			assert_string_equal(text, cases[i].json);
		}
		wire_report_done(&r);
		wire_network_done(&n);
		wire_endpoint_done(&e);
		wire_node_done(&h);
	}
}

static int load(const char *text, struct conf *c, struct diag *d)
{
	char path[] = "/tmp/carrack-conf-XXXXXX";
	int fd = mkstemp(path);
	assert_true(fd >= 0);
	assert_int_equal(fd_write_all(fd, text, strlen(text)), 0);
	close(fd);
	int rc = conf_load(path, true, c, d);
	unlink(path);
	return rc;
}

static void configuration(void **state)
{
	(void)state;
	struct conf c;
	struct diag d = {0};
	assert_int_equal(conf_load("/nonexistent/carrack.yaml", false, &c, &d), 0);
	assert_string_equal(c.data_dir, "/var/lib/carrack");
	assert_string_equal(c.listen, "[::]:7677");
	assert_int_equal(c.heartbeat_ms, 1000);
	conf_done(&c);
	assert_int_equal(conf_load("/nonexistent/carrack.yaml", true, &c, &d), -EINVAL);
	diag_done(&d);
	assert_int_equal(
		load("data_dir: /d\nadvertise: 1.2.3.4\nlabels: {zone: a}\nheartbeat_ms: 200\n"
		     "registries:\n  insecure: [\"r:5000\"]\n  mirrors: {docker.io: http://m}\n",
		     &c, &d),
		0);
	assert_string_equal(c.data_dir, "/d");
	assert_string_equal(c.advertise.v[0], "1.2.3.4");
	assert_string_equal(c.insecure_registries.v[0], "r:5000");
	assert_string_equal(kvlist_get(&c.mirrors, "docker.io"), "http://m");
	assert_int_equal(c.heartbeat_ms, 200);
	conf_done(&c);
	assert_int_equal(load("data_dri: /d\nvxlan_port: 0\nrun_dir: x\n", &c, &d), -EINVAL);
	assert_int_equal(d.n_errors, 3);
	assert_int_equal(d.v[0].line, 1);
	assert_non_null(strstr(d.v[0].text, "data_dir"));
	diag_done(&d);
	assert_int_equal(load("", &c, &d), 0);
	conf_done(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tasks),
		cmocka_unit_test(reports_and_networks),
		cmocka_unit_test(configuration),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
