/* SPDX-License-Identifier: Apache-2.0
 * One line for each thing carrack needs of a host: ok, warn or fail, with the remedy; and of what can be had in
 * several ways, which one the configuration gives. */
#include "agent/doctor.h"
#include "agent/agent_options.h"
#include "agent/encrypt.h"
#include "agent/ociruntime.h"
#include "agent/probe.h"
#include "base/fd.h"
#include "base/ipaddr.h"
#include "base/mem.h"
#include "base/str.h"
#include "manifests/conf.h"
#include "overlay/overlay.h"
#include <errno.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>

#define DISK_WARN_MB 2048
#define DISK_FAIL_MB 256

enum verdict { OK, WARN, FAIL };
struct doctor {
	struct conf conf; /* what an agent would go by */
	unsigned warned, failed;
	bool colour;
};

static void say(struct doctor *d, enum verdict v, const char *what, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
static void say(struct doctor *d, enum verdict v, const char *what, const char *fmt, ...)
{
	static const char *const words[] = {"ok", "warn", "fail"};
	static const char *const colours[] = {"\033[32m", "\033[33m", "\033[31m"};
	va_list ap;
	d->warned += v == WARN;
	d->failed += v == FAIL;
	printf("%s%-4s%s  %-12s ", d->colour ? colours[v] : "", words[v],
	       d->colour ? "\033[0m" : "", what);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	putchar('\n');
}

static void check_kernel(struct doctor *d)
{
	struct utsname u;
	int major = 0, minor = 0;
	uname(&u);
	if (sscanf(u.release, "%d.%d", &major, &minor) == 2 &&
	    (major < 5 || (major == 5 && minor < 10)))
		say(d, FAIL, "kernel", "Linux %s is too old; install 5.10 or later", u.release);
	else
		say(d, OK, "kernel", "Linux %s on %s", u.release, u.machine);
}

static void check_links(struct doctor *d)
{
	static const struct {
		enum probe_kind kind;
		const char *name, *module;
	} links[] = {{PROBE_BRIDGE, "bridge", "bridge"},
		     {PROBE_VETH, "veth", "veth"},
		     {PROBE_VXLAN, "vxlan", "vxlan"},
		     {PROBE_NFTABLES, "nftables", "nf_tables"}};
	for (size_t i = 0; i < ARRAY_LEN(links); i++) {
		int r = probe_kernel(links[i].kind, NULL);
		if (r == 0)
			say(d, OK, links[i].name, "the kernel has it");
		else
			say(d, FAIL, links[i].name, "%s; load the module with `modprobe %s`",
			    strerror(-r), links[i].module);
	}
}

/* Only networks on the physical network need these. */
static void check_lan(struct doctor *d)
{
	static const struct {
		enum probe_kind kind;
		const char *name;
	} links[] = {{PROBE_MACVLAN, "macvlan"}, {PROBE_IPVLAN, "ipvlan"}, {PROBE_VLAN, "VLANs"}};
	auto_str text = {0};
	str_add(&text, "bridge");
	for (size_t i = 0; i < ARRAY_LEN(links); i++)
		if (probe_kernel(links[i].kind, NULL) != -EOPNOTSUPP)
			str_addf(&text, ", %s", links[i].name);
	for (size_t i = 0; i < ARRAY_LEN(links); i++)
		if (probe_kernel(links[i].kind, NULL) == -EOPNOTSUPP)
			str_addf(&text, "; the kernel has no %s", links[i].name);
	say(d, OK, "real LAN", "%s (by macvlan and ipvlan, containers do not reach their own host)",
	    text.data);
}

static void check_encryption(struct doctor *d)
{
	auto_free char *why = encrypt_why_not();
	if (why)
		say(d, WARN, "encryption",
		    "%s: this host gets no tasks of encrypted networks; Linux 5.6 and later have "
		    "it, `modprobe wireguard` loads it",
		    why);
	else
		say(d, OK, "encryption", "WireGuard, for networks with encrypted: \"true\"");
}

/* The data directory, or the nearest folder above that is there. */
static char *existing_dir(const char *path)
{
	char *dir = xstrdup(path);
	struct stat st;
	while (stat(dir, &st) < 0 || !S_ISDIR(st.st_mode)) {
		char *slash = strrchr(dir, '/');
		if (!slash || slash == dir) {
			free(dir);
			return xstrdup("/");
		}
		*slash = 0;
	}
	return dir;
}

static void check_overlayfs(struct doctor *d)
{
	auto_free char *base = existing_dir(d->conf.data_dir);
	auto_free char *dir = xasprintf("%s/.carrack-doctor-XXXXXX", base);
	if (!mkdtemp(dir)) {
		say(d, FAIL, "overlayfs", "\"%s\" cannot be written: %s", base, strerror(errno));
		return;
	}
	int r = probe_kernel(PROBE_OVERLAYFS, dir);
	dir_remove(dir, NULL);
	if (r == 0)
		say(d, OK, "overlayfs", "works below \"%s\"", base);
	else
		say(d, FAIL, "overlayfs",
		    "does not work below \"%s\": %s; load the module with `modprobe overlay`, or "
		    "choose "
		    "a --data-dir on ext4 or xfs",
		    base, strerror(-r));
}

static void check_disk(struct doctor *d)
{
	auto_free char *base = existing_dir(d->conf.data_dir);
	struct statvfs fs;
	if (statvfs(base, &fs) < 0) {
		say(d, FAIL, "disk", "\"%s\" cannot be looked at: %s", base, strerror(errno));
		return;
	}
	unsigned long long mb = (unsigned long long)fs.f_bavail * fs.f_frsize >> 20;
	say(d,
	    mb < DISK_FAIL_MB   ? FAIL
	    : mb < DISK_WARN_MB ? WARN
				: OK,
	    "disk", "%llu MB free below \"%s\"%s", mb, base,
	    mb < DISK_WARN_MB ? "; images need room, make some" : "");
}

static void check_cgroups(struct doctor *d)
{
	if (path_exists("/sys/fs/cgroup/cgroup.controllers")) {
		say(d, OK, "cgroup", "version 2; containers go below its root");
		return;
	}
	static const char *const needed[] = {"cpu", "memory", "pids"};
	auto_str missing = {0};
	for (size_t i = 0; i < ARRAY_LEN(needed); i++) {
		auto_free char *path = xasprintf("/sys/fs/cgroup/%s", needed[i]);
		if (!path_exists(path))
			str_addf(&missing, "%s%s", missing.len ? ", " : "", needed[i]);
	}
	if (missing.len) {
		say(d, FAIL, "cgroup",
		    "version 1 without %s; mount them, or boot with "
		    "systemd.unified_cgroup_hierarchy=1",
		    missing.data);
		return;
	}
	if (path_exists("/sys/fs/cgroup/unified/cgroup.controllers"))
		say(d, OK, "cgroup",
		    "hybrid; version 1 is used, and the \"unified\" mount is hidden from the OCI "
		    "runtime, which refuses it");
	else
		say(d, OK, "cgroup", "version 1");
}

static void check_runtime(struct doctor *d)
{
	struct ociruntime o = {0};
	struct err err = {0};
	if (ociruntime_find(d->conf.runtime, &o, &err) < 0) {
		say(d, FAIL, "runtime", "%s", err_text(&err));
		return;
	}
	auto_free char *warning = o.old ? ociruntime_warning(&o) : NULL;
	if (warning)
		say(d, WARN, "runtime", "%s", warning);
	else
		say(d, OK, "runtime", "\"%s\" is %s", o.path, o.version);
	ociruntime_done(&o);
}

/* Whether the port is free: bound and released, without a packet. */
static void check_port(struct doctor *d, int type, unsigned port, const char *purpose)
{
	const char *proto = type == SOCK_STREAM ? "tcp" : "udp";
	auto_free char *what = xasprintf("port %s", proto);
	auto_close int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
	if (fd >= 0 && bind(fd, (struct sockaddr *)&a, sizeof(a)) == 0)
		say(d, OK, what, "%u is free (%s)", port, purpose);
	else
		say(d, WARN, what, "%u is taken (%s): fine if carrack runs here, else free it",
		    port, purpose);
}

static void check_forward(struct doctor *d)
{
	auto_free char *text = NULL;
	size_t len;
	if (file_read("/proc/sys/net/ipv4/ip_forward", 16, &text, &len, NULL) == 0 &&
	    text[0] == '1')
		say(d, OK, "ip_forward", "is on");
	else
		say(d, WARN, "ip_forward",
		    "is off; the agent switches it on (sysctl -w net.ipv4.ip_forward=1)");
}

static void check_vip(struct doctor *d)
{
	auto_free char *why = NULL;
	bool ebpf = overlay_vip_probe(&why) == OV_VIP_EBPF;
	if (d->conf.vip == CONF_VIP_NFT)
		say(d, OK, "vip",
		    "service VIPs go by nftables, in the container's namespace, as the "
		    "configuration asks (%s%s)",
		    ebpf ? "eBPF would work" : "eBPF would not: ", ebpf ? "" : why);
	else if (ebpf)
		say(d, OK, "vip", "service VIPs go by eBPF, at the socket%s",
		    d->conf.vip == CONF_VIP_EBPF ? ", as the configuration asks" : "");
	else if (d->conf.vip == CONF_VIP_EBPF)
		say(d, FAIL, "vip",
		    "the configuration asks for eBPF, and the agent does not start without it: %s; "
		    "set \"vip: auto\", which takes nftables here",
		    why);
	else
		say(d, OK, "vip", "service VIPs go by nftables, in the container's namespace: %s",
		    why);
}

/* Whether what agent/core/secretfiles.c keeps in memory can get to a disk. */
static void check_secrets(struct doctor *d)
{
	struct sysinfo si;
	auto_close int fs = fsopen("tmpfs", FSOPEN_CLOEXEC);
	if (fs >= 0 && fsconfig(fs, FSCONFIG_SET_FLAG, "noswap", NULL, 0) == 0)
		say(d, OK, "secrets", "lie in memory that is never swapped out");
	else if (sysinfo(&si) == 0 && si.totalswap == 0)
		say(d, OK, "secrets", "lie in memory, and this host has no swap");
	else
		say(d, WARN, "secrets",
		    "this kernel can swap them out (Linux 6.4 and later do not): turn swap off, "
		    "or encrypt it");
}

static void check_fast_path(struct doctor *d)
{
	auto_free char *why = NULL;
	bool works = overlay_fast_probe(&why);
	if (!d->conf.fast_path)
		say(d, OK, "fast path",
		    "packets between containers go by the bridges, as the configuration asks "
		    "(%s%s)",
		    works ? "eBPF would work" : "eBPF would not: ", works ? "" : why);
	else if (works)
		say(d, OK, "fast path", "packets between containers pass the bridges by, by eBPF");
	else
		say(d, OK, "fast path", "packets between containers go by the bridges: %s", why);
}

static bool is_own(const struct ifaddrs *a, const struct ipaddr *want)
{
	struct ipaddr own;
	uint16_t port;
	return a->ifa_addr && ipaddr_of_sockaddr(a->ifa_addr, &own, &port) &&
	       ipaddr_equal(&own, want);
}

/* Only what the configuration names: without that the default route says it. */
static void check_underlay(struct doctor *d)
{
	const char *name = d->conf.underlay;
	struct ifaddrs *all = NULL;
	struct ipaddr want;
	bool found = false;
	if (!name || getifaddrs(&all) < 0)
		return;
	bool address = ipaddr_parse(name, &want);
	for (const struct ifaddrs *a = all; a && !found; a = a->ifa_next)
		found = address ? is_own(a, &want) : streq(a->ifa_name, name);
	freeifaddrs(all);
	if (found)
		say(d, OK, "underlay", "other nodes are reached by \"%s\"", name);
	else
		say(d, FAIL, "underlay",
		    "this host has no %s \"%s\", which the configuration names",
		    address ? "address" : "interface", name);
}

/* What is wrong with the file was printed with its place; the rest is then looked at as if there were none. */
static int read_options(struct doctor *d, int argc, char **argv, bool *help)
{
	struct agent_options o = {0};
	struct err err = {0};
	struct diag none = {0};
	int r = agent_options_parse(argc, argv, &o, &err);
	if (r == -EBADMSG) {
		say(d, FAIL, "config", "%s", err_text(&err));
		return conf_load("", false, &d->conf, &none);
	}
	if (r < 0) {
		fprintf(stderr, "error: %s\n", err_text(&err));
		return r;
	}
	*help = o.help;
	d->conf = o.conf;
	if (o.config)
		say(d, OK, "config", "is read from \"%s\"", o.config);
	return 0;
}

static void check_as_root(struct doctor *d)
{
	if (geteuid() != 0) {
		say(d, FAIL, "user", "not root; run `sudo carrack doctor`");
		return;
	}
	check_links(d);
	check_lan(d);
	check_encryption(d);
	check_overlayfs(d);
	check_vip(d);
	check_secrets(d);
	check_fast_path(d);
}

int agent_doctor(int argc, char **argv)
{
	struct doctor d = {.colour = isatty(STDOUT_FILENO)};
	bool help = false;
	int r = read_options(&d, argc, argv, &help);
	if (r < 0 || help) {
		fputs("usage: carrack doctor [OPTION]...\n\n"
		      "Says what this host has for running containers, and what an agent with the "
		      "same\noptions and configuration file makes of it (those of `carrack agent`, "
		      "see "
		      "its --help).\nChanges nothing.\n",
		      r < 0 ? stderr : stdout);
		conf_done(&d.conf);
		return r < 0 ? 2 : 0;
	}
	check_kernel(&d);
	check_as_root(&d);
	check_cgroups(&d);
	check_runtime(&d);
	check_underlay(&d);
	check_port(&d, SOCK_STREAM, CONF_DEFAULT_PORT, "controller");
	check_port(&d, SOCK_DGRAM, (unsigned)d.conf.vxlan_port, "VXLAN");
	check_forward(&d);
	check_disk(&d);
	conf_done(&d.conf);
	printf("\n%u failed, %u warned\n", d.failed, d.warned);
	return d.failed > 0;
}
