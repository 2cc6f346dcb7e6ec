/* SPDX-License-Identifier: Apache-2.0 */
#define FAKE_KEEPS_UPLINK
#include "agent/core/uplink.h"
#include "base/conn.h"
#include "manifests/wire.h"
#include "tests/unit/agent-core_fakes.h"

static struct {
	const struct conn_ops *ops;
	void *arg;
	struct strlist dialled, sent;
	unsigned closed;
	uint64_t idle_ms;
	size_t pending;
	int welcome, assigned, downs;
} net;

struct conn {
	int unused;
};
static struct conn the_conn;

struct conn *conn_dial(struct loop *l, struct tls *tls, const char *host, uint16_t port,
		       const char *path, uint64_t timeout_ms, const struct conn_ops *ops, void *arg)
{
	(void)l;
	(void)tls;
	(void)timeout_ms;
	strlist_addf(&net.dialled, "%s:%u%s", host, port, path);
	net.ops = ops;
	net.arg = arg;
	return &the_conn;
}
void conn_frame(struct conn *c, uint8_t type, const void *data, size_t len)
{
	(void)c;
	strlist_addf(&net.sent, "%u %.*s", type, (int)len, (const char *)data);
}
size_t conn_pending(const struct conn *c)
{
	(void)c;
	return net.pending;
}
void conn_close(struct conn *c)
{
	net.closed += c != NULL;
}
void conn_idle_timeout(struct conn *c, uint64_t ms)
{
	(void)c;
	net.idle_ms = ms;
}

static json_t *on_hello(void *arg)
{
	(void)arg;
	return json_pack("{s:i}", "wire", WIRE_VERSION);
}
static int on_welcome(const json_t *msg, void *arg, struct err *err)
{
	(void)msg;
	(void)arg;
	return net.welcome < 0 ? err_set(err, net.welcome, "too old") : 0;
}
static void on_assign(const json_t *msg, void *arg)
{
	(void)arg;
	net.assigned += (int)json_int(msg, "version", 0);
}
static void on_down(void *arg)
{
	(void)arg;
	net.downs++;
}

static void frame(uint8_t type, const char *text)
{
	net.ops->on_frame(&the_conn, type, text, strlen(text), net.arg);
}

static struct uplink *begin(const struct strlist *addresses)
{
	static const struct uplink_ops ops = {.hello = on_hello,
					      .welcome = on_welcome,
					      .assign = on_assign,
					      .down = on_down};
	memset(&net, 0, sizeof(net));
	struct uplink *u = uplink_new(NULL, addresses, NULL, &ops, NULL);
	fake_advance(0);
	return u;
}

static void end(struct uplink *u, struct strlist *addresses)
{
	uplink_free(u);
	strlist_done(addresses);
	strlist_done(&net.dialled);
	strlist_done(&net.sent);
	fake_done();
}

static void test_talks(void **state)
{
	(void)state;
	struct strlist a = {0};
	strlist_add(&a, "10.0.0.1:7000");
	struct uplink *u = begin(&a);
	assert_string_equal(net.dialled.v[0], "10.0.0.1:7000/v1/agent/stream");
	uplink_send(u, WIRE_REPORT, json_object());
	assert_int_equal(net.sent.n, 0); /* not up */
	net.ops->on_open(&the_conn, net.arg);
	assert_string_equal(net.sent.v[0], "1 {\"wire\":1}");
	frame(WIRE_WELCOME, "{\"epoch\":1,\"heartbeat_ms\":50}");
	fake_advance(100);
	assert_int_equal(net.sent.n, 3);
	assert_string_equal(net.sent.v[2], "2 {}");
	frame(WIRE_ASSIGN, "{\"version\":7}");
	assert_int_equal(net.assigned, 7);
	frame(99, "{}");
	assert_int_equal(net.closed, 0);
	frame(WIRE_HEARTBEAT, "{}");
	assert_true(net.idle_ms > 0);
	frame(WIRE_ASSIGN, "{");
	assert_int_equal(net.closed, 1);
	assert_int_equal(net.downs, 1);
	fake_advance(100);
	assert_int_equal(net.dialled.n, 2);
	end(u, &a);
}

static void test_pauses_grow_in_turn(void **state)
{
	(void)state;
	struct strlist a = {0};
	strlist_add(&a, "10.0.0.1:7000");
	strlist_add(&a, "[fd00::1]:7001");
	struct uplink *u = begin(&a);
	for (int i = 0; i < 40; i++) {
		size_t before = net.dialled.n;
		net.ops->on_close(&the_conn, "refused", net.arg);
		fake_advance(UPLINK_PAUSE_MAX_MS);
		assert_true(net.dialled.n > before);
	}
	assert_non_null(strstr(net.dialled.v[1], "7001"));
	assert_non_null(strstr(net.dialled.v[2], "7000"));
	/* By now the pause is at its longest: never less than half of it. */
	size_t before = net.dialled.n;
	net.ops->on_close(&the_conn, "refused", net.arg);
	fake_advance(UPLINK_PAUSE_MAX_MS / 2 - 1);
	assert_int_equal(net.dialled.n, before);
	assert_int_equal(net.downs, 0);
	end(u, &a);
}

static void test_refuses_old_and_deaf(void **state)
{
	(void)state;
	struct strlist a = {0};
	strlist_add(&a, "c:1");
	struct uplink *u = begin(&a);
	net.ops->on_open(&the_conn, net.arg);
	net.welcome = -ESTALE;
	frame(WIRE_WELCOME, "{\"epoch\":1}");
	assert_int_equal(net.closed, 1);
	assert_false(uplink_up(u));
	fake_advance(200);
	net.ops->on_open(&the_conn, net.arg);
	net.pending = UPLINK_PENDING_MAX + 1;
	uplink_send(u, WIRE_EVENT, json_object());
	assert_int_equal(net.closed, 2);
	end(u, &a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_talks),
		cmocka_unit_test(test_pauses_grow_in_turn),
		cmocka_unit_test(test_refuses_old_and_deaf),
	};
	fake_unused();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
