/* SPDX-License-Identifier: Apache-2.0
 * libyaml's events to nodes; see yaml.h. A stack of open collections, never recursion. */
#include "manifests/yaml.h"
#include "base/map.h"
#include "manifests/limits.h"
#include "manifests/merge.h"
#include "manifests/plain.h"

#include <string.h>
#include <yaml.h>

#define SEEN_FEW 16

struct open_node { /* a sequence or mapping whose end has not come */
	struct node *node;
	struct node_pair key; /* a mapping's key that waits for its value */
	bool has_key;
	struct map seen; /* key -> line, of a mapping with more than SEEN_FEW: to find duplicates */
};

struct reader {
	const char *file;
	struct tree *t;
	struct diag *d;
	struct node *root;
	struct open_node stack[LIMIT_YAML_DEPTH];
	size_t depth;
	struct map anchors; /* name -> node; an open one is in the stack still */
	struct merge_budget budget;
	size_t aliases, documents;
	bool stop;
};

static struct diag_place place(const struct reader *r, yaml_mark_t m)
{
	return (struct diag_place){r->file, r->t->lines + (int)m.line + 1, (int)m.column + 1};
}

#define fail(r, mark, ...)                                                                         \
	do {                                                                                       \
		diag_error((r)->d, place(r, mark), __VA_ARGS__);                                   \
		(r)->stop = true;                                                                  \
	} while (0)

/* The line of the key in the mapping that is open; 0: it is new. */
static int line_of(struct open_node *top, const char *key)
{
	const struct node *n = top->node;
	if (top->seen.n)
		return (int)(intptr_t)map_get(&top->seen, key);
	for (size_t i = 0; i < n->n; i++)
		if (n->pairs[i].key != merge_key && streq(n->pairs[i].key, key))
			return n->pairs[i].line;
	if (n->n < SEEN_FEW)
		return 0;
	for (size_t i = 0; i < n->n; i++)
		if (n->pairs[i].key != merge_key)
			map_set(&top->seen, n->pairs[i].key, (void *)(intptr_t)n->pairs[i].line);
	return 0;
}

static void key_add(struct reader *r, struct open_node *top, const char *text, bool plain,
		    struct diag_place at)
{
	size_t len = strlen(text);
	top->key = (struct node_pair){tree_text(r->t, text, len), NULL, at.line, at.column};
	top->has_key = true;
	if (plain && strcmp(text, "<<") == 0) {
		top->key.key = merge_key;
		return;
	}
	if (len == 0) {
		diag_error(r->d, at, "a key is empty; give it a name before the ':'");
		return;
	}
	int before = line_of(top, top->key.key);
	if (before) {
		diag_error(r->d, at, "the key '%.100s' is there twice, first in line %d; keep one",
			   text, before);
		return;
	}
	if (top->seen.n)
		map_set(&top->seen, top->key.key, (void *)(intptr_t)at.line);
}

/* Puts a finished or just opened node where it belongs. */
static void place_node(struct reader *r, struct node *n, yaml_mark_t mark)
{
	if (r->t->n > LIMIT_YAML_NODES) {
		fail(r, mark, "the document has more than %d values", LIMIT_YAML_NODES);
		return;
	}
	if (r->depth == 0) {
		r->root = n;
		return;
	}
	struct open_node *top = &r->stack[r->depth - 1];
	if (top->node->kind == NODE_SEQ) {
		node_push(top->node, n);
		return;
	}
	if (!top->has_key) {
		fail(r, mark, "a key must be a string, not %s", node_kind_text(n->kind));
		return;
	}
	top->key.value = n;
	top->has_key = false;
	node_put(top->node, top->key);
}

static void anchor_add(struct reader *r, const yaml_char_t *name, struct node *n)
{
	if (name)
		map_set(&r->anchors, (const char *)name, n);
}

/* A key as a value, for an alias of it. */
static struct node *key_node(struct reader *r, const struct open_node *top)
{
	struct node *n = tree_add(r->t, NODE_STR, top->key.line, top->key.column);
	n->text = top->key.key;
	return n;
}

/* The kind that a tag asks for; false: the tag means nothing here. */
static bool tag_kind(const char *tag, const char *text, enum node_kind *kind)
{
	const char prefix[] = "tag:yaml.org,2002:";
	enum node_kind core = node_core_kind(text);
	if (strcmp(tag, "!") == 0) {
		*kind = NODE_STR;
		return true;
	}
	if (!str_starts(tag, prefix))
		return false;
	const char *name = tag + sizeof(prefix) - 1;
	if (streq(name, "str"))
		*kind = NODE_STR;
	else if (streq(name, "null") && core == NODE_NULL)
		*kind = NODE_NULL;
	else if (streq(name, "bool") && core == NODE_BOOL)
		*kind = NODE_BOOL;
	else if (streq(name, "int") && core == NODE_INT)
		*kind = NODE_INT;
	else if (streq(name, "float") && (core == NODE_FLOAT || core == NODE_INT))
		*kind = NODE_FLOAT;
	else
		return false;
	return true;
}

/* How a tag asks to be merged. */
static enum node_tag merge_tag(const char *tag)
{
	if (streq(tag, "!reset"))
		return NODE_RESET;
	return streq(tag, "!override") ? NODE_OVERRIDE : NODE_UNTAGGED;
}

static void scalar_add(struct reader *r, const yaml_event_t *e)
{
	const char *text = (const char *)e->data.scalar.value;
	size_t len = e->data.scalar.length;
	if (memchr(text, '\0', len)) {
		fail(r, e->start_mark, "a NUL character cannot be part of a string here");
		return;
	}
	struct open_node *top = r->depth ? &r->stack[r->depth - 1] : NULL;
	bool plain = e->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
	if (top && top->node->kind == NODE_MAP && !top->has_key) {
		const char *of_key = (const char *)e->data.scalar.tag;
		if (of_key && !str_ends(of_key, ":str") &&
		    !(str_ends(of_key, ":merge") && streq(text, "<<"))) {
			fail(r, e->start_mark, "a key cannot have a tag here");
			return;
		}
		key_add(r, top, text, plain, place(r, e->start_mark));
		if (e->data.scalar.anchor)
			anchor_add(r, e->data.scalar.anchor, key_node(r, top));
		return;
	}
	auto_free char *number = plain && !e->data.scalar.tag ? plain_number(text) : NULL;
	if (number) {
		text = number;
		len = strlen(text);
	}
	enum node_kind kind = plain ? node_core_kind(text) : NODE_STR;
	const char *tag = (const char *)e->data.scalar.tag;
	enum node_tag how = merge_tag(tag);
	if (tag && how == NODE_UNTAGGED && !tag_kind(tag, text, &kind)) {
		fail(r, e->start_mark, "the tag '%.80s' is not supported here; leave it out", tag);
		return;
	}
	struct diag_place at = place(r, e->start_mark);
	struct node *n = tree_add(r->t, kind, at.line, at.column);
	n->text = tree_text(r->t, text, len);
	n->tag = how;
	anchor_add(r, e->data.scalar.anchor, n);
	place_node(r, n, e->start_mark);
}

static void collection_open(struct reader *r, const yaml_event_t *e, enum node_kind kind)
{
	bool map = kind == NODE_MAP;
	const char *tag =
		(const char *)(map ? e->data.mapping_start.tag : e->data.sequence_start.tag);
	enum node_tag how = merge_tag(tag);
	if (tag && how == NODE_UNTAGGED && !str_ends(tag, map ? ":map" : ":seq")) {
		fail(r, e->start_mark, "the tag '%.80s' is not supported here; leave it out", tag);
		return;
	}
	if (r->depth == LIMIT_YAML_DEPTH) {
		fail(r, e->start_mark, "lists and mappings are nested deeper than %d",
		     LIMIT_YAML_DEPTH);
		return;
	}
	struct diag_place at = place(r, e->start_mark);
	struct open_node *top = r->depth ? &r->stack[r->depth - 1] : NULL;
	if (top && top->node->kind == NODE_MAP && !top->has_key) {
		fail(r, e->start_mark, "a key must be a string, not %s", node_kind_text(kind));
		return;
	}
	struct node *n = tree_add(r->t, kind, at.line, at.column);
	n->tag = how;
	anchor_add(r, map ? e->data.mapping_start.anchor : e->data.sequence_start.anchor, n);
	r->stack[r->depth++] = (struct open_node){.node = n};
}

static void collection_close(struct reader *r, const yaml_event_t *e)
{
	struct open_node *top = &r->stack[--r->depth];
	map_clear(&top->seen);
	if (top->node->kind == NODE_MAP &&
	    merge_keys(top->node, &r->budget, r->t->n, r->file, r->d) < 0)
		r->stop = true;
	place_node(r, top->node, e->start_mark);
}

static void alias_add(struct reader *r, const yaml_event_t *e)
{
	const char *name = (const char *)e->data.alias.anchor;
	struct node *n = map_get(&r->anchors, name);
	if (!n) {
		fail(r, e->start_mark, "the alias '*%.80s' names no anchor before it", name);
		return;
	}
	for (size_t i = 0; i < r->depth; i++)
		if (r->stack[i].node == n) {
			fail(r, e->start_mark, "the alias '*%.80s' is inside what it names", name);
			return;
		}
	struct open_node *top = r->depth ? &r->stack[r->depth - 1] : NULL;
	if (top && top->node->kind == NODE_MAP && !top->has_key) {
		if (node_is_scalar(n))
			key_add(r, top, n->text, false, place(r, e->start_mark));
		else
			fail(r, e->start_mark, "a key must be a string, not %s",
			     node_kind_text(n->kind));
		return;
	}
	if (++r->aliases > LIMIT_YAML_ALIASES ||
	    !merge_budget_take(&r->budget, n->weight, r->t->n)) {
		fail(r, e->start_mark,
		     "aliases make this document too large; write less of it by "
		     "'*%.80s' and the like",
		     name);
		return;
	}
	place_node(r, n, e->start_mark);
}

static void event_take(struct reader *r, const yaml_event_t *e)
{
	switch (e->type) {
	case YAML_SCALAR_EVENT:
		scalar_add(r, e);
		break;
	case YAML_SEQUENCE_START_EVENT:
		collection_open(r, e, NODE_SEQ);
		break;
	case YAML_MAPPING_START_EVENT:
		collection_open(r, e, NODE_MAP);
		break;
	case YAML_SEQUENCE_END_EVENT:
	case YAML_MAPPING_END_EVENT:
		collection_close(r, e);
		break;
	case YAML_ALIAS_EVENT:
		alias_add(r, e);
		break;
	case YAML_DOCUMENT_START_EVENT:
		if (r->documents++ > 0)
			fail(r, e->start_mark, "a second document begins here; a file holds one");
		break;
	case YAML_STREAM_END_EVENT:
		r->stop = true;
		break;
	case YAML_NO_EVENT:
	case YAML_STREAM_START_EVENT:
	case YAML_DOCUMENT_END_EVENT:
		break;
	}
}

/* Where a byte of the text is. */
static struct diag_place place_of(const struct reader *r, const char *text, size_t at)
{
	struct diag_place p = {r->file, 1, 1};
	for (size_t i = 0; i < at; i++) {
		bool begins = ((unsigned char)text[i] & 0xc0) != 0x80;
		p.line += text[i] == '\n';
		p.column = text[i] == '\n' ? 1 : p.column + begins;
	}
	return p;
}

static bool is_tab(const char *text, size_t len, yaml_mark_t at)
{
	const char *end = text + len;
	for (size_t line = 0; text && text < end && line < at.line; line++) {
		text = memchr(text, '\n', (size_t)(end - text));
		text = text ? text + 1 : NULL;
	}
	/* what indents is one byte a character */
	return text && text + at.column < end && text[at.column] == '\t';
}

static void syntax_error(struct reader *r, const yaml_parser_t *p, const char *text, size_t len)
{
	r->stop = true;
	if (p->error == YAML_READER_ERROR) {
		size_t at = p->problem_offset < len ? p->problem_offset : len;
		diag_error(r->d, place_of(r, text, at),
			   "the file is not readable as UTF-8 text: %s", p->problem);
		return;
	}
	const char *problem = p->problem ? p->problem : "error";
	yaml_mark_t at = p->problem ? p->problem_mark : p->mark;
	/* what has no end is best shown where it begins */
	bool endless = p->context && p->context_mark.line < at.line &&
		       (strstr(problem, "unexpected end of stream") ||
			strstr(problem, "could not find expected ':'"));
	if (endless)
		at = p->context_mark;
	if (p->error == YAML_SCANNER_ERROR && is_tab(text, len, at))
		diag_error(r->d, place(r, at), "not valid YAML: a tab cannot indent; use spaces");
	else if (p->context && !endless && p->context_mark.line < at.line)
		diag_error(r->d, place(r, at), "not valid YAML: %s %s that begins in line %zu",
			   problem, p->context, p->context_mark.line + 1);
	else
		diag_error(r->d, place(r, at), "not valid YAML: %s%s%s", problem,
			   p->context ? " " : "", p->context ? p->context : "");
}

struct node *yaml_read(const char *file, const char *text, size_t len, struct tree *t,
		       struct diag *d)
{
	struct reader r = {.file = file, .t = t, .d = d};
	t->file = file ? tree_text(t, file, strlen(file)) : NULL;
	size_t errors = d->n_errors;
	yaml_parser_t p;
	if (!yaml_parser_initialize(&p)) {
		diag_error(d, (struct diag_place){file, 0, 0}, "no memory is left to read YAML");
		return NULL;
	}
	/* a byte order mark would count as the first column */
	size_t skip = len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
	yaml_parser_set_encoding(&p, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&p, (const unsigned char *)text + skip, len - skip);
	while (!r.stop && !diag_full(d)) {
		yaml_event_t e;
		if (!yaml_parser_parse(&p, &e)) {
			syntax_error(&r, &p, text + skip, len - skip);
			break;
		}
		event_take(&r, &e);
		yaml_event_delete(&e);
	}
	yaml_parser_delete(&p);
	for (size_t i = 0; i < r.depth; i++)
		map_clear(&r.stack[i].seen);
	map_clear(&r.anchors);
	if (d->n_errors > errors)
		return NULL;
	return r.root ? r.root : tree_add(t, NODE_NULL, 1, 1);
}
