/* SPDX-License-Identifier: Apache-2.0
 * What is said of a name that nothing in the stack has; see decode.h. */
#include "manifests/decode.h"
#include "manifests/words.h"

char *decode_near(const struct map *names, const char *name)
{
	auto_free const char **words = xcalloc(names->n + 1, sizeof(*words));
	size_t n = 0;
	map_each(names, e) words[n++] = e->key;
	const char *near = nearest_word(name, words, n);
	return near ? xasprintf("; did you mean '%s'?", near) : xstrdup("");
}

void decode_no_service(struct decode *c, const struct node *at, const char *name, const char *what)
{
	if (c->in && c->in->no_consistency)
		return;
	const struct node *profiles = c->off ? map_get(c->off, name) : NULL;
	if (profiles) {
		decode_error(c, at,
			     "the service '%.100s' is off, as none of its profiles is chosen; "
			     "choose one with `--profile %.100s`",
			     name, profiles->items[0]->text);
		return;
	}
	auto_free char *near = decode_near(&c->services, name);
	decode_error(c, at, "there is no service '%.100s' %s%s", name, what, near);
}
