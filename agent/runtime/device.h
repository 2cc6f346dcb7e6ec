/* SPDX-License-Identifier: Apache-2.0
 * Devices of the host in a container. */
#pragma once
#include "base/err.h"
#include "base/json.h"
#include "base/str.h"
#include <stdbool.h>

/* Appends to nodes (linux.devices) and rules (linux.resources.devices) of an OCI configuration.
 * list: "host[:container[:rwm]]". privileged: all of the host's, no restriction. */
int devices_plan(const struct strlist *list, bool privileged, json_t *nodes, json_t *rules,
		 struct err *err);
