/* SPDX-License-Identifier: Apache-2.0
 *
 * carrack-shim: the parent of one container. It runs the OCI runtime, holds the container's stdio
 * and writes its log, reaps, and records how it ended; it knows nothing of the agent, whose death
 * it must not notice. Static, no heap, no stdio: it is there once for each container.
 *
 *   carrack-shim run ID CRUN CRUN_ROOT LOG_BYTES LOG_FILES FLAGS
 *	descriptors: 3 told (one byte) once started, closed on the end; 4 the bundle (RUN/containers/ID);
 *	5 the log folder (DATA/containers/ID); 6 shim.pid, locked: the lock means that a shim lives.
 *	FLAGS: t terminal, i stdin stays open (a FIFO), h hide the cgroup v2 part of a hybrid host, -
 *   carrack-shim crun CRUN ARG…   runs the OCI runtime on a hybrid host
 *   carrack-shim init -- CMD ARG… see shim_init.h
 *
 * shim.pid: "SHIM_PID" then "SHIM_PID INIT_PID STARTED_MS"; exit: "CODE SIGNAL ENDED_MS [error]".
 */
#include "agent/runtime/shim_init.h"
#include "agent/runtime/shim_log.h"

#include <poll.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/un.h>

#define DRAIN_MS       500 /* for output that outlives init, when someone else holds the pipe */
#define ERROR_MAX      700 /* bytes of the OCI runtime's complaint that are kept */
#define UNIFIED        "/sys/fs/cgroup/unified"
#define STATUS_UNKNOWN 255
#define CONSOLE        "console.sock"
#define STDIN_FIFO     "stdin"

enum { REPORT_FD = 3, RUN_FD, DATA_FD, LOCK_FD, FIRST_FREE_FD };

struct shim {
	const char *id, *crun, *crun_root;
	bool tty, stdin_open, hybrid;
	int signals, console;
	pid_t init;
	int status; /* wait status of init */
	bool ended;
	struct sink sink;
	struct stream out, err;
};

static struct shim shim = {
	.console = -1,
	.out = {.fd = -1, .name = "stdout"},
	.err = {.fd = -1, .name = "stderr"},
};

static long long now_ms(clockid_t clock)
{
	struct timespec ts;
	clock_gettime(clock, &ts);
	return ts.tv_sec * 1000LL + ts.tv_nsec / 1000000;
}

static void write_exit(int code, int sig, const char *error)
{
	char text[ERROR_MAX + 96], *p = text;
	p = put_num(p, (unsigned)code, 1);
	*p++ = ' ';
	p = put_num(p, (unsigned)sig, 1);
	*p++ = ' ';
	p = put_num(p, (unsigned long long)now_ms(CLOCK_REALTIME), 1);
	if (error) {
		size_t n = strnlen(error, ERROR_MAX);
		*p++ = ' ';
		memcpy(p, error, n);
		p += n;
	}
	*p++ = '\n';
	int fd = openat(RUN_FD, "exit.new", O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC,
			0600);
	if (fd >= 0 && write(fd, text, (size_t)(p - text)) == p - text)
		renameat(RUN_FD, "exit.new", RUN_FD, "exit");
}

static void fail(const char *error)
{
	write_exit(125, 0, error);
	_exit(1);
}

static void write_pids(long long started_ms)
{
	char text[80], *p = put_num(text, (unsigned)getpid(), 1);
	if (shim.init) {
		*p++ = ' ';
		p = put_num(p, (unsigned)shim.init, 1);
		*p++ = ' ';
		p = put_num(p, (unsigned long long)started_ms, 1);
	}
	*p++ = '\n';
	if (pwrite(LOCK_FD, text, (size_t)(p - text), 0) < 0)
		fail("cannot write 'shim.pid': is the run directory full?");
}

/* The OCI runtime refuses a host with cgroup v1 and a cgroup v2 mount that has controllers: it is
 * run where that mount is not seen, with a tmpfs in its place for what it writes there all the same.
 * Only its own, private mount namespace changes. */
static void hide_unified(void)
{
	if (unshare(CLONE_NEWNS) == 0 && mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) == 0 &&
	    umount2(UNIFIED, MNT_DETACH) == 0)
		mount("tmpfs", UNIFIED, "tmpfs", 0, NULL);
}

static void exec_runtime(int out, int err)
{
	int in = -1;
	if (shim.stdin_open && !shim.tty)
		in = openat(RUN_FD, STDIN_FIFO, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
	if (in < 0)
		in = open("/dev/null", O_RDONLY | O_CLOEXEC);
	if (dup2(in, 0) < 0 || dup2(out, 1) < 0 || dup2(err, 2) < 0)
		_exit(125);
	if (shim.hybrid)
		hide_unified();
	const char *argv[16] = {shim.crun,    "--root", shim.crun_root, "run", "--detach",
				"--pid-file", "pid",    "--bundle",     "."};
	int n = 9;
	if (shim.tty) {
		argv[n++] = "--console-socket";
		argv[n++] = CONSOLE;
	}
	argv[n] = shim.id;
	sigset_t none;
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	execvp(argv[0], (char **)(unsigned long)argv);
	static const char text[] = "cannot run the OCI runtime: is crun installed?";
	_exit(write(2, text, sizeof(text) - 1) < 0 ? 126 : 127);
}

static void open_console(void)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX, .sun_path = CONSOLE};
	unlink(CONSOLE);
	shim.console = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (shim.console < 0 || bind(shim.console, (struct sockaddr *)&addr, sizeof(addr)) < 0 ||
	    listen(shim.console, 1) < 0)
		fail("cannot make the console socket");
}

/* The runtime connected and sent the terminal before it ended, so nothing here waits. */
static int take_console(void)
{
	char byte, control[CMSG_SPACE(sizeof(int))];
	struct iovec iov = {&byte, 1};
	struct msghdr msg = {.msg_iov = &iov,
			     .msg_iovlen = 1,
			     .msg_control = control,
			     .msg_controllen = sizeof(control)};
	int conn = accept4(shim.console, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK), fd = -1;
	if (conn < 0 || recvmsg(conn, &msg, MSG_CMSG_CLOEXEC) <= 0)
		return -1;
	struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
	if (c && c->cmsg_type == SCM_RIGHTS && c->cmsg_len == CMSG_LEN(sizeof(int)))
		memcpy(&fd, CMSG_DATA(c), sizeof(fd));
	close(conn);
	close(shim.console);
	shim.console = -1;
	unlink(CONSOLE);
	return fd;
}

/* What the runtime wrote before it gave up, as one line. */
static void fail_with_output(int fd)
{
	char text[ERROR_MAX + 1];
	ssize_t n = read(fd, text, ERROR_MAX);
	while (n > 0 && (unsigned char)text[n - 1] <= ' ')
		n--;
	if (n <= 0)
		fail("the OCI runtime failed without a word");
	for (ssize_t i = 0; i < n; i++)
		if ((unsigned char)text[i] < ' ' || text[i] == 127)
			text[i] = ' ';
	text[n] = '\0';
	fail(text);
}

static pid_t read_init_pid(void)
{
	char text[24] = "";
	int fd = openat(RUN_FD, "pid", O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || read(fd, text, sizeof(text) - 1) <= 0)
		return 0;
	close(fd);
	int pid = 0;
	for (char *p = text; *p >= '0' && *p <= '9' && pid < 100000000; p++)
		pid = pid * 10 + (*p - '0');
	return pid;
}

static void start(void)
{
	int out[2], err[2], status;
	if (pipe2(out, O_CLOEXEC) < 0 || pipe2(err, O_CLOEXEC) < 0)
		fail("cannot make pipes");
	if (shim.tty)
		open_console();
	pid_t crun = fork();
	if (crun < 0)
		fail("cannot fork: are there too many processes?");
	if (crun == 0)
		exec_runtime(out[1], err[1]);
	close(out[1]);
	close(err[1]);
	fcntl(out[0], F_SETFL, O_NONBLOCK);
	fcntl(err[0], F_SETFL, O_NONBLOCK);
	/* Init may end first: its status waits, because only the runtime is waited for here. The
	 * pipes hold what is written meanwhile. */
	while (waitpid(crun, &status, 0) < 0 && errno == EINTR)
		;
	if (status != 0)
		fail_with_output(err[0]);
	shim.init = read_init_pid();
	if (shim.init <= 0)
		fail("the OCI runtime left no pid");
	shim.err.fd = err[0];
	shim.out.fd = out[0];
	if (shim.tty) {
		close(out[0]);
		shim.out.fd = take_console();
		if (shim.out.fd >= 0)
			fcntl(shim.out.fd, F_SETFL, O_RDWR | O_NONBLOCK);
	}
	write_pids(now_ms(CLOCK_REALTIME));
	while (write(REPORT_FD, "1", 1) < 0 && errno == EINTR)
		;
	close(REPORT_FD);
}

static void reap(void)
{
	struct signalfd_siginfo info;
	while (read(shim.signals, &info, sizeof(info)) > 0)
		;
	int status;
	pid_t p;
	while ((p = waitpid(-1, &status, WNOHANG)) > 0) {
		if (p != shim.init)
			continue;
		shim.status = status;
		shim.ended = true;
	}
	if (p < 0 && errno == ECHILD && !shim.ended) { /* the runtime reaped init itself */
		shim.status = STATUS_UNKNOWN << 8;
		shim.ended = true;
	}
}

extern const char __executable_start[], __etext[]; /* made by the linker */

/* Lets go of the pages of this program that only the start needed; they are the file's, so what is
 * used again comes back by itself. */
static void shed_pages(void)
{
	const unsigned long page = 4096;
	unsigned long from = (unsigned long)__executable_start;
	unsigned long to = ((unsigned long)__etext + page - 1) & ~(page - 1);
	madvise((void *)from, to - from, MADV_DONTNEED);
}

static void supervise(void)
{
	long long deadline = 0;
	for (;;) {
		struct pollfd fds[] = {{shim.signals, POLLIN, 0},
				       {shim.out.fd, POLLIN, 0},
				       {shim.err.fd, POLLIN, 0}};
		int wait_ms = -1;
		if (shim.ended) {
			long long now = now_ms(CLOCK_BOOTTIME);
			deadline = deadline ? deadline : now + DRAIN_MS;
			if ((shim.out.fd < 0 && shim.err.fd < 0) || now >= deadline)
				return;
			wait_ms = (int)(deadline - now);
		}
		if (poll(fds, 3, wait_ms) < 0)
			continue;
		if (fds[1].revents)
			stream_read(&shim.out, &shim.sink);
		if (fds[2].revents)
			stream_read(&shim.err, &shim.sink);
		if (fds[0].revents)
			reap();
	}
}

static void prepare(char **argv)
{
	shim.id = argv[2];
	shim.crun = argv[3];
	shim.crun_root = argv[4];
	shim.sink.max_bytes = strtoll(argv[5], NULL, 10);
	shim.sink.files = (int)strtol(argv[6], NULL, 10);
	shim.tty = strchr(argv[7], 't');
	shim.stdin_open = strchr(argv[7], 'i');
	shim.hybrid = strchr(argv[7], 'h');
	shim.sink.none = strchr(argv[7], 'n');
	close_range(FIRST_FREE_FD, ~0U, 0);
	close_range(REPORT_FD, LOCK_FD, CLOSE_RANGE_CLOEXEC);
	umask(022);
	/* Blocked, no signal can end the shim; the runtime gets them back unblocked and default. */
	sigset_t all;
	sigfillset(&all);
	for (int sig = 1; sig < NSIG; sig++)
		signal(sig, SIG_DFL);
	sigprocmask(SIG_SETMASK, &all, NULL);
	sigemptyset(&all);
	sigaddset(&all, SIGCHLD);
	shim.signals = signalfd(-1, &all, SFD_CLOEXEC | SFD_NONBLOCK);
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	if (fchdir(RUN_FD) < 0)
		fail("cannot enter the bundle");
	shim.sink.dir = DATA_FD;
	sink_open(&shim.sink, 0);
	if (shim.stdin_open && mkfifoat(RUN_FD, STDIN_FIFO, 0600) < 0 && errno != EEXIST)
		fail("cannot make the stdin FIFO");
}

static int run_main(char **argv)
{
	/* Away from the agent: the first process ends at once and the second has init as parent. */
	setsid();
	pid_t pid = fork();
	if (pid != 0)
		return pid < 0 ? 1 : 0;
	prepare(argv);
	write_pids(0);
	start();
	shed_pages();
	supervise();
	stream_finish(&shim.out, &shim.sink);
	stream_finish(&shim.err, &shim.sink);
	int sig = WIFSIGNALED(shim.status) ? WTERMSIG(shim.status) : 0;
	write_exit(wait_code(shim.status), sig, NULL);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 8 && strcmp(argv[1], "run") == 0)
		return run_main(argv);
	if (argc > 3 && strcmp(argv[1], "init") == 0 && strcmp(argv[2], "--") == 0)
		return init_main(argv + 3);
	if (argc > 2 && strcmp(argv[1], "crun") == 0) {
		hide_unified();
		execvp(argv[2], argv + 2);
		return errno == ENOENT ? 127 : 126;
	}
	static const char usage[] =
		"carrack-shim is run by the agent for each container, not by hand\n";
	return write(2, usage, sizeof(usage) - 1) < 0 ? 1 : 2;
}
