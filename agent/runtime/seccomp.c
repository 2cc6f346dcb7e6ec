/* SPDX-License-Identifier: Apache-2.0
 *
 * The default seccomp profile; see seccomp.h. The lists are by purpose. Not on them, and so denied:
 * kernel keyrings, module and kexec loading, raw io ports, mount and namespace making, userfaultfd,
 * io_uring, swap, clocks, quotas, tracing of performance: each either is not separated by
 * namespaces or has been the way out of one.
 */
#include "agent/runtime/seccomp.h"

#include <errno.h>
#include <sched.h>
#include <string.h>

static const char files[] =
	"access chdir chmod chown chown32 close close_range copy_file_range creat dup dup2 dup3 "
	"faccessat faccessat2 fadvise64 fadvise64_64 fallocate fchdir fchmod fchmodat fchmodat2 "
	"fchown "
	"fchown32 fchownat fcntl fcntl64 fdatasync fgetxattr flistxattr flock fremovexattr "
	"fsetxattr "
	"fstat fstat64 fstatat64 fstatfs fstatfs64 fsync ftruncate ftruncate64 futimesat getcwd "
	"getdents "
	"getdents64 getxattr getxattrat inotify_add_watch inotify_init inotify_init1 "
	"inotify_rm_watch "
	"ioctl lchown lchown32 lgetxattr link linkat listxattr listxattrat llistxattr _llseek "
	"lremovexattr "
	"lseek lsetxattr lstat lstat64 mkdir mkdirat mknod mknodat name_to_handle_at newfstatat "
	"open "
	"openat openat2 pread64 preadv preadv2 pwrite64 pwritev pwritev2 read readahead readlink "
	"readlinkat readv removexattr removexattrat rename renameat renameat2 rmdir sendfile "
	"sendfile64 "
	"setxattr setxattrat splice stat stat64 statfs statfs64 statx symlink symlinkat sync "
	"sync_file_range syncfs tee truncate truncate64 umask unlink unlinkat utime utimensat "
	"utimensat_time64 utimes vmsplice write writev cachestat";
static const char memory[] =
	"brk madvise map_shadow_stack membarrier memfd_create memfd_secret mincore mlock mlock2 "
	"mlockall "
	"mmap mmap2 mprotect mremap mseal msync munlock munlockall munmap pkey_alloc pkey_free "
	"pkey_mprotect process_madvise process_mrelease remap_file_pages shmat shmctl shmdt "
	"shmget";
static const char processes[] =
	"capget capset execve execveat exit exit_group fork get_robust_list get_thread_area getcpu "
	"getegid "
	"getegid32 geteuid geteuid32 getgid getgid32 getgroups getgroups32 getpgid getpgrp getpid "
	"getppid "
	"getpriority getresgid getresgid32 getresuid getresuid32 getrlimit getrusage getsid gettid "
	"getuid "
	"getuid32 ioprio_get ioprio_set landlock_add_rule landlock_create_ruleset "
	"landlock_restrict_self "
	"pidfd_open pidfd_send_signal prctl prlimit64 restart_syscall rseq sched_get_priority_max "
	"sched_get_priority_min sched_getaffinity sched_getattr sched_getparam sched_getscheduler "
	"sched_rr_get_interval sched_rr_get_interval_time64 sched_setaffinity sched_setattr "
	"sched_setparam sched_setscheduler sched_yield seccomp set_robust_list set_thread_area "
	"set_tid_address setfsgid setfsgid32 setfsuid setfsuid32 setgid setgid32 setgroups "
	"setgroups32 "
	"setpgid setpriority setregid setregid32 setresgid setresgid32 setresuid setresuid32 "
	"setreuid "
	"setreuid32 setrlimit setsid setuid setuid32 sysinfo uname ugetrlimit vfork wait4 waitid "
	"waitpid "
	"times arch_prctl modify_ldt ptrace process_vm_readv process_vm_writev";
static const char signals[] = "kill pause rt_sigaction rt_sigpending rt_sigprocmask "
			      "rt_sigqueueinfo rt_sigreturn rt_sigsuspend "
			      "rt_sigtimedwait rt_sigtimedwait_time64 rt_tgsigqueueinfo "
			      "sigaltstack signal signalfd signalfd4 "
			      "sigprocmask sigreturn tgkill tkill";
static const char waiting[] =
	"alarm clock_getres clock_getres_time64 clock_gettime clock_gettime64 clock_nanosleep "
	"clock_nanosleep_time64 epoll_create epoll_create1 epoll_ctl epoll_ctl_old epoll_pwait "
	"epoll_pwait2 epoll_wait epoll_wait_old eventfd eventfd2 futex futex_requeue futex_time64 "
	"futex_wait futex_waitv futex_wake getitimer gettimeofday io_cancel io_destroy "
	"io_getevents "
	"io_pgetevents io_pgetevents_time64 io_setup io_submit nanosleep _newselect poll ppoll "
	"ppoll_time64 pselect6 pselect6_time64 select setitimer time timer_create timer_delete "
	"timer_getoverrun timer_gettime timer_gettime64 timer_settime timer_settime64 "
	"timerfd_create "
	"timerfd_gettime timerfd_gettime64 timerfd_settime timerfd_settime64";
static const char talking[] =
	"accept accept4 bind connect getpeername getrandom getsockname getsockopt ipc listen "
	"mq_getsetattr "
	"mq_notify mq_open mq_timedreceive mq_timedreceive_time64 mq_timedsend mq_timedsend_time64 "
	"mq_unlink msgctl msgget msgrcv msgsnd pipe pipe2 recv recvfrom recvmmsg recvmmsg_time64 "
	"recvmsg "
	"semctl semget semop semtimedop semtimedop_time64 send sendmmsg sendmsg sendto setsockopt "
	"shutdown socketcall socketpair";

static const struct {
	const char *cap, *calls;
} by_cap[] = {
	{"DAC_READ_SEARCH", "open_by_handle_at"},
	{"SYS_ADMIN", "bpf clone clone3 fanotify_init fanotify_mark fsconfig fsmount fsopen fspick "
		      "lookup_dcookie mount mount_setattr move_mount open_tree perf_event_open "
		      "quotactl quotactl_fd setdomainname sethostname setns syslog umount umount2 "
		      "unshare listmount statmount"},
	{"BPF", "bpf"},
	{"PERFMON", "perf_event_open"},
	{"SYS_BOOT", "reboot"},
	{"SYS_CHROOT", "chroot"},
	{"SYS_MODULE", "delete_module finit_module init_module"},
	{"SYS_PACCT", "acct"},
	{"SYS_PTRACE", "kcmp pidfd_getfd process_madvise"},
	{"SYS_RAWIO", "ioperm iopl"},
	{"SYS_TIME", "adjtimex clock_adjtime clock_adjtime64 clock_settime clock_settime64 "
		     "settimeofday stime"},
	{"SYS_TTY_CONFIG", "vhangup"},
	{"SYS_NICE", "get_mempolicy mbind set_mempolicy set_mempolicy_home_node"},
	{"SYSLOG", "syslog"},
};

#define CLONE_NEW_ANY                                                                              \
	(CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET | \
	 CLONE_NEWCGROUP)

/* Appends the words of a list. */
static void add_calls(json_t *out, const char *calls)
{
	for (const char *p = calls; *p;) {
		size_t n = strcspn(p, " ");
		json_array_append_new(out, json_stringn(p, n));
		p += n + (p[n] == ' ');
	}
}

static json_t *rule(const char *action, json_t *calls)
{
	json_t *j = json_object();
	json_object_set_new(j, "names", calls);
	json_object_set_new(j, "action", json_string(action));
	return j;
}

static void allow_with_arg(json_t *rules, const char *call, int64_t value, int64_t masked,
			   const char *op)
{
	json_t *names = json_array(), *arg = json_object(), *args = json_array();
	json_array_append_new(names, json_string(call));
	json_put_int(arg, "index", 0);
	json_put_int(arg, "value", value);
	if (masked >= 0)
		json_put_int(arg, "valueTwo", masked);
	json_put_str(arg, "op", op);
	json_array_append_new(args, arg);
	json_t *r = rule("SCMP_ACT_ALLOW", names);
	json_object_set_new(r, "args", args);
	json_array_append_new(rules, r);
}

static json_t *architectures(void)
{
	json_t *j = json_array();
#if defined(__x86_64__)
	add_calls(j, "SCMP_ARCH_X86_64 SCMP_ARCH_X86 SCMP_ARCH_X32");
#elif defined(__aarch64__)
	add_calls(j, "SCMP_ARCH_AARCH64 SCMP_ARCH_ARM");
#endif
	return j;
}

/* Personalities: Linux, Linux 32 bit, the two with no randomisation, and the query. */
static const int64_t personas[] = {0x0, 0x8, 0x20000, 0x20008, 0xffffffff};
/* Without VSOCK a container cannot talk past its network namespace to the hypervisor. */
#define AF_VSOCK_NUMBER 40

static void add_argument_rules(json_t *rules, caps_t caps)
{
	for (size_t i = 0; i < ARRAY_LEN(personas); i++)
		allow_with_arg(rules, "personality", personas[i], -1, "SCMP_CMP_EQ");
	allow_with_arg(rules, "socket", AF_VSOCK_NUMBER, -1, "SCMP_CMP_NE");
	if (caps_has(caps, "SYS_ADMIN"))
		return;
	allow_with_arg(rules, "clone", CLONE_NEW_ANY, 0, "SCMP_CMP_MASKED_EQ");
	/* clone3 hides its flags behind a pointer: ENOSYS makes libc use clone instead. */
	json_t *calls = json_array();
	add_calls(calls, "clone3");
	json_t *r = rule("SCMP_ACT_ERRNO", calls);
	json_put_int(r, "errnoRet", ENOSYS);
	json_array_append_new(rules, r);
}

json_t *seccomp_profile(caps_t caps)
{
	json_t *profile = json_object(), *rules = json_array(), *calls = json_array();
	const char *const lists[] = {files, memory, processes, signals, waiting, talking};
	for (size_t i = 0; i < ARRAY_LEN(lists); i++)
		add_calls(calls, lists[i]);
	for (size_t i = 0; i < ARRAY_LEN(by_cap); i++)
		if (caps_has(caps, by_cap[i].cap))
			add_calls(calls, by_cap[i].calls);
	json_array_append_new(rules, rule("SCMP_ACT_ALLOW", calls));
	add_argument_rules(rules, caps);
	json_put_str(profile, "defaultAction", "SCMP_ACT_ERRNO");
	json_put_int(profile, "defaultErrnoRet", EPERM);
	json_object_set_new(profile, "architectures", architectures());
	json_object_set_new(profile, "syscalls", rules);
	return profile;
}
