/* SPDX-License-Identifier: Apache-2.0
 * Log files as a container's output and a full disk may leave them. */
#include "agent/runtime/logline.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str buf = {0};
	struct logline_joiner j = {0};
	struct rt_log_line line;
	size_t used = 0;
	str_addn(&buf, data, size);
	while (logline_next(&j, &buf, &used, &line))
		if (line.stream != 1 && line.stream != 2)
			__builtin_trap();
	if (used > buf.len)
		__builtin_trap();
	logline_joiner_done(&j);
	str_done(&buf);
	return 0;
}
