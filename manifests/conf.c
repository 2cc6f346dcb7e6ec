/* SPDX-License-Identifier: Apache-2.0
 * The configuration file; see conf.h. Read by the same decoder as stacks, with its own table. */
#include "manifests/conf.h"
#include "base/fd.h"
#include "base/ipaddr.h"
#include "manifests/decode.h"
#include "manifests/yaml.h"

#include <errno.h>

#define CONF_BYTES_MAX (1u << 20)

struct conf_file { /* numbers have the table's width; the rest goes to conf as it is */
	struct conf conf;
	int64_t heartbeat_ms, heartbeat_misses, vxlan_port, wireguard_port, key_rotation_hours,
		network_check_s;
};

#define AT(m) .offset = offsetof(struct conf_file, m)
#define KEY(key, kind, place, text, ...)                                                           \
	{                                                                                          \
		.name = key, .type = FIELD_##kind, place, .doc = text, ##__VA_ARGS__               \
	}

const char *const conf_vip_names[] = {"auto", "ebpf", "nft", NULL};

static const struct field registry_fields[] = {
	KEY("insecure", LIST, AT(conf.insecure_registries), "registries without TLS"),
	KEY("mirrors", PAIRS, AT(conf.mirrors), "where to ask first"),
	KEY("auth", PAIRS, AT(conf.auth), "user:password"),
};
static const struct record record_registries = {
	.what = "'registries'",
	.fields = registry_fields,
	.n = ARRAY_LEN(registry_fields),
};

static const struct field conf_fields[] = {
	KEY("data_dir", STRING, AT(conf.data_dir), "state that is kept"),
	KEY("run_dir", STRING, AT(conf.run_dir), "state until the next boot"),
	KEY("listen", STRING, AT(conf.listen), "address and port of the controller"),
	KEY("advertise", STRING_LIST, AT(conf.advertise), "addresses put into tokens"),
	KEY("underlay", STRING, AT(conf.underlay), "interface or address of the overlay"),
	KEY("node_name", STRING, AT(conf.node_name), "name of this node"),
	KEY("labels", PAIRS, AT(conf.labels), "labels of this node"),
	KEY("registries", SECTION, .offset = 0, "how images are pulled",
	    .record = &record_registries),
	KEY("runtime", STRING, AT(conf.runtime), "OCI runtime"),
	KEY("cgroup_parent", STRING, AT(conf.cgroup_parent), "parent of all containers' cgroups"),
	KEY("heartbeat_ms", INT, AT(heartbeat_ms), "time between heartbeats", .min = 50,
	    .max = 600000),
	KEY("heartbeat_misses", INT, AT(heartbeat_misses), "missed ones until a node is down",
	    .min = 1, .max = 1000),
	KEY("network_pool", STRING, AT(conf.network_pool), "IPv4 subnets of networks"),
	KEY("network_pool6", STRING, AT(conf.network_pool6), "IPv6 subnets of networks"),
	KEY("vxlan_port", INT, AT(vxlan_port), "UDP port of the overlay", .min = 1, .max = 65535),
	KEY("wireguard_port", INT, AT(wireguard_port), "UDP port of encrypted networks", .min = 1,
	    .max = 65535),
	KEY("key_rotation_hours", INT, AT(key_rotation_hours), "hours between keys; 0: never",
	    .min = 0, .max = 8760),
	KEY("network_check_seconds", INT, AT(network_check_s),
	    "seconds between checks of the network's tables; 0: only when asked", .min = 0,
	    .max = 3600),
	KEY("parents", PAIRS, AT(conf.parents), "names of interfaces, for driver_opts parent"),
	KEY("vip", CHOICE, AT(conf.vip), "how service VIPs are reached: auto, ebpf or nft",
	    .names = conf_vip_names),
	KEY("fast_path", BOOL, AT(conf.fast_path),
	    "packets between containers pass the bridges by"),
};

static void conf_file_init(void *obj)
{
	struct conf_file *f = obj;
	f->heartbeat_ms = 1000;
	f->heartbeat_misses = 3;
	f->vxlan_port = 4789;
	f->wireguard_port = 51820;
	f->key_rotation_hours = 24;
	f->conf.fast_path = true;
	f->network_check_s = 1;
}
static const struct record record_conf = {
	.what = "the configuration",
	.fields = conf_fields,
	.n = ARRAY_LEN(conf_fields),
	.size = sizeof(struct conf_file),
	.init = conf_file_init,
};

static void need_absolute(struct decode *c, const struct node *root, const char *key,
			  const char *value)
{
	const struct node_pair *p = root->kind == NODE_MAP ? node_find(root, key) : NULL;
	if (value && value[0] != '/')
		decode_error(c, p ? p->value : root, "'%s' must be an absolute path, not '%.200s'",
			     key, value);
}

/* A /8 to /20 of IPv4, of which networks get /20s, or a /16 to /64 of IPv6, of which they get /64s. */
static void need_pool(struct decode *c, const struct node *root, const char *key, const char *value)
{
	const struct node_pair *p = root->kind == NODE_MAP ? node_find(root, key) : NULL;
	bool six = str_ends(key, "6");
	struct ipprefix pool;
	if (value && (!ipprefix_parse(value, &pool) || ipaddr_is_v6(&pool.addr) != six ||
		      pool.len < (six ? 16 : 8) || pool.len > (six ? 64 : 20)))
		decode_error(c, p ? p->value : root, "'%s' must be %s, not '%.100s'", key,
			     six ? "an IPv6 subnet from /16 to /64"
				 : "an IPv4 subnet from /8 to /20",
			     value);
}

/* Interfaces are there by these names, so both sides are names of interfaces; VLANs stand on the right. */
static void need_parents(struct decode *c, const struct node *root, const struct kvlist *parents)
{
	const struct node *at = root->kind == NODE_MAP ? node_child(root, "parents") : root;
	for (size_t i = 0; i < parents->n; i++) {
		const struct kv *kv = &parents->v[i];
		size_t len;
		unsigned vlan = 0;
		if (!spec_parent_parse(kv->k, &len, &vlan) || vlan)
			decode_error(c, node_child(at, kv->k),
				     "'%.100s' is no name for an interface: at most 15 letters "
				     "and digits, and no VLAN",
				     kv->k);
		else if (!spec_parent_parse(kv->v, &len, &vlan))
			decode_error(c, node_child(at, kv->k),
				     "'%.100s' must be the name of an interface such as eth1, not "
				     "'%.100s'",
				     kv->k, kv->v ? kv->v : "");
	}
}

static void default_string(char **s, const char *value)
{
	if (!*s)
		*s = xstrdup(value);
}

static void read_into(const char *path, const char *text, size_t len, struct conf_file *f,
		      struct diag *d)
{
	struct stackfile_input in = {.file = path};
	struct decode c = {.d = d, .in = &in, .key = "the configuration"};
	struct tree t = {0};
	struct node *root = yaml_read(path, text, len, &t, d);
	if (root) {
		decode_record(&c, root, &record_conf, f);
		need_pool(&c, root, "network_pool", f->conf.network_pool);
		need_pool(&c, root, "network_pool6", f->conf.network_pool6);
		need_absolute(&c, root, "data_dir", f->conf.data_dir);
		need_absolute(&c, root, "run_dir", f->conf.run_dir);
		need_absolute(&c, root, "cgroup_parent", f->conf.cgroup_parent);
		need_parents(&c, root, &f->conf.parents);
	}
	str_done(&c.path);
	tree_done(&t);
	diag_finish(d, path, text, len);
}

int conf_load(const char *path, bool required, struct conf *out, struct diag *d)
{
	size_t errors = d->n_errors, len = 0;
	auto_free char *text = NULL;
	struct err err = {0};
	struct conf_file f;
	record_init(&record_conf, &f);
	int rc = file_read(path, CONF_BYTES_MAX, &text, &len, &err);
	if (rc == 0)
		read_into(path, text, len, &f, d);
	else if (rc != -ENOENT || required)
		diag_error(d, (struct diag_place){0}, "%s", err_text(&err));
	if (d->n_errors > errors) {
		conf_done(&f.conf);
		return -EINVAL;
	}
	default_string(&f.conf.data_dir, "/var/lib/carrack");
	default_string(&f.conf.run_dir, "/run/carrack");
	if (!f.conf.listen)
		f.conf.listen = xasprintf("[::]:%d", CONF_DEFAULT_PORT);
	f.conf.heartbeat_ms = (int)f.heartbeat_ms;
	f.conf.heartbeat_misses = (int)f.heartbeat_misses;
	f.conf.vxlan_port = (int)f.vxlan_port;
	f.conf.wireguard_port = (int)f.wireguard_port;
	f.conf.key_rotation_hours = (int)f.key_rotation_hours;
	f.conf.network_check_s = (int)f.network_check_s;
	*out = f.conf;
	return 0;
}

void conf_done(struct conf *c)
{
	free(c->data_dir);
	free(c->run_dir);
	free(c->listen);
	strlist_done(&c->advertise);
	free(c->underlay);
	free(c->node_name);
	kvlist_done(&c->labels);
	strlist_done(&c->insecure_registries);
	kvlist_done(&c->mirrors);
	kvlist_done(&c->auth);
	free(c->runtime);
	free(c->cgroup_parent);
	kvlist_done(&c->parents);
	free(c->network_pool);
	free(c->network_pool6);
	*c = (struct conf){0};
}
