/* SPDX-License-Identifier: Apache-2.0
 * Configs and secrets in the core: which node is handed what and can open it, what is kept and for how
 * long, those made by themselves, and the cluster's key. */
#include "base/fd.h"
#include "base/num.h"
#include "controller/core/plan.h"
#include "controller/core/sealing.h"
#include "controller/core/secrets.h"
#include "tests/unit/cluster_driver.h"

#include <sys/stat.h>
#include <unistd.h>

struct fixture {
	struct driver d;
	struct sealing keys;
	struct crypto_pair nodes[3];
};

static void hello(struct fixture *f, int i)
{
	char hex[2 * CRYPTO_KEY + 1];
	hex_encode(f->nodes[i - 1].pub, CRYPTO_KEY, hex);
	auto_free char *text =
		xasprintf("{\"wire\":1,\"version\":0,\"node\":{\"name\":\"x\",\"address\":"
			  "\"192.0.2.%d\",\"os\":\"linux\",\"arch\":\"amd64\",\"cpus\":4,"
			  "\"memory\":8589934592,\"seal_key\":\"%s\"}}",
			  i, hex);
	auto_free char *id = xasprintf("%d", i);
	auto_json *msg = json_parse(text, strlen(text), NULL);
	assert_int_equal(cluster_agent_hello(f->d.c, id, msg, f->d.now, NULL), 0);
}

static void start(struct fixture *f)
{
	struct cluster_config cfg = {.seed = 7, .grace_ms = 100, .sealing = &f->keys};
	f->d.c = cluster_new(&cfg);
}

static void init(struct fixture *f)
{
	*f = (struct fixture){.d = {.now = 1000}};
	crypto_pair_make(&f->keys.now);
	crypto_random(f->keys.naming, CRYPTO_KEY);
	start(f);
	cluster_start(f->d.c, f->d.now);
	for (int i = 1; i <= 3; i++) {
		auto_free char *id = xasprintf("%d", i), *name = xasprintf("host%d", i);
		crypto_pair_make(&f->nodes[i - 1]);
		assert_int_equal(cluster_node_join(f->d.c, id, name, NULL), 0);
		hello(f, i);
	}
	drive_step(&f->d);
}

static json_t *seal(const struct fixture *f, struct sealed_id id, const char *value,
		    char version[SEALED_VERSION + 1])
{
	struct sealed s;
	sealed_version(f->keys.naming, id, value, strlen(value), version);
	sealed_make(f->keys.now.pub, id, version, value, strlen(value), &s);
	json_t *j = sealed_json(&s);
	sealed_done(&s);
	return j;
}

/* As an apply does: the value first. */
static void bring(struct fixture *f, const char *value, char version[SEALED_VERSION + 1])
{
	auto_json *j = seal(f, (struct sealed_id){false, "s", "s_pw"}, value, version);
	assert_int_equal(cluster_sealed_put(f->d.c, j, NULL), 0);
}

static int put(struct fixture *f, const char *version, const char *extra, struct err *err)
{
	auto_free char *text =
		xasprintf("{\"name\":\"s\",\"services\":{"
			  "\"web\":{\"image\":\"a\",\"deploy\":{\"replicas\":1%s},\"networks\":{"
			  "\"default\":{}},"
			  "\"secrets\":[{\"source\":\"pw\",\"target\":\"/pw\"}]},"
			  "\"other\":{\"image\":\"a\",\"networks\":{\"default\":{}}}},"
			  "\"networks\":{\"default\":{\"name\":\"s_default\"}},"
			  "\"secrets\":{\"pw\":{\"name\":\"s_pw\",\"version\":\"%s\"}}}",
			  extra, version);
	auto_json *j = json_parse(text, strlen(text), err), *answer = NULL;
	assert_non_null(j);
	return cluster_stack_put(f->d.c, "s", j, &answer, err);
}

static void up(struct fixture *f)
{
	for (int i = 0; i < 12; i++) {
		drive_step(&f->d);
		drive_obey(&f->d, TASK_RUNNING);
	}
}

static bool kept(const struct fixture *f, const char *version)
{
	const struct version *v = map_get(&f->d.c->versions, version);
	return v && v->s.data;
}

/* Of the last step: the sealed objects that a node was told of; the first one parsed. */
static size_t told(const struct fixture *f, int node, const char *list, struct sealed *first)
{
	size_t n = 0;
	for (size_t k = 0; k < f->d.out.n_sends; k++) {
		const struct cluster_send *s = &f->d.out.sends[k];
		auto_json *msg = json_parse(s->json, strlen(s->json), NULL);
		const json_t *v;
		size_t i;
		if (s->type != WIRE_ASSIGN || atoi(s->node_id) != node)
			continue;
		json_array_foreach(json_object_get(msg, list), i, v)
		{
			if (!streq(json_str(v, "kind"), "sealed"))
				continue;
			if (n++ == 0 && first)
				assert_int_equal(sealed_parse(json_object_get(v, "obj"), first,
							      NULL),
						 0);
		}
	}
	return n;
}

static int node_of(const struct fixture *f, const char *service)
{
	const struct task *t = drive_service(&f->d, service)->slots[0].cur;
	assert_non_null(t->node);
	return atoi(t->node->id);
}

static void done(struct fixture *f)
{
	drive_done(&f->d);
}

static void test_only_who_uses_it(void **unused)
{
	(void)unused;
	struct fixture f;
	char version[SEALED_VERSION + 1];
	init(&f);
	bring(&f, "one", version);
	assert_int_equal(put(&f, version, "", NULL), 0);
	drive_step(&f.d);
	int node = node_of(&f, "web");
	for (int i = 1; i <= 3; i++) {
		struct sealed s = {0};
		char *value = NULL;
		size_t n = 0;
		assert_int_equal(told(&f, i, "set", &s), i == node);
		if (i != node)
			continue;
		assert_string_equal(s.version, version);
		assert_int_equal(sealed_open(&s, &f.nodes[i - 1], &value, &n, NULL), 0);
		assert_int_equal(n, 3);
		assert_memory_equal(value, "one", 3);
		/* To that node alone: the cluster's key opens it no more, nor does another node's. */
		free(value);
		assert_int_equal(sealed_open(&s, &f.keys.now, &value, &n, NULL), -EACCES);
		assert_int_equal(sealed_open(&s, &f.nodes[i % 3], &value, &n, NULL), -EACCES);
		sealed_done(&s);
	}
	/* Another key of the node, say after its disk was made anew: sealed to that. */
	up(&f);
	crypto_pair_make(&f.nodes[node - 1]);
	hello(&f, node);
	drive_step(&f.d);
	struct sealed s = {0};
	char *value = NULL;
	size_t n;
	assert_int_equal(told(&f, node, "set", &s), 1);
	assert_int_equal(sealed_open(&s, &f.nodes[node - 1], &value, &n, NULL), 0);
	free(value);
	sealed_done(&s);
	/* Gone with the stack. */
	assert_int_equal(cluster_stack_del(f.d.c, "s", NULL), 0);
	drive_step(&f.d);
	size_t gone = 0;
	for (int i = 0; i < 10; i++) {
		drive_obey(&f.d, TASK_RUNNING);
		gone += told(&f, node, "del", NULL);
	}
	assert_int_equal(gone, 1);
	assert_false(kept(&f, version));
	assert_int_equal(f.d.c->versions.n, 0);
	assert_int_equal(f.d.c->versions_bytes, 0);
	done(&f);
}

static void test_waits_for_its_stack(void **unused)
{
	(void)unused;
	struct fixture f;
	struct err err = {0};
	char version[SEALED_VERSION + 1];
	init(&f);
	bring(&f, "one", version);
	f.d.now += SECRETS_WAIT_MS - 1000;
	drive_step(&f.d);
	assert_true(kept(&f, version));
	f.d.now += 2000;
	drive_step(&f.d);
	assert_false(kept(&f, version));
	assert_int_equal(put(&f, version, "", &err), -ESTALE);
	assert_non_null(strstr(err.text, "apply again"));
	/* A plan needs no value. */
	done(&f);
}

static void test_old_versions(void **unused)
{
	(void)unused;
	struct fixture f;
	char one[SEALED_VERSION + 1], two[SEALED_VERSION + 1], three[SEALED_VERSION + 1];
	init(&f);
	bring(&f, "one", one);
	assert_int_equal(put(&f, one, "", NULL), 0);
	up(&f);
	const char *other = drive_service(&f.d, "other")->slots[0].cur->id;
	auto_free char *was = xstrdup(other);
	bring(&f, "two", two);
	assert_int_equal(put(&f, two, "", NULL), 0);
	drive_step(&f.d);
	assert_true(kept(&f, one)); /* its task still runs */
	up(&f);
	const struct service *web = drive_service(&f.d, "web");
	assert_string_equal(web->slots[0].cur->tmpl->spec.secrets[0].version, two);
	/* Who does not use it runs on. */
	assert_string_equal(drive_service(&f.d, "other")->slots[0].cur->id, was);
	bring(&f, "three", three);
	assert_int_equal(put(&f, three, "", NULL), 0);
	up(&f);
	assert_false(kept(&f, one));
	assert_true(kept(&f, three));
	/* The same value again is no change. */
	auto_free char *task = xstrdup(web->slots[0].cur->id);
	bring(&f, "three", three);
	assert_int_equal(put(&f, three, "", NULL), 0);
	up(&f);
	assert_string_equal(web->slots[0].cur->id, task);
	done(&f);
}

static void test_way_back(void **unused)
{
	(void)unused;
	struct fixture f;
	char one[SEALED_VERSION + 1], two[SEALED_VERSION + 1];
	const char *back = ",\"update_config\":{\"failure_action\":\"rollback\"}";
	init(&f);
	bring(&f, "good", one);
	assert_int_equal(put(&f, one, back, NULL), 0);
	up(&f);
	bring(&f, "bad", two);
	assert_int_equal(put(&f, two, back, NULL), 0);
	const struct service *web = drive_service(&f.d, "web");
	for (int i = 0; i < 20 && web->roll != ROLL_BACK; i++) {
		drive_step(&f.d);
		assert_true(kept(&f, one));
		drive_obey(&f.d, TASK_FAILED);
	}
	assert_int_equal(web->roll, ROLL_BACK);
	up(&f);
	assert_string_equal(web->slots[0].cur->tmpl->spec.secrets[0].version, one);
	assert_true(task_up(web->slots[0].cur));
	done(&f);
}

static void test_not_as_another(void **unused)
{
	(void)unused;
	struct fixture f;
	struct err err = {0};
	struct crypto_pair other;
	struct sealed s;
	char version[SEALED_VERSION + 1], own[SEALED_VERSION + 1];
	const struct sealed_id theirs = {false, "theirs", "theirs_pw"};
	init(&f);
	crypto_pair_make(&other);
	/* Not to this cluster's key. */
	sealed_version(f.keys.naming, theirs, "x", 1, version);
	sealed_make(other.pub, theirs, version, "x", 1, &s);
	auto_json *foreign = sealed_json(&s);
	sealed_done(&s);
	assert_int_equal(cluster_sealed_put(f.d.c, foreign, &err), -EINVAL);
	/* The version of another stack's. */
	auto_json *j = seal(&f, theirs, "x", version);
	assert_int_equal(cluster_sealed_put(f.d.c, j, NULL), 0);
	assert_int_equal(put(&f, version, "", &err), -EINVAL);
	/* A version that is there under another name, or none at all. */
	json_object_set_new(j, "name", json_string("theirs_else"));
	assert_int_equal(cluster_sealed_put(f.d.c, j, &err), -EEXIST);
	bring(&f, "mine", own);
	auto_free char *bare = xasprintf(
		"{\"name\":\"s\",\"services\":{\"web\":{\"image\":\"a\",\"secrets\":[{\"source\":"
		"\"pw\",\"target\":\"/"
		"pw\",\"version\":\"%s\"}]}},\"secrets\":{\"pw\":{\"name\":\"s_pw\"}}}",
		own);
	auto_json *stack = json_parse(bare, strlen(bare), NULL), *answer = NULL;
	assert_non_null(stack);
	assert_int_equal(cluster_stack_put(f.d.c, "s", stack, &answer, &err), -EINVAL);
	assert_int_equal(f.d.c->stacks.n, 0);
	done(&f);
}

/* --- made by themselves */

static int hand(struct fixture *f, const char *value, bool create, bool replace, json_t **ret)
{
	char version[SEALED_VERSION + 1];
	auto_json *body = json_object();
	json_object_set_new(body, "sealed",
			    seal(f, (struct sealed_id){false, NULL, "token"}, value, version));
	json_put_bool(body, "create", create);
	json_put_bool(body, "replace", replace);
	return cluster_secret_put(f->d.c, false, "token", body, ret, NULL);
}

static int use_token(struct fixture *f, struct err *err)
{
	static const char text[] = "{\"name\":\"s\",\"services\":{\"web\":{\"image\":\"a\","
				   "\"networks\":{\"default\":{}},"
				   "\"secrets\":[{\"source\":\"t\",\"target\":\"/t\"}]}},"
				   "\"networks\":{\"default\":{\"name\":\"s_default\"}},"
				   "\"secrets\":{\"t\":{\"external\":true,\"name\":\"token\"}}}";
	auto_json *j = json_parse(text, strlen(text), NULL), *answer = NULL;
	return cluster_stack_put(f->d.c, "s", j, &answer, err);
}

static void test_external(void **unused)
{
	(void)unused;
	struct fixture f;
	struct err err = {0};
	json_t *j = NULL;
	init(&f);
	assert_int_equal(use_token(&f, &err), -ENOENT);
	assert_non_null(strstr(err.text, "'token'"));
	assert_int_equal(hand(&f, "one", false, true, &j), -ENOENT);
	assert_int_equal(hand(&f, "one", true, false, &j), 0);
	assert_true(json_bool(j, "created", false));
	json_decref(j);
	drive_step(&f.d);
	assert_int_equal(hand(&f, "two", true, false, &j), -EEXIST);
	assert_int_equal(use_token(&f, &err), 0);
	up(&f);
	const struct service *web = drive_service(&f.d, "web");
	auto_free char *first = xstrdup(web->slots[0].cur->id);
	auto_free char *old = xstrdup(web->slots[0].cur->tmpl->spec.secrets[0].version);
	/* In use: not to be removed, and the sentence says by whom. */
	assert_int_equal(cluster_secret_del(f.d.c, false, "token", &err), -EBUSY);
	assert_non_null(strstr(err.text, "s/web"));
	/* The same value rolls nothing, another one does. */
	assert_int_equal(hand(&f, "one", false, true, &j), 0);
	assert_false(json_bool(j, "changed", true));
	json_decref(j);
	up(&f);
	assert_string_equal(web->slots[0].cur->id, first);
	assert_int_equal(hand(&f, "two", false, true, &j), 0);
	assert_string_equal(json_string_value(json_array_get(json_object_get(j, "used_by"), 0)),
			    "s/web");
	json_decref(j);
	up(&f);
	assert_string_not_equal(web->slots[0].cur->id, first);
	assert_string_not_equal(web->slots[0].cur->tmpl->spec.secrets[0].version, old);
	/* An apply of the same file is no change after that. */
	struct stack *s = map_get(&f.d.c->stacks, "s");
	int64_t revision = s->revision;
	assert_int_equal(use_token(&f, &err), 0);
	assert_int_equal(s->revision, revision);
	assert_int_equal(cluster_stack_del(f.d.c, "s", NULL), 0);
	up(&f);
	assert_int_equal(f.d.c->versions.n, 1); /* kept by its name */
	assert_int_equal(cluster_secret_del(f.d.c, false, "token", &err), 0);
	assert_int_equal(cluster_secret_del(f.d.c, false, "token", &err), -ENOENT);
	drive_step(&f.d);
	assert_int_equal(f.d.c->versions.n, 0);
	done(&f);
}

static void test_answers_have_no_value(void **unused)
{
	(void)unused;
	struct fixture f;
	char version[SEALED_VERSION + 1];
	json_t *j = NULL;
	init(&f);
	assert_int_equal(hand(&f, "PLAINTEXT", true, false, &j), 0);
	json_decref(j);
	bring(&f, "PLAINTEXT", version);
	assert_int_equal(put(&f, version, "", NULL), 0);
	up(&f);
	const struct version *v = map_get(&f.d.c->versions, version);
	auto_json *all = json_array();
	json_array_append_new(all, cluster_secrets_json(f.d.c, false));
	json_array_append_new(all, cluster_secret_json(f.d.c, false, "token"));
	json_array_append_new(all, cluster_stack_json(f.d.c, "s"));
	json_array_append_new(all, cluster_tasks_json(f.d.c, NULL, NULL));
	json_array_append_new(all, cluster_nodes_json(f.d.c));
	json_array_append_new(all, cluster_sealing_json(f.d.c, "s"));
	auto_free char *text = json_text(all);
	auto_free char *secret = crypto_base64(f.keys.now.secret, CRYPTO_KEY);
	assert_null(strstr(text, "PLAINTEXT"));
	assert_null(strstr(text, v->s.data));
	assert_null(strstr(text, secret));
	assert_non_null(strstr(text, version));
	done(&f);
}

static void test_plan_without_value(void **unused)
{
	(void)unused;
	struct fixture f;
	char version[SEALED_VERSION + 1], other[SEALED_VERSION + 1];
	init(&f);
	bring(&f, "one", version);
	assert_int_equal(put(&f, version, "", NULL), 0);
	up(&f);
	struct stack *s = map_get(&f.d.c->stacks, "s");
	auto_json *spec = json_parse(s->text, strlen(s->text), NULL), *plan = NULL;
	sealed_version(f.keys.naming, (struct sealed_id){false, "s", "s_pw"}, "new", 3, other);
	json_object_set_new(json_object_get(json_object_get(spec, "secrets"), "pw"), "version",
			    json_string(other));
	struct plan_ask ask = {.stack = "s", .spec = spec};
	struct err err = {0};
	if (cluster_plan(f.d.c, &ask, &plan, &err) < 0)
		fail_msg("%s", err.text);
	auto_free char *text = json_text(plan);
	assert_non_null(strstr(text, other));
	assert_true(json_bool(plan, "changed", false));
	const json_t *services = json_object_get(plan, "services"), *sv;
	size_t i;
	json_array_foreach(services, i, sv)
	{
		bool web = streq(json_str(sv, "name"), "web");
		assert_int_equal(json_int(sv, "replace", 0), web ? 1 : 0);
	}
	done(&f);
}

/* --- the store and the cluster's key */

static void commit(struct map *rows, struct cluster_out *out)
{
	for (size_t i = 0; i < out->n_puts; i++) {
		struct cluster_put *p = &out->puts[i];
		if (p->value)
			map_set(rows, p->key, xstrdup(p->value));
		else
			map_del(rows, p->key);
	}
}

static int by_key(const void *a, const void *b)
{
	const struct map_entry *const *x = a, *const *y = b;
	return strcmp((*x)->key, (*y)->key);
}

static void restart(struct fixture *f, struct map *rows)
{
	const struct map_entry **v = xcalloc(rows->n, sizeof(struct map_entry *));
	size_t n = 0;
	drive_done(&f->d);
	f->d = (struct driver){.now = f->d.now};
	start(f);
	map_each(rows, e)
	{
		v[n++] = e;
	}
	qsort(v, n, sizeof(struct map_entry *), by_key);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(cluster_load(f->d.c, v[i]->key, v[i]->val, NULL), 0);
	free(v);
	cluster_start(f->d.c, f->d.now);
}

static void test_restart(void **unused)
{
	(void)unused;
	struct fixture f;
	char used[SEALED_VERSION + 1], waits[SEALED_VERSION + 1];
	struct map rows = {.free_val = free};
	json_t *j = NULL;
	init(&f);
	commit(&rows, &f.d.out);
	bring(&f, "used", used);
	bring(&f, "waits", waits);
	assert_int_equal(hand(&f, "token", true, false, &j), 0);
	json_decref(j);
	assert_int_equal(put(&f, used, "", NULL), 0);
	for (int i = 0; i < 5; i++) {
		drive_step(&f.d);
		commit(&rows, &f.d.out);
		drive_obey(&f.d, TASK_RUNNING);
		commit(&rows, &f.d.out);
	}
	map_each(&rows, e)
	{
		assert_null(strstr(e->val, "waits"));
	}
	restart(&f, &rows);
	int node = node_of(&f, "web");
	for (int i = 1; i <= 3; i++)
		hello(&f, i);
	drive_step(&f.d);
	commit(&rows, &f.d.out);
	assert_int_equal(f.d.c->versions.n, 3);
	assert_true(kept(&f, used) && kept(&f, waits));
	auto_json *token = cluster_secret_json(f.d.c, false, "token");
	assert_non_null(token);
	struct sealed s = {0};
	assert_int_equal(told(&f, node, "set", &s), 1);
	assert_string_equal(s.version, used);
	sealed_done(&s);
	/* What waited before the restart waits no longer than it may after it. */
	f.d.now += SECRETS_WAIT_MS + 1000;
	drive_step(&f.d);
	assert_true(kept(&f, used));
	assert_false(kept(&f, waits));
	map_clear(&rows);
	done(&f);
}

static void test_rewrap(void **unused)
{
	(void)unused;
	struct fixture f;
	char version[SEALED_VERSION + 1], late[SEALED_VERSION + 1];
	init(&f);
	bring(&f, "one", version);
	assert_int_equal(put(&f, version, "", NULL), 0);
	up(&f);
	auto_json *j = seal(&f, (struct sealed_id){false, "s", "s_pw"}, "late", late);
	f.keys.before = f.keys.now;
	f.keys.rotating = true;
	crypto_pair_make(&f.keys.now);
	cluster_rewrap(f.d.c);
	/* Sealed before the rotation and sent after it: taken, to the new key. */
	assert_int_equal(cluster_sealed_put(f.d.c, j, NULL), 0);
	drive_step(&f.d);
	f.keys.rotating = false;
	crypto_wipe(&f.keys.before, sizeof(f.keys.before));
	const char *versions[] = {version, late};
	for (size_t i = 0; i < 2; i++) {
		const struct version *v = map_get(&f.d.c->versions, versions[i]);
		char *value = NULL;
		size_t n = 0;
		assert_int_equal(sealed_open(&v->s, &f.keys.now, &value, &n, NULL), 0);
		free(value);
	}
	/* And afterwards it is too late. */
	assert_int_equal(cluster_sealed_put(f.d.c, j, NULL), 0); /* it is there */
	json_object_set_new(j, "version", json_string("0123456789012345678901234567890123456789"));
	assert_int_equal(cluster_sealed_put(f.d.c, j, NULL), -EINVAL);
	done(&f);
}

static void test_key_file(void **unused)
{
	(void)unused;
	char dir[] = "/tmp/sealing-XXXXXX";
	struct sealing *s = NULL, *again = NULL;
	struct err err = {0};
	struct stat st;
	assert_non_null(mkdtemp(dir));
	auto_free char *path = xasprintf("%s/" SEALING_FILE, dir);
	assert_int_equal(sealing_open(dir, false, &s, &err), -ENOENT);
	assert_non_null(strstr(err.text, "backup"));
	assert_int_equal(sealing_open(dir, true, &s, NULL), 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(sealing_open(dir, false, &again, NULL), 0);
	assert_memory_equal(again->naming, s->naming, CRYPTO_KEY);
	assert_memory_equal(&again->now, &s->now, sizeof(s->now));
	sealing_free(again);
	/* A rotation that is cut short is found again, with both keys. */
	struct crypto_pair old = s->now;
	assert_int_equal(sealing_rotate(s, NULL), 0);
	assert_int_equal(sealing_rotate(s, NULL), -EBUSY);
	assert_int_equal(sealing_open(dir, false, &again, NULL), 0);
	assert_true(again->rotating);
	assert_memory_equal(&again->before, &old, sizeof(old));
	assert_int_equal(sealing_rotated(again, NULL), 0);
	sealing_free(s);
	sealing_free(again);
	assert_int_equal(sealing_open(dir, false, &s, NULL), 0);
	assert_false(s->rotating);
	assert_memory_not_equal(&s->now, &old, sizeof(old));
	sealing_free(s);
	/* Damage is said, and never written over. */
	assert_int_equal(file_write_atomic(path, "{\"keys\":[]}", 11, 0600, NULL), 0);
	assert_int_equal(sealing_open(dir, true, &s, &err), -EUCLEAN);
	assert_int_equal(file_write_atomic(path, "{", 1, 0600, NULL), 0);
	assert_true(sealing_open(dir, true, &s, &err) < 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_size, 1);
	unlink(path);
	rmdir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_only_who_uses_it),
		cmocka_unit_test(test_waits_for_its_stack),
		cmocka_unit_test(test_old_versions),
		cmocka_unit_test(test_way_back),
		cmocka_unit_test(test_not_as_another),
		cmocka_unit_test(test_external),
		cmocka_unit_test(test_answers_have_no_value),
		cmocka_unit_test(test_plan_without_value),
		cmocka_unit_test(test_restart),
		cmocka_unit_test(test_rewrap),
		cmocka_unit_test(test_key_file),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
