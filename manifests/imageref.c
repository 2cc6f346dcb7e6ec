/* SPDX-License-Identifier: Apache-2.0
 * Image names; see imageref.h. Knows the grammar alone, nothing of registries. */
#include "manifests/imageref.h"
#include "base/num.h"
#include "base/str.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

#define IMAGE_TEXT_MAX 1024
#define IMAGE_PATH_MAX 255
#define IMAGE_TAG_MAX  128
#define LOWER_ALNUM    "abcdefghijklmnopqrstuvwxyz0123456789"

/* One part of a path: letters and digits, joined by '.', '_', '__' or any number of '-'. */
static bool path_part_valid(const char *s, size_t n)
{
	size_t i = 0;
	for (;;) {
		size_t word = 0;
		while (i < n && memchr(LOWER_ALNUM, s[i], sizeof(LOWER_ALNUM) - 1)) {
			word++;
			i++;
		}
		if (word == 0)
			return false;
		if (i == n)
			return true;
		size_t start = i;
		char sep = s[i];
		while (i < n && s[i] == sep)
			i++;
		size_t len = i - start;
		if (!(sep == '-' || (sep == '_' && len <= 2) || (sep == '.' && len == 1)))
			return false;
	}
}

static bool path_valid(const char *path)
{
	if (strlen(path) > IMAGE_PATH_MAX)
		return false;
	for (const char *p = path;;) {
		size_t n = strcspn(p, "/");
		if (!path_part_valid(p, n))
			return false;
		if (!p[n])
			return true;
		p += n + 1;
	}
}

static bool tag_valid(const char *tag)
{
	size_t n = strlen(tag);
	if (n == 0 || n > IMAGE_TAG_MAX || tag[0] == '.' || tag[0] == '-')
		return false;
	for (size_t i = 0; i < n; i++)
		if (!isalnum((unsigned char)tag[i]) && !strchr("_.-", tag[i]))
			return false;
	return true;
}

static bool digest_text_valid(const char *digest)
{
	size_t want = str_starts(digest, "sha256:") ? 64 : str_starts(digest, "sha512:") ? 128 : 0;
	if (want == 0)
		return false;
	const char *hex = digest + 7;
	return strlen(hex) == want && strspn(hex, "0123456789abcdef") == want;
}

static bool host_name_valid(const char *s, size_t n)
{
	bool at_edge = true;
	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)s[i];
		if (c == '.' || c == '-') {
			if (at_edge && c == '.')
				return false;
			at_edge = c == '.';
			continue;
		}
		if (!isalnum(c))
			return false;
		at_edge = false;
	}
	return n > 0 && !at_edge;
}

static bool host_valid(const char *host)
{
	const char *port = NULL;
	size_t n = strlen(host);
	if (host[0] == '[') {
		const char *end = strchr(host, ']');
		size_t inner = end ? (size_t)(end - host - 1) : 0;
		if (inner == 0 || strspn(host + 1, "0123456789abcdefABCDEF:.") != inner)
			return false;
		if (end[1] == '\0')
			return true;
		if (end[1] != ':')
			return false;
		port = end + 2;
	} else {
		const char *colon = strchr(host, ':');
		if (colon) {
			n = (size_t)(colon - host);
			port = colon + 1;
		}
		if (!host_name_valid(host, n))
			return false;
	}
	uint64_t number;
	return !port || (num_parse_u64(port, 65535, &number) && number > 0);
}

/* The first part is a host when it could not be a path: it has a dot or colon, is "localhost", or
 * has capital letters. */
static bool is_host(const char *first)
{
	if (strpbrk(first, ".:[") || streq(first, "localhost"))
		return true;
	for (; *first; first++)
		if (isupper((unsigned char)*first))
			return true;
	return false;
}

static void split_host(struct imageref *r, char *name)
{
	char *slash = strchr(name, '/');
	if (slash) {
		*slash = '\0';
		if (is_host(name)) {
			/* index.docker.io is an old name of the same registry */
			r->host = xstrdup(streq(name, "index.docker.io") ? "docker.io" : name);
			name = slash + 1;
		} else {
			*slash = '/';
		}
	}
	if (!r->host)
		r->host = xstrdup("docker.io");
	bool library = streq(r->host, "docker.io") && !strchr(name, '/');
	r->path = xasprintf("%s%s", library ? "library/" : "", name);
}

static int check(const char *text, const struct imageref *r, struct err *err)
{
	if (!host_valid(r->host))
		return err_set(err, -EINVAL,
			       "image '%s': '%s' is not a registry's HOST or HOST:PORT", text,
			       r->host);
	for (const char *p = r->path; *p; p++)
		if (isupper((unsigned char)*p))
			return err_set(err, -EINVAL,
				       "image '%s' has capital letters; write '%s' in lower case",
				       text, r->path);
	if (!path_valid(r->path))
		return err_set(err, -EINVAL,
			       "image '%s' is not an image name; write [HOST/]PATH[:TAG][@DIGEST]",
			       text);
	if (r->tag && !tag_valid(r->tag))
		return err_set(err, -EINVAL, "image '%s': '%s' is not a tag", text, r->tag);
	if (r->digest && !digest_text_valid(r->digest))
		return err_set(err, -EINVAL,
			       "image '%s': '%s' is not a digest; write sha256: and 64 hex digits",
			       text, r->digest);
	return 0;
}

static int too_long(struct err *err)
{
	return err_set(err, -EINVAL, "an image name is longer than %d bytes", IMAGE_TEXT_MAX);
}

/* With what is added for it (host, "library", tag) it must be within the bound as well: the full
 * form is what travels and is parsed again. */
static bool is_too_long(const struct imageref *r)
{
	auto_free char *full = imageref_text(r);
	return strlen(full) > IMAGE_TEXT_MAX;
}

int imageref_parse(const char *text, struct imageref *out, struct err *err)
{
	if (!*text)
		return err_set(err, -EINVAL, "the image name is empty");
	if (strlen(text) > IMAGE_TEXT_MAX)
		return too_long(err);
	auto_free char *name = xstrdup(text);
	struct imageref r = {0};
	char *at = strchr(name, '@');
	if (at) {
		*at = '\0';
		r.digest = xstrdup(at + 1);
	}
	char *slash = strrchr(name, '/');
	char *colon = strchr(slash ? slash : name, ':');
	if (colon) {
		*colon = '\0';
		r.tag = xstrdup(colon + 1);
	} else if (!at) {
		r.tag = xstrdup("latest");
	}
	split_host(&r, name);
	int rc = check(text, &r, err);
	if (rc == 0 && is_too_long(&r))
		rc = too_long(err);
	if (rc < 0) {
		imageref_done(&r);
		return rc;
	}
	*out = r;
	return 0;
}

char *imageref_text(const struct imageref *r)
{
	return xasprintf("%s/%s%s%s%s%s", r->host, r->path, r->tag ? ":" : "", r->tag ? r->tag : "",
			 r->digest ? "@" : "", r->digest ? r->digest : "");
}

void imageref_done(struct imageref *r)
{
	free(r->host);
	free(r->path);
	free(r->tag);
	free(r->digest);
	*r = (struct imageref){0};
}
