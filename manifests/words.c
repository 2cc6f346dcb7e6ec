/* SPDX-License-Identifier: Apache-2.0
 * Words, paths and names; see words.h. */
#include "manifests/words.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <string.h>

#define NEAR_WORD_MAX 40 /* longer words are not compared */

/* Adds what stands in a quotation that begins at *p; false: it does not end. */
static bool quoted(const char **p, struct str *word)
{
	char quote = *(*p)++;
	for (; **p && **p != quote; (*p)++) {
		bool escape = quote == '"' && **p == '\\' && (*p)[1] && strchr("\"\\$`\n", (*p)[1]);
		if (escape)
			(*p)++;
		str_addc(word, **p);
	}
	if (!**p)
		return false;
	(*p)++;
	return true;
}

bool words_split(const char *text, struct strlist *out)
{
	const char *p = text;
	auto_str word = {0};
	for (;;) {
		p += strspn(p, " \t\r\n");
		if (!*p)
			return true;
		str_clear(&word);
		while (*p && !strchr(" \t\r\n", *p)) {
			if (*p == '\'' || *p == '"') {
				if (!quoted(&p, &word))
					return false;
				continue;
			}
			if (*p == '\\' && p[1])
				p++;
			str_addc(&word, *p++);
		}
		strlist_add(out, word.data ? word.data : "");
	}
}

char *path_clean(const char *absolute)
{
	struct str s = {0};
	const char *p = absolute;
	while (*p) {
		p += strspn(p, "/");
		size_t n = strcspn(p, "/");
		if (n == 2 && memcmp(p, "..", 2) == 0) {
			char *slash = s.data ? strrchr(s.data, '/') : NULL;
			if (slash) {
				*slash = '\0';
				s.len = (size_t)(slash - s.data);
			}
		} else if (n > 0 && !(n == 1 && *p == '.')) {
			str_addc(&s, '/');
			str_addn(&s, p, n);
		}
		p += n;
	}
	if (s.len == 0)
		str_addc(&s, '/');
	return str_take(&s);
}

char *name_normalise(const char *text)
{
	struct str s = {0};
	for (; *text; text++) {
		char c = (char)tolower((unsigned char)*text);
		bool inner = c == '-' || c == '_';
		if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || (inner && s.len > 0))
			str_addc(&s, c);
	}
	return str_take(&s);
}

/* Edits that turn a into b: a letter more, less or other. */
static size_t edits(const char *a, const char *b)
{
	size_t row[NEAR_WORD_MAX + 1];
	size_t n = strlen(a), m = strlen(b);
	for (size_t j = 0; j <= m; j++)
		row[j] = j;
	for (size_t i = 1; i <= n; i++) {
		size_t diagonal = row[0];
		row[0] = i;
		for (size_t j = 1; j <= m; j++) {
			size_t best = diagonal + (a[i - 1] != b[j - 1]);
			if (row[j] + 1 < best)
				best = row[j] + 1;
			if (row[j - 1] + 1 < best)
				best = row[j - 1] + 1;
			diagonal = row[j];
			row[j] = best;
		}
	}
	return row[m];
}

const char *nearest_word(const char *text, const char *const *words, size_t n)
{
	const char *best = NULL;
	size_t len = strlen(text), best_edits = len <= 4 ? 2 : 3; /* one, or two, are near */
	if (len > NEAR_WORD_MAX)
		return NULL;
	for (size_t i = 0; i < n; i++) {
		if (strlen(words[i]) > NEAR_WORD_MAX)
			continue;
		size_t e = edits(text, words[i]);
		if (e < best_edits) {
			best_edits = e;
			best = words[i];
		}
	}
	return best;
}

/* Bytes of the character at s, 0 when it is none: no overlong forms, no surrogates. */
static size_t utf8_length(const unsigned char *s)
{
	if (s[0] < 0x80)
		return 1;
	size_t n = s[0] >= 0xf0 ? 4 : s[0] >= 0xe0 ? 3 : 2;
	if (s[0] < 0xc2 || s[0] > 0xf4)
		return 0;
	for (size_t i = 1; i < n; i++)
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	bool bad = (s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f) ||
		   (s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] > 0x8f);
	return bad ? 0 : n;
}

bool utf8_valid(const char *text)
{
	const unsigned char *s = (const unsigned char *)text;
	while (*s) {
		size_t n = utf8_length(s);
		if (n == 0)
			return false;
		s += n;
	}
	return true;
}

bool address_valid(const char *text)
{
	struct in6_addr a;
	return inet_pton(AF_INET, text, &a) == 1 || inet_pton(AF_INET6, text, &a) == 1;
}
