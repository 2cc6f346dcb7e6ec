/* SPDX-License-Identifier: Apache-2.0
 *
 * Files: whole reads with a bound, durable replacement, directories, and opening below a root
 * without following anything out of it. All descriptors are O_CLOEXEC.
 */
#pragma once
#include "base/err.h"
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* Reads the whole file into *ret (NUL added after *ret_len bytes, caller frees); -EFBIG past max. */
int file_read(const char *path, size_t max, char **ret, size_t *ret_len, struct err *err);
/* The same from an open descriptor, to its end. */
int fd_read_all(int fd, size_t max, char **ret, size_t *ret_len, struct err *err);
int fd_write_all(int fd, const void *data, size_t n); /* 0 or -errno; retries short writes */
/* Writes beside path, fsyncs, renames over it, fsyncs the folder: old or new, never half. */
int file_write_atomic(const char *path, const void *data, size_t n, mode_t mode, struct err *err);
/* As above without the fsyncs, for files that may be lost with the power (run directory). */
int file_replace(const char *path, const void *data, size_t n, mode_t mode, struct err *err);

int dir_make(const char *path, mode_t mode, struct err *err); /* with parents; exists is fine */
int dir_remove(const char *path, struct err *err); /* recursive, one file system, no links followed;
						      absent is fine; needs nothing mounted below */
/* openat2 beneath dirfd: no "..", no absolute path, no symlink in any component (RESOLVE_BENEATH,
 * RESOLVE_NO_SYMLINKS, RESOLVE_NO_MAGICLINKS). Returns a descriptor or -errno. */
int open_beneath(int dirfd, const char *path, int flags, mode_t mode);
/* openat2 with RESOLVE_IN_ROOT: symlinks resolve as if dirfd were "/". Descriptor or -errno. */
int open_in_root(int dirfd, const char *path, int flags, mode_t mode);
bool path_exists(const char *path);   /* lstat */
bool path_goes_up(const char *path);  /* has it a part ".."? */
bool path_is_mount(const char *path); /* is something mounted there? links are not followed */
int fd_set_nonblock(int fd);
