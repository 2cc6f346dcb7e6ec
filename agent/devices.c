/* SPDX-License-Identifier: Apache-2.0
 * See devices.h. */
#include "agent/devices.h"
#include "agent/runtime/cdi.h"

void device_offer_describe(struct device_offer *d, struct wire_node *n)
{
	auto_strlist all = {0};
	d->told = cdi_changes(NULL); /* first: a change while they are read is told again */
	cdi_names(NULL, &all);
	for (size_t i = 0; i < all.n && i < WIRE_DEVICES_MAX; i++)
		strlist_add(&n->devices, all.v[i]);
}

bool device_offer_changed(const struct device_offer *d)
{
	return d->told != cdi_changes(NULL);
}
