/* SPDX-License-Identifier: Apache-2.0
 * Configs and secrets on a node: its key, their files in memory, and tasks that wait for them. In a
 * mount namespace of its own; what needs root is skipped without it. */
#include "agent/core/assign.h"
#include "agent/core/nodetask_parts.h"
#include "agent/core/report.h"
#include "agent/core/sealkey.h"
#include "agent/core/secretfiles.h"
#include "agent/core/taskset.h"
#include "base/fd.h"
#include "tests/unit/agent-core_fakes.h"
#include <fcntl.h>
#include <linux/magic.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#define ID    "aabbccddeeff00112233"
#define OTHER "aabbccddeeff00112244"

static char dir[] = "/tmp/carrack-secrets-XXXXXX";
static char *run_dir;
static bool alone; /* in a mount namespace of our own */
static const unsigned char naming[CRYPTO_KEY] = {7};
static struct crypto_pair node;
static int64_t version;

static char *in_dir(const char *name)
{
	return xasprintf("%s/%s", dir, name);
}

static void test_key(void **state)
{
	(void)state;
	struct crypto_pair one, two;
	struct err err = {0};
	struct stat st;
	auto_free char *path = in_dir("sealing.key");
	assert_int_equal(sealkey_open(path, &one, &err), 0);
	assert_true(crypto_pair_good(&one));
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(sealkey_open(path, &two, &err), 0);
	assert_memory_equal(&one, &two, sizeof(one));
	static const char *const damaged[] = {"", "\n", "zz\n", "0123456789abcdef\n"};
	for (size_t i = 0; i < ARRAY_LEN(damaged); i++) {
		assert_int_equal(file_replace(path, damaged[i], strlen(damaged[i]), 0644, &err), 0);
		assert_int_equal(sealkey_open(path, &two, &err), 0);
		assert_true(crypto_pair_good(&two));
		assert_memory_not_equal(&one, &two, sizeof(one));
		assert_int_equal(stat(path, &st), 0);
		assert_int_equal(st.st_mode & 07777, 0600);
	}
	unlink(path);
	auto_free char *nowhere = in_dir("not/there/sealing.key");
	assert_true(sealkey_open(nowhere, &two, &err) < 0);
}

/* An entry of an assignment: a value sealed to `to`; its version is told. */
static json_t *sealed_item(const struct crypto_pair *to, struct sealed_id id, const char *value,
			   char ret_version[SEALED_VERSION + 1])
{
	struct sealed s;
	sealed_version(naming, id, value, strlen(value), ret_version);
	sealed_make(to->pub, id, ret_version, value, strlen(value), &s);
	json_t *j = json_pack("{s:s,s:s,s:o}", "kind", "sealed", "id", ret_version, "obj",
			      sealed_json(&s));
	sealed_done(&s);
	return j;
}

static void give(struct assign *a, json_t *set, bool snapshot)
{
	struct err err = {0};
	auto_json *msg = json_pack("{s:I,s:o}", "version", (json_int_t)(version + 1), "set", set);
	if (!snapshot)
		json_object_set_new(msg, "prev", json_integer(version));
	version++;
	assert_int_equal(assign_apply(a, msg, &err), 0);
}

static void assert_file(const char *task, bool config, size_t i, const char *value, mode_t mode,
			uid_t uid)
{
	struct err err = {0};
	struct stat st;
	char *text = NULL;
	size_t n;
	auto_free char *path = secretfiles_path(run_dir, task, config, i);
	assert_int_equal(file_read(path, 4096, &text, &n, &err), 0);
	assert_string_equal(text, value);
	free(text);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, mode);
	assert_int_equal(st.st_uid, uid);
	assert_int_equal(st.st_gid, uid ? 4321 : 0);
}

static bool only_id(const char *task_id, void *arg)
{
	(*(size_t *)arg)++;
	return streq(task_id, ID);
}

struct fixture {
	struct assign *a;
	struct secretfiles *s;
	struct spec_grant secrets[2], config;
	struct wire_task t;
	char v[3][SEALED_VERSION + 1];
	json_t *items[3];
};

static const struct sealed_id ids[] = {
	{.stack = "shop", .name = "shop_pass"},
	{.name = "outside"},
	{.config = true, .stack = "shop", .name = "shop_conf"},
};

static void begin(struct fixture *f, const struct crypto_pair *to)
{
	auto_free char *path = in_dir("assignments.json");
	*f = (struct fixture){0};
	f->a = assign_new(NULL, path);
	f->s = secretfiles_new(run_dir, f->a, &node);
	f->items[0] = sealed_item(to, ids[0], "hunter2", f->v[0]);
	f->items[1] = sealed_item(to, ids[1], "swordfish", f->v[1]);
	f->items[2] = sealed_item(to, ids[2], "port=1", f->v[2]);
	for (int i = 0; i < 2; i++)
		f->secrets[i] = (struct spec_grant){.source = (char *)(i ? "b" : "a"),
						    .target = (char *)(i ? "/b" : "/a"),
						    .mode = i ? 0400 : 0444,
						    .uid = i ? 1234 : 0,
						    .gid = i ? 4321 : 0,
						    .version = f->v[i]};
	f->config = (struct spec_grant){.source = (char *)"c",
					.target = (char *)"/c",
					.mode = 0555,
					.version = f->v[2]};
	f->t = (struct wire_task){.id = (char *)ID,
				  .spec = {.secrets = f->secrets,
					   .n_secrets = 2,
					   .configs = &f->config,
					   .n_configs = 1}};
}

static void end(struct fixture *f)
{
	secretfiles_free(f->s);
	assign_free(f->a);
	for (size_t i = 0; i < ARRAY_LEN(f->items); i++)
		json_decref(f->items[i]);
	version = 0;
	fake_done();
}

static bool nothing_left(void)
{
	auto_free char *root = xasprintf("%s/secrets", run_dir);
	return !path_exists(root);
}

static void test_files(void **state)
{
	(void)state;
	struct fixture f;
	struct err err = {0};
	struct statfs fs;
	struct stat st;
	size_t seen = 0;
	if (!alone)
		skip();
	begin(&f, &node);
	/* One after the other comes; what is missing is waited for, and nothing is made. */
	for (int i = 0; i < 3; i++) {
		assert_int_equal(secretfiles_put(f.s, &f.t, &err), -EAGAIN);
		assert_non_null(strstr(err_text(&err), i == 0   ? "waits for the secret \"a\""
						       : i == 1 ? "waits for the secret \"b\""
								: "waits for the config \"c\""));
		assert_true(nothing_left());
		give(f.a, json_pack("[O]", f.items[i]), i == 0);
	}
	for (int again = 0; again < 2; again++) {
		assert_int_equal(secretfiles_put(f.s, &f.t, &err), 0);
		assert_file(ID, false, 0, "hunter2", 0444, 0);
		assert_file(ID, false, 1, "swordfish", 0400, 1234);
		assert_file(ID, true, 0, "port=1", 0555, 0);
	}
	auto_free char *root = xasprintf("%s/secrets", run_dir);
	assert_int_equal(statfs(root, &fs), 0);
	assert_int_equal(fs.f_type, TMPFS_MAGIC);
	assert_int_equal(stat(root, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	/* The next agent finds them, and takes away what nobody needs. */
	secretfiles_free(f.s);
	f.s = secretfiles_new(run_dir, f.a, &node);
	f.t.id = (char *)OTHER;
	assert_int_equal(secretfiles_put(f.s, &f.t, &err), 0);
	secretfiles_sweep(f.s, only_id, &seen);
	assert_int_equal(seen, 2);
	assert_file(ID, false, 0, "hunter2", 0444, 0);
	auto_free char *other = xasprintf("%s/" OTHER, root);
	assert_false(path_exists(other));
	secretfiles_drop(f.s, OTHER);
	secretfiles_drop(f.s, ID);
	assert_true(nothing_left());
	secretfiles_drop(f.s, ID);
	secretfiles_sweep(f.s, only_id, &seen);
	end(&f);
}

static void test_not_ours(void **state)
{
	(void)state;
	struct fixture f;
	struct err err = {0};
	struct crypto_pair lost;
	if (!alone)
		skip();
	crypto_pair_make(&lost);
	begin(&f, &lost);
	give(f.a, json_pack("[O,O,O]", f.items[0], f.items[1], f.items[2]), true);
	assert_int_equal(secretfiles_put(f.s, &f.t, &err), -EAGAIN);
	assert_non_null(strstr(err_text(&err), "waits for the controller to seal"));
	assert_true(nothing_left());
	end(&f);
	/* Passed off as another's: refused, and what was made before goes. */
	begin(&f, &node);
	json_object_set_new(json_object_get(f.items[1], "obj"), "name", json_string("other"));
	give(f.a, json_pack("[O,O,O]", f.items[0], f.items[1], f.items[2]), true);
	assert_int_equal(secretfiles_put(f.s, &f.t, &err), -EBADMSG);
	assert_true(nothing_left());
	f.secrets[1].version = f.v[2]; /* a config as a secret */
	assert_int_equal(secretfiles_put(f.s, &f.t, &err), -EINVAL);
	f.secrets[1].version = NULL;
	assert_int_equal(secretfiles_put(f.s, &f.t, &err), -EAGAIN);
	assert_true(nothing_left());
	end(&f);
}

static char *reason; /* of the last report */
static char *state_now;
static void on_report(json_t *msg_taken, void *arg)
{
	(void)arg;
	const json_t *t = json_array_get(json_object_get(msg_taken, "tasks"), 0);
	free(reason);
	free(state_now);
	reason = xstrdup(json_str_or(t, "reason", ""));
	state_now = xstrdup(json_str_or(t, "state", ""));
	json_decref(msg_taken);
}

static json_t *task_item(struct fixture *f)
{
	struct wire_task t = f->t;
	t.name = (char *)"shop_web.1";
	t.stack = (char *)"shop";
	t.service = (char *)"web";
	t.spec.name = (char *)"web";
	t.spec.image = (char *)"img";
	t.spec.shm_size = t.spec.stop_grace_period = t.spec.restart_max = -1;
	t.spec.restart = RESTART_NO;
	t.spec.health = (struct spec_health){.interval = -1,
					     .timeout = -1,
					     .start_period = -1,
					     .start_interval = -1,
					     .retries = -1};
	t.spec.restart_policy =
		(struct spec_restart_policy){.delay = -1, .window = -1, .max_attempts = -1};
	t.spec.network_mode = (char *)"host";
	return json_pack("{s:s,s:s,s:o}", "kind", "task", "id", ID, "obj", wire_task_json(&t));
}

static void core_begin(struct core *c, struct fixture *f)
{
	*c = (struct core){.data_dir = dir,
			   .run_dir = run_dir,
			   .node_id = "me",
			   .node_name = "me",
			   .assign = f->a,
			   .seal = &node};
	fake.core = c;
	fake.containers.free_val = fake_container_free;
	core_open(c);
	report_listen(c->report, on_report, NULL);
	fake_advance(1);
}

static void test_task(void **state)
{
	(void)state;
	struct fixture f;
	struct core core;
	if (!alone)
		skip();
	begin(&f, &node);
	core_begin(&core, &f);
	give(f.a, json_pack("[o,O,O]", task_item(&f), f.items[0], f.items[2]), true);
	core_sync_soon(&core);
	fake_advance(50);
	assert_string_equal(state_now, "preparing");
	assert_string_equal(reason, "waits for the secret \"b\" from the controller");
	assert_int_equal(fake_logged("start " ID), 0);
	give(f.a, json_pack("[O]", f.items[1]), false);
	core_sync_soon(&core);
	fake_advance(50);
	assert_string_equal(state_now, "starting");
	fake_container_run(ID);
	fake_advance(50);
	assert_string_equal(state_now, "running");
	assert_file(ID, false, 1, "swordfish", 0400, 1234);
	/* An agent that comes back leaves the files of what runs. */
	core_close(&core);
	core_begin(&core, &f);
	fake_advance(50);
	assert_string_equal(state_now, "running");
	assert_file(ID, false, 1, "swordfish", 0400, 1234);
	fake_container_end(ID, 0);
	fake_advance(50);
	assert_string_equal(state_now, "complete");
	assert_true(nothing_left());
	give(f.a, json_array(), true);
	core_sync_soon(&core);
	fake_advance(50);
	core_close(&core);
	free_and_null(&reason);
	free_and_null(&state_now);
	end(&f);
}

/* What lies on this node's disk has no value in it, and is enough to make the files again. */
static void test_reboot(void **state)
{
	(void)state;
	struct fixture f;
	struct err err = {0};
	struct stat st;
	char *text = NULL;
	size_t n;
	if (!alone)
		skip();
	begin(&f, &node);
	give(f.a, json_pack("[o,O,O,O]", task_item(&f), f.items[0], f.items[1], f.items[2]), true);
	assign_free(f.a); /* writes */
	auto_free char *path = in_dir("assignments.json");
	auto_free char *cached = xasprintf("%s/sealed/%s", dir, f.v[0]);
	assert_int_equal(stat(cached, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(file_read(cached, 1 << 20, &text, &n, &err), 0);
	assert_non_null(strstr(text, f.v[0]));
	assert_null(strstr(text, "hunter2"));
	free(text);
	/* Damaged or strange, they are left out, and sent again when the controller is there. */
	auto_free char *other = xasprintf("%s/sealed/%s", dir, f.v[1]);
	auto_free char *strange = xasprintf("%s/sealed/strange", dir);
	assert_int_equal(file_replace(other, "{\"version\":1", 12, 0600, &err), 0);
	assert_int_equal(file_replace(strange, "x", 1, 0600, &err), 0);
	f.a = assign_new(NULL, path);
	secretfiles_free(f.s);
	f.s = secretfiles_new(run_dir, f.a, &node);
	assert_int_equal(assign_load(f.a, &err), 0);
	assert_int_equal(secretfiles_put(f.s, &f.t, &err), -EAGAIN);
	assert_int_equal(assign_version(f.a), 0); /* asks for a snapshot */
	give(f.a, json_pack("[o,O,O,O]", task_item(&f), f.items[0], f.items[1], f.items[2]), true);
	assert_int_equal(secretfiles_put(f.s, &f.t, &err), 0);
	assert_file(ID, false, 0, "hunter2", 0444, 0);
	fake_advance(ASSIGN_WRITE_MS);
	assert_false(path_exists(strange));
	assert_true(path_exists(other));
	/* What is no longer assigned is not kept. */
	give(f.a, json_pack("[O]", f.items[0]), true);
	fake_advance(ASSIGN_WRITE_MS);
	assert_false(path_exists(other));
	assert_true(path_exists(cached));
	secretfiles_drop(f.s, ID);
	assert_true(nothing_left());
	end(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_key),    cmocka_unit_test(test_files),
		cmocka_unit_test(test_task),   cmocka_unit_test(test_not_ours),
		cmocka_unit_test(test_reboot),
	};
	fake_unused();
	alone = unshare(CLONE_NEWNS) == 0 && mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0;
	if (!mkdtemp(dir))
		return 1;
	crypto_pair_make(&node);
	run_dir = in_dir("run");
	int r = cmocka_run_group_tests(tests, NULL, NULL);
	free(run_dir);
	dir_remove(dir, NULL);
	return r;
}
