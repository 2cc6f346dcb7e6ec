/* SPDX-License-Identifier: Apache-2.0
 * Sandboxes: a namespace, its endpoints, ports and resolver. See overlay.h. */
#include "base/log.h"
#include "base/mem.h"
#include "overlay/dns.h"
#include "overlay/fastpath.h"
#include "overlay/host.h"
#include "overlay/lan.h"
#include "overlay/netns.h"
#include "overlay/rules.h"
#include <dirent.h>
#include <errno.h>
#include <string.h>

#define SANDBOX_ENDPOINTS_MAX 32
#define SANDBOX_PORTS_MAX     10000

void sandbox_free(void *sandbox)
{
	struct sandbox *s = sandbox;
	dns_close(s->dns);
	for (size_t i = 0; i < s->n_ports; i++)
		publish_close(&s->ports[i]);
	endpoints_free(s->endpoints, s->n_endpoints);
	free(s->ports);
	free(s->resolver_rules);
	free(s->guard);
	free(s->path);
	free(s->id);
	free(s);
}

void sandbox_entries(const struct overlay *o, const struct network *n, struct fdb_list *out)
{
	map_each(&o->sandboxes, e)
	{
		const struct sandbox *s = e->val;
		for (size_t i = 0; i < s->n_endpoints; i++)
			if (s->endpoints[i].veth_index && streq(s->endpoints[i].network_id, n->id))
				endpoint_entries(n, &s->endpoints[i], out);
	}
}

int sandbox_rules(struct overlay *o, const struct sandbox *s, bool add, struct str *script)
{
	struct ov_backend outer;
	bool open = publish_backend(o, s, &outer);
	for (size_t i = 0; i < s->n_endpoints; i++)
		endpoint_rules(&s->endpoints[i], add, script);
	for (size_t i = 0; i < s->n_ports && open; i++)
		publish_rules(&s->ports[i], &outer, add, script);
	return s->n_ports && !open ? -EINVAL : 0;
}

static bool find_name(void *arg, const char *name, struct names_found *ret)
{
	struct sandbox *s = arg;
	bool known = false;
	for (size_t i = 0; i < s->n_endpoints; i++) {
		struct network *n = network_get(s->host, s->endpoints[i].network_id);
		struct names_found found;
		if (!n || !names_find(&n->names, name, &found))
			continue;
		*ret = found;
		if (found.n)
			return true;
		known = true;
	}
	return known;
}

static const char *name_of(void *arg, const struct ipaddr *ip, bool *ours)
{
	struct sandbox *s = arg;
	for (size_t i = 0; i < s->n_endpoints; i++) {
		struct network *n = network_get(s->host, s->endpoints[i].network_id);
		if (!n ||
		    (!ipprefix_has(&n->spec.subnet, ip) && !ipprefix_has(&n->spec.subnet6, ip)))
			continue;
		*ours = true;
		return names_of(&n->names, ip);
	}
	return NULL;
}

static int check_spec(struct overlay *o, const struct ov_sandbox *s, struct err *err)
{
	if (!host_id_ok(s->id))
		return err_set(err, -EINVAL, "sandbox id \"%s\" is no plain name",
			       s->id ? s->id : "");
	if (s->n_endpoints > SANDBOX_ENDPOINTS_MAX || s->n_publish > SANDBOX_PORTS_MAX)
		return err_set(err, -E2BIG,
			       "sandbox \"%s\" has more than %d networks or %d published ports",
			       s->id, SANDBOX_ENDPOINTS_MAX, SANDBOX_PORTS_MAX);
	for (size_t i = 0; i < s->n_endpoints; i++) {
		const struct ov_endpoint *e = &s->endpoints[i];
		const struct network *n = network_get(o, e->network_id);
		if (!n)
			return err_set(err, -ENOENT,
				       "network \"%s\" of sandbox \"%s\" is not on this host; set "
				       "it first",
				       e->network_id, s->id);
		if (e->mac[0] & 1 || !network_may_have(n, &e->ip, &e->ip6))
			return err_set(err, -EINVAL,
				       "sandbox \"%s\" has an address or MAC that network \"%s\" "
				       "cannot have",
				       s->id, e->network_id);
	}
	return 0;
}

/* The new list of endpoints; those that stay keep their link, the others' links go. */
static void take_endpoints(struct overlay *o, struct sandbox *s, const struct ov_sandbox *spec)
{
	struct endpoint *now = endpoints_of(spec);
	for (size_t i = 0; i < spec->n_endpoints; i++)
		now[i].inside = lan_is_inside(network_get(o, now[i].network_id));
	for (size_t i = 0; i < spec->n_endpoints && i < s->n_endpoints; i++)
		if (endpoint_same(&now[i], &s->endpoints[i]))
			now[i].veth_index = s->endpoints[i].veth_index;
	for (size_t i = 0; i < s->n_endpoints; i++)
		if (i >= spec->n_endpoints || !now[i].veth_index) {
			endpoint_remove(o, &s->endpoints[i]);
			if (s->endpoints[i].inside)
				lanend_remove(o, s, &s->endpoints[i]);
		}
	endpoints_free(s->endpoints, s->n_endpoints);
	s->endpoints = now;
	s->n_endpoints = spec->n_endpoints;
}

static bool same_port(const struct ov_publish *have, const struct ov_publish *want)
{
	return ipaddr_equal(&have->host_ip, &want->host_ip) && have->target == want->target &&
	       have->proto == want->proto &&
	       (want->host_port == 0 || want->host_port == have->host_port ||
		(have->host_port >= want->first && have->host_port <= want->last));
}

/* A port that was there before is kept, with its number and its socket. */
static struct published keep_port(struct sandbox *s, const struct ov_publish *want)
{
	for (size_t i = 0; i < s->n_ports; i++) {
		struct published *p = &s->ports[i];
		if (p->spec.target == 0 || !same_port(&p->spec, want))
			continue;
		struct published kept = *p;
		p->hold = NULL;
		p->spec = (struct ov_publish){0}; /* taken */
		return kept;
	}
	return (struct published){.spec = *want};
}

static int take_ports(struct overlay *o, struct sandbox *s, const struct ov_sandbox *spec,
		      struct err *err)
{
	struct published *now = xcalloc(spec->n_publish ? spec->n_publish : 1, sizeof(*now));
	for (size_t i = 0; i < spec->n_publish; i++)
		now[i] = keep_port(s, &spec->publish[i]);
	for (size_t i = 0; i < s->n_ports; i++)
		publish_close(&s->ports[i]);
	free(s->ports);
	s->ports = now;
	s->n_ports = 0;
	for (size_t i = 0; i < spec->n_publish; i++) {
		struct published p = now[i];
		int r = p.held ? 0 : publish_open(o, &p, s->id, err);
		if (r < 0) {
			for (size_t j = i; j < spec->n_publish; j++)
				publish_close(&now[j]);
			return r;
		}
		s->ports[s->n_ports++] = p;
	}
	return 0;
}

void sandbox_sysctls(const struct kv **ret, size_t *ret_n)
{
	static const struct kv own[] = {
		/* No address by rumour, no router by advertisement; IPv6 on networks that have it. */
		{(char *)"net.ipv6.conf.all.accept_ra", (char *)"0"},
		{(char *)"net.ipv6.conf.default.accept_ra", (char *)"0"},
		{(char *)"net.ipv6.conf.default.disable_ipv6", (char *)"1"},
		/* With several networks each interface speaks for its own address only. */
		{(char *)"net.ipv4.conf.all.arp_ignore", (char *)"1"},
		{(char *)"net.ipv4.conf.all.arp_announce", (char *)"2"},
		{(char *)"net.ipv4.ip_unprivileged_port_start", (char *)"0"},
	};
	*ret = own;
	*ret_n = ARRAY_LEN(own);
}

static int set_sysctls(const struct kvlist *list, struct err *err)
{
	const struct kv *own;
	size_t n;
	sandbox_sysctls(&own, &n);
	for (size_t i = 0; i < n; i++)
		(void)netns_sysctl(own[i].k, own[i].v, NULL); /* absent without IPv6 */
	for (size_t i = 0; list && i < list->n; i++) {
		int r = netns_sysctl(list->v[i].k, list->v[i].v ? list->v[i].v : "", err);
		if (r < 0)
			return r;
	}
	return 0;
}

int sandbox_lead_names(const struct sandbox *s, struct err *err)
{
	struct nft *nft = NULL;
	auto_str script = {0};
	rules_resolver(&script, s->dns_udp, s->dns_tcp);
	int r = nft_open(&nft, err);
	if (r == 0)
		r = nft_run(nft, script.data, err);
	nft_close(nft);
	return r < 0 ? err_wrap(err, r, "cannot lead %s:53 to the resolver", DNS_ADDRESS) : 0;
}

static int start_resolver(struct overlay *o, struct sandbox *s, const struct strlist *servers,
			  struct err *err)
{
	struct dns_source src = {.find = find_name, .name_of = name_of, .arg = s};
	struct dns *d = NULL;
	int r = dns_open(o->loop, o->upstream, &src, servers, &d, err);
	if (r < 0)
		return r;
	dns_ports(d, &s->dns_udp, &s->dns_tcp);
	free_and_null(&s->resolver_rules);
	s->nft_seen = 0;
	r = sandbox_lead_names(s, err);
	if (r < 0) {
		dns_close(d);
		return r;
	}
	dns_close(s->dns);
	s->dns = d;
	return 0;
}

/* Everything inside the namespace that needs the thread to be there. */
static int set_inside(struct overlay *o, struct sandbox *s, int ns, const struct ov_sandbox *spec,
		      struct err *err)
{
	int r = netns_enter(ns, err);
	if (r < 0)
		return r;
	r = endpoint_configure(o, s, err);
	if (r == 0)
		r = set_sysctls(spec->sysctls, err);
	if (r == 0)
		r = start_resolver(o, s, spec->dns, err);
	netns_leave(o->home);
	return r;
}

static int open_namespace(struct overlay *o, const struct sandbox *s, struct err *err)
{
	int ns = netns_open(s->path, err);
	if (ns != -ENOENT)
		return ns;
	ns = netns_create(s->path, o->home, err);
	if (ns < 0 || netns_enter(ns, NULL) < 0)
		return ns;
	(void)set_sysctls(NULL, NULL); /* before the links are there, which inherit them */
	netns_leave(o->home);
	return ns;
}

static int write_entries(struct overlay *o, const struct sandbox *s, struct err *err)
{
	auto_fdb list = {0};
	for (size_t i = 0; i < s->n_endpoints; i++)
		endpoint_entries(network_get(o, s->endpoints[i].network_id), &s->endpoints[i],
				 &list);
	int r = fdb_write(o->nl, &list, false, err);
	for (size_t i = 0; i < s->n_endpoints && r == 0; i++)
		fastpath_endpoint(o, &s->endpoints[i], true);
	return r;
}

static int build(struct overlay *o, struct sandbox *s, const struct ov_sandbox *spec,
		 struct err *err)
{
	auto_str script = {0};
	/* Rules of what it had go first, in the same transaction. */
	(void)sandbox_rules(o, s, false, &script);
	take_endpoints(o, s, spec);
	int r = take_ports(o, s, spec, err);
	if (r < 0)
		return r;
	if (sandbox_rules(o, s, true, &script) < 0)
		return err_set(err, -EINVAL,
			       "sandbox \"%s\" publishes ports but is on internal or physical "
			       "networks only; give it "
			       "another network or unpublish them",
			       s->id);
	auto_close int ns = open_namespace(o, s, err);
	if (ns < 0)
		return ns;
	for (size_t i = 0; i < s->n_endpoints; i++) {
		r = endpoint_ensure(o, &s->endpoints[i], ns, err);
		if (r < 0)
			return r;
	}
	struct ov_backend outer;
	for (size_t i = 0; publish_backend(o, s, &outer) && i < s->n_ports; i++)
		publish_serve(&s->ports[i], &outer);
	r = set_inside(o, s, ns, spec, err);
	if (r == 0)
		r = viproute_join(o, s, ns, err);
	if (r == 0)
		r = write_entries(o, s, err);
	if (r == 0)
		r = firewall_apply(o, script.data, err);
	if (r == 0)
		announce_sandbox(o, s);
	return r < 0 ? r : record_put_sandbox(o, s, err);
}

static bool unchanged(const struct sandbox *s, const struct ov_sandbox *spec)
{
	if (!s->dns || s->n_endpoints != spec->n_endpoints || s->n_ports != spec->n_publish)
		return false;
	struct endpoint *want = endpoints_of(spec);
	bool same = true;
	for (size_t i = 0; i < s->n_endpoints; i++)
		same &= s->endpoints[i].veth_index && endpoint_same(&want[i], &s->endpoints[i]);
	endpoints_free(want, spec->n_endpoints);
	if (!same)
		return false;
	for (size_t i = 0; i < s->n_ports; i++)
		if (!same_port(&s->ports[i].spec, &spec->publish[i]))
			return false;
	return true;
}

int overlay_sandbox_set(struct overlay *o, const struct ov_sandbox *spec, char **ret_path,
			struct err *err)
{
	int r = check_spec(o, spec, err);
	if (r < 0)
		return r;
	struct sandbox *s = map_get(&o->sandboxes, spec->id);
	if (!s || !unchanged(s, spec)) {
		bool made = !s;
		if (made) {
			s = xcalloc(1, sizeof(*s));
			s->host = o;
			s->id = xstrdup(spec->id);
			s->path = xasprintf("%s/%s", o->netns_dir, spec->id);
			map_set(&o->sandboxes, s->id, s);
		}
		struct err why = {0};
		r = build(o, s, spec, &why);
		if (r < 0) {
			if (made)
				(void)overlay_sandbox_del(o, spec->id, NULL);
			return err_set(err, r, "%s", err_text(&why));
		}
	}
	for (size_t i = 0; i < s->n_ports; i++)
		spec->publish[i].host_port = s->ports[i].spec.host_port;
	*ret_path = xstrdup(s->path);
	return 0;
}

int overlay_sandbox_del(struct overlay *o, const char *id, struct err *err)
{
	if (!host_id_ok(id))
		return err_set(err, -EINVAL, "sandbox id \"%s\" is no plain name", id ? id : "");
	auto_free char *path = xasprintf("%s/%s", o->netns_dir, id);
	struct sandbox *s = map_get(&o->sandboxes, id);
	auto_free char *key = xstrdup(id);
	vips_leave(o->vips, id);
	if (s) {
		auto_str script = {0};
		auto_fdb list = {0};
		(void)sandbox_rules(o, s, false, &script);
		for (size_t i = 0; i < s->n_endpoints; i++) {
			const struct network *n = network_get(o, s->endpoints[i].network_id);
			if (n && s->endpoints[i].veth_index)
				endpoint_entries(n, &s->endpoints[i], &list);
			fastpath_endpoint(o, &s->endpoints[i], false);
		}
		for (size_t i = 0; i < s->n_endpoints; i++)
			if (s->endpoints[i].inside)
				lanend_remove(o, s, &s->endpoints[i]);
		for (size_t i = 0; (s->served || s->n_ports) && i < s->n_endpoints; i++) {
			stale_address(o, &s->endpoints[i].ip);
			stale_address(o, &s->endpoints[i].ip6);
		}
		dns_close(take_ptr(s->dns)); /* its sockets hold the namespace */
		map_del(&o->sandboxes, key);
		(void)fdb_write(o->nl, &list, true, NULL); /* they go with the veth anyway */
		int r = firewall_apply(o, script.data, err);
		if (r < 0)
			return r;
	}
	int r = netns_drop(path, err);
	if (r == 0)
		record_drop(o, "sandboxes", key);
	return r;
}

const char *overlay_sandbox_path(const struct overlay *o, const char *id)
{
	const struct sandbox *s = map_get(&o->sandboxes, id);
	return s ? s->path : NULL;
}

bool overlay_sandbox_address(struct overlay *o, const char *id, struct ipaddr *ip,
			     struct ipaddr *ip6)
{
	struct sandbox *s = map_get(&o->sandboxes, id);
	struct ov_backend b;
	if (!s || !publish_backend(o, s, &b))
		return false;
	s->served = true;
	*ip = b.ip;
	*ip6 = b.ip6;
	return true;
}

int overlay_sandbox_list(struct overlay *o, struct strlist *ids, struct err *err)
{
	DIR *d = opendir(o->netns_dir);
	if (!d)
		return err_sys(err, -errno, "cannot list \"%s\"", o->netns_dir);
	for (struct dirent *e; (e = readdir(d));)
		if (host_id_ok(e->d_name))
			strlist_add(ids, e->d_name);
	closedir(d);
	return 0;
}
