/* SPDX-License-Identifier: Apache-2.0
 * Canonical JSON; see canon.h. Reading goes the way of a stack file: JSON to nodes, nodes to the
 * typed stack by the same table and checks, so nothing is allowed here that a file may not say. */
#include "manifests/canon.h"
#include "base/digest.h"
#include "manifests/decode.h"
#include "manifests/limits.h"
#include "manifests/placeholder.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

json_t *canon_service(const struct spec_service *s)
{
	return encode_record(&record_service, s, 0);
}

json_t *canon_volume(const struct spec_volume *v)
{
	return encode_record(&record_volume, v, 0);
}

static void put_secrets(json_t *j, const char *key, const struct spec_secret *v, size_t n,
			const struct record *r)
{
	json_t *all = json_object();
	for (size_t i = 0; i < n; i++)
		json_object_set_new(all, v[i].key, encode_record(r, &v[i], 0));
	json_put_new(j, key, all);
}

json_t *canon_network(const struct spec_network *n)
{
	return encode_record(&record_network, n, 0);
}

json_t *canon_stack(const struct spec_stack *s)
{
	json_t *j = json_object(), *services = json_object();
	json_t *networks = json_object(), *volumes = json_object();
	for (size_t i = 0; i < s->n_services; i++)
		json_object_set_new(services, s->services[i].name, canon_service(&s->services[i]));
	for (size_t i = 0; i < s->n_networks; i++)
		json_object_set_new(networks, s->networks[i].key, canon_network(&s->networks[i]));
	for (size_t i = 0; i < s->n_volumes; i++)
		json_object_set_new(volumes, s->volumes[i].key, canon_volume(&s->volumes[i]));
	put_secrets(j, "secrets", s->secrets, s->n_secrets, &record_top_secret);
	put_secrets(j, "configs", s->configs, s->n_configs, &record_top_config);
	json_put_str(j, "name", s->name);
	json_put_new(j, "services", services);
	json_put_new(j, "networks", networks);
	json_put_new(j, "volumes", volumes);
	return j;
}

void canon_task_hash(const struct spec_service *s, char out[65])
{
	auto_json *j = encode_record(&record_service, s, FIELD_RUNNING);
	auto_free char *text = json_text_canonical(j);
	char digest[DIGEST_TEXT];
	if (strstr(text, PLACEHOLDER_LABELS)) { /* then they are a part of each task */
		json_put_kvlist(j, "deploy.labels", &s->deploy_labels);
		free(text);
		text = json_text_canonical(j);
	}
	sha256_text(text, strlen(text), digest);
	memcpy(out, digest + strlen("sha256:"), DIGEST_HEX);
}

static struct node *scalar_node(struct tree *t, const json_t *j)
{
	char number[40] = "";
	enum node_kind kind = NODE_NULL;
	const char *text = "";
	if (json_is_string(j)) {
		kind = NODE_STR;
		text = json_string_value(j);
	} else if (json_is_integer(j)) {
		kind = NODE_INT;
		snprintf(number, sizeof(number), "%lld", (long long)json_integer_value(j));
		text = number;
	} else if (json_is_real(j)) {
		kind = NODE_FLOAT;
		snprintf(number, sizeof(number), "%.17g", json_real_value(j));
		text = number;
	} else if (json_is_boolean(j)) {
		kind = NODE_BOOL;
		text = json_is_true(j) ? "true" : "false";
	}
	struct node *n = tree_add(t, kind, 0, 0);
	n->text = tree_text(t, text, strlen(text));
	return n;
}

/* NULL: too deep, too large or an empty key, with the reason in err. */
static struct node *node_from_json(struct tree *t, json_t *j, int depth, struct err *err)
{
	if (depth > LIMIT_YAML_DEPTH || t->n > LIMIT_YAML_NODES) {
		err_set(err, -EINVAL, "the stack is nested too deep or has too many values");
		return NULL;
	}
	if (json_is_array(j)) {
		struct node *n = tree_add(t, NODE_SEQ, 0, 0);
		for (size_t i = 0; i < json_array_size(j); i++) {
			struct node *item = node_from_json(t, json_array_get(j, i), depth + 1, err);
			if (!item)
				return NULL;
			node_push(n, item);
		}
		return n;
	}
	if (!json_is_object(j))
		return scalar_node(t, j);
	struct node *n = tree_add(t, NODE_MAP, 0, 0);
	const char *key;
	json_t *v;
	json_object_foreach(j, key, v)
	{
		struct node *value = node_from_json(t, v, depth + 1, err);
		if (!value)
			return NULL;
		if (!*key) {
			err_set(err, -EINVAL, "a key is empty");
			return NULL;
		}
		node_put(n, (struct node_pair){tree_text(t, key, strlen(key)), value, 0, 0});
	}
	return n;
}

static int first_error(const struct diag *d, struct err *err)
{
	for (size_t i = 0; i < d->n; i++)
		if (!d->v[i].warning)
			return err_set(err, -EINVAL, "%s", d->v[i].text);
	return err_set(err, -EINVAL, "the stack is not valid");
}

/* What all readers of canonical JSON need around the decoder. */
struct canon {
	struct tree t;
	struct diag d;
	struct decode c;
	struct node *root;
};

static int canon_begin(struct canon *r, const json_t *j, struct err *err)
{
	if (!json_is_object(j))
		return err_set(err, -EINVAL, "a JSON object is due here");
	r->c.d = &r->d;
	r->c.ports_left = LIMIT_STACK_PORTS;
	r->root = node_from_json(&r->t, (json_t *)j, 0, err);
	return r->root ? 0 : -EINVAL;
}

static void canon_end(struct canon *r)
{
	tree_done(&r->t);
	diag_done(&r->d);
	str_done(&r->c.path);
}

int canon_stack_parse(const json_t *j, struct spec_stack **ret, struct err *err)
{
	struct canon r = {0};
	int rc = canon_begin(&r, j, err);
	struct spec_stack *stack = xcalloc(1, sizeof(*stack));
	if (rc == 0) {
		r.c.stack = stack;
		if (!decode_stack(&r.c, r.root))
			rc = first_error(&r.d, err);
	}
	canon_end(&r);
	if (rc < 0)
		spec_stack_free(stack);
	else
		*ret = stack;
	return rc;
}

int canon_service_parse(const json_t *j, const char *name, struct spec_service *out,
			struct err *err)
{
	struct canon r = {0};
	if (!spec_key_valid(name))
		return err_set(err, -EINVAL, "'%.100s' is not the name of a service", name);
	int rc = canon_begin(&r, j, err);
	struct spec_service s;
	record_init(&record_service, &s);
	s.name = xstrdup(name);
	if (rc == 0) {
		decode_record(&r.c, r.root, &record_service, &s);
		service_check(&r.c, r.root, &s);
		if (r.d.n_errors)
			rc = first_error(&r.d, err);
	}
	canon_end(&r);
	if (rc < 0)
		spec_service_done(&s);
	else
		*out = s;
	return rc;
}

int canon_network_parse(const json_t *j, const char *key, struct spec_network *out, struct err *err)
{
	struct canon r = {0};
	int rc = canon_begin(&r, j, err);
	struct spec_network n;
	record_init(&record_network, &n);
	n.key = xstrdup(key);
	if (rc == 0) {
		r.c.key = key;
		decode_record(&r.c, r.root, &record_network, &n);
		if (!n.name)
			decode_error(&r.c, r.root, "the network has no name");
		if (r.d.n_errors)
			rc = first_error(&r.d, err);
	}
	canon_end(&r);
	if (rc < 0)
		spec_network_done(&n);
	else
		*out = n;
	return rc;
}

int canon_volume_parse(const json_t *j, const char *key, struct spec_volume *out, struct err *err)
{
	struct canon r = {0};
	if (!spec_key_valid(key))
		return err_set(err, -EINVAL, "'%.100s' is not the name of a volume", key);
	int rc = canon_begin(&r, j, err);
	struct spec_volume v;
	record_init(&record_volume, &v);
	v.key = xstrdup(key);
	if (rc == 0) {
		r.c.key = key;
		decode_record(&r.c, r.root, &record_volume, &v);
		if (!v.name)
			decode_error(&r.c, r.root, "the volume has no name");
		else
			volume_check(&r.c, r.root, &v);
		if (r.d.n_errors)
			rc = first_error(&r.d, err);
	}
	canon_end(&r);
	if (rc < 0)
		spec_volume_done(&v);
	else
		*out = v;
	return rc;
}
