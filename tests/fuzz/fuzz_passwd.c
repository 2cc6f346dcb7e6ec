/* SPDX-License-Identifier: Apache-2.0
 * /etc/passwd and /etc/group of a hostile image. Input: who, passwd and group, split by NUL. */
#include "agent/runtime/user.h"

#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str buf = {0};
	str_addn(&buf, data, size);
	str_addn(&buf, "\0\0", 2); /* so that all three are there */
	const char *who = buf.data;
	const char *passwd = who + strlen(who) + 1;
	const char *group = passwd + strlen(passwd) + 1;
	struct rt_user u = {0};
	if (group <= buf.data + buf.len && user_resolve(passwd, group, who, NULL, &u, NULL) == 0) {
		if (!u.home || u.home[0] != '/' || u.n_groups > USER_GROUPS_MAX)
			__builtin_trap();
		user_done(&u);
	}
	str_done(&buf);
	return 0;
}
