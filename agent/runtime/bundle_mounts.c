/* SPDX-License-Identifier: Apache-2.0
 * The mounts of a container: those of every container, its files in /etc, and the user's. */
#include "agent/runtime/bundle_parts.h"
#include "base/fd.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#define SHM_DEFAULT (64 << 20)

static json_t *add_mount(json_t *list, const char *target, const char *type, const char *source,
			 const char *options)
{
	json_t *j = json_object();
	json_put_str(j, "destination", target);
	json_put_str(j, "type", type);
	json_put_str(j, "source", source);
	json_object_set_new(j, "options", bundle_words(options));
	json_array_append_new(list, j);
	return j;
}

static const struct rt_mount *mount_at(const struct rt_spec *s, const char *target)
{
	for (size_t i = 0; i < s->n_mounts; i++)
		if (streq(s->mounts[i].target, target))
			return &s->mounts[i];
	return NULL;
}

static void add_shm(json_t *list, const struct rt_spec *s, const char *shared)
{
	if (s->no_shm || mount_at(s, "/dev/shm"))
		return;
	if (shared) {
		add_mount(list, "/dev/shm", "bind", shared, "bind nosuid noexec nodev");
		return;
	}
	auto_free char *options = bundle_shm_options(s->shm_size);
	auto_free char *words = xasprintf("nosuid noexec nodev %s", options);
	for (char *p = words; *p; p++)
		*p = *p == ',' ? ' ' : *p;
	add_mount(list, "/dev/shm", "tmpfs", "shm", words);
}

char *bundle_shm_options(int64_t size)
{
	return xasprintf("mode=1777,size=%lld", (long long)(size >= 0 ? size : SHM_DEFAULT));
}

static void add_system(json_t *list, const struct rt_spec *s, const char *shm)
{
	const char *sys = s->privileged ? "nosuid noexec nodev" : "nosuid noexec nodev ro";
	add_mount(list, "/proc", "proc", "proc", "nosuid noexec nodev");
	add_mount(list, "/dev", "tmpfs", "tmpfs", "nosuid strictatime mode=755 size=65536k");
	add_mount(list, "/dev/pts", "devpts", "devpts",
		  "nosuid noexec newinstance ptmxmode=0666 mode=0620 gid=5");
	add_mount(list, "/sys", "sysfs", "sysfs", sys);
	add_mount(list, "/sys/fs/cgroup", "cgroup", "cgroup",
		  s->privileged ? "nosuid noexec nodev relatime rw"
				: "nosuid noexec nodev relatime ro");
	if (s->host_ipc) {
		if (path_exists("/dev/mqueue")) /* a host need not have it mounted */
			add_mount(list, "/dev/mqueue", "bind", "/dev/mqueue",
				  "rbind nosuid noexec nodev");
		add_mount(list, "/dev/shm", "bind", "/dev/shm", "rbind nosuid noexec nodev");
		return;
	}
	add_mount(list, "/dev/mqueue", "mqueue", "mqueue", "nosuid noexec nodev");
	add_shm(list, s, shm);
}

static void add_etc(json_t *list, const struct rt_spec *s, const char *files)
{
	static const char *const names[] = {"hosts", "resolv.conf", "hostname"};
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		auto_free char *target = xasprintf("/etc/%s", names[i]);
		auto_free char *source = xasprintf("%s/%s", files, names[i]);
		if (!mount_at(s, target))
			add_mount(list, target, "bind", source, "rbind rprivate");
	}
}

static void add_user_mount(json_t *list, const struct rt_mount *m)
{
	const char *access = m->read_only ? "ro" : "rw";
	const char *bind = m->not_recursive ? "bind" : "rbind";
	const char *below = m->read_only && m->read_only_below ? " rro" : "";
	auto_free char *plain = m->tmpfs ? xasprintf("nosuid nodev %s", access)
					 : xasprintf("%s rprivate %s%s", bind, access, below);
	json_t *j = add_mount(list, m->target, m->tmpfs ? "tmpfs" : "bind",
			      m->tmpfs ? "tmpfs" : m->source, plain);
	json_t *options = json_object_get(j, "options");
	for (const char *p = m->options ?: ""; *p;) {
		size_t n = strcspn(p, ",");
		if (n)
			json_array_append_new(options, json_stringn(p, n));
		p += n + (p[n] == ',');
	}
}

static size_t depth_of(const char *target)
{
	size_t n = 0;
	for (const char *p = target; *p; p++)
		n += p[0] == '/' && p[1] && p[1] != '/';
	return n;
}

/* A mount must come after the one that it lies in, whatever order the user wrote them in. */
static void append_by_depth(json_t *list, const json_t *more)
{
	size_t i, deepest = 0;
	json_t *m;
	json_array_foreach(more, i, m)
	{
		size_t d = depth_of(json_str(m, "destination"));
		deepest = d > deepest ? d : deepest;
	}
	for (size_t d = 0; d <= deepest; d++)
		json_array_foreach(more, i, m) if (depth_of(json_str(m, "destination")) == d)
			json_array_append(list, m);
}

json_t *bundle_mounts(const struct rt_spec *s, const struct bundle_host *h, struct err *err)
{
	json_t *list = json_array();
	auto_json *more = json_array();
	add_system(list, s, h->shm);
	add_etc(more, s, h->files);
	for (size_t i = 0; i < s->n_mounts; i++)
		add_user_mount(more, &s->mounts[i]);
	append_by_depth(list, more);
	if (s->init && !h->shim) {
		json_decref(list);
		err_set(err, -ENOENT,
			"'init' needs the program 'carrack-shim': install it beside carrack");
		return NULL;
	}
	if (s->init)
		add_mount(list, "/dev/init", "bind", h->shim, "bind ro nosuid nodev");
	return list;
}

static bool path_is_plain(const char *path)
{
	if (!path || path[0] != '/' || strlen(path) > 4000)
		return false;
	for (const char *p = path; *p;) {
		p += strspn(p, "/");
		size_t n = strcspn(p, "/");
		if ((n == 2 && p[0] == '.' && p[1] == '.') || n > 255)
			return false;
		p += n;
	}
	return true;
}

static bool is_below(const char *path, const char *dir)
{
	size_t n = strlen(dir);
	return strncmp(path, dir, n) == 0 && (path[n] == '/' || path[n] == '\0');
}

int bundle_check_mounts(const struct rt_spec *s, struct err *err)
{
	for (size_t i = 0; i < s->n_mounts; i++) {
		const struct rt_mount *m = &s->mounts[i];
		if (!path_is_plain(m->target) || depth_of(m->target) == 0)
			return err_set(err, -EINVAL,
				       "cannot mount at '%s': use an absolute path without '..'",
				       m->target ?: "");
		if (is_below(m->target, "/proc") && !s->privileged)
			return err_set(err, -EPERM,
				       "cannot mount at '%s': /proc belongs to the container's "
				       "kernel view",
				       m->target);
		if (m->tmpfs || m->image)
			continue;
		if (!path_is_plain(m->source))
			return err_set(err, -EINVAL,
				       "cannot mount '%s': use an absolute path without '..'",
				       m->source ?: "");
		if (!path_exists(m->source))
			return err_set(err, -ENOENT,
				       "cannot mount '%s': it is not there on this host",
				       m->source);
	}
	return 0;
}

/* Does another mount decide what is at this target? */
static bool is_covered(const struct rt_spec *s, const struct rt_mount *m)
{
	for (size_t i = 0; i < s->n_mounts; i++)
		if (&s->mounts[i] != m && is_below(m->target, s->mounts[i].target))
			return true;
	return false;
}

int bundle_check_places(const struct rt_spec *s, int rootfd, struct err *err)
{
	for (size_t i = 0; i < s->n_mounts; i++) {
		const struct rt_mount *m = &s->mounts[i];
		struct stat st;
		if (m->tmpfs || stat(m->source, &st) < 0 || S_ISDIR(st.st_mode) || is_covered(s, m))
			continue;
		auto_close int fd = open_in_root(rootfd, m->target, O_PATH, 0);
		if (fd >= 0 && fstat(fd, &st) == 0 && S_ISDIR(st.st_mode))
			return err_set(err, -EISDIR,
				       "no file can be mounted at '%s': the image has a folder "
				       "there; name a file in it",
				       m->target);
	}
	return 0;
}
