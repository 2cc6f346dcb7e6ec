/* SPDX-License-Identifier: Apache-2.0
 *
 * Output for people: messages, aligned tables, colour only on a terminal, and text of containers made
 * harmless for it. Knows nothing of the cluster but the names of task states.
 */
#pragma once
#include "base/json.h"
#include "base/str.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

void out_error(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void out_warn(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void out_json(const json_t *j); /* indented, on standard output */

enum out_color { COLOR_NONE, COLOR_GREEN, COLOR_YELLOW, COLOR_RED, COLOR_DIM };
bool out_is_terminal(FILE *f);
bool out_has_color(FILE *f); /* a terminal, and no NO_COLOR */
enum out_color out_state_color(const char *state);
const char *out_color_on(enum out_color c); /* escape sequence; "" for COLOR_NONE */
#define OUT_COLOR_OFF "\033[0m"

/* Control characters as "\x1b" or "?", bad UTF-8 as "?"; tabs stay. Caller frees. */
char *out_clean(const char *text, size_t len);
char *out_age(int64_t ms);          /* "3s", "5m", "2h", "4d"; caller frees */
char *out_bytes(int64_t bytes);     /* "12.3 MB"; caller frees */
size_t out_width(const char *utf8); /* columns */
size_t out_terminal_columns(void);  /* 80 when unknown */

struct table {
	size_t n_columns;
	struct strlist cells; /* row by row, the header first; cleaned */
	enum out_color *colors;
	size_t cap_colors;
};
#define TABLE_COLUMNS_MAX 12
void table_init(struct table *t, const char *const *header, size_t n);
void table_cell(struct table *t, enum out_color color, const char *text); /* NULL: "-" */
void table_cellf(struct table *t, enum out_color color, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
void table_print(const struct table *t, FILE *f, bool color);
void table_done(struct table *t);
void table_show(struct table *t); /* to stdout, and is done with it */
