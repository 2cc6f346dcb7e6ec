/* SPDX-License-Identifier: Apache-2.0
 * Finding a program: by its path, beside this one, on PATH. */
#include "base/mem.h"
#include "base/program.h"
#include "base/str.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static void put(const char *path, mode_t mode)
{
	FILE *f = fopen(path, "w");
	assert_non_null(f);
	fclose(f);
	assert_int_equal(chmod(path, mode), 0);
}

static void test_path_and_path_variable(void **state)
{
	(void)state;
	char dir[] = "/tmp/carrack-program-XXXXXX";
	assert_non_null(mkdtemp(dir));
	auto_free char *tool = xasprintf("%s/ck-tool", dir), *plain = xasprintf("%s/ck-plain", dir);
	auto_free char *path = xasprintf("/nowhere:%s", dir);
	put(tool, 0755);
	put(plain, 0644);
	setenv("PATH", path, 1);

	auto_free char *found = program_find(NULL, "ck-tool"), *given = program_find(tool, "x");
	auto_free char *other = program_find("ck-tool", "ck-none");
	assert_string_equal(found, tool);
	assert_string_equal(given, tool);
	assert_string_equal(other, tool);
	assert_null(program_find(NULL, "ck-plain")); /* no one may execute it */
	assert_null(program_find(plain, "ck-tool"));
	assert_null(program_find(NULL, "ck-none"));
	unlink(tool);
	unlink(plain);
	rmdir(dir);
}

/* What lies beside the running program goes before what PATH has: a build runs its own parts. */
static void test_beside_comes_first(void **state)
{
	(void)state;
	char dir[] = "/tmp/carrack-program-XXXXXX", self[4096];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	assert_non_null(mkdtemp(dir));
	assert_true(n > 0);
	self[n] = '\0';
	const char *name = strrchr(self, '/') + 1;
	auto_free char *twin = xasprintf("%s/%s", dir, name);
	put(twin, 0755);
	setenv("PATH", dir, 1);
	auto_free char *found = program_find(NULL, name);
	assert_string_equal(found, self);
	unlink(twin);
	rmdir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_path_and_path_variable),
		cmocka_unit_test(test_beside_comes_first),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
