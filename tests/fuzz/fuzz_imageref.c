/* SPDX-License-Identifier: Apache-2.0
 * Image names: the full form of what is taken must be taken again and mean the same. */
#include "base/str.h"
#include "manifests/imageref.h"
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct imageref a, b;
	auto_free char *text = xstrndup((const char *)data, size);
	if (imageref_parse(text, &a, NULL) < 0)
		return 0;
	auto_free char *full = imageref_text(&a);
	if (imageref_parse(full, &b, NULL) < 0)
		abort();
	auto_free char *again = imageref_text(&b);
	if (!streq(full, again))
		abort();
	imageref_done(&a);
	imageref_done(&b);
	return 0;
}
