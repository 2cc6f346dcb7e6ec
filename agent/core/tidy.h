/* SPDX-License-Identifier: Apache-2.0
 * What is left of an idle node and belongs to no single container. */
#pragma once
#include <stdbool.h>

/* Removes the cgroup above all containers from every hierarchy, where it is empty. False: it is not
 * yet, since the last container's is still going; try again. */
bool tidy_cgroups(const char *parent);
