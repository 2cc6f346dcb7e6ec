/* SPDX-License-Identifier: Apache-2.0
 * Challenges and trust between hosts, as text; sends nothing itself. */
#include "agent/image/auth.h"
#include "base/str.h"
#include <ctype.h>
#include <string.h>
#include <strings.h>

/* One key=value or key="value" at *p; false at the end or at what is none. */
static bool next_param(const char **p, char **key, char **value)
{
	const char *s = *p + strspn(*p, " \t,");
	size_t n = strcspn(s, "= \t,");
	auto_str v = {0};
	if (n == 0 || s[n] != '=')
		return false;
	const char *at = s + n + 1;
	if (*at == '"') {
		for (at++; *at && *at != '"'; at++) {
			if (*at == '\\' && at[1])
				at++;
			str_addc(&v, *at);
		}
		if (*at != '"')
			return false;
		at++;
	} else {
		size_t len = strcspn(at, ", \t");
		str_addn(&v, at, len);
		at += len;
	}
	*key = xstrndup(s, n);
	*value = str_take(&v);
	*p = at;
	return true;
}

bool challenge_parse(const char *header, struct challenge *ret)
{
	*ret = (struct challenge){0};
	if (strncasecmp(header, "Basic", 5) == 0) {
		ret->basic = true;
		return true;
	}
	if (strncasecmp(header, "Bearer ", 7) != 0)
		return false;
	const char *p = header + 7;
	char *key, *value;
	while (next_param(&p, &key, &value)) {
		char **to = strcasecmp(key, "realm") == 0     ? &ret->realm
			    : strcasecmp(key, "service") == 0 ? &ret->service
			    : strcasecmp(key, "scope") == 0   ? &ret->scope
							      : NULL;
		if (to && !*to)
			*to = take_ptr(value);
		free(key);
		free(value);
	}
	ret->bearer = ret->realm != NULL;
	if (!ret->bearer)
		challenge_done(ret);
	return ret->bearer;
}

void challenge_done(struct challenge *c)
{
	free(c->realm);
	free(c->service);
	free(c->scope);
	*c = (struct challenge){0};
}

bool url_parse(const char *text, struct url *ret)
{
	bool tls = strncasecmp(text, "https://", 8) == 0;
	if (!tls && strncasecmp(text, "http://", 7) != 0)
		return false;
	const char *host = text + (tls ? 8 : 7);
	size_t all = strcspn(host, "/?#");
	if (memchr(host, '@', all) || memchr(host, '\\', all))
		return false;
	size_t n = *host == '[' ? strcspn(host, "]") + 1 : strcspn(host, ":/?#");
	if (n == 0 || n > all || (n < all && host[n] != ':'))
		return false;
	*ret = (struct url){.tls = tls, .host = xstrndup(host, n)};
	for (char *c = ret->host; *c; c++)
		*c = (char)tolower((unsigned char)*c);
	if (n < all)
		ret->port = xstrndup(host + n + 1, all - n - 1);
	return true;
}

void url_done(struct url *u)
{
	free(u->host);
	free(u->port);
	*u = (struct url){0};
}

static bool is_address(const char *host)
{
	return *host == '[' || host[strspn(host, "0123456789.")] == '\0' ||
	       strncmp(host, "0x", 2) == 0;
}

bool host_is_loopback(const char *host)
{
	return streq(host, "localhost") || str_ends(host, ".localhost") ||
	       (is_address(host) && str_starts(host, "127.")) || streq(host, "[::1]");
}

/* Addresses that mean this machine or its link: cloud metadata lives there. Odd ways to write an
 * address (hex, one number) are taken for such. */
static bool is_local_target(const char *host)
{
	if (host_is_loopback(host))
		return true;
	if (*host == '[')
		return str_starts(host, "[fe8") || str_starts(host, "[fe9") ||
		       str_starts(host, "[fea") || str_starts(host, "[feb") ||
		       str_starts(host, "[::");
	if (!is_address(host))
		return false;
	int dots = 0;
	for (const char *c = host; *c; c++)
		dots += *c == '.';
	return dots != 3 || str_starts(host, "169.254.") || *host == '0';
}

bool target_allowed(const struct url *registry, const struct url *target)
{
	if (streq(registry->host, target->host))
		return target->tls || !registry->tls;
	if (registry->tls && !target->tls)
		return false;
	return !is_local_target(target->host) || host_is_loopback(registry->host);
}

/* The name above host, if a site may own it: "docker.io" of "registry-1.docker.io", but not "co.uk". */
static const char *site_above(const char *host)
{
	static const char *const shared[] = {"co", "com", "org", "net", "ac", "gov", "edu", "gob"};
	const char *dot = strchr(host, '.');
	const char *above = dot ? dot + 1 : NULL;
	const char *second = above ? strchr(above, '.') : NULL;
	if (!second || is_address(host))
		return host;
	if (strchr(second + 1, '.'))
		return above;
	for (size_t i = 0; i < ARRAY_LEN(shared); i++)
		if (strlen(second + 1) == 2 && strlen(shared[i]) == (size_t)(second - above) &&
		    strncmp(above, shared[i], strlen(shared[i])) == 0)
			return host;
	return above;
}

bool realm_trusted(const struct url *registry, const struct url *realm)
{
	if (registry->tls && !realm->tls)
		return false;
	if (streq(registry->host, realm->host))
		return true;
	const char *site = site_above(registry->host);
	size_t n = strlen(realm->host), m = strlen(site);
	return streq(realm->host, site) ||
	       (!is_address(site) && n > m + 1 && realm->host[n - m - 1] == '.' &&
		streq(realm->host + n - m, site));
}
