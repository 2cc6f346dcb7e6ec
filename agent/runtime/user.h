/* SPDX-License-Identifier: Apache-2.0
 * Who a container's process runs as, looked up in the image's own /etc/passwd and /etc/group. */
#pragma once
#include "base/err.h"
#include "base/str.h"
#include <sys/types.h>

#define USER_GROUPS_MAX 256

struct rt_user {
	uid_t uid;
	gid_t gid;
	gid_t groups[USER_GROUPS_MAX];
	size_t n_groups;
	char *home; /* owned; never NULL after user_lookup */
};

/* user: "name", "uid", "name:group", "uid:gid"; NULL or "": root. more: group names or numbers.
 * Nothing of the image runs for this (no NSS). On failure out is untouched. */
int user_lookup(int rootfd, const char *user, const struct strlist *more, struct rt_user *out,
		struct err *err);
/* The same on the texts of the two files; either may be NULL: the image has none. */
int user_resolve(const char *passwd, const char *group, const char *user,
		 const struct strlist *more, struct rt_user *out, struct err *err);
void user_done(struct rt_user *u);
