/* SPDX-License-Identifier: Apache-2.0
 * What a service has out of files: environment, labels, seccomp profiles; see decode.h. */
#include "manifests/decode.h"
#include "manifests/dotenv.h"
#include "manifests/limits.h"
#include "manifests/words.h"

#include <errno.h>
#include <string.h>

enum format { FORMAT_DOTENV, FORMAT_RAW };

static void file_read_pairs(struct decode *c, const struct node *n, const char *name, bool required,
			    enum format format, struct kvlist *out)
{
	if (!c->in || !c->in->read) {
		decode_error(c, n, "'%s' cannot be read here", c->key);
		return;
	}
	auto_free char *path = decode_host_path(c, n, name);
	auto_free char *text = NULL;
	size_t len = 0;
	if (!path)
		return;
	if (c->in->no_env_files && streq(c->key, "env_file"))
		return;
	int rc = c->in->read(path, &text, &len, c->in->read_arg);
	if (rc == -ENOENT && !required)
		return;
	if (rc < 0)
		decode_error(c, n, "cannot read the %s '%.200s': %s", c->key, path, strerror(-rc));
	else if (format == FORMAT_RAW)
		dotenv_parse_raw(name, text, len, c->in->env, out, c->d);
	else
		dotenv_parse(name, text, len, c->in->env, out, c->d);
}

static void env_file_one(struct decode *c, const struct node *n, struct kvlist *out)
{
	const char *path = NULL, *format = NULL;
	bool required = true;
	if (n->kind != NODE_MAP) {
		if (decode_string(c, n, &path))
			file_read_pairs(c, n, path, true, FORMAT_DOTENV, out);
		return;
	}
	decode_record(c, n, &record_env_file, NULL);
	const struct node_pair *p = node_find(n, "path"), *r = node_find(n, "required");
	const struct node_pair *f = node_find(n, "format");
	if (r)
		decode_bool(c, r->value, &required);
	if (f && decode_string(c, f->value, &format) && !streq(format, "raw")) {
		decode_error(c, f->value, "'format' can be raw, or left out, not '%.100s'", format);
		return;
	}
	if (!p)
		decode_error(c, n, "an env_file needs 'path'");
	else if (decode_string(c, p->value, &path))
		file_read_pairs(c, p->value, path, required, format ? FORMAT_RAW : FORMAT_DOTENV,
				out);
}

FIELD_DECODER(decode_env_file)
{
	struct kvlist *out = &((struct spec_service *)obj)->environment;
	(void)f;
	if (n->kind != NODE_SEQ) {
		env_file_one(c, n, out);
		return;
	}
	for (size_t i = 0; i < n->n && !diag_full(c->d); i++)
		env_file_one(c, n->items[i], out);
}

FIELD_DECODER(decode_label_file)
{
	struct kvlist *out = &((struct spec_service *)obj)->labels;
	const char *path;
	(void)f;
	if (n->kind != NODE_SEQ) {
		if (decode_string(c, n, &path))
			file_read_pairs(c, n, path, true, FORMAT_DOTENV, out);
		return;
	}
	for (size_t i = 0; i < n->n && !diag_full(c->d); i++)
		if (decode_string(c, n->items[i], &path))
			file_read_pairs(c, n->items[i], path, true, FORMAT_DOTENV, out);
}

/* A profile is a file on this machine: it travels as its JSON. */
static char *seccomp_text(struct decode *c, const struct node *n, const char *value)
{
	auto_free char *path = NULL, *text = NULL;
	size_t len = 0;
	if (!c->in || !c->in->read) {
		decode_error(c, n, "a seccomp profile must come as its JSON");
		return NULL;
	}
	if (!(path = decode_host_path(c, n, value)))
		return NULL;
	int rc = c->in->read(path, &text, &len, c->in->read_arg);
	if (rc < 0) {
		decode_error(c, n, "cannot read the seccomp profile '%.200s': %s", path,
			     strerror(-rc));
		return NULL;
	}
	auto_json *j = json_parse(text, len, NULL);
	if (!json_str(j, "defaultAction")) {
		decode_error(c, n,
			     "'%.200s' is no seccomp profile: a JSON object with 'defaultAction'",
			     path);
		return NULL;
	}
	return json_text_canonical(j);
}

static bool security_known(const char *o)
{
	static const char *const plain[] = {
		"no-new-privileges",      "no-new-privileges=true", "no-new-privileges=false",
		"seccomp=unconfined",     "seccomp=builtin",        "label=disable",
		"systempaths=unconfined",
	};
	for (size_t i = 0; i < ARRAY_LEN(plain); i++)
		if (streq(plain[i], o))
			return true;
	return str_starts(o, "apparmor=") && o[9];
}

static void security_add(struct decode *c, const struct node *n, struct strlist *out)
{
	const char *text;
	if (!decode_string(c, n, &text))
		return;
	auto_free char *o = xstrdup(text);
	size_t key = strcspn(o, "=:");
	if (o[key])
		o[key] = '=';
	if (security_known(o) || str_starts(o, "seccomp={")) {
		strlist_take(out, take_ptr(o));
	} else if (str_starts(o, "seccomp=") && o[8]) {
		auto_free char *profile = seccomp_text(c, n, o + 8);
		if (profile)
			strlist_addf(out, "seccomp=%s", profile);
	} else if (str_starts(o, "label=")) {
		decode_refuse(c, n,
			      "'%.100s' is not supported: SELinux does not confine the containers "
			      "of carrack; only label=disable means anything",
			      text);
	} else {
		decode_refuse(c, n, "there is no security option '%.100s'", text);
	}
}

FIELD_DECODER(decode_security_opt)
{
	struct strlist *out = &((struct spec_service *)obj)->security_opt;
	(void)f;
	if (!decode_list(c, n, LIMIT_SERVICE_LIST))
		return;
	for (size_t i = 0; i < n->n && !diag_full(c->d); i++)
		security_add(c, n->items[i], out);
}
