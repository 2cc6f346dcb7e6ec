/* SPDX-License-Identifier: Apache-2.0
 * JSON from outside: what parses prints, and parses to the same again. */
#include "base/json.h"
#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct err err = {0};
	auto_json *j = json_parse((const char *)data, size, &err);
	if (!j) {
		if (!err.code || !*err.text)
			abort();
		return 0;
	}
	auto_free char *text = json_text_canonical(j), *pretty = json_text_pretty(j);
	auto_json *again = json_parse(text, strlen(text), NULL);
	auto_json *from_pretty = json_parse(pretty, strlen(pretty), NULL);
	if (!again || !from_pretty)
		abort();
	auto_free char *text_again = json_text_canonical(again);
	if (strcmp(text, text_again) != 0)
		abort();
	auto_strlist list = {0};
	json_strlist(j, "a", &list);
	struct kvlist pairs = {0};
	json_kvlist(j, "b", &pairs);
	kvlist_done(&pairs);
	int64_t n;
	const char *s;
	json_need_int(j, "n", -5, 5, &n, &err);
	json_need_str(j, "s", &s, &err);
	return 0;
}
