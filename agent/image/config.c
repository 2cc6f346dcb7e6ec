/* SPDX-License-Identifier: Apache-2.0
 *
 * The configuration of an image: what it says about its containers. Everything in it was written by
 * a stranger, so paths are made absolute and plain, and lists are bounded.
 */
#include "agent/image/manifest.h"
#include "manifests/limits.h"
#include <errno.h>
#include <string.h>

/* Absolute, with neither "." nor ".." nor empty components; caller frees. */
static char *path_clean(const char *path)
{
	auto_str out = {0};
	auto_free char *copy = xstrdup(path);
	char *save = NULL;
	for (char *c = strtok_r(copy, "/", &save); c; c = strtok_r(NULL, "/", &save)) {
		if (streq(c, "."))
			continue;
		if (!streq(c, "..")) {
			str_addf(&out, "/%s", c);
			continue;
		}
		char *slash = out.data ? strrchr(out.data, '/') : NULL;
		if (slash) {
			*slash = '\0';
			out.len = (size_t)(slash - out.data);
		}
	}
	if (out.len == 0)
		str_add(&out, "/");
	return str_take(&out);
}

/* The kernel's own trees hold ways out of a container (/proc/self/fd); no image needs to start or
 * mount there. */
static bool path_refused(const char *clean)
{
	static const char *const trees[] = {"/proc", "/sys"};
	if (strlen(clean) >= LIMIT_PATH)
		return true;
	for (size_t i = 0; i < ARRAY_LEN(trees); i++) {
		size_t n = strlen(trees[i]);
		if (strncmp(clean, trees[i], n) == 0 && (clean[n] == '\0' || clean[n] == '/'))
			return true;
	}
	return false;
}

static int bounded(const json_t *config, const char *key, struct err *err)
{
	const json_t *j = json_object_get(config, key);
	size_t n = json_is_array(j) ? json_array_size(j) : json_object_size(j);
	if (n > LIMIT_SERVICE_LIST)
		return err_set(err, -EFBIG, "the image's '%s' has more than %d members", key,
			       LIMIT_SERVICE_LIST);
	return 0;
}

static void keys_of(const json_t *config, const char *key, struct strlist *out)
{
	const char *name;
	json_t *value;
	json_object_foreach(json_object_get(config, key), name, value)
	{
		strlist_add(out, name);
	}
}

static int take_volumes(const json_t *config, struct image *i, struct err *err)
{
	const char *name;
	json_t *value;
	json_object_foreach(json_object_get(config, "Volumes"), name, value)
	{
		auto_free char *clean = path_clean(name);
		if (path_refused(clean) || streq(clean, "/"))
			return err_set(err, -EBADMSG,
				       "the image wants a volume at '%.200s', which is refused",
				       name);
		if (!strlist_has(&i->volumes, clean))
			strlist_take(&i->volumes, take_ptr(clean));
	}
	return 0;
}

static void take_health(const json_t *config, struct image *i)
{
	const json_t *h = json_object_get(config, "Healthcheck");
	json_strlist(h, "Test", &i->health_test);
	i->health_interval = json_int(h, "Interval", -1);
	i->health_timeout = json_int(h, "Timeout", -1);
	i->health_start_period = json_int(h, "StartPeriod", -1);
	i->health_retries = json_int(h, "Retries", -1);
}

static int take_config(const json_t *config, struct image *i, struct err *err)
{
	static const char *const lists[] = {"Env",    "Entrypoint",   "Cmd",
					    "Labels", "ExposedPorts", "Volumes"};
	int r;
	for (size_t n = 0; n < ARRAY_LEN(lists); n++)
		if ((r = bounded(config, lists[n], err)) < 0)
			return r;
	if ((r = bounded(json_object_get(config, "Healthcheck"), "Test", err)) < 0)
		return r;
	json_strlist(config, "Env", &i->env);
	json_strlist(config, "Entrypoint", &i->entrypoint);
	json_strlist(config, "Cmd", &i->cmd);
	json_kvlist(config, "Labels", &i->labels);
	keys_of(config, "ExposedPorts", &i->exposed);
	take_health(config, i);
	i->user = xstrdup(json_str_or(config, "User", ""));
	i->stop_signal = xstrdup(json_str_or(config, "StopSignal", ""));
	const char *dir = json_str_or(config, "WorkingDir", "");
	i->working_dir = *dir ? path_clean(dir) : xstrdup("");
	if (path_refused(i->working_dir))
		return err_set(err, -EBADMSG,
			       "the image wants to start in '%.200s', which is refused", dir);
	return take_volumes(config, i, err);
}

int image_config_parse(const char *text, size_t len, struct image *i, struct strlist *diff_ids,
		       struct err *err)
{
	auto_json *doc = json_parse(text, len, err);
	if (!doc)
		return err_wrap(err, -EBADMSG, "the image's configuration is not valid JSON");
	const json_t *rootfs = json_object_get(doc, "rootfs");
	const json_t *ids = json_object_get(rootfs, "diff_ids");
	if (ids && (!json_is_array(ids) || json_array_size(ids) > LIMIT_IMAGE_LAYERS))
		return err_set(err, -EBADMSG, "the image's configuration has no usable 'diff_ids'");
	for (size_t n = 0; n < json_array_size(ids); n++) {
		const char *id = json_string_value(json_array_get(ids, n));
		if (!id || !digest_valid(id))
			return err_set(err, -EBADMSG,
				       "diff id %zu of the image is not a sha256 digest", n + 1);
		strlist_add(diff_ids, id);
	}
	return take_config(json_object_get(doc, "config"), i, err);
}
