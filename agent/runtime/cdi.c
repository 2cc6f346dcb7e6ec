/* SPDX-License-Identifier: Apache-2.0
 * Devices by name; see cdi.h. */
#include "agent/runtime/cdi.h"
#include "base/fd.h"
#include "manifests/spec.h"
#include "manifests/yamldoc.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#define FILE_MAX_BYTES (4u << 20)

const char *const cdi_folders[] = {"/var/run/cdi", "/etc/cdi", NULL};

static int is_cdi_file(const struct dirent *e)
{
	return e->d_name[0] != '.' && (str_ends(e->d_name, ".json") ||
				       str_ends(e->d_name, ".yaml") || str_ends(e->d_name, ".yml"));
}

/* All files of the folders, an array of {"path", "spec"}. One that cannot be read is passed over where
 * another has the device, and *bad says why. */
static json_t *read_files(const char *const *folders, struct err *bad)
{
	json_t *all = json_array();
	for (; *folders; folders++) {
		struct dirent **v;
		int n = scandir(*folders, &v, is_cdi_file, alphasort);
		for (int i = 0; i < n; i++) {
			auto_free char *path = xasprintf("%s/%s", *folders, v[i]->d_name);
			auto_free char *text = NULL;
			size_t len = 0;
			json_t *spec = NULL;
			if (file_read(path, FILE_MAX_BYTES, &text, &len, bad) == 0)
				spec = yamldoc_json(path, text, len, bad);
			if (spec)
				json_array_append_new(all, spec);
			free(v[i]);
		}
		if (n >= 0)
			free(v);
	}
	return all;
}

static json_t *array_in(json_t *of, const char *key)
{
	json_t *list = json_object_get(of, key);
	if (!list) {
		list = json_array();
		json_object_set_new(of, key, list);
	}
	return list;
}

static json_t *object_in(json_t *of, const char *key)
{
	json_t *o = json_object_get(of, key);
	if (!o) {
		o = json_object();
		json_object_set_new(of, key, o);
	}
	return o;
}

static bool node_there(const json_t *nodes, const char *path)
{
	size_t i;
	json_t *n;
	json_array_foreach(nodes, i, n) if (streq(json_str(n, "path"), path)) return true;
	return false;
}

/* What the file leaves out is the host's own node's. */
static int add_node(json_t *config, const json_t *d, struct err *err)
{
	json_t *linux_ = object_in(config, "linux");
	const char *path = json_str(d, "path"), *host = json_str_or(d, "hostPath", path);
	const char *type = json_str(d, "type"), *access = json_str_or(d, "permissions", "rwm");
	int64_t numbers[2] = {json_int(d, "major", -1), json_int(d, "minor", -1)};
	struct stat st;
	if (!path || path[0] != '/')
		return err_set(err, -EINVAL, "a device node of the CDI files has no path");
	bool there = stat(host, &st) == 0 && (S_ISCHR(st.st_mode) || S_ISBLK(st.st_mode));
	if ((!type || numbers[0] < 0 || numbers[1] < 0) && !there)
		return err_set(err, -ENODEV,
			       "no device '%s' on this host, which its CDI file names", host);
	if (!type)
		type = S_ISBLK(st.st_mode) ? "b" : "c";
	if (numbers[0] < 0 || numbers[1] < 0) {
		numbers[0] = major(st.st_rdev);
		numbers[1] = minor(st.st_rdev);
	}
	json_t *rule = json_object(), *node = json_object();
	json_put_bool(rule, "allow", true);
	json_put_str(rule, "type", type);
	json_put_int(rule, "major", numbers[0]);
	json_put_int(rule, "minor", numbers[1]);
	json_put_str(rule, "access", access);
	json_array_append_new(array_in(object_in(linux_, "resources"), "devices"), rule);
	json_put_str(node, "path", path);
	json_put_str(node, "type", type);
	json_put_int(node, "major", numbers[0]);
	json_put_int(node, "minor", numbers[1]);
	json_put_int(node, "fileMode", json_int(d, "fileMode", there ? st.st_mode & 0777 : 0666));
	json_put_int(node, "uid", json_int(d, "uid", there ? st.st_uid : 0));
	json_put_int(node, "gid", json_int(d, "gid", there ? st.st_gid : 0));
	json_t *nodes = array_in(linux_, "devices");
	if (node_there(nodes, path))
		json_decref(node);
	else
		json_array_append_new(nodes, node);
	return 0;
}

static int add_mount(json_t *config, const json_t *m, struct err *err)
{
	const char *host = json_str(m, "hostPath"), *inside = json_str(m, "containerPath");
	json_t *options = json_object_get(m, "options"), *out;
	if (!host || !inside || inside[0] != '/')
		return err_set(err, -EINVAL, "a mount of the CDI files has no path");
	out = json_object();
	json_put_str(out, "source", host);
	json_put_str(out, "destination", inside);
	json_put_str(out, "type", json_str_or(m, "type", "bind"));
	if (options)
		json_object_set(out, "options", options);
	else
		json_object_set_new(out, "options",
				    json_pack("[ssss]", "rbind", "rprivate", "nosuid", "nodev"));
	json_array_append_new(array_in(config, "mounts"), out);
	return 0;
}

static int add_hook(json_t *config, const json_t *h, struct err *err)
{
	static const char *const names[] = {"prestart",       "createRuntime", "createContainer",
					    "startContainer", "poststart",     "poststop"};
	const char *name = json_str(h, "hookName");
	bool known = false;
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		known = known || streq(names[i], name);
	if (!known || !json_str(h, "path"))
		return err_set(err, -EINVAL, "a hook of the CDI files has no name of OCI's: '%s'",
			       name ? name : "");
	json_t *out = json_copy((json_t *)h);
	json_object_del(out, "hookName");
	json_array_append_new(array_in(object_in(config, "hooks"), name), out);
	return 0;
}

static void add_env(json_t *config, const char *text)
{
	json_t *env = array_in(object_in(config, "process"), "env"), *v;
	size_t n = strcspn(text, "=") + 1, i;
	json_array_foreach(env, i, v)
	{
		if (strncmp(json_string_value(v), text, n) == 0) {
			json_array_set_new(env, i, json_string(text));
			return;
		}
	}
	json_array_append_new(env, json_string(text));
}

static int edit(json_t *config, const json_t *edits, struct err *err)
{
	json_t *v, *user = object_in(object_in(config, "process"), "user");
	size_t i;
	int r = 0;
	json_array_foreach(json_object_get(edits, "env"), i, v)
	{
		if (json_is_string(v) && strchr(json_string_value(v), '='))
			add_env(config, json_string_value(v));
	}
	json_array_foreach(json_object_get(edits, "additionalGids"), i, v)
	{
		if (json_integer_value(v) > 0)
			json_array_append(array_in(user, "additionalGids"), v);
	}
	json_array_foreach(json_object_get(edits, "deviceNodes"), i, v) if (r == 0) r =
		add_node(config, v, err);
	json_array_foreach(json_object_get(edits, "mounts"), i, v) if (r == 0) r =
		add_mount(config, v, err);
	json_array_foreach(json_object_get(edits, "hooks"), i, v) if (r == 0) r =
		add_hook(config, v, err);
	return r;
}

/* As YAML has an unquoted one, a name may be a number. Caller frees; NULL: neither. */
static char *device_name(const json_t *device)
{
	const json_t *n = json_object_get(device, "name");
	return json_is_integer(n) ? xasprintf("%lld", (long long)json_integer_value(n))
				  : xstrdup(json_string_value(n));
}

/* The device of a file, by its full name; NULL: another file's. */
static json_t *device_of(const json_t *spec, const char *name)
{
	const char *kind = json_str(spec, "kind"), *eq = strchr(name, '=');
	json_t *d;
	size_t i;
	if (!kind || strlen(kind) != (size_t)(eq - name) || strncmp(kind, name, strlen(kind)) != 0)
		return NULL;
	json_array_foreach(json_object_get(spec, "devices"), i, d)
	{
		auto_free char *text = device_name(d);
		if (streq(text, eq + 1))
			return d;
	}
	return NULL;
}

int cdi_apply(const struct strlist *devices, const char *const *folders, json_t *config,
	      struct err *err)
{
	struct err bad = {0};
	auto_json *files = NULL, *used = json_array();
	int r = 0;
	for (size_t i = 0; r == 0 && i < devices->n; i++) {
		const char *name = devices->v[i];
		json_t *spec = NULL, *device = NULL;
		size_t k;
		if (!spec_device_named(name))
			continue;
		if (!files)
			files = read_files(folders ? folders : cdi_folders, &bad);
		json_array_foreach(files, k, spec) if ((device = device_of(spec, name))) break;
		if (!device)
			return err_set(err, -ENODEV,
				       "no device '%s' on this host: no file in /etc/cdi or "
				       "/var/run/cdi has it%s%s",
				       name, bad.code ? "; " : "", bad.code ? err_text(&bad) : "");
		r = edit(config, json_object_get(device, "containerEdits"), err);
		auto_free char *mark = xasprintf("%zu", k);
		bool again = false;
		json_t *m;
		size_t at;
		json_array_foreach(used, at, m) again = again || streq(json_string_value(m), mark);
		if (r == 0 && !again) {
			json_array_append_new(used, json_string(mark));
			r = edit(config, json_object_get(spec, "containerEdits"), err);
		}
	}
	return r;
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

void cdi_names(const char *const *folders, struct strlist *out)
{
	auto_json *files = read_files(folders ? folders : cdi_folders, NULL);
	auto_strlist all = {0};
	json_t *spec, *d;
	size_t i, k;
	json_array_foreach(files, i, spec)
	{
		json_array_foreach(json_object_get(spec, "devices"), k, d)
		{
			auto_free char *name = device_name(d);
			auto_free char *whole =
				xasprintf("%s=%s", json_str_or(spec, "kind", ""), name ? name : "");
			if (spec_device_named(whole))
				strlist_add(&all, whole);
		}
	}
	if (all.n)
		qsort(all.v, all.n, sizeof(*all.v), by_text);
	for (i = 0; i < all.n; i++)
		if (i == 0 || !streq(all.v[i], all.v[i - 1]))
			strlist_add(out, all.v[i]);
}

static uint64_t mix(uint64_t h, const void *bytes, size_t n)
{
	for (const unsigned char *p = bytes; n--; p++)
		h = (h ^ *p) * 0x100000001b3u; /* FNV-1a */
	return h;
}

uint64_t cdi_changes(const char *const *folders)
{
	uint64_t h = 0xcbf29ce484222325u;
	for (folders = folders ? folders : cdi_folders; *folders; folders++) {
		struct dirent **v;
		int n = scandir(*folders, &v, is_cdi_file, alphasort);
		for (int i = 0; i < n; i++) {
			auto_free char *path = xasprintf("%s/%s", *folders, v[i]->d_name);
			struct stat st;
			free(v[i]);
			if (stat(path, &st) < 0)
				continue;
			h = mix(h, path, strlen(path));
			h = mix(h, &st.st_ino, sizeof(st.st_ino));
			h = mix(h, &st.st_size, sizeof(st.st_size));
			h = mix(h, &st.st_mtim, sizeof(st.st_mtim));
		}
		if (n >= 0)
			free(v);
	}
	return h;
}
