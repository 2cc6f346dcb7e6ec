/* SPDX-License-Identifier: Apache-2.0
 * What can only be said of a whole service; see service_check in decode.h. The same rules hold for
 * files and for what a client sends to the controller. */
#include "base/num.h"
#include "manifests/decode.h"
#include "manifests/imageref.h"
#include "manifests/limits.h"
#include "manifests/placeholder.h"
#include "manifests/words.h"

#include <ctype.h>
#include <string.h>

#define SIGNAL_MAX 64

static void check_image(struct decode *c, const struct node *n, const struct spec_service *s)
{
	struct imageref ref;
	struct err err = {0};
	const struct node_pair *written = node_find(n, "image");
	bool named = s->image && *s->image;
	if (written && written->value->broken)
		return;
	if (!named && node_find(n, "build"))
		decode_refuse(c, n,
			      "the service '%s' has no 'image'; images are not built here: build "
			      "it, push it to a registry and name it",
			      s->name);
	else if (!named && node_find(n, "provider"))
		decode_refuse(c, n, "the service '%s' has no 'image'", s->name);
	else if (!named)
		decode_error(c, n, "the service '%s' has no 'image'", s->name);
	else if (imageref_parse(s->image, &ref, &err) < 0)
		decode_refuse(c, node_child(n, "image"), "%s", err_text(&err));
	else
		imageref_done(&ref);
}

/* Compose's older place for it: the network that the others stand behind. */
static void check_mac(struct decode *c, const struct node *n, struct spec_service *s)
{
	const struct node *at = node_child(n, "mac_address");
	if (!s->mac_address)
		return;
	if (!s->n_networks)
		decode_refuse(c, at, "'mac_address' needs a network of the container's own");
	else if (decode_mac(c, at, s->mac_address) && !s->networks[0].mac_address)
		s->networks[0].mac_address = take_ptr(s->mac_address);
	free_and_null(&s->mac_address);
}

static void check_networks(struct decode *c, const struct node *n, struct spec_service *s)
{
	const struct node *at = node_child(n, "network_mode");
	bool joins = spec_joins(s, SPACE_NET);
	if (s->network_mode && s->n_networks)
		decode_error(c, at, "'network_mode' and 'networks' exclude each other");
	/* Docker's network for containers that name none: here that is the stack's own. */
	if (streq(s->network_mode, "bridge") || streq(s->network_mode, "default"))
		free_and_null(&s->network_mode);
	if (s->network_mode && !joins && !streq(s->network_mode, "none") &&
	    !streq(s->network_mode, "host"))
		decode_refuse(c, at,
			      "'network_mode' can be none, host or service:NAME, not '%.100s'; "
			      "leave it out and use 'networks'",
			      s->network_mode);
	if (!s->network_mode && !s->n_networks) {
		free(s->networks);
		s->networks = xcalloc(1, sizeof(*s->networks));
		s->networks[0].network = xstrdup("default");
		s->n_networks = 1;
	}
	check_mac(c, n, s);
}

/* SIGTERM, TERM, SIGRTMIN+3 or a number; which numbers have names is the runtime's knowledge. */
static bool signal_valid(const char *text)
{
	int64_t number;
	if (isdigit((unsigned char)*text))
		return num_parse_i64(text, 1, SIGNAL_MAX, &number);
	size_t n = strlen(text);
	return n >= 2 && n <= 12 && isalpha((unsigned char)*text) &&
	       strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+-") == n;
}

static bool host_name_valid(const char *text)
{
	size_t n = strlen(text);
	return n > 0 && n <= 253 && text[0] != '-' && text[0] != '.' &&
	       strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.") ==
		       n;
}

static void check_strings(struct decode *c, const struct node *n, const struct spec_service *s)
{
	if (s->stop_signal && !signal_valid(s->stop_signal))
		decode_refuse(c, node_child(n, "stop_signal"),
			      "'%.100s' is not a signal such as SIGTERM", s->stop_signal);
	auto_free char *hostname = s->hostname ? placeholders_example(s->hostname) : NULL;
	if (hostname && !host_name_valid(hostname))
		decode_refuse(c, node_child(n, "hostname"), "'%.100s' is not a host name",
			      s->hostname);
	if (s->domainname && !host_name_valid(s->domainname))
		decode_refuse(c, node_child(n, "domainname"), "'%.100s' is not a domain name",
			      s->domainname);
	if (s->working_dir && s->working_dir[0] != '/')
		decode_refuse(c, node_child(n, "working_dir"),
			      "'working_dir' must be an absolute path, not '%.200s'",
			      s->working_dir);
}

static bool constraint_valid(const char *text)
{
	const char *op = strstr(text, "==");
	if (!op)
		op = strstr(text, "!=");
	return op && op > text && op[2];
}

static void check_lists(struct decode *c, const struct node *n, const struct spec_service *s)
{
	for (size_t i = 0; i < s->dns.n; i++)
		if (!address_valid(s->dns.v[i]))
			decode_refuse(c, node_child(n, "dns"),
				      "the name server '%.100s' is not an address", s->dns.v[i]);
	for (size_t i = 0; i < s->tmpfs.n; i++)
		if (s->tmpfs.v[i][0] != '/')
			decode_refuse(c, node_child(n, "tmpfs"),
				      "a tmpfs must be an absolute path, not '%.200s'",
				      s->tmpfs.v[i]);
	for (size_t i = 0; i < s->constraints.n; i++)
		if (!constraint_valid(s->constraints.v[i]))
			decode_refuse(c, node_child(node_child(n, "deploy"), "placement"),
				      "the constraint '%.200s' must be KEY==VALUE or KEY!=VALUE",
				      s->constraints.v[i]);
	for (size_t i = 0; i < s->n_depends_on; i++)
		if (streq(s->depends_on[i].service, s->name))
			decode_error(c, node_child(n, "depends_on"),
				     "the service '%s' depends on itself", s->name);
}

static void check_deploy(struct decode *c, const struct node *n, const struct spec_service *s)
{
	const struct node *deploy = node_child(n, "deploy");
	if (s->limits.memory && s->reservations.memory > s->limits.memory)
		decode_refuse(c, deploy, "the memory reserved is more than its limit");
	if (s->limits.cpus > 0 && s->reservations.cpus > s->limits.cpus)
		decode_refuse(c, deploy, "the CPUs reserved are more than their limit");
	if (spec_is_global(s) && s->replicas != 1)
		decode_refuse(c, deploy,
			      "a global service runs once on each node; leave 'replicas' "
			      "out");
}

static void check_container_name(struct decode *c, const struct node *n,
				 const struct spec_service *s)
{
	if (s->container_name && s->replicas > 1)
		decode_error(
			c, node_child(n, "container_name"),
			"'container_name' names one container, and %lld are wanted; leave it out",
			(long long)s->replicas);
}

void service_check(struct decode *c, const struct node *n, struct spec_service *s)
{
	check_image(c, n, s);
	check_networks(c, n, s);
	check_strings(c, n, s);
	check_lists(c, n, s);
	check_deploy(c, n, s);
	check_container_name(c, n, s);
	service_check_run(c, n, s);
}
