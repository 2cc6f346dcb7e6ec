/* SPDX-License-Identifier: Apache-2.0
 * Names of signals. */
#include "agent/runtime/internal.h"
#include "base/num.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

static bool realtime(const char *name, int *ret)
{
	int64_t n = 0;
	bool min = strncasecmp(name, "RTMIN", 5) == 0, max = strncasecmp(name, "RTMAX", 5) == 0;
	if (!min && !max)
		return false;
	const char *rest = name + 5;
	if (*rest && (*rest != (min ? '+' : '-') || !num_parse_i64(rest + 1, 0, 30, &n)))
		return false;
	*ret = min ? SIGRTMIN + (int)n : SIGRTMAX - (int)n;
	return true;
}

int signal_parse(const char *name, int *ret, struct err *err)
{
	int64_t number;
	if (!name || !*name)
		name = "TERM";
	if (num_parse_i64(name, 1, NSIG - 1, &number)) {
		*ret = (int)number;
		return 0;
	}
	const char *plain = strncasecmp(name, "SIG", 3) == 0 ? name + 3 : name;
	if (realtime(plain, ret))
		return 0;
	for (int i = 1; i < SIGRTMIN; i++) {
		const char *known = sigabbrev_np(i);
		if (!known || strcasecmp(known, plain) != 0)
			continue;
		*ret = i;
		return 0;
	}
	return err_set(err, -EINVAL, "unknown signal '%s': use a name like SIGTERM or a number",
		       name);
}
