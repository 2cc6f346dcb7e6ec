/* SPDX-License-Identifier: Apache-2.0
 * What the files of the runtime share with each other and with nobody else. */
#pragma once
#include "agent/runtime/caps.h"
#include "agent/runtime/cgroup.h"
#include "agent/runtime/runtime.h"
#include "base/map.h"

#include <signal.h>

#define ID_EXIT_LOST 137 /* of a container whose end nobody saw */
#define RUN_FILE_MAX 4096
#define CONFIG_MAX   (8u << 20)

struct container {
	struct runtime *r;
	char *id, *run, *data, *rootfs, *cgroup;
	enum rt_state state;
	bool deleting; /* asked for, waiting for the shim to end; unknown to callers */
	bool oom;
	pid_t pid, shim_pid;
	int exit_code;
	int64_t started_ms, ended_ms;
	char *error;
	struct kvlist labels;
	int init_fd, shim_fd;          /* pidfds; -1 */
	int report_fd;                 /* from the shim, while it starts the container */
	struct watch *report, *ending; /* on report_fd and shim_fd */
	struct timer *retry;           /* while a start of an earlier agent is under way */
};

struct background { /* a child process that somebody must reap */
	struct watch *watch;
	struct background *next, **link;
};

struct runtime {
	struct loop *loop;
	rt_event_cb cb;
	void *arg;
	char *run_dir, *data_dir, *crun, *crun_root, *shim, *cgroup_parent;
	int64_t log_max_bytes;
	int log_files;
	caps_t caps;
	struct cgroups cgroups;
	struct map filters;    /* capabilities in hex to the compiled seccomp profile; owns */
	struct map containers; /* id to struct container; owns */
	struct background *background;
	struct rt_logs *readers;
	struct timer *found; /* tells about what runtime_open found */
};

/* container.c */
struct container *container_new(struct runtime *r, const char *id);
void container_free(void *c);
struct container *container_find(struct runtime *r, const char *id); /* NULL: unknown, deleted */
int container_need(struct runtime *r, const char *id, struct container **ret, struct err *err);
void container_status(const struct container *c, struct rt_status *out);
/* Looks at what the shim left on disk and takes the next step; tells when announce is true. */
void container_refresh(struct container *c, bool announce);
void container_watch_report(struct container *c, int fd); /* takes fd */
void container_announce(struct container *c);

/* remove.c */
void container_remove(struct container *c); /* frees c; it runs no more */
/* For another container of its id, for which its log stays; frees c. -EEXIST: not yet. */
int container_make_place(struct container *c);
void remove_leftovers(struct runtime *r, const char *id);
int make_trash(struct runtime *r, struct err *err); /* the folders, emptied in the background */
void background_reap(struct runtime *r, pid_t pid); /* a child that nobody else waits for */
void background_free(struct runtime *r);

/* spawn.c */
struct spawn_fd {
	int from, to;
};
/* Starts argv with the descriptors given (others closed; 0 to 2 are /dev/null unless given), no
 * blocked signals, in cwd (NULL: here). Returns the pid or -errno. */
pid_t spawn(const char *const argv[], const struct spawn_fd *fds, size_t n, const char *cwd);
int pidfd_of(pid_t pid); /* O_CLOEXEC; -errno */
int pidfd_signal(int pidfd, int signo);
pid_t parent_of(pid_t pid);                /* -1: no such process */
bool is_child_of(pid_t pid, pid_t parent); /* or a grandchild */

/* console.c: the socket by which the OCI runtime hands over a terminal */
int console_listen(const char *dir, const char *name); /* non-blocking descriptor or -errno */
int console_take(int fd); /* the terminal's master; -errno when none came */

/* signals.c */
int signal_parse(const char *name, int *ret, struct err *err); /* "SIGTERM", "TERM", "15" */

/* exec_files.c */
pid_t exec_read_pid(const char *path); /* 0: none yet */
void exec_remove_files(const char *base);
void exec_kill_orphans(const struct container *c); /* of an earlier agent */

/* logs.c */
void logs_wake(struct runtime *r, const char *id);
