/* SPDX-License-Identifier: Apache-2.0
 *
 * Sealed configs and secrets on this node's disk (DATA/sealed/VERSION, mode 0600, JSON of
 * manifests/sealed.h), so that tasks get their files after a reboot without the controller. A file
 * each: they may be large, and seldom change, while the assignments beside them change often.
 *
 * What is here is of no use without the node's key (sealkey.h).
 */
#pragma once
#include "base/err.h"
#include "base/map.h"

struct sealedcache;

struct sealedcache *sealedcache_new(const char *dir); /* touches nothing yet */
void sealedcache_free(struct sealedcache *c);         /* files stay; NULL is fine */
/* Adds what is on disk to set: version -> struct sealed. A damaged file is left out with a log line. */
void sealedcache_load(struct sealedcache *c, struct map *set);
/* Makes the files those of set: writes what is not there as it is, removes the others. */
int sealedcache_write(struct sealedcache *c, const struct map *set, struct err *err);
