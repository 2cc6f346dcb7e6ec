/* SPDX-License-Identifier: Apache-2.0
 * Namespaces that services have of others: `network_mode`, `pid` and `ipc` of "service:NAME"; see
 * spec.h. Who joins a network has its addresses, names and resolver, and none of its own, as in
 * Docker. */
#include "manifests/decode.h"

#include <string.h>

static const char *const space_keys[] = {
	[SPACE_NET] = "network_mode",
	[SPACE_PID] = "pid",
	[SPACE_IPC] = "ipc",
};
#define SERVICE_PREFIX   "service:"
#define CONTAINER_PREFIX "container:"

static const char *text_of(const struct spec_service *s, enum spec_space k)
{
	const char *const texts[] =
		{[SPACE_NET] = s->network_mode, [SPACE_PID] = s->pid, [SPACE_IPC] = s->ipc};
	return texts[k] ? texts[k] : "";
}

bool spec_joins(const struct spec_service *s, enum spec_space k)
{
	const char *text = text_of(s, k);
	return str_starts(text, SERVICE_PREFIX) || str_starts(text, CONTAINER_PREFIX);
}

bool spec_joins_any(const struct spec_service *s)
{
	return spec_joins(s, SPACE_NET) || spec_joins(s, SPACE_PID) || spec_joins(s, SPACE_IPC);
}

struct spec_service *spec_joined(const struct spec_stack *stack, const struct spec_service *s,
				 enum spec_space k)
{
	const char *text = text_of(s, k);
	if (str_starts(text, SERVICE_PREFIX))
		return spec_find_service(stack, text + strlen(SERVICE_PREFIX));
	for (size_t i = 0; str_starts(text, CONTAINER_PREFIX) && i < stack->n_services; i++)
		if (streq(stack->services[i].container_name, text + strlen(CONTAINER_PREFIX)))
			return &stack->services[i];
	return NULL;
}

struct spec_service *spec_joined_root(const struct spec_stack *stack, const struct spec_service *s,
				      enum spec_space k)
{
	struct spec_service *at = spec_joined(stack, s, k);
	for (size_t left = stack->n_services; at && spec_joins(at, k); left--)
		at = left ? spec_joined(stack, at, k) : NULL;
	return at;
}

static bool word_known(enum spec_space k, const char *text)
{
	if (k == SPACE_PID)
		return streq(text, "host");
	return streq(text, "host") || streq(text, "private") || streq(text, "shareable") ||
	       streq(text, "none");
}

static bool has_net_sysctl(const struct spec_service *s)
{
	for (size_t i = 0; i < s->sysctls.n; i++)
		if (str_starts(s->sysctls.v[i].k, "net."))
			return true;
	return false;
}

/* What belongs to a network of one's own. */
static void guest_check(struct decode *c, const struct node *n, const struct spec_service *s,
			const struct spec_service *on)
{
	const struct {
		const char *key;
		bool set;
	} own[] = {
		{"ports", s->n_ports > 0},           {"hostname", s->hostname},
		{"domainname", s->domainname},       {"dns", s->dns.n > 0},
		{"dns_search", s->dns_search.n > 0}, {"dns_opt", s->dns_opt.n > 0},
		{"links", s->links.n > 0},           {"extra_hosts", s->extra_hosts.n > 0},
		{"sysctls", has_net_sysctl(s)},
	};
	for (size_t i = 0; i < ARRAY_LEN(own); i++)
		if (own[i].set)
			decode_refuse(c, node_child(n, own[i].key),
				      "'%s' is in the network of '%s': write '%s' there", s->name,
				      on->name, own[i].key);
}

static void together_check(struct decode *c, const struct node *n, const struct spec_service *s,
			   const struct spec_service *on, enum spec_space k)
{
	const struct node *at = node_child(n, space_keys[k]);
	if (spec_is_global(s) != spec_is_global(on))
		decode_refuse(
			c, at,
			"'%s' cannot be where '%s' is: one of the two is global and the other "
			"is not",
			s->name, on->name);
	if (k == SPACE_IPC && !streq(on->ipc, "shareable") && !streq(on->ipc, "host"))
		decode_refuse(c, at,
			      "the IPC namespace of '%s' is its own; give it 'ipc: shareable'",
			      on->name);
	if (k == SPACE_NET)
		guest_check(c, n, s, on);
}

static void space_check(struct decode *c, const struct node *n, struct spec_service *s,
			enum spec_space k)
{
	const struct node *at = node_child(n, space_keys[k]);
	const char *text = text_of(s, k);
	if (!spec_joins(s, k)) {
		if (*text && k != SPACE_NET && !word_known(k, text))
			decode_error(c, at, "'%s' can be %s, not '%.100s'", space_keys[k],
				     k == SPACE_PID ? "host or service:NAME"
						    : "private, host, none, shareable or "
						      "service:NAME",
				     text);
		return;
	}
	const struct spec_service *on = spec_joined(c->stack, s, k);
	if (!on && str_starts(text, CONTAINER_PREFIX))
		decode_refuse(
			c, at,
			"no service of the stack has the 'container_name' '%.100s'; containers "
			"of others cannot be joined",
			text + strlen(CONTAINER_PREFIX));
	else if (!on)
		decode_no_service(c, at, strchr(text, ':') + 1,
				  k == SPACE_NET   ? "whose network it could share"
				  : k == SPACE_PID ? "whose processes it could share"
						   : "whose IPC namespace it could share");
	else if (on == s)
		decode_error(c, at, "the service '%s' shares with itself", s->name);
	else
		depends_imply(c, at, on->name, s);
}

/* The service that decides where s runs: the end of any chain of its namespaces. */
static const struct spec_service *leader_of(const struct spec_stack *stack,
					    const struct spec_service *s)
{
	for (size_t left = stack->n_services + 1; spec_joins_any(s); left--) {
		const struct spec_service *on = NULL;
		for (int k = 0; k < SPACE_MAX && !on; k++)
			on = spec_joined(stack, s, (enum spec_space)k);
		if (!on || !left)
			return NULL;
		s = on;
	}
	return s;
}

static void leaders_check(struct decode *c, const struct node *n, const struct spec_service *s)
{
	const struct spec_service *first = NULL;
	for (int k = 0; k < SPACE_MAX; k++) {
		const struct spec_service *on = spec_joined(c->stack, s, (enum spec_space)k);
		const struct spec_service *leader = on ? leader_of(c->stack, on) : NULL;
		if (!leader)
			continue;
		if (first && leader != first) {
			decode_refuse(
				c, node_child(n, space_keys[k]),
				"'%s' shares with '%s' and with '%s', which may be on different "
				"nodes; let one of these share with the other",
				s->name, first->name, leader->name);
			return;
		}
		first = leader;
	}
}

void joins_check(struct decode *c, const struct node *root)
{
	const struct node *services = node_child(root, "services");
	size_t errors = c->d->n_errors;
	for (size_t i = 0; i < c->stack->n_services; i++)
		for (int k = 0; k < SPACE_MAX; k++)
			space_check(c, decode_service_node(c, services, c->stack->services[i].name),
				    &c->stack->services[i], (enum spec_space)k);
	for (size_t i = 0; i < c->stack->n_services && c->d->n_errors == errors; i++) {
		const struct spec_service *s = &c->stack->services[i];
		const struct node *n = decode_service_node(c, services, s->name);
		for (int k = 0; k < SPACE_MAX; k++) {
			const struct spec_service *on =
				spec_joined_root(c->stack, s, (enum spec_space)k);
			if (on)
				together_check(c, n, s, on, (enum spec_space)k);
		}
		leaders_check(c, n, s);
	}
}
