/* SPDX-License-Identifier: Apache-2.0
 * One write(2) for each line, so that lines of several processes do not mix. */
#include "base/log.h"
#include "base/str.h"

#include <stdarg.h>
#include <stdio.h>
#include <time.h>

static enum log_level threshold = LOG_INFO;

void log_set_level(enum log_level level)
{
	threshold = level;
}

void log_at(enum log_level level, const char *area, const char *fmt, ...)
{
	static const char *const names[] = {"error", "warn", "info", "debug"};
	if (level > threshold)
		return;
	char text[2048];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	struct timespec now;
	clock_gettime(CLOCK_REALTIME, &now);
	struct tm tm;
	gmtime_r(&now.tv_sec, &tm);
	char when[32];
	strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%S", &tm);
	auto_str line = {0};
	str_addf(&line, "%s.%03ldZ %s %s: %s\n", when, now.tv_nsec / 1000000, names[level], area,
		 text);
	if (write(STDERR_FILENO, line.data, line.len) < 0)
		return; /* nowhere left to say it */
}
