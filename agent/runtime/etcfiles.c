/* SPDX-License-Identifier: Apache-2.0
 * Files in /etc; see etcfiles.h. */
#include "agent/runtime/etcfiles.h"
#include "base/fd.h"

#include <errno.h>
#include <string.h>

#define RESOLV_MAX (64 << 10)

/* A line break in a value would let it add lines of its own. */
static int check_lines(const struct strlist *l, const char *what, struct err *err)
{
	for (size_t i = 0; i < l->n; i++)
		if (strpbrk(l->v[i], "\r\n"))
			return err_set(err, -EINVAL, "%s '%.60s' has a line break in it", what,
				       l->v[i]);
	return 0;
}

static int hosts_text(const struct rt_spec *s, struct str *out, struct err *err)
{
	str_add(out, "127.0.0.1\tlocalhost\n"
		     "::1\tlocalhost ip6-localhost ip6-loopback\n"
		     "fe00::\tip6-localnet\nff00::\tip6-mcastprefix\n"
		     "ff02::1\tip6-allnodes\nff02::2\tip6-allrouters\n");
	for (size_t i = 0; i < s->host_names.n; i++)
		str_addf(out, "%s\n", s->host_names.v[i]);
	for (size_t i = 0; i < s->extra_hosts.n; i++) {
		const char *entry = s->extra_hosts.v[i], *eq = strchr(entry, '=');
		if (!eq || eq == entry || !eq[1])
			return err_set(err, -EINVAL, "the extra host '%s' is not NAME=ADDRESS",
				       entry);
		str_addf(out, "%s\t%.*s\n", eq + 1, (int)(eq - entry), entry);
	}
	return 0;
}

static void add_joined(struct str *out, const char *key, const struct strlist *l)
{
	if (l->n == 0)
		return;
	str_add(out, key);
	for (size_t i = 0; i < l->n; i++)
		str_addf(out, " %s", l->v[i]);
	str_addc(out, '\n');
}

static void resolv_text(const struct rt_spec *s, struct str *out)
{
	auto_free char *host = NULL;
	size_t len = 0;
	if (s->dns.n == 0 && file_read("/etc/resolv.conf", RESOLV_MAX, &host, &len, NULL) == 0)
		str_addn(out, host, len);
	if (out->len && out->data[out->len - 1] != '\n')
		str_addc(out, '\n');
	for (size_t i = 0; i < s->dns.n; i++)
		str_addf(out, "nameserver %s\n", s->dns.v[i]);
	add_joined(out, "search", &s->dns_search);
	add_joined(out, "options", &s->dns_opt);
}

static int write_file(const char *dir, const char *name, const struct str *text, struct err *err)
{
	auto_free char *path = xasprintf("%s/%s", dir, name);
	return file_replace(path, text->data ?: "", text->len, 0644, err);
}

int etcfiles_write(const struct rt_spec *s, const char *dir, struct err *err)
{
	auto_str hosts = {0}, resolv = {0}, name = {0};
	int r = check_lines(&s->host_names, "the host line", err);
	if (r == 0)
		r = check_lines(&s->extra_hosts, "the extra host", err);
	if (r == 0)
		r = check_lines(&s->dns, "the name server", err);
	if (r == 0)
		r = check_lines(&s->dns_search, "the search domain", err);
	if (r == 0)
		r = check_lines(&s->dns_opt, "the resolver option", err);
	if (r == 0)
		r = hosts_text(s, &hosts, err);
	if (r < 0)
		return r;
	resolv_text(s, &resolv);
	str_addf(&name, "%s\n", s->hostname ?: "");
	r = write_file(dir, "hosts", &hosts, err);
	if (r == 0)
		r = write_file(dir, "resolv.conf", &resolv, err);
	if (r == 0)
		r = write_file(dir, "hostname", &name, err);
	return r;
}
