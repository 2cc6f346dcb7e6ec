/* SPDX-License-Identifier: Apache-2.0
 * Stacks that are being removed. */
#pragma once
#include "cli/client.h"

/* Until the controller knows no such stack; -ETIMEDOUT: said what is still there. */
int gone_wait(struct client *c, const char *name, int64_t timeout_ms, struct err *err);
