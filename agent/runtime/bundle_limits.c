/* SPDX-License-Identifier: Apache-2.0
 * What a container may use: cgroup limits, rlimits, kernel settings. */
#include "agent/runtime/bundle_parts.h"
#include "agent/runtime/device.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/num.h"

#include <errno.h>
#include <string.h>
#include <sys/resource.h>

#define CPU_PERIOD_US 100000
#define MEMORY_LEAST  (512 << 10) /* below, init itself cannot start */

static json_t *plan_cpu(const struct rt_spec *s)
{
	json_t *cpu = json_object();
	if (s->cpus > 0) {
		/* 1 ms is the least that the kernel takes. */
		int64_t quota = (int64_t)(s->cpus * CPU_PERIOD_US + 0.5);
		json_put_int(cpu, "period", CPU_PERIOD_US);
		json_put_int(cpu, "quota", quota < 1000 ? 1000 : quota);
	} else if (s->cpu_period > 0 || s->cpu_quota != 0) {
		json_put_int(cpu, "period", s->cpu_period > 0 ? s->cpu_period : CPU_PERIOD_US);
		if (s->cpu_quota != 0)
			json_put_int(cpu, "quota", s->cpu_quota);
	}
	if (s->cpu_shares > 0)
		json_put_int(cpu, "shares", s->cpu_shares < 2 ? 2 : s->cpu_shares);
	json_put_str(cpu, "cpus", s->cpuset);
	return cpu;
}

/* What v2 has no file for is said once and left out, as in Docker. */
static bool v1_only(const struct rt_spec *s, const struct bundle_host *h, const char *what)
{
	if (h->cgroups->v2)
		log_warn("runtime", "container '%s': %s is not set: cgroups of version 2 have none",
			 s->id, what);
	return !h->cgroups->v2;
}

static json_t *plan_memory(const struct rt_spec *s, const struct bundle_host *h)
{
	json_t *memory = json_object();
	if (s->memory > 0)
		json_put_int(memory, "limit", s->memory);
	if (s->memory_swap != 0 && h->cgroups->swap)
		json_put_int(memory, "swap", s->memory_swap);
	/* As much swap as memory: the field is the sum of both. */
	else if (s->memory > 0 && s->memory < INT64_MAX / 2 && h->cgroups->swap)
		json_put_int(memory, "swap", s->memory * 2);
	if (s->swappiness_set && v1_only(s, h, "mem_swappiness"))
		json_put_int(memory, "swappiness", s->swappiness);
	if (s->oom_kill_disable && v1_only(s, h, "oom_kill_disable"))
		json_put_bool(memory, "disableOOMKiller", true);
	return memory;
}

json_t *bundle_resources(const struct rt_spec *s, const struct bundle_host *h, json_t *nodes,
			 struct err *err)
{
	if (s->memory > 0 && s->memory < MEMORY_LEAST) {
		err_set(err, -EINVAL, "a memory limit of %lld bytes is too small: give at least %d",
			(long long)s->memory, MEMORY_LEAST);
		return NULL;
	}
	auto_json *rules = json_array();
	if (devices_plan(&s->devices, s->privileged, nodes, rules, err) < 0 ||
	    bundle_device_rules(s, rules, err) < 0)
		return NULL;
	json_t *io = bundle_io(s, err);
	if (!io)
		return NULL;
	json_t *j = json_object(), *pids = json_object();
	json_object_set(j, "devices", rules);
	if (s->pids > 0)
		json_put_int(pids, "limit", s->pids);
	json_put_new(j, "cpu", plan_cpu(s));
	json_put_new(j, "memory", plan_memory(s, h));
	json_put_new(j, "pids", pids);
	json_put_new(j, "blockIO", io);
	return j;
}

static const struct {
	const char *name, *oci;
	int number;
} limit_names[] = {
	{"as", "RLIMIT_AS", RLIMIT_AS},
	{"core", "RLIMIT_CORE", RLIMIT_CORE},
	{"cpu", "RLIMIT_CPU", RLIMIT_CPU},
	{"data", "RLIMIT_DATA", RLIMIT_DATA},
	{"fsize", "RLIMIT_FSIZE", RLIMIT_FSIZE},
	{"locks", "RLIMIT_LOCKS", RLIMIT_LOCKS},
	{"memlock", "RLIMIT_MEMLOCK", RLIMIT_MEMLOCK},
	{"msgqueue", "RLIMIT_MSGQUEUE", RLIMIT_MSGQUEUE},
	{"nice", "RLIMIT_NICE", RLIMIT_NICE},
	{"nofile", "RLIMIT_NOFILE", RLIMIT_NOFILE},
	{"nproc", "RLIMIT_NPROC", RLIMIT_NPROC},
	{"rss", "RLIMIT_RSS", RLIMIT_RSS},
	{"rtprio", "RLIMIT_RTPRIO", RLIMIT_RTPRIO},
	{"rttime", "RLIMIT_RTTIME", RLIMIT_RTTIME},
	{"sigpending", "RLIMIT_SIGPENDING", RLIMIT_SIGPENDING},
	{"stack", "RLIMIT_STACK", RLIMIT_STACK},
};

/* A limit above the agent's own hard one would need CAP_SYS_RESOURCE: it is lowered, with a word.
 * -1 (and below) means no limit. */
static uint64_t clamp_limit(const struct rt_spec *s, const char *name, int64_t wanted,
			    uint64_t hard)
{
	uint64_t value = wanted < 0 ? RLIM_INFINITY : (uint64_t)wanted;
	if (value <= hard)
		return value;
	log_warn("runtime", "container '%s': the limit '%s' is lowered to this host's %llu", s->id,
		 name, (unsigned long long)hard);
	return hard;
}

/* JSON integers are signed: the kernel's "no limit" is its largest value there. */
static void put_limit(json_t *j, const char *key, uint64_t value)
{
	json_put_int(j, key, value > INT64_MAX ? INT64_MAX : (int64_t)value);
}

json_t *bundle_rlimits(const struct rt_spec *s, struct err *err)
{
	json_t *list = json_array();
	for (size_t i = 0; i < s->n_limits; i++) {
		const struct rt_limit *l = &s->limits[i];
		size_t k = 0;
		while (k < ARRAY_LEN(limit_names) && !streq(l->name, limit_names[k].name))
			k++;
		struct rlimit own;
		if (k == ARRAY_LEN(limit_names) || getrlimit(limit_names[k].number, &own) < 0) {
			err_set(err, -EINVAL,
				"unknown limit '%s': see ulimit names in getrlimit(2)",
				l->name ?: "");
			json_decref(list);
			return NULL;
		}
		uint64_t hard = clamp_limit(s, l->name, l->hard, own.rlim_max);
		uint64_t soft = l->soft < 0 ? RLIM_INFINITY : (uint64_t)l->soft;
		json_t *j = json_object();
		json_put_str(j, "type", limit_names[k].oci);
		put_limit(j, "soft", soft < hard ? soft : hard);
		put_limit(j, "hard", hard);
		json_array_append_new(list, j);
	}
	return list;
}

/* Only settings that have a copy in the container's own namespaces. */
static bool sysctl_is_own(const struct rt_spec *s, const char *name)
{
	static const char *const ipc[] = {"kernel.msgmax", "kernel.msgmnb",         "kernel.msgmni",
					  "kernel.sem",    "kernel.shmall",         "kernel.shmmax",
					  "kernel.shmmni", "kernel.shm_rmid_forced"};
	if (name[strspn(name,
			"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-/")] ||
	    strstr(name, "..") || strstr(name, "//"))
		return false;
	if (str_starts(name, "net."))
		return s->netns;
	if (str_starts(name, "fs.mqueue."))
		return !s->host_ipc;
	for (size_t i = 0; i < ARRAY_LEN(ipc); i++)
		if (streq(name, ipc[i]))
			return !s->host_ipc;
	return false;
}

json_t *bundle_sysctls(const struct rt_spec *s, struct err *err)
{
	json_t *j = json_object();
	if (s->netns) {
		/* ping and low ports for everyone: harmless where the network is one's own. */
		json_put_str(j, "net.ipv4.ping_group_range", "0 2147483647");
		json_put_str(j, "net.ipv4.ip_unprivileged_port_start", "0");
	}
	json_put_str(j, "kernel.domainname", s->domainname);
	for (size_t i = 0; i < s->sysctls.n; i++) {
		const struct kv *kv = &s->sysctls.v[i];
		if (!kv->v || !sysctl_is_own(s, kv->k)) {
			err_set(err, -EPERM,
				"the sysctl '%s' cannot be set for one container: only net.*, "
				"fs.mqueue.* and System V IPC settings can, in own namespaces",
				kv->k);
			json_decref(j);
			return NULL;
		}
		json_object_set_new(j, kv->k, json_string(kv->v));
	}
	return j;
}

/* Going below the agent's own score would need CAP_SYS_RESOURCE. */
int64_t bundle_oom_score(int64_t wanted, caps_t available)
{
	auto_free char *text = NULL;
	size_t len = 0;
	int64_t own = 0;
	if (file_read("/proc/self/oom_score_adj", 64, &text, &len, NULL) == 0) {
		text[strcspn(text, "\n")] = '\0';
		num_parse_i64(text, -1000, 1000, &own);
	}
	if (wanted < own && !caps_has(available, "SYS_RESOURCE"))
		return own;
	return wanted < -1000 ? -1000 : wanted > 1000 ? 1000 : wanted;
}
