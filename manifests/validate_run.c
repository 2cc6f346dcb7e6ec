/* SPDX-License-Identifier: Apache-2.0
 * What a service asks of the node that runs it: resources, hooks, logs, pulls. See service_check in
 * decode.h. */
#include "base/num.h"
#include "manifests/decode.h"
#include "manifests/imageref.h"
#include "manifests/limits.h"
#include "manifests/units.h"
#include "manifests/words.h"

#include <ctype.h>
#include <string.h>

#define CPUS_LAST    8191
#define QUOTA_LEAST  1000 /* microseconds; the kernel takes no less */
#define PERIOD_MOST  1000000
#define WEIGHT_LEAST 10

/* "0-3,8": numbers and ranges of them. */
static bool cpuset_valid(const char *text)
{
	auto_free char *copy = xstrdup(text);
	char *rest = copy;
	int64_t a, b;
	for (char *part; (part = strsep(&rest, ","));) {
		char *to = part;
		const char *from = strsep(&to, "-");
		if (!num_parse_i64(from, 0, CPUS_LAST, &a))
			return false;
		if (to && (!num_parse_i64(to, 0, CPUS_LAST, &b) || b < a))
			return false;
	}
	return true;
}

static void check_cpu(struct decode *c, const struct node *n, const struct spec_service *s)
{
	const struct spec_cpu *p = &s->cpu;
	if (p->set && !cpuset_valid(p->set))
		decode_refuse(c, node_child(n, "cpuset"),
			      "'cpuset' must be CPUs such as 0-3,8, not '%.100s'", p->set);
	if (p->shares == 1)
		decode_refuse(c, node_child(n, "cpu_shares"), "'cpu_shares' must be 2 or more");
	if (p->quota > 0 && s->limits.cpus > 0)
		decode_refuse(c, node_child(n, "cpu_quota"),
			      "'cpu_quota' and a limit of CPUs say the same; keep one of them");
	if (p->quota > 0 && p->quota < QUOTA_LEAST)
		decode_refuse(c, node_child(n, "cpu_quota"), "'cpu_quota' must be %d or more",
			      QUOTA_LEAST);
	if (p->period && (p->period < QUOTA_LEAST || p->period > PERIOD_MOST))
		decode_refuse(c, node_child(n, "cpu_period"), "'cpu_period' must be from %d to %d",
			      QUOTA_LEAST, PERIOD_MOST);
}

static void check_memory(struct decode *c, const struct node *n, const struct spec_service *s)
{
	const struct node *at = node_child(n, "memswap_limit");
	if (s->swap.total > 0 && !s->limits.memory)
		decode_refuse(c, at, "'memswap_limit' needs a limit of memory beside it");
	else if (s->swap.total > 0 && s->swap.total < s->limits.memory)
		decode_refuse(c, at,
			      "'memswap_limit' is memory and swap together; it cannot be less than "
			      "the limit of memory");
}

static void check_weight(struct decode *c, const struct node *n, int64_t weight)
{
	if (weight && weight < WEIGHT_LEAST)
		decode_refuse(c, n, "a weight in 'blkio_config' must be from 10 to 1000");
}

static void check_blkio(struct decode *c, const struct node *n, const struct spec_service *s)
{
	const struct spec_blkio *b = &s->blkio;
	const struct node *at = node_child(n, "blkio_config");
	const struct spec_rates *const lists[] = {&b->weight_device, &b->read_bps, &b->read_iops,
						  &b->write_bps, &b->write_iops};
	check_weight(c, at, b->weight);
	for (size_t i = 0; i < ARRAY_LEN(lists); i++)
		for (size_t k = 0; k < lists[i]->n; k++) {
			const struct spec_rate *r = &lists[i]->v[k];
			if (!r->path || r->path[0] != '/')
				decode_refuse(c, at,
					      "an entry of 'blkio_config' needs 'path', a block "
					      "device such as /dev/sda");
			if (i == 0)
				check_weight(c, at, r->value);
		}
}

/* "c 1:3 rwm", "a *:* rwm" */
static bool device_rule_valid(const char *text)
{
	auto_free char *copy = xstrdup(text);
	char *rest = copy;
	const char *type = strsep(&rest, " "), *numbers = strsep(&rest, " ");
	const char *access = strsep(&rest, " ");
	if (!access || rest || strlen(type) != 1 || !strchr("abc", *type) || !*access ||
	    strspn(access, "rwm") != strlen(access))
		return false;
	char *minor = strchr((char *)numbers, ':');
	if (!minor)
		return false;
	*minor++ = '\0';
	int64_t v;
	return (streq(numbers, "*") || num_parse_i64(numbers, 0, INT32_MAX, &v)) &&
	       (streq(minor, "*") || num_parse_i64(minor, 0, INT32_MAX, &v));
}

static void check_devices(struct decode *c, const struct node *n, const struct spec_service *s)
{
	for (size_t i = 0; i < s->device_cgroup_rules.n; i++)
		if (!device_rule_valid(s->device_cgroup_rules.v[i]))
			decode_refuse(c, node_child(n, "device_cgroup_rules"),
				      "'%.100s' is not a rule such as \"c 1:3 rwm\"",
				      s->device_cgroup_rules.v[i]);
}

static void check_hooks(struct decode *c, const struct node *n, const char *key,
			const struct spec_hooks *h)
{
	for (size_t i = 0; i < h->n; i++) {
		const struct spec_hook *k = &h->v[i];
		if (!k->command.n)
			decode_refuse(c, node_child(n, key), "a command of '%s' needs 'command'",
				      key);
		if (k->working_dir && k->working_dir[0] != '/')
			decode_refuse(c, node_child(n, key),
				      "'working_dir' must be an absolute path, not '%.200s'",
				      k->working_dir);
	}
}

/* Each task runs them: that of several tasks one runs them for all is no promise that is kept here. */
static void check_pre_start(struct decode *c, const struct node *n, const struct spec_service *s)
{
	bool several = spec_is_global(s) || s->replicas > 1;
	struct err err = {0};
	check_hooks(c, n, "pre_start", &s->pre_start);
	for (size_t i = 0; i < s->pre_start.n; i++) {
		const struct spec_hook *k = &s->pre_start.v[i];
		struct imageref ref = {0};
		if (several && !k->per_replica)
			decode_refuse(
				c, node_child(n, "pre_start"),
				"each task of '%s' runs its 'pre_start': say 'per_replica: true', "
				"or put the command into a service that runs once, and wait for it "
				"by 'depends_on' with service_completed_successfully",
				s->name);
		if (k->image && imageref_parse(k->image, &ref, &err) < 0)
			decode_refuse(c, node_child(n, "pre_start"), "%s", err_text(&err));
		imageref_done(&ref);
	}
}

static void check_pull(struct decode *c, const struct node *n, const struct spec_service *s)
{
	static const char *const words[] = {"always",         "never", "missing",
					    "if_not_present", "build", "refresh"};
	const struct node *at = node_child(n, "pull_policy");
	int64_t ns;
	bool known = !s->pull_policy || spec_pull_every(s->pull_policy, &ns);
	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		known = known || streq(s->pull_policy, words[i]);
	if (!known)
		decode_refuse(c, at,
			      "'pull_policy' can be always, missing, never, daily, weekly, "
			      "every_12h or refresh, not '%.100s'",
			      s->pull_policy);
	else if (streq(s->pull_policy, "build"))
		decode_warn(c, at, "images are not built here: what is missing is pulled");
	if (streq(s->pull_policy, "refresh") && s->pull_refresh_after < 0)
		decode_refuse(c, at, "'pull_policy: refresh' needs 'pull_refresh_after'");
}

static void check_logging(struct decode *c, const struct node *n, const struct spec_service *s)
{
	static const char *const drivers[] = {"json-file", "local", "none"};
	/* Of those drivers; what is not about the size of files is no loss. */
	static const char *const options[] = {"max-size", "max-file", "mode",   "max-buffer-size",
					      "compress", "tag",      "labels", "labels-regex",
					      "env",      "env-regex"};
	const struct node *at = node_child(n, "logging");
	bool known = !s->logging_driver;
	for (size_t i = 0; i < ARRAY_LEN(drivers); i++)
		known = known || streq(s->logging_driver, drivers[i]);
	if (!known) {
		decode_refuse(c, node_child(at, "driver"),
			      "the logging driver '%.100s' is not supported: logs are kept on the "
			      "node, for 'carrack logs'; leave 'driver' out",
			      s->logging_driver);
		return;
	}
	for (size_t i = 0; i < s->logging_options.n; i++) {
		const struct kv *kv = &s->logging_options.v[i];
		const char *v = kv->v ? kv->v : "";
		int64_t value;
		known = false;
		for (size_t k = 0; k < ARRAY_LEN(options); k++)
			known = known || streq(kv->k, options[k]);
		if (!known)
			decode_warn(c, at, "the logging option '%.100s' is not used", kv->k);
		if (streq(kv->k, "max-size") && !streq(v, "-1") && !units_size(v, &value))
			decode_refuse(c, at, "'max-size' must be a size such as 10m, not '%.100s'",
				      v);
		if (streq(kv->k, "max-file") && !num_parse_i64(v, 1, LIMIT_LOG_FILES, &value))
			decode_refuse(c, at, "'max-file' must be from 1 to %d, not '%.100s'",
				      LIMIT_LOG_FILES, v);
	}
}

static void check_names(struct decode *c, const struct node *n, const struct spec_service *s)
{
	const struct node *at = node_child(n, "container_name");
	if (s->container_name && !spec_key_valid(s->container_name))
		decode_refuse(
			c, at,
			"'container_name' may have letters, digits, '-', '_' and '.', at most "
			"%d, not '%.100s'",
			LIMIT_NAME, s->container_name);
	else if (s->container_name && spec_is_global(s))
		decode_refuse(c, at,
			      "the service '%s' has the one name '%s' for several tasks; leave "
			      "'container_name' out, or run one replica",
			      s->name, s->container_name);
	for (size_t i = 0; i < s->annotations.n; i++)
		if (str_starts(s->annotations.v[i].k, "run.oci.") ||
		    str_starts(s->annotations.v[i].k, "io.crun."))
			decode_refuse(c, node_child(n, "annotations"),
				      "the annotation '%.100s' is for the OCI runtime of the node",
				      s->annotations.v[i].k);
	for (size_t i = 0; i < s->preferences.n; i++) {
		const char *text = s->preferences.v[i].spread;
		if (!text ||
		    (!str_starts(text, "node.labels.") && !str_starts(text, "engine.labels.")))
			decode_refuse(c, node_child(node_child(n, "deploy"), "placement"),
				      "a preference must be 'spread: node.labels.NAME'");
	}
}

static void check_job(struct decode *c, const struct node *n, struct spec_service *s)
{
	const struct node *deploy = node_child(n, "deploy");
	enum spec_restart *r = s->restart_policy.set ? &s->restart_policy.condition : &s->restart;
	if (!spec_is_job(s))
		return;
	bool said = node_find(n, "restart") ||
		    node_find(node_child(deploy, "restart_policy"), "condition");
	if (!said)
		*r = RESTART_ON_FAILURE;
	else if (*r == RESTART_ALWAYS || *r == RESTART_UNLESS_STOPPED)
		decode_refuse(c, deploy,
			      "the tasks of a job end; its restart can be no or on-failure");
	if (s->n_ports)
		decode_warn(c, node_child(n, "ports"), "a job answers only while it runs");
}

void service_check_run(struct decode *c, const struct node *n, struct spec_service *s)
{
	check_cpu(c, n, s);
	check_memory(c, n, s);
	check_blkio(c, n, s);
	check_devices(c, n, s);
	check_pre_start(c, n, s);
	check_hooks(c, n, "post_start", &s->post_start);
	check_hooks(c, n, "pre_stop", &s->pre_stop);
	check_pull(c, n, s);
	check_logging(c, n, s);
	check_names(c, n, s);
	check_job(c, n, s);
}
