/* SPDX-License-Identifier: Apache-2.0
 *
 * A hash map from strings to pointers, in order of insertion. Keys are copied; values are borrowed
 * unless a free function is given. Deleting while iterating is allowed for the current entry only.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>

struct map_entry {
	char *key; /* NULL: a deleted slot, skip it */
	void *val;
	size_t hash;
};
struct map {
	struct map_entry *entries; /* used slots in order, holes included */
	size_t used, cap, n;       /* slots used, slots there, live entries */
	size_t *index;             /* open addressing over entries; private */
	size_t index_cap;
	void (*free_val)(void *); /* may be NULL */
};

void *map_get(const struct map *m, const char *key); /* NULL: absent */
bool map_has(const struct map *m, const char *key);
void map_set(struct map *m, const char *key, void *val); /* frees a value it replaces */
bool map_del(struct map *m, const char *key);            /* frees the value; false: absent */
void map_clear(struct map *m);                           /* empties and frees; free_val is kept */

#define map_each(m, e)                                                                             \
	for (struct map_entry *e = (m)->entries, *e##_end = e ? e + (m)->used : NULL;              \
	     e && e < e##_end; e++)                                                                \
		if (e->key)
