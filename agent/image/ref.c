/* SPDX-License-Identifier: Apache-2.0
 * Names of images taken apart and checked; knows nothing of registries or files. */
#include "agent/image/ref.h"
#include "base/digest.h"
#include "base/num.h"
#include "base/str.h"
#include <errno.h>
#include <string.h>

#define NAME_MAX_BYTES 255
#define TAG_MAX_BYTES  128

static bool lower_or_digit(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

static bool word_char(char c)
{
	return lower_or_digit(c) || (c >= 'A' && c <= 'Z') || c == '_';
}

/* One separator inside a path component: ".", "_", "__" or any number of "-". Its length, or 0. */
static size_t separator_len(const char *s)
{
	if (*s == '-')
		return strspn(s, "-");
	if (s[0] == '_' && s[1] == '_')
		return 2;
	return *s == '.' || *s == '_';
}

static bool repo_valid(const char *s)
{
	if (strlen(s) > NAME_MAX_BYTES)
		return false;
	for (;;) {
		if (!lower_or_digit(*s))
			return false;
		while (lower_or_digit(*s))
			s++;
		if (*s == '\0')
			return true;
		size_t n = *s == '/' ? 1 : separator_len(s);
		if (n == 0)
			return false;
		s += n;
	}
}

static bool tag_valid(const char *s)
{
	if (strlen(s) > TAG_MAX_BYTES || !word_char(*s))
		return false;
	for (; *s; s++)
		if (!word_char(*s) && *s != '.' && *s != '-')
			return false;
	return true;
}

static bool host_valid(const char *s)
{
	const char *port = NULL;
	size_t n;
	int64_t number;

	if (*s == '[') {
		n = 1 + strspn(s + 1, "0123456789abcdefABCDEF:.");
		if (n < 3 || s[n] != ']')
			return false;
		n++;
	} else {
		n = strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-");
		if (n == 0 || *s == '-' || *s == '.')
			return false;
	}
	if (s[n] == ':')
		port = s + n + 1;
	else if (s[n] != '\0')
		return false;
	return !port || num_parse_i64(port, 1, 65535, &number);
}

static bool is_host(const char *first)
{
	return strpbrk(first, ".:[") || streq(first, "localhost");
}

/* Cuts *text at its last sep behind the last '/'; what follows is the caller's copy, or NULL. */
static char *cut_tail(char *text, char sep)
{
	char *slash = strrchr(text, '/');
	char *at = strrchr(slash ? slash : text, sep);
	if (!at)
		return NULL;
	*at = '\0';
	return xstrdup(at + 1);
}

static int ref_fill(const char *text, struct ref *r, struct err *err)
{
	auto_free char *rest = xstrdup(text);
	char *at = strchr(rest, '@');
	if (at) {
		*at = '\0';
		r->digest = xstrdup(at + 1);
		if (!digest_valid(r->digest))
			return err_set(
				err, -EINVAL,
				"the digest of the image '%s' must be sha256: and 64 hex digits",
				text);
	}
	char *slash = strchr(rest, '/');
	char *path = rest;
	if (slash) {
		*slash = '\0';
		if (is_host(rest)) {
			r->host = xstrdup(rest);
			path = slash + 1;
		} else {
			*slash = '/';
		}
	}
	if (!r->host || streq(r->host, "index.docker.io")) {
		free(r->host);
		r->host = xstrdup("docker.io");
	}
	r->tag = cut_tail(path, ':');
	if (!r->tag && !r->digest)
		r->tag = xstrdup("latest");
	bool bare = streq(r->host, "docker.io") && !strchr(path, '/');
	r->repo = xasprintf("%s%s", bare ? "library/" : "", path);
	if (!host_valid(r->host) || !repo_valid(r->repo) || (r->tag && !tag_valid(r->tag)))
		return err_set(
			err, -EINVAL,
			"'%s' is not the name of an image; write [HOST/]NAME[:TAG][@DIGEST] in "
			"lower case",
			text);
	return 0;
}

int ref_parse(const char *text, struct ref *ret, struct err *err)
{
	struct ref r = {0};
	if (strlen(text) > 2 * NAME_MAX_BYTES + TAG_MAX_BYTES)
		return err_set(err, -EINVAL, "the name of the image '%.40s...' is too long", text);
	int code = ref_fill(text, &r, err);
	if (code < 0)
		ref_done(&r);
	else
		*ret = r;
	return code;
}

void ref_done(struct ref *r)
{
	free(r->host);
	free(r->repo);
	free(r->tag);
	free(r->digest);
	*r = (struct ref){0};
}

char *ref_name(const struct ref *r)
{
	return xasprintf("%s/%s%s%s%s%s", r->host, r->repo, r->tag ? ":" : "", r->tag ? r->tag : "",
			 r->digest ? "@" : "", r->digest ? r->digest : "");
}

const char *ref_version(const struct ref *r)
{
	return r->digest ? r->digest : r->tag;
}

const char *ref_registry(const struct ref *r)
{
	return streq(r->host, "docker.io") ? "registry-1.docker.io" : r->host;
}
