/* SPDX-License-Identifier: Apache-2.0
 *
 * From nodes to structs by the table of fields.h. All errors of a run are collected; a decoder that
 * fails leaves its object as it was, fit to be freed. Private to manifests/.
 */
#pragma once
#include "base/map.h"
#include "manifests/diag.h"
#include "manifests/fields.h"
#include "manifests/stackinput.h"

struct decode {
	struct diag *d;
	const struct stackfile_input
		*in;              /* NULL: canonical JSON, nothing is looked up or resolved */
	struct spec_stack *stack; /* NULL: a service alone, names are not looked up */
	struct map networks, volumes, services, secrets, configs; /* keys of the stack */
	const struct map
		*off;    /* services that no chosen profile has -> their `profiles`; or NULL */
	struct str path; /* "services.web.ports[0]", for JSON's messages */
	const char *key; /* the last of it */
	size_t ports_left;
};

struct records { /* what a field of FIELD_RECORDS is */
	void *v;
	size_t n;
};

struct decode_mark {
	size_t len;
	const char *key;
};
struct decode_mark decode_enter(struct decode *c, const char *key);
struct decode_mark decode_enter_item(struct decode *c, size_t i); /* key stays */
void decode_leave(struct decode *c, struct decode_mark mark);

void decode_error(struct decode *c, const struct node *n, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* An error for what is right but cannot be run here; a warning when only the canonical file is
 * wanted. */
void decode_refuse(struct decode *c, const struct node *n, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
void decode_warn(struct decode *c, const struct node *n, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* An error: no service has the name, or one that is off; what: "to depend on". */
/* The service's node, or services itself where it has none. */
const struct node *decode_service_node(const struct decode *c, const struct node *services,
				       const char *name);
struct spec_service *decode_service(const struct decode *c, const char *name);      /* NULL: none */
const struct spec_network *decode_network(const struct decode *c, const char *key); /* NULL: none */
void decode_no_service(struct decode *c, const struct node *at, const char *name, const char *what);
/* "; did you mean 'web'?" for a name that is none of names, or ""; caller frees. */
char *decode_near(const struct map *names, const char *name);

/* A MAC address of one host, with ':' or '-', as carrack writes them: lower case, ':'. NULL is fine. */
bool decode_mac(struct decode *c, const struct node *n, char *text);

/* obj has been initialised by record_init. */
void decode_record(struct decode *c, const struct node *n, const struct record *r, void *obj);
void record_init(const struct record *r, void *obj);

/* These say what is wrong and answer false or NULL. */
bool decode_string(struct decode *c, const struct node *n, const char **ret);
bool decode_scalar(struct decode *c, const struct node *n, const char **ret); /* numbers too */
bool decode_bool(struct decode *c, const struct node *n, bool *ret);
bool decode_int(struct decode *c, const struct node *n, const struct field *f, int64_t *ret);
bool decode_list(struct decode *c, const struct node *n, size_t max);
bool decode_map(struct decode *c, const struct node *n, size_t max);
bool decode_strings(struct decode *c, const struct node *n, bool numbers, struct strlist *out);
/* An absolute, clean path out of one written in a stack file; NULL with an error. */
char *decode_host_path(struct decode *c, const struct node *n, const char *text);
char *decode_container_path(struct decode *c, const struct node *n, const char *text);

/* To canonical JSON, without the fields that have any of the flags in skip. */
json_t *encode_record(const struct record *r, const void *obj, unsigned skip);

/* Decoders and encoders of single fields. */
#define FIELD_DECODER(name)                                                                        \
	void name(struct decode *c, const struct field *f, const struct node *n, void *obj)
FIELD_DECODER(decode_ports);
FIELD_DECODER(decode_published);
FIELD_DECODER(decode_chosen);
FIELD_DECODER(decode_target_port);
FIELD_DECODER(decode_mounts);
FIELD_DECODER(decode_attachments);
FIELD_DECODER(decode_ulimits);
FIELD_DECODER(decode_extra_hosts);
FIELD_DECODER(decode_devices);
FIELD_DECODER(decode_gpus);
FIELD_DECODER(decode_reserved_devices);
FIELD_DECODER(decode_depends_on);
FIELD_DECODER(decode_links);
FIELD_DECODER(decode_external_links);
FIELD_DECODER(decode_volumes_from);
FIELD_DECODER(decode_env_file);
FIELD_DECODER(decode_label_file);
FIELD_DECODER(decode_memswap);
FIELD_DECODER(decode_security_opt);
FIELD_DECODER(decode_restart);
FIELD_DECODER(decode_condition);
FIELD_DECODER(decode_health_test);
FIELD_DECODER(decode_external);
FIELD_DECODER(decode_ipam);
FIELD_DECODER(decode_top_name);
FIELD_DECODER(decode_top_networks);
FIELD_DECODER(decode_top_volumes);
FIELD_DECODER(decode_top_services);
json_t *encode_depends_on(const void *obj);
FIELD_DECODER(decode_top_secrets);
FIELD_DECODER(decode_top_configs);
FIELD_DECODER(decode_secrets);
FIELD_DECODER(decode_configs);
FIELD_DECODER(decode_grant_id);
FIELD_DECODER(decode_grant_mode);
FIELD_DECODER(decode_version);
json_t *encode_ports(const void *obj);
json_t *encode_published(const void *obj);
json_t *encode_chosen(const void *obj);
json_t *encode_target_port(const void *obj);
json_t *encode_mounts(const void *obj);
json_t *encode_attachments(const void *obj);
json_t *encode_ulimits(const void *obj);
json_t *encode_restart(const void *obj);
json_t *encode_ipam(const void *obj);
json_t *encode_secrets(const void *obj);
json_t *encode_configs(const void *obj);
json_t *encode_grant_uid(const void *obj);
json_t *encode_grant_gid(const void *obj);
json_t *encode_grant_mode(const void *obj);

/* Names that reach nodes: letters, digits, '_', '.' and '-'. Refuses others. */
void decode_own_name(struct decode *c, const struct node *n, const char *name);
bool decode_key_valid(struct decode *c, const struct node_pair *p, const char *what);
/* The values of configs and secrets that services use, into the stack (secrets.c). */
void decode_values(struct decode *c, const struct node *root);

/* Networks on the physical network, and the services on them (lan.c). */
void lan_network_check(struct decode *c, const struct node *n, const struct spec_network *net);
void lan_services_check(struct decode *c, const struct node *root);

/* What can only be said of a whole service. */
void service_check(struct decode *c, const struct node *n, struct spec_service *s);
/* Of service_check: what it asks of its node. */
void service_check_run(struct decode *c, const struct node *n, struct spec_service *s);
/* s shares something of the service `name`: it waits for it and is made again with it. */
void depends_imply(struct decode *c, const struct node *n, const char *name,
		   struct spec_service *s);
/* What links and volumes_from bring from one service to another; after all services were read. */
void share_resolve(struct decode *c, const struct node *root);
/* Namespaces of other services; after all services were read. */
void joins_check(struct decode *c, const struct node *root);
/* Circles, and what would wait for ever; of the whole stack. */
void depends_check(struct decode *c, const struct node *root);
/* How many ports one item of a list of ports stands for; 1 when it is wrong. */
size_t ports_of_item(const struct node *item);
/* No port is published by two services, and of each range one is left (portcheck.c). */
void stack_ports_check(struct decode *c, const struct node *root);
/* Drops, with a warning, what goes unused. */
void network_options_check(struct decode *c, const struct node *n, struct spec_network *net);
void volume_check(struct decode *c, const struct node *n, const struct spec_volume *v);
/* The whole of a stack; false when there were errors. */
bool decode_stack(struct decode *c, const struct node *root);
