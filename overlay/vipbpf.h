/* SPDX-License-Identifier: Apache-2.0
 *
 * The programs and tables of bpf/vip.bpf.c in the kernel (libbpf behind it): loading, pinning,
 * attaching, and tables of fixed-size records. Knows bytes, not what they mean.
 */
#pragma once
#include "base/err.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum vipbpf_table { VIPBPF_VIPS, VIPBPF_SLOTS, VIPBPF_MEMBERS, VIPBPF_TABLES };

struct vipbpf;

/* Loads what this binary holds, takes over tables and attachments that are pinned in dir (made, a
 * BPF file system is mounted there), attaches to the root of the cgroup v2 hierarchy. room: how many
 * records each table is to hold at least; NULL: what they hold already, or a small default.
 * *ret_found: tables of an earlier life were taken over. */
int vipbpf_open(const char *dir, const uint32_t room[VIPBPF_TABLES], struct vipbpf **ret,
		bool *ret_found, struct err *err);
void vipbpf_close(struct vipbpf *b); /* all works on */
void vipbpf_wipe(const char *dir);   /* detaches and forgets; the folder goes too */

uint32_t vipbpf_room(const struct vipbpf *b, enum vipbpf_table t);
int vipbpf_put(struct vipbpf *b, enum vipbpf_table t, const void *key, const void *value);
int vipbpf_del(struct vipbpf *b, enum vipbpf_table t, const void *key); /* absent: 0 */
/* All records, key then value, in no order; caller frees. */
int vipbpf_dump(struct vipbpf *b, enum vipbpf_table t, uint8_t **ret, size_t *ret_n);
size_t vipbpf_key_size(enum vipbpf_table t);
size_t vipbpf_value_size(enum vipbpf_table t);
/* How many attachments or pins were gone. They cannot be mended one by one: open again. */
size_t vipbpf_broken(struct vipbpf *b);
