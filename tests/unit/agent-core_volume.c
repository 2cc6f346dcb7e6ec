/* SPDX-License-Identifier: Apache-2.0
 * In a mount namespace of its own; what needs root is skipped without it. */
#include "agent/core/volume.h"
#include "base/fd.h"
#include <errno.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include <cmocka.h>

static char dir[] = "/tmp/carrack-volume-XXXXXX";
static bool alone; /* in a mount namespace of our own */

static void test_named(void **state)
{
	(void)state;
	struct err err = {0};
	struct spec_volume v = {.key = (char *)"d", .name = (char *)"s_d"};
	auto_free char *path = plan_volume_path(dir, "s_d");
	struct plan_dir d = {.path = path, .volume = &v};
	assert_int_equal(volume_prepare(&d, &err), 0);
	assert_int_equal(volume_prepare(&d, &err), 0);
	assert_true(path_exists(path));
	d.subpath = (char *)"sub";
	assert_int_equal(volume_prepare(&d, &err), -ENOENT);
	auto_free char *sub = xasprintf("%s/sub", path);
	assert_int_equal(symlink("/etc", sub), 0);
	assert_int_equal(volume_prepare(&d, &err), -ELOOP);
	unlink(sub);
	assert_int_equal(mkdir(sub, 0700), 0);
	assert_int_equal(volume_prepare(&d, &err), 0);
}

static void test_bind(void **state)
{
	(void)state;
	struct err err = {0};
	auto_free char *path = xasprintf("%s/host/x", dir);
	struct plan_dir d = {.path = path, .bind = true};
	assert_int_equal(volume_prepare(&d, &err), -ENOENT);
	assert_non_null(strstr(err.text, "is not on this node"));
	d.create = true;
	assert_int_equal(volume_prepare(&d, &err), 0);
	assert_true(path_exists(path));
}

static void test_driver(void **state)
{
	(void)state;
	struct err err = {0};
	struct spec_volume v = {.key = (char *)"e",
				.name = (char *)"e",
				.driver = (char *)"rexray"};
	auto_free char *path = plan_volume_path(dir, "e");
	struct plan_dir d = {.path = path, .volume = &v};
	assert_int_equal(volume_prepare(&d, &err), -ENOTSUP);
	v.driver = (char *)"local";
	kvlist_set(&v.driver_opts, "type", "ext4");
	kvlist_set(&v.driver_opts, "device", "/dev/null");
	assert_int_equal(volume_prepare(&d, &err), -ENOTSUP);
	kvlist_set(&v.driver_opts, "size", "1");
	assert_int_equal(volume_prepare(&d, &err), -ENOTSUP);
	kvlist_done(&v.driver_opts);
	if (!alone)
		skip();
	kvlist_set(&v.driver_opts, "type", "tmpfs");
	kvlist_set(&v.driver_opts, "device", "tmpfs");
	kvlist_set(&v.driver_opts, "o", "size=64k,noexec");
	struct statfs before, mounted, after;
	statfs(path, &before);
	assert_int_equal(volume_prepare(&d, &err), 0);
	assert_int_equal(volume_prepare(&d, &err), 0); /* once */
	statfs(path, &mounted);
	assert_int_equal(mounted.f_blocks * (uint64_t)mounted.f_bsize, 65536);
	volume_release(dir, "e");
	statfs(path, &after);
	assert_int_equal(after.f_blocks, before.f_blocks);
	volume_release(dir, "e");
	kvlist_done(&v.driver_opts);
}

static void test_anonymous(void **state)
{
	(void)state;
	struct err err = {0};
	auto_free char *path = plan_anonymous_path(dir, "t1", 0);
	struct plan_dir d = {.path = path};
	assert_int_equal(volume_prepare(&d, &err), 0);
	volume_remove_anonymous(dir, "t1");
	assert_false(path_exists(path));
	volume_remove_anonymous(dir, "t1");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_named),
		cmocka_unit_test(test_bind),
		cmocka_unit_test(test_driver),
		cmocka_unit_test(test_anonymous),
	};
	alone = unshare(CLONE_NEWNS) == 0 && mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0;
	if (!mkdtemp(dir))
		return 1;
	int r = cmocka_run_group_tests(tests, NULL, NULL);
	dir_remove(dir, NULL);
	return r;
}
