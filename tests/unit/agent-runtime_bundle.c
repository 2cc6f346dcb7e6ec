/* SPDX-License-Identifier: Apache-2.0
 * The plan of a container: what is asked for appears, what is not allowed is refused. */
#include "agent/runtime/bundle.h"
#include "agent/runtime/caps.h"
#include "agent/runtime/seccomp.h"
// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
// clang-format on
#include <errno.h>
#include <string.h>

static struct cgroups groups;
static struct rt_user user = {.uid = 0, .home = (char[]){"/root"}};

static struct rt_spec plain(void)
{
	struct rt_spec s = {.id = "abc123", .hostname = "box", .shm_size = -1};
	strlist_add(&s.args, "sh");
	return s;
}

static void spec_done(struct rt_spec *s)
{
	strlist_done(&s->args);
	strlist_done(&s->env);
	strlist_done(&s->cap_add);
	strlist_done(&s->cap_drop);
	strlist_done(&s->devices);
	kvlist_done(&s->sysctls);
}

static json_t *plan(const struct rt_spec *s, struct err *err)
{
	struct bundle_host h = {
		.cgroups = &groups,
		.cgroup_path = "/carrack/abc123",
		.rootfs = "/run/x/rootfs",
		.files = "/data/x",
		.shim = "/usr/bin/carrack-shim",
		.user = &user,
		.caps_available = CAPS_ALL,
	};
	return bundle_plan(s, &h, err);
}

/* The text of the plan, to look for pieces in; caller frees. */
static char *plan_text(const struct rt_spec *s)
{
	struct err err = {0};
	auto_json *j = plan(s, &err);
	if (!j)
		fail_msg("%s", err.text);
	return json_text(j);
}

static void refused(const struct rt_spec *s, const char *word)
{
	struct err err = {0};
	if (bundle_check(s, &err) == 0)
		assert_null(plan(s, &err));
	assert_true(err.code < 0);
	if (!strstr(err.text, word))
		fail_msg("'%s' is not in: %s", word, err.text);
}

static void test_defaults(void **state)
{
	(void)state;
	struct rt_spec s = plain();
	auto_free char *text = plan_text(&s);
	assert_non_null(strstr(text, "\"hostname\":\"box\""));
	assert_non_null(strstr(text, "\"args\":[\"sh\"]"));
	assert_non_null(strstr(text, "\"cwd\":\"/\""));
	assert_non_null(strstr(text, "HOSTNAME=box"));
	assert_non_null(strstr(text, "HOME=/root"));
	assert_non_null(strstr(text, "PATH=/usr/local/sbin"));
	assert_non_null(strstr(text, "\"noNewPrivileges\":false"));
	assert_non_null(strstr(text, "/proc/kcore"));
	assert_non_null(strstr(text, "CAP_CHOWN"));
	assert_non_null(strstr(text, "CAP_NET_RAW"));
	assert_null(strstr(text, "CAP_SYS_ADMIN"));
	assert_null(strstr(text, "CAP_SYS_ADMIN"));
	assert_null(strstr(text, "\"network\""));
	assert_null(strstr(text, "ping_group_range"));
	assert_non_null(strstr(text, "SCMP_ACT_ERRNO"));
	assert_non_null(strstr(text, "/data/x/resolv.conf"));
	spec_done(&s);
}

static void test_network_and_sysctls(void **state)
{
	(void)state;
	struct rt_spec s = plain();
	s.netns = "/run/netns/x";
	kvlist_set(&s.sysctls, "net.ipv4.ip_unprivileged_port_start", "80");
	auto_free char *text = plan_text(&s);
	assert_non_null(strstr(text, "\"path\":\"/run/netns/x\""));
	assert_non_null(strstr(text, "\"net.ipv4.ping_group_range\":\"0 2147483647\""));
	assert_non_null(strstr(text, "\"net.ipv4.ip_unprivileged_port_start\":\"80\""));
	s.netns = NULL;
	refused(&s, "net.ipv4.ip_unprivileged_port_start");
	kvlist_done(&s.sysctls);
	kvlist_set(&s.sysctls, "kernel.panic", "1");
	refused(&s, "kernel.panic");
	kvlist_done(&s.sysctls);
	kvlist_set(&s.sysctls, "fs.mqueue.msg_max", "1");
	auto_free char *ipc = plan_text(&s);
	assert_non_null(strstr(ipc, "fs.mqueue.msg_max"));
	s.host_ipc = true;
	refused(&s, "fs.mqueue.msg_max");
	spec_done(&s);
}

static void test_limits(void **state)
{
	(void)state;
	struct rt_spec s = plain();
	struct rt_limit lim = {(char[]){"core"}, 0, 0};
	s.cpus = 1.5;
	s.memory = 32 << 20;
	s.pids = 9;
	s.limits = &lim;
	s.n_limits = 1;
	auto_free char *text = plan_text(&s);
	assert_non_null(strstr(text, "\"quota\":150000"));
	assert_non_null(strstr(text, "\"limit\":33554432"));
	assert_non_null(strstr(text, "\"limit\":9"));
	assert_non_null(strstr(text, "RLIMIT_CORE"));
	assert_null(strstr(text, "\"swap\""));
	groups.swap = true;
	auto_free char *swap = plan_text(&s);
	assert_non_null(strstr(swap, "\"swap\":67108864"));
	groups.swap = false;
	s.memory = 1000;
	refused(&s, "1000");
	s.memory = 0;
	lim.name = (char[]){"files"};
	refused(&s, "'files'");
	spec_done(&s);
}

static void test_refused(void **state)
{
	(void)state;
	static const char *const cwds[] = {"relative", "/proc/self/fd/7", "//proc/1",
					   "/./proc",  "/a/../proc/1",    "/sys",
					   "/sys/fs"};
	struct rt_spec s = plain();
	for (size_t i = 0; i < ARRAY_LEN(cwds); i++) {
		s.cwd = cwds[i];
		refused(&s, cwds[i]);
	}
	s.cwd = "/process/system";
	assert_int_equal(bundle_check(&s, NULL), 0);
	s.id = "../x";
	refused(&s, "'../x'");
	s.id = "ok";
	strlist_add(&s.cap_add, "SYS_ADMINN");
	refused(&s, "SYS_ADMINN");
	strlist_done(&s.cap_add);
	strlist_add(&s.env, "A=\xff");
	refused(&s, "UTF-8");
	strlist_done(&s.env);
	strlist_add(&s.devices, "/no/such/device");
	refused(&s, "/no/such/device");
	strlist_done(&s.devices);
	strlist_add(&s.devices, "/etc/passwd");
	refused(&s, "/etc/passwd");
	strlist_done(&s.args);
	refused(&s, "nothing to run");
	spec_done(&s);
}

static void test_mounts(void **state)
{
	(void)state;
	struct rt_mount m[] = {
		{.source = (char[]){"/tmp"}, .target = (char[]){"/a/b"}, .read_only = true},
		{.target = (char[]){"/a"}, .tmpfs = true, .options = (char[]){"size=1m,mode=700"}},
		{.source = (char[]){"/etc"}, .target = (char[]){"/etc/hosts"}},
	};
	struct rt_spec s = plain();
	s.mounts = m;
	s.n_mounts = 3;
	auto_free char *text = plan_text(&s);
	const char *outer = strstr(text, "\"destination\":\"/a\"");
	const char *inner = strstr(text, "\"destination\":\"/a/b\"");
	assert_true(outer && inner && outer < inner);
	assert_non_null(strstr(text, "\"size=1m\",\"mode=700\""));
	assert_null(strstr(text, "/data/x/hosts"));
	assert_non_null(strstr(text, "/data/x/hostname"));
	m[0].source = (char[]){"/no/such/folder"};
	refused(&s, "/no/such/folder");
	m[0].source = (char[]){"/tmp/../etc"};
	refused(&s, "..");
	m[0].source = (char[]){"/tmp"};
	m[0].target = (char[]){"/proc/self"};
	refused(&s, "/proc/self");
	m[0].target = (char[]){"/"};
	refused(&s, "'/'");
	spec_done(&s);
}

static void test_privileged(void **state)
{
	(void)state;
	struct rt_spec s = plain();
	s.privileged = true;
	s.init = true;
	auto_free char *text = plan_text(&s);
	assert_non_null(strstr(text, "CAP_SYS_ADMIN"));
	assert_null(strstr(text, "maskedPaths"));
	assert_null(strstr(text, "seccomp"));
	assert_non_null(strstr(text, "\"args\":[\"/dev/init\",\"init\",\"--\",\"sh\"]"));
	assert_non_null(strstr(text, "\"destination\":\"/dev/init\""));
	spec_done(&s);
}

static void test_caps(void **state)
{
	(void)state;
	struct strlist add = {0}, drop = {0}, names = {0};
	caps_t set = 0;
	strlist_add(&drop, "all");
	strlist_add(&add, "cap_net_admin");
	assert_int_equal(caps_resolve(&add, &drop, CAPS_ALL, &set, NULL), 0);
	caps_names(set, &names);
	assert_int_equal(names.n, 1);
	assert_string_equal(names.v[0], "CAP_NET_ADMIN");
	strlist_done(&drop);
	strlist_done(&add);
	strlist_add(&add, "ALL");
	strlist_add(&drop, "SYS_ADMIN");
	assert_int_equal(caps_resolve(&add, &drop, CAPS_ALL, &set, NULL), 0);
	assert_false(caps_has(set, "CAP_SYS_ADMIN"));
	assert_true(caps_has(set, "CAP_BPF"));
	assert_int_equal(caps_resolve(&add, &drop, 3, &set, NULL), 0);
	assert_int_equal(set, 3); /* only what this host can give */
	strlist_done(&drop);
	strlist_done(&add);
	strlist_done(&names);
}

static void test_seccomp(void **state)
{
	(void)state;
	auto_json *low = seccomp_profile(0), *high = seccomp_profile(CAPS_ALL);
	auto_free char *few = json_text(low), *many = json_text(high);
	assert_null(strstr(few, "\"mount\""));
	assert_null(strstr(few, "\"bpf\""));
	assert_null(strstr(few, "\"keyctl\""));
	assert_null(strstr(few, "\"io_uring_setup\""));
	assert_null(strstr(few, "\"chroot\""));
	assert_non_null(strstr(few, "\"openat\""));
	assert_non_null(strstr(few, "\"names\":[\"clone3\"],\"action\":\"SCMP_ACT_ERRNO\""));
	assert_non_null(strstr(many, "\"mount\""));
	assert_null(strstr(many, "\"names\":[\"clone3\"],\"action\":\"SCMP_ACT_ERRNO\""));
}

static void test_exec(void **state)
{
	(void)state;
	struct rt_spec s = plain();
	strlist_add(&s.env, "A=1");
	struct err err = {0};
	auto_json *config = plan(&s, &err);
	struct rt_exec_spec e = {.cwd = "/tmp"};
	strlist_add(&e.args, "id");
	strlist_add(&e.env, "A=2");
	struct rt_user other = {.uid = 5, .gid = 6, .home = (char[]){"/five"}};
	auto_json *p = bundle_exec_process(config, &e, &other, &err);
	assert_non_null(p);
	auto_free char *text = json_text(p);
	assert_non_null(strstr(text, "\"A=2\""));
	assert_null(strstr(text, "\"A=1\""));
	assert_non_null(strstr(text, "HOME=/five"));
	assert_non_null(strstr(text, "\"cwd\":\"/tmp\""));
	assert_non_null(strstr(text, "\"effective\":[]"));
	assert_non_null(strstr(text, "\"uid\":5"));
	e.cwd = "/proc/self/fd/9";
	assert_null(bundle_exec_process(config, &e, NULL, &err));
	strlist_done(&e.args);
	strlist_done(&e.env);
	spec_done(&s);
}

static void test_cgroup_versions(void **state)
{
	(void)state;
	struct cgroups g;
	struct err err = {0};
	assert_int_equal(cgroups_parse("cgroup2 /sys/fs/cgroup cgroup2 rw,nosuid 0 0\n", &g, &err),
			 0);
	assert_true(g.v2 && !g.hybrid);
	cgroups_done(&g);
	const char *hybrid = "tmpfs /sys/fs/cgroup tmpfs rw 0 0\n"
			     "cgroup /sys/fs/cgroup/cpu,cpuacct cgroup rw,cpu,cpuacct 0 0\n"
			     "cgroup /sys/fs/cgroup/memory cgroup rw,memory 0 0\n"
			     "cgroup2 /sys/fs/cgroup/unified cgroup2 rw 0 0\n";
	assert_int_equal(cgroups_parse(hybrid, &g, &err), 0);
	assert_true(!g.v2 && g.hybrid);
	assert_int_equal(g.mounts.n, 2);
	assert_string_equal(g.memory, "/sys/fs/cgroup/memory");
	assert_string_equal(g.cpu, "/sys/fs/cgroup/cpu,cpuacct");
	cgroups_done(&g);
	assert_true(cgroups_parse("proc /proc proc rw 0 0\n", &g, &err) < 0);
	assert_non_null(strstr(err.text, "cgroup2"));
}

static void test_resources(void **state)
{
	(void)state;
	struct rt_spec s = plain();
	struct rt_rate rate = {"/dev/null", 5};
	s.cpu_quota = 5000;
	s.cpuset = "0-1";
	s.swappiness_set = s.oom_kill_disable = s.private_cgroup = true;
	s.swappiness = 10;
	s.io_weight = 300;
	strlist_add(&s.device_rules, "c 1:* rw");
	kvlist_set(&s.annotations, "a.b", "c");
	groups.swap = true;
	s.memory_swap = 2000000;
	s.memory = 1000000;
	auto_free char *text = plan_text(&s);
	assert_non_null(strstr(text, "\"quota\":5000"));
	assert_non_null(strstr(text, "\"cpus\":\"0-1\""));
	assert_non_null(strstr(text, "\"swap\":2000000"));
	assert_non_null(strstr(text, "\"swappiness\":10"));
	assert_non_null(strstr(text, "\"disableOOMKiller\":true"));
	assert_non_null(strstr(text, "\"blockIO\":{\"weight\":300}"));
	assert_non_null(strstr(text, "\"a.b\":\"c\""));
	assert_non_null(strstr(text, "\"type\":\"cgroup\"}"));
	assert_non_null(strstr(text, "\"major\":1"));
	groups.v2 = true; /* what that has not is left out */
	auto_free char *v2 = plan_text(&s);
	assert_null(strstr(v2, "swappiness"));
	assert_null(strstr(v2, "disableOOMKiller"));
	groups.v2 = groups.swap = false;
	s.io[RT_IO_READ_BPS] = (struct rt_rates){&rate, 1};
	refused(&s, "not a block device");
	s.io[RT_IO_READ_BPS].n = 0;
	kvlist_set(&s.annotations, "run.oci.hooks.stderr", "/etc/x");
	refused(&s, "run.oci.hooks.stderr");
	kvlist_done(&s.annotations);
	strlist_add(&s.device_rules, "c 1:1");
	refused(&s, "c 1:1");
	strlist_done(&s.device_rules);
	spec_done(&s);
}

static void test_profiles(void **state)
{
	static const char profile[] = "{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":["
				      "{\"names\":[\"mkdir\"],\"action\":\"SCMP_ACT_ERRNO\"},"
				      "{\"names\":[\"reboot\"],\"action\":\"SCMP_ACT_ERRNO\","
				      "\"includes\":{\"caps\":[\"CAP_SYS_BOOT\"]}},"
				      "{\"name\":\"old\",\"action\":\"SCMP_ACT_LOG\",\"excludes\":{"
				      "\"minKernel\":\"99.0\"}}]}";
	struct rt_spec s = plain();
	(void)state;
	s.seccomp = profile;
	auto_free char *text = plan_text(&s);
	assert_non_null(strstr(text, "\"defaultAction\":\"SCMP_ACT_ALLOW\""));
	assert_non_null(strstr(text, "[\"mkdir\"]"));
	assert_non_null(strstr(text, "[\"old\"]"));
	assert_null(strstr(text, "reboot"));
	s.seccomp = "{}";
	refused(&s, "seccomp profile");
	s.seccomp = NULL;
	s.unmasked = true;
	auto_free char *open = plan_text(&s);
	assert_null(strstr(open, "/proc/kcore"));
	assert_non_null(strstr(open, "SCMP_ACT_ERRNO"));
	spec_done(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_resources), cmocka_unit_test(test_profiles),
		cmocka_unit_test(test_defaults),  cmocka_unit_test(test_network_and_sysctls),
		cmocka_unit_test(test_limits),    cmocka_unit_test(test_refused),
		cmocka_unit_test(test_mounts),    cmocka_unit_test(test_privileged),
		cmocka_unit_test(test_caps),      cmocka_unit_test(test_seccomp),
		cmocka_unit_test(test_exec),      cmocka_unit_test(test_cgroup_versions),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
