/* SPDX-License-Identifier: Apache-2.0
 * Namespaces: lab-init, hosts, and commands inside; see space.h. The switch and the links are made with
 * iproute2: a lab is a tool for trying things, not part of the data path. */
#include "lab/space.h"
#include "base/fd.h"
#include "base/str.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

#define ALL_SPACES    (CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC)
#define RESTART_MS    200
#define BOOT_WAIT_SEC 20

static pid_t fork_into(int flags)
{
	return (pid_t)syscall(SYS_clone, (unsigned long)flags | SIGCHLD, NULL, NULL, NULL, NULL);
}

static void detach_stdio(const char *log)
{
	int in = open("/dev/null", O_RDONLY | O_CLOEXEC);
	int out = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	dup2(in, 0);
	dup2(out, 1);
	dup2(out, 2);
	close_range(3, ~0U, 0);
}

static int fail(const char *what)
{
	fprintf(stderr, "lab: %s: %s\n", what, strerror(errno));
	return -1;
}

/* The lab's names, and no resolver, instead of the machine's. */
static int mount_names(const struct place *p)
{
	auto_free char *hosts = place_path(p, NULL, "hosts");
	auto_free char *resolv = place_path(p, NULL, "resolv.conf");
	auto_free char *real = realpath("/etc/resolv.conf", NULL);
	if (mount(hosts, "/etc/hosts", NULL, MS_BIND, NULL) < 0)
		return fail("mount /etc/hosts");
	if (real && mount(resolv, real, NULL, MS_BIND, NULL) < 0)
		return fail("mount /etc/resolv.conf");
	return 0;
}

static void reap_for_ever(void)
{
	for (;;) {
		if (waitpid(-1, NULL, 0) < 0)
			pause();
	}
}

static void lab_init(const struct place *p)
{
	auto_free char *log = place_path(p, NULL, "lab.log");
	setsid();
	detach_stdio(log);
	prctl(PR_SET_NAME, "carrack-lab");
	signal(SIGCHLD, SIG_DFL);
	signal(SIGHUP, SIG_IGN);
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) < 0)
		_exit(fail("mount /proc") < 0);
	if (mount_names(p) < 0)
		_exit(1);
	if (sethostname(LAB_SWITCH, strlen(LAB_SWITCH)) < 0)
		_exit(fail("sethostname") < 0);
	reap_for_ever();
}

/* Nobody else has it: an IPv6 address is used at once (nodad). */
static int add_addr(const struct place *p, pid_t pid, const char *dev, const char *addr,
		    struct err *err)
{
	return space_runf(pid, err, "ip addr add %s/%s dev %s%s", addr, p->six ? "64" : "24", dev,
			  p->six ? " nodad" : "");
}

int space_start_lab(const struct place *p, pid_t *ret, struct err *err)
{
	pid_t pid = fork_into(ALL_SPACES);
	if (pid < 0)
		return err_sys(err, -errno, "cannot make the lab's namespaces (root is needed)");
	if (pid == 0) {
		lab_init(p);
		_exit(1);
	}
	auto_free char *sw = place_addr(p, LAB_SWITCH_NUMBER);
	*ret = pid;
	int r = place_put_pid(p, NULL, pid, err);
	/* The switch: a bridge that also carries the registry's address. It has a MAC of its own: one
	 * borrowed from a port would change when that port's host goes. */
	if (r == 0)
		r = space_runf(pid, err, "ip link set lo up");
	if (r == 0)
		r = space_runf(pid, err,
			       "ip link add switch address 02:ca:00:00:00:fe type bridge");
	if (r == 0)
		r = add_addr(p, pid, "switch", sw, err);
	if (r == 0)
		r = space_runf(pid, err, "ip link set switch up");
	if (r < 0)
		kill(pid, SIGKILL);
	return r;
}

int space_start_lan(pid_t lab, struct err *err)
{
	int r = space_runf(lab, err, "ip link add lan address 02:ca:00:00:00:fd type bridge");
	if (r == 0)
		r = space_runf(lab, err, "ip addr add " LAB_LAN_ADDR " dev lan");
	if (r == 0)
		r = space_runf(lab, err, "ip addr add " LAB_LAN_ADDR6 " dev lan nodad");
	return r < 0 ? r : space_runf(lab, err, "ip link set lan up");
}

/* Enters every namespace of pid for the children of this process. */
static int enter(pid_t pid)
{
	int fd = (int)syscall(SYS_pidfd_open, pid, 0);
	if (fd < 0)
		return -errno;
	int r = setns(fd, ALL_SPACES) < 0 ? -errno : 0;
	close(fd);
	return r;
}

int space_run(pid_t pid, const char *const argv[], struct err *err)
{
	fflush(NULL);
	pid_t outer = fork();
	if (outer < 0)
		return err_sys(err, -errno, "fork");
	if (outer ==
	    0) { /* enters, then forks once more so that the command is in the pid namespace */
		if (enter(pid) < 0)
			_exit(125);
		pid_t inner = fork();
		if (inner == 0) {
			if (chdir("/") == 0)
				execvp(argv[0], (char *const *)argv);
			fprintf(stderr, "cannot run '%s': %s\n", argv[0], strerror(errno));
			_exit(127);
		}
		int status = 0;
		while (inner > 0 && waitpid(inner, &status, 0) < 0 && errno == EINTR)
			;
		_exit(WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
	}
	int status = 0;
	while (waitpid(outer, &status, 0) < 0 && errno == EINTR)
		;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int space_runf(pid_t pid, struct err *err, const char *fmt, ...)
{
	char line[512];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	auto_free char *copy = xstrdup(line);
	auto_strlist args = {0};
	for (char *save = NULL, *w = strtok_r(copy, " ", &save); w; w = strtok_r(NULL, " ", &save))
		strlist_add(&args, w);
	int status = space_run(pid, (const char *const *)args.v, err);
	if (status != 0)
		return err_set(err, status < 0 ? status : -EIO, "'%s' failed with status %d", line,
			       status);
	return 0;
}

/* A sysfs of the host's own network, with the machine's cgroup mounts bound back over it. crun refuses
 * version 1 hierarchies beside a version 2 one, so that one is left out here; what crun writes in its
 * place goes into a tmpfs that dies with the host. */
static int mount_sys(const char *stash)
{
	if (mount("/sys/fs/cgroup", stash, NULL, MS_BIND | MS_REC, NULL) < 0 ||
	    mount("sysfs", "/sys", "sysfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) < 0 ||
	    mount(stash, "/sys/fs/cgroup", NULL, MS_BIND | MS_REC, NULL) < 0)
		return fail("mount /sys");
	umount2(stash, MNT_DETACH);
	if (!path_exists("/sys/fs/cgroup/cgroup.controllers") &&
	    umount2("/sys/fs/cgroup/unified", MNT_DETACH) == 0 &&
	    mount("tmpfs", "/sys/fs/cgroup/unified", "tmpfs", 0, NULL) < 0)
		return fail("mount /sys/fs/cgroup/unified");
	return 0;
}

static int mount_host(const struct place *p, const char *host)
{
	auto_free char *stash = place_path(p, host, "cgroup");
	auto_free char *data = place_path(p, host, "data");
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) < 0 ||
	    mount("tmpfs", "/run", "tmpfs", MS_NOSUID | MS_NODEV, "mode=755") < 0)
		return fail("mount");
	if (mount_sys(stash) < 0)
		return -1;
	if (dir_make("/var/lib/carrack", 0711, NULL) < 0 ||
	    mount(data, "/var/lib/carrack", NULL, MS_BIND, NULL) < 0)
		return fail("mount /var/lib/carrack");
	return mount_names(p);
}

static pid_t start_daemon(char *const argv[])
{
	pid_t pid = fork();
	if (pid == 0) {
		execv(argv[0], argv);
		fprintf(stderr, "lab: cannot run '%s': %s\n", argv[0], strerror(errno));
		_exit(127);
	}
	return pid;
}

static void wait_for_link(void)
{
	for (int i = 0; i < BOOT_WAIT_SEC * 100 && !path_exists("/sys/class/net/eth0/carrier"); i++)
		usleep(10000);
}

/* The host's PID 1: keeps the daemon running and reaps what is left behind. */
static void host_init(const struct place *p, const struct space_host *h)
{
	auto_free char *log = place_path(p, h->name, "daemon.log");
	setsid();
	detach_stdio(log);
	prctl(PR_SET_NAME, "carrack-host");
	signal(SIGHUP, SIG_IGN);
	signal(SIGCHLD, SIG_DFL);
	if (mount_host(p, h->name) < 0 || sethostname(h->name, strlen(h->name)) < 0)
		_exit(1);
	wait_for_link();
	pid_t daemon = start_daemon(h->daemon);
	for (;;) {
		pid_t ended = waitpid(-1, NULL, 0);
		if (ended != daemon)
			continue;
		usleep(RESTART_MS * 1000);
		daemon = start_daemon(h->daemon);
	}
}

static int link_host(const struct place *p, pid_t lab, pid_t host, const struct space_host *h,
		     struct err *err)
{
	/* The host's pid inside the lab is not known, but /proc/PID/ns of ours is: move the link by the
	 * namespace's descriptor, which the child of space_run inherits. */
	auto_free char *path = xasprintf("/proc/%d/ns/net", (int)host);
	/* A host that was killed leaves its end until the kernel gets round to its namespace. */
	auto_free char *sw = place_addr(p, LAB_SWITCH_NUMBER);
	auto_free char *stale = xasprintf("ip link del ck-%s 2>/dev/null; ip link del cl-%s "
					  "2>/dev/null || true",
					  h->name, h->name);
	const char *const drop[] = {"sh", "-c", stale, NULL};
	space_run(lab, drop, NULL);
	auto_close int fd = open(path, O_RDONLY); /* inherited on purpose */
	if (fd < 0)
		return err_sys(err, -errno, "cannot open '%s'", path);
	/* Before eth0, for whose carrier the daemon waits. */
	int r = h->lan ? space_runf(
				 lab, err,
				 "ip link add cl-%s master lan up type veth peer name eth1 netns "
				 "/proc/self/fd/%d",
				 h->name, fd)
		       : 0;
	if (r == 0)
		r = space_runf(lab, err,
			       "ip link add ck-%s type veth peer name eth0 netns /proc/self/fd/%d",
			       h->name, fd);
	if (r == 0)
		r = space_runf(lab, err, "ip link set ck-%s master switch up", h->name);
	if (r == 0)
		r = space_runf(host, err, "ip link set lo up");
	if (r == 0)
		r = add_addr(p, host, "eth0", h->address, err);
	if (r == 0)
		r = space_runf(host, err, "ip link set eth0 up");
	if (r == 0)
		r = space_runf(host, err, "ip route add default via %s", sw);
	return r;
}

/* Waits for one byte on fd and returns its sender's pid in our namespace, or -1. */
static pid_t sender_pid(int fd)
{
	char byte, control[CMSG_SPACE(sizeof(struct ucred))];
	struct iovec iov = {&byte, 1};
	struct msghdr msg = {.msg_iov = &iov,
			     .msg_iovlen = 1,
			     .msg_control = control,
			     .msg_controllen = sizeof(control)};
	if (recvmsg(fd, &msg, MSG_CMSG_CLOEXEC) != 1)
		return -1;
	struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
	struct ucred cred;
	if (!c || c->cmsg_type != SCM_CREDENTIALS)
		return -1;
	memcpy(&cred, CMSG_DATA(c), sizeof(cred));
	return cred.pid;
}

/* A process below lab-init, in namespaces of its own; its pid as we see it. The kernel refuses a new
 * pid namespace below one that was only entered, so a child in between is a real member of the lab's;
 * the host tells its pid through a socket, whose credentials the kernel translates. */
static pid_t fork_host(const struct place *p, pid_t lab, const struct space_host *h)
{
	int pair[2], on = 1;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return -1;
	setsockopt(pair[0], SOL_SOCKET, SO_PASSCRED, &on, sizeof(on));
	fflush(NULL);
	pid_t between = fork();
	if (between == 0) {
		if (enter(lab) < 0 || fork() != 0)
			_exit(0);
		if (fork_into(ALL_SPACES) != 0)
			_exit(0);
		if (send(pair[1], "", 1, MSG_NOSIGNAL) == 1)
			host_init(p, h);
		_exit(1);
	}
	close(pair[1]);
	pid_t host = between > 0 ? sender_pid(pair[0]) : -1;
	close(pair[0]);
	if (between > 0)
		waitpid(between, NULL, 0);
	return host;
}

int space_start_host(const struct place *p, pid_t lab, const struct space_host *h, struct err *err)
{
	static const char *const folders[] = {"data", "cgroup"};
	for (size_t i = 0; i < ARRAY_LEN(folders); i++) {
		auto_free char *path = place_path(p, h->name, folders[i]);
		int r = dir_make(path, 0711, err);
		if (r < 0)
			return r;
	}
	pid_t host = fork_host(p, lab, h);
	if (host < 0)
		return err_set(err, -EIO, "cannot start the host '%s'", h->name);
	int r = place_put_pid(p, h->name, host, err);
	if (r == 0)
		r = link_host(p, lab, host, h, err);
	if (r < 0)
		kill(host, SIGKILL);
	return r;
}
