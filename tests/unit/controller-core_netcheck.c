/* SPDX-License-Identifier: Apache-2.0
 * What the controller refuses about networks, addresses and ports: it says who stands against it, and which key of
 * the stack is the reason. */
#include "tests/unit/cluster_driver.h"

/* services, networks: members of the objects. */
static int put(struct driver *d, const char *stack, const char *services, const char *networks,
	       struct err *err)
{
	auto_free char *text = xasprintf("{\"name\":\"%s\",\"services\":{%s},\"networks\":{%s}}",
					 stack, services, networks);
	auto_json *j = json_parse(text, strlen(text), err);
	json_t *answer = NULL;
	int rc = j ? cluster_stack_put(d->c, stack, j, &answer, err) : -EINVAL;
	json_decref(answer);
	return rc;
}

static void put_ok(struct driver *d, const char *stack, const char *services, const char *networks)
{
	struct err err = {0};
	if (put(d, stack, services, networks, &err) < 0)
		fail_msg("refused: %s", err_text(&err));
	drive_step(d);
}

#define WEB(more)       "\"web\":{\"image\":\"a\",\"networks\":{\"n\":{" more "}}}"
#define NET(name, more) "\"n\":{\"name\":\"" name "\"" more "}"
#define IPAM(subnets)   ",\"ipam\":{\"config\":[" subnets "]}"
#define SUBNET(text)    "{\"subnet\":\"" text "\"}"
#define OUTSIDE         "\"n\":{\"name\":\"s_n\",\"external\":true}"

static void test_paths(void **state)
{
	(void)state;
	static const struct {
		const char *services, *networks, *path, *words;
	} cases[] = {
		{"\"x\":{\"image\":\"a\",\"networks\":{\"n\":{}},\"ports\":[{\"target\":1,"
		 "\"published\":\"79\"},{\"target\":2,\"published\":\"80\"}]}",
		 NET("t_n", ""), "services.x.ports[1]", "'web' of the stack 's'"},
		{WEB(""), NET("t_n", IPAM(SUBNET("10.5.0.0/24"))),
		 "networks.n.ipam.config[0].subnet", "overlaps that of 's_n'"},
		{WEB(""),
		 NET("t_n",
		     ",\"enable_ipv6\":true" IPAM(SUBNET("10.6.0.0/24") "," SUBNET("fd05::/64"))),
		 "networks.n.ipam.config[1].subnet", "overlaps that of 's_n'"},
		{WEB(""), NET("t_n", IPAM(SUBNET("10.6.0.0/30"))),
		 "networks.n.ipam.config[0].subnet", "from /8 to /29"},
		{WEB(""), NET("t_n", ",\"driver_opts\":{\"vni\":\"500\"}"),
		 "networks.n.driver_opts.vni", "is that of 's_n'"},
		{WEB(""),
		 NET("t_n", ",\"driver_opts\":{\"com.docker.network.driver.overlay.vxlanid_list\":"
			    "\"500\"}"),
		 "networks.n.driver_opts.com.docker.network.driver.overlay.vxlanid_list",
		 "is that of 's_n'"},
		{WEB(""), NET("s_n", ""), "networks.n.name", "is used by the stack 's'"},
		{WEB(""), "\"n\":{\"name\":\"none\",\"external\":true}", "networks.n.name",
		 "'none' is not there"},
		{WEB(""), NET("t_n", "") ",\"m\":{\"name\":\"t_n\"}", "networks.m.name",
		 "have one name"},
		{WEB(""),
		 NET("t_n", IPAM(SUBNET("10.7.0.0/24"))) ",\"m\":{\"name\":\"t_m\"" IPAM(
			 SUBNET("10.7.0.0/25")) "}",
		 "networks.m.ipam.config[0].subnet", "overlap"},
		{WEB("\"ipv4_address\":\"10.5.0.7\""), OUTSIDE,
		 "services.web.networks.n.ipv4_address", "'web' of the stack 's'"},
		{WEB("\"ipv4_address\":\"10.9.0.7\""), OUTSIDE,
		 "services.web.networks.n.ipv4_address", "is not inside"},
		{WEB("\"ipv6_address\":\"fd05::\""), OUTSIDE,
		 "services.web.networks.n.ipv6_address", "no host can have"},
		{WEB("\"mac_address\":\"02:42:0a:05:00:07\""), OUTSIDE,
		 "services.web.networks.n.mac_address", "'web' of the stack 's'"},
		{"\"web\":{\"image\":\"a\",\"deploy\":{\"placement\":{\"constraints\":[\"node.id "
		 "== "
		 "1\",\"node.x == 1\"]}},\"networks\":{\"n\":{}}}",
		 NET("t_n", ""), "services.web.deploy.placement.constraints[1]", "cannot be read"},
	};
	struct driver d;
	drive_init(&d, 1);
	put_ok(&d, "s",
	       "\"web\":{\"image\":\"a\",\"networks\":{\"n\":{\"ipv4_address\":\"10.5.0.7\"}},"
	       "\"ports\":[{\"target\":80,\"published\":\"80\"}]}",
	       NET("s_n", ",\"attachable\":true,\"enable_ipv6\":true,\"driver_opts\":{\"vni\":"
			  "\"500\"}" IPAM(SUBNET("10.5.0.0/24") "," SUBNET("fd05::/64"))));
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct err err = {0};
		int rc = put(&d, "t", cases[i].services, cases[i].networks, &err);
		if (rc >= 0 || !streq(err.path, cases[i].path) ||
		    !strstr(err_text(&err), cases[i].words))
			fail_msg("case %zu: %d, '%s' at '%s', not '%s' at '%s'", i, rc,
				 err_text(&err), err.path, cases[i].words, cases[i].path);
	}
	drive_done(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_paths),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
