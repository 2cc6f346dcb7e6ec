/* SPDX-License-Identifier: Apache-2.0
 *
 * The store: an ordered key-value map with revisions and compare-and-set transactions, durable once
 * commit returned. SQLite behind it (db.c); an etcd backend must fit behind the same functions.
 * Keys are short paths ("tasks/ID"), values JSON text.
 */
#pragma once
#include "base/err.h"
#include <stdint.h>

struct store;

/* path ":memory:" for tests. Refuses a newer schema, says which version it needs. */
int store_open(const char *path, struct store **ret, struct err *err);
void store_close(struct store *s);             /* NULL is fine */
int64_t store_revision(const struct store *s); /* of the last commit; 0: empty */

/* Calls each for all keys with the prefix, in order, with the revision that wrote each; stops at
 * the first non-zero return and returns it. */
int store_list(struct store *s, const char *prefix,
	       int (*each)(const char *key, const char *value, int64_t revision, void *arg),
	       void *arg, struct err *err);
/* *ret caller frees; -ENOENT when absent. */
int store_get(struct store *s, const char *key, char **ret, int64_t *ret_revision, struct err *err);

struct store_txn; /* a set of changes that happens wholly or not at all */
struct store_txn *store_txn_new(struct store *s);
void store_txn_put(struct store_txn *t, const char *key, const char *value);
void store_txn_del(struct store_txn *t, const char *key);
/* The commit fails with -ESTALE unless key's revision is this one (0: absent). */
void store_txn_expect(struct store_txn *t, const char *key, int64_t revision);
/* Consumes t. On 0 everything is on disk and *ret_revision is its revision (may be NULL). */
int store_txn_commit(struct store_txn *t, int64_t *ret_revision, struct err *err);
void store_txn_abandon(struct store_txn *t);
