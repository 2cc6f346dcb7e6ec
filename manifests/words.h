/* SPDX-License-Identifier: Apache-2.0
 * Small grammars of the stack language: words of a command, paths, names; private to manifests/. */
#pragma once
#include "base/str.h"

/* Splits like a shell, with quotes and backslashes and nothing else; false: a quote is open. */
bool words_split(const char *text, struct strlist *out);
/* An absolute path without ".", ".." and double slashes; ".." never leads above "/". */
char *path_clean(const char *absolute);
/* text, lower case, without what a stack's name may not have; may be empty. Caller frees. */
char *name_normalise(const char *text);
/* The word of the n that is nearest to text, or NULL when none is near. */
const char *nearest_word(const char *text, const char *const *words, size_t n);
bool utf8_valid(const char *text);
bool address_valid(const char *text); /* of IPv4 or IPv6 */
