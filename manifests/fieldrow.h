/* SPDX-License-Identifier: Apache-2.0
 * How a row of the table (fields.h) is written; for the files that hold the table alone. */
#pragma once
#include "manifests/fields.h"

#define OFF(s, m) .offset = offsetof(struct s, m)
#define SET(s, m) .set = offsetof(struct s, m)

/* key, type, place, what it does */
#define USE(key, t, off, text, ...)                                                                \
	{                                                                                          \
		.name = key, .type = FIELD_##t, off, .doc = text, ##__VA_ARGS__                    \
	}
#define KEPT(key, t, off, text, ...)                                                               \
	{                                                                                          \
		.name = key, .type = FIELD_##t, off, .support = FIELD_KEPT, .doc = text,           \
		##__VA_ARGS__                                                                      \
	}
#define CUSTOM(key, dec, enc, text, ...)                                                           \
	{                                                                                          \
		.name = key, .decode = dec, .encode = enc, .doc = text, ##__VA_ARGS__              \
	}
#define UNUSED(key, t, text, ...)                                                                  \
	{                                                                                          \
		.name = key, .canon = FIELD_##t, .support = FIELD_UNUSED, .doc = text,             \
		##__VA_ARGS__                                                                      \
	}
#define REFUSED(key, t, text, ...)                                                                 \
	{                                                                                          \
		.name = key, .canon = FIELD_##t, .support = FIELD_REFUSED, .doc = text,            \
		##__VA_ARGS__                                                                      \
	}
#define RECORD_FIELDS(table) /* a table with too many does not compile */                          \
	(ARRAY_LEN(table) + 0 * sizeof(char[ARRAY_LEN(table) <= RECORD_FIELDS_MAX ? 1 : -1]))
#define RECORD(var, text, table, ...)                                                              \
	const struct record var = {.what = text,                                                   \
				   .fields = table,                                                \
				   .n = RECORD_FIELDS(table),                                      \
				   ##__VA_ARGS__}
/* not decoded by itself: type in the canonical file, name, what it does */
#define PLAIN(key, t, text, ...)                                                                   \
	{                                                                                          \
		.name = key, .canon = FIELD_##t, .doc = text, ##__VA_ARGS__                        \
	}
