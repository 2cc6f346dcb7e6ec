/* SPDX-License-Identifier: Apache-2.0
 *
 * Namespaces of a lab: starting its init processes and running commands inside. Every function here
 * works on pids of the caller's own pid namespace.
 */
#pragma once
#include "base/err.h"
#include "lab/place.h"
#include <sys/types.h>

/* Starts lab-init: PID 1 of new pid, network, mount, uts and ipc namespaces; it reaps and waits. */
int space_start_lab(const struct place *p, pid_t *ret, struct err *err);

/* A second switch, on which eth1 of the hosts and a machine that is no member are. */
int space_start_lan(pid_t lab, struct err *err);

struct space_host {
	const char *name;
	const char *address; /* on the switch */
	bool lan;            /* has an eth1 too */
	char *const *daemon; /* command that the host's init keeps running */
};
/* Boots a host below lab-init: namespaces, its own proc, sys, run and /var/lib/carrack, a link to the
 * switch, and its daemon (started again 0.2 s after it ends, as systemd would). */
int space_start_host(const struct place *p, pid_t lab, const struct space_host *h, struct err *err);

/* Runs argv inside all namespaces of pid and waits; the exit status, 128+signal, or -errno. Output of
 * the command goes where the caller's goes. */
int space_run(pid_t pid, const char *const argv[], struct err *err);
/* The same for one command line split at blanks (no quoting); fails unless it exits with 0. */
int space_runf(pid_t pid, struct err *err, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
