/* SPDX-License-Identifier: Apache-2.0
 * Users of an image: names, numbers, groups, and files that lie. */
#include "agent/runtime/user.h"
#include "base/fd.h"
// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
// clang-format on
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char passwd[] = "root:x:0:0:root:/root:/bin/sh\n"
			     "\n"
			     "broken\n"
			     "evil:x:-1:0::/:\n"
			     "huge:x:99999999999:0::/:\n"
			     "web:x:33:34:web server:/srv/www:/bin/false\n"
			     "nohome:x:40:40:::\n"
			     "relative:x:41:41::../x:\n"
			     "last:x:50:50::/last:/bin/sh";
static const char group[] = "root:x:0:\nweb:x:34:\nlog:x:60:web,other\naudio:x:61:other,web\n"
			    "weblike:x:62:webx\n";

static void resolve(const char *who, uid_t uid, gid_t gid, size_t groups, const char *home)
{
	struct rt_user u = {0};
	struct err err = {0};
	if (user_resolve(passwd, group, who, NULL, &u, &err) < 0)
		fail_msg("%s", err.text);
	assert_int_equal(u.uid, uid);
	assert_int_equal(u.gid, gid);
	assert_int_equal(u.n_groups, groups);
	assert_string_equal(u.home, home);
	user_done(&u);
}

static void refuse(const char *who, const char *word)
{
	struct rt_user u = {.uid = 7};
	struct err err = {0};
	assert_true(user_resolve(passwd, group, who, NULL, &u, &err) < 0);
	assert_int_equal(u.uid, 7);
	assert_non_null(strstr(err.text, word));
}

static void test_names_and_numbers(void **state)
{
	(void)state;
	resolve(NULL, 0, 0, 0, "/root");
	resolve("", 0, 0, 0, "/root");
	resolve("root", 0, 0, 0, "/root");
	resolve("web", 33, 34, 2, "/srv/www");
	resolve("33", 33, 34, 2, "/srv/www");
	resolve("web:log", 33, 60, 0, "/srv/www");
	resolve("web:0", 33, 0, 0, "/srv/www");
	resolve("1000:2000", 1000, 2000, 0, "/");
	resolve("1000", 1000, 0, 0, "/");
	resolve("nohome", 40, 40, 0, "/");
	resolve("relative", 41, 41, 0, "/");
	resolve("last", 50, 50, 0, "/last");
	resolve(":log", 0, 60, 0, "/root");
}

static void test_refused(void **state)
{
	(void)state;
	refuse("ghost", "'ghost'");
	refuse("evil", "'evil'");
	refuse("huge", "'huge'");
	refuse("broken", "'broken'");
	refuse("web:ghosts", "'ghosts'");
	refuse("4294967296", "range");
	refuse("2147483648", "range");
	refuse("1:2147483648", "range");
	refuse("-1", "'-1'");
	refuse("0x10", "'0x10'");
	refuse("we", "'we'");
}

static void test_more_groups(void **state)
{
	(void)state;
	struct strlist more = {0};
	struct rt_user u = {0};
	strlist_add(&more, "audio");
	strlist_add(&more, "77");
	strlist_add(&more, "log");
	assert_int_equal(user_resolve(passwd, group, "web", &more, &u, NULL), 0);
	assert_int_equal(u.n_groups, 3); /* log and audio once each, and 77 */
	user_done(&u);
	strlist_add(&more, "nogroup");
	assert_int_equal(user_resolve(passwd, group, "web", &more, &u, NULL), -ENOENT);
	strlist_done(&more);
}

static void test_no_files(void **state)
{
	(void)state;
	struct rt_user u = {0};
	assert_int_equal(user_resolve(NULL, NULL, NULL, NULL, &u, NULL), 0);
	assert_int_equal(u.uid, 0);
	user_done(&u);
	assert_int_equal(user_resolve(NULL, NULL, "5:6", NULL, &u, NULL), 0);
	assert_int_equal(u.gid, 6);
	user_done(&u);
	assert_int_equal(user_resolve(NULL, NULL, "web", NULL, &u, NULL), -ENOENT);
}

/* A link out of the image, a FIFO in place of the file: neither is followed nor waited for. */
static void test_hostile_image(void **state)
{
	(void)state;
	char dir[] = "/tmp/carrack-user-XXXXXX";
	assert_non_null(mkdtemp(dir));
	auto_free char *etc = xasprintf("%s/etc", dir), *file = xasprintf("%s/passwd", etc);
	auto_free char *other = xasprintf("%s/group", etc);
	assert_int_equal(mkdir(etc, 0755), 0);
	assert_int_equal(symlink("/proc/self/environ", file), 0);
	assert_int_equal(mkfifo(other, 0600), 0);
	int root = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct rt_user u = {0};
	assert_int_equal(user_lookup(root, "3:4", NULL, &u, NULL), 0);
	assert_int_equal(u.uid, 3);
	user_done(&u);
	close(root);
	assert_int_equal(dir_remove(dir, NULL), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names_and_numbers), cmocka_unit_test(test_refused),
		cmocka_unit_test(test_more_groups),       cmocka_unit_test(test_no_files),
		cmocka_unit_test(test_hostile_image),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
