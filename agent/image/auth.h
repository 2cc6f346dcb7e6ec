/* SPDX-License-Identifier: Apache-2.0
 * What a registry's 401 asks for, and whom a password may be told. Pure. */
#pragma once
#include "base/err.h"
#include <stdbool.h>

struct challenge {
	bool basic, bearer;
	char *realm, *service, *scope; /* of Bearer; NULL: not said */
};
/* The text of a WWW-Authenticate header; false when it is none that is known. */
bool challenge_parse(const char *header, struct challenge *ret);
void challenge_done(struct challenge *c);

/* scheme://host[:port]/... taken apart. Port as written, or NULL. */
struct url {
	bool tls;
	char *host; /* lower case, without port */
	char *port;
};
bool url_parse(const char *text, struct url *ret);
void url_done(struct url *u);

/* Whether a token server at realm may be told the password meant for the registry at host. */
bool realm_trusted(const struct url *registry, const struct url *realm);
/* Whether a registry may send its clients to target at all: never to this machine or its links,
 * unless it lives there itself. */
bool target_allowed(const struct url *registry, const struct url *target);
bool host_is_loopback(const char *host);
