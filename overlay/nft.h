/* SPDX-License-Identifier: Apache-2.0
 * Running nftables scripts in the calling thread's network namespace (libnftables behind it). */
#pragma once
#include "base/err.h"
#include "base/str.h"

struct nft;

/* Bound to the namespace in which it was opened. */
/* Keeps low descriptors for those that are opened later; before there are many others. */
void nft_keep_room(void);
int nft_open(struct nft **ret, struct err *err);
void nft_close(struct nft *n); /* NULL is fine */
/* One transaction: all of it or nothing. */
int nft_run(struct nft *n, const char *script, struct err *err);
/* Runs a listing command and appends what it prints. */
int nft_list(struct nft *n, const char *command, struct str *out, struct err *err);
/* The same without the elements of sets and maps. */
int nft_list_terse(struct nft *n, const char *command, struct str *out, struct err *err);
