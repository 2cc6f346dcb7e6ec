/* SPDX-License-Identifier: Apache-2.0
 * HTTP/1.1 heads; see httphead.h. */
#include "base/httphead.h"
#include "base/num.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#define BAD 400

size_t httphead_length(const void *data, size_t n)
{
	const char *end = n ? memmem(data, n, "\r\n\r\n", 4) : NULL;
	return end ? (size_t)(end - (const char *)data) + 4 : 0;
}

static bool token_char(char c)
{
	return isalnum((unsigned char)c) || (c && strchr("!#$%&'*+-.^_`|~", c));
}

static int bad(struct err *err, int status, const char *why)
{
	err_set(err, -status, "%s", why);
	return -status;
}

static int hex_digit(char c)
{
	unsigned char v;
	char two[3] = {'0', c, 0};
	return c && hex_decode(two, &v, 1) ? v : -1;
}

/* Percent-decoded copy of n bytes; NULL when an escape is broken or stands for a NUL. */
static char *decode(const char *s, size_t n, bool plus_is_space)
{
	auto_str out = {0};
	for (size_t i = 0; i < n; i++) {
		if (s[i] == '+' && plus_is_space) {
			str_addc(&out, ' ');
			continue;
		}
		if (s[i] != '%') {
			str_addc(&out, s[i]);
			continue;
		}
		int hi = i + 2 < n ? hex_digit(s[i + 1]) : -1;
		int lo = i + 2 < n ? hex_digit(s[i + 2]) : -1;
		if (hi < 0 || lo < 0 || (hi == 0 && lo == 0))
			return NULL;
		str_addc(&out, (char)(hi << 4 | lo));
		i += 2;
	}
	return str_take(&out);
}

static int parse_query(const char *s, const char *end, struct kvlist *query)
{
	while (s < end) {
		const char *amp = memchr(s, '&', (size_t)(end - s));
		const char *stop = amp ? amp : end;
		const char *eq = memchr(s, '=', (size_t)(stop - s));
		const char *key_end = eq ? eq : stop;
		auto_free char *key = decode(s, (size_t)(key_end - s), true);
		auto_free char *val =
			eq ? decode(eq + 1, (size_t)(stop - eq - 1), true) : xstrdup("");
		if (!key || !val || query->n >= HTTPHEAD_FIELDS_MAX)
			return -BAD;
		if (*key)
			kvlist_set(query, key, val);
		s = stop + 1;
	}
	return 0;
}

static int parse_target(const char *s, const char *end, struct httphead *h)
{
	if (s == end || *s != '/')
		return -BAD;
	for (const char *p = s; p < end; p++)
		if ((unsigned char)*p <= 0x20 || *p == 0x7f || *p == '#')
			return -BAD;
	const char *mark = memchr(s, '?', (size_t)(end - s));
	h->path = decode(s, (size_t)((mark ? mark : end) - s), false);
	if (!h->path)
		return -BAD;
	return mark ? parse_query(mark + 1, end, &h->query) : 0;
}

/* "HTTP/1.1" or "HTTP/1.0" in eight bytes. */
static int parse_version(const char *s, size_t n, struct httphead *h)
{
	if (n != 8 || memcmp(s, "HTTP/", 5) != 0)
		return -BAD;
	if (memcmp(s + 5, "1.", 2) != 0 || (s[7] != '0' && s[7] != '1'))
		return -505;
	h->keep_alive = s[7] == '1';
	return 0;
}

static int parse_request_line(const char *s, const char *end, struct httphead *h)
{
	const char *a = memchr(s, ' ', (size_t)(end - s));
	const char *b = a ? memchr(a + 1, ' ', (size_t)(end - a - 1)) : NULL;
	if (!b || a == s || a - s > 16)
		return -BAD;
	for (const char *p = s; p < a; p++)
		if (!isupper((unsigned char)*p))
			return -BAD;
	h->method = xstrndup(s, (size_t)(a - s));
	int r = parse_version(b + 1, (size_t)(end - b - 1), h);
	return r < 0 ? r : parse_target(a + 1, b, h);
}

static int parse_status_line(const char *s, const char *end, struct httphead *h)
{
	if (end - s < 12 || s[8] != ' ' || (end - s > 12 && s[12] != ' '))
		return -BAD;
	char digits[4] = {s[9], s[10], s[11], 0};
	int64_t status;
	if (!num_parse_i64(digits, 100, 599, &status))
		return -BAD;
	h->status = (int)status;
	return parse_version(s, 8, h);
}

static int parse_field(const char *s, const char *end, struct httphead *h)
{
	const char *colon = memchr(s, ':', (size_t)(end - s));
	if (!colon || colon == s)
		return -BAD;
	auto_free char *name = xstrndup(s, (size_t)(colon - s));
	for (char *p = name; p < name + (colon - s); p++) {
		if (!token_char(*p))
			return -BAD;
		*p = (char)tolower((unsigned char)*p);
	}
	const char *v = colon + 1;
	while (v < end && (*v == ' ' || *v == '\t'))
		v++;
	while (end > v && (end[-1] == ' ' || end[-1] == '\t'))
		end--;
	for (const char *p = v; p < end; p++)
		if (((unsigned char)*p < 0x20 && *p != '\t') || *p == 0x7f)
			return -BAD;
	const char *before = kvlist_get(&h->fields, name);
	auto_free char *value = before ? xasprintf("%s, %.*s", before, (int)(end - v), v)
				       : xstrndup(v, (size_t)(end - v));
	kvlist_set(&h->fields, name, value);
	return 0;
}

/* What the fields say of the body and of the connection. */
static int read_meaning(struct httphead *h)
{
	if (httphead_field(h, "transfer-encoding"))
		return -501; /* two ways to frame a body are one too many */
	const char *len = httphead_field(h, "content-length");
	if (len && !num_parse_u64(len, INT64_MAX, &h->body_len))
		return -BAD;
	if (httphead_has(h, "connection", "close"))
		h->keep_alive = false;
	else if (httphead_has(h, "connection", "keep-alive"))
		h->keep_alive = true;
	return 0;
}

static int parse(const char *s, size_t n, struct httphead *h,
		 int (*first_line)(const char *, const char *, struct httphead *))
{
	const char *end = s + n;
	size_t lines = 0;
	while (s < end && lines <= HTTPHEAD_FIELDS_MAX) {
		const char *eol = memmem(s, (size_t)(end - s), "\r\n", 2);
		if (!eol)
			return -BAD;
		if (eol == s)
			return lines ? read_meaning(h) : -BAD;
		int r = lines ? parse_field(s, eol, h) : first_line(s, eol, h);
		if (r < 0)
			return r;
		lines++;
		s = eol + 2;
	}
	return -BAD;
}

static const char *complaint(int status)
{
	if (status == 501)
		return "bodies need a Content-Length; other transfer encodings are not taken";
	if (status == 505)
		return "only HTTP/1.1 is spoken here";
	return "malformed HTTP";
}

int httphead_request(const char *data, size_t n, struct httphead *h, struct err *err)
{
	struct httphead got = {0};
	int r = parse(data, n, &got, parse_request_line);
	if (r < 0) {
		httphead_done(&got);
		return bad(err, -r, complaint(-r));
	}
	*h = got;
	return 0;
}

int httphead_response(const char *data, size_t n, struct httphead *h, struct err *err)
{
	struct httphead got = {0};
	int r = parse(data, n, &got, parse_status_line);
	if (r < 0) {
		httphead_done(&got);
		return bad(err, -r, complaint(-r));
	}
	*h = got;
	return 0;
}

const char *httphead_field(const struct httphead *h, const char *lower_name)
{
	return kvlist_get(&h->fields, lower_name);
}

bool httphead_has(const struct httphead *h, const char *lower_name, const char *token)
{
	const char *s = httphead_field(h, lower_name);
	size_t len = strlen(token);
	while (s && *s) {
		s += strspn(s, " \t,");
		size_t n = strcspn(s, ",");
		size_t word = n;
		while (word && (s[word - 1] == ' ' || s[word - 1] == '\t'))
			word--;
		if (word == len && strncasecmp(s, token, len) == 0)
			return true;
		s += n;
	}
	return false;
}

void httphead_done(struct httphead *h)
{
	free(h->method);
	free(h->path);
	kvlist_done(&h->query);
	kvlist_done(&h->fields);
	*h = (struct httphead){0};
}

const char *httphead_reason(int status)
{
	static const struct {
		int status;
		const char *reason;
	} known[] = {
		{200, "OK"},
		{201, "Created"},
		{202, "Accepted"},
		{204, "No Content"},
		{400, "Bad Request"},
		{401, "Unauthorized"},
		{403, "Forbidden"},
		{404, "Not Found"},
		{405, "Method Not Allowed"},
		{408, "Request Timeout"},
		{409, "Conflict"},
		{411, "Length Required"},
		{413, "Content Too Large"},
		{422, "Unprocessable Content"},
		{429, "Too Many Requests"},
		{431, "Request Header Fields Too Large"},
		{500, "Internal Server Error"},
		{501, "Not Implemented"},
		{503, "Service Unavailable"},
		{505, "HTTP Version Not Supported"},
	};
	for (size_t i = 0; i < ARRAY_LEN(known); i++)
		if (known[i].status == status)
			return known[i].reason;
	return "Unknown";
}
