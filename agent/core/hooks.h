/* SPDX-License-Identifier: Apache-2.0
 *
 * Commands that a service runs in its container at a turn of its life (Compose: post_start, pre_stop),
 * one after the other; the first that fails ends the list.
 */
#pragma once
#include "agent/runtime/runtime.h"
#include "base/loop.h"
#include "manifests/spec.h"

#define HOOK_OUTPUT_MAX 400 /* bytes of a command's output kept for the reason */

struct hooks;
/* why: NULL when all ended well, otherwise one sentence. Never called from within hooks_new. May free
 * the hooks. */
typedef void (*hooks_cb)(const char *why, void *arg);

/* what: the key, for the sentence; list and id are borrowed until hooks_free. */
struct hooks *hooks_new(struct loop *l, struct runtime *r, const char *id, const char *what,
			const struct spec_hooks *list);
void hooks_start(struct hooks *h, hooks_cb cb, void *arg);
void hooks_free(struct hooks *h); /* kills what still runs; NULL is fine */
