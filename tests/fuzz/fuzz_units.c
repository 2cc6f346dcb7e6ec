/* SPDX-License-Identifier: Apache-2.0
 * Sizes, durations, words and names: what is printed must read as what it was. */
#include "manifests/units.h"
#include "manifests/words.h"
#include <stdint.h>
#include <stdlib.h>

static void duration(const char *text)
{
	int64_t value, again;
	if (!units_duration(text, &value))
		return;
	auto_free char *plain = units_duration_text(value), *canon = units_duration_canon(value);
	if (!units_duration(plain, &again) || again != value)
		abort();
	if (!units_duration(canon, &again) || again != value)
		abort();
}

static void path(const char *text)
{
	auto_free char *once = path_clean(text), *twice = path_clean(once);
	if (once[0] != '/' || !streq(once, twice))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	auto_free char *text = xstrndup((const char *)data, size);
	auto_strlist words = {0};
	int64_t value;
	if (units_size(text, &value) && value < 0)
		abort();
	duration(text);
	path(text);
	words_split(text, &words);
	auto_free char *name = name_normalise(text), *again = name_normalise(name);
	if (!streq(name, again))
		abort();
	return 0;
}
