/* SPDX-License-Identifier: Apache-2.0
 * Bringing a lab up; see boot.h. */
#include "lab/boot.h"
#include "base/fd.h"
#include "base/num.h"
#include "lab/space.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define LAN_FILE   "lan" /* there: hosts have an eth1 */
#define WAIT_TRIES 1500  /* of 10 ms: the controller's first start makes keys and a store */

static char *self_path(void)
{
	char path[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 1);
	return xstrndup(path, n > 0 ? (size_t)n : 0);
}

char *boot_address(const struct place *p, const char *host)
{
	int64_t number = 0;
	if (streq(host, LAB_CONTROLLER) || !str_starts(host, "host") ||
	    !num_parse_i64(host + 4, 1, LAB_HOSTS_MAX, &number))
		number = LAB_CTL_NUMBER;
	return place_addr(p, (int)number);
}

void boot_hosts(const struct place *p, struct strlist *out)
{
	if (place_host_exists(p, LAB_CONTROLLER))
		strlist_add(out, LAB_CONTROLLER);
	for (int i = 1; i <= LAB_HOSTS_MAX; i++) {
		auto_free char *name = xasprintf("host%d", i);
		if (place_host_exists(p, name))
			strlist_add(out, name);
	}
}

static char *context_path(const struct place *p)
{
	return place_path(p, LAB_CONTROLLER, "data/controller/operator.json");
}

void boot_environment(const struct place *p)
{
	auto_free char *context = context_path(p);
	setenv("CARRACK_CONTEXT", context, 1);
	auto_free char *self = self_path();
	char *slash = strrchr(self, '/');
	if (slash)
		*slash = '\0';
	const char *old = getenv("PATH");
	auto_free char *path =
		xasprintf("%s:%s", self, old ? old : "/usr/sbin:/usr/bin:/sbin:/bin");
	setenv("PATH", path, 1);
}

static int write_text(const struct place *p, const char *host, const char *file, const char *text,
		      struct err *err)
{
	auto_free char *path = place_path(p, host, file);
	return file_replace(path, text, strlen(text), 0644, err);
}

static int write_common(const struct place *p, int hosts, struct err *err)
{
	auto_str text = {0};
	auto_free char *ctl = place_addr(p, LAB_CTL_NUMBER);
	auto_free char *sw = place_addr(p, LAB_SWITCH_NUMBER);
	str_addf(&text, "127.0.0.1 localhost\n::1 localhost\n%s %s\n%s %s registry.lab\n", ctl,
		 LAB_CONTROLLER, sw, LAB_SWITCH);
	for (int i = 1; i <= hosts; i++) {
		auto_free char *addr = place_addr(p, i);
		str_addf(&text, "%s host%d\n", addr, i);
	}
	int r = write_text(p, NULL, "hosts", text.data, err);
	if (r == 0 && p->six)
		r = write_text(p, NULL, "ipv6", "", err);
	return r == 0 ? write_text(p, NULL, "resolv.conf", "# no resolver in a lab\n", err) : r;
}

/* HOST:PORT, as configurations have it. */
static char *registry_address(const struct place *p)
{
	auto_free char *addr = place_addr(p, LAB_SWITCH_NUMBER);
	return xasprintf(p->six ? "[%s]:%s" : "%s:%s", addr, LAB_REGISTRY_PORT);
}

static int write_config(const struct place *p, const char *host, struct err *err)
{
	auto_free char *cgroup = place_cgroup(p, host);
	auto_free char *registry = registry_address(p);
	/* For tests: how VIPs are reached, and more lines. */
	const char *vip = getenv("CARRACK_LAB_VIP"), *more = getenv("CARRACK_LAB_CONFIG");
	auto_free char *text = xasprintf(
		"# The configuration of a lab's host.\nvip: %s\nnode_name: %s\ncgroup_parent: %s\n"
		"registries:\n  insecure: [\"registry.lab:%s\", \"%s\"]\n%s\n",
		vip ? vip : "auto", host, cgroup, LAB_REGISTRY_PORT, registry, more ? more : "");
	return write_text(p, host, "carrack.yaml", text, err);
}

/* The registry is Debian's docker-registry, on the switch. */
static int start_registry(const struct place *p, pid_t lab, struct err *err)
{
	auto_free char *config = place_path(p, NULL, "registry.yaml");
	auto_free char *host = place_addr(p, LAB_SWITCH_NUMBER);
	auto_free char *address = registry_address(p);
	auto_free char *text = xasprintf(
		"version: 0.1\nlog: {level: error, accesslog: {disabled: true}}\n"
		"storage: {filesystem: {rootdirectory: %s/registry}, delete: {enabled: true}}\n"
		"http: {addr: \"%s\"}\n",
		p->dir, address);
	int r = file_replace(config, text, strlen(text), 0644, err);
	if (r < 0)
		return r;
	auto_free char *run =
		xasprintf("command -v docker-registry >/dev/null || exit 9; "
			  "setsid docker-registry serve %s >%s/registry.log 2>&1 </dev/null & "
			  "for i in $(seq 500); do (echo >/dev/tcp/%s/%s) 2>/dev/null && exit 0; "
			  "sleep 0.02; done; exit 1",
			  config, p->dir, host, LAB_REGISTRY_PORT);
	const char *const argv[] = {"bash", "-c", run, NULL};
	int status = space_run(lab, argv, err);
	if (status == 9)
		return err_set(err, -ENOENT,
			       "there is no docker-registry here; install it with 'apt-get install "
			       "docker-registry'");
	if (status != 0)
		return err_set(err, -EIO, "the registry did not start; see %s/registry.log",
			       p->dir);
	return 0;
}

/* A token from the controller, once it answers; caller frees. */
static int make_token(const struct place *p, pid_t ctl, char **ret, struct err *err)
{
	auto_free char *context = context_path(p);
	auto_free char *file = place_path(p, NULL, "token");
	auto_free char *self = self_path();
	auto_free char *line = xasprintf("exec %s token create >%s 2>%s.err", self, file, file);
	const char *const argv[] = {"sh", "-c", line, NULL};
	int status = 1;
	for (int i = 0; i < WAIT_TRIES && status != 0; i++) {
		if (path_exists(context))
			status = space_run(ctl, argv, err);
		if (status != 0)
			usleep(10000);
	}
	int r = file_read(file, 4096, ret, NULL, err);
	if (r < 0 || status != 0) {
		if (r == 0)
			free_and_null(ret);
		return err_set(err, -ETIMEDOUT,
			       "the controller did not start; see %s/%s/daemon.log", p->dir,
			       LAB_CONTROLLER);
	}
	(*ret)[strcspn(*ret, "\n")] = '\0';
	return 0;
}

int boot_host(const struct place *p, pid_t lab, const char *host, struct err *err)
{
	auto_free char *self = self_path();
	auto_free char *config = place_path(p, host, "carrack.yaml");
	auto_free char *token_file = place_path(p, NULL, "token");
	auto_free char *token = NULL;
	auto_free char *address = boot_address(p, host);
	auto_strlist daemon = {0};
	strlist_add(&daemon, self);
	if (streq(host, LAB_CONTROLLER)) {
		strlist_add(&daemon, "controller");
		strlist_add(&daemon, "--advertise");
		strlist_add(&daemon, address);
	} else {
		int r = file_read(token_file, 4096, &token, NULL, err);
		if (r < 0)
			return r;
		token[strcspn(token, "\n")] = '\0';
		strlist_add(&daemon, "agent");
		strlist_add(&daemon, "--join");
		strlist_add(&daemon, token);
	}
	strlist_add(&daemon, "--config");
	strlist_add(&daemon, config);
	place_drop_cgroups(p, host);
	auto_free char *lan = place_path(p, NULL, LAN_FILE);
	struct space_host h = {.name = host,
			       .address = address,
			       .lan = path_exists(lan) && !streq(host, LAB_CONTROLLER),
			       .daemon = daemon.v};
	return space_start_host(p, lab, &h, err);
}

static int add_host(const struct place *p, pid_t lab, const char *host, struct err *err)
{
	auto_free char *data = place_path(p, host, "data");
	int r = dir_make(data, 0711, err);
	if (r == 0)
		r = write_config(p, host, err);
	return r == 0 ? boot_host(p, lab, host, err) : r;
}

/* `lab up` ends when the controller counts every host, so that the next command finds them. */
static int wait_nodes(const struct place *p, pid_t ctl, int hosts, struct err *err)
{
	auto_free char *self = self_path();
	auto_free char *line = xasprintf("test \"$(%s nodes --json 2>/dev/null | grep -o "
					 "'\"state\": *\"up\"' | wc -l)\" = %d",
					 self, hosts);
	const char *const argv[] = {"sh", "-c", line, NULL};
	for (int i = 0; i < WAIT_TRIES; i++) {
		if (space_run(ctl, argv, err) == 0)
			return 0;
		usleep(10000);
	}
	return err_set(err, -ETIMEDOUT, "not all hosts joined; see %s/host*/daemon.log", p->dir);
}

static int boot_all(const struct place *p, pid_t lab, const struct boot *b, struct err *err)
{
	pid_t ctl;
	int hosts = b->hosts;
	int r = b->registry ? start_registry(p, lab, err) : 0;
	if (r == 0 && b->lan)
		r = space_start_lan(lab, err);
	if (r == 0 && b->lan)
		r = write_text(p, NULL, LAN_FILE, "", err);
	if (r == 0)
		r = add_host(p, lab, LAB_CONTROLLER, err);
	if (r < 0)
		return r;
	if (place_pid(p, LAB_CONTROLLER, &ctl) < 0)
		return err_set(err, -ESRCH,
			       "the controller's host ended at once; see %s/%s/daemon.log", p->dir,
			       LAB_CONTROLLER);
	auto_free char *token = NULL;
	boot_environment(p);
	r = make_token(p, ctl, &token, err);
	for (int i = 1; r == 0 && i <= hosts; i++) {
		auto_free char *name = xasprintf("host%d", i);
		r = add_host(p, lab, name, err);
	}
	return r == 0 ? wait_nodes(p, ctl, hosts, err) : r;
}

int boot_lab(const struct place *p, const struct boot *b, struct err *err)
{
	pid_t lab;
	int r = dir_remove(p->dir, err); /* what a lab that was killed left behind */
	if (r == 0)
		r = dir_make(p->dir, 0711, err);
	if (r == 0)
		r = write_common(p, b->hosts, err);
	if (r == 0)
		r = space_start_lab(p, &lab, err);
	if (r < 0)
		return r;
	r = boot_all(p, lab, b, err);
	if (r < 0)
		kill(lab, SIGKILL); /* the folder stays, with its logs */
	return r;
}
