/* SPDX-License-Identifier: Apache-2.0
 * The devices by name (agent/runtime/cdi.h) that this host can give to containers, as told to the controller. */
#pragma once
#include "manifests/wire.h"

struct device_offer {
	uint64_t told; /* cdi_changes when they were told last */
};

/* Fills n->devices, at most WIRE_DEVICES_MAX; the caller frees them. */
void device_offer_describe(struct device_offer *d, struct wire_node *n);
/* Is what was described last of another time? */
bool device_offer_changed(const struct device_offer *d);
