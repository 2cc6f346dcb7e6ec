/* SPDX-License-Identifier: Apache-2.0
 * docs/compose.md is what `carrack config --support` prints. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

/* needs the four above, so it stands apart */
#include <cmocka.h>

#include "base/fd.h"
#include "base/mem.h"
#include "cli/cmds.h"
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#define DOC_MAX (1 << 20)

static char *printed_support(void)
{
	char verb[] = "config", flag[] = "--support", *argv[] = {verb, flag, NULL};
	char *text = NULL;
	size_t len;
	int out = dup(STDOUT_FILENO), file = memfd_create("support", MFD_CLOEXEC);
	fflush(stdout);
	dup2(file, STDOUT_FILENO);
	int rc = cmd_config.run(2, argv);
	fflush(stdout);
	dup2(out, STDOUT_FILENO);
	close(out);
	lseek(file, 0, SEEK_SET);
	assert_int_equal(rc, 0);
	assert_int_equal(fd_read_all(file, DOC_MAX, &text, &len, NULL), 0);
	close(file);
	return text;
}

static void document_is_current(void **state)
{
	(void)state;
	auto_free char *doc = NULL;
	size_t len;
	if (file_read("docs/compose.md", DOC_MAX, &doc, &len, NULL) < 0)
		skip(); /* not run from the top folder */
	auto_free char *text = printed_support();
	assert_string_equal(text, doc);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(document_is_current)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
