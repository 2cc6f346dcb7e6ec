/* SPDX-License-Identifier: Apache-2.0
 * The table of a node's containers: opening (and finding what runs), asking, closing. */
#include "agent/runtime/runtime.h"
#include "agent/runtime/internal.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/log.h"
#include "base/program.h"

#include <dirent.h>
#include <errno.h>
#include <string.h>

#define LOG_MAX_DEFAULT   (10 << 20)
#define LOG_FILES_DEFAULT 3
#define LOG_FILES_MAX     100

static bool read_intent(struct container *c)
{
	auto_free char *path = xasprintf("%s/spec.json", c->data);
	auto_json *j = json_parse_file(path, NULL);
	if (!streq(json_str(j, "id"), c->id))
		return false;
	json_kvlist(j, "labels", &c->labels);
	return true;
}

static void adopt(struct runtime *r, const char *id)
{
	if (map_has(&r->containers, id))
		return;
	struct container *c = container_new(r, id);
	if (!read_intent(c)) {
		log_info("runtime", "removing the leftovers of '%s'", id);
		cgroup_kill(&r->cgroups, c->cgroup);
		remove_leftovers(r, id);
		container_free(c);
		return;
	}
	map_set(&r->containers, id, c);
	container_refresh(c, false);
	if (c->state == RT_RUNNING)
		exec_kill_orphans(c);
}

static void adopt_all(struct runtime *r, const char *dir)
{
	auto_free char *path = xasprintf("%s/containers", dir);
	auto_strlist ids = {0};
	DIR *d = opendir(path);
	for (struct dirent *e; d && (e = readdir(d));)
		if (e->d_name[0] != '.')
			strlist_add(&ids, e->d_name);
	if (d)
		closedir(d);
	for (size_t i = 0; i < ids.n; i++)
		adopt(r, ids.v[i]);
}

/* Deferred, so that the caller of runtime_open has its runtime when it is told. */
static void tell_found(void *arg)
{
	struct runtime *r = arg;
	auto_strlist ids = {0};
	runtime_list(r, &ids);
	for (size_t i = 0; i < ids.n; i++) {
		struct container *c = container_find(r, ids.v[i]);
		if (c && c->state != RT_CREATED)
			container_announce(c);
	}
}

static int find_programs(struct runtime *r, const struct runtime_config *c, struct err *err)
{
	r->crun = xstrdup(c->crun ?: "crun");
	r->shim = program_find(c->shim, "carrack-shim");
	if (!r->shim)
		return err_set(err, -ENOENT,
			       "no program '%s': install it beside carrack or in the PATH",
			       c->shim ?: "carrack-shim");
	int code = cgroups_detect(&r->cgroups, err);
	if (code == 0 && r->cgroups.hybrid)
		log_info("runtime", "cgroup v1 with controllers on v2 at '/sys/fs/cgroup/unified': "
				    "containers are started without sight of the v2 part");
	return code;
}

static int make_folders(struct runtime *r, struct err *err)
{
	auto_free char *run = xasprintf("%s/containers", r->run_dir);
	auto_free char *data = xasprintf("%s/containers", r->data_dir);
	int code = dir_make(run, 0700, err);
	if (code == 0)
		code = dir_make(data, 0700, err);
	if (code == 0)
		code = make_trash(r, err);
	return code < 0 ? code : dir_make(r->crun_root, 0700, err);
}

int runtime_open(struct loop *l, const struct runtime_config *c, rt_event_cb cb, void *arg,
		 struct runtime **ret, struct err *err)
{
	struct runtime *r = xcalloc(1, sizeof(*r));
	r->loop = l;
	r->cb = cb;
	r->arg = arg;
	r->run_dir = xstrdup(c->run_dir);
	r->data_dir = xstrdup(c->data_dir);
	r->crun_root = xasprintf("%s/crun", c->run_dir);
	r->cgroup_parent = xstrdup(c->cgroup_parent ?: "/carrack");
	r->log_max_bytes = c->log_max_bytes > 0 ? c->log_max_bytes : LOG_MAX_DEFAULT;
	r->log_files = c->log_files <= 0              ? LOG_FILES_DEFAULT
		       : c->log_files > LOG_FILES_MAX ? LOG_FILES_MAX
						      : c->log_files;
	r->caps = caps_available();
	r->containers.free_val = container_free;
	r->filters.free_val = free;
	int code = find_programs(r, c, err);
	if (code == 0)
		code = make_folders(r, err);
	if (code < 0) {
		runtime_close(r);
		return code;
	}
	adopt_all(r, r->data_dir);
	adopt_all(r, r->run_dir);
	r->found = timer_new(l, tell_found, r);
	timer_set(r->found, 0);
	*ret = r;
	return 0;
}

void runtime_close(struct runtime *r)
{
	if (!r)
		return;
	timer_free(r->found);
	background_free(r);
	map_clear(&r->containers);
	map_clear(&r->filters);
	cgroups_done(&r->cgroups);
	free(r->run_dir);
	free(r->data_dir);
	free(r->crun);
	free(r->crun_root);
	free(r->shim);
	free(r->cgroup_parent);
	free(r);
}

void runtime_list(struct runtime *r, struct strlist *ids)
{
	map_each(&r->containers, e) if (!((struct container *)e->val)->deleting)
		strlist_add(ids, e->key);
}

int runtime_status(struct runtime *r, const char *id, struct rt_status *out)
{
	const struct container *c = container_find(r, id);
	if (!c)
		return -ENOENT;
	container_status(c, out);
	return 0;
}

const struct kvlist *runtime_labels(struct runtime *r, const char *id)
{
	const struct container *c = container_find(r, id);
	return c ? &c->labels : NULL;
}
