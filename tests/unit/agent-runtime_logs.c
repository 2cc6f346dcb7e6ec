/* SPDX-License-Identifier: Apache-2.0
 * Log records, as the shim writes them and as the reader joins them. */
#include "agent/runtime/logline.h"
#include "agent/runtime/shim_log.h"
#include "base/fd.h"
// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
// clang-format on
#include <stdlib.h>

#define TS "2026-01-02T03:04:05.123456789Z"

static char *join(const char *text)
{
	struct str buf = {0}, out = {0};
	struct logline_joiner j = {0};
	struct rt_log_line line;
	size_t used = 0;
	str_add(&buf, text);
	while (logline_next(&j, &buf, &used, &line))
		str_addf(&out, "%d[%.*s]", line.stream, (int)line.len, line.text);
	logline_joiner_done(&j);
	str_done(&buf);
	return str_take(&out);
}

static void expect(const char *text, const char *want)
{
	auto_free char *got = join(text);
	assert_string_equal(got, want);
}

static void test_records(void **state)
{
	(void)state;
	expect("", "");
	expect(TS " stdout F one\n" TS " stderr F two\n", "1[one]2[two]");
	expect(TS " stdout F \n", "1[]");
	expect(TS " stdout P a\n" TS " stderr F x\n" TS " stdout F b\n", "2[x]1[ab]");
	expect(TS " stdout F whole\n" TS " stdout F cut o", "1[whole]");
	expect("garbage\n" TS " stdout F ok\n" TS " stdxxx F no\n" TS " stdout Q no\n\n", "1[ok]");
	expect(TS " stdout F\n" TS " stdout F  x \n", "1[ x ]");
}

static void test_joined_length_is_bounded(void **state)
{
	(void)state;
	struct str buf = {0};
	struct logline_joiner j = {0};
	struct rt_log_line line;
	size_t used = 0, most = 0;
	char text[4001];
	memset(text, 'z', 4000);
	text[4000] = '\0';
	for (int i = 0; i < 600; i++)
		str_addf(&buf, TS " stdout P %s\n", text);
	while (logline_next(&j, &buf, &used, &line))
		most = line.len > most ? line.len : most;
	assert_true(most > 0 && most <= LOGLINE_MAX + 4000);
	logline_joiner_done(&j);
	str_done(&buf);
}

static void test_time(void **state)
{
	(void)state;
	static const struct {
		long long secs;
		const char *text;
	} times[] = {
		{0, "1970-01-01T00:00:00.000000007Z"},
		{951782399, "2000-02-28T23:59:59.000000007Z"},
		{951782400, "2000-02-29T00:00:00.000000007Z"},
		{1767225599, "2025-12-31T23:59:59.000000007Z"},
		{4107542400, "2100-03-01T00:00:00.000000007Z"},
	};
	for (size_t i = 0; i < ARRAY_LEN(times); i++) {
		char text[40];
		struct timespec ts = {.tv_sec = times[i].secs, .tv_nsec = 7};
		*put_time(text, &ts) = '\0';
		assert_string_equal(text, times[i].text);
	}
}

/* The writer's records, over rotations, give the reader the text back. */
static void test_write_and_rotate(void **state)
{
	(void)state;
	char dir[] = "/tmp/carrack-log-XXXXXX";
	assert_non_null(mkdtemp(dir));
	struct sink sink = {.fd = -1, .max_bytes = 2000, .files = 3};
	sink.dir = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	sink_open(&sink, 0);
	struct stream s = {.name = "stdout"};
	int pipe_fds[2];
	assert_int_equal(pipe2(pipe_fds, O_CLOEXEC | O_NONBLOCK), 0);
	s.fd = pipe_fds[0];
	for (int i = 0; i < 100; i++) {
		char text[64];
		int n = snprintf(text, sizeof(text), "line %03d\nand part", i);
		assert_int_equal(write(pipe_fds[1], text, (size_t)n), n);
		stream_read(&s, &sink);
	}
	close(pipe_fds[1]);
	stream_read(&s, &sink);
	assert_int_equal(s.fd, -1);
	stream_finish(&s, &sink);
	auto_free char *newest = xasprintf("%s/log", dir), *oldest = xasprintf("%s/log.2", dir);
	auto_free char *beyond = xasprintf("%s/log.3", dir), *text = NULL;
	assert_true(path_exists(oldest));
	assert_false(path_exists(beyond));
	assert_int_equal(file_read(newest, 4000, &text, NULL, NULL), 0);
	auto_free char *joined = join(text);
	assert_non_null(strstr(joined, "1[and partline 099]1[and part]"));
	close(sink.fd);
	close(sink.dir);
	assert_int_equal(dir_remove(dir, NULL), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_records),
		cmocka_unit_test(test_joined_length_is_bounded),
		cmocka_unit_test(test_time),
		cmocka_unit_test(test_write_and_rotate),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
