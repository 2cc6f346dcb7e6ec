/* SPDX-License-Identifier: Apache-2.0
 * The agent's side: one pull for all that ask, answers in a later turn, cancelling. The worker is this
 * very program, called as the store calls carrack. */
#include "agent/image/image.h"
#include "agent/image/refs.h"
#include "base/fd.h"
#include "base/mem.h"
// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
// clang-format on
#include <string.h>
#include <sys/stat.h>

#define NOBODY "127.0.0.1:1/x/y:1" /* no registry listens there */

struct fixture {
	char dir[64];
	struct loop *loop;
	struct image_store *store;
	int answers, wanted;
	char why[1024];
};

static void on_done(struct image *i, const char *why, void *arg)
{
	struct fixture *f = arg;
	assert_null(i);
	strncpy(f->why, why, sizeof(f->why) - 1);
	if (++f->answers == f->wanted)
		loop_stop(f->loop);
}

static const struct image_ops ops = {.done = on_done};

static int setup(void **state)
{
	struct fixture *f = xcalloc(1, sizeof(*f));
	strcpy(f->dir, "/tmp/carrack-store-XXXXXX");
	if (!mkdtemp(f->dir))
		return -1;
	f->loop = loop_new();
	*state = f;
	return image_store_open(f->loop, f->dir, NULL, &f->store, NULL);
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	image_store_close(f->store);
	loop_free(f->loop);
	assert_int_equal(dir_remove(f->dir, NULL), 0);
	free(f);
	return 0;
}

static void on_late(void *arg)
{
	fail_msg("no answer in time");
	(void)arg;
}

static void run(struct fixture *f, int wanted)
{
	struct timer *late = timer_new(f->loop, on_late, f);
	timer_set(late, 20000);
	f->wanted = wanted;
	loop_run(f->loop);
	timer_free(late);
	assert_int_equal(f->answers, wanted);
}

static void test_not_there(void **state)
{
	struct fixture *f = *state;
	struct err err = {0};
	image_get(f->store, "nginx", NULL, IMAGE_NEVER, &ops, f);
	assert_int_equal(f->answers, 0); /* never from within */
	run(f, 1);
	assert_non_null(strstr(f->why, "'nginx' is not on this node"));
	assert_null(image_local(f->store, "nginx", &err));
	auto_json *list = image_list(f->store);
	assert_int_equal(json_array_size(list), 0);
}

static void test_bad_name(void **state)
{
	struct fixture *f = *state;
	image_get(f->store, "Not A Name", NULL, IMAGE_MISSING, &ops, f);
	run(f, 1);
	assert_non_null(strstr(f->why, "not the name of an image"));
}

static void test_one_pull_for_all(void **state)
{
	struct fixture *f = *state;
	for (int i = 0; i < 10; i++)
		image_get(f->store, NOBODY, NULL, i % 2 ? IMAGE_ALWAYS : IMAGE_MISSING, &ops, f);
	run(f, 10);
	assert_non_null(strstr(f->why, "cannot reach the registry '127.0.0.1:1'"));
}

static void test_more_than_workers(void **state)
{
	struct fixture *f = *state;
	for (int i = 0; i < 8; i++) {
		auto_free char *ref = xasprintf("127.0.0.1:1/x/y:%d", i);
		image_get(f->store, ref, NULL, IMAGE_MISSING, &ops, f);
	}
	run(f, 8);
}

static void test_cancel(void **state)
{
	struct fixture *f = *state;
	struct image_request *a = image_get(f->store, NOBODY, NULL, IMAGE_MISSING, &ops, f);
	struct image_request *b = image_get(f->store, NOBODY, NULL, IMAGE_MISSING, &ops, f);
	struct image_request *c = image_get(f->store, "x", NULL, IMAGE_NEVER, &ops, f);
	image_cancel(c);
	image_cancel(a);
	image_cancel(b); /* the last one ends the worker */
	image_get(f->store, NOBODY, NULL, IMAGE_MISSING, &ops, f);
	run(f, 1);
}

static void test_close_with_work(void **state)
{
	struct fixture *f = *state;
	image_get(f->store, NOBODY, NULL, IMAGE_MISSING, &ops, f);
	image_get(f->store, "x", NULL, IMAGE_NEVER, &ops, f);
}

static void test_refs(void **state)
{
	static const char digest[] =
		"sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
	struct fixture *f = *state;
	struct refs r = {0}, again = {0};
	auto_free char *key = NULL, *other = NULL;
	assert_int_equal(refs_open(f->dir, &r, NULL), 0);
	assert_int_equal(refs_key("nginx", NULL, &key, NULL), 0);
	assert_int_equal(refs_key("nginx", "linux/mips", &other, NULL), 0);
	assert_string_not_equal(key, other);
	assert_int_equal(refs_set(&r, key, digest, 5, NULL), 0);
	assert_int_equal(refs_open(f->dir, &again, NULL), 0);
	assert_string_equal(refs_digest(&again, key), digest);
	assert_null(refs_digest(&again, other));
	refs_done(&r);
	refs_done(&again);
}

#define T(t) cmocka_unit_test_setup_teardown(t, setup, teardown)

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		T(test_not_there),
		T(test_bad_name),
		T(test_one_pull_for_all),
		T(test_more_than_workers),
		T(test_cancel),
		T(test_close_with_work),
		T(test_refs),
	};
	if (argc > 1 && strcmp(argv[1], "image-worker") == 0)
		return image_worker_main();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
