/* SPDX-License-Identifier: Apache-2.0
 * The filter of system calls, the default or the user's, as the OCI runtime's JSON. */
#pragma once
#include "agent/runtime/caps.h"
#include "base/json.h"

/* An allow-list that grows with the capabilities; what is not on it fails with EPERM. */
json_t *seccomp_profile(caps_t caps);
/* text: JSON in Docker's form or the OCI runtime's. NULL with err: it is neither. */
json_t *seccomp_custom(const char *text, caps_t caps, struct err *err);
