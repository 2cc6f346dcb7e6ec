/* SPDX-License-Identifier: Apache-2.0
 * Volumes, binds and tmpfs of a plan. Says which directories must be there; makes none. */
#include "agent/core/plan_parts.h"
#include "agent/core/secretfiles.h"
#include "base/fd.h"
#include "manifests/limits.h"
#include <errno.h>
#include <string.h>

char *plan_volume_path(const char *data_dir, const char *name)
{
	return xasprintf("%s/volumes/%s/_data", data_dir, name);
}

char *plan_anonymous_dir(const char *data_dir, const char *task_id)
{
	return xasprintf("%s/volumes/.task/%s", data_dir, task_id);
}

char *plan_anonymous_path(const char *data_dir, const char *task_id, size_t n)
{
	return xasprintf("%s/volumes/.task/%s/%zu", data_dir, task_id, n);
}

int plan_clean_path(const char *path, char **ret, struct err *err)
{
	if (!path || path[0] != '/')
		return err_set(err, -EINVAL, "path \"%s\" is not absolute; start it with /",
			       path ? path : "");
	if (strlen(path) >= LIMIT_PATH)
		return err_set(err, -ENAMETOOLONG, "path \"%.60s...\" is longer than %d bytes",
			       path, LIMIT_PATH);
	if (path_goes_up(path))
		return err_set(err, -EINVAL, "path \"%s\" goes up with \"..\"; name it directly",
			       path);
	struct str s = {0};
	for (const char *p = path; *p;) {
		p += strspn(p, "/");
		size_t n = strcspn(p, "/");
		if (n > 0 && !(n == 1 && p[0] == '.')) {
			str_addc(&s, '/');
			str_addn(&s, p, n);
		}
		p += n;
	}
	if (s.len == 0)
		str_addc(&s, '/');
	*ret = str_take(&s);
	return 0;
}

struct builder {
	const struct plan_input *in;
	struct plan *p;
	size_t cap_mounts, cap_dirs;
	size_t n_anonymous;
};

static struct rt_mount *mount_add(struct builder *b, char *target_taken)
{
	struct rt_spec *rt = &b->p->rt;
	rt->mounts = vec_grow(rt->mounts, rt->n_mounts, &b->cap_mounts, sizeof(*rt->mounts));
	struct rt_mount *m = &rt->mounts[rt->n_mounts++];
	*m = (struct rt_mount){.target = target_taken};
	return m;
}

static struct plan_dir *dir_add(struct builder *b, char *path_taken)
{
	b->p->dirs = vec_grow(b->p->dirs, b->p->n_dirs, &b->cap_dirs, sizeof(*b->p->dirs));
	struct plan_dir *d = &b->p->dirs[b->p->n_dirs++];
	*d = (struct plan_dir){.path = path_taken};
	return d;
}

static bool target_taken(const struct plan *p, const char *target)
{
	for (size_t i = 0; i < p->rt.n_mounts; i++) {
		if (streq(p->rt.mounts[i].target, target))
			return true;
	}
	return false;
}

static void add_anonymous(struct builder *b, char *target_taken_, bool read_only, bool nocopy)
{
	const char *id = b->in->task->id;
	char *path = plan_anonymous_path(b->in->data_dir, id, b->n_anonymous++);
	dir_add(b, path);
	struct rt_mount *m = mount_add(b, target_taken_);
	m->source = xstrdup(path);
	m->read_only = read_only;
	m->copy_up = !nocopy;
}

static const struct spec_volume *find_volume(const struct wire_task *t, const char *key)
{
	for (size_t i = 0; i < t->n_volumes; i++) {
		if (streq(t->volumes[i].key, key))
			return &t->volumes[i];
	}
	return NULL;
}

static int add_volume(struct builder *b, const struct spec_mount *m, char *target, struct err *err)
{
	if (!m->source) {
		add_anonymous(b, target, m->read_only, m->volume_nocopy);
		return 0;
	}
	auto_free char *owned = target;
	const struct spec_volume *v = find_volume(b->in->task, m->source);
	if (!v || !v->name)
		return err_set(err, -ENOENT, "volume \"%s\" is not declared in the stack",
			       m->source);
	if (strchr(v->name, '/') || v->name[0] == '.' || !v->name[0])
		return err_set(err, -EINVAL, "volume name \"%s\" is not allowed; rename it",
			       v->name);
	if (m->volume_subpath && (path_goes_up(m->volume_subpath) || m->volume_subpath[0] == '/'))
		return err_set(err, -EINVAL,
			       "subpath \"%s\" leaves volume \"%s\"; name a folder in it",
			       m->volume_subpath, v->name);
	char *path = plan_volume_path(b->in->data_dir, v->name);
	struct plan_dir *d = dir_add(b, path);
	d->volume = v;
	d->subpath = xstrdup(m->volume_subpath);
	struct rt_mount *rm = mount_add(b, take_ptr(owned));
	rm->source = d->subpath ? xasprintf("%s/%s", path, d->subpath) : xstrdup(path);
	rm->read_only = m->read_only;
	rm->copy_up = !m->volume_nocopy && !d->subpath;
	return 0;
}

static int add_bind(struct builder *b, const struct spec_mount *m, char *target, struct err *err)
{
	auto_free char *owned = target;
	if (!m->source || m->source[0] != '/')
		return err_set(err, -EINVAL, "bind source \"%s\" is not an absolute path",
			       m->source ? m->source : "");
	struct plan_dir *d = dir_add(b, xstrdup(m->source));
	d->bind = true;
	d->create = m->bind_create;
	struct rt_mount *rm = mount_add(b, take_ptr(owned));
	rm->source = xstrdup(m->source);
	rm->read_only = m->read_only;
	rm->options = xstrdup(m->bind_propagation);
	rm->not_recursive = streq(m->bind_recursive, "disabled");
	rm->read_only_below = streq(m->bind_recursive, "readonly");
	return 0;
}

static void add_tmpfs(struct builder *b, const struct spec_mount *m, char *target)
{
	struct rt_mount *rm = mount_add(b, target);
	rm->tmpfs = true;
	rm->read_only = m->read_only;
	auto_str opts = {0};
	if (m->tmpfs_size >= 0)
		str_addf(&opts, "size=%lld", (long long)m->tmpfs_size);
	if (m->tmpfs_mode >= 0)
		str_addf(&opts, "%smode=%04llo", opts.len ? "," : "",
			 (unsigned long long)m->tmpfs_mode);
	if (opts.len)
		rm->options = str_take(&opts);
}

static int add_image(struct builder *b, const struct spec_mount *m, char *target, struct err *err)
{
	auto_free char *owned = target;
	size_t n = (size_t)(m - b->in->task->spec.mounts);
	if (!b->in->mounted || !b->in->mounted[n])
		return err_set(err, -ENOENT, "image \"%s\" to mount is not at hand",
			       m->source ? m->source : "");
	if (m->image_subpath && path_goes_up(m->image_subpath))
		return err_set(err, -EINVAL, "subpath \"%s\" leaves image \"%s\"", m->image_subpath,
			       m->source);
	struct rt_mount *rm = mount_add(b, take_ptr(owned));
	rm->image = &b->in->mounted[n]->layers;
	rm->image_subpath = m->image_subpath;
	rm->read_only = true;
	return 0;
}

/* m is one of the task's. */
static int add_mount(struct builder *b, const struct spec_mount *m, struct err *err)
{
	char *target = NULL;
	int r = plan_clean_path(m->target, &target, err);
	if (r < 0)
		return err_wrap(err, r, "mount target");
	switch (m->type) {
	case MOUNT_VOLUME:
		return add_volume(b, m, target, err);
	case MOUNT_BIND:
		return add_bind(b, m, target, err);
	case MOUNT_TMPFS:
		add_tmpfs(b, m, target);
		return 0;
	case MOUNT_IMAGE:
		return add_image(b, m, target, err);
	}
	free(target);
	return err_set(err, -EINVAL, "mount of an unknown type");
}

/* `tmpfs:` of a service: "path" or "path:options". */
static int add_short_tmpfs(struct builder *b, const char *text, struct err *err)
{
	const char *colon = strchr(text, ':');
	auto_free char *path = colon ? xstrndup(text, (size_t)(colon - text)) : xstrdup(text);
	char *target = NULL;
	int r = plan_clean_path(path, &target, err);
	if (r < 0)
		return err_wrap(err, r, "tmpfs");
	struct rt_mount *m = mount_add(b, target);
	m->tmpfs = true;
	if (colon && colon[1])
		m->options = xstrdup(colon + 1);
	return 0;
}

/* A config or secret of the service: the agent has made the file by then (secretfiles.h). */
static int add_grant(struct builder *b, const struct spec_grant *g, bool config, size_t i,
		     struct err *err)
{
	const char *kind = config ? "config" : "secret";
	char *target = NULL;
	int r = plan_clean_path(g->target, &target, err);
	if (r < 0)
		return err_wrap(err, r, "the target of %s \"%s\"", kind, g->source);
	if (target_taken(b->p, target)) {
		r = err_set(err, -EEXIST,
			    "the %s \"%s\" cannot be at \"%s\": something else is mounted there; "
			    "choose another target",
			    kind, g->source, target);
		free(target);
		return r;
	}
	struct rt_mount *m = mount_add(b, target);
	m->source = secretfiles_path(b->in->run_dir, b->in->task->id, config, i);
	m->read_only = true;
	/* A config may be a script to run, as in Docker. */
	m->options = xstrdup(config ? "nosuid,nodev,exec" : "nosuid,nodev,noexec");
	return 0;
}

static int add_grants(struct builder *b, const struct spec_service *s, struct err *err)
{
	int r = 0;
	for (size_t i = 0; r == 0 && i < s->n_secrets; i++)
		r = add_grant(b, &s->secrets[i], false, i, err);
	for (size_t i = 0; r == 0 && i < s->n_configs; i++)
		r = add_grant(b, &s->configs[i], true, i, err);
	return r;
}

int plan_mounts(const struct plan_input *in, struct plan *p, struct err *err)
{
	const struct spec_service *s = &in->task->spec;
	struct builder b = {.in = in, .p = p};
	for (size_t i = 0; i < s->n_mounts; i++) {
		int r = add_mount(&b, &s->mounts[i], err);
		if (r < 0)
			return r;
	}
	for (size_t i = 0; i < s->tmpfs.n; i++) {
		int r = add_short_tmpfs(&b, s->tmpfs.v[i], err);
		if (r < 0)
			return r;
	}
	int granted = add_grants(&b, s, err);
	if (granted < 0)
		return granted;
	/* The image's own volumes, where the service mounts nothing itself. */
	const struct image *image = in->volumes_of ? in->volumes_of : in->image;
	p->rt.fill_from = in->volumes_of ? &in->volumes_of->layers : NULL;
	for (size_t i = 0; i < image->volumes.n && i < LIMIT_SERVICE_MOUNTS; i++) {
		char *target = NULL;
		int r = plan_clean_path(image->volumes.v[i], &target, err);
		if (r < 0)
			return err_wrap(err, r, "volume of image \"%s\"", s->image);
		if (target_taken(p, target))
			free(target);
		else
			add_anonymous(&b, target, false, false);
	}
	return 0;
}
