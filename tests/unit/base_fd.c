/* SPDX-License-Identifier: Apache-2.0
 * Files: bounds, replacement, folders, and the walls of open_beneath. JSON with its limits. */
#include "base/fd.h"
#include "base/json.h"
// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
// clang-format on
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static char root[64];

static int enter(void **state)
{
	(void)state;
	strcpy(root, "/tmp/carrack-fd.XXXXXX");
	return mkdtemp(root) && chdir(root) == 0 ? 0 : -1;
}

static int leave(void **state)
{
	(void)state;
	return chdir("/") == 0 ? dir_remove(root, NULL) : -1;
}

static void test_files(void **state)
{
	struct err err = {0};
	auto_free char *data = NULL;
	size_t len = 0;
	struct stat st;
	(void)state;
	assert_int_equal(file_read("absent", 10, &data, &len, &err), -ENOENT);
	assert_string_equal(err.text, "cannot read 'absent': No such file or directory");
	assert_null(data);
	assert_int_equal(file_write_atomic("f", "hello", 5, 0600, &err), 0);
	assert_int_equal(file_read("f", 4, &data, &len, &err), -EFBIG);
	assert_int_equal(file_read("f", 5, &data, &len, &err), 0);
	assert_int_equal(len, 5);
	assert_string_equal(data, "hello");
	assert_int_equal(file_replace("f", "", 0, 0644, &err), 0);
	assert_int_equal(stat("f", &st), 0);
	assert_int_equal(st.st_size, 0);
	assert_int_equal(st.st_mode & 07777, 0644);
	assert_true(file_write_atomic("no/such/f", "x", 1, 0600, &err) < 0);
	assert_false(path_exists("f.new"));
	/* A link in the temporary file's place is not followed. */
	assert_int_equal(symlink("f", "g.new"), 0);
	assert_true(file_write_atomic("g", "x", 1, 0600, &err) < 0);
	assert_int_equal(stat("f", &st), 0);
	assert_int_equal(st.st_size, 0);
}

static void test_folders(void **state)
{
	struct err err = {0};
	(void)state;
	assert_int_equal(dir_make("d/e/f", 0755, &err), 0);
	assert_int_equal(dir_make("d/e/f", 0755, &err), 0);
	assert_int_equal(file_replace("canary", "x", 1, 0600, &err), 0);
	assert_int_equal(file_replace("d/e/file", "x", 1, 0600, &err), 0);
	assert_int_equal(symlink("../../canary", "d/e/link"), 0);
	assert_int_equal(symlink("..", "d/e/up"), 0);
	assert_int_equal(dir_remove("d", &err), 0);
	assert_false(path_exists("d"));
	assert_true(path_exists("canary"));
	assert_int_equal(dir_remove("d", &err), 0); /* absent is fine */
	assert_int_equal(symlink(".", "self"), 0);
	assert_true(dir_remove("self", &err) < 0);
	assert_true(path_exists("canary"));
	assert_true(dir_make("canary/x", 0755, &err) < 0);
}

static int try_beneath(int dir, const char *path)
{
	int fd = open_beneath(dir, path, O_RDONLY, 0);
	if (fd < 0)
		return fd;
	assert_int_equal(fcntl(fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
	close(fd);
	return 0;
}

static void test_beneath(void **state)
{
	(void)state;
	assert_int_equal(dir_make("jail/sub", 0755, NULL), 0);
	assert_int_equal(file_replace("outside", "x", 1, 0600, NULL), 0);
	assert_int_equal(file_replace("jail/in", "x", 1, 0600, NULL), 0);
	assert_int_equal(symlink("/etc", "jail/abs"), 0);
	assert_int_equal(symlink("in", "jail/rel"), 0);
	assert_int_equal(symlink("../outside", "jail/up"), 0);
	auto_close int jail = open("jail", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(try_beneath(jail, "in"), 0);
	assert_int_equal(try_beneath(jail, "./sub/../in"), 0); /* never above: allowed */
	static const char *const walls[] = {"../outside",  "sub/../../outside",
					    "/etc/passwd", "abs",
					    "abs/passwd",  "rel",
					    "up",          ""};
	for (size_t i = 0; i < ARRAY_LEN(walls); i++)
		assert_true(try_beneath(jail, walls[i]) < 0);
	auto_close int made = open_beneath(jail, "new", O_WRONLY | O_CREAT | O_EXCL, 0640);
	assert_true(made >= 0);
	/* In a root, links lead where they would with the folder as "/". */
	assert_int_equal(symlink("/in", "jail/absin"), 0);
	auto_close int rooted = open_in_root(jail, "absin", O_RDONLY, 0);
	assert_true(rooted >= 0);
	assert_int_equal(open_in_root(jail, "up", O_RDONLY, 0), -ENOENT);
	assert_int_equal(open_in_root(jail, "abs/passwd", O_RDONLY, 0), -ENOENT);
}

static json_t *parse(const char *text, struct err *err)
{
	return json_parse(text, strlen(text), err);
}

static void test_json(void **state)
{
	struct err err = {0};
	(void)state;
	static const char *const bad[] = {"",         "{",       "{} x", "{\"a\":1,\"a\":2}",
					  "\"\xff\"", "{'a':1}", "[1,]", "nul"};
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		err.text[0] = 0;
		assert_null(parse(bad[i], &err));
		assert_true(err.text[0] != 0);
	}
	auto_str deep = {0};
	for (int i = 0; i < 100000; i++)
		str_addc(&deep, '[');
	assert_null(parse(deep.data, &err));
	auto_json *j = parse("{\"s\":\"t\",\"n\":5,\"d\":0.5,\"b\":true,\"l\":[\"x\",1,\"y\"],"
			     "\"k\":{\"a\":\"1\",\"z\":null}}",
			     &err);
	assert_non_null(j);
	assert_string_equal(json_str(j, "s"), "t");
	assert_null(json_str(j, "n"));
	assert_null(json_str(NULL, "n"));
	assert_string_equal(json_str_or(j, "x", "def"), "def");
	assert_int_equal(json_int(j, "n", 1), 5);
	assert_int_equal(json_int(j, "s", 1), 1);
	assert_true(json_num(j, "d", 1) == 0.5);
	assert_true(json_bool(j, "b", false));
	auto_strlist l = {0};
	json_strlist(j, "l", &l);
	assert_int_equal(l.n, 2);
	struct kvlist kv = {0};
	json_kvlist(j, "k", &kv);
	assert_int_equal(kv.n, 2);
	assert_null(kvlist_get(&kv, "z"));
	kvlist_done(&kv);
	const char *s = "kept";
	int64_t n = 9;
	assert_true(json_need_str(j, "n", &s, &err) < 0);
	assert_non_null(strstr(err.text, "n"));
	assert_string_equal(s, "kept");
	assert_true(json_need_int(j, "n", 6, 10, &n, &err) < 0);
	assert_int_equal(n, 9);
	assert_int_equal(json_need_int(j, "n", 5, 5, &n, &err), 0);
	auto_json *out = json_object();
	json_put_str(out, "b", "x");
	json_put_str(out, "a", NULL);
	json_put_new(out, "e", json_array());
	json_put_int(out, "aa", 3);
	auto_free char *text = json_text_canonical(out);
	assert_string_equal(text, "{\"aa\":3,\"b\":\"x\"}");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_files),
		cmocka_unit_test(test_folders),
		cmocka_unit_test(test_beneath),
		cmocka_unit_test(test_json),
	};
	return cmocka_run_group_tests(tests, enter, leave);
}
