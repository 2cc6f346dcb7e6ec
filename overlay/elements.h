/* SPDX-License-Identifier: Apache-2.0
 *
 * Elements of nftables sets and maps as text: what a script of ours leaves in them, what a listing
 * says is in them, and the script that leads from one to the other. Pure.
 */
#pragma once
#include "base/map.h"
#include "base/str.h"
#include <stddef.h>

/* Keys are "FAMILY TABLE SET { ELEMENT }"; the values say nothing. */
struct elements {
	struct map all;
};
void elements_done(struct elements *e);
static inline void cleanup_elements(struct elements *e)
{
	elements_done(e);
}
#define auto_elements __attribute__((cleanup(cleanup_elements))) struct elements

/* Adds and removes what the script's element lines say; its other lines are passed over. */
void elements_of_script(struct elements *e, const char *script);
/* Adds what a listing of tables shows and appends to rest the listing without it. */
void elements_of_listing(struct elements *e, const char *listing, struct str *rest);
/* Appends what makes want of have and returns the number of differences. Elements of sets whose
 * names start with kept ("inet ck_overlay members"; NULL: none) are added but never deleted. A map's element whose value
 * differs is deleted first. */
size_t elements_diff(const struct elements *want, const struct elements *have, const char *kept,
		     struct str *script);
