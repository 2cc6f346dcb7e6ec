/* SPDX-License-Identifier: Apache-2.0
 * The HTTP client against a server that answers by script: redirects, credentials, limits, errors. */
#include "base/http.h"
#include "base/listen.h"
#include "base/loop.h"
// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
// clang-format on
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

/* Two servers that run in a thread: both say what they were asked in `seen`. */
struct servers {
	struct loop *loop;
	struct listener *a, *b;
	struct watch *end;
	int end_pipe[2];
	pthread_t thread;
	struct str seen; /* read once the answer has come */
};

static void respond(struct servers *s, int fd, const char *request)
{
	auto_str out = {0};
	char path[64] = "";
	(void)!sscanf(request, "%*s %63s", path);
	if (!strcmp(path, "/same"))
		str_addf(&out, "HTTP/1.1 307 x\r\nLocation: /end\r\n");
	else if (!strcmp(path, "/other"))
		str_addf(&out, "HTTP/1.1 307 x\r\nLocation: http://127.0.0.1:%u/end\r\n",
			 listener_port(s->b));
	else if (!strcmp(path, "/loop"))
		str_addf(&out, "HTTP/1.1 302 x\r\nLocation: /loop\r\n");
	else if (!strcmp(path, "/file"))
		str_addf(&out, "HTTP/1.1 302 x\r\nLocation: file:///etc/passwd\r\n");
	else if (!strcmp(path, "/error"))
		str_addf(&out, "HTTP/1.1 503 x\r\nContent-Length: 4\r\n\r\nbusy");
	else
		str_addf(&out, "HTTP/1.1 200 OK\r\nX-One: 1\r\nContent-Length: 5\r\n\r\nhello");
	if (!strstr(out.data, "\r\n\r\n"))
		str_add(&out, "Content-Length: 0\r\n\r\n");
	(void)!write(fd, out.data, out.len);
}

static void on_client(int fd, const char *addr, void *arg)
{
	struct servers *s = arg;
	char buf[4096];
	size_t n = 0;
	(void)addr;
	struct pollfd wait = {.fd = fd, .events = POLLIN};
	while (n < sizeof(buf) - 1 && poll(&wait, 1, 2000) == 1) {
		ssize_t r = read(fd, buf + n, sizeof(buf) - 1 - n);
		if (r <= 0)
			break;
		n += (size_t)r;
		buf[n] = 0;
		if (strstr(buf, "\r\n\r\n"))
			break;
	}
	buf[n] = 0;
	str_add(&s->seen, buf);
	respond(s, fd, buf);
	close(fd);
}

static void on_end(int fd, unsigned flags, void *arg)
{
	struct servers *s = arg;
	(void)fd;
	(void)flags;
	loop_stop(s->loop);
}

static void *serve(void *arg)
{
	struct servers *s = arg;
	loop_run(s->loop);
	return NULL;
}

static void servers_open(struct servers *s)
{
	*s = (struct servers){.loop = loop_new()};
	assert_int_equal(listener_open(s->loop, "127.0.0.1", 0, on_client, s, &s->a, NULL), 0);
	assert_int_equal(listener_open(s->loop, "127.0.0.1", 0, on_client, s, &s->b, NULL), 0);
	assert_int_equal(pipe2(s->end_pipe, O_CLOEXEC), 0);
	s->end = watch_fd(s->loop, s->end_pipe[0], WATCH_READ, on_end, s);
	assert_int_equal(pthread_create(&s->thread, NULL, serve, s), 0);
}

/* Ends the servers; what they were asked is left in seen. */
static void servers_end(struct servers *s)
{
	close(s->end_pipe[1]);
	pthread_join(s->thread, NULL);
}

static void servers_free(struct servers *s)
{
	watch_free(s->end);
	close(s->end_pipe[0]);
	listener_free(s->a);
	listener_free(s->b);
	loop_free(s->loop);
	str_done(&s->seen);
}

static int get(struct servers *s, const char *path, struct http_req req, struct http_res *res,
	       struct err *err)
{
	struct http *h = http_new();
	auto_free char *url = xasprintf("http://127.0.0.1:%u%s", listener_port(s->a), path);
	req.url = url;
	req.timeout_ms = 5000;
	int r = http_do(h, &req, res, err);
	http_free(h);
	return r;
}

static int count(const char *text, const char *what)
{
	int n = 0;
	while ((text = strstr(text, what))) {
		text++;
		n++;
	}
	return n;
}

static void test_credentials_stay(void **state)
{
	(void)state;
	static const struct {
		const char *path;
		int asked, secrets;
	} cases[] = {{"/same", 2, 2}, {"/other", 2, 1}};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct servers s;
		struct err err = {0};
		struct http_res res = {0};
		auto_strlist headers = {0};
		strlist_add(&headers, "Authorization: Bearer s3cret");
		servers_open(&s);
		struct http_req req = {.headers = &headers};
		assert_int_equal(get(&s, cases[i].path, req, &res, &err), 0);
		servers_end(&s);
		assert_int_equal(res.status, 200);
		assert_string_equal(res.body.data, "hello");
		assert_string_equal(http_header(&res, "x-one"), "1");
		assert_int_equal(count(s.seen.data, "GET /"), cases[i].asked);
		assert_int_equal(count(s.seen.data, "s3cret"), cases[i].secrets);
		http_res_done(&res);
		servers_free(&s);
	}
}

static void test_basic_stays(void **state)
{
	struct servers s;
	struct err err = {0};
	struct http_res res = {0};
	(void)state;
	servers_open(&s);
	struct http_req req = {.user = "u", .password = "p"};
	assert_int_equal(get(&s, "/other", req, &res, &err), 0);
	servers_end(&s);
	assert_int_equal(count(s.seen.data, "Authorization: Basic"), 1);
	http_res_done(&res);
	servers_free(&s);
}

static int take_two(const void *data, size_t len, void *arg)
{
	struct str *s = arg;
	str_addn(s, data, len);
	return s->len > 100 ? -EIO : 0;
}

static int refuse(const void *data, size_t len, void *arg)
{
	(void)data;
	(void)len;
	(void)arg;
	return -ENOSPC;
}

static void test_bodies(void **state)
{
	struct servers s;
	struct err err = {0};
	struct http_res res = {0};
	auto_str got = {0};
	(void)state;
	servers_open(&s);
	assert_int_equal(get(&s, "/end", (struct http_req){.body_max = 4}, &res, &err), -EFBIG);
	assert_non_null(strstr(err.text, "the answer is too large"));
	http_res_done(&res);
	struct http_req stream = {.on_body = take_two, .arg = &got};
	assert_int_equal(get(&s, "/end", stream, &res, &err), 0);
	assert_string_equal(got.data, "hello");
	assert_int_equal(res.body.len, 0);
	http_res_done(&res);
	assert_int_equal(get(&s, "/error", stream, &res, &err), 0);
	assert_int_equal(res.status, 503);
	assert_string_equal(res.body.data, "busy");
	http_res_done(&res);
	assert_int_equal(get(&s, "/end", (struct http_req){.on_body = refuse}, &res, &err),
			 -ENOSPC);
	http_res_done(&res);
	servers_end(&s);
	servers_free(&s);
}

static void test_redirect_limits(void **state)
{
	struct servers s;
	struct err err = {0};
	struct http_res res = {0};
	(void)state;
	servers_open(&s);
	assert_int_equal(get(&s, "/loop", (struct http_req){0}, &res, &err), -ELOOP);
	http_res_done(&res);
	assert_true(get(&s, "/file", (struct http_req){0}, &res, &err) < 0);
	http_res_done(&res);
	assert_int_equal(get(&s, "/same", (struct http_req){.no_redirects = true}, &res, &err), 0);
	assert_int_equal(res.status, 307);
	assert_string_equal(http_header(&res, "location"), "/end");
	http_res_done(&res);
	servers_end(&s);
	servers_free(&s);
}

static void test_errors(void **state)
{
	struct err err = {0};
	struct http_res res = {0};
	(void)state;
	struct http *h = http_new();
	struct http_req req = {.url = "http://127.0.0.1:1/x", .timeout_ms = 3000};
	assert_int_equal(http_do(h, &req, &res, &err), -ECONNREFUSED);
	assert_non_null(strstr(err.text, "cannot reach 127.0.0.1:1: connection refused"));
	req.url = "file:///etc/passwd";
	assert_int_equal(http_do(h, &req, &res, &err), -EINVAL);
	req.url = "not a url";
	assert_int_equal(http_do(h, &req, &res, &err), -EINVAL);
	assert_true(http_trust(h, "x", "y", &err) < 0);
	assert_true(http_identity(h, "x", "y", &err) < 0);
	http_res_done(&res);
	http_free(h);
	http_free(NULL);
	auto_free char *e = http_escape("a b/é%");
	assert_string_equal(e, "a%20b%2F%C3%A9%25");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_credentials_stay), cmocka_unit_test(test_basic_stays),
		cmocka_unit_test(test_bodies),           cmocka_unit_test(test_redirect_limits),
		cmocka_unit_test(test_errors),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
