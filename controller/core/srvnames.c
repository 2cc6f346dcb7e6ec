/* SPDX-License-Identifier: Apache-2.0
 * See srvnames.h. */
#include "controller/core/srvnames.h"
#include "base/mem.h"
#include "base/num.h"
#include <string.h>

static void add(struct strlist *out, const char *name, const char *proto, unsigned port)
{
	auto_free char *text = xasprintf("_%s._%s:%u", name, proto, port);
	if (out->n < SRVNAMES_MAX && !strlist_has(out, text))
		strlist_add(out, text);
}

static void add_port(struct strlist *out, const char *name, const char *proto, unsigned port)
{
	auto_free char *number = xasprintf("%u", port);
	if (name && *name && !strpbrk(name, ". "))
		add(out, name, proto, port);
	add(out, number, proto, port);
}

void srvnames_of(const struct spec_service *s, struct strlist *out)
{
	for (size_t i = 0; i < s->n_ports; i++)
		add_port(out, s->ports[i].name, spec_proto_name(s->ports[i].protocol),
			 s->ports[i].target);
	for (size_t i = 0; i < s->expose.n; i++) {
		const char *text = s->expose.v[i], *slash = strchr(text, '/');
		auto_free char *first =
			xstrndup(text, slash ? (size_t)(slash - text) : strlen(text));
		int64_t port;
		if (num_parse_i64(first, 1, UINT16_MAX, &port)) /* not a range */
			add_port(out, NULL, slash ? slash + 1 : "tcp", (unsigned)port);
	}
}
