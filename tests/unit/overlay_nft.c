/* SPDX-License-Identifier: Apache-2.0
 * nftables on a host that has thousands of descriptors open: libnftables waits with select(2). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

/* needs the four above, so it stands apart */
#include <cmocka.h>

#include "base/mem.h"
#include "base/str.h"
#include "overlay/nft.h"
#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <unistd.h>

#define MANY (FD_SETSIZE + 200)

static void many_descriptors(void **state)
{
	static int many[MANY];
	struct rlimit files;
	struct err err = {0};
	struct nft *first = NULL, *second = NULL;
	auto_str out = {0};
	(void)state;
	if (unshare(CLONE_NEWNET) < 0)
		skip();
	getrlimit(RLIMIT_NOFILE, &files);
	files.rlim_cur = files.rlim_max;
	setrlimit(RLIMIT_NOFILE, &files);
	nft_keep_room();
	for (size_t i = 0; i < MANY; i++) {
		many[i] = open("/dev/null", O_RDONLY | O_CLOEXEC);
		assert_true(many[i] >= 0);
	}
	for (size_t i = 0; i < 20; i++) { /* what is given back is there for the next one */
		assert_int_equal(nft_open(&first, &err), 0);
		assert_int_equal(nft_open(&second, &err), 0);
		assert_int_equal(nft_run(first, "add table ip a", &err), 0);
		assert_int_equal(nft_list(second, "list tables", &out, &err), 0);
		assert_non_null(strstr(out.data, "table ip a"));
		nft_close(first);
		nft_close(second);
	}
	for (size_t i = 0; i < MANY; i++)
		close(many[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(many_descriptors)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
