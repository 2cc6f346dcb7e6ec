/* SPDX-License-Identifier: Apache-2.0
 * Users and groups of an image; see user.h. The files are the image's: every field is checked. */
#include "agent/runtime/user.h"
#include "base/fd.h"
#include "base/num.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#define DB_MAX     (4u << 20) /* bytes of /etc/passwd or /etc/group that are read */
#define ID_MAX     2147483647
#define FIELDS_MAX 7

struct row { /* one line of a colon-separated file; points into the text */
	const char *at[FIELDS_MAX];
	size_t len[FIELDS_MAX];
	size_t n;
};

/* Splits the next line; false at the end. */
static bool row_next(const char **text, struct row *row)
{
	const char *p = *text;
	if (!p || !*p)
		return false;
	size_t line = strcspn(p, "\n");
	*text = p[line] ? p + line + 1 : p + line;
	row->n = 0;
	for (const char *end = p + line; row->n < FIELDS_MAX;) {
		const char *colon = memchr(p, ':', (size_t)(end - p));
		row->at[row->n] = p;
		row->len[row->n++] = (size_t)((colon ? colon : end) - p);
		if (!colon)
			break;
		p = colon + 1;
	}
	return true;
}

static bool field_is(const struct row *row, size_t i, const char *text)
{
	return i < row->n && row->len[i] == strlen(text) &&
	       memcmp(row->at[i], text, row->len[i]) == 0;
}

static bool field_id(const struct row *row, size_t i, int64_t *ret)
{
	if (i >= row->n || row->len[i] > 10)
		return false;
	auto_free char *text = xstrndup(row->at[i], row->len[i]);
	return num_parse_i64(text, 0, ID_MAX, ret);
}

static bool is_number(const char *text)
{
	return *text && strspn(text, "0123456789") == strlen(text);
}

static bool list_has(const char *list, size_t len, const char *name)
{
	size_t want = strlen(name);
	for (const char *p = list, *end = list + len; p < end;) {
		const char *comma = memchr(p, ',', (size_t)(end - p));
		size_t n = (size_t)((comma ? comma : end) - p);
		if (n == want && memcmp(p, name, n) == 0)
			return true;
		p += n + 1;
	}
	return false;
}

static void add_group(struct rt_user *u, gid_t gid)
{
	for (size_t i = 0; i < u->n_groups; i++)
		if (u->groups[i] == gid)
			return;
	if (gid != u->gid && u->n_groups < USER_GROUPS_MAX)
		u->groups[u->n_groups++] = gid;
}

static int find_group(const char *group, const char *name, gid_t *gid, struct err *err)
{
	int64_t id;
	struct row row;
	while (row_next(&group, &row)) {
		if (!field_is(&row, 0, name) || !field_id(&row, 2, &id))
			continue;
		*gid = (gid_t)id;
		return 0;
	}
	if (!is_number(name))
		return err_set(err, -ENOENT,
			       "no group '%s' in the image's /etc/group: use a number or a group "
			       "that the image has",
			       name);
	if (!num_parse_i64(name, 0, ID_MAX, &id))
		return err_set(err, -ERANGE, "the group '%s' is out of range: use 0 to %d", name,
			       ID_MAX);
	*gid = (gid_t)id;
	return 0;
}

/* Fills uid, gid and home; *name becomes the user's name (owned) when the image knows it. */
static int find_user(const char *passwd, const char *who, struct rt_user *u, char **name,
		     struct err *err)
{
	int64_t id = -1, uid, gid;
	bool numeric = is_number(who);
	if (numeric && !num_parse_i64(who, 0, ID_MAX, &id))
		return err_set(err, -ERANGE, "the user '%s' is out of range: use 0 to %d", who,
			       ID_MAX);
	struct row row;
	while (row_next(&passwd, &row)) {
		if (!field_id(&row, 2, &uid) || !field_id(&row, 3, &gid))
			continue;
		if (numeric ? uid != id : !field_is(&row, 0, who))
			continue;
		u->uid = (uid_t)uid;
		u->gid = (gid_t)gid;
		*name = xstrndup(row.at[0], row.len[0]);
		if (row.n > 5 && row.len[5] > 0 && row.at[5][0] == '/')
			u->home = xstrndup(row.at[5], row.len[5]);
		return 0;
	}
	if (!numeric && strcmp(who, "root") != 0)
		return err_set(err, -ENOENT,
			       "no user '%s' in the image's /etc/passwd: use a number or a user "
			       "that the image has",
			       who);
	u->uid = numeric ? (uid_t)id : 0;
	u->gid = 0;
	return 0;
}

int user_resolve(const char *passwd, const char *group, const char *user,
		 const struct strlist *more, struct rt_user *out, struct err *err)
{
	struct rt_user u = {0};
	auto_free char *who = xstrdup(user && *user ? user : "root"), *name = NULL;
	char *colon = strchr(who, ':');
	if (colon)
		*colon++ = '\0';
	int r = find_user(passwd, *who ? who : "root", &u, &name, err);
	if (r == 0 && colon && *colon)
		r = find_group(group, colon, &u.gid, err);
	struct row row;
	int64_t gid;
	/* As in login: a named group replaces the user's memberships. */
	for (const char *text = group; r == 0 && !colon && name && row_next(&text, &row);)
		if (row.n > 3 && field_id(&row, 2, &gid) && list_has(row.at[3], row.len[3], name))
			add_group(&u, (gid_t)gid);
	for (size_t i = 0; r == 0 && more && i < more->n; i++) {
		gid_t id = 0;
		r = find_group(group, more->v[i], &id, err);
		if (r == 0)
			add_group(&u, id);
	}
	if (r < 0) {
		user_done(&u);
		return r;
	}
	if (!u.home)
		u.home = xstrdup(u.uid == 0 ? "/root" : "/");
	*out = u;
	return 0;
}

/* NULL when the image has no such file, or one that is no plain file of a sane size. */
static char *read_db(int rootfd, const char *path)
{
	auto_close int fd = open_in_root(rootfd, path, O_RDONLY | O_NONBLOCK, 0);
	struct stat st;
	char *text = NULL;
	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) ||
	    fd_read_all(fd, DB_MAX, &text, NULL, NULL) < 0)
		return NULL;
	return text;
}

int user_lookup(int rootfd, const char *user, const struct strlist *more, struct rt_user *out,
		struct err *err)
{
	auto_free char *passwd = read_db(rootfd, "etc/passwd");
	auto_free char *group = read_db(rootfd, "etc/group");
	return user_resolve(passwd, group, user, more, out, err);
}

void user_done(struct rt_user *u)
{
	free_and_null(&u->home);
}
