/* SPDX-License-Identifier: Apache-2.0
 * Log records; see logline.h. */
#include "agent/runtime/logline.h"

#include <string.h>

#define TS_LEN    30 /* 2026-01-02T03:04:05.123456789Z */
#define STREAM_AT (TS_LEN + 1)
#define TAG_AT    (STREAM_AT + 7)
#define TEXT_AT   (TAG_AT + 2)

struct record {
	const char *ts, *text;
	size_t len;
	int stream; /* 1 or 2 */
	bool partial;
};

static bool record_parse(const char *line, size_t len, struct record *out)
{
	if (len < TEXT_AT || line[10] != 'T' || line[TS_LEN - 1] != 'Z' || line[TS_LEN] != ' ' ||
	    line[TAG_AT - 1] != ' ' || line[TAG_AT + 1] != ' ')
		return false;
	bool first = memcmp(line + STREAM_AT, "stdout", 6) == 0;
	if (!first && memcmp(line + STREAM_AT, "stderr", 6) != 0)
		return false;
	if (line[TAG_AT] != 'F' && line[TAG_AT] != 'P')
		return false;
	*out = (struct record){
		.ts = line,
		.text = line + TEXT_AT,
		.len = len - TEXT_AT,
		.stream = first ? 1 : 2,
		.partial = line[TAG_AT] == 'P',
	};
	return true;
}

bool logline_next(struct logline_joiner *j, const struct str *buf, size_t *used,
		  struct rt_log_line *line)
{
	for (;;) {
		const char *at = buf->data + *used;
		const char *nl = *used < buf->len ? memchr(at, '\n', buf->len - *used) : NULL;
		struct record rec;
		if (!nl)
			return false;
		*used += (size_t)(nl - at) + 1;
		if (!record_parse(at, (size_t)(nl - at), &rec))
			continue;
		struct str *part = &j->part[rec.stream - 1];
		if (rec.partial && part->len + rec.len < LOGLINE_MAX) {
			str_addn(part, rec.text, rec.len);
			continue;
		}
		str_clear(&j->whole);
		str_addn(&j->whole, part->data ?: "", part->len);
		str_addn(&j->whole, rec.text, rec.len);
		str_clear(part);
		memcpy(j->ts, rec.ts, TS_LEN);
		j->ts[TS_LEN] = '\0';
		*line = (struct rt_log_line){
			.ts = j->ts,
			.stream = rec.stream,
			.text = j->whole.data,
			.len = j->whole.len,
		};
		return true;
	}
}

void logline_joiner_done(struct logline_joiner *j)
{
	str_done(&j->part[0]);
	str_done(&j->part[1]);
	str_done(&j->whole);
}
