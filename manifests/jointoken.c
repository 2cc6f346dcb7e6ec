/* SPDX-License-Identifier: Apache-2.0
 * Join tokens as text, both ways; whether a token is valid only the controller knows. */
#include "manifests/jointoken.h"
#include "base/num.h"
#include <ctype.h>
#include <errno.h>
#include <string.h>

#define TOKEN_PREFIX "ck1."

static bool hex_only(const char *s, size_t len)
{
	return strlen(s) == len && strspn(s, "0123456789abcdef") == len;
}

static bool host_valid(const char *host)
{
	if (!*host || strlen(host) > 253)
		return false;
	for (const char *p = host; *p; p++)
		if (!isalnum((unsigned char)*p) && !strchr("-.:%", *p))
			return false;
	return true;
}

int hostport_parse(const char *text, uint16_t default_port, char **ret_host, uint16_t *ret_port,
		   struct err *err)
{
	auto_free char *host = NULL;
	const char *port = NULL;
	int64_t number = default_port;

	if (*text == '[') {
		const char *end = strchr(text, ']');

		if (end && (end[1] == ':' || !end[1])) {
			host = xstrndup(text + 1, (size_t)(end - text - 1));
			port = end[1] ? end + 2 : NULL;
		}
	} else {
		const char *colon = strchr(text, ':');

		/* Two colons and no brackets: an IPv6 address alone. */
		if (colon && !strchr(colon + 1, ':')) {
			host = xstrndup(text, (size_t)(colon - text));
			port = colon + 1;
		} else {
			host = xstrdup(text);
		}
	}
	if (!host || !host_valid(host) || (port && !num_parse_i64(port, 0, 65535, &number)))
		return err_set(err, -EINVAL,
			       "address '%.100s' is not of the form HOST:PORT; write for example "
			       "10.0.0.1:7677 or [fd00::1]:7677",
			       text);
	*ret_host = take_ptr(host);
	*ret_port = (uint16_t)number;
	return 0;
}

static int addrs_parse(char *list, struct strlist *out, struct err *err)
{
	char *save = NULL;

	for (char *a = strtok_r(list, ",", &save); a; a = strtok_r(NULL, ",", &save)) {
		auto_free char *host = NULL;
		uint16_t port;
		int r;

		for (char *p = a; *p; p++)
			*p = *p == '_' ? '.' : *p;
		if (out->n == JOINTOKEN_ADDRS_MAX)
			return err_set(err, -E2BIG, "join token names more than %d addresses",
				       JOINTOKEN_ADDRS_MAX);
		r = hostport_parse(a, 0, &host, &port, err);
		if (r)
			return err_wrap(err, r, "join token");
		if (!port)
			return err_set(err, -EINVAL,
				       "join token has an address without a port: '%s'", a);
		strlist_add(out, a);
	}
	return out->n ? 0 : err_set(err, -EINVAL, "join token names no address");
}

int jointoken_parse(const char *text, struct jointoken *out, struct err *err)
{
	auto_free char *copy = NULL;
	char *parts[4] = {NULL}, *save = NULL;
	struct jointoken t = {0};
	size_t n = 0;
	int r;

	if (strlen(text) > JOINTOKEN_TEXT_MAX || !str_starts(text, TOKEN_PREFIX))
		return err_set(err, -EINVAL,
			       "this is no join token: it does not start with 'ck1.'; get one with "
			       "`carrack token create` on the controller");
	copy = xstrdup(text + strlen(TOKEN_PREFIX));
	for (char *p = strtok_r(copy, ".", &save); p; p = strtok_r(NULL, ".", &save)) {
		if (n < 4)
			parts[n] = p;
		n++;
	}
	if (n != 4 || !hex_only(parts[1], JOINTOKEN_DIGEST_LEN) ||
	    !hex_only(parts[2], JOINTOKEN_ID_LEN) || !hex_only(parts[3], JOINTOKEN_SECRET_LEN))
		return err_set(err, -EINVAL,
			       "join token is cut short or mistyped; copy it whole from "
			       "`carrack token create`");
	r = addrs_parse(parts[0], &t.addrs, err);
	if (r) {
		jointoken_done(&t);
		return r;
	}
	strcpy(t.ca_digest, parts[1]);
	strcpy(t.id, parts[2]);
	strcpy(t.secret, parts[3]);
	explicit_bzero(parts[3], JOINTOKEN_SECRET_LEN);
	*out = t;
	return 0;
}

char *jointoken_text(const struct jointoken *t)
{
	struct str s = {0};

	str_add(&s, TOKEN_PREFIX);
	for (size_t i = 0; i < t->addrs.n; i++) {
		if (i)
			str_addc(&s, ',');
		for (const char *p = t->addrs.v[i]; *p; p++)
			str_addc(&s, *p == '.' ? '_' : *p);
	}
	str_addf(&s, ".%s.%s.%s", t->ca_digest, t->id, t->secret);
	return str_take(&s);
}

void jointoken_done(struct jointoken *t)
{
	strlist_done(&t->addrs);
	explicit_bzero(t, sizeof(*t));
}
