/* SPDX-License-Identifier: Apache-2.0
 * Security, resources and logs of a plan. What it was sent is checked again: a mistake of the sender
 * must not become a container with more rights. */
#include "agent/core/plan_parts.h"
#include "base/num.h"
#include "manifests/limits.h"
#include <errno.h>
#include <string.h>

#define SHARES_MOST 262144

/* The value of KEY=VALUE or KEY:VALUE; NULL: another option. */
static const char *option(const char *text, const char *key)
{
	size_t n = strlen(key);
	return strncmp(text, key, n) == 0 && (text[n] == '=' || text[n] == ':') ? text + n + 1
										: NULL;
}

static bool security_one(const char *o, struct rt_spec *rt)
{
	const char *v;
	if (streq(o, "no-new-privileges"))
		rt->no_new_privileges = true;
	else if ((v = option(o, "no-new-privileges")) && (streq(v, "true") || streq(v, "false")))
		rt->no_new_privileges = streq(v, "true");
	else if ((v = option(o, "seccomp")) && streq(v, "unconfined"))
		rt->seccomp_unconfined = true;
	else if (v && v[0] == '{')
		rt->seccomp = v; /* borrowed */
	else if (v)
		return streq(v, "builtin");
	else if ((v = option(o, "apparmor")) && *v)
		rt->apparmor = streq(v, "unconfined") ? NULL : v;
	else if ((v = option(o, "systempaths")) && streq(v, "unconfined"))
		rt->unmasked = true;
	else
		return (v = option(o, "label")) && streq(v, "disable");
	return true;
}

int plan_security(const struct spec_service *s, struct plan *p, struct err *err)
{
	for (size_t i = 0; i < s->security_opt.n; i++)
		if (!security_one(s->security_opt.v[i], &p->rt))
			return err_set(err, -ENOTSUP,
				       "security_opt \"%.100s\" is not supported; remove it",
				       s->security_opt.v[i]);
	return 0;
}

static void copy_rates(const struct spec_rates *from, struct rt_rates *to)
{
	to->v = xcalloc(from->n + 1, sizeof(*to->v));
	for (size_t i = 0; i < from->n; i++)
		to->v[to->n++] = (struct rt_rate){from->v[i].path, from->v[i].value};
}

void plan_resources(const struct spec_service *s, struct plan *p)
{
	struct rt_spec *rt = &p->rt;
	rt->cpus = s->limits.cpus;
	rt->memory = s->limits.memory;
	rt->pids = s->limits.pids;
	rt->cpu_period = s->cpu.period;
	rt->cpu_quota = s->cpu.quota;
	rt->cpuset = s->cpu.set;
	rt->memory_swap = s->swap.total;
	rt->swappiness = s->swap.swappiness;
	rt->swappiness_set = s->swap.swappiness >= 0;
	rt->oom_kill_disable = s->swap.oom_kill_disable;
	/* A reservation is a share when the processors are contended. */
	rt->cpu_shares = s->cpu.shares;
	if (!rt->cpu_shares && s->reservations.cpus > 0) {
		double shares = s->reservations.cpus * 1024;
		rt->cpu_shares = shares > SHARES_MOST ? SHARES_MOST
				 : shares < 2         ? 2
						      : (int64_t)shares;
	}
	rt->io_weight = s->blkio.weight;
	copy_rates(&s->blkio.weight_device, &rt->io[RT_IO_WEIGHT]);
	copy_rates(&s->blkio.read_bps, &rt->io[RT_IO_READ_BPS]);
	copy_rates(&s->blkio.read_iops, &rt->io[RT_IO_READ_IOPS]);
	copy_rates(&s->blkio.write_bps, &rt->io[RT_IO_WRITE_BPS]);
	copy_rates(&s->blkio.write_iops, &rt->io[RT_IO_WRITE_IOPS]);
}

int plan_logging(const struct spec_service *s, struct plan *p, struct err *err)
{
	const char *d = s->logging_driver;
	const char *size = kvlist_get(&s->logging_options, "max-size");
	const char *files = kvlist_get(&s->logging_options, "max-file");
	int64_t n = 0;
	if (d && !streq(d, "json-file") && !streq(d, "local") && !streq(d, "none"))
		return err_set(err, -ENOTSUP,
			       "logging driver \"%s\" is not supported; leave it out", d);
	p->rt.log_none = streq(d, "none");
	if (streq(size, "-1"))
		p->rt.log_max_bytes = INT64_MAX;
	else if (size && (!spec_size(size, &p->rt.log_max_bytes) || p->rt.log_max_bytes <= 0))
		return err_set(err, -EINVAL, "logging option max-size \"%s\" is not a size", size);
	if (files && !num_parse_i64(files, 1, LIMIT_LOG_FILES, &n))
		return err_set(err, -EINVAL, "logging option max-file \"%s\" is not from 1 to %d",
			       files, LIMIT_LOG_FILES);
	p->rt.log_files = (int)n;
	return 0;
}
