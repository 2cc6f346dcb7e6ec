/* SPDX-License-Identifier: Apache-2.0
 * The files of a stack as one tree; see project.h. */
#include "manifests/project.h"
#include "manifests/check.h"
#include "manifests/consist.h"
#include "manifests/extends.h"
#include "manifests/locate.h"

#include <string.h>

static bool profile_active(const struct stackfile_input *in, const struct node *service)
{
	const struct node *list = node_child(service, "profiles");
	if (list == service || list->kind != NODE_SEQ || list->n == 0)
		return true;
	if (!in->profiles)
		return false;
	for (size_t i = 0; i < list->n; i++)
		if (strlist_has(in->profiles, list->items[i]->text))
			return true;
	return strlist_has(in->profiles, "*");
}

/* Whether any service, active or not, is on the network that need not be named. */
static bool uses_default(const struct node *root)
{
	const struct node_pair *all = node_find(root, "services");
	const struct node *services = all ? all->value : NULL;
	for (size_t i = 0; services && services->kind == NODE_MAP && i < services->n; i++) {
		const struct node *s = services->pairs[i].value;
		const struct node_pair *networks = node_find(s, "networks");
		if (s->kind != NODE_MAP || node_find(s, "network_mode") || node_find(s, "provider"))
			continue;
		if (!networks || networks->value->n == 0 || node_find(networks->value, "default"))
			return true;
	}
	return false;
}

static void drop_inactive(struct project *p, struct node *root)
{
	const struct node_pair *pair = node_find(root, "services");
	if (!pair || pair->value->kind != NODE_MAP)
		return;
	struct node *services = pair->value;
	size_t kept = 0;
	for (size_t i = 0; i < services->n; i++)
		if (profile_active(p->in, services->pairs[i].value))
			services->pairs[kept++] = services->pairs[i];
		else
			map_set(&p->off, services->pairs[i].key,
				(void *)node_child(services->pairs[i].value, "profiles"));
	services->n = kept;
}

/* Whether any service has the key. */
static bool services_have(const struct node *root, const char *key)
{
	const struct node *services = node_child(root, "services");
	for (size_t i = 0; services->kind == NODE_MAP && i < services->n; i++)
		if (node_find(services->pairs[i].value, key))
			return true;
	return false;
}

/* The merged stack as the canonical one, with the services that are to run. */
static struct node *finish(struct project *p, struct node *root)
{
	p->shape.dir = p->in->project_dir;
	p->shape.finish = true;
	root = shape_record(&p->shape, &record_top, root);
	p->uses_default = uses_default(root);
	drop_inactive(p, root);
	consist_check(p, root);
	return sources_room(p, root) ? root : NULL;
}

struct node *project_read(struct project *p, const struct stackfile_input *in, struct diag *d)
{
	*p = (struct project){.in = in, .d = d, .left = STACKFILE_BYTES_MAX, .plain = true};
	p->shape.t = &p->t;
	p->shape.raw_paths = in->no_paths;
	p->shape.d = d;
	p->shape.file = in->file;
	p->shape.strict = !in->canonical;
	p->shape.home = in->env ? kvlist_get(in->env, "HOME") : NULL;
	const struct check check = {d, in->file, &p->t, in->no_interpolate};
	size_t n = in->n_more + 1;
	auto_free struct stackfile_source *files = xcalloc(n, sizeof(*files));
	files[0] = (struct stackfile_source){.file = in->file, .text = in->text, .len = in->len};
	for (size_t i = 0; i < in->n_more; i++)
		files[i + 1] = in->more[i];
	size_t at = 0;
	struct stackfile_source first;
	bool one = n == 1 && !sources_document(&files[0], &at, &first);
	struct node *root = one ? sources_parse(p, &files[0], in->env, true) : NULL;
	if (one && (!root || root->kind != NODE_MAP))
		return root;
	/* most stacks are one file with nothing to merge, and small ones stay as they are written */
	bool alone =
		root && p->plain && !node_find(root, "include") && !services_have(root, "extends");
	p->plain = alone && !in->canonical && !services_have(root, "profiles");
	p->first = root;
	if (!alone)
		root = extends_model(p, files, n, in->project_dir, in->env);
	if (!root || root->kind != NODE_MAP)
		return root;
	check_whole(&check, &record_top, root);
	if (!p->plain)
		return finish(p, root);
	consist_check(p, root);
	return root;
}

void project_done(struct project *p)
{
	for (size_t i = 0; p->d->n > 0 && p->roots && i < p->roots->n; i++)
		if (p->roots->items[i]->file)
			locate_findings(p->d, p->roots->items[i]->file, p->roots->items[i]);
	diag_finish(p->d, p->in->file, p->in->text, p->in->len);
	for (size_t i = 0; i < p->in->n_more; i++)
		diag_finish(p->d, p->in->more[i].file, p->in->more[i].text, p->in->more[i].len);
	for (size_t i = 0; i < p->n_texts; i++) {
		diag_finish(p->d, p->texts[i].file, p->texts[i].text, p->texts[i].len);
		free((char *)p->texts[i].file);
		free((char *)p->texts[i].text);
	}
	free(p->texts);
	kvlist_done(&p->own);
	map_clear(&p->files);
	map_clear(&p->included);
	map_clear(&p->off);
	tree_done(&p->t);
}
