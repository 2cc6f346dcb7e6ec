/* SPDX-License-Identifier: Apache-2.0
 * Devices by name, out of files of the host. */
#include "agent/runtime/cdi.h"
#include "base/fd.h"
// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
// clang-format on
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char first[] = "/tmp/cdi-first-XXXXXX", second[] = "/tmp/cdi-second-XXXXXX";

static void put(const char *dir, const char *name, const char *text)
{
	auto_free char *path = xasprintf("%s/%s", dir, name);
	FILE *f = fopen(path, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static void drop(const char *dir, const char *name)
{
	auto_free char *path = xasprintf("%s/%s", dir, name);
	unlink(path);
}

static int apply(const char *a, const char *b, json_t *config, struct err *err)
{
	const char *folders[] = {"/tmp/none/such", first, second, NULL};
	struct strlist names = {0};
	*err = (struct err){0};
	strlist_add(&names, "/dev/null:/dev/null:rwm");
	strlist_add(&names, a);
	if (b)
		strlist_add(&names, b);
	int r = cdi_apply(&names, folders, config, err);
	strlist_done(&names);
	return r;
}

static int setup(void **state)
{
	(void)state;
	assert_non_null(mkdtemp(first));
	assert_non_null(mkdtemp(second));
	put(first, "x.yaml",
	    "---\ncdiVersion: 0.5.0\nkind: x.com/gpu\ndevices:\n- name: 0\n  containerEdits:\n"
	    "    deviceNodes:\n    - {path: /dev/x0, hostPath: /dev/zero}\n"
	    "- name: \"0:1\"\n  containerEdits: {env: [PART=1]}\n"
	    "containerEdits:\n  env: [X_DEVICES=void, PATH=/x]\n  additionalGids: [44]\n"
	    "  mounts:\n  - {hostPath: /lib/x.so, containerPath: /lib/x.so, options: [ro, bind]}\n"
	    "  hooks:\n  - {hookName: createContainer, path: /bin/hook, args: [hook, ldcache]}\n");
	put(second, "x.json",
	    "{\"cdiVersion\":\"0.5.0\",\"kind\":\"x.com/gpu\",\"devices\":[{\"name\":\"0\","
	    "\"containerEdits\":{\"env\":[\"LATE=1\"]}},{\"name\":\"1\",\"containerEdits\":"
	    "{\"deviceNodes\":[{\"path\":\"/dev/x1\",\"type\":\"c\",\"major\":195,\"minor\":1,"
	    "\"permissions\":\"rw\",\"fileMode\":438}]}}]}");
	put(second, "ignored.txt", "not YAML: [");
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	drop(first, "x.yaml");
	drop(second, "x.json");
	drop(second, "ignored.txt");
	drop(second, "broken.yaml");
	return rmdir(first) || rmdir(second);
}

static void applied(void **state)
{
	(void)state;
	struct err err;
	auto_json *c = json_loads("{\"process\":{\"env\":[\"PATH=/bin\"]}}", 0, NULL);
	assert_int_equal(apply("x.com/gpu=0", "x.com/gpu=0:1", c, &err), 0);
	auto_free char *text = json_text_canonical(c);
	assert_string_equal(
		text,
		"{\"hooks\":{\"createContainer\":[{\"args\":[\"hook\",\"ldcache\"],\"path\":\"/bin/"
		"hook\"}]},\"linux\":{\"devices\":[{\"fileMode\":438,\"gid\":0,\"major\":1,"
		"\"minor\":5,\"path\":\"/dev/x0\",\"type\":\"c\",\"uid\":0}],\"resources\":{"
		"\"devices\":[{\"access\":\"rwm\",\"allow\":true,\"major\":1,\"minor\":5,\"type\":"
		"\"c\"}]}},\"mounts\":[{\"destination\":\"/lib/"
		"x.so\",\"options\":[\"ro\",\"bind\"],"
		"\"source\":\"/lib/x.so\",\"type\":\"bind\"}],\"process\":{\"env\":[\"PATH=/x\","
		"\"X_DEVICES=void\",\"PART=1\"],\"user\":{\"additionalGids\":[44]}}}");
}

/* The host need not have a node whose numbers the file gives. */
static void of_another_file(void **state)
{
	(void)state;
	struct err err;
	auto_json *c = json_object();
	assert_int_equal(apply("x.com/gpu=1", NULL, c, &err), 0);
	auto_free char *text = json_text_canonical(c);
	assert_non_null(strstr(text, "\"major\":195,\"minor\":1,\"path\":\"/dev/x1\""));
	assert_non_null(strstr(text, "\"access\":\"rw\""));
	assert_null(strstr(text, "X_DEVICES"));
}

static void missing(void **state)
{
	(void)state;
	struct err err;
	auto_json *c = json_object();
	assert_int_equal(apply("x.com/gpu=7", NULL, c, &err), -ENODEV);
	assert_non_null(strstr(err_text(&err), "no device 'x.com/gpu=7' on this host"));
	assert_int_equal(apply("x.com/gp=0", NULL, c, &err), -ENODEV);
	put(second, "broken.yaml", "kind: [");
	assert_int_equal(apply("y.com/gpu=7", NULL, c, &err), -ENODEV);
	assert_non_null(strstr(err_text(&err), "broken.yaml:"));
	assert_int_equal(apply("x.com/gpu=1", NULL, c, &err), 0);
	put(second, "broken.yaml",
	    "kind: x.com/gpu\ndevices: [{name: b, containerEdits: {hooks: [{hookName: never, path: "
	    "/x}]}}, {name: c, containerEdits: {deviceNodes: [{path: /dev/none/such}]}}, 3, {}]\n");
	assert_int_equal(apply("x.com/gpu=b", NULL, c, &err), -EINVAL);
	assert_int_equal(apply("x.com/gpu=c", NULL, c, &err), -ENODEV);
}

static void names(void **state)
{
	(void)state;
	const char *folders[] = {"/tmp/none/such", first, second, NULL};
	auto_strlist all = {0}, none = {0};
	put(second, "broken.yaml", "kind: [");
	uint64_t before = cdi_changes(folders);
	put(second, "z.yaml",
	    "kind: a.com/b\ndevices: [{name: x}, {name: 7}, {name: x}, {name: [1]}, 3]\n");
	assert_true(cdi_changes(folders) != before);
	cdi_names(folders, &all);
	assert_string_equal(all.v[0], "a.com/b=7");
	assert_string_equal(all.v[1], "a.com/b=x");
	assert_true(strlist_has(&all, "x.com/gpu=0") && strlist_has(&all, "x.com/gpu=0:1"));
	for (size_t i = 1; i < all.n; i++)
		assert_true(strcmp(all.v[i - 1], all.v[i]) < 0);
	drop(second, "z.yaml");
	assert_true(cdi_changes(folders) == before);
	cdi_names(folders + 3, &none);
	assert_int_equal(none.n, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(applied),
		cmocka_unit_test(of_another_file),
		cmocka_unit_test(missing),
		cmocka_unit_test(names),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
