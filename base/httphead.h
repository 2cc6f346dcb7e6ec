/* SPDX-License-Identifier: Apache-2.0
 *
 * The heads of HTTP/1.1 messages, strictly: CRLF lines, no folding, no control characters, and
 * bodies by Content-Length alone. Pure functions over bytes; owns no connection.
 */
#pragma once
#include "base/err.h"
#include "base/str.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HTTPHEAD_FIELDS_MAX 100 /* header fields, and parameters of a query */

struct httphead {
	char *method;         /* requests */
	char *path;           /* requests: decoded, begins with "/" */
	struct kvlist query;  /* requests: decoded */
	int status;           /* responses */
	struct kvlist fields; /* names in lower case; repeated ones joined by ", " */
	uint64_t body_len;    /* Content-Length; 0 without one */
	bool keep_alive;      /* the connection may carry another message */
};

/* Length of the head with its empty line; 0 while that has not come. Looks at n bytes. */
size_t httphead_length(const void *data, size_t n);
/* Parse n bytes, a whole head. On failure return the status to refuse a request with (400, 501,
 * 505), negated, with a sentence in err; *h is then empty. Otherwise 0, and httphead_done. */
int httphead_request(const char *data, size_t n, struct httphead *h, struct err *err);
int httphead_response(const char *data, size_t n, struct httphead *h, struct err *err);
const char *httphead_field(const struct httphead *h, const char *lower_name); /* NULL: absent */
/* Is token one of the comma-separated words of a field, in any case? */
bool httphead_has(const struct httphead *h, const char *lower_name, const char *token);
void httphead_done(struct httphead *h);
const char *httphead_reason(int status); /* "Not Found" */
