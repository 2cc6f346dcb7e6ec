/* SPDX-License-Identifier: Apache-2.0
 * What two or more keys say of each other, honoured or not: names that must be there, keys that exclude
 * each other. Private to manifests/. */
#pragma once
#include "manifests/sources.h"

/* root is the whole stack, in short or long forms, with the services that are to run alone. */
void consist_check(struct project *p, const struct node *root);
