/* SPDX-License-Identifier: Apache-2.0
 * The OCI configuration; see bundle.h. */
#include "agent/runtime/bundle.h"
#include "agent/runtime/bundle_parts.h"
#include "agent/runtime/caps.h"
#include "agent/runtime/cdi.h"
#include "agent/runtime/seccomp.h"
#include "base/fd.h"

#include <errno.h>
#include <string.h>

#define DEFAULT_PATH      "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
#define INIT_PATH         "/dev/init"
#define APPARMOR_PROFILES "/sys/kernel/security/apparmor/profiles"
#define ARG_MAX_SUM       (2u << 20) /* the kernel's own bound, told early and plainly */

json_t *bundle_words(const char *words)
{
	json_t *j = json_array();
	for (const char *p = words; *p;) {
		size_t n = strcspn(p, " ");
		json_array_append_new(j, json_stringn(p, n));
		p += n + (p[n] == ' ');
	}
	return j;
}

/* Text that is no UTF-8 cannot be in JSON; it is left out here and refused in bundle_check. */
json_t *bundle_list(const struct strlist *l)
{
	json_t *j = json_array();
	for (size_t i = 0; i < l->n; i++)
		json_array_append_new(j, json_string(l->v[i]));
	return j;
}

bool bundle_cwd_ok(const char *cwd)
{
	if (cwd[0] != '/')
		return false;
	/* The first real component decides; any ".." could lead anywhere. */
	const char *first = NULL;
	size_t first_len = 0;
	for (const char *p = cwd; *p;) {
		p += strspn(p, "/");
		size_t n = strcspn(p, "/");
		bool dot = n == 1 && p[0] == '.';
		if (n == 2 && p[0] == '.' && p[1] == '.')
			return false;
		if (!first && n > 0 && !dot) {
			first = p;
			first_len = n;
		}
		p += n;
	}
	return !first || !((first_len == 4 && memcmp(first, "proc", 4) == 0) ||
			   (first_len == 3 && memcmp(first, "sys", 3) == 0));
}

static int check_cwd(const char *cwd, struct err *err)
{
	if (!cwd || !*cwd || bundle_cwd_ok(cwd))
		return 0;
	return err_set(err, -EINVAL,
		       "the working directory '%s' is not allowed: use an absolute path without "
		       "'..', outside /proc and /sys",
		       cwd);
}

static int check_words(const struct strlist *l, const char *what, struct err *err)
{
	size_t sum = 0;
	for (size_t i = 0; i < l->n; i++) {
		json_t *j = json_string(l->v[i]);
		json_decref(j);
		if (!j)
			return err_set(err, -EILSEQ, "%s number %zu is not UTF-8 text", what,
				       i + 1);
		sum += strlen(l->v[i]) + 1;
	}
	if (sum > ARG_MAX_SUM)
		return err_set(err, -E2BIG, "%ss of %zu bytes in all are too long: at most %u",
			       what, sum, ARG_MAX_SUM);
	return 0;
}

static bool id_ok(const char *id)
{
	if (!id || !*id || *id == '.' || *id == '-' || strlen(id) > 128)
		return false;
	return strspn(id, "abcdefghijklmnopqrstuvwxyz0123456789._-") == strlen(id);
}

/* What is for the OCI runtime alone could reach the host. */
static int check_host(const struct rt_spec *s, struct err *err)
{
	for (size_t i = 0; i < s->annotations.n; i++)
		if (str_starts(s->annotations.v[i].k, "run.oci.") ||
		    str_starts(s->annotations.v[i].k, "io.crun."))
			return err_set(err, -EPERM, "the annotation '%s' is not for users",
				       s->annotations.v[i].k);
	if (s->apparmor && !path_exists(APPARMOR_PROFILES))
		return err_set(err, -ENOTSUP,
			       "the AppArmor profile '%s' is asked for, and this host has no "
			       "AppArmor; remove it, or place the service elsewhere",
			       s->apparmor);
	return 0;
}

int bundle_check(const struct rt_spec *s, struct err *err)
{
	if (!id_ok(s->id))
		return err_set(err, -EINVAL, "'%s' is no container id: use a-z, 0-9, '.', '_', '-'",
			       s->id ?: "");
	if (s->args.n == 0 || !s->args.v[0][0])
		return err_set(
			err, -EINVAL,
			"nothing to run: the image names no command, give one with 'command'");
	int r = check_words(&s->args, "argument", err);
	if (r == 0)
		r = check_words(&s->env, "environment variable", err);
	if (r == 0)
		r = check_cwd(s->cwd, err);
	if (r == 0)
		r = bundle_check_mounts(s, err);
	if (r == 0)
		r = check_host(s, err);
	return r;
}

static bool env_has(const json_t *env, const char *name)
{
	size_t i, n = strlen(name);
	json_t *v;
	json_array_foreach(env, i, v) if (strncmp(json_string_value(v), name, n) == 0 &&
					  json_string_value(v)[n] == '=') return true;
	return false;
}

static void env_default(json_t *env, const char *name, const char *value)
{
	if (!value || env_has(env, name))
		return;
	auto_free char *text = xasprintf("%s=%s", name, value);
	json_array_append_new(env, json_string(text));
}

static json_t *plan_env(const struct rt_spec *s, const struct rt_user *user)
{
	json_t *env = bundle_list(&s->env);
	if (!env_has(env, "PATH"))
		json_array_insert_new(env, 0, json_string(DEFAULT_PATH));
	env_default(env, "HOSTNAME", s->hostname);
	env_default(env, "TERM", s->tty ? "xterm" : NULL);
	env_default(env, "HOME", user->home);
	return env;
}

static json_t *plan_user(const struct rt_user *u)
{
	json_t *j = json_object(), *more = json_array();
	json_put_int(j, "uid", u->uid);
	json_put_int(j, "gid", u->gid);
	json_put_int(j, "umask", 022);
	for (size_t i = 0; i < u->n_groups; i++)
		json_array_append_new(more, json_integer(u->groups[i]));
	json_put_new(j, "additionalGids", more);
	return j;
}

/* Only root holds capabilities at once; others may still get them from a file's, within bounds. */
static json_t *plan_caps(json_t *bounding, uid_t uid)
{
	json_t *j = json_object(), *held = uid == 0 ? json_incref(bounding) : json_array();
	json_object_set_new(j, "bounding", bounding);
	json_object_set(j, "effective", held);
	json_object_set_new(j, "permitted", held);
	return j;
}

static json_t *plan_process(const struct rt_spec *s, const struct bundle_host *h, caps_t caps,
			    struct err *err)
{
	auto_strlist names = {0}, args = {0};
	caps_names(caps, &names);
	if (s->init) {
		strlist_add(&args, INIT_PATH);
		strlist_add(&args, "init");
		strlist_add(&args, "--");
	}
	strlist_copy(&args, &s->args);
	json_t *limits = bundle_rlimits(s, err);
	if (!limits)
		return NULL;
	json_t *j = json_object();
	json_put_bool(j, "terminal", s->tty);
	json_object_set_new(j, "user", plan_user(h->user));
	json_object_set_new(j, "args", bundle_list(&args));
	json_object_set_new(j, "env", plan_env(s, h->user));
	json_put_str(j, "cwd", s->cwd && *s->cwd ? s->cwd : "/");
	json_object_set_new(j, "capabilities", plan_caps(bundle_list(&names), h->user->uid));
	json_put_new(j, "rlimits", limits);
	json_put_str(j, "apparmorProfile", s->apparmor);
	json_put_bool(j, "noNewPrivileges", s->no_new_privileges);
	json_put_int(j, "oomScoreAdj", bundle_oom_score(s->oom_score_adj, h->caps_available));
	return j;
}

static void add_namespace(json_t *list, const char *type, const char *path)
{
	json_t *j = json_object();
	json_put_str(j, "type", type);
	json_put_str(j, "path", path);
	json_array_append_new(list, j);
}

static json_t *plan_namespaces(const struct rt_spec *s, const struct bundle_host *h)
{
	json_t *list = json_array();
	add_namespace(list, "mount", NULL);
	if (!s->host_uts)
		add_namespace(list, "uts", NULL);
	if (!s->host_pid)
		add_namespace(list, "pid", h->pid_ns);
	if (!s->host_ipc)
		add_namespace(list, "ipc", h->ipc_ns);
	if (s->netns)
		add_namespace(list, "network", s->netns);
	if (!s->host_cgroup && (h->cgroups->v2 || s->private_cgroup))
		add_namespace(list, "cgroup", NULL);
	return list;
}

/* Takes linux; NULL with err. */
static json_t *plan_filter(json_t *linux_taken, const struct rt_spec *s, caps_t caps,
			   struct err *err)
{
	if (s->privileged || s->seccomp_unconfined)
		return linux_taken;
	json_t *profile =
		s->seccomp ? seccomp_custom(s->seccomp, caps, err) : seccomp_profile(caps);
	if (!profile) {
		json_decref(linux_taken);
		return NULL;
	}
	json_object_set_new(linux_taken, "seccomp", profile);
	return linux_taken;
}

static json_t *plan_linux(const struct rt_spec *s, const struct bundle_host *h, caps_t caps,
			  struct err *err)
{
	auto_json *nodes = json_array();
	json_t *resources = bundle_resources(s, h, nodes, err);
	json_t *sysctls = resources ? bundle_sysctls(s, err) : NULL;
	if (!sysctls) {
		json_decref(resources);
		return NULL;
	}
	json_t *j = json_object();
	json_object_set_new(j, "namespaces", plan_namespaces(s, h));
	json_put_str(j, "cgroupsPath", h->cgroup_path);
	json_object_set_new(j, "resources", resources);
	json_put_new(j, "sysctl", sysctls);
	json_put_new(j, "devices", json_incref(nodes));
	if (s->privileged || s->unmasked)
		return plan_filter(j, s, caps, err);
	json_object_set_new(j, "maskedPaths",
			    bundle_words("/proc/acpi /proc/asound /proc/interrupts /proc/kcore "
					 "/proc/keys /proc/latency_stats /proc/sched_debug "
					 "/proc/scsi /proc/timer_list /proc/timer_stats "
					 "/sys/devices/virtual/powercap /sys/firmware"));
	json_object_set_new(j, "readonlyPaths",
			    bundle_words("/proc/bus /proc/fs /proc/irq /proc/sys "
					 "/proc/sysrq-trigger"));
	return plan_filter(j, s, caps, err);
}

json_t *bundle_plan(const struct rt_spec *s, const struct bundle_host *h, struct err *err)
{
	struct strlist none = {0};
	char *all[] = {(char[]){"ALL"}, NULL};
	struct strlist every = {.v = all, .n = 1};
	caps_t caps;
	int r = s->privileged
			? caps_resolve(&every, &none, h->caps_available, &caps, err)
			: caps_resolve(&s->cap_add, &s->cap_drop, h->caps_available, &caps, err);
	if (r < 0)
		return NULL;
	auto_json *j = json_object();
	json_t *root = json_object(), *part;
	json_put_str(root, "path", h->rootfs);
	json_put_bool(root, "readonly", s->read_only);
	json_put_str(j, "ociVersion", "1.0.2");
	json_object_set_new(j, "root", root);
	if (!s->host_uts)
		json_put_str(j, "hostname", s->hostname);
	if (!(part = plan_process(s, h, caps, err)))
		return NULL;
	json_object_set_new(j, "process", part);
	if (!(part = bundle_mounts(s, h, err)))
		return NULL;
	json_object_set_new(j, "mounts", part);
	if (!(part = plan_linux(s, h, caps, err)))
		return NULL;
	json_object_set_new(j, "linux", part);
	const char *bpf = NULL;
	json_t *notes = json_object();
	for (size_t i = 0; i < s->annotations.n; i++)
		json_put_str(notes, s->annotations.v[i].k, s->annotations.v[i].v);
	if (json_object_get(part, "seccomp") && h->seccomp && !s->seccomp)
		bpf = h->seccomp(caps, h->seccomp_arg);
	json_put_str(notes, "run.oci.seccomp_bpf_data", bpf);
	json_put_new(j, "annotations", notes);
	if (cdi_apply(&s->devices, NULL, j, err) < 0)
		return NULL;
	return json_incref(j);
}

/* Sets "NAME=value" in an array of such texts. */
static void env_set(json_t *env, const char *text)
{
	size_t n = strcspn(text, "="), i;
	json_t *v;
	json_array_foreach(env, i, v)
	{
		if (strncmp(json_string_value(v), text, n) != 0 || json_string_value(v)[n] != '=')
			continue;
		json_array_set_new(env, i, json_string(text));
		return;
	}
	json_array_append_new(env, json_string(text));
}

static void privilege(json_t *process)
{
	static const char *const sets[] = {"bounding", "effective", "permitted"};
	auto_strlist names = {0};
	caps_names(caps_available(), &names);
	auto_json *list = bundle_list(&names);
	json_t *caps = json_object();
	for (size_t i = 0; i < ARRAY_LEN(sets); i++)
		json_object_set(caps, sets[i], list);
	json_object_set_new(process, "capabilities", caps);
	json_put_bool(process, "noNewPrivileges", false);
}

json_t *bundle_exec_process(const json_t *config, const struct rt_exec_spec *s,
			    const struct rt_user *user, struct err *err)
{
	if (s->args.n == 0 || !s->args.v[0][0]) {
		err_set(err, -EINVAL, "nothing to run: give a command");
		return NULL;
	}
	if (check_words(&s->args, "argument", err) < 0 ||
	    check_words(&s->env, "environment variable", err) < 0 || check_cwd(s->cwd, err) < 0)
		return NULL;
	json_t *j = json_deep_copy(json_object_get(config, "process"));
	if (!json_is_object(j)) {
		json_decref(j);
		err_set(err, -EINVAL, "the container's configuration names no process");
		return NULL;
	}
	json_put_bool(j, "terminal", s->tty);
	json_object_set_new(j, "args", bundle_list(&s->args));
	json_t *env = json_object_get(j, "env");
	for (size_t i = 0; i < s->env.n; i++)
		env_set(env, s->env.v[i]);
	env_default(env, "TERM", s->tty ? "xterm" : NULL);
	if (s->cwd && *s->cwd)
		json_put_str(j, "cwd", s->cwd);
	if (user) {
		json_t *caps = json_object_get(j, "capabilities");
		json_t *bounding = json_incref(json_object_get(caps, "bounding"));
		json_object_set_new(j, "user", plan_user(user));
		json_object_set_new(j, "capabilities", plan_caps(bounding, user->uid));
		auto_free char *home = xasprintf("HOME=%s", user->home);
		env_set(env, home);
	}
	if (s->privileged)
		privilege(j);
	return j;
}
