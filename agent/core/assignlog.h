/* SPDX-License-Identifier: Apache-2.0
 *
 * Changes of assignments on disk, behind the file that holds the whole set: one message a line. So a
 * change costs its own size, not the set's.
 */
#pragma once
#include "base/err.h"
#include "base/json.h"
#include "base/str.h"

struct assignlog { /* embedded */
	char *path;
	int fd; /* -1: not open yet */
	struct str pending;
	size_t size; /* of the file */
};

void assignlog_init(struct assignlog *l, const char *set_path);
void assignlog_done(struct assignlog *l); /* what is pending is lost */
void assignlog_add(struct assignlog *l, const json_t *msg);
int assignlog_write(struct assignlog *l, struct err *err); /* what is pending; on the disk then */
void assignlog_drop(struct assignlog *l);                  /* the file holds it all */
/* Each line that is whole, in order, until fn says false. Whether all there is was taken. */
bool assignlog_read(struct assignlog *l, bool (*fn)(const json_t *msg, void *arg), void *arg);
int assignlog_forget(const char *set_path, struct err *err);
