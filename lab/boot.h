/* SPDX-License-Identifier: Apache-2.0
 * Bringing a lab up: its folder, the registry, the controller's host, a join token, the agents' hosts. */
#pragma once
#include "base/err.h"
#include "base/str.h"
#include "lab/place.h"

struct boot {
	int hosts;
	bool registry, lan;
};
/* p->six is what the caller wants. */
int boot_lab(const struct place *p, const struct boot *b, struct err *err);
/* Starts one host (again): the controller's or an agent's, by its name. */
int boot_host(const struct place *p, pid_t lab, const char *host, struct err *err);
void boot_hosts(const struct place *p, struct strlist *out); /* names, controller first */
char *boot_address(const struct place *p, const char *host); /* caller frees */
/* Sets PATH and CARRACK_CONTEXT for commands run in the lab. */
void boot_environment(const struct place *p);
