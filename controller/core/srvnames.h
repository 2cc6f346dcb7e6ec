/* SPDX-License-Identifier: Apache-2.0
 *
 * The ports of a service by name, for DNS (RFC 2782): _http._tcp for one that is called http, and by
 * number, _8080._tcp.
 */
#pragma once
#include "base/str.h"
#include "manifests/spec.h"

#define SRVNAMES_MAX 32 /* of a service; ranges of hundreds of ports are not looked up by name */

/* "_http._tcp:8080" for the ports that are published or exposed; each once. */
void srvnames_of(const struct spec_service *s, struct strlist *out);
