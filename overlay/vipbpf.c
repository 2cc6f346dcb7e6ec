/* SPDX-License-Identifier: Apache-2.0
 * libbpf, and the one file that includes it; see vipbpf.h. */
#include "overlay/vipbpf.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/mem.h"
#include "overlay/bpf/vip_maps.h"
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/vfs.h>

/* The compiled programs, put here by the assembler. */
__asm__(".section .rodata\n"
	".balign 8\n"
	"vipbpf_object:\n"
	".incbin \"" VIP_BPF_OBJECT "\"\n"
	"vipbpf_object_end:\n"
	".previous\n");
extern const char vipbpf_object[], vipbpf_object_end[];

#define HOOKS        8
#define CGROUP_V2    "/sys/fs/cgroup"
#define CGROUP_MIXED "/sys/fs/cgroup/unified"
#define BATCH        4096

static const struct table {
	const char *name;
	size_t key, value;
	uint32_t room; /* at the start */
} tables[VIPBPF_TABLES] = {
	[VIPBPF_VIPS] = {"ck_vips", sizeof(struct vip_addr), sizeof(struct vip_bpf_vip), 1024},
	[VIPBPF_SLOTS] = {"ck_slots", sizeof(struct vip_bpf_slot), sizeof(struct vip_addr), 4096},
	[VIPBPF_MEMBERS] = {"ck_members", sizeof(struct vip_bpf_member), sizeof(uint32_t), 1024},
};
/* Pinned as well, so that connections keep what they know over an agent's restart. */
static const char *const socket_maps[] = {"ck_peer", "ck_flows"};

struct vipbpf {
	struct bpf_object *object;
	struct bpf_link *links[HOOKS];
	int fds[VIPBPF_TABLES];
	uint32_t room[VIPBPF_TABLES];
	char *dir;
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

static bool is_fs(const char *path, long magic)
{
	struct statfs fs;
	return statfs(path, &fs) == 0 && fs.f_type == magic;
}

/* The root of the cgroup v2 hierarchy: mounted for a moment where the host does not show it. */
static int open_cgroup(const char *dir, struct err *err)
{
	static const char *const places[] = {CGROUP_V2, CGROUP_MIXED};
	for (size_t i = 0; i < ARRAY_LEN(places); i++)
		if (is_fs(places[i], CGROUP2_SUPER_MAGIC))
			return open(places[i], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	auto_free char *own = xasprintf("%s.cgroup2", dir);
	int r = dir_make(own, 0700, err);
	if (r < 0)
		return r;
	int fd = -1;
	if (mount("cgroup2", own, "cgroup2", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) < 0) {
		fd = err_sys(err, -errno, "cgroup version 2 is not there and cannot be mounted");
	} else {
		fd = open(own, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		umount2(own, MNT_DETACH);
	}
	rmdir(own);
	return fd;
}

static int mount_pins(const char *dir, struct err *err)
{
	int r = dir_make(dir, 0700, err);
	if (r < 0 || is_fs(dir, BPF_FS_MAGIC))
		return r;
	if (mount("bpf", dir, "bpf", MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=0700") < 0)
		return err_sys(err, -errno, "the BPF file system cannot be mounted on \"%s\"", dir);
	return 0;
}

/* How many records a pinned table holds; 0: there is none. */
static uint32_t pinned_room(const char *dir, const char *name)
{
	auto_free char *path = xasprintf("%s/%s", dir, name);
	auto_close int fd = bpf_obj_get(path);
	struct bpf_map_info info = {0};
	uint32_t len = sizeof(info);
	if (fd < 0 || bpf_obj_get_info_by_fd(fd, &info, &len) < 0)
		return 0;
	return info.max_entries;
}

static void unpin(const char *dir, const char *name)
{
	auto_free char *path = xasprintf("%s/%s", dir, name);
	unlink(path);
}

static int prepare_map(struct vipbpf *b, const char *name, uint32_t room)
{
	struct bpf_map *m = bpf_object__find_map_by_name(b->object, name);
	auto_free char *path = xasprintf("%s/%s", b->dir, name);
	if (!m)
		return -ENOENT;
	int r = room ? bpf_map__set_max_entries(m, room) : 0;
	return r < 0 ? r : bpf_map__set_pin_path(m, path);
}

/* One try at loading with what is pinned. */
static int load(struct vipbpf *b, bool *found)
{
	LIBBPF_OPTS(bpf_object_open_opts, opts, .object_name = "ck_vip");
	b->object = bpf_object__open_mem(vipbpf_object, (size_t)(vipbpf_object_end - vipbpf_object),
					 &opts);
	if (!b->object)
		return -errno;
	int r = 0;
	for (size_t i = 0; i < VIPBPF_TABLES && r == 0; i++) {
		uint32_t there = pinned_room(b->dir, tables[i].name);
		if (there && there < b->room[i]) { /* a larger one takes its place */
			unpin(b->dir, tables[i].name);
			there = 0;
		}
		b->room[i] = there ? there : b->room[i] ? b->room[i] : tables[i].room;
		*found |= there != 0;
		r = prepare_map(b, tables[i].name, b->room[i]);
	}
	for (size_t i = 0; i < ARRAY_LEN(socket_maps) && r == 0; i++)
		r = prepare_map(b, socket_maps[i], 0);
	if (r == 0)
		r = bpf_object__load(b->object);
	if (r < 0) {
		bpf_object__close(b->object);
		b->object = NULL;
	}
	return r;
}

static int load_or_renew(struct vipbpf *b, bool *found, struct err *err)
{
	*found = false;
	int r = load(b, found);
	if (r < 0 && *found) { /* tables of another version: start afresh */
		for (size_t i = 0; i < VIPBPF_TABLES; i++)
			unpin(b->dir, tables[i].name);
		for (size_t i = 0; i < ARRAY_LEN(socket_maps); i++)
			unpin(b->dir, socket_maps[i]);
		*found = false;
		r = load(b, found);
	}
	if (r == -EPERM)
		return err_set(err, r, "this host does not permit BPF programs");
	if (r < 0)
		return err_sys(err, r, "the kernel does not take the BPF programs");
	for (size_t i = 0; i < VIPBPF_TABLES; i++)
		b->fds[i] = bpf_object__find_map_fd_by_name(b->object, tables[i].name);
	return 0;
}

/* A pinned attachment gets the new program in the old one's place, without a moment between. */
static int attach(struct vipbpf *b, size_t i, struct bpf_program *p, int cgroup, struct err *err)
{
	auto_free char *path = xasprintf("%s/link_%s", b->dir, bpf_program__name(p));
	struct bpf_link *link = bpf_link__open(path);
	if (link && bpf_link__update_program(link, p) == 0) {
		b->links[i] = link;
		return 0;
	}
	if (link)
		bpf_link__destroy(link);
	unlink(path);
	link = bpf_program__attach_cgroup(p, cgroup);
	if (!link)
		return err_sys(err, -errno, "the program \"%s\" cannot be attached to cgroup v2",
			       bpf_program__name(p));
	b->links[i] = link;
	int r = bpf_link__pin(link, path);
	return r < 0 ? err_sys(err, r, "cannot pin \"%s\"", path) : 0;
}

static int attach_all(struct vipbpf *b, struct err *err)
{
	auto_close int cgroup = open_cgroup(b->dir, err);
	if (cgroup < 0)
		return cgroup;
	struct bpf_program *p;
	size_t i = 0;
	int r = 0;
	bpf_object__for_each_program(p, b->object)
	{
		if (r == 0 && i < HOOKS)
			r = attach(b, i++, p, cgroup, err);
	}
	return r;
}

static int check_cookies(struct err *err)
{
	uint64_t cookie;
	socklen_t len = sizeof(cookie);
	auto_close int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || getsockopt(fd, SOL_SOCKET, SO_NETNS_COOKIE, &cookie, &len) < 0)
		return err_sys(err, -errno, "namespaces have no cookies here (Linux 5.14)");
	return 0;
}

int vipbpf_open(const char *dir, const uint32_t room[VIPBPF_TABLES], struct vipbpf **ret,
		bool *ret_found, struct err *err)
{
	libbpf_set_print(quiet);
	int r = check_cookies(err);
	if (r == 0)
		r = mount_pins(dir, err);
	if (r < 0)
		return r;
	struct vipbpf *b = xcalloc(1, sizeof(*b));
	b->dir = xstrdup(dir);
	if (room)
		memcpy(b->room, room, sizeof(b->room));
	r = load_or_renew(b, ret_found, err);
	if (r == 0)
		r = attach_all(b, err);
	if (r < 0) {
		vipbpf_close(b);
		return r;
	}
	*ret = b;
	return 0;
}

void vipbpf_close(struct vipbpf *b)
{
	if (!b)
		return;
	for (size_t i = 0; i < HOOKS; i++)
		bpf_link__destroy(b->links[i]); /* closes; the pin holds it */
	if (b->object)
		bpf_object__close(b->object);
	free(b->dir);
	free(b);
}

void vipbpf_wipe(const char *dir)
{
	if (is_fs(dir, BPF_FS_MAGIC) && umount2(dir, MNT_DETACH) < 0)
		log_warn("overlay", "cannot unmount \"%s\": %s", dir, strerror(errno));
	rmdir(dir);
}

uint32_t vipbpf_room(const struct vipbpf *b, enum vipbpf_table t)
{
	return b->room[t];
}

size_t vipbpf_key_size(enum vipbpf_table t)
{
	return tables[t].key;
}

size_t vipbpf_value_size(enum vipbpf_table t)
{
	return tables[t].value;
}

int vipbpf_put(struct vipbpf *b, enum vipbpf_table t, const void *key, const void *value)
{
	return bpf_map_update_elem(b->fds[t], key, value, BPF_ANY) < 0 ? -errno : 0;
}

int vipbpf_del(struct vipbpf *b, enum vipbpf_table t, const void *key)
{
	return bpf_map_delete_elem(b->fds[t], key) < 0 && errno != ENOENT ? -errno : 0;
}

int vipbpf_dump(struct vipbpf *b, enum vipbpf_table t, uint8_t **ret, size_t *ret_n)
{
	size_t key = tables[t].key, value = tables[t].value, n = 0, cap = 0;
	auto_free uint8_t *keys = xcalloc(BATCH, key);
	auto_free uint8_t *values = xcalloc(BATCH, value);
	uint8_t *all = NULL;
	uint32_t cursor[16];
	bool first = true, more = true;
	while (more) {
		uint32_t count = BATCH;
		/* -ENOSPC: a bucket that does not fit; none holds 4,096 records. */
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

static bool attached(struct bpf_link *link)
{
	struct bpf_link_info info = {0};
	uint32_t len = sizeof(info);
	return bpf_obj_get_info_by_fd(bpf_link__fd(link), &info, &len) == 0 &&
	       info.cgroup.cgroup_id != 0;
}

size_t vipbpf_broken(struct vipbpf *b)
{
	size_t n = 0;
	for (size_t i = 0; i < HOOKS; i++) {
		const char *pin = b->links[i] ? bpf_link__pin_path(b->links[i]) : NULL;
		n += !b->links[i] || !attached(b->links[i]) || (pin && !path_exists(pin));
	}
	for (size_t i = 0; i < VIPBPF_TABLES; i++)
		n += pinned_room(b->dir, tables[i].name) == 0;
	return n;
}
