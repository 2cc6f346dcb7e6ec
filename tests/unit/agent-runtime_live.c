/* SPDX-License-Identifier: Apache-2.0
 * Real containers: how they start, end, are limited, log, and what exec does. */
#include "tests/unit/agent-runtime_live.h"
#include <sys/mount.h>

static void test_exit_codes(void **state)
{
	(void)state;
	need_live();
	start("exit0", "echo hello; echo oops >&2");
	struct rt_status st = wait_state("exit0", RT_ENDED);
	assert_int_equal(st.exit_code, 0);
	assert_null(st.error);
	assert_true(st.started_ms > 0 && st.ended_ms >= st.started_ms);
	const char *log = logs_of("exit0", false, -1);
	assert_non_null(strstr(log, "1:hello\n"));
	assert_non_null(strstr(log, "2:oops\n"));
	delete ("exit0");
	start("exit7", "exit 7");
	assert_int_equal(wait_state("exit7", RT_ENDED).exit_code, 7);
	delete ("exit7");
	start("killed", "kill -KILL $$; exit 0");
	struct rt_status k = wait_state("killed", RT_ENDED);
	assert_int_equal(k.exit_code, 0); /* the kernel shields PID 1 from itself */
	delete ("killed");
}

static void test_errors(void **state)
{
	(void)state;
	need_live();
	struct rt_spec s = shell("nocmd", "");
	strlist_done(&s.args);
	strlist_add(&s.args, "/no/such/thing");
	start_spec(&s);
	struct rt_status st = wait_state("nocmd", RT_ENDED);
	assert_int_equal(st.exit_code, 127);
	assert_non_null(strstr(st.error, "/no/such/thing"));
	print_message("%s\n", st.error);
	delete ("nocmd");
	struct err err = {0};
	struct rt_spec u = shell("nouser", "true");
	u.user = "ghost";
	assert_int_equal(runtime_start(t.rt, &u, &err), -ENOENT);
	assert_non_null(strstr(err.text, "'ghost'"));
	u.user = NULL;
	u.cwd = "/proc/self/fd/7";
	assert_true(runtime_start(t.rt, &u, &err) < 0);
	strlist_done(&u.layers);
	strlist_done(&u.args);
	t.want_id = "nouser";
	wait_until(is_gone);
}

static void test_view(void **state)
{
	(void)state;
	need_live();
	start("view", "ls -l /proc/self/fd | wc -l; ls /proc/self/fd 2>/dev/null; cat "
		      "/etc/hostname; hostname; "
		      "id -u; pwd; grep Seccomp: /proc/self/status; grep CapEff /proc/self/status; "
		      "grep NoNewPrivs /proc/self/status; echo HOME=$HOME PATH=$PATH; "
		      "cat /etc/hosts | head -1; touch /x && echo wrote; "
		      "cat /proc/kcore 2>/dev/null | head -c 1 | wc -c; "
		      "echo 1 > /proc/sys/kernel/panic 2>/dev/null || echo refused; "
		      "unshare -m true 2>/dev/null || echo nounshare");
	assert_int_equal(wait_state("view", RT_ENDED).exit_code, 0);
	const char *log = logs_of("view", false, -1);
	print_message("%s", log);
	assert_non_null(strstr(log, "1:0\n1:1\n1:2\n1:3\n1:view\n1:view\n"));
	assert_non_null(strstr(log, "Seccomp:\t2"));
	assert_non_null(strstr(log, "1:wrote\n"));
	assert_non_null(strstr(log, "1:refused\n"));
	assert_non_null(strstr(log, "1:nounshare\n"));
	delete ("view");
}

static void test_kill_and_stop(void **state)
{
	(void)state;
	need_live();
	start("trap", "trap 'echo got; exit 3' TERM; echo ready; while :; do sleep 0.05; done");
	struct rt_status st = wait_state("trap", RT_RUNNING);
	assert_true(st.pid > 1);
	struct err err = {0};
	assert_int_equal(runtime_delete(t.rt, "trap", false, &err), -EBUSY);
	/* The trap is set when "ready" was written. */
	auto_free char *path = xasprintf("%s/containers/trap/log", t.data);
	for (int i = 0; i < 1000; i++) {
		auto_free char *text = NULL;
		if (file_read(path, 1 << 20, &text, NULL, NULL) == 0 && strstr(text, "ready"))
			break;
		usleep(5000);
	}
	assert_int_equal(runtime_kill(t.rt, "trap", "SIGTERM", &err), 0);
	assert_int_equal(wait_state("trap", RT_ENDED).exit_code, 3);
	delete ("trap");
	start("sleeper", "sleep 1000");
	wait_state("sleeper", RT_RUNNING);
	assert_int_equal(runtime_kill(t.rt, "sleeper", "KILL", &err), 0);
	st = wait_state("sleeper", RT_ENDED);
	assert_int_equal(st.exit_code, 137);
	assert_false(st.oom);
	assert_true(runtime_kill(t.rt, "sleeper", "KILL", &err) < 0);
	delete ("sleeper");
	start("forced", "sleep 1000");
	wait_state("forced", RT_RUNNING);
	delete ("forced");
	start("early", "sleep 1000"); /* taken away before it is known to run */
	delete ("early");
}

static void test_init(void **state)
{
	(void)state;
	need_live();
	struct rt_spec s = shell("inited", "(sleep 0.05 &) ; (sleep 0.1 &); cat /proc/1/comm; "
					   "trap 'exit 5' TERM; kill -TERM 1; sleep 10 & wait");
	s.init = true;
	start_spec(&s);
	assert_int_equal(wait_state("inited", RT_ENDED).exit_code, 5);
	assert_non_null(strstr(logs_of("inited", false, -1), "init"));
	delete ("inited");
}

static void test_limits(void **state)
{
	(void)state;
	need_live();
	struct rt_spec s = shell("limits", "cat /sys/fs/cgroup/memory/memory.limit_in_bytes "
					   "/sys/fs/cgroup/memory.max 2>/dev/null; "
					   "cat /sys/fs/cgroup/cpu/cpu.cfs_quota_us "
					   "/sys/fs/cgroup/cpu.max 2>/dev/null;"
					   "cat /sys/fs/cgroup/pids/pids.max "
					   "/sys/fs/cgroup/pids.max 2>/dev/null; ulimit -n; "
					   "df -k /dev/shm | tail -1; id");
	s.memory = 64 << 20;
	s.cpus = 0.5;
	s.pids = 50;
	s.shm_size = 8 << 20;
	s.user = "1000:33";
	struct rt_limit lim = {(char[]){"nofile"}, 777, 1LL << 40};
	s.limits = &lim;
	s.n_limits = 1;
	start_spec(&s);
	assert_int_equal(wait_state("limits", RT_ENDED).exit_code, 0);
	const char *log = logs_of("limits", false, -1);
	print_message("%s", log);
	assert_non_null(strstr(log, "1:67108864\n"));
	assert_non_null(strstr(log, "1:50000"));
	assert_non_null(strstr(log, "1:50\n"));
	assert_non_null(strstr(log, "1:777\n"));
	assert_non_null(strstr(log, " 8192 "));
	assert_non_null(strstr(log, "uid=1000 gid=33"));
	delete ("limits");
}

static void test_oom(void **state)
{
	(void)state;
	need_live();
	struct rt_spec s = shell("oom", "x=a; while :; do x=$x$x; done");
	s.memory = 16 << 20;
	start_spec(&s);
	struct rt_status st = wait_state("oom", RT_ENDED);
	assert_int_equal(st.exit_code, 137);
	assert_true(st.oom);
	delete ("oom");
}

static void test_rotation(void **state)
{
	(void)state;
	need_live();
	start("rotate",
	      "i=0; while [ $i -lt 4000 ]; do echo line-$i-xxxxxxxxxxxxxxxxxxxxxxxxxxxxx; "
	      "i=$((i+1)); done; head -c 9000 /dev/zero | tr '\\0' y; echo; echo -n end");
	const char *log = logs_of("rotate", true, -1); /* follows from the start to the end */
	wait_state("rotate", RT_ENDED);
	const char *last = strstr(log, "line-3999-");
	assert_non_null(last);
	assert_non_null(strstr(log, "1:end\n"));
	const char *long_line = strstr(log, "1:yyyy");
	assert_non_null(long_line);
	assert_int_equal(strspn(long_line + 2, "y"), 9000);
	auto_free char *third = xasprintf("%s/containers/rotate/log.2", t.data);
	auto_free char *fourth = xasprintf("%s/containers/rotate/log.3", t.data);
	struct stat st;
	assert_int_equal(stat(third, &st), 0);
	assert_true(st.st_size <= 64 << 10);
	assert_false(path_exists(fourth));
	assert_string_equal(logs_of("rotate", false, 1), "1:end\n");
	assert_null(strstr(logs_of("rotate", false, 3), "line-3998"));
	assert_non_null(strstr(logs_of("rotate", false, 3), "1:line-3999"));
	delete ("rotate");
}

static void test_again(void **state)
{
	(void)state;
	need_live();
	struct err err = {0};
	start("again", "echo one; exit 4");
	wait_state("again", RT_ENDED);
	start("again", "echo two; sleep 0.5");
	wait_state("again", RT_RUNNING);
	struct rt_spec s = shell("again", "true");
	assert_int_equal(runtime_start(t.rt, &s, &err), -EEXIST);
	strlist_done(&s.layers);
	strlist_done(&s.args);
	wait_state("again", RT_ENDED);
	assert_string_equal(logs_of("again", false, -1), "1:one\n1:two\n");
	delete ("again");
	start("again", "echo three");
	wait_state("again", RT_ENDED);
	assert_string_equal(logs_of("again", false, -1), "1:three\n");
	delete ("again");
}

static void test_exec(void **state)
{
	(void)state;
	need_live();
	start("host", "exec sleep 1000");
	wait_state("host", RT_RUNNING);
	struct rt_exec *e =
		exec_shell("host", "echo out $EXTRA; echo err >&2; exit 9", false, false);
	wait_until(exec_done);
	rt_exec_free(e);
	assert_int_equal(t.exec_code, 9);
	assert_string_equal(t.out.data, "out yes\n");
	assert_string_equal(t.err.data, "err\n");
	e = exec_shell("host", "cat; echo; echo done", false, true);
	rt_exec_write(e, "typed", 5);
	rt_exec_close_stdin(e);
	wait_until(exec_done);
	rt_exec_free(e);
	assert_string_equal(t.out.data, "typed\ndone\n");
	e = exec_shell("host", "tty; stty size; echo ready; read x; echo got-$x; exit 4", true,
		       true);
	rt_exec_resize(e, 33, 99);
	wait_until(saw_ready);
	rt_exec_write(e, "abc\n", 4);
	wait_until(exec_done);
	rt_exec_free(e);
	print_message("%s", t.out.data);
	assert_int_equal(t.exec_code, 4);
	assert_non_null(strstr(t.out.data, "/dev/pts/"));
	assert_non_null(strstr(t.out.data, "got-abc"));
	e = exec_shell("host", "echo ready; exec sleep 500", false, false);
	wait_until(saw_ready);
	int signalled = -EAGAIN;
	for (int i = 0; i < 1000 && signalled == -EAGAIN; i++, usleep(2000))
		signalled = rt_exec_signal(e, "SIGUSR1");
	assert_int_equal(signalled, 0);
	wait_until(exec_done);
	assert_int_equal(t.exec_code, 128 + SIGUSR1);
	rt_exec_free(e);
	e = exec_shell("host", "echo ready; sleep 500", false, false);
	wait_until(saw_ready);
	rt_exec_free(e); /* kills */
	t.want_id = "host";
	wait_until(one_process);
	e = exec_shell("host", "ls /proc/self/fd", false, false);
	wait_until(exec_done);
	rt_exec_free(e);
	assert_string_equal(t.out.data, "0\n1\n2\n3\n");
	struct rt_exec_spec none = {0};
	strlist_add(&none.args, "nosuchprogram");
	t.exec_done = false;
	assert_int_equal(runtime_exec(t.rt, "host", &none, &exec_ops, NULL, &e, NULL), 0);
	wait_until(exec_done);
	print_message("%d %s", t.exec_code, t.err.data);
	rt_exec_free(e);
	strlist_done(&none.args);
	assert_int_equal(t.exec_code, 127);
	delete ("host");
}

static void test_tty(void **state)
{
	(void)state;
	need_live();
	struct rt_spec s = shell("tty", "tty; echo $TERM");
	s.tty = true;
	start_spec(&s);
	assert_int_equal(wait_state("tty", RT_ENDED).exit_code, 0);
	const char *log = logs_of("tty", false, -1);
	assert_non_null(strstr(log, "/dev/"));
	assert_non_null(strstr(log, "xterm"));
	delete ("tty");
}

static void test_volumes(void **state)
{
	(void)state;
	need_live();
	auto_free char *volume = xasprintf("%s/volume", t.dir);
	auto_free char *copied = xasprintf("%s/volume/passwd", t.dir);
	assert_int_equal(dir_make(volume, 0755, NULL), 0);
	struct rt_mount m[] = {
		{.source = volume, .target = (char[]){"/etc"}, .copy_up = true},
		{.target = (char[]){"/scratch"}, .tmpfs = true, .options = (char[]){"size=1m"}},
	};
	struct rt_spec s = shell("vol", "head -1 /etc/passwd; touch /scratch/a && echo tmp; "
					"touch /ro 2>/dev/null || echo readonly; touch /etc/new");
	s.read_only = true;
	s.mounts = m;
	s.n_mounts = 2;
	start_spec(&s);
	assert_int_equal(wait_state("vol", RT_ENDED).exit_code, 0);
	const char *log = logs_of("vol", false, -1);
	assert_non_null(strstr(log, "1:root:"));
	assert_non_null(strstr(log, "1:tmp\n"));
	assert_non_null(strstr(log, "1:readonly\n"));
	assert_true(path_exists(copied));
	delete ("vol");
}

static char *folder(const char *name)
{
	char *path = xasprintf("%s/%s", t.dir, name);
	assert_int_equal(dir_make(path, 0755, NULL), 0);
	return path;
}

static void write_file(const char *dir, const char *name, const char *text)
{
	auto_free char *path = xasprintf("%s/%s", dir, name);
	assert_int_equal(file_replace(path, text, strlen(text), 0644, NULL), 0);
}

/* Two layers of another image, of which the upper one hides a file and has links that lead out. */
static void test_image_mounts(void **state)
{
	(void)state;
	need_live();
	auto_free char *low = folder("img-low"), *high = folder("img-high");
	auto_free char *low_sub = folder("img-low/sub"), *high_sub = folder("img-high/sub");
	auto_free char *gone = xasprintf("%s/gone", high_sub), *abs = xasprintf("%s/abs", high);
	auto_free char *up = xasprintf("%s/up", high);
	write_file(low_sub, "kept", "low\n");
	write_file(low_sub, "gone", "low\n");
	write_file(high_sub, "new", "high\n");
	assert_int_equal(mknod(gone, S_IFCHR, 0), 0);
	assert_int_equal(symlink("/sub", abs), 0);
	assert_int_equal(symlink("../../../../../../sub/kept", up), 0);
	struct strlist both = {.v = (char *[]){low, high, NULL}, .n = 2},
		       one = {.v = (char *[]){low, NULL}, .n = 1};
	struct rt_mount m[] = {
		{.target = (char[]){"/all"}, .image = &both, .read_only = true},
		{.target = (char[]){"/one"}, .image = &one, .image_subpath = "sub"},
		{.target = (char[]){"/abs"}, .image = &both, .image_subpath = "abs"},
		{.target = (char[]){"/file"}, .image = &both, .image_subpath = "/up"},
	};
	struct rt_spec s =
		shell("img", "echo $(ls /all) - $(ls /all/sub) - $(ls /one) - "
			     "$(ls /abs) - $(cat /file); touch /all/x /one/x || echo no");
	s.mounts = m;
	s.n_mounts = ARRAY_LEN(m);
	start_spec(&s);
	assert_int_equal(wait_state("img", RT_ENDED).exit_code, 0);
	const char *log = logs_of("img", false, -1);
	assert_non_null(strstr(log, "1:abs sub up - kept new - gone kept - kept new - low\n"));
	assert_non_null(strstr(log, "1:no\n"));
	delete ("img");
	/* An empty volume is filled from the image that it is for, not from the one that runs. */
	auto_free char *volume = folder("img-volume");
	struct rt_mount v = {.source = volume, .target = (char[]){"/sub"}, .copy_up = true};
	struct rt_spec filled = shell("img3", "echo $(ls /sub)");
	filled.mounts = &v;
	filled.n_mounts = 1;
	filled.fill_from = &both;
	start_spec(&filled);
	assert_int_equal(wait_state("img3", RT_ENDED).exit_code, 0);
	assert_non_null(strstr(logs_of("img3", false, -1), "1:kept new\n"));
	delete ("img3");
	struct err err = {0};
	struct rt_spec bad = shell("img2", "true");
	m[0].image_subpath = "../absent";
	bad.mounts = m;
	bad.n_mounts = 1;
	assert_int_equal(runtime_start(t.rt, &bad, &err), -ENOENT);
	assert_non_null(strstr(err.text, "'/all'"));
	t.want_id = "img2";
	wait_until(is_gone);
	strlist_done(&bad.layers);
	strlist_done(&bad.args);
}

/* Configs and secrets, as agent/core/plan_mounts.c asks for them: files of a tmpfs without exec. */
struct granted {
	char *files, *secret, *config, *volume;
	struct rt_mount m[7];
};

static void granted_make(struct granted *g)
{
	g->files = xasprintf("%s/granted", t.dir);
	g->secret = xasprintf("%s/secret.0", g->files);
	g->config = xasprintf("%s/config.0", g->files);
	g->volume = xasprintf("%s/holder", t.dir);
	assert_int_equal(dir_make(g->files, 0700, NULL), 0);
	assert_int_equal(dir_make(g->volume, 0755, NULL), 0);
	assert_int_equal(mount("tmpfs", g->files, "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC,
			       "mode=0700"),
			 0);
	assert_int_equal(file_replace(g->secret, "hunter2\n", 8, 0500, NULL), 0);
	assert_int_equal(chown(g->secret, 33, 33), 0);
	assert_int_equal(file_replace(g->config, "#!/bin/sh\necho ran\n", 19, 0555, NULL), 0);
	assert_int_equal(chmod(g->volume, 0777), 0);
	static const char *const targets[] = {"/run/secrets/pass", "/no/such/place/pass",
					      "/data/in/pass", "/etc/passwd"};
	for (size_t i = 0; i < ARRAY_LEN(targets); i++)
		g->m[i] = (struct rt_mount){.source = g->secret,
					    .target = (char *)targets[i],
					    .read_only = true,
					    .options = (char *)"nosuid,nodev,noexec"};
	g->m[4] = (struct rt_mount){.source = g->config,
				    .target = (char *)"/script",
				    .read_only = true,
				    .options = (char *)"nosuid,nodev,exec"};
	g->m[5] = (struct rt_mount){.source = g->volume, .target = (char *)"/data"};
	g->m[6] = (struct rt_mount){.target = (char *)"/run", .tmpfs = true};
}

static void granted_done(struct granted *g)
{
	free(g->files);
	free(g->secret);
	free(g->config);
	free(g->volume);
}

static bool is_there(void)
{
	return path_exists(t.want_path);
}

static void test_granted_files(void **state)
{
	(void)state;
	need_live();
	struct granted g;
	granted_make(&g);
	struct rt_spec s =
		shell("granted", "cat /run/secrets/pass /no/such/place/pass /data/in/pass "
				 "/etc/passwd; stat -c '%a %u:%g' /run/secrets/pass; /script; "
				 "(echo x >>/run/secrets/pass) 2>/dev/null || echo kept; "
				 "/run/secrets/pass 2>/dev/null || echo $?; ls /run/secrets; "
				 "touch /run/own /data/own && echo wrote; "
				 "until [ -e /data/go ]; do sleep 0.02; done; "
				 "cat /run/secrets/pass");
	s.user = "33:33";
	s.read_only = true;
	s.mounts = g.m;
	s.n_mounts = ARRAY_LEN(g.m);
	start_spec(&s);
	/* Removed under a container that runs, they stay in it. */
	t.want_path = xasprintf("%s/own", g.volume);
	wait_until(is_there);
	free(t.want_path);
	assert_int_equal(unlink(g.secret), 0);
	assert_int_equal(umount2(g.files, UMOUNT_NOFOLLOW), 0);
	auto_free char *go = xasprintf("%s/go", g.volume);
	assert_int_equal(file_replace(go, "", 0, 0644, NULL), 0);
	assert_int_equal(wait_state("granted", RT_ENDED).exit_code, 0);
	assert_string_equal(logs_of("granted", false, -1),
			    "1:hunter2\n1:hunter2\n1:hunter2\n1:hunter2\n1:500 33:33\n1:ran\n"
			    "1:kept\n1:126\n1:pass\n1:wrote\n1:hunter2\n");
	delete ("granted");
	granted_done(&g);
}

/* Where there can be no file: a sentence that says so, and nothing left. */
static void test_granted_nowhere(void **state)
{
	(void)state;
	need_live();
	static const char *const bad[] = {"/bin", "/script/below", "/sys/x"};
	struct granted g;
	struct err err = {0};
	granted_make(&g);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct rt_spec s = shell("nowhere", "true");
		struct rt_mount m[] = {g.m[4], g.m[0]};
		m[1].target = (char *)bad[i];
		s.mounts = m;
		s.n_mounts = ARRAY_LEN(m);
		if (i == 0) {
			assert_int_equal(runtime_start(t.rt, &s, &err), -EISDIR);
			assert_non_null(strstr(err.text, "at '/bin': the image has a folder"));
			strlist_done(&s.layers);
			strlist_done(&s.args);
			t.want_id = "nowhere";
			wait_until(is_gone);
			continue;
		}
		start_spec(&s);
		assert_non_null(strstr(wait_state("nowhere", RT_ENDED).error, bad[i]));
		delete ("nowhere");
	}
	assert_int_equal(umount2(g.files, UMOUNT_NOFOLLOW), 0);
	granted_done(&g);
}

/* A hundred layers with long names, one of them hostile. */
static void test_layers(void **state)
{
	(void)state;
	need_live();
	struct rt_spec s = shell("layers", "cat /stacked");
	for (int i = 0; i < 100; i++) {
		auto_free char *dir = xasprintf("%s/layer-with-a-long-name-%060d", t.dir, i);
		auto_free char *file = xasprintf("%s/stacked", dir);
		auto_free char *text = xasprintf("%d\n", i);
		assert_int_equal(dir_make(dir, 0755, NULL), 0);
		assert_int_equal(file_replace(file, text, strlen(text), 0644, NULL), 0);
		strlist_add(&s.layers, dir);
	}
	start_spec(&s);
	assert_int_equal(wait_state("layers", RT_ENDED).exit_code, 0);
	assert_string_equal(logs_of("layers", false, -1), "1:99\n");
	delete ("layers");
	auto_free char *bad = xasprintf("%s/bad", t.dir), *dev = xasprintf("%s/dev", bad);
	assert_int_equal(dir_make(bad, 0755, NULL), 0);
	assert_int_equal(symlink("/tmp", dev), 0);
	struct rt_spec h = shell("hostile", "true");
	strlist_add(&h.layers, bad);
	struct err err = {0};
	assert_int_equal(runtime_start(t.rt, &h, &err), -ELOOP);
	assert_non_null(strstr(err.text, "'/dev'"));
	strlist_done(&h.layers);
	strlist_done(&h.args);
}

static void test_network(void **state)
{
	(void)state;
	need_live();
	struct rt_spec s = shell("net", "cat /proc/sys/net/ipv4/ping_group_range "
					"/proc/sys/net/ipv4/ip_unprivileged_port_start; "
					"cat /etc/resolv.conf; grep -c peer /etc/hosts");
	s.netns = "/proc/self/ns/net";
	s.user = "web";
	strlist_add(&s.dns, "127.0.0.11");
	strlist_add(&s.dns_search, "stack.internal");
	strlist_add(&s.extra_hosts, "peer=10.0.0.9");
	start_spec(&s);
	strlist_done(&s.dns);
	strlist_done(&s.dns_search);
	strlist_done(&s.extra_hosts);
	assert_int_equal(wait_state("net", RT_ENDED).exit_code, 0);
	const char *log = logs_of("net", false, -1);
	print_message("%s", log);
	assert_non_null(strstr(log, "2147483647"));
	assert_non_null(strstr(log, "1:nameserver 127.0.0.11\n1:search stack.internal\n1:1\n"));
	delete ("net");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_exit_codes),
		cmocka_unit_test(test_errors),
		cmocka_unit_test(test_view),
		cmocka_unit_test(test_kill_and_stop),
		cmocka_unit_test(test_init),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_oom),
		cmocka_unit_test(test_rotation),
		cmocka_unit_test(test_again),
		cmocka_unit_test(test_exec),
		cmocka_unit_test(test_tty),
		cmocka_unit_test(test_volumes),
		cmocka_unit_test(test_image_mounts),
		cmocka_unit_test(test_granted_files),
		cmocka_unit_test(test_granted_nowhere),
		cmocka_unit_test(test_layers),
		cmocka_unit_test(test_network),
	};
	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
