/* SPDX-License-Identifier: Apache-2.0
 *
 * Where a lab keeps its things, and the names and addresses in it.
 *
 *   DIR/lab.pid             lab-init
 *   DIR/HOST/pid            the host's init; both with their start time, against reuse
 *   DIR/HOST/data           /var/lib/carrack of that host, kept while it is down
 *   DIR/HOST/daemon.log     what its daemon said
 *   DIR/hosts               /etc/hosts of all of them
 *   DIR/ipv6                there, when the hosts have IPv6 only
 */
#pragma once
#include "base/err.h"
#include <stdbool.h>
#include <sys/types.h>

#define LAB_HOSTS_MAX     100
#define LAB_SWITCH        "switch" /* the name by which `lab sh` enters lab-init */
#define LAB_CONTROLLER    "ctl"
#define LAB_SWITCH_NUMBER 254 /* of its address; also the registry's, registry.lab */
#define LAB_CTL_NUMBER    200
#define LAB_LAN_ADDR      "192.168.77.1/24"
#define LAB_LAN_ADDR6     "fd77:1::1/64"
#define LAB_REGISTRY_PORT "5000"

struct place {
	char *name; /* of the lab */
	char *dir;
	bool six; /* its hosts have IPv6 and nothing else (DIR/ipv6 is there) */
};

int place_open(struct place *p, const char *lab_name, struct err *err);
void place_done(struct place *p);
char *place_path(const struct place *p, const char *host,
		 const char *file); /* host NULL: DIR/file */
/* Records pid for host (NULL: lab-init). */
int place_put_pid(const struct place *p, const char *host, pid_t pid, struct err *err);
/* The live process of host (NULL: lab-init); -ESRCH when it is not running. */
int place_pid(const struct place *p, const char *host, pid_t *ret);
char *place_cgroup(const struct place *p, const char *host); /* "/carrack-lab-NAME-HOST" */
bool place_host_exists(const struct place *p, const char *host);
/* Removes the host's cgroups in every hierarchy; its processes are dead or dying. */
void place_drop_cgroups(const struct place *p, const char *host);
/* 10.77.0.NUMBER or fd77::NUMBER; hosts count from 1. Caller frees. */
char *place_addr(const struct place *p, int number);
