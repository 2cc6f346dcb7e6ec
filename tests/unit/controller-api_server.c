/* SPDX-License-Identifier: Apache-2.0
 * The controller whole, in a child process on loopback: joining, roles, stacks that survive kill -9,
 * events, and what is refused. */
#include "base/conn.h"
#include "base/fd.h"
#include "base/http.h"
#include "base/loop.h"
#include "base/tls.h"
#include "controller/api/server.h"
#include "controller/core/sealing.h"
#include "controller/store/store.h"
#include "manifests/jointoken.h"
#include "manifests/wire.h"
// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
// clang-format on
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>

struct fixture {
	char dir[64];
	pid_t pid;
	uint16_t port;
	char *ca, *cert, *key; /* the operator's */
	struct http *http;
};

static void on_term(int signo, void *arg)
{
	(void)signo;
	loop_stop(arg);
}

/* The child's life: a controller that tells its port through the pipe. */
static void serve(const char *dir, uint16_t port, int fd)
{
	auto_free char *listen = xasprintf("127.0.0.1:%u", port);
	struct server_config c = {.data_dir = dir, .listen = listen};
	struct loop *l = loop_new();
	struct watch *w = watch_signal(l, SIGTERM, on_term, l);
	struct server *s = NULL;
	struct err err = {0};

	signal(SIGPIPE, SIG_IGN);
	if (server_new(l, &c, &s, &err)) {
		fprintf(stderr, "%s\n", err_text(&err));
		_exit(1);
	}
	port = server_port(s);
	if (write(fd, &port, sizeof(port)) != sizeof(port))
		_exit(1);
	loop_run(l);
	server_free(s);
	watch_free(w);
	loop_free(l);
	/* Not _exit: the sanitizer looks for leaks. */
	exit(0);
}

static void start(struct fixture *f)
{
	int fds[2];

	assert_int_equal(pipe(fds), 0);
	fflush(NULL);
	f->pid = fork();
	if (f->pid == 0) {
		close(fds[0]);
		serve(f->dir, f->port, fds[1]);
	}
	close(fds[1]);
	assert_int_equal(read(fds[0], &f->port, sizeof(f->port)), sizeof(f->port));
	close(fds[0]);
}

static void stop(struct fixture *f)
{
	kill(f->pid, SIGKILL);
	waitpid(f->pid, NULL, 0);
}

static struct http *client(const char *ca, const char *key, const char *cert)
{
	struct http *h = http_new();

	assert_int_equal(http_trust(h, ca, TLS_CONTROLLER_NAME, NULL), 0);
	if (key)
		assert_int_equal(http_identity(h, key, cert, NULL), 0);
	return h;
}

static int setup(void **state)
{
	struct fixture *f = xcalloc(1, sizeof(*f));
	auto_free char *path = NULL;
	auto_json *j = NULL;

	strcpy(f->dir, "/tmp/carrack-api.XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	start(f);
	path = xasprintf("%s/operator.json", f->dir);
	j = json_parse_file(path, NULL);
	assert_non_null(j);
	f->ca = xstrdup(json_str(j, "ca"));
	f->cert = xstrdup(json_str(j, "cert"));
	f->key = xstrdup(json_str(j, "key"));
	f->http = client(f->ca, f->key, f->cert);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	int status = 0;

	kill(f->pid, SIGTERM);
	assert_int_equal(waitpid(f->pid, &status, 0), f->pid);
	assert_int_equal(status, 0);
	http_free(f->http);
	assert_int_equal(dir_remove(f->dir, NULL), 0);
	free(f->ca);
	free(f->cert);
	free(f->key);
	free(f);
	return 0;
}

/* The status, with the answer in *ret (may be NULL). */
static int ask(const struct fixture *f, struct http *h, const char *method, const char *path,
	       const char *body, json_t **ret)
{
	auto_free char *url = xasprintf("https://127.0.0.1:%u%s", f->port, path);
	struct http_req req = {.method = method,
			       .url = url,
			       .body = body,
			       .body_len = body ? strlen(body) : 0,
			       .timeout_ms = 10000};
	struct http_res res = {0};
	struct err err = {0};
	int status;

	if (http_do(h, &req, &res, &err))
		fail_msg("%s %s: %s", method, path, err.text);
	status = (int)res.status;
	if (ret)
		*ret = json_parse(res.body.data, res.body.len, NULL);
	http_res_done(&res);
	return status;
}

static void new_token(const struct fixture *f, const char *options, struct jointoken *ret)
{
	auto_json *answer = NULL;

	assert_int_equal(ask(f, f->http, "POST", "/v1/tokens", options, &answer), 201);
	assert_int_equal(jointoken_parse(json_str(answer, "token"), ret, NULL), 0);
}

struct agent {
	char *key, *cert, *node_id;
	struct http *http;
};

static void agent_done(struct agent *a)
{
	free(a->key);
	free(a->cert);
	free(a->node_id);
	http_free(a->http);
}

/* Joins; the status, and on 200 who the agent is now (ret may be NULL). */
static int join(const struct fixture *f, const struct jointoken *t, const char *name,
		struct agent *ret)
{
	struct http *anyone = client(f->ca, NULL, NULL);
	auto_free char *key = NULL, *csr = NULL, *text = NULL;
	auto_json *body = json_object(), *answer = NULL;
	int status;

	assert_int_equal(tls_key_and_csr("carrack:operator", "liar", &key, &csr, NULL), 0);
	json_put_str(body, "id", t->id);
	json_put_str(body, "secret", t->secret);
	json_put_str(body, "csr", csr);
	json_put_str(body, "name", name);
	text = json_text(body);
	status = ask(f, anyone, "POST", "/v1/join", text, &answer);
	http_free(anyone);
	if (status == 200 && ret) {
		ret->cert = xstrdup(json_str(answer, "cert"));
		ret->node_id = xstrdup(json_str(answer, "node_id"));
		ret->key = take_ptr(key);
		ret->http = client(json_str(answer, "ca"), ret->key, ret->cert);
	}
	return status;
}

static void test_public(void **state)
{
	struct fixture *f = *state;
	struct http *anyone = client(f->ca, NULL, NULL);
	auto_json *version = NULL, *ca = NULL, *refused = NULL;

	assert_int_equal(ask(f, anyone, "GET", "/v1/version", NULL, &version), 200);
	assert_string_equal(json_str(version, "version"), CARRACK_VERSION);
	assert_int_equal(ask(f, anyone, "GET", "/v1/ca", NULL, &ca), 200);
	assert_string_equal(json_str(ca, "ca"), f->ca);
	assert_int_equal(ask(f, anyone, "GET", "/v1/stacks", NULL, &refused), 401);
	assert_non_null(json_str(refused, "error"));
	assert_int_equal(ask(f, anyone, "POST", "/v1/tokens", "{}", NULL), 401);
	http_free(anyone);
}

static void test_join(void **state)
{
	struct fixture *f = *state;
	struct jointoken t = {0}, wrong;
	struct agent agent = {0};
	auto_json *nodes = NULL;

	new_token(f, "{}", &t);
	assert_int_equal(join(f, &t, "Host1", &agent), 200);
	assert_int_equal(ask(f, f->http, "GET", "/v1/nodes", NULL, &nodes), 200);
	assert_int_equal(json_array_size(nodes), 1);
	assert_string_equal(json_str(json_array_get(nodes, 0), "name"), "host1");
	/* The certificate is an agent's, whatever the request said. */
	assert_int_equal(ask(f, agent.http, "GET", "/v1/stacks", NULL, NULL), 403);
	assert_int_equal(ask(f, agent.http, "POST", "/v1/agent/stream", NULL, NULL), 426);
	assert_int_equal(ask(f, agent.http, "POST", "/v1/agent/renew", "{}", NULL), 400);
	agent_done(&agent);
	assert_int_equal(join(f, &t, "bad name!", NULL), 400);
	wrong = t;
	wrong.secret[0] = wrong.secret[0] == '0' ? '1' : '0';
	assert_int_equal(join(f, &wrong, "host2", NULL), 403);
	jointoken_done(&t);
}

static void test_renew(void **state)
{
	struct fixture *f = *state;
	auto_free char *key = NULL, *csr = NULL, *text = NULL;
	auto_json *body = json_object(), *answer = NULL;
	struct jointoken t = {0};
	struct agent agent = {0};
	struct http *renewed;

	new_token(f, "{}", &t);
	assert_int_equal(join(f, &t, "host1", &agent), 200);
	assert_int_equal(tls_key_and_csr("x", "y", &key, &csr, NULL), 0);
	json_put_str(body, "csr", csr);
	text = json_text(body);
	assert_int_equal(ask(f, agent.http, "POST", "/v1/agent/renew", text, &answer), 200);
	renewed = client(f->ca, key, json_str(answer, "cert"));
	assert_int_equal(ask(f, renewed, "POST", "/v1/agent/stream", NULL, NULL), 426);
	http_free(renewed);
	agent_done(&agent);
	jointoken_done(&t);
}

static void test_once_and_removed(void **state)
{
	struct fixture *f = *state;
	struct jointoken once = {0}, many = {0};
	auto_json *tokens = NULL;
	auto_free char *path = NULL;

	new_token(f, "{\"once\":true}", &once);
	new_token(f, "{\"ttl_ms\":60000}", &many);
	assert_int_equal(join(f, &once, "a", NULL), 200);
	assert_int_equal(join(f, &once, "b", NULL), 403);
	assert_int_equal(join(f, &many, "c", NULL), 200);
	/* Tokens outlive the controller; used ones stay used. */
	stop(f);
	start(f);
	assert_int_equal(join(f, &once, "d", NULL), 403);
	assert_int_equal(join(f, &many, "e", NULL), 200);
	assert_int_equal(ask(f, f->http, "GET", "/v1/tokens", NULL, &tokens), 200);
	assert_int_equal(json_array_size(tokens), 1);
	path = xasprintf("/v1/tokens/%s", many.id);
	assert_int_equal(ask(f, f->http, "DELETE", path, NULL, NULL), 200);
	assert_int_equal(ask(f, f->http, "DELETE", path, NULL, NULL), 404);
	assert_int_equal(join(f, &many, "f", NULL), 403);
	assert_int_equal(ask(f, f->http, "POST", "/v1/tokens", "{\"ttl_ms\":1}", NULL), 400);
	jointoken_done(&once);
	jointoken_done(&many);
}

static void test_guessing_is_slowed(void **state)
{
	struct fixture *f = *state;
	struct jointoken t = {0};
	int refused = 0, limited = 0;

	new_token(f, "{}", &t);
	t.secret[0] = t.secret[0] == '0' ? '1' : '0';
	for (int i = 0; i < 30; i++) {
		int status = join(f, &t, "x", NULL);

		refused += status == 403;
		limited += status == 429;
	}
	assert_int_equal(refused + limited, 30);
	assert_true(refused >= 10 && limited > 0);
	jointoken_done(&t);
}

static const char stack[] =
	"{\"name\":\"s\",\"services\":{\"web\":{\"image\":\"busybox\",\"networks\":{\"default\":{}}"
	","
	"\"deploy\":{\"replicas\":2}}},\"networks\":{\"default\":{\"name\":\"s_default\"}}}";

static void test_stack_survives_kill(void **state)
{
	struct fixture *f = *state;
	auto_json *answer = NULL, *again = NULL, *tasks = NULL, *one = NULL;

	assert_int_equal(ask(f, f->http, "PUT", "/v1/stacks/s", stack, &answer), 200);
	assert_true(json_bool(answer, "changed", false));
	stop(f);
	start(f);
	assert_int_equal(ask(f, f->http, "PUT", "/v1/stacks/s", stack, &again), 200);
	assert_false(json_bool(again, "changed", true));
	assert_int_equal(ask(f, f->http, "GET", "/v1/tasks?stack=s", NULL, &tasks), 200);
	assert_int_equal(json_array_size(tasks), 2);
	assert_string_equal(json_str(json_array_get(tasks, 0), "state"), "pending");
	assert_int_equal(ask(f, f->http, "GET", "/v1/tasks/s_web.1", NULL, &one), 200);
	assert_int_equal(ask(f, f->http, "POST", "/v1/stacks/s/services/web/scale",
			     "{\"replicas\":5}", NULL),
			 200);
	assert_int_equal(ask(f, f->http, "DELETE", "/v1/stacks/s", NULL, NULL), 202);
	assert_int_equal(ask(f, f->http, "GET", "/v1/stacks/s", NULL, NULL), 404);
	assert_int_equal(ask(f, f->http, "DELETE", "/v1/stacks/s", NULL, NULL), 404);
}

static char *token_body(const json_t *keys, const char *value)
{
	size_t n = 0;
	auto_free unsigned char *pub = crypto_unbase64(json_str(keys, "public_key"), &n);
	auto_free unsigned char *naming = crypto_unbase64(json_str(keys, "naming_key"), &n);
	const struct sealed_id id = {.name = "token"};
	char version[SEALED_VERSION + 1];
	struct sealed s;
	auto_json *body = json_object();

	sealed_version(naming, id, value, strlen(value), version);
	sealed_make(pub, id, version, value, strlen(value), &s);
	json_object_set_new(body, "sealed", sealed_json(&s));
	sealed_done(&s);
	return json_text(body);
}

/* What is in the store can be opened with what is in the file, and with nothing that was there before. */
static void stored_value(const struct fixture *f, const char *version, const char *want)
{
	auto_free char *path = xasprintf("%s/carrack.db", f->dir);
	auto_free char *key = xasprintf("sealed/%s", version), *row = NULL;
	struct sealing *s = NULL;
	struct store *store = NULL;
	struct sealed v;
	char *value = NULL;
	size_t n = 0;

	assert_int_equal(store_open(path, &store, NULL), 0);
	assert_int_equal(store_get(store, key, &row, NULL, NULL), 0);
	assert_null(strstr(row, want));
	auto_json *j = json_parse(row, strlen(row), NULL);
	assert_int_equal(sealed_parse(j, &v, NULL), 0);
	assert_int_equal(sealing_open(f->dir, false, &s, NULL), 0);
	assert_false(s->rotating);
	assert_int_equal(sealed_open(&v, &s->now, &value, &n, NULL), 0);
	assert_string_equal(value, want);
	free(value);
	sealed_done(&v);
	sealing_free(s);
	store_close(store);
}

static void test_secrets(void **state)
{
	struct fixture *f = *state;
	auto_json *keys = NULL, *next = NULL, *list = NULL, *one = NULL;

	assert_int_equal(ask(f, f->http, "GET", "/v1/sealing", NULL, &keys), 200);
	auto_free char *body = token_body(keys, "PLAINTEXT");
	assert_int_equal(ask(f, f->http, "PUT", "/v1/secrets/token", body, NULL), 201);
	assert_int_equal(ask(f, f->http, "PUT", "/v1/secrets/token", body, NULL), 409);
	assert_int_equal(ask(f, f->http, "PUT", "/v1/secrets/other", body, NULL), 400);
	assert_int_equal(ask(f, f->http, "PUT", "/v1/configs/token", body, NULL), 400);
	auto_json *sealed = json_parse(body, strlen(body), NULL);
	auto_free char *bare = json_text(json_object_get(sealed, "sealed"));
	assert_int_equal(ask(f, f->http, "PUT", "/v1/sealed/0123", bare, NULL), 400);
	/* Killed in the middle of a rotation: the next start ends it. */
	assert_int_equal(ask(f, f->http, "POST", "/v1/sealing/rotate", NULL, NULL), 200);
	stop(f);
	auto_free char *path = xasprintf("%s/" SEALING_FILE, f->dir);
	auto_json *file = json_parse_file(path, NULL);
	json_t *pairs = json_object_get(file, "keys");
	assert_int_equal(json_array_size(pairs), 1);
	struct sealing *s = NULL;
	assert_int_equal(sealing_open(f->dir, false, &s, NULL), 0);
	assert_int_equal(sealing_rotate(s, NULL), 0);
	sealing_free(s);
	start(f);
	assert_int_equal(ask(f, f->http, "GET", "/v1/sealing", NULL, &next), 200);
	assert_string_not_equal(json_str(keys, "public_key"), json_str(next, "public_key"));
	assert_string_equal(json_str(keys, "naming_key"), json_str(next, "naming_key"));
	auto_json *ended = json_parse_file(path, NULL);
	assert_int_equal(json_array_size(json_object_get(ended, "keys")), 1);
	stop(f);
	stored_value(f, json_str(json_object_get(sealed, "sealed"), "version"), "PLAINTEXT");
	start(f);
	assert_int_equal(ask(f, f->http, "GET", "/v1/secrets", NULL, &list), 200);
	assert_int_equal(json_array_size(list), 1);
	assert_int_equal(ask(f, f->http, "GET", "/v1/secrets/token", NULL, &one), 200);
	assert_int_equal(json_int(one, "size", 0), strlen("PLAINTEXT"));
	assert_null(json_object_get(one, "data"));
	/* Sealed to a key that is gone. */
	auto_free char *late = token_body(keys, "late");
	assert_int_equal(ask(f, f->http, "PUT", "/v1/secrets/token?", late, NULL), 409);
	assert_int_equal(ask(f, f->http, "DELETE", "/v1/secrets/token", NULL, NULL), 200);
	assert_int_equal(ask(f, f->http, "PUT", "/v1/secrets/token", late, NULL), 400);
	assert_int_equal(ask(f, f->http, "GET", "/v1/secrets/token", NULL, NULL), 404);
}

#define PLANNED                                                                                    \
	"{\"name\":\"shop\",\"services\":{\"web\":{\"image\":\"a\",\"networks\":{\"default\":{}}}" \
	"},"                                                                                       \
	"\"networks\":{\"default\":{\"name\":\"shop_default\"}}}"

static void test_plan(void **state)
{
	struct fixture *f = *state;
	auto_json *plan = NULL, *again = NULL, *refused = NULL, *done = NULL, *there = NULL;
	auto_json *request =
		json_pack("{s:o}", "stack", json_parse(PLANNED, strlen(PLANNED), NULL));
	auto_free char *text = json_text(request), *with = NULL;

	assert_int_equal(ask(f, f->http, "POST", "/v1/stacks/shop/plan", text, &plan), 200);
	assert_string_equal(json_str(plan, "action"), "create");
	assert_int_equal(ask(f, f->http, "GET", "/v1/stacks/shop", NULL, NULL), 404);
	assert_int_equal(ask(f, f->http, "POST", "/v1/stacks/shop/apply", text, NULL), 400);
	json_object_set(request, "plan", plan);
	with = json_text(request);
	assert_int_equal(ask(f, f->http, "POST", "/v1/stacks/shop/apply", with, &done), 200);
	assert_string_equal(json_string_value(json_array_get(json_object_get(done, "created"), 0)),
			    "web");
	assert_int_equal(ask(f, f->http, "GET", "/v1/stacks/shop", NULL, &there), 200);
	assert_int_equal(json_int(there, "revision", 0), 1);
	/* The second time the stack is there already. */
	assert_int_equal(ask(f, f->http, "POST", "/v1/stacks/shop/apply", with, &refused), 409);
	assert_non_null(strstr(json_str(refused, "error"), "was not there when this plan"));
	assert_int_equal(ask(f, f->http, "POST", "/v1/stacks/shop/plan", text, &again), 200);
	assert_false(json_bool(again, "changed", true));
	assert_int_equal(ask(f, f->http, "POST", "/v1/stacks/none/plan", "{\"remove\":true}", NULL),
			 404);
	assert_int_equal(ask(f, f->http, "POST", "/v1/stacks/none/plan", "{}", NULL), 400);
	assert_int_equal(ask(f, f->http, "POST", "/v1/stacks/other/plan", text, NULL), 400);
}

static void test_refused_bodies(void **state)
{
	struct fixture *f = *state;
	static const char *const bad[] = {"",
					  "[]",
					  "{",
					  "nul",
					  "{\"name\":\"other\"}",
					  "{\"services\":7}",
					  "{\"a\":1,\"a\":2}"};
	auto_json *stacks = NULL;

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		auto_json *answer = NULL;

		assert_int_equal(ask(f, f->http, "PUT", "/v1/stacks/s", bad[i], &answer), 400);
		assert_non_null(json_str(answer, "error"));
	}
	assert_int_equal(ask(f, f->http, "PUT", "/v1/stacks/UPPER", stack, NULL), 400);
	assert_int_equal(ask(f, f->http, "POST", "/v1/stacks/s/services/web/scale",
			     "{\"replicas\":-1}", NULL),
			 400);
	assert_int_equal(ask(f, f->http, "POST", "/v1/stacks/s/services/web/scale",
			     "{\"replicas\":1}", NULL),
			 404);
	assert_int_equal(ask(f, f->http, "PATCH", "/v1/nodes/x/labels", "{\"labels\":{\"a\":1}}",
			     NULL),
			 400);
	assert_int_equal(ask(f, f->http, "DELETE", "/v1/nodes/x", NULL, NULL), 404);
	assert_int_equal(ask(f, f->http, "GET", "/v1/events?since=x", NULL, NULL), 400);
	assert_int_equal(ask(f, f->http, "GET", "/v1/stacks", NULL, &stacks), 200);
	assert_int_equal(json_array_size(stacks), 0);
}

static void test_events(void **state)
{
	struct fixture *f = *state;
	auto_json *all = NULL, *later = NULL;
	auto_free char *path = NULL;
	int64_t last;

	assert_int_equal(ask(f, f->http, "PUT", "/v1/stacks/s", stack, NULL), 200);
	assert_int_equal(ask(f, f->http, "GET", "/v1/events", NULL, &all), 200);
	assert_true(json_array_size(json_object_get(all, "events")) > 0);
	last = json_int(all, "last", 0);
	path = xasprintf("/v1/events?since=%lld", (long long)last);
	assert_int_equal(ask(f, f->http, "GET", path, NULL, &later), 200);
	assert_int_equal(json_array_size(json_object_get(later, "events")), 0);
}

/* A fake agent and an operator's session on one loop: the agent says hello, is assigned the tasks, is
 * told of the session, dials back, answers what it gets and ends. */
struct play {
	struct loop *loop;
	const struct fixture *f;
	struct tls *agent_tls, *operator_tls;
	struct conn *stream, *back, *session;
	bool welcomed, assigned, echoed, agent_ended;
	char *task;  /* of the assignment */
	char *ended; /* why the operator's end closed */
};

static void play_stop(void *arg)
{
	struct play *p = arg;

	loop_stop(p->loop);
}

static void back_frame(struct conn *c, uint8_t type, const void *data, size_t len, void *arg)
{
	(void)arg;
	assert_int_equal(type, SESSION_STDIN);
	conn_frame(c, SESSION_STDOUT, data, len);
	conn_flush_close(c);
}

static void back_close(struct conn *c, const char *why, void *arg)
{
	struct play *p = arg;

	(void)c, (void)why;
	p->agent_ended = true;
}

static void session_open(struct conn *c, void *arg)
{
	(void)arg;
	conn_frame(c, SESSION_STDIN, "hello", 5);
}

static void session_frame(struct conn *c, uint8_t type, const void *data, size_t len, void *arg)
{
	struct play *p = arg;

	(void)c;
	p->echoed = type == SESSION_STDOUT && len == 5 && memcmp(data, "hello", 5) == 0;
}

static void session_close(struct conn *c, const char *why, void *arg)
{
	struct play *p = arg;

	(void)c;
	p->ended = xstrdup(why);
	loop_stop(p->loop);
}

static void begin_session(struct play *p)
{
	static const struct conn_ops ops = {.on_open = session_open,
					    .on_frame = session_frame,
					    .on_close = session_close};
	auto_free char *path =
		xasprintf("/v1/tasks/%s/exec?options=%%7B%%22cmd%%22%%3A%%5B%%22x%%22"
			  "%%5D%%7D",
			  p->task);

	p->session =
		conn_dial(p->loop, p->operator_tls, "127.0.0.1", p->f->port, path, 5000, &ops, p);
}

static void told_session(struct play *p, const json_t *msg)
{
	static const struct conn_ops ops = {.on_frame = back_frame, .on_close = back_close};
	auto_free char *path = xasprintf("/v1/agent/session/%s", json_str(msg, "session"));

	assert_string_equal(json_str(msg, "kind"), "exec");
	assert_string_equal(json_str(msg, "task"), p->task);
	assert_int_equal(json_array_size(json_object_get(msg, "cmd")), 1);
	p->back = conn_dial(p->loop, p->agent_tls, "127.0.0.1", p->f->port, path, 5000, &ops, p);
}

static void told_assign(struct play *p, const json_t *msg)
{
	const json_t *it;
	size_t i;

	json_array_foreach(json_object_get(msg, "set"), i,
			   it) if (streq(json_str(it, "kind"), "task") && !p->task) p->task =
		xstrdup(json_str(it, "id"));
	if (p->task && !p->assigned) {
		p->assigned = true;
		begin_session(p);
	}
}

static void stream_frame(struct conn *c, uint8_t type, const void *data, size_t len, void *arg)
{
	struct play *p = arg;
	auto_json *msg = len ? json_parse(data, len, NULL) : NULL;

	(void)c;
	if (type == WIRE_WELCOME)
		p->welcomed = true;
	else if (type == WIRE_ASSIGN)
		told_assign(p, msg);
	else if (type == WIRE_SESSION)
		told_session(p, msg);
}

static void stream_close(struct conn *c, const char *why, void *arg)
{
	(void)c, (void)arg;
	fail_msg("the stream was closed: %s", why);
}

static void stream_open(struct conn *c, void *arg)
{
	static const char hello[] =
		"{\"wire\":1,\"version\":0,\"node\":{\"name\":\"host1\",\"address\":\"10.0.0.1\","
		"\"os\":\"linux\",\"arch\":\"amd64\",\"cpus\":2,\"memory\":1000000000}}";

	(void)arg;
	conn_frame(c, WIRE_HELLO, hello, strlen(hello));
	conn_frame(c, WIRE_REPORT, "{\"tasks\":[]}", 12);
}

static void test_stream_and_session(void **state)
{
	static const struct conn_ops ops = {.on_open = stream_open,
					    .on_frame = stream_frame,
					    .on_close = stream_close};
	struct fixture *f = *state;
	struct play p = {.f = f};
	struct jointoken t = {0};
	struct agent agent = {0};
	struct timer *limit;

	new_token(f, "{}", &t);
	assert_int_equal(join(f, &t, "host1", &agent), 200);
	assert_int_equal(ask(f, f->http, "PUT", "/v1/stacks/s", stack, NULL), 200);
	p.loop = loop_new();
	p.agent_tls = tls_client(agent.key, agent.cert, f->ca, NULL);
	p.operator_tls = tls_client(f->key, f->cert, f->ca, NULL);
	limit = timer_new(p.loop, play_stop, &p);
	timer_set(limit, 10000);
	p.stream = conn_dial(p.loop, p.agent_tls, "127.0.0.1", f->port, "/v1/agent/stream", 5000,
			     &ops, &p);
	loop_run(p.loop);
	assert_true(p.welcomed);
	assert_true(p.assigned);
	assert_true(p.echoed);
	assert_non_null(p.ended);
	timer_free(limit);
	conn_close(p.stream);
	tls_free(p.agent_tls);
	tls_free(p.operator_tls);
	loop_free(p.loop);
	free(p.task);
	free(p.ended);
	agent_done(&agent);
	jointoken_done(&t);
}

static void test_second_controller(void **state)
{
	struct fixture *f = *state;
	struct server_config c = {.data_dir = f->dir, .listen = "127.0.0.1:0"};
	struct loop *l = loop_new();
	struct server *s = NULL;
	struct err err = {0};

	assert_int_equal(server_new(l, &c, &s, &err), -EBUSY);
	assert_non_null(strstr(err.text, "another controller"));
	loop_free(l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_public, setup, teardown),
		cmocka_unit_test_setup_teardown(test_join, setup, teardown),
		cmocka_unit_test_setup_teardown(test_renew, setup, teardown),
		cmocka_unit_test_setup_teardown(test_once_and_removed, setup, teardown),
		cmocka_unit_test_setup_teardown(test_guessing_is_slowed, setup, teardown),
		cmocka_unit_test_setup_teardown(test_stack_survives_kill, setup, teardown),
		cmocka_unit_test_setup_teardown(test_secrets, setup, teardown),
		cmocka_unit_test_setup_teardown(test_plan, setup, teardown),
		cmocka_unit_test_setup_teardown(test_refused_bodies, setup, teardown),
		cmocka_unit_test_setup_teardown(test_events, setup, teardown),
		cmocka_unit_test_setup_teardown(test_stream_and_session, setup, teardown),
		cmocka_unit_test_setup_teardown(test_second_controller, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
