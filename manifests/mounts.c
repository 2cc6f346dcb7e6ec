/* SPDX-License-Identifier: Apache-2.0
 * Volumes of a service, short and long; see decode.h. */
#include "base/fd.h"
#include "manifests/decode.h"
#include "manifests/imageref.h"
#include "manifests/limits.h"

#include <string.h>

static void mount_free(struct spec_mount *m)
{
	free(m->source);
	free(m->target);
	free(m->bind_propagation);
	free(m->bind_recursive);
	free(m->volume_subpath);
	free(m->image_subpath);
}

static bool replace(char **to, char *with)
{
	free(*to);
	*to = with;
	return with != NULL;
}

static bool image_resolve(struct decode *c, const struct node *n, const struct spec_mount *m)
{
	struct imageref ref = {0};
	struct err err = {0};
	if (!m->source || !*m->source)
		decode_error(c, n, "an image mount needs 'source', the name of an image");
	else if (imageref_parse(m->source, &ref, &err) < 0)
		decode_refuse(c, node_child(n, "source"), "%s", err_text(&err));
	else if (m->image_subpath && path_goes_up(m->image_subpath))
		decode_refuse(
			c, node_child(n, "image"),
			"the subpath '%.200s' goes up with '..'; name a folder or file in the "
			"image",
			m->image_subpath);
	else {
		imageref_done(&ref);
		return true;
	}
	imageref_done(&ref);
	return false;
}

static bool source_resolve(struct decode *c, const struct node *n, struct spec_mount *m)
{
	bool unasked = c->in && c->in->no_consistency;
	switch (m->type) {
	case MOUNT_BIND:
		if (!m->source || !*m->source) {
			decode_error(c, n, "a bind mount needs 'source', a path on the node");
			return false;
		}
		return replace(&m->source, decode_host_path(c, n, m->source));
	case MOUNT_VOLUME:
		if (m->source && c->stack && !unasked && !map_has(&c->volumes, m->source)) {
			auto_free char *near = decode_near(&c->volumes, m->source);
			decode_error(c, n,
				     "the volume '%.100s' is not there; declare it under the "
				     "top-level 'volumes'%s",
				     m->source, near);
			return false;
		}
		if (m->source && !spec_key_valid(m->source)) {
			decode_refuse(c, n, "'%.100s' is not the name of a volume", m->source);
			return false;
		}
		return true;
	case MOUNT_TMPFS:
		if (m->source)
			decode_refuse(c, n, "a tmpfs has no 'source'");
		return !m->source;
	case MOUNT_IMAGE:
		return image_resolve(c, n, m);
	}
	return false;
}

/* Takes over what m owns. */
static void mount_add(struct decode *c, const struct node *n, struct spec_mount *m,
		      struct spec_service *s)
{
	if (!m->target) {
		decode_error(c, n, "a volume needs 'target', a path in the container");
	} else if (replace(&m->target, decode_container_path(c, n, m->target)) &&
		   source_resolve(c, n, m)) {
		for (size_t i = 0; i < s->n_mounts; i++)
			if (streq(s->mounts[i].target, m->target)) {
				decode_refuse(c, n, "two volumes are mounted at '%.200s'",
					      m->target);
				mount_free(m);
				return;
			}
		s->mounts[s->n_mounts++] = *m;
		return;
	}
	mount_free(m);
}

static bool one_of(const char *word, const char *const *words)
{
	for (; *words; words++)
		if (streq(*words, word))
			return true;
	return false;
}

/* One word of the options after the second colon. */
static bool mount_option(struct spec_mount *m, const char *word)
{
	static const char *const propagations[] = {"private", "rprivate", "shared", "rshared",
						   "slave",   "rslave",   NULL};
	/* hints that mean nothing on Linux without SELinux labels */
	static const char *const hints[] = {"rw",        "z",          "Z",       "cached",
					    "delegated", "consistent", "default", NULL};
	if (streq(word, "ro"))
		m->read_only = true;
	else if (streq(word, "nocopy"))
		m->volume_nocopy = true;
	else if (one_of(word, propagations))
		replace(&m->bind_propagation, xstrdup(word));
	else
		return one_of(word, hints);
	return true;
}

static bool is_path(const char *source)
{
	return source[0] == '/' || source[0] == '.' || source[0] == '~';
}

/* TARGET, or SOURCE:TARGET[:OPTION,...] */
static void mount_short(struct decode *c, const struct node *n, const char *text,
			struct spec_service *s)
{
	struct spec_mount m;
	record_init(&record_mount, &m);
	auto_free char *copy = xstrdup(text);
	char *rest = copy;
	const char *first = strsep(&rest, ":"), *second = strsep(&rest, ":");
	char *options = strsep(&rest, ":");
	if (rest || !*first || (second && !*second)) {
		decode_error(c, n, "'%.200s' is not a volume; write SOURCE:TARGET[:ro]", text);
		return;
	}
	if (second) {
		m.source = xstrdup(first);
		m.type = is_path(first) ? MOUNT_BIND : MOUNT_VOLUME;
	}
	m.target = xstrdup(second ? second : first);
	for (char *word; (word = strsep(&options, ","));)
		if (*word && !mount_option(&m, word))
			decode_refuse(c, n, "'%.50s' is not an option of a volume", word);
	mount_add(c, n, &m, s);
}

static void mount_long(struct decode *c, const struct node *n, struct spec_service *s)
{
	struct spec_mount m;
	record_init(&record_mount, &m);
	size_t errors = c->d->n_errors;
	decode_record(c, n, &record_mount, &m);
	static const char *const honoured[] = {"volume", "bind", "tmpfs", "image", NULL};
	/* of a type that is refused: the rest of it would be misread */
	const struct node_pair *type = node_find(n, "type");
	bool known = !type || !node_is_scalar(type->value) || one_of(type->value->text, honoured);
	if (!known) {
		mount_free(&m);
		return;
	}
	if (!node_find(n, "type"))
		decode_error(c, n, "a volume needs 'type': volume, bind, tmpfs or image");
	if (c->d->n_errors > errors)
		mount_free(&m);
	else
		mount_add(c, n, &m, s);
}

FIELD_DECODER(decode_mounts)
{
	struct spec_service *s = obj;
	(void)f;
	if (!decode_list(c, n, LIMIT_SERVICE_MOUNTS))
		return;
	s->mounts = xcalloc(n->n + 1, sizeof(*s->mounts));
	for (size_t i = 0; i < n->n && !diag_full(c->d); i++) {
		const struct node *item = n->items[i];
		const char *text;
		struct decode_mark mark = decode_enter_item(c, i);
		if (item->kind == NODE_MAP)
			mount_long(c, item, s);
		else if (decode_string(c, item, &text))
			mount_short(c, item, text, s);
		decode_leave(c, mark);
	}
}

json_t *encode_mounts(const void *obj)
{
	const struct spec_service *s = obj;
	json_t *j = json_array();
	for (size_t i = 0; i < s->n_mounts; i++) {
		json_t *m = encode_record(&record_mount, &s->mounts[i], 0);
		if (s->mounts[i].type ==
		    MOUNT_VOLUME) /* a volume is the default, but 'type' is due */
			json_put_str(m, "type", "volume");
		json_array_append_new(j, m);
	}
	return j;
}
