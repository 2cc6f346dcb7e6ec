/* SPDX-License-Identifier: Apache-2.0
 * The default filter of system calls, as the OCI runtime's JSON. */
#pragma once
#include "agent/runtime/caps.h"
#include "base/json.h"

/* An allow-list that grows with the capabilities; what is not on it fails with EPERM. */
json_t *seccomp_profile(caps_t caps);
