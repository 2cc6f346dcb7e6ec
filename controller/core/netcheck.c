/* SPDX-License-Identifier: Apache-2.0
 * What can be said against a stack's networks by someone who knows the cluster: subnets that overlap
 * another's or a node's own, numbers and addresses that somebody has. */
#include "controller/core/state.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

/* The canonical list has the IPv4 subnet first. */
static int at_config(const struct spec_network *sn, bool v6, const char *key, int rc,
		     struct err *err)
{
	return err_at(err, rc, "networks.%s.ipam.config[%d].%s", sn->key, v6 && sn->ipam.subnet,
		      key);
}

static int check_ipam4(const struct spec_network *sn, struct err *err)
{
	uint32_t base, gateway = 0, range;
	unsigned prefix, range_prefix;
	int rc = ipam_cidr_parse(sn->ipam.subnet, &base, &prefix, err);
	if (rc < 0)
		return rc;
	if (sn->ipam.gateway && !ipam_addr_parse(sn->ipam.gateway, &gateway)) {
		rc = err_set(err, -EINVAL, "the gateway '%s' is no address", sn->ipam.gateway);
		return at_config(sn, false, "gateway", rc, err);
	}
	struct ipam_subnet probe = {0};
	rc = ipam_subnet_init(&probe, base, prefix, gateway, err);
	if (rc == 0 && sn->ipam.ip_range) {
		rc = ipam_cidr_parse(sn->ipam.ip_range, &range, &range_prefix, err);
		if (rc == 0)
			rc = ipam_subnet_range(&probe, range, range_prefix, err);
	}
	ipam_subnet_done(&probe);
	return rc;
}

static int check_ipam6(const struct spec_network *sn, struct err *err)
{
	struct ipprefix p = {0}, range = {0};
	struct ipaddr gateway = {0};
	if (!ipprefix_parse(sn->ipam6.subnet, &p))
		return err_set(err, -EINVAL, "'%s' is not a subnet", sn->ipam6.subnet);
	(void)ipaddr_parse(sn->ipam6.gateway, &gateway);
	(void)ipprefix_parse(sn->ipam6.ip_range, &range);
	struct ipam6 probe = {0};
	int rc = ipam6_init(&probe, &p, &gateway, &range, err);
	ipam6_done(&probe);
	return rc;
}

/* Of one physical network there is one allocator. */
static const char *instead(const struct spec_network *sn, const struct network *n, char **ret)
{
	if (spec_network_lan(sn) == LAN_NONE || !n->lan)
		return "choose another";
	*ret = xasprintf("to be on the same physical network, use it here with 'external: true' "
			 "and 'name: %s'%s%s%s",
			 n->name,
			 n->spec.attachable ? "" : ", and set 'attachable: true' on it in ",
			 n->spec.attachable ? "" : "the stack ",
			 n->spec.attachable ? "" : n->stack);
	return *ret;
}

static int check_overlap(const struct cluster *c, const struct spec_stack *s,
			 const struct spec_network *sn, const char *subnet, struct err *err)
{
	struct ipprefix p;
	const char *node, *own;
	auto_free char *more = NULL;
	if (!ipprefix_parse(subnet, &p))
		return 0;
	map_each(&c->network_names, e)
	{
		const struct network *n = e->val;
		struct ipprefix v4 = network_prefix4(n);
		/* What this stack has already may be replaced: it makes room for itself. */
		if (n->ready && !streq(n->stack, s->name) &&
		    (ipprefix_overlap(&p, &v4) || ipprefix_overlap(&p, &n->subnet6.subnet)))
			return err_set(err, -EEXIST,
				       "the subnet '%s' of the network '%s' overlaps that of '%s'; "
				       "%s",
				       subnet, sn->key, n->name, instead(sn, n, &more));
	}
	/* On the physical network the nodes' own subnets are where it wants to be. */
	own = spec_network_lan(sn) == LAN_NONE ? network_underlay(c, &p, &node) : NULL;
	if (own)
		return err_set(err, -EEXIST,
			       "the subnet '%s' of the network '%s' overlaps '%s', which the node "
			       "'%s' is on itself; choose another",
			       subnet, sn->key, own, node);
	return 0;
}

static int check_subnet(const struct cluster *c, const struct spec_stack *s,
			const struct spec_network *sn, bool v6, struct err *err)
{
	const char *subnet = v6 ? sn->ipam6.subnet : sn->ipam.subnet;
	if (!subnet)
		return 0;
	int rc = v6 ? check_ipam6(sn, err) : check_ipam4(sn, err);
	if (rc < 0)
		err_wrap(err, rc, "the network '%s'", sn->key);
	else
		rc = check_overlap(c, s, sn, subnet, err);
	return rc < 0 && !(err && err->path[0]) ? at_config(sn, v6, "subnet", rc, err) : rc;
}

static int check_subnets(const struct cluster *c, const struct spec_stack *s,
			 const struct spec_network *sn, struct err *err)
{
	int rc = check_subnet(c, s, sn, false, err);
	return rc == 0 ? check_subnet(c, s, sn, true, err) : rc;
}

static bool subnets_meet(const char *a, const char *b)
{
	struct ipprefix x, y;
	return ipprefix_parse(a, &x) && ipprefix_parse(b, &y) && ipprefix_overlap(&x, &y);
}

static int at_vni(const struct spec_network *sn, int rc, struct err *err)
{
	return err_at(err, rc, "networks.%s.driver_opts.%s", sn->key,
		      kvlist_get(&sn->driver_opts, "vni")
			      ? "vni"
			      : "com.docker.network.driver.overlay.vxlanid_list");
}

static int check_pair(const struct spec_network *y, const struct spec_network *x, struct err *err)
{
	if (x->external || y->external)
		return 0;
	if (streq(x->name, y->name)) {
		int rc = err_set(err, -EINVAL, "the networks '%s' and '%s' have one name, '%s'",
				 y->key, x->key, x->name);
		return err_at(err, rc, "networks.%s.name", x->key);
	}
	bool v4 = subnets_meet(x->ipam.subnet, y->ipam.subnet);
	if (v4 || subnets_meet(x->ipam6.subnet, y->ipam6.subnet)) {
		int rc = err_set(err, -EINVAL, "the subnets of the networks '%s' and '%s' overlap",
				 y->key, x->key);
		return at_config(x, !v4, "subnet", rc, err);
	}
	if (spec_network_vni(x) && spec_network_vni(x) == spec_network_vni(y)) {
		int rc = err_set(err, -EINVAL, "the networks '%s' and '%s' have one VNI, %u",
				 y->key, x->key, spec_network_vni(x));
		return at_vni(x, rc, err);
	}
	return 0;
}

static int check_vni(const struct cluster *c, const struct spec_stack *s,
		     const struct spec_network *sn, struct err *err)
{
	uint32_t vni = spec_network_vni(sn);
	map_each(&c->network_names, e)
	{
		const struct network *n = e->val;
		if (!vni || !n->ready || n->vni != vni || streq(n->stack, s->name))
			continue;
		int rc = err_set(err, -EEXIST,
				 "the VNI %u of the network '%s' is that of '%s'; choose "
				 "another or leave it out",
				 vni, sn->key, n->name);
		return at_vni(sn, rc, err);
	}
	return 0;
}

static int check_external(const struct spec_stack *s, const struct spec_network *sn,
			  const struct network *n, struct err *err)
{
	if (n && !streq(n->stack, s->name))
		return 0;
	int rc = err_set(err, -ENOENT,
			 "the external network '%s' is not there; apply the stack that has it "
			 "first",
			 sn->name);
	return err_at(err, rc, "networks.%s.name", sn->key);
}

static int check_network(const struct cluster *c, const struct spec_stack *s,
			 const struct spec_network *sn, struct err *err)
{
	const struct network *n = map_get(&c->network_names, sn->name);
	if (sn->external)
		return check_external(s, sn, n, err);
	if (n && !streq(n->stack, s->name)) {
		int rc = err_set(err, -EEXIST,
				 "the network name '%s' is used by the stack '%s'; choose another "
				 "or make it external",
				 sn->name, n->stack);
		return err_at(err, rc, "networks.%s.name", sn->key);
	}
	int rc = check_subnets(c, s, sn, err);
	return rc < 0 ? rc : check_vni(c, s, sn, err);
}

/* --- fixed addresses of services */

struct place { /* a service on a network that wants something of its own there */
	const struct spec_service *svc;
	const struct spec_attach *a;
	const struct spec_network *sn;
	const struct network *n; /* that other stacks may be on as well; NULL: not there yet */
};

static bool is_kept(const struct spec_ipam *ipam, const struct ipaddr *a)
{
	for (size_t i = 0; i < ipam->aux_addresses.n; i++) {
		struct ipaddr kept;
		if (ipaddr_parse(ipam->aux_addresses.v[i].v, &kept) && ipaddr_equal(&kept, a))
			return true;
	}
	return false;
}

/* RFC 1122 section 3.2.1.3; in IPv6 the first is the routers' (RFC 4291 section 2.6.1), the last a host's. */
static bool is_edge(const struct ipprefix *subnet, const struct ipaddr *a)
{
	struct ipaddr next = ipaddr_add(a, 1);
	return ipaddr_equal(&subnet->addr, a) ||
	       (a->family == AF_INET && !ipprefix_has(subnet, &next));
}

static int check_inside(const struct place *p, const char *text, const struct spec_ipam *ipam,
			struct err *err)
{
	struct ipaddr a, gateway;
	struct ipprefix subnet;
	const char *in = ipam->subnet, *at = p->sn->key;
	if (!ipaddr_parse(text, &a))
		return err_set(err, -EINVAL, "'%s' of the service '%s' is no address", text,
			       p->svc->name);
	if (!ipprefix_parse(in, &subnet))
		return err_set(err, -EINVAL,
			       "the fixed address '%s' of the service '%s' needs a subnet of the "
			       "network '%s' that holds it; set one under 'ipam'",
			       text, p->svc->name, at);
	if (!ipprefix_has(&subnet, &a))
		return err_set(err, -EINVAL, "the address '%s' is not inside '%s' of '%s'", text,
			       in, at);
	if (is_edge(&subnet, &a))
		return err_set(err, -EINVAL,
			       "the address '%s' of the service '%s' is the network's own or the "
			       "broadcast address of '%s', which no host can have; choose another",
			       text, p->svc->name, in);
	gateway = ipaddr_add(&subnet.addr, 1);
	if (ipam->gateway)
		(void)ipaddr_parse(ipam->gateway, &gateway);
	if (ipaddr_equal(&gateway, &a))
		return err_set(err, -EINVAL,
			       "the address '%s' of the service '%s' is the gateway of "
			       "'%s'; choose another",
			       text, p->svc->name, at);
	if (is_kept(ipam, &a))
		return err_set(
			err, -EINVAL,
			"the address '%s' of the service '%s' is kept free by 'aux_addresses' "
			"of '%s'",
			text, p->svc->name, at);
	return 0;
}

static bool same_address(const char *a, const char *b)
{
	struct ipaddr x, y;
	return ipaddr_parse(a, &x) && ipaddr_parse(b, &y) && ipaddr_equal(&x, &y);
}

static const char *shared(const struct spec_attach *a, const struct spec_attach *b)
{
	if (same_address(a->ipv4_address, b->ipv4_address))
		return a->ipv4_address;
	if (same_address(a->ipv6_address, b->ipv6_address))
		return a->ipv6_address;
	if (a->mac_address && b->mac_address && strcasecmp(a->mac_address, b->mac_address) == 0)
		return a->mac_address;
	return NULL;
}

/* what: of those that the service wants. */
static int at_place(const struct place *p, const char *what, int rc, struct err *err)
{
	const char *key = what == p->a->ipv4_address   ? "ipv4_address"
			  : what == p->a->ipv6_address ? "ipv6_address"
						       : "mac_address";
	return err_at(err, rc, "services.%s.networks.%s.%s", p->svc->name, p->a->network, key);
}

static int check_neighbours(const struct spec_stack *s, const struct place *p, struct err *err)
{
	for (size_t i = 0; i < s->n_services && &s->services[i] != p->svc; i++)
		for (size_t k = 0; k < s->services[i].n_networks; k++) {
			const struct spec_attach *b = &s->services[i].networks[k];
			const char *what =
				streq(b->network, p->a->network) ? shared(p->a, b) : NULL;
			if (!what)
				continue;
			int rc = err_set(err, -EINVAL,
					 "the services '%s' and '%s' both have '%s' on the "
					 "network '%s'",
					 s->services[i].name, p->svc->name, what, p->sn->key);
			return at_place(p, what, rc, err);
		}
	return 0;
}

/* Somebody of another stack on the same network. */
static int check_taken(const struct spec_stack *s, const struct place *p, struct err *err)
{
	for (size_t i = 0; p->n && i < p->n->n_attaches; i++) {
		const struct attach *o = p->n->attaches[i];
		const char *stack = o->task->svc->stack->name;
		char mac[IPAM_MAC_TEXT], ip[IPAM_TEXT], ip6[IPADDR_TEXT];
		if (streq(stack, s->name))
			continue;
		attach_mac(o, mac);
		ipam_addr_text(o->ip, ip);
		ipaddr_format(&o->ip6, ip6);
		struct spec_attach has = {.ipv4_address = ip,
					  .ipv6_address = ip6,
					  .mac_address = mac};
		const char *what = shared(p->a, &has);
		if (!what)
			continue;
		int rc = err_set(err, -EEXIST,
				 "'%s' of the service '%s' is taken on '%s' by '%s' of the "
				 "stack '%s'",
				 what, p->svc->name, p->n->name, o->task->svc->name, stack);
		return at_place(p, what, rc, err);
	}
	return 0;
}

static int check_place(const struct spec_stack *s, const struct place *p, struct err *err)
{
	const struct spec_attach *a = p->a;
	const struct spec_network *holds = p->sn->external && p->n ? &p->n->spec : p->sn;
	const char *what = a->ipv4_address   ? a->ipv4_address
			   : a->ipv6_address ? a->ipv6_address
					     : a->mac_address;
	if (!what)
		return 0;
	if (spec_is_global(p->svc) || p->svc->replicas > 1) {
		int rc = err_set(err, -EINVAL,
				 "the service '%s' has the fixed address '%s', which only one "
				 "replica can have",
				 p->svc->name, what);
		return at_place(p, what, rc, err);
	}
	int rc = a->ipv4_address ? check_inside(p, a->ipv4_address, &holds->ipam, err) : 0;
	if (rc < 0)
		return at_place(p, a->ipv4_address, rc, err);
	rc = a->ipv6_address ? check_inside(p, a->ipv6_address, &holds->ipam6, err) : 0;
	if (rc < 0)
		return at_place(p, a->ipv6_address, rc, err);
	rc = check_neighbours(s, p, err);
	return rc == 0 ? check_taken(s, p, err) : rc;
}

static int check_service(const struct cluster *c, const struct spec_stack *s,
			 const struct spec_service *svc, struct err *err)
{
	for (size_t i = 0; i < svc->n_networks; i++) {
		const struct spec_attach *a = &svc->networks[i];
		struct place p = {svc, a, spec_find_network(s, a->network), NULL};
		if (!p.sn) {
			int rc = err_set(err, -EINVAL,
					 "the service '%s' names the unknown network '%s'",
					 svc->name, a->network);
			return err_at(err, rc, "services.%s.networks.%s", svc->name, a->network);
		}
		p.n = map_get(&c->network_names, p.sn->name);
		int rc = check_place(s, &p, err);
		if (rc < 0)
			return rc;
	}
	return 0;
}

int netcheck_stack(const struct cluster *c, const struct spec_stack *s, struct err *err)
{
	int rc = 0;
	for (size_t i = 0; rc == 0 && i < s->n_networks; i++)
		for (size_t k = 0; rc == 0 && k < i; k++)
			rc = check_pair(&s->networks[k], &s->networks[i], err);
	for (size_t i = 0; rc == 0 && i < s->n_networks; i++)
		rc = check_network(c, s, &s->networks[i], err);
	for (size_t i = 0; rc == 0 && i < s->n_services; i++)
		rc = check_service(c, s, &s->services[i], err);
	return rc;
}
