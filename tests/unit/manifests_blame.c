/* SPDX-License-Identifier: Apache-2.0
 * The stack language: where a key of the canonical stack stands in the files. */
#include "manifests_helper.h"

/* The place of what path names in the text, as "LINE:COLUMN of PATH". */
static void expect_place(const char *text, const char *path, const char *place)
{
	struct diag d = {0};
	struct stackfile_input in = {.file = "t.yaml",
				     .text = text,
				     .len = strlen(text),
				     .project_dir = "/srv/app"};
	auto_free char *got = NULL;
	if (stackfile_blame(&in, path, "is 100% wrong", &d)) {
		assert_int_equal(d.n, 1);
		assert_int_equal(d.n_errors, 1);
		assert_string_equal(d.v[0].file, "t.yaml");
		assert_string_equal(d.v[0].text, "is 100% wrong");
		assert_non_null(d.v[0].source);
		got = xasprintf("%d:%d of %s", d.v[0].line, d.v[0].column, d.v[0].path);
	} else {
		assert_int_equal(d.n, 0);
	}
	if (!streq(got, place))
		print_error("'%s' in\n%sgot %s, not %s\n", path, text, got ? got : "nowhere",
			    place ? place : "nowhere");
	assert_true(streq(got, place));
	diag_done(&d);
}

static void places(void **state)
{
	(void)state;
	static const char one[] =
		"services:\n"
		"  web:\n"
		"    image: a\n"
		"    ports: [\"80:80\", \"7000-7004:80-84\", {target: 1, published: 2}]\n"
		"    networks:\n"
		"      n: {ipv4_address: 10.1.0.5}\n"
		"      m:\n"
		"  web.b: {image: b, networks: [m], mac_address: \"02:00:00:00:00:01\"}\n"
		"networks:\n"
		"  n:\n"
		"    driver_opts: {com.docker.network.driver.overlay.vxlanid_list: 7}\n"
		"    ipam:\n"
		"      config:\n"
		"        - subnet: fd00:1::/64\n"
		"        - subnet: 10.1.0.0/16\n"
		"  m:\n";
	static const struct {
		const char *path, *place;
	} cases[] = {
		{"services.web.networks.n.ipv4_address",
		 "6:25 of services.web.networks.n.ipv4_address"},
		{"services.web.networks.n.ipv6_address", "6:7 of services.web.networks.n"},
		{"services.web.networks.m.ipv4_address", "7:7 of services.web.networks.m"},
		{"services.web.ports[0]", "4:13 of services.web.ports[0]"},
		{"services.web.ports[1]", "4:22 of services.web.ports[1]"},
		{"services.web.ports[5]", "4:22 of services.web.ports[1]"},
		{"services.web.ports[6].published", "4:64 of services.web.ports[2].published"},
		{"services.web.ports[7]", "4:5 of services.web.ports"},
		{"services.web.ports[x", "4:5 of services.web.ports"},
		{"services.web.b.networks.m.ipv4_address", "8:32 of services.web.b.networks[0]"},
		{"services.web.b.networks.m.mac_address", "8:49 of services.web.b.mac_address"},
		{"services.web.networks.default", "5:5 of services.web.networks"},
		{"networks.n.ipam.config[0].subnet", "15:19 of networks.n.ipam.config[1].subnet"},
		{"networks.n.ipam.config[1].subnet", "14:19 of networks.n.ipam.config[0].subnet"},
		{"networks.n.driver_opts.com.docker.network.driver.overlay.vxlanid_list",
		 "11:67 of networks.n.driver_opts.com.docker.network.driver.overlay.vxlanid_list"},
		{"networks.default.driver", "9:1 of networks"},
		{"volumes.v", NULL},
		{"", NULL},
		{"...", NULL},
		{"[0]", NULL},
		{"services.web.ports[99999999999999999999999]", "4:5 of services.web.ports"},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		expect_place(one, cases[i].path, cases[i].place);
}

static int read_part(const char *path, char **ret, size_t *len, void *arg)
{
	(void)arg;
	if (!streq(path, "/srv/app/part.yaml"))
		return -ENOENT;
	*ret = xstrdup("services:\n  db:\n    image: d\n    ports: [\"1:1\"]\n");
	*len = strlen(*ret);
	return 0;
}

/* Several files, one of them included: each key where it is written. */
static void several_files(void **state)
{
	(void)state;
	static const char first[] = "include: [part.yaml]\nservices:\n  web:\n    image: a\n",
			  over[] = "services:\n  web:\n    ports:\n      - 80:80\n";
	const struct stackfile_source more = {.file = "over.yaml",
					      .text = over,
					      .len = strlen(over)};
	struct stackfile_input in = {.file = "t.yaml",
				     .text = first,
				     .len = strlen(first),
				     .more = &more,
				     .n_more = 1,
				     .project_dir = "/srv/app",
				     .read = read_part};
	struct diag d = {0};
	assert_true(stackfile_blame(&in, "services.web.ports[0]", "no", &d));
	assert_true(stackfile_blame(&in, "services.db.ports[0]", "no", &d));
	assert_int_equal(d.n, 2);
	auto_free char *text = diag_text(&d.v[0], true), *other = diag_text(&d.v[1], false);
	assert_string_equal(text, "over.yaml:4:9: error: no\n  in services.web.ports[0]\n"
				  "          - 80:80\n            ^");
	assert_non_null(strstr(other, "part.yaml:4:13: error: no"));
	diag_done(&d);
}

/* The files may have changed since: no place, nothing else. */
static void not_readable(void **state)
{
	(void)state;
	static const char text[] = "services: [\n";
	struct stackfile_input in = {.file = "t.yaml", .text = text, .len = strlen(text)};
	struct diag d = {0};
	assert_false(stackfile_blame(&in, "services.web", "no", &d));
	assert_int_equal(d.n, 0);
	diag_done(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(places),
		cmocka_unit_test(several_files),
		cmocka_unit_test(not_readable),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
