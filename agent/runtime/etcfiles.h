/* SPDX-License-Identifier: Apache-2.0
 * A container's own /etc/hosts, /etc/resolv.conf and /etc/hostname. */
#pragma once
#include "agent/runtime/runtime.h"

/* Writes the three into dir; they are bind-mounted, so they stay changeable from outside. */
int etcfiles_write(const struct rt_spec *s, const char *dir, struct err *err);
