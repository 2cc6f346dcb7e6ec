/* SPDX-License-Identifier: Apache-2.0
 * The images of a task, one after the other: its own, those that it mounts, those of its pre_start. */
#include "agent/core/nodetask_parts.h"
#include "agent/core/pullage.h"
#include "base/mem.h"

static void on_pull_progress(const struct image_progress *p, void *arg)
{
	struct nodetask *t = arg;
	uint64_t now = clock_ms();
	bool last = p->layers_total > 0 && p->layers_done == p->layers_total;
	if (!last && now - t->event_ms < TASK_EVENT_GAP_MS)
		return;
	t->event_ms = now;
	json_t *e = json_object();
	auto_free char *text = xasprintf("%d of %d layers", p->layers_done, p->layers_total);
	json_put_str(e, "type", "pull");
	json_put_str(e, "task", t->w.id);
	json_put_str(e, "text", text);
	json_object_set_new(e, "done", json_integer(p->bytes_done));
	json_object_set_new(e, "total", json_integer(p->bytes_total));
	core_event(t->core, e);
}

static const char *ref_of(const struct nodetask *t, size_t n)
{
	return spec_image(&t->w.spec, n);
}

static struct image **image_at(struct nodetask *t, size_t n)
{
	if (!t->more_images)
		t->more_images = xcalloc(spec_images(&t->w.spec), sizeof(*t->more_images));
	return n == 0 ? &t->image : &t->more_images[n - 1];
}

/* The first that is not at hand, as for spec_image; false: all are. */
static bool find_missing(struct nodetask *t, size_t *ret)
{
	for (size_t n = 0; n < spec_images(&t->w.spec); n++)
		if (ref_of(t, n) && !*image_at(t, n)) {
			*ret = n;
			return true;
		}
	return false;
}

static void on_pull_done(struct image *i, const char *why, void *arg)
{
	struct nodetask *t = arg;
	size_t n;
	t->pull = NULL;
	if (!i) {
		nodetask_try_failed(t, why);
		return;
	}
	if (!find_missing(t, &n)) {
		image_free(i);
		return;
	}
	pullage_note(t->core->data_dir, &t->w.spec, ref_of(t, n), t->policy);
	*image_at(t, n) = i;
	nodetask_begin(t);
}

void nodetask_begin(struct nodetask *t)
{
	static const struct image_ops ops = {.progress = on_pull_progress, .done = on_pull_done};
	size_t n, now;
	if (!find_missing(t, &n)) {
		nodetask_move(t, TASK_PREPARING, NULL);
		nodetask_build(t);
		return;
	}
	const char *ref = ref_of(t, n);
	const char *use = n > t->w.spec.n_mounts ? "of its pre_start" : "that it mounts";
	auto_free char *doing = n ? xasprintf("getting the image '%s' %s", ref, use) : NULL;
	t->policy = pullage_policy(t->core->data_dir, &t->w.spec, ref);
	nodetask_move(t, TASK_PREPARING, doing ? doing : "getting the image");
	/* done may be called before image_get returns; the request is gone then. */
	struct image_request *r =
		image_get(t->core->images, ref, t->w.spec.platform, t->policy, &ops, t);
	if (t->state == TASK_PREPARING && find_missing(t, &now) && now == n)
		t->pull = r;
}

const struct image *nodetask_image_before(const struct nodetask *t, size_t step)
{
	return t->more_images ? t->more_images[t->w.spec.n_mounts + step] : NULL;
}

void nodetask_images_local(struct nodetask *t)
{
	for (size_t n = 0; n < spec_images(&t->w.spec); n++)
		if (ref_of(t, n))
			*image_at(t, n) = image_local(t->core->images, ref_of(t, n), NULL);
}

void nodetask_images_free(struct nodetask *t)
{
	if (t->pull)
		image_cancel(take_ptr(t->pull));
	image_free(t->image);
	for (size_t i = 0; t->more_images && i + 1 < spec_images(&t->w.spec); i++)
		image_free(t->more_images[i]);
	free(t->more_images);
}
