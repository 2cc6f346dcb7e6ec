/* SPDX-License-Identifier: Apache-2.0
 *
 * The content store: compressed blobs, manifests and configurations under their digest. A blob being
 * downloaded is a file that grows; readers follow it while it does, so download and unpacking run side
 * by side with the page cache as the buffer between them. It gets its name when all of it is there,
 * hashed and on the disk.
 *
 * DIR/blobs/sha256/HEX   whole and verified
 * DIR/blobs/part/HEX     growing; locked by its writer; taken up again by the next writer
 */
#pragma once
#include "agent/image/manifest.h"
#include "base/err.h"
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct blob;

/* Opens a blob that is there whole, or one to be filled (waits for another writer of it). */
int blob_open(const char *dir, const struct blob_desc *desc, struct blob **ret, struct err *err);
bool blob_whole(const struct blob *b);
bool blob_full(const struct blob *b);    /* as many bytes as it shall have, verified or not */
int64_t blob_have(const struct blob *b); /* bytes there: where a resumed download goes on */
/* Writer: one thread. Appending more than the size is an error. */
int blob_append(struct blob *b, const void *data, size_t n, struct err *err);
/* Verifies, syncs, names; wakes readers. */
int blob_finish(struct blob *b, struct err *err);
/* Tells readers that no more will come, and why. keep: leave the part for a later writer. */
void blob_fail(struct blob *b, int code, const char *why, bool keep);
/* Reader: waits for bytes at off; 0 at the end of a whole blob; -errno with err when it failed. */
ssize_t blob_read(struct blob *b, int64_t off, void *buf, size_t n, struct err *err);
/* Readers get -ECANCELED from now on; the writer too. */
void blob_cancel(struct blob *b);
void blob_close(struct blob *b); /* NULL is fine */

/* Small documents in memory: manifests and configurations. */
int blob_load(const char *dir, const char *digest, char **ret, size_t *ret_len, struct err *err);
int blob_store(const char *dir, const char *digest, const void *data, size_t n, struct err *err);
bool blob_exists(const char *dir, const char *digest);
int blob_dirs_make(const char *dir, struct err *err);
