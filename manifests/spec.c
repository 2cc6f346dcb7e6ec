/* SPDX-License-Identifier: Apache-2.0
 * Owns the memory of a typed stack; see spec.h. */
#include "manifests/spec.h"
#include "manifests/limits.h"
#include "manifests/units.h"

#include <netinet/in.h>
#include <string.h>

size_t spec_images(const struct spec_service *s)
{
	return 1 + s->n_mounts + s->pre_start.n;
}

const char *spec_image(const struct spec_service *s, size_t n)
{
	if (n == 0)
		return s->image;
	if (n > s->n_mounts)
		return s->pre_start.v[n - 1 - s->n_mounts].image;
	return s->mounts[n - 1].type == MOUNT_IMAGE ? s->mounts[n - 1].source : NULL;
}

static void mounts_done(struct spec_service *s)
{
	for (size_t i = 0; i < s->n_mounts; i++) {
		free(s->mounts[i].source);
		free(s->mounts[i].target);
		free(s->mounts[i].bind_propagation);
		free(s->mounts[i].bind_recursive);
		free(s->mounts[i].volume_subpath);
		free(s->mounts[i].image_subpath);
	}
	free(s->mounts);
}

void spec_ports_clear(struct spec_service *s)
{
	for (size_t i = 0; i < s->n_ports; i++) {
		free(s->ports[i].name);
		free(s->ports[i].host_ip);
		free(s->ports[i].app_protocol);
	}
	free_and_null(&s->ports);
	s->n_ports = 0;
}

static void networks_done(struct spec_service *s)
{
	for (size_t i = 0; i < s->n_networks; i++) {
		struct spec_attach *a = &s->networks[i];
		free(a->network);
		strlist_done(&a->aliases);
		free(a->ipv4_address);
		free(a->ipv6_address);
		free(a->mac_address);
		free(a->interface_name);
		strlist_done(&a->link_local_ips);
	}
	free(s->networks);
}

void spec_grant_done(struct spec_grant *g)
{
	free(g->source);
	free(g->target);
	free(g->version);
	*g = (struct spec_grant){0};
}

static void grants_done(struct spec_grant *v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		spec_grant_done(&v[i]);
	free(v);
}

static void rates_done(struct spec_rates *r)
{
	for (size_t i = 0; i < r->n; i++)
		free(r->v[i].path);
	free(r->v);
}

static void blkio_done(struct spec_blkio *b)
{
	rates_done(&b->weight_device);
	rates_done(&b->read_bps);
	rates_done(&b->read_iops);
	rates_done(&b->write_bps);
	rates_done(&b->write_iops);
}

static void hooks_done(struct spec_hooks *h)
{
	for (size_t i = 0; i < h->n; i++) {
		strlist_done(&h->v[i].command);
		kvlist_done(&h->v[i].environment);
		free(h->v[i].image);
		free(h->v[i].user);
		free(h->v[i].working_dir);
	}
	free(h->v);
}

static void strings_done(struct spec_service *s)
{
	char *const strings[] = {
		s->name,
		s->image,
		s->working_dir,
		s->user,
		s->hostname,
		s->mac_address,
		s->domainname,
		s->container_name,
		s->platform,
		s->stop_signal,
		s->pid,
		s->ipc,
		s->network_mode,
		s->pull_policy,
		s->logging_driver,
		s->update.failure_action,
		s->rollback.failure_action,
		s->cpu.set,
		s->cgroup,
		s->userns_mode,
		s->uts,
	};
	for (size_t i = 0; i < ARRAY_LEN(strings); i++)
		free(strings[i]);
}

void spec_service_done(struct spec_service *s)
{
	struct strlist *const lists[] = {
		&s->command,     &s->entrypoint,   &s->group_add,   &s->cap_add,
		&s->cap_drop,    &s->dns,          &s->dns_search,  &s->dns_opt,
		&s->expose,      &s->security_opt, &s->devices,     &s->device_cgroup_rules,
		&s->links,       &s->volumes_from, &s->extra_hosts, &s->tmpfs,
		&s->constraints, &s->health.test,
	};
	struct kvlist *const maps[] = {&s->environment, &s->labels,          &s->sysctls,
				       &s->annotations, &s->logging_options, &s->deploy_labels};
	strings_done(s);
	for (size_t i = 0; i < ARRAY_LEN(lists); i++)
		strlist_done(lists[i]);
	for (size_t i = 0; i < ARRAY_LEN(maps); i++)
		kvlist_done(maps[i]);
	for (size_t i = 0; i < s->n_ulimits; i++)
		free(s->ulimits[i].name);
	free(s->ulimits);
	for (size_t i = 0; i < s->n_depends_on; i++)
		free(s->depends_on[i].service);
	free(s->depends_on);
	for (size_t i = 0; i < s->preferences.n; i++)
		free(s->preferences.v[i].spread);
	free(s->preferences.v);
	blkio_done(&s->blkio);
	hooks_done(&s->pre_start);
	hooks_done(&s->post_start);
	hooks_done(&s->pre_stop);
	mounts_done(s);
	spec_ports_clear(s);
	networks_done(s);
	grants_done(s->secrets, s->n_secrets);
	grants_done(s->configs, s->n_configs);
	*s = (struct spec_service){0};
}

bool spec_network_encrypted(const struct spec_network *n, const char **ret_bad)
{
	static const char *const on[] = {"", "true", "1", "yes", "on"};
	static const char *const off[] = {"false", "0", "no", "off"};
	for (size_t i = 0; i < n->driver_opts.n; i++) {
		const char *value = n->driver_opts.v[i].v;
		if (!streq(n->driver_opts.v[i].k, "encrypted"))
			continue;
		for (size_t k = 0; k < ARRAY_LEN(off); k++)
			if (streq(value, off[k]))
				return false;
		for (size_t k = 0; k < ARRAY_LEN(on); k++)
			if (!value || streq(value, on[k]))
				return true;
		if (ret_bad)
			*ret_bad = value;
		return true;
	}
	return false;
}

void spec_ipam_done(struct spec_ipam *i)
{
	free(i->subnet);
	free(i->gateway);
	free(i->ip_range);
	kvlist_done(&i->aux_addresses);
	*i = (struct spec_ipam){0};
}

void spec_network_done(struct spec_network *n)
{
	free(n->key);
	free(n->name);
	free(n->driver);
	kvlist_done(&n->driver_opts);
	kvlist_done(&n->labels);
	spec_ipam_done(&n->ipam);
	spec_ipam_done(&n->ipam6);
	*n = (struct spec_network){0};
}

void spec_volume_done(struct spec_volume *v)
{
	free(v->key);
	free(v->name);
	free(v->driver);
	kvlist_done(&v->driver_opts);
	kvlist_done(&v->labels);
	*v = (struct spec_volume){0};
}

void spec_secret_done(struct spec_secret *s)
{
	if (s->value)
		explicit_bzero(s->value, s->value_len);
	if (s->content)
		explicit_bzero(s->content, strlen(s->content));
	free(s->key);
	free(s->name);
	kvlist_done(&s->labels);
	free(s->file);
	free(s->environment);
	free(s->content);
	free(s->value);
	free(s->version);
	*s = (struct spec_secret){0};
}

static void secrets_done(struct spec_secret *v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		spec_secret_done(&v[i]);
	free(v);
}

void spec_stack_free(struct spec_stack *s)
{
	if (!s)
		return;
	for (size_t i = 0; i < s->n_services; i++)
		spec_service_done(&s->services[i]);
	for (size_t i = 0; i < s->n_networks; i++)
		spec_network_done(&s->networks[i]);
	for (size_t i = 0; i < s->n_volumes; i++)
		spec_volume_done(&s->volumes[i]);
	secrets_done(s->secrets, s->n_secrets);
	secrets_done(s->configs, s->n_configs);
	free(s->services);
	free(s->networks);
	free(s->volumes);
	free(s->name);
	free(s);
}

struct spec_service *spec_find_service(const struct spec_stack *s, const char *name)
{
	for (size_t i = 0; i < s->n_services; i++)
		if (streq(s->services[i].name, name))
			return &s->services[i];
	return NULL;
}

const struct spec_network *spec_find_network(const struct spec_stack *s, const char *key)
{
	for (size_t i = 0; i < s->n_networks; i++)
		if (streq(s->networks[i].key, key))
			return &s->networks[i];
	return NULL;
}

const struct spec_volume *spec_find_volume(const struct spec_stack *s, const char *key)
{
	for (size_t i = 0; i < s->n_volumes; i++)
		if (streq(s->volumes[i].key, key))
			return &s->volumes[i];
	return NULL;
}

struct spec_secret *spec_find_secret(const struct spec_stack *s, bool config, const char *key)
{
	struct spec_secret *v = config ? s->configs : s->secrets;
	size_t n = config ? s->n_configs : s->n_secrets;
	for (size_t i = 0; i < n; i++)
		if (streq(v[i].key, key))
			return &v[i];
	return NULL;
}

uint8_t spec_proto_number(enum spec_proto p)
{
	switch (p) {
	case PROTO_TCP:
		return IPPROTO_TCP;
	case PROTO_UDP:
		return IPPROTO_UDP;
	case PROTO_SCTP:
		return IPPROTO_SCTP;
	}
	return IPPROTO_TCP;
}

const char *spec_proto_name(enum spec_proto p)
{
	switch (p) {
	case PROTO_TCP:
		return "tcp";
	case PROTO_UDP:
		return "udp";
	case PROTO_SCTP:
		return "sctp";
	}
	return "tcp";
}

bool spec_key_valid(const char *key)
{
	size_t n = strlen(key);
	if (n == 0 || n > LIMIT_NAME || strchr("-_.", key[0]))
		return false;
	return strspn(key, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.") ==
	       n;
}

bool spec_name_valid(const char *name)
{
	size_t n = strlen(name);
	if (n == 0 || n > LIMIT_NAME || strchr("-_.", name[0]))
		return false;
	return strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-_.") == n;
}

bool spec_pull_every(const char *policy, int64_t *ret_ns)
{
	if (streq(policy, "daily"))
		*ret_ns = 24 * 3600 * 1000000000LL;
	else if (streq(policy, "weekly"))
		*ret_ns = 7 * 24 * 3600 * 1000000000LL;
	else
		return policy && str_starts(policy, "every_") &&
		       units_duration(policy + strlen("every_"), ret_ns);
	return true;
}

bool spec_size(const char *text, int64_t *ret_bytes)
{
	return units_size(text, ret_bytes);
}
