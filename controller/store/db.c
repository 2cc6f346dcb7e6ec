/* SPDX-License-Identifier: Apache-2.0
 *
 * The store on SQLite: one table of keys, written ahead (WAL) and synced at every commit. The file is
 * held exclusively for as long as it is open, so a second controller on it is refused. The only file
 * that includes sqlite3.h; knows nothing of what the values mean.
 */
#include "base/mem.h"
#include "base/str.h"
#include "controller/store/store.h"
#include <errno.h>
#include <sqlite3.h>
#include <string.h>

#define SCHEMA_VERSION 1

enum statement { ST_GET, ST_LIST, ST_PUT, ST_DEL, ST_SET_REVISION, ST_MAX };

struct store {
	sqlite3 *db;
	char *path;
	int64_t revision;
	sqlite3_stmt *st[ST_MAX];
};

static const char *const statement_text[ST_MAX] = {
	[ST_GET] = "SELECT value, revision FROM kv WHERE key = ?1",
	[ST_LIST] =
		"SELECT key, value, revision FROM kv WHERE key >= ?1 AND (?2 IS NULL OR key < ?2) "
		"ORDER BY key",
	[ST_PUT] = "INSERT INTO kv (key, value, revision) VALUES (?1, ?2, ?3) "
		   "ON CONFLICT (key) DO UPDATE SET value = ?2, revision = ?3",
	[ST_DEL] = "DELETE FROM kv WHERE key = ?1",
	[ST_SET_REVISION] = "UPDATE meta SET value = ?1 WHERE name = 'revision'",
};

/* SQLite's answer as errno and a sentence that says what a person can do. */
static int db_error(const struct store *s, int rc, struct err *err)
{
	switch (rc & 0xff) {
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return err_set(err, -EBUSY,
			       "store '%s' is in use by another controller; stop that one first or "
			       "give this one another --data-dir",
			       s->path);
	case SQLITE_NOTADB:
	case SQLITE_CORRUPT:
		return err_set(
			err, -EUCLEAN,
			"store '%s' is damaged or no store of carrack (%s); restore it from a "
			"backup",
			s->path, sqlite3_errmsg(s->db));
	case SQLITE_FULL:
		return err_set(err, -ENOSPC, "disk of store '%s' is full; free some space",
			       s->path);
	case SQLITE_CANTOPEN:
		return err_set(err, -EACCES, "store '%s' cannot be opened: %s", s->path,
			       strerror(sqlite3_system_errno(s->db)));
	case SQLITE_READONLY:
		return err_set(err, -EROFS,
			       "store '%s' cannot be written; check the file's owner and "
			       "that its file system is not read-only",
			       s->path);
	}
	return err_set(err, -EIO, "store '%s' failed: %s", s->path, sqlite3_errmsg(s->db));
}

static int db_exec(struct store *s, const char *sql, struct err *err)
{
	int rc = sqlite3_exec(s->db, sql, NULL, NULL, NULL);

	return rc == SQLITE_OK ? 0 : db_error(s, rc, err);
}

/* One integer of the first row; -ENOENT without a row. */
static int db_number(struct store *s, const char *sql, int64_t *ret, struct err *err)
{
	sqlite3_stmt *st = NULL;
	int rc = sqlite3_prepare_v2(s->db, sql, -1, &st, NULL);

	if (rc == SQLITE_OK)
		rc = sqlite3_step(st);
	if (rc == SQLITE_ROW)
		*ret = sqlite3_column_int64(st, 0);
	sqlite3_finalize(st);
	if (rc == SQLITE_ROW)
		return 0;
	return rc == SQLITE_DONE ? -ENOENT : db_error(s, rc, err);
}

static int schema_create(struct store *s, struct err *err)
{
	auto_free char *sql = xasprintf(
		"BEGIN IMMEDIATE;"
		"CREATE TABLE meta (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;"
		"CREATE TABLE kv (key TEXT PRIMARY KEY, value TEXT NOT NULL, revision INTEGER NOT "
		"NULL) "
		"WITHOUT ROWID;"
		"INSERT INTO meta VALUES ('schema', %d), ('revision', 0);"
		"COMMIT",
		SCHEMA_VERSION);

	return db_exec(s, sql, err);
}

static int schema_check(struct store *s, struct err *err)
{
	int64_t tables = 0, version = 0;
	int r = db_number(s, "SELECT count(*) FROM sqlite_master", &tables, err);

	if (r)
		return r;
	if (tables == 0 && (r = schema_create(s, err)))
		return r;
	r = db_number(s, "SELECT count(*) FROM sqlite_master WHERE name IN ('meta', 'kv')", &tables,
		      err);
	if (r)
		return r;
	if (tables != 2 ||
	    db_number(s, "SELECT value FROM meta WHERE name = 'schema'", &version, NULL))
		return err_set(err, -EUCLEAN, "file '%s' is an SQLite file but no store of carrack",
			       s->path);
	if (version != SCHEMA_VERSION)
		return err_set(
			err, -EPROTO,
			"store '%s' has schema version %lld and this carrack knows %d; run the "
			"carrack that wrote it, or a newer one",
			s->path, (long long)version, SCHEMA_VERSION);
	r = db_number(s, "SELECT value FROM meta WHERE name = 'revision'", &s->revision, err);
	return r == -ENOENT ? err_set(err, -EUCLEAN,
				      "store '%s' is damaged: it has no revision; "
				      "restore it from a backup",
				      s->path)
			    : r;
}

static int integrity_check(struct store *s, struct err *err)
{
	sqlite3_stmt *st = NULL;
	int rc = sqlite3_prepare_v2(s->db, "PRAGMA quick_check(1)", -1, &st, NULL);
	int r = 0;

	if (rc == SQLITE_OK)
		rc = sqlite3_step(st);
	if (rc != SQLITE_ROW)
		r = db_error(s, rc, err);
	else if (!streq((const char *)sqlite3_column_text(st, 0), "ok"))
		r = err_set(err, -EUCLEAN, "store '%s' is damaged (%s); restore it from a backup",
			    s->path, (const char *)sqlite3_column_text(st, 0));
	sqlite3_finalize(st);
	return r;
}

static int db_setup(struct store *s, struct err *err)
{
	/* The locking mode comes first: WAL then needs no shared memory, and the first read takes
	 * the lock that keeps a second controller out. */
	static const char *const pragmas[] = {
		"PRAGMA locking_mode=EXCLUSIVE", "PRAGMA journal_mode=WAL",
		"PRAGMA synchronous=FULL",       "PRAGMA trusted_schema=OFF",
		"PRAGMA cell_size_check=ON",     "BEGIN EXCLUSIVE; COMMIT",
	};
	int r;

	for (size_t i = 0; i < ARRAY_LEN(pragmas); i++) {
		r = db_exec(s, pragmas[i], err);
		if (r)
			return r;
	}
	if ((r = integrity_check(s, err)) || (r = schema_check(s, err)))
		return r;
	for (int i = 0; i < ST_MAX; i++) {
		int rc = sqlite3_prepare_v3(s->db, statement_text[i], -1, SQLITE_PREPARE_PERSISTENT,
					    &s->st[i], NULL);
		if (rc != SQLITE_OK)
			return db_error(s, rc, err);
	}
	return 0;
}

int store_open(const char *path, struct store **ret, struct err *err)
{
	struct store *s = xcalloc(1, sizeof(*s));
	int rc, r;

	s->path = xstrdup(path);
	rc = sqlite3_open_v2(path, &s->db,
			     SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOFOLLOW |
				     SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE,
			     NULL);
	if (!s->db) {
		store_close(s);
		return err_set(err, -ENOMEM, "store '%s' cannot be opened: no memory", path);
	}
	r = rc == SQLITE_OK ? db_setup(s, err) : db_error(s, rc, err);
	if (r) {
		store_close(s);
		return r;
	}
	*ret = s;
	return 0;
}

void store_close(struct store *s)
{
	if (!s)
		return;
	for (int i = 0; i < ST_MAX; i++)
		sqlite3_finalize(s->st[i]);
	sqlite3_close(s->db);
	free(s->path);
	free(s);
}

int64_t store_revision(const struct store *s)
{
	return s->revision;
}

/* The smallest key above all that start with prefix; NULL: there is none (empty prefix). */
static char *prefix_end(const char *prefix)
{
	char *end = xstrdup(prefix);

	for (size_t n = strlen(end); n > 0; n--) {
		if ((unsigned char)end[n - 1] < 0x7f) {
			end[n - 1]++;
			end[n] = 0;
			return end;
		}
	}
	free(end);
	return NULL;
}

int store_list(struct store *s, const char *prefix,
	       int (*each)(const char *key, const char *value, int64_t revision, void *arg),
	       void *arg, struct err *err)
{
	sqlite3_stmt *st = s->st[ST_LIST];
	auto_free char *end = prefix_end(prefix);
	int rc, r = 0;

	sqlite3_bind_text(st, 1, prefix, -1, SQLITE_STATIC);
	if (end)
		sqlite3_bind_text(st, 2, end, -1, SQLITE_STATIC);
	while (!r && (rc = sqlite3_step(st)) != SQLITE_DONE) {
		if (rc != SQLITE_ROW) {
			r = db_error(s, rc, err);
			break;
		}
		r = each((const char *)sqlite3_column_text(st, 0),
			 (const char *)sqlite3_column_text(st, 1), sqlite3_column_int64(st, 2),
			 arg);
	}
	sqlite3_reset(st);
	sqlite3_clear_bindings(st);
	return r;
}

int store_get(struct store *s, const char *key, char **ret, int64_t *ret_revision, struct err *err)
{
	sqlite3_stmt *st = s->st[ST_GET];
	int rc, r = 0;

	sqlite3_bind_text(st, 1, key, -1, SQLITE_STATIC);
	rc = sqlite3_step(st);
	if (rc == SQLITE_ROW) {
		*ret = xstrdup((const char *)sqlite3_column_text(st, 0));
		if (ret_revision)
			*ret_revision = sqlite3_column_int64(st, 1);
	} else if (rc == SQLITE_DONE) {
		r = err_set(err, -ENOENT, "key '%s' is not in the store", key);
	} else {
		r = db_error(s, rc, err);
	}
	sqlite3_reset(st);
	sqlite3_clear_bindings(st);
	return r;
}

struct change {
	char *key;
	char *value; /* NULL: delete, or an expectation */
	bool expect;
	int64_t revision; /* expected */
};
struct store_txn {
	struct store *s;
	struct change *v;
	size_t n, cap;
};

struct store_txn *store_txn_new(struct store *s)
{
	struct store_txn *t = xcalloc(1, sizeof(*t));

	t->s = s;
	return t;
}

static struct change *txn_add(struct store_txn *t, const char *key)
{
	t->v = vec_grow(t->v, t->n, &t->cap, sizeof(*t->v));
	t->v[t->n] = (struct change){.key = xstrdup(key)};
	return &t->v[t->n++];
}

void store_txn_put(struct store_txn *t, const char *key, const char *value)
{
	txn_add(t, key)->value = xstrdup(value);
}

void store_txn_del(struct store_txn *t, const char *key)
{
	txn_add(t, key);
}

void store_txn_expect(struct store_txn *t, const char *key, int64_t revision)
{
	struct change *c = txn_add(t, key);

	c->expect = true;
	c->revision = revision;
}

void store_txn_abandon(struct store_txn *t)
{
	if (!t)
		return;
	for (size_t i = 0; i < t->n; i++) {
		free(t->v[i].key);
		free(t->v[i].value);
	}
	free(t->v);
	free(t);
}

static int change_expected(struct store *s, const struct change *c, struct err *err)
{
	sqlite3_stmt *st = s->st[ST_GET];
	int64_t found = 0;
	int rc;

	sqlite3_bind_text(st, 1, c->key, -1, SQLITE_STATIC);
	rc = sqlite3_step(st);
	if (rc == SQLITE_ROW)
		found = sqlite3_column_int64(st, 1);
	sqlite3_reset(st);
	if (rc != SQLITE_ROW && rc != SQLITE_DONE)
		return db_error(s, rc, err);
	if (found != c->revision)
		return err_set(err, -ESTALE, "key '%s' was changed by someone else; read it again",
			       c->key);
	return 0;
}

static int change_apply(struct store *s, const struct change *c, int64_t revision, struct err *err)
{
	sqlite3_stmt *st = s->st[c->value ? ST_PUT : ST_DEL];
	int rc;

	sqlite3_bind_text(st, 1, c->key, -1, SQLITE_STATIC);
	if (c->value) {
		sqlite3_bind_text(st, 2, c->value, -1, SQLITE_STATIC);
		sqlite3_bind_int64(st, 3, revision);
	}
	rc = sqlite3_step(st);
	sqlite3_reset(st);
	sqlite3_clear_bindings(st);
	return rc == SQLITE_DONE ? 0 : db_error(s, rc, err);
}

static int txn_write(struct store_txn *t, int64_t revision, struct err *err)
{
	sqlite3_stmt *st = t->s->st[ST_SET_REVISION];
	int rc, r;

	/* All expectations are about the state before, wherever they stand in the list. */
	for (size_t i = 0; i < t->n; i++)
		if (t->v[i].expect && (r = change_expected(t->s, &t->v[i], err)))
			return r;
	for (size_t i = 0; i < t->n; i++)
		if (!t->v[i].expect && (r = change_apply(t->s, &t->v[i], revision, err)))
			return r;
	sqlite3_bind_int64(st, 1, revision);
	rc = sqlite3_step(st);
	sqlite3_reset(st);
	return rc == SQLITE_DONE ? 0 : db_error(t->s, rc, err);
}

int store_txn_commit(struct store_txn *t, int64_t *ret_revision, struct err *err)
{
	struct store *s = t->s;
	int64_t revision = s->revision + 1;
	int r = db_exec(s, "BEGIN IMMEDIATE", err);

	if (!r)
		r = txn_write(t, revision, err);
	if (!r)
		r = db_exec(s, "COMMIT", err);
	if (r && !sqlite3_get_autocommit(s->db))
		sqlite3_exec(s->db, "ROLLBACK", NULL, NULL, NULL);
	store_txn_abandon(t);
	if (r)
		return r;
	s->revision = revision;
	if (ret_revision)
		*ret_revision = revision;
	return 0;
}
