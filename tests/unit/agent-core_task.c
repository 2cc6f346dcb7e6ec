/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/core/assign.h"
#include "agent/core/nodenet.h"
#include "agent/core/nodetask_parts.h"
#include "agent/core/report.h"
#include "agent/core/taskset.h"
#include "base/fd.h"
#include "tests/unit/agent-core_fakes.h"

#define ID "aabbccddeeff00112233"

static char dir[] = "/tmp/carrack-task-XXXXXX";
static struct core core;
static struct map told; /* id -> json_t *, the last report */
static int64_t version;

static void free_json(void *p)
{
	json_decref(p);
}

static void on_report(json_t *msg_taken, void *arg)
{
	(void)arg;
	size_t i;
	json_t *t;
	json_array_foreach(json_object_get(msg_taken, "tasks"), i, t)
		map_set(&told, json_str(t, "id"), json_incref(t));
	json_decref(msg_taken);
}

static void core_begin(bool load)
{
	auto_free char *path = xasprintf("%s/assignments.json", dir);
	core = (struct core){.data_dir = dir, .node_id = "me", .node_name = "me"};
	fake.core = &core;
	fake.containers.free_val = fake_container_free;
	told.free_val = free_json;
	core.assign = assign_new(NULL, path);
	if (load)
		assert_int_equal(assign_load(core.assign, NULL), 0);
	core_open(&core);
	report_listen(core.report, on_report, NULL);
	fake_advance(1);
}

static void core_end(void)
{
	core_close(&core);
	assign_free(core.assign);
	map_clear(&told);
}

static void finish(void)
{
	core_end();
	fake_done();
	auto_free char *a = xasprintf("%s/assignments.json", dir);
	auto_free char *r = xasprintf("%s/results.json", dir);
	unlink(a);
	unlink(r);
	version = 0;
}

static json_t *item(const char *kind, const char *id, json_t *obj)
{
	return json_pack("{s:s,s:s,s:o}", "kind", kind, "id", id, "obj", obj);
}

static json_t *task_item(const char *id, struct spec_service *s, bool stop)
{
	struct wire_attach at = {.network_id = (char *)"c1",
				 .ip = (char *)"10.1.0.5",
				 .mac = (char *)"02:42:0a:01:00:05"};
	struct wire_task t = {.id = (char *)id,
			      .name = (char *)"s_web.1",
			      .stack = (char *)"s",
			      .service = (char *)"web",
			      .slot = 1,
			      .stop = stop,
			      .hash = (char *)"h",
			      .spec = *s,
			      .attach = &at,
			      .n_attach = 1};
	return item("task", id, wire_task_json(&t));
}

static json_t *network_item(void)
{
	struct wire_network n = {.id = (char *)"c1",
				 .name = (char *)"s_default",
				 .stack = (char *)"s",
				 .vni = 7,
				 .subnet = (char *)"10.1.0.0/20",
				 .gateway = (char *)"10.1.0.1"};
	return item("network", "c1", wire_network_json(&n));
}

static json_t *endpoint_item(const char *task, const char *node, const char *ip, bool ready)
{
	auto_free char *id = xasprintf("%s/c1", task);
	struct wire_endpoint e = {.id = id,
				  .network_id = (char *)"c1",
				  .task_id = (char *)task,
				  .task_name = (char *)task,
				  .service = (char *)"web",
				  .ip = (char *)ip,
				  .mac = (char *)"02:42:0a:01:00:09",
				  .node_id = (char *)node,
				  .vtep = (char *)"192.168.0.2",
				  .ready = ready};
	strlist_add(&e.names, "web");
	json_t *j = item("endpoint", id, wire_endpoint_json(&e));
	strlist_done(&e.names);
	return j;
}

static void send_set(json_t *set, bool snapshot)
{
	auto_json *msg = json_pack("{s:I,s:o}", "version", (json_int_t)(version + 1), "set", set);
	if (!snapshot)
		json_object_set_new(msg, "prev", json_integer(version));
	version++;
	struct err err = {0};
	assert_int_equal(assign_apply(core.assign, msg, &err), 0);
	core_sync_soon(&core);
	fake_advance(1);
}

static void send_nothing_assigned(void)
{
	send_set(json_array(), true);
}

static struct spec_service service(enum spec_restart restart)
{
	return (struct spec_service){.name = (char *)"web",
				     .image = (char *)"img",
				     .shm_size = -1,
				     .stop_grace_period = -1,
				     .restart = restart,
				     .restart_max = -1,
				     .replicas = 1,
				     .health = {.interval = -1,
						.timeout = -1,
						.start_period = -1,
						.start_interval = -1,
						.retries = -1},
				     .restart_policy = {.delay = -1,
							.window = -1,
							.max_attempts = -1}};
}

static void assign_one(struct spec_service *s, bool stop, bool snapshot)
{
	send_set(json_pack("[o,o]", network_item(), task_item(ID, s, stop)), snapshot);
}

static const char *state_of(const char *id)
{
	return json_str_or(map_get(&told, id), "state", "none");
}

static void test_life_and_stop(void **state)
{
	(void)state;
	struct spec_service s = service(RESTART_ALWAYS);
	core_begin(false);
	assign_one(&s, false, true);
	assert_string_equal(state_of(ID), "starting");
	fake_container_run(ID);
	fake_advance(1);
	assert_string_equal(state_of(ID), "running");
	assert_int_equal(json_int(map_get(&told, ID), "pid", 0), 4242);
	assert_true(map_has(&fake.networks, "c1"));
	assert_true(map_has(&fake.sandboxes, ID));
	assign_one(&s, true, false);
	/* No signal yet: new connections are led elsewhere first. */
	assert_string_equal(state_of(ID), "stopping");
	assert_int_equal(fake_logged("kill " ID " SIGTERM"), 0);
	fake_advance(TASK_DRAIN_MS);
	assert_string_equal(state_of(ID), "stopped"); /* it ended on its signal at once */
	assert_int_equal(fake_logged("kill " ID " SIGTERM"), 1);
	assert_int_equal(fake.containers.n, 0);
	assert_int_equal(fake.sandboxes.n, 0);
	assert_int_equal(fake.networks.n, 0);
	assert_int_equal(fake.wipes, 0);
	send_nothing_assigned();
	fake_advance(1);
	assert_int_equal(taskset_count(core.tasks), 0);
	assert_int_equal(fake.wipes, 1);
	fake_advance(30000);
	assert_int_equal(fake.wipes, 1);
	assert_int_equal(fake.opens, 0);
	assign_one(&s, false, false);
	assert_int_equal(fake.opens, 1); /* needed again */
	assert_string_equal(state_of(ID), "starting");
	finish();
}

/* The images that it mounts are there before it starts. */
static void test_mounted_images(void **state)
{
	(void)state;
	struct spec_service s = service(RESTART_ALWAYS);
	struct spec_mount m[] =
		{{.type = MOUNT_BIND, .source = (char *)"/", .target = (char *)"/b"},
		 {.type = MOUNT_IMAGE, .source = (char *)"tools", .target = (char *)"/t"},
		 {.type = MOUNT_IMAGE, .source = (char *)"more", .target = (char *)"/m"}};
	s.mounts = m;
	s.n_mounts = ARRAY_LEN(m);
	core_begin(false);
	map_set(&fake.images_missing, "more", &s);
	assign_one(&s, false, true);
	assert_string_equal(state_of(ID), "backoff");
	assert_int_equal(fake.containers.n, 0);
	map_del(&fake.images_missing, "more");
	fake.images_slow = true;
	fake_advance(60000);
	assert_string_equal(state_of(ID), "preparing");
	assert_string_equal(json_str(map_get(&told, ID), "reason"),
			    "getting the image 'more' that it mounts");
	assert_non_null(fake.requests); /* for the one that it lacks alone */
	assert_string_equal(fake.requests->ref, "more");
	assert_null(fake.requests->next);
	assert_int_equal(fake_images_arrive(), 1);
	fake_advance(1);
	assert_string_equal(state_of(ID), "starting");
	finish();
}

/* Commands before the first start: each once, in its own image, whoever watches. */
static void test_commands_before(void **state)
{
	(void)state;
	struct spec_service s = service(RESTART_ALWAYS);
	struct spec_hook two[2] = {{.user = NULL}, {.image = (char *)"tools"}};
	strlist_add(&two[0].command, "first");
	strlist_add(&two[1].command, "second");
	s.pre_start = (struct spec_hooks){two, 2};
	core_begin(false);
	map_set(&fake.images_missing, "tools", &s);
	assign_one(&s, false, true);
	assert_string_equal(state_of(ID), "backoff");
	map_del(&fake.images_missing, "tools");
	fake.images_slow = true;
	fake_advance(60000);
	assert_string_equal(json_str(map_get(&told, ID), "reason"),
			    "getting the image 'tools' of its pre_start");
	fake.images_slow = false;
	assert_int_equal(fake_images_arrive(), 1);
	fake_container_run(ID);
	fake_advance(1);
	assert_string_equal(state_of(ID), "starting");
	assert_string_equal(json_str(map_get(&told, ID), "reason"),
			    "runs pre_start command 'first' (1 of 2)");
	fake_container_end(ID, 0);
	fake_advance(1);
	assert_string_equal(state_of(ID), "starting");
	fake_container_run(ID);
	fake_advance(1);
	assert_string_equal(json_str(map_get(&told, ID), "reason"),
			    "runs pre_start command 'second' (2 of 2)");
	fake_container_end(ID, 17);
	fake_advance(1);
	assert_string_equal(state_of(ID), "backoff");
	assert_non_null(strstr(json_str(map_get(&told, ID), "reason"),
			       "pre_start command 'second' exited with status 17"));
	fake_advance(60000);
	fake_container_run(ID); /* that one again, not the first */
	fake_advance(1);
	assert_string_equal(json_str(map_get(&told, ID), "reason"),
			    "runs pre_start command 'second' (2 of 2)");
	core_end();
	core_begin(true); /* another agent finds it */
	fake_advance(1);
	assert_string_equal(state_of(ID), "starting");
	fake_container_end(ID, 0);
	fake_advance(1);
	fake_container_run(ID);
	fake_advance(1);
	assert_string_equal(state_of(ID), "running");
	fake_container_end(ID, 1); /* a restart is no first start */
	fake_advance(60000);
	fake_container_run(ID);
	fake_advance(1);
	assert_string_equal(state_of(ID), "running");
	strlist_done(&two[0].command);
	strlist_done(&two[1].command);
	finish();
}

/* Its own commands run before it counts as running, and before it is asked to stop. */
static void test_hooks(void **state)
{
	(void)state;
	struct spec_service s = service(RESTART_ALWAYS);
	struct spec_hook two[2] = {{.user = (char *)"0"}, {.user = (char *)"0"}}, one = {0};
	strlist_add(&two[0].command, "first");
	strlist_add(&two[1].command, "second");
	strlist_add(&one.command, "bye");
	s.post_start = (struct spec_hooks){two, 2};
	s.pre_stop = (struct spec_hooks){&one, 1};
	core_begin(false);
	assign_one(&s, false, true);
	fake_container_run(ID);
	fake_advance(1);
	assert_string_equal(state_of(ID), "starting");
	assert_int_equal(fake.execs, 1);
	fake_exec_end(0, NULL);
	fake_advance(1);
	assert_int_equal(fake.execs, 2);
	fake_exec_end(0, NULL);
	fake_advance(1);
	assert_string_equal(state_of(ID), "running");
	assign_one(&s, true, false);
	assert_string_equal(state_of(ID), "stopping");
	assert_int_equal(fake.execs, 2);
	fake_advance(TASK_DRAIN_MS);
	assert_int_equal(fake.execs, 3);
	assert_int_equal(fake_logged("kill " ID " SIGTERM"), 0);
	fake_exec_end(1, "no"); /* it is stopped all the same */
	fake_advance(1);
	assert_int_equal(fake_logged("kill " ID " SIGTERM"), 1);
	assert_string_equal(state_of(ID), "stopped");
	finish();
	core_begin(false);
	assign_one(&s, false, true);
	fake_container_run(ID);
	fake_advance(1);
	fake_exec_end(3, "sorry\n");
	fake_advance(2);
	assert_string_equal(state_of(ID), "backoff");
	assert_non_null(strstr(json_str_or(map_get(&told, ID), "reason", ""),
			       "post_start command 'first' ended with status 3: sorry"));
	finish();
	strlist_done(&two[0].command);
	strlist_done(&two[1].command);
	strlist_done(&one.command);
}

static void test_grace_then_kill(void **state)
{
	(void)state;
	struct spec_service s = service(RESTART_ALWAYS);
	s.stop_signal = (char *)"SIGINT";
	s.stop_grace_period = 2000000000;
	core_begin(false);
	assign_one(&s, false, true);
	fake_container_run(ID);
	fake.deaf = true;
	fake_advance(1);
	assign_one(&s, true, false);
	fake_advance(TASK_DRAIN_MS);
	fake_advance(1990);
	assert_string_equal(state_of(ID), "stopping");
	assert_int_equal(fake_logged("kill " ID " SIGINT"), 1);
	assert_int_equal(fake_logged("kill " ID " SIGKILL"), 0);
	fake_advance(20);
	assert_int_equal(fake_logged("kill " ID " SIGKILL"), 1);
	assert_string_equal(state_of(ID), "stopped");
	assert_int_equal(json_int(map_get(&told, ID), "exit_code", -1), 137);
	finish();
}

static void test_restart_and_backoff(void **state)
{
	(void)state;
	struct spec_service s = service(RESTART_ALWAYS);
	core_begin(false);
	assign_one(&s, false, true);
	for (int i = 0; i < 3; i++) {
		fake_container_run(ID);
		fake_container_end(ID, 1);
		fake_advance(1);
		assert_string_equal(state_of(ID), "backoff");
		assert_int_equal(json_int(map_get(&told, ID), "restarts", 0), i + 1);
		fake_advance(100u << i);
		assert_string_equal(state_of(ID), "starting");
	}
	const struct kvlist *l = runtime_labels(NULL, ID);
	assert_string_equal(kvlist_get(l, "carrack.restarts"), "3");
	fake_container_run(ID);
	fake_container_end(ID, 137);
	fake_advance(1);
	assert_non_null(strstr(json_str(map_get(&told, ID), "reason"), "signal 9 (KILL)"));
	assign_one(&s, true, false); /* a stop in back-off */
	assert_string_equal(state_of(ID), "stopped");
	fake_advance(100000);
	assert_int_equal(fake.containers.n, 0);
	finish();
}

static void test_once(void **state)
{
	(void)state;
	struct spec_service s = service(RESTART_NO);
	core_begin(false);
	assign_one(&s, false, true);
	fake_container_run(ID);
	fake_container_end(ID, 0);
	fake_advance(1);
	assert_string_equal(state_of(ID), "complete");
	assert_int_equal(fake.sandboxes.n, 0);
	assert_int_equal(fake.containers.n, 1); /* for its log */
	/* The agent starts anew, even without the container: the job is not run again. */
	core_end();
	map_clear(&fake.containers);
	core_begin(true);
	taskset_report_all(core.tasks);
	fake_advance(1);
	assert_string_equal(state_of(ID), "complete");
	assert_int_equal(fake_logged("start " ID), 1);
	send_nothing_assigned();
	fake_advance(1);
	assert_int_equal(taskset_count(core.tasks), 0);
	finish();
}

static void test_image_missing(void **state)
{
	(void)state;
	struct spec_service s = service(RESTART_NO);
	core_begin(false);
	map_set(&fake.images_missing, "img", &core);
	assign_one(&s, false, true);
	assert_string_equal(state_of(ID), "failed");
	assert_string_equal(json_str(map_get(&told, ID), "reason"), "image is not in the registry");
	finish();
}

static void test_start_fails_cleanly(void **state)
{
	(void)state;
	struct spec_service s = service(RESTART_NO);
	core_begin(false);
	fake.start_error = -EIO;
	assign_one(&s, false, true);
	assert_string_equal(state_of(ID), "failed");
	assert_int_equal(fake.sandboxes.n, 0);
	finish();
	core_begin(false);
	s = service(RESTART_ALWAYS);
	fake.sandbox_error = -EADDRINUSE;
	assign_one(&s, false, true);
	assert_string_equal(state_of(ID), "backoff");
	assert_non_null(strstr(json_str(map_get(&told, ID), "reason"), "in use"));
	fake.sandbox_error = 0;
	fake_advance(200);
	assert_string_equal(state_of(ID), "starting");
	finish();
}

static void test_starts_overlap(void **state)
{
	(void)state;
	struct spec_service s = service(RESTART_ALWAYS);
	core_begin(false);
	fake.images_slow = true;
	json_t *set = json_array();
	json_array_append_new(set, network_item());
	for (int i = 0; i < 10; i++) {
		auto_free char *id = xasprintf("aa%02d", i);
		json_array_append_new(set, task_item(id, &s, false));
	}
	send_set(set, true);
	assert_string_equal(state_of("aa00"), "preparing");
	assert_int_equal(fake_images_arrive(), 10);
	assert_int_equal(fake.containers.n, 10);
	send_nothing_assigned();
	fake_advance(30000);
	assert_int_equal(fake.containers.n, 0);
	assert_int_equal(taskset_count(core.tasks), 0);
	finish();
}

static void test_stop_while_pulling(void **state)
{
	(void)state;
	struct spec_service s = service(RESTART_ALWAYS);
	core_begin(false);
	fake.images_slow = true;
	assign_one(&s, false, true);
	assign_one(&s, true, false);
	assert_string_equal(state_of(ID), "stopped");
	assert_null(fake.requests);
	finish();
}

static void test_adoption_and_strays(void **state)
{
	(void)state;
	struct spec_service s = service(RESTART_ALWAYS);
	core_begin(false);
	send_set(json_pack("[o,o,o]", network_item(), task_item(ID, &s, false),
			   task_item("bb", &s, false)),
		 true);
	fake_container_run(ID);
	fake_container_run("bb");
	fake_advance(100);
	/* The agent dies; meanwhile nothing changes. */
	core_end();
	core_begin(true);
	taskset_report_all(core.tasks);
	fake_advance(1);
	assert_string_equal(state_of(ID), "running");
	assert_int_equal(fake_logged("start " ID), 1);
	assert_int_equal(fake.sets, 4); /* each sandbox made, and mended */
	/* Then it dies again, and bb's assignment ends while it is away. */
	core_end();
	fake.deaf = true;
	core_begin(false);
	send_set(json_pack("[o,o]", network_item(), task_item(ID, &s, false)), true);
	assert_int_equal(fake_logged("kill bb SIGTERM"), 1);
	fake_advance(10000);
	assert_int_equal(fake_logged("kill bb SIGKILL"), 1);
	fake_advance(10);
	assert_null(fake_container("bb"));
	assert_false(map_has(&fake.sandboxes, "bb"));
	assert_string_equal(state_of(ID), "running");
	finish();
}

static void test_names_and_peers(void **state)
{
	(void)state;
	struct spec_service s = service(RESTART_ALWAYS);
	core_begin(false);
	send_set(json_pack("[o,o,o,o]", network_item(), task_item(ID, &s, false),
			   endpoint_item(ID, "me", "10.1.0.5", false),
			   endpoint_item("fa", "other", "10.1.0.9", true)),
		 true);
	assert_int_equal(fake_logged("peer c1 9"), 1);
	assert_int_equal(fake_logged("peer c1 5"), 0); /* our own */
	assert_int_equal(fake_logged("name c1 web 1"), 1);
	assert_int_equal(fake_logged("name c1 tasks.web 1"), 1);
	assert_int_equal(fake_logged("name c1 " ID " 0"), 1);
	send_set(json_pack("[o]", endpoint_item(ID, "me", "10.1.0.5", true)), false);
	assert_int_equal(fake_logged("name c1 web 2"), 1);
	assert_int_equal(fake_logged("peer c1 9"), 1); /* told once */
	auto_json *msg =
		json_pack("{s:I,s:I,s:[{s:s,s:s}]}", "version", (json_int_t)(version + 1), "prev",
			  (json_int_t)version, "del", "kind", "endpoint", "id", "fa/c1");
	version++;
	assert_int_equal(assign_apply(core.assign, msg, NULL), 0);
	core_sync_soon(&core);
	fake_advance(1);
	assert_int_equal(fake_logged("nopeer c1 9"), 1);
	assert_int_equal(fake_logged("name c1 web 1"), 2);
	assert_int_equal(fake_logged("name c1 fa 0 gone"), 1);
	finish();
}

static void test_waits_for_network(void **state)
{
	(void)state;
	struct spec_service s = service(RESTART_NO);
	core_begin(false);
	send_set(json_pack("[o]", task_item(ID, &s, false)), true);
	assert_string_equal(state_of(ID), "preparing");
	assert_non_null(strstr(json_str(map_get(&told, ID), "reason"), "not known"));
	send_set(json_pack("[o]", network_item()), false);
	assert_string_equal(state_of(ID), "starting");
	/* The next try that it waited for is off. */
	fake_container_run(ID);
	fake_advance(10000);
	assert_string_equal(state_of(ID), "running");
	finish();
}

static void test_unhealthy_is_restarted(void **state)
{
	(void)state;
	struct spec_service s = service(RESTART_ALWAYS);
	s.health.set = true;
	s.health.interval = 1000000000;
	s.health.retries = 1;
	strlist_add(&s.health.test, "CMD");
	strlist_add(&s.health.test, "check");
	core_begin(false);
	assign_one(&s, false, true);
	fake_container_run(ID);
	fake_advance(1);
	assert_string_equal(json_str_or(map_get(&told, ID), "health", ""), "starting");
	fake_advance(1000);
	fake_exec_end(1, "no answer");
	fake_advance(1);
	assert_string_equal(state_of(ID), "backoff");
	assert_non_null(strstr(json_str(map_get(&told, ID), "reason"), "no answer"));
	strlist_done(&s.health.test);
	finish();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_hooks),
		cmocka_unit_test(test_mounted_images),
		cmocka_unit_test(test_commands_before),
		cmocka_unit_test(test_life_and_stop),
		cmocka_unit_test(test_grace_then_kill),
		cmocka_unit_test(test_restart_and_backoff),
		cmocka_unit_test(test_once),
		cmocka_unit_test(test_image_missing),
		cmocka_unit_test(test_start_fails_cleanly),
		cmocka_unit_test(test_starts_overlap),
		cmocka_unit_test(test_stop_while_pulling),
		cmocka_unit_test(test_adoption_and_strays),
		cmocka_unit_test(test_names_and_peers),
		cmocka_unit_test(test_waits_for_network),
		cmocka_unit_test(test_unhealthy_is_restarted),
	};
	if (!mkdtemp(dir))
		return 1;
	fake_unused();
	int r = cmocka_run_group_tests(tests, NULL, NULL);
	dir_remove(dir, NULL);
	return r;
}
