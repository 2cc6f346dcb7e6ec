/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/core/plan.h"
#include <arpa/inet.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

struct fixture {
	struct wire_task t;
	struct image i;
	struct image *const *mounted;
	struct plan p;
	struct err err;
};

static void begin(struct fixture *f)
{
	*f = (struct fixture){0};
	f->t.id = (char *)"0123456789abcdef0123";
	f->t.name = (char *)"s_web.1";
	f->t.spec.name = (char *)"web";
	f->t.spec.image = (char *)"img";
	f->t.spec.shm_size = -1;
	f->i.health_interval = f->i.health_timeout = -1;
	f->i.health_start_period = f->i.health_retries = -1;
	strlist_add(&f->i.entrypoint, "/entry");
	strlist_add(&f->i.cmd, "serve");
}

static int make(struct fixture *f)
{
	struct plan_input in = {.task = &f->t,
				.image = &f->i,
				.mounted = f->mounted,
				.data_dir = "/d",
				.run_dir = "/r",
				.gateway = "10.1.0.1"};
	plan_done(&f->p);
	return plan_make(&in, &f->p, &f->err);
}

static void end(struct fixture *f)
{
	struct spec_service *s = &f->t.spec;
	plan_done(&f->p);
	struct strlist *lists[] = {&f->i.entrypoint, &f->i.cmd,         &f->i.env,
				   &f->i.volumes,    &f->i.health_test, &s->command,
				   &s->entrypoint,   &s->tmpfs,         &s->security_opt,
				   &s->extra_hosts,  &s->health.test};
	for (size_t i = 0; i < ARRAY_LEN(lists); i++)
		strlist_done(lists[i]);
	kvlist_done(&s->environment);
	kvlist_done(&s->sysctls);
}

static void assert_list(const struct strlist *l, const char *joined)
{
	auto_str s = {0};
	for (size_t i = 0; i < l->n; i++)
		str_addf(&s, "%s%s", i ? " " : "", l->v[i]);
	assert_string_equal(s.data ? s.data : "", joined);
}

static void test_args(void **state)
{
	(void)state;
	struct fixture f;
	begin(&f);
	assert_int_equal(make(&f), 0);
	assert_list(&f.p.rt.args, "/entry serve");
	f.t.spec.command_set = true;
	strlist_add(&f.t.spec.command, "other");
	assert_int_equal(make(&f), 0);
	assert_list(&f.p.rt.args, "/entry other");
	f.t.spec.entrypoint_set = true;
	strlist_add(&f.t.spec.entrypoint, "/mine");
	assert_int_equal(make(&f), 0);
	assert_list(&f.p.rt.args, "/mine other");
	f.t.spec.command_set = false;
	assert_int_equal(make(&f), 0);
	assert_list(&f.p.rt.args, "/mine");
	strlist_done(&f.t.spec.entrypoint);
	assert_int_equal(make(&f), -EINVAL);
	assert_non_null(strstr(f.err.text, "names no command"));
	f.t.spec.command_set = true;
	assert_int_equal(make(&f), 0);
	assert_list(&f.p.rt.args, "other");
	end(&f);
}

static void test_env_user_names(void **state)
{
	(void)state;
	struct fixture f;
	begin(&f);
	strlist_add(&f.i.env, "A=image");
	strlist_add(&f.i.env, "B=image");
	strlist_add(&f.i.env, "PATH=/bin");
	kvlist_set(&f.t.spec.environment, "A", "mine=1");
	kvlist_set(&f.t.spec.environment, "B", NULL);
	f.i.user = (char *)"app";
	f.i.working_dir = (char *)"srv//x/./y/";
	f.i.stop_signal = (char *)"SIGQUIT";
	assert_int_equal(make(&f), 0);
	assert_list(&f.p.rt.env, "PATH=/bin HOSTNAME=0123456789ab A=mine=1");
	assert_string_equal(f.p.rt.user, "app");
	assert_string_equal(f.p.rt.cwd, "/srv/x/y");
	assert_string_equal(f.p.rt.hostname, "0123456789ab");
	assert_string_equal(f.p.rt.stop_signal, "SIGQUIT");
	f.t.spec.user = (char *)"1:2";
	f.t.spec.hostname = (char *)"box";
	assert_int_equal(make(&f), 0);
	assert_string_equal(f.p.rt.user, "1:2");
	assert_string_equal(f.p.rt.hostname, "box");
	f.t.spec.working_dir = (char *)"/proc/self/fd/7";
	assert_int_equal(make(&f), -EPERM);
	f.t.spec.working_dir = (char *)"/a/../../b";
	assert_int_equal(make(&f), -EINVAL);
	end(&f);
}

static void test_grants(void **state)
{
	(void)state;
	struct fixture f;
	begin(&f);
	struct spec_grant s[] = {{.source = (char *)"a", .target = (char *)"/run/secrets/a"},
				 {.source = (char *)"b", .target = (char *)"/etc//b"}};
	struct spec_grant c[] = {{.source = (char *)"a", .target = (char *)"/a"}};
	f.t.spec.secrets = s;
	f.t.spec.n_secrets = 2;
	f.t.spec.configs = c;
	f.t.spec.n_configs = 1;
	strlist_add(&f.i.volumes, "/etc/b"); /* the image's own makes place */
	assert_int_equal(make(&f), 0);
	const struct rt_mount *rm = f.p.rt.mounts;
	assert_int_equal(f.p.rt.n_mounts, 3);
	assert_int_equal(f.p.n_dirs, 0);
	assert_string_equal(rm[0].source, "/r/secrets/0123456789abcdef0123/secret.0");
	assert_string_equal(rm[0].target, "/run/secrets/a");
	assert_string_equal(rm[0].options, "nosuid,nodev,noexec");
	assert_string_equal(rm[1].source, "/r/secrets/0123456789abcdef0123/secret.1");
	assert_string_equal(rm[1].target, "/etc/b");
	assert_string_equal(rm[2].source, "/r/secrets/0123456789abcdef0123/config.0");
	assert_string_equal(rm[2].target, "/a");
	assert_string_equal(rm[2].options, "nosuid,nodev,exec"); /* as in Docker */
	for (size_t i = 0; i < 3; i++)
		assert_true(rm[i].read_only && !rm[i].copy_up && !rm[i].tmpfs);
	/* What the language refuses is not made here either. */
	c[0].target = (char *)"/etc/b";
	assert_int_equal(make(&f), -EEXIST);
	c[0].target = (char *)"/x/../etc/passwd";
	assert_int_equal(make(&f), -EINVAL);
	end(&f);
}

static void test_mounts(void **state)
{
	(void)state;
	struct fixture f;
	begin(&f);
	struct spec_volume vols[] = {{.key = (char *)"data", .name = (char *)"s_data"}};
	struct spec_mount m[] = {
		{.type = MOUNT_VOLUME, .source = (char *)"data", .target = (char *)"/var/lib/x/"},
		{.type = MOUNT_BIND,
		 .source = (char *)"/etc/x",
		 .target = (char *)"/conf",
		 .read_only = true},
		{.type = MOUNT_TMPFS,
		 .target = (char *)"/t",
		 .tmpfs_size = 4096,
		 .tmpfs_mode = 0700},
		{.type = MOUNT_VOLUME, .target = (char *)"/anon"},
	};
	f.t.volumes = vols;
	f.t.n_volumes = 1;
	f.t.spec.mounts = m;
	f.t.spec.n_mounts = 4;
	strlist_add(&f.t.spec.tmpfs, "/run:size=1m");
	strlist_add(&f.i.volumes, "/var/lib/x");
	strlist_add(&f.i.volumes, "/img");
	assert_int_equal(make(&f), 0);
	assert_int_equal(f.p.rt.n_mounts, 6);
	const struct rt_mount *rm = f.p.rt.mounts;
	assert_string_equal(rm[0].source, "/d/volumes/s_data/_data");
	assert_string_equal(rm[0].target, "/var/lib/x");
	assert_true(rm[0].copy_up);
	assert_string_equal(rm[1].source, "/etc/x");
	assert_true(rm[1].read_only && !rm[1].copy_up);
	assert_true(rm[2].tmpfs);
	assert_string_equal(rm[2].options, "size=4096,mode=0700");
	assert_string_equal(rm[3].source, "/d/volumes/.task/0123456789abcdef0123/0");
	assert_string_equal(rm[4].options, "size=1m");
	assert_string_equal(rm[5].source, "/d/volumes/.task/0123456789abcdef0123/1");
	assert_string_equal(rm[5].target, "/img");
	assert_int_equal(f.p.n_dirs, 4);
	strlist_add(&f.i.volumes, "/../../etc");
	assert_int_equal(make(&f), -EINVAL);
	strlist_done(&f.i.volumes);
	m[0].source = (char *)"absent";
	assert_int_equal(make(&f), -ENOENT);
	m[0].source = (char *)"data";
	m[0].volume_subpath = (char *)"a/../../b";
	assert_int_equal(make(&f), -EINVAL);
	m[0].volume_subpath = NULL;
	vols[0].name = (char *)"../x";
	assert_int_equal(make(&f), -EINVAL);
	end(&f);
}

static void test_image_mount(void **state)
{
	(void)state;
	struct fixture f;
	begin(&f);
	struct spec_mount m = {.type = MOUNT_IMAGE,
			       .source = (char *)"tools",
			       .target = (char *)"/opt/",
			       .image_subpath = (char *)"usr/bin"};
	struct image other = {0}, *mounted[] = {NULL};
	f.t.spec.mounts = &m;
	f.t.spec.n_mounts = 1;
	assert_int_equal(make(&f), -ENOENT); /* nobody got it */
	f.mounted = mounted;
	assert_int_equal(make(&f), -ENOENT);
	mounted[0] = &other;
	assert_int_equal(make(&f), 0);
	assert_int_equal(f.p.rt.n_mounts, 1);
	assert_string_equal(f.p.rt.mounts[0].target, "/opt");
	assert_ptr_equal(f.p.rt.mounts[0].image, &other.layers);
	assert_string_equal(f.p.rt.mounts[0].image_subpath, "usr/bin");
	assert_true(f.p.rt.mounts[0].read_only);
	assert_null(f.p.rt.mounts[0].source);
	m.image_subpath = (char *)"../x";
	assert_int_equal(make(&f), -EINVAL);
	end(&f);
}

static void test_network(void **state)
{
	(void)state;
	struct fixture f;
	begin(&f);
	struct wire_attach at = {.network_id = (char *)"n1",
				 .ip = (char *)"10.1.0.5",
				 .mac = (char *)"02:42:0a:01:00:05"};
	struct spec_port ports[] =
		{{.target = 80, .published = 8080, .protocol = PROTO_TCP, .mode = PORT_HOST},
		 {.target = 81, .published = 8081, .protocol = PROTO_UDP, .mode = PORT_INGRESS}};
	f.t.attach = &at;
	f.t.n_attach = 1;
	f.t.spec.ports = ports;
	f.t.spec.n_ports = 2;
	kvlist_set(&f.t.spec.sysctls, "net.core.somaxconn", "10");
	kvlist_set(&f.t.spec.sysctls, "kernel.msgmax", "10");
	strlist_add(&f.t.spec.extra_hosts, "gw=host-gateway");
	strlist_add(&f.t.spec.extra_hosts, "x=1.2.3.4");
	assert_int_equal(make(&f), 0);
	assert_int_equal(f.p.sandbox.n_endpoints, 1);
	assert_int_equal(f.p.sandbox.endpoints[0].mac[5], 5);
	assert_int_equal(f.p.sandbox.n_publish, 1);
	assert_int_equal(f.p.sandbox.publish[0].host_port, 8080);
	assert_list(&f.p.rt.extra_hosts, "gw=10.1.0.1 x=1.2.3.4");
	assert_list(&f.p.rt.host_names, "10.1.0.5 0123456789ab");
	assert_list(&f.p.rt.dns, "127.0.0.11");
	assert_list(&f.p.rt.dns_opt, "ndots:0");
	assert_int_equal(f.p.sandbox.sysctls->n, 1);
	assert_int_equal(f.p.rt.sysctls.n, 1);
	f.t.spec.network_mode = (char *)"host";
	f.t.n_attach = 0;
	assert_int_equal(make(&f), -EINVAL); /* a net.* sysctl on the host's network */
	kvlist_done(&f.t.spec.sysctls);
	assert_int_equal(make(&f), 0);
	assert_true(f.p.host_network);
	f.t.spec.network_mode = (char *)"container:x";
	assert_int_equal(make(&f), -ENOTSUP);
	f.t.spec.network_mode = NULL;
	f.t.n_attach = 1;
	at.mac = (char *)"02:42";
	assert_int_equal(make(&f), -EINVAL);
	end(&f);
}

static void test_resources(void **state)
{
	(void)state;
	struct fixture f;
	struct spec_rate rate = {.path = (char *)"/dev/x", .value = 7};
	begin(&f);
	f.t.spec.cpu = (struct spec_cpu){.shares = 512, .quota = 5000, .set = (char *)"0"};
	f.t.spec.swap = (struct spec_swap){.total = -1, .swappiness = 0};
	f.t.spec.blkio.write_bps = (struct spec_rates){&rate, 1};
	f.t.spec.logging_driver = (char *)"json-file";
	kvlist_set(&f.t.spec.logging_options, "max-size", "1m");
	kvlist_set(&f.t.spec.logging_options, "max-file", "5");
	f.t.spec.uts = (char *)"host";
	assert_int_equal(make(&f), 0);
	assert_int_equal(f.p.rt.cpu_shares, 512);
	assert_int_equal(f.p.rt.cpu_quota, 5000);
	assert_int_equal(f.p.rt.memory_swap, -1);
	assert_true(f.p.rt.swappiness_set && f.p.rt.swappiness == 0 && f.p.rt.host_uts);
	assert_int_equal(f.p.rt.io[RT_IO_WRITE_BPS].v[0].value, 7);
	assert_int_equal(f.p.rt.log_max_bytes, 1 << 20);
	assert_int_equal(f.p.rt.log_files, 5);
	kvlist_set(&f.t.spec.logging_options, "max-file", "0");
	assert_int_equal(make(&f), -EINVAL);
	kvlist_done(&f.t.spec.logging_options);
	f.t.spec.logging_driver = (char *)"syslog";
	assert_int_equal(make(&f), -ENOTSUP);
	f.t.spec.blkio = (struct spec_blkio){0};
	end(&f);
}

static void test_security(void **state)
{
	(void)state;
	struct fixture f;
	begin(&f);
	strlist_add(&f.t.spec.security_opt, "no-new-privileges:true");
	strlist_add(&f.t.spec.security_opt, "seccomp=unconfined");
	assert_int_equal(make(&f), 0);
	assert_true(f.p.rt.no_new_privileges && f.p.rt.seccomp_unconfined);
	strlist_add(&f.t.spec.security_opt, "apparmor=mine");
	strlist_add(&f.t.spec.security_opt, "seccomp={}");
	strlist_add(&f.t.spec.security_opt, "systempaths=unconfined");
	assert_int_equal(make(&f), 0);
	assert_string_equal(f.p.rt.apparmor, "mine");
	assert_string_equal(f.p.rt.seccomp, "{}");
	assert_true(f.p.rt.unmasked);
	strlist_add(&f.t.spec.security_opt, "label=type:x");
	assert_int_equal(make(&f), -ENOTSUP);
	strlist_done(&f.t.spec.security_opt);
	f.t.spec.pid = (char *)"container:x";
	assert_int_equal(make(&f), -ENOTSUP);
	f.t.spec.pid = (char *)"host";
	assert_int_equal(make(&f), 0);
	assert_true(f.p.rt.host_pid);
	end(&f);
}

static void test_health(void **state)
{
	(void)state;
	struct fixture f;
	struct plan_health h;
	begin(&f);
	plan_health(&f.t.spec, &f.i, &h);
	assert_false(h.on);
	plan_health_done(&h);
	strlist_add(&f.i.health_test, "CMD-SHELL");
	strlist_add(&f.i.health_test, "curl x");
	f.i.health_interval = 2000000000;
	plan_health(&f.t.spec, &f.i, &h);
	assert_true(h.on);
	assert_list(&h.args, "/bin/sh -c curl x");
	assert_int_equal(h.interval_ms, 2000);
	assert_int_equal(h.timeout_ms, 30000);
	assert_int_equal(h.retries, 3);
	plan_health_done(&h);
	f.t.spec.health = (struct spec_health){.set = true,
					       .interval = -1,
					       .timeout = 1000000,
					       .start_period = -1,
					       .start_interval = -1,
					       .retries = 7};
	strlist_add(&f.t.spec.health.test, "CMD");
	strlist_add(&f.t.spec.health.test, "true");
	plan_health(&f.t.spec, &f.i, &h);
	assert_list(&h.args, "true");
	assert_int_equal(h.interval_ms, 2000);
	assert_int_equal(h.timeout_ms, 1);
	assert_int_equal(h.retries, 7);
	plan_health_done(&h);
	f.t.spec.health.disabled = true;
	plan_health(&f.t.spec, &f.i, &h);
	assert_false(h.on);
	plan_health_done(&h);
	end(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_args),        cmocka_unit_test(test_env_user_names),
		cmocka_unit_test(test_grants),      cmocka_unit_test(test_mounts),
		cmocka_unit_test(test_image_mount), cmocka_unit_test(test_network),
		cmocka_unit_test(test_resources),   cmocka_unit_test(test_security),
		cmocka_unit_test(test_health),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
