/* SPDX-License-Identifier: Apache-2.0
 * Fills a new named volume with what the image has at its place. */
#pragma once
#include "base/err.h"

/* Copies the folder at path of the root file system into volume when that is empty: owners, modes,
 * times, links, xattrs. No such folder in the image: nothing to do. All or nothing. */
int copyup_volume(int rootfd, const char *path, const char *volume, struct err *err);
