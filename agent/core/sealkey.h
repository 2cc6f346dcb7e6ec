/* SPDX-License-Identifier: Apache-2.0
 *
 * This node's key pair for configs and secrets (manifests/sealed.h): made here, never sent. The
 * controller is told the public half and seals to it what the node's tasks use, so a key that is lost
 * costs nothing but that it is sealed anew.
 *
 * The file (mode 0600) is the private key in hex and a newline.
 */
#pragma once
#include "base/crypto.h"
#include "base/err.h"

/* Reads the key of this file, or makes one where there is none or a damaged one. -errno: it can be
 * neither read nor kept. */
int sealkey_open(const char *path, struct crypto_pair *out, struct err *err);
