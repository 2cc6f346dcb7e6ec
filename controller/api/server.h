/* SPDX-License-Identifier: Apache-2.0
 *
 * The controller as a server: drives the cluster machine (core/cluster.h) with the store and the
 * network. All inputs of one turn of the loop become one step, one commit, then what is sent,
 * published and answered: nobody is told of anything that is not on disk.
 */
#pragma once
#include "base/err.h"
#include "base/loop.h"
#include "base/str.h"
#include <stdbool.h>
#include <stdint.h>

struct server;

struct server_config {
	const char *data_dir;            /* must exist */
	const char *listen;              /* "0.0.0.0:7677" */
	const struct strlist *advertise; /* "host:port"; empty: this host's addresses */
	int heartbeat_ms, heartbeat_misses;
	bool new_sealing_key;     /* where there is none, although values are sealed to it */
	const char *pool, *pool6; /* of networks' subnets; NULL: default */
};

int server_new(struct loop *l, const struct server_config *c, struct server **ret, struct err *err);
void server_free(struct server *s); /* NULL is fine */
uint16_t server_port(const struct server *s);
/* The store refused a commit: memory is ahead of the disk and the process must end with a failure.
 * The loop has been stopped when this turns true after loop_run. */
bool server_failed(const struct server *s);
