/* SPDX-License-Identifier: Apache-2.0
 * Compiling a seccomp profile once instead of at every start: crun takes the program ready-made,
 * which saves it more time than all the rest of a start. */
#pragma once
#include "base/json.h"

/* The BPF program of a profile made by seccomp_profile, in base64; NULL: left to the OCI runtime.
 * Caller frees. */
char *seccomp_bpf_text(const json_t *profile);
