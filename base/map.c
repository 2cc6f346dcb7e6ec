/* SPDX-License-Identifier: Apache-2.0
 * Ordered hash map; open addressing over a dense entry array, FNV-1a with an avalanche step. Keys may
 * come from outside, so the seed is random for each process. */
#include "base/map.h"
#include "base/mem.h"

#include <stdint.h>
#include <string.h>
#include <sys/random.h>

#define EMPTY   ((size_t)-1)
#define REMOVED ((size_t)-2)
#define SMALL   8 /* entries that are looked through one by one: no index is made for them */

static uint64_t seed(void)
{
	static uint64_t value;
	if (!value && getrandom(&value, sizeof(value), GRND_NONBLOCK) != sizeof(value))
		value = 0x9e3779b97f4a7c15u;
	return value;
}

static size_t hash_of(const char *s)
{
	uint64_t h = seed();
	for (; *s; s++) {
		h ^= (unsigned char)*s;
		h *= 0x100000001b3u;
		h ^= h >> 29;
	}
	h *= 0xff51afd7ed558ccdu;
	return (size_t)(h ^ (h >> 32));
}

static size_t *slot_of(const struct map *m, const char *key, size_t hash)
{
	size_t mask = m->index_cap - 1, at = hash & mask;
	size_t *hole = NULL;
	for (;; at = (at + 1) & mask) {
		size_t i = m->index[at];
		if (i == EMPTY)
			return hole ? hole : &m->index[at];
		if (i == REMOVED)
			hole = hole ? hole : &m->index[at];
		else if (m->entries[i].hash == hash && strcmp(m->entries[i].key, key) == 0)
			return &m->index[at];
	}
}

static const struct map_entry *find(const struct map *m, const char *key)
{
	if (!m->n)
		return NULL;
	for (size_t i = 0; !m->index_cap && i < m->used; i++)
		if (m->entries[i].key && strcmp(m->entries[i].key, key) == 0)
			return &m->entries[i];
	if (!m->index_cap)
		return NULL;
	size_t i = *slot_of(m, key, hash_of(key));
	return i == EMPTY || i == REMOVED ? NULL : &m->entries[i];
}

void *map_get(const struct map *m, const char *key)
{
	const struct map_entry *e = find(m, key);
	return e ? e->val : NULL;
}

bool map_has(const struct map *m, const char *key)
{
	return find(m, key) != NULL;
}

/* Drops the holes and rebuilds the index at twice the live size or more. */
static void rehash(struct map *m)
{
	size_t live = 0;
	for (size_t i = 0; i < m->used; i++)
		if (m->entries[i].key)
			m->entries[live++] = m->entries[i];
	m->used = live;
	size_t want = 16;
	while (want < (live + 1) * 3)
		want *= 2;
	free(m->index);
	m->index = xmalloc(want * sizeof(*m->index));
	m->index_cap = want;
	memset(m->index, 0xff, want * sizeof(*m->index));
	for (size_t i = 0; i < live; i++) {
		size_t at = m->entries[i].hash & (want - 1);
		while (m->index[at] != EMPTY)
			at = (at + 1) & (want - 1);
		m->index[at] = i;
	}
}

void map_set(struct map *m, const char *key, void *val)
{
	struct map_entry *e = (struct map_entry *)find(m, key);
	if (e) {
		if (m->free_val && e->val != val)
			m->free_val(e->val);
		e->val = val;
		return;
	}
	if (m->index_cap ? (m->used + 1) * 3 > m->index_cap * 2 : m->used == SMALL)
		rehash(m);
	m->entries = vec_grow(m->entries, m->used, &m->cap, sizeof(*m->entries));
	size_t hash = hash_of(key);
	if (m->index_cap)
		*slot_of(m, key, hash) = m->used;
	m->entries[m->used++] = (struct map_entry){xstrdup(key), val, hash};
	m->n++;
}

bool map_del(struct map *m, const char *key)
{
	struct map_entry *e = (struct map_entry *)find(m, key);
	if (!e)
		return false;
	if (m->index_cap)
		*slot_of(m, key, e->hash) = REMOVED;
	void *val = e->val;
	free(e->key);
	e->key = NULL;
	e->val = NULL;
	m->n--;
	if (m->free_val)
		m->free_val(val);
	return true;
}

void map_clear(struct map *m)
{
	for (size_t i = 0; i < m->used; i++) {
		if (!m->entries[i].key)
			continue;
		if (m->free_val)
			m->free_val(m->entries[i].val);
		free(m->entries[i].key);
	}
	free(m->entries);
	free(m->index);
	*m = (struct map){.free_val = m->free_val};
}
