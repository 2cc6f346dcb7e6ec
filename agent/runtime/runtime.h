/* SPDX-License-Identifier: Apache-2.0
 *
 * Containers on one node: plain requests, no stacks. The runtime writes an OCI bundle, mounts the
 * root file system and starts carrack-shim, which runs crun, keeps stdio and logs, and records the
 * exit status on disk. Nothing of a container's life depends on the agent process: after a restart
 * runtime_open finds what runs and reports it.
 *
 * RUN/containers/ID/   bundle (config.json), rootfs mount point, shim.pid, pid, exit
 * DATA/containers/ID/  upper and work directories, hosts, resolv.conf, hostname, log files, spec.json
 */
#pragma once
#include "base/err.h"
#include "base/loop.h"
#include "base/str.h"
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct runtime;

struct runtime_config {
	const char *run_dir, *data_dir;
	const char *crun;          /* path of the OCI runtime; NULL: "crun" in PATH */
	const char *shim;          /* path of carrack-shim; NULL: beside this binary, then PATH */
	const char *cgroup_parent; /* NULL: "/carrack" */
	int64_t log_max_bytes;     /* of one file before it is rotated; 0: 10 MiB */
	int log_files;             /* kept; 0: 3 */
};

struct rt_mount {
	char *source; /* host path; NULL for tmpfs */
	char *target;
	/* Instead of source: an image's layers as in rt_spec.layers (borrowed), mounted read-only, and
	 * what of it (links stay inside; NULL: all). */
	const struct strlist *image;
	const char *image_subpath;
	bool read_only;
	char *options; /* comma-separated OCI mount options beyond the usual; may be NULL */
	bool tmpfs;
	bool not_recursive;   /* without what is mounted below the source */
	bool read_only_below; /* read_only for those too */
	/* Fill an empty source from the image's files below target first (named volumes). */
	bool copy_up;
};
struct rt_limit {
	char *name; /* "nofile" */
	int64_t soft, hard;
};
enum rt_io {
	RT_IO_WEIGHT, /* 10 to 1000 */
	RT_IO_READ_BPS,
	RT_IO_READ_IOPS,
	RT_IO_WRITE_BPS,
	RT_IO_WRITE_IOPS,
	RT_IO_MAX
};
struct rt_rate { /* of a block device of the host, a second */
	const char *path;
	int64_t value;
};
struct rt_rates {
	struct rt_rate *v;
	size_t n;
};

struct rt_spec { /* everything a container is made from; lists are borrowed during the call */
	const char *id;        /* lower-case hex or [a-z0-9._-] */
	struct strlist layers; /* image directories, lowest first */
	/* Those of the image that fills empty volumes (copy_up); NULL: its own. Borrowed. */
	const struct strlist *fill_from;
	struct strlist args, env;
	const char *cwd; /* NULL: "/" */
	const char *
		user; /* name, uid, name:group, uid:gid; NULL: root; looked up in the image's files */
	struct strlist groups; /* more groups */
	const char *hostname, *domainname;
	const char *netns; /* path; NULL: the host's network */
	bool host_pid, host_ipc;
	/* Containers of this runtime, running, whose process and IPC namespace it joins; NULL: none.
	 * That of ipc_of must have been made with share_ipc. */
	const char *pid_of, *ipc_of;
	bool share_ipc; /* others may join: /dev/shm is kept where they find it */
	bool no_shm;    /* no /dev/shm at all */
	bool read_only, privileged, init, tty, stdin_open;
	struct strlist cap_add, cap_drop; /* "NET_ADMIN", "ALL" */
	bool no_new_privileges, seccomp_unconfined;
	struct rt_mount *mounts;
	size_t n_mounts;
	struct rt_limit *limits;
	size_t n_limits;
	struct kvlist sysctls;
	struct strlist devices;                  /* "host:container:rwm" */
	struct strlist extra_hosts;              /* "name=address" */
	struct strlist dns, dns_search, dns_opt; /* for resolv.conf */
	struct strlist host_names;               /* own "address name name" lines of /etc/hosts */
	int64_t shm_size;                        /* -1: 64 MiB */
	double cpus;                             /* 0: no limit */
	int64_t memory, pids;                    /* 0: no limit */
	int64_t cpu_shares;                      /* 0: default */
	int64_t cpu_period, cpu_quota;           /* microseconds, instead of cpus; 0: default */
	const char *cpuset;                      /* "0-3,8"; NULL: all */
	int64_t memory_swap; /* bytes of both together; 0: twice the memory, -1: no limit */
	int64_t swappiness;  /* 0 to 100, where swappiness_set */
	bool swappiness_set;
	bool oom_kill_disable;
	int64_t io_weight; /* 10 to 1000; 0: default */
	struct rt_rates io[RT_IO_MAX];
	struct strlist device_rules;      /* "c 1:3 rwm" */
	bool host_uts;                    /* the host's name; hostname is for /etc alone */
	bool host_cgroup, private_cgroup; /* neither: private where cgroups are v2 */
	bool unmasked;                    /* nothing of /proc and /sys is hidden or read-only */
	const char *apparmor;             /* profile; NULL: none */
	const char *seccomp; /* JSON of a profile in Docker's form; NULL: the default */
	struct kvlist annotations;
	int64_t log_max_bytes; /* 0: the runtime's; INT64_MAX: no limit */
	int log_files;         /* 0: the runtime's */
	bool log_none;
	int64_t oom_score_adj;
	const char *stop_signal; /* "SIGTERM"; NULL: that */
	struct kvlist labels;    /* kept with the container, for adoption */
};

enum rt_state { RT_CREATED, RT_RUNNING, RT_ENDED };
struct rt_status {
	enum rt_state state;
	pid_t pid;                    /* of the container's init; 0 unless RUNNING */
	int exit_code;                /* 0..255; 128+signal when killed; valid when ENDED */
	bool oom;                     /* the kernel's OOM killer ended it */
	int64_t started_ms, ended_ms; /* wall clock; 0: not */
	const char *error;            /* the sentence of a start that failed; NULL otherwise */
};

/* Told about every start, end, and at open about every container that was found. */
typedef void (*rt_event_cb)(const char *id, const struct rt_status *st, void *arg);

int runtime_open(struct loop *l, const struct runtime_config *c, rt_event_cb cb, void *arg,
		 struct runtime **ret, struct err *err);
void runtime_close(struct runtime *r);                     /* containers go on */
void runtime_list(struct runtime *r, struct strlist *ids); /* known containers, appended */
int runtime_status(struct runtime *r, const char *id, struct rt_status *out); /* -ENOENT */
const struct kvlist *runtime_labels(struct runtime *r,
				    const char *id); /* NULL: unknown; borrowed */

/* Makes the bundle and starts the shim; the event says RUNNING, or ENDED with error. On failure
 * nothing is left. One of this id that ended makes place, and its log goes on; -EEXIST while it has
 * not; -EAGAIN while one that it joins does not run. */
int runtime_start(struct runtime *r, const struct rt_spec *s, struct err *err);
int runtime_kill(struct runtime *r, const char *id, const char *signal, struct err *err);
/* Removes a container that ended (or kills it first, with force): cgroup, mounts, files. The bulk
 * of the files goes in the background. Logs go too. */
int runtime_delete(struct runtime *r, const char *id, bool force, struct err *err);

struct rt_exec_spec {
	struct strlist args, env;
	const char *cwd, *user;
	bool tty, stdin_open;
	bool privileged; /* all capabilities that the host can give */
};
struct rt_exec; /* a process run in a container; dies with the agent */
struct rt_exec_ops {
	void (*output)(int stream, const void *data, size_t len,
		       void *arg);         /* 1 stdout, 2 stderr */
	void (*exit)(int code, void *arg); /* last call; all output was delivered */
};
int runtime_exec(struct runtime *r, const char *id, const struct rt_exec_spec *s,
		 const struct rt_exec_ops *ops, void *arg, struct rt_exec **ret, struct err *err);
void rt_exec_write(struct rt_exec *e, const void *data, size_t len);
size_t rt_exec_pending(
	const struct rt_exec *e); /* bytes of input not yet taken: stop reading more */
void rt_exec_close_stdin(struct rt_exec *e);
void rt_exec_resize(struct rt_exec *e, unsigned rows, unsigned cols);
/* -EAGAIN: it has hardly started, try again; -ESRCH: it ended. */
int rt_exec_signal(struct rt_exec *e, const char *signal);
void rt_exec_pause(struct rt_exec *e, bool paused); /* back-pressure on output */
void rt_exec_free(struct rt_exec *e);               /* kills what still runs; exit is not called */

struct rt_log_line {
	const char *ts; /* RFC 3339 with nanoseconds, UTC */
	int stream;     /* 1 stdout, 2 stderr */
	const char *text;
	size_t len; /* without the newline */
};
struct rt_logs; /* a reader of a container's log files */
struct rt_logs_ops {
	void (*line)(const struct rt_log_line *l, void *arg);
	void (*end)(void *arg); /* everything was read; following: and the container ended or
				 * was deleted */
};
/* tail -1: all. since NULL: from the start. */
int runtime_logs(struct runtime *r, const char *id, bool follow, int64_t tail, const char *since,
		 const struct rt_logs_ops *ops, void *arg, struct rt_logs **ret, struct err *err);
void rt_logs_pause(struct rt_logs *l, bool paused);
void rt_logs_free(struct rt_logs *l);
