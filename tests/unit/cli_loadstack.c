/* SPDX-License-Identifier: Apache-2.0
 * Which files a stack is made of, and the variables that count, by the folder one is in. */
#include "base/fd.h"
#include "cli/loadstack.h"
// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
// clang-format on
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void put(const char *path, const char *text)
{
	assert_int_equal(file_write_atomic(path, text, strlen(text), 0600, NULL), 0);
}

static int enter(void **state)
{
	static char dir[] = "/tmp/carrack-loadstack.XXXXXX";

	if (!mkdtemp(dir) || chdir(dir) < 0 || mkdir("sub", 0700) < 0)
		return -1;
	put("sub/a.yaml",
	    "services: {a: {image: 'i:${V}${W}'}, dbg: {image: d, profiles: [debug]}}\n");
	put("b.yaml", "services: {a: {command: c}}\n");
	put(".env", "COMPOSE_FILE=sub/a.yaml,b.yaml\nCOMPOSE_PATH_SEPARATOR=,\nV=here\n"
		    "COMPOSE_PROFILES=debug\nCOMPOSE_PROJECT_NAME=named\n");
	put("sub/.env", "V=sub\nW=-$V\n");
	*state = dir;
	return 0;
}

static int leave(void **state)
{
	static const char *const files[] = {"sub/a.yaml", "sub/.env", "b.yaml", ".env"};

	for (size_t i = 0; i < ARRAY_LEN(files); i++)
		unlink(files[i]);
	return rmdir("sub") < 0 || rmdir(*state) < 0 ? -1 : 0;
}

static void check_image(const struct loadstack *l, const char *name, const char *image, bool both)
{
	auto_json *j = loadstack_config(l);
	const json_t *services = json_object_get(j, "services"),
		     *a = json_object_get(services, "a");

	assert_non_null(j);
	assert_string_equal(json_str(j, "name"), name);
	assert_string_equal(json_str(a, "image"), image);
	assert_int_equal(json_object_get(a, "command") != NULL, both);
	assert_int_equal(json_object_get(services, "dbg") != NULL, both);
}

/* .env says which files; what both folders' .env have is taken from that of where we are. */
static void files_named_by_dotenv(void **state)
{
	struct loadstack l = {0};

	(void)state;
	check_image(&l, "named", "i:here-sub", true);
}

static void files_named_by_option(void **state)
{
	struct loadstack l = {0};

	(void)state;
	strlist_add(&l.files, "sub/a.yaml");
	check_image(&l, "sub", "i:sub-sub", false);
	loadstack_done(&l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(files_named_by_dotenv),
					   cmocka_unit_test(files_named_by_option)};

	return cmocka_run_group_tests(tests, enter, leave);
}
