/* SPDX-License-Identifier: Apache-2.0
 * Finding the underlay; see underlay.h. */
#include "overlay/underlay.h"
#include "base/fd.h"
#include "base/mem.h"
#include "overlay/netns.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

struct search {
	struct link_list links;
	struct link_addrs addrs;
};

static void search_done(struct search *s)
{
	free(s->links.v);
	free(s->addrs.v);
}

static const struct link_info *link_at(const struct search *s, int index)
{
	for (size_t i = 0; i < s->links.n; i++)
		if (s->links.v[i].index == index)
			return &s->links.v[i];
	return NULL;
}

/* A link's IPv4 address; where it has none, an IPv6 one. */
static const struct link_addr *first_of(const struct search *s, int index)
{
	const struct link_addr *six = NULL;
	for (size_t i = 0; i < s->addrs.n; i++) {
		const struct link_addr *a = &s->addrs.v[i];
		if (a->index != index || !a->global)
			continue;
		if (ipaddr_is_v4(&a->ip))
			return a;
		if (!six)
			six = a;
	}
	return six;
}

static int by_want(const struct search *s, const char *want, const struct link_addr **ret,
		   struct err *err)
{
	struct ipaddr ip;
	if (ipaddr_parse(want, &ip)) {
		for (size_t i = 0; i < s->addrs.n; i++)
			if (ipaddr_equal(&s->addrs.v[i].ip, &ip)) {
				*ret = &s->addrs.v[i];
				return 0;
			}
		return err_set(err, -EADDRNOTAVAIL,
			       "underlay \"%s\" is no address of this host; name one that is",
			       want);
	}
	for (size_t i = 0; i < s->links.n; i++) {
		if (strcmp(s->links.v[i].name, want) != 0)
			continue;
		*ret = first_of(s, s->links.v[i].index);
		return *ret ? 0
			    : err_set(err, -EADDRNOTAVAIL,
				      "underlay \"%s\" has no address; give it one", want);
	}
	return err_set(err, -ENODEV,
		       "underlay \"%s\" is neither an interface nor an address of this host", want);
}

static int only_of(const struct search *s, int family, const struct link_addr **ret,
		   struct err *err)
{
	*ret = NULL;
	for (size_t i = 0; i < s->addrs.n; i++) {
		const struct link_addr *a = &s->addrs.v[i];
		const struct link_info *li = link_at(s, a->index);
		if (!a->global || a->ip.family != family || !li ||
		    strncmp(li->name, "ck", 2) == 0 || strcmp(li->name, "lo") == 0)
			continue;
		if (*ret && (*ret)->index != a->index)
			return err_set(err, -EINVAL,
				       "this host has several addresses and no default route; "
				       "set the underlay to one of them");
		if (!*ret)
			*ret = a;
	}
	return *ret ? 0
		    : err_set(err, -EADDRNOTAVAIL,
			      "this host has no address for the overlay; set the underlay");
}

static int only_one(const struct search *s, const struct link_addr **ret, struct err *err)
{
	int r = only_of(s, AF_INET, ret, err);
	return r == -EADDRNOTAVAIL ? only_of(s, AF_INET6, ret, err) : r;
}

static int choose(struct nlsock *nl, const struct search *s, const char *want, struct underlay *ret,
		  struct err *err)
{
	const struct link_addr *a = NULL;
	int index = 0, route_mtu = 0;
	int r = link_default(nl, &index, &route_mtu, err);
	if (r < 0 && r != -ENETUNREACH)
		return r;
	if (!want && r == 0)
		a = first_of(s, index);
	if (want)
		r = by_want(s, want, &a, err);
	else
		r = a ? 0 : only_one(s, &a, err);
	if (r < 0)
		return r;
	const struct link_info *li = link_at(s, a->index);
	if (!li)
		return err_set(err, -ENODEV, "the underlay's interface went away; try again");
	*ret = (struct underlay){.ip = a->ip, .index = li->index, .mtu = li->mtu};
	if (li->index == index && route_mtu > 0 && route_mtu < li->mtu)
		ret->mtu = route_mtu;
	memcpy(ret->name, li->name, sizeof(ret->name));
	return 0;
}

int underlay_find(struct nlsock *s, const char *want, struct underlay *ret, struct err *err)
{
	struct search all = {0};
	int r = link_list(s, &all.links, err);
	if (r == 0)
		r = link_addrs(s, &all.addrs, err);
	if (r == 0)
		r = choose(s, &all, want, ret, err);
	search_done(&all);
	return r;
}

void underlay_subnets(struct nlsock *nl, struct strlist *out)
{
	struct search all = {0};
	char text[IPPREFIX_TEXT];
	if (link_list(nl, &all.links, NULL) == 0 && link_addrs(nl, &all.addrs, NULL) == 0)
		for (size_t i = 0; i < all.addrs.n; i++) {
			const struct link_addr *a = &all.addrs.v[i];
			const struct link_info *li = link_at(&all, a->index);
			struct ipprefix p = ipprefix_of(&a->ip, a->prefix_len);
			if (!a->global || !li || strncmp(li->name, "ck", 2) == 0 ||
			    strcmp(li->name, "lo") == 0)
				continue;
			ipprefix_format(&p, text);
			if (!strlist_has(out, text))
				strlist_add(out, text);
		}
	search_done(&all);
}

#define CONF6 "/proc/sys/net/ipv6/conf"

/* A router ignores advertisements unless told otherwise (accept_ra 2): a host whose own default route
 * comes from them would lose it when it starts to forward. */
static void keep_advertised_routes(void)
{
	DIR *d = opendir(CONF6);
	if (!d)
		return;
	for (struct dirent *e; (e = readdir(d));) {
		auto_free char *path = xasprintf(CONF6 "/%s/accept_ra", e->d_name);
		auto_free char *text = NULL;
		if (e->d_name[0] == '.' || strncmp(e->d_name, "ck", 2) == 0 ||
		    file_read(path, 16, &text, NULL, NULL) < 0 || text[0] != '1')
			continue;
		auto_close int fd = open(path, O_WRONLY | O_CLOEXEC);
		if (fd >= 0)
			(void)fd_write_all(fd, "2", 1);
	}
	closedir(d);
}

int underlay_forward6(struct err *err)
{
	auto_free char *text = NULL;
	if (file_read(CONF6 "/all/forwarding", 16, &text, NULL, NULL) < 0)
		return err_set(err, -EAFNOSUPPORT,
			       "this host's kernel has no IPv6 (net.ipv6 is absent); enable it or "
			       "leave out enable_ipv6");
	if (text[0] == '1')
		return 0;
	keep_advertised_routes();
	return netns_sysctl("net.ipv6.conf.all.forwarding", "1", err);
}
