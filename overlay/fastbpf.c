/* SPDX-License-Identifier: Apache-2.0
 * Programs and tables of the fast path; see fastbpf.h. */
#include "overlay/fastbpf.h"
#include "base/log.h"
#include "base/mem.h"
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <string.h>

/* The compiled programs, put here by the assembler. */
__asm__(".section .rodata\n"
	".balign 8\n"
	"fastbpf_object:\n"
	".incbin \"" FAST_BPF_OBJECT "\"\n"
	"fastbpf_object_end:\n"
	".previous\n");
extern const char fastbpf_object[], fastbpf_object_end[];

#define BATCH 4096

static const struct table {
	const char *name;
	size_t key, value;
} tables[FASTBPF_TABLES] = {
	[FASTBPF_LINKS] = {"ck_links", sizeof(uint32_t), sizeof(struct fast_link)},
	[FASTBPF_DESTS] = {"ck_dests", sizeof(struct fast_mac), sizeof(struct fast_dest)},
};
static const char *const programs[FASTBPF_PROGRAMS] = {
	[FASTBPF_PORT] = "ck_port",
	[FASTBPF_UNDERLAY] = "ck_underlay",
	[FASTBPF_TUNNEL] = "ck_tunnel",
};

struct fastbpf {
	struct bpf_object *object;
	int fds[FASTBPF_TABLES], self, count;
	uint32_t room[FASTBPF_TABLES];
	int programs[FASTBPF_PROGRAMS];
	uint32_t ids[FASTBPF_PROGRAMS];
};

__attribute__((format(printf, 2, 0))) static int quiet(enum libbpf_print_level level,
						       const char *fmt, va_list ap)
{
	char text[512];
	if (level == LIBBPF_DEBUG)
		return 0;
	int n = vsnprintf(text, sizeof(text), fmt, ap);
	text[strcspn(text, "\n")] = 0;
	log_debug("overlay", "%s", text);
	return n;
}

static int load(struct fastbpf *b)
{
	LIBBPF_OPTS(bpf_object_open_opts, opts, .object_name = "ck_fast");
	b->object = bpf_object__open_mem(fastbpf_object,
					 (size_t)(fastbpf_object_end - fastbpf_object), &opts);
	if (!b->object)
		return -errno;
	for (size_t i = 0; i < FASTBPF_TABLES; i++) {
		struct bpf_map *m = bpf_object__find_map_by_name(b->object, tables[i].name);
		int r = m ? bpf_map__set_max_entries(m, b->room[i]) : -ENOENT;
		if (r < 0)
			return r;
	}
	return bpf_object__load(b->object);
}

static int find_all(struct fastbpf *b)
{
	for (size_t i = 0; i < FASTBPF_TABLES; i++)
		b->fds[i] = bpf_object__find_map_fd_by_name(b->object, tables[i].name);
	b->self = bpf_object__find_map_fd_by_name(b->object, "ck_self");
	b->count = bpf_object__find_map_fd_by_name(b->object, "ck_count");
	for (size_t i = 0; i < FASTBPF_PROGRAMS; i++) {
		struct bpf_program *p = bpf_object__find_program_by_name(b->object, programs[i]);
		struct bpf_prog_info info = {0};
		uint32_t len = sizeof(info);
		b->programs[i] = p ? bpf_program__fd(p) : -1;
		if (b->programs[i] < 0 || bpf_obj_get_info_by_fd(b->programs[i], &info, &len) < 0)
			return -ENOENT;
		b->ids[i] = info.id;
	}
	return b->self < 0 || b->count < 0 ? -ENOENT : 0;
}

int fastbpf_open(const uint32_t room[FASTBPF_TABLES], struct fastbpf **ret, struct err *err)
{
	libbpf_set_print(quiet);
	struct fastbpf *b = xcalloc(1, sizeof(*b));
	memcpy(b->room, room, sizeof(b->room));
	int r = load(b);
	if (r == 0)
		r = find_all(b);
	if (r < 0) {
		fastbpf_close(b);
		return r == -EPERM ? err_set(err, r, "this host does not permit BPF programs")
				   : err_sys(err, r, "the kernel does not take the BPF programs");
	}
	*ret = b;
	return 0;
}

void fastbpf_close(struct fastbpf *b)
{
	if (!b)
		return;
	if (b->object)
		bpf_object__close(b->object);
	free(b);
}

uint32_t fastbpf_room(const struct fastbpf *b, enum fastbpf_table t)
{
	return b->room[t];
}

int fastbpf_program(const struct fastbpf *b, enum fastbpf_program p)
{
	return b->programs[p];
}

uint32_t fastbpf_program_id(const struct fastbpf *b, enum fastbpf_program p)
{
	return b->ids[p];
}

const char *fastbpf_program_name(enum fastbpf_program p)
{
	return programs[p];
}

size_t fastbpf_key_size(enum fastbpf_table t)
{
	return tables[t].key;
}

size_t fastbpf_value_size(enum fastbpf_table t)
{
	return tables[t].value;
}

int fastbpf_put(struct fastbpf *b, enum fastbpf_table t, const void *key, const void *value)
{
	return bpf_map_update_elem(b->fds[t], key, value, BPF_ANY) < 0 ? -errno : 0;
}

int fastbpf_get(struct fastbpf *b, enum fastbpf_table t, const void *key, void *value)
{
	return bpf_map_lookup_elem(b->fds[t], key, value) < 0 ? -errno : 0;
}

int fastbpf_del(struct fastbpf *b, enum fastbpf_table t, const void *key)
{
	return bpf_map_delete_elem(b->fds[t], key) < 0 && errno != ENOENT ? -errno : 0;
}

int fastbpf_dump(struct fastbpf *b, enum fastbpf_table t, uint8_t **ret, size_t *ret_n)
{
	size_t key = tables[t].key, value = tables[t].value, n = 0, cap = 0;
	uint32_t batch = b->room[t] < BATCH ? b->room[t] : BATCH;
	auto_free uint8_t *keys = xcalloc(batch, key);
	auto_free uint8_t *values = xcalloc(batch, value);
	uint8_t *all = NULL;
	uint32_t cursor[16];
	bool first = true, more = true;
	while (more) {
		uint32_t count = batch;
		int r = bpf_map_lookup_batch(b->fds[t], first ? NULL : cursor, cursor, keys, values,
					     &count, NULL);
		if (r < 0 && errno != ENOENT) {
			r = -errno;
			free(all);
			return r;
		}
		more = r == 0;
		first = false;
		for (uint32_t i = 0; i < count; i++, n++) {
			all = vec_grow(all, n, &cap, key + value);
			memcpy(all + n * (key + value), keys + i * key, key);
			memcpy(all + n * (key + value) + key, values + i * value, value);
		}
	}
	*ret = all;
	*ret_n = n;
	return 0;
}

int fastbpf_set_self(struct fastbpf *b, const struct fast_self *self)
{
	uint32_t zero = 0;
	return bpf_map_update_elem(b->self, &zero, self, BPF_ANY) < 0 ? -errno : 0;
}

int fastbpf_self(struct fastbpf *b, struct fast_self *ret)
{
	uint32_t zero = 0;
	return bpf_map_lookup_elem(b->self, &zero, ret) < 0 ? -errno : 0;
}

void fastbpf_counts(struct fastbpf *b, uint64_t ret[FAST_COUNTS])
{
	int cpus = libbpf_num_possible_cpus();
	auto_free uint64_t *v = xcalloc(cpus > 0 ? (size_t)cpus : 1, sizeof(*v));
	memset(ret, 0, FAST_COUNTS * sizeof(*ret));
	for (uint32_t i = 0; i < FAST_COUNTS; i++) {
		if (cpus <= 0 || bpf_map_lookup_elem(b->count, &i, v) < 0)
			continue;
		for (int c = 0; c < cpus; c++)
			ret[i] += v[c];
	}
}
