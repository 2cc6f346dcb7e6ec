/* SPDX-License-Identifier: Apache-2.0
 *
 * The programs and tables of bpf/fastpath.bpf.c in the kernel (libbpf behind it): loading, and tables
 * of fixed-size records. Nothing is pinned: programs and tables live as long as a filter uses them, and
 * an agent that starts anew loads and fills its own before it replaces the filters.
 */
#pragma once
#include "base/err.h"
#include "overlay/bpf/fastpath_maps.h"
#include <stddef.h>
#include <stdint.h>

enum fastbpf_table { FASTBPF_LINKS, FASTBPF_DESTS, FASTBPF_TABLES };
enum fastbpf_program { FASTBPF_PORT, FASTBPF_UNDERLAY, FASTBPF_TUNNEL, FASTBPF_PROGRAMS };

struct fastbpf;

/* room: how many records each table holds. */
int fastbpf_open(const uint32_t room[FASTBPF_TABLES], struct fastbpf **ret, struct err *err);
void fastbpf_close(struct fastbpf *b); /* what is attached works on; NULL is fine */

uint32_t fastbpf_room(const struct fastbpf *b, enum fastbpf_table t);
/* Descriptor, borrowed; id and name as the kernel shows them. */
int fastbpf_program(const struct fastbpf *b, enum fastbpf_program p);
uint32_t fastbpf_program_id(const struct fastbpf *b, enum fastbpf_program p);
const char *fastbpf_program_name(enum fastbpf_program p);

size_t fastbpf_key_size(enum fastbpf_table t);
size_t fastbpf_value_size(enum fastbpf_table t);
int fastbpf_put(struct fastbpf *b, enum fastbpf_table t, const void *key, const void *value);
int fastbpf_get(struct fastbpf *b, enum fastbpf_table t, const void *key, void *value);
int fastbpf_del(struct fastbpf *b, enum fastbpf_table t, const void *key); /* absent: 0 */
/* All records, key then value, in no order; caller frees. */
int fastbpf_dump(struct fastbpf *b, enum fastbpf_table t, uint8_t **ret, size_t *ret_n);

int fastbpf_set_self(struct fastbpf *b, const struct fast_self *self);
int fastbpf_self(struct fastbpf *b, struct fast_self *ret);
/* Packets since the programs were loaded. */
void fastbpf_counts(struct fastbpf *b, uint64_t ret[FAST_COUNTS]);
