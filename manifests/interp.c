/* SPDX-License-Identifier: Apache-2.0
 * Variables in text; see interp.h. */
#include "manifests/interp.h"
#include "manifests/words.h"

#include <ctype.h>
#include <string.h>

#define NESTED_MAX 20
#define NAME_MAX_  256

struct expand {
	struct interp *in;
	const char *p; /* what is left to read */
	int nested;
};

/* Reads up to the end, or in braces to the '}' that closes them. out NULL: a branch not taken, read
 * for its syntax alone. */
static bool expand_until(struct expand *x, bool braces, struct str *out);

static bool invalid(struct expand *x, const char *what)
{
	diag_error(x->in->d, x->in->at, "%s%s%.40s%s; write '$$' for a plain dollar sign", what,
		   *x->p ? " near '" : " at the end", x->p, *x->p ? "'" : "");
	return false;
}

static const char *lookup(const struct interp *in, const char *name)
{
	const struct kv *found = in->env ? kvlist_find(in->env, name) : NULL;
	if (!found && in->before)
		found = kvlist_find(in->before, name);
	if (!found)
		return NULL;
	return found->v ? found->v : "";
}

static bool read_name(struct expand *x, char name[NAME_MAX_])
{
	size_t n = 0;
	while (isalnum((unsigned char)x->p[n]) || x->p[n] == '_')
		n++;
	if (n == 0 || n >= NAME_MAX_ || isdigit((unsigned char)x->p[0]))
		return false;
	memcpy(name, x->p, n);
	name[n] = '\0';
	x->p += n;
	return true;
}

static void add_value(struct expand *x, const char *name, struct str *out)
{
	const char *value = lookup(x->in, name);
	if (!out)
		return;
	if (!value)
		diag_warn(x->in->d, x->in->at,
			  "the variable '%s' is not set; an empty string stands for it", name);
	else
		str_add(out, value);
}

/* The part after an operator: goes to out when taken. */
static bool add_word(struct expand *x, bool taken, struct str *out)
{
	if (x->nested == NESTED_MAX)
		return invalid(x, "variables are nested too deep");
	x->nested++;
	bool ok = expand_until(x, true, taken ? out : NULL);
	x->nested--;
	return ok;
}

static bool need(struct expand *x, const char *name, bool missing, struct str *out)
{
	auto_str why = {0};
	if (!add_word(x, missing && out, &why))
		return false;
	if (!missing) {
		if (out)
			str_add(out, lookup(x->in, name));
		return true;
	}
	if (!out)
		return true;
	diag_error(x->in->d, x->in->at, "the variable '%s' must be set%s%.500s", name,
		   why.len ? ": " : "", why.len ? why.data : "");
	return false;
}

static bool expand_braces(struct expand *x, struct str *out)
{
	char name[NAME_MAX_];
	if (!read_name(x, name))
		return invalid(x, "'${' must be followed by a variable's name");
	if (*x->p == '}') {
		x->p++;
		add_value(x, name, out);
		return true;
	}
	bool colon = *x->p == ':';
	char op = x->p[colon];
	if (!op || !strchr("-?+", op))
		return invalid(x, "a variable in '${' must end in '}', or go on with :-, -, :?, ?, "
				  ":+ or +");
	x->p += colon + 1;
	const char *value = lookup(x->in, name);
	bool missing = !value || (colon && !*value);
	if (op == '?')
		return need(x, name, missing, out);
	bool take_word = (op == '-') == missing;
	if (op == '-' && !missing && out)
		str_add(out, value);
	return add_word(x, take_word, out);
}

static bool expand_dollar(struct expand *x, struct str *out)
{
	char name[NAME_MAX_];
	x->p++;
	if (*x->p == '$') {
		x->p++;
		if (out)
			str_addc(out, '$');
		return true;
	}
	if (*x->p == '{') {
		x->p++;
		return expand_braces(x, out);
	}
	if (!read_name(x, name)) {
		/* "$(date)", "$2a$": nothing that could be a variable; Compose keeps it as well */
		if (out)
			str_addc(out, '$');
		return true;
	}
	add_value(x, name, out);
	return true;
}

static bool expand_until(struct expand *x, bool braces, struct str *out)
{
	while (*x->p) {
		if (braces && *x->p == '}') {
			x->p++;
			return true;
		}
		if (*x->p == '$') {
			if (!expand_dollar(x, out))
				return false;
		} else {
			size_t n = strcspn(x->p, braces ? "$}" : "$");
			if (out)
				str_addn(out, x->p, n);
			x->p += n;
		}
		if (out && out->len > x->in->left) {
			diag_error(x->in->d, x->in->at, "variables make this document too large");
			return false;
		}
	}
	return !braces || invalid(x, "a '${' has no '}'");
}

char *interp_text(struct interp *in, const char *text)
{
	struct expand x = {.in = in, .p = text};
	auto_str out = {0};
	if (!expand_until(&x, false, &out))
		return NULL;
	if (out.data && !utf8_valid(out.data)) {
		diag_error(in->d, in->at, "a variable's value is not UTF-8 text");
		return NULL;
	}
	in->left -= out.len;
	return str_take(&out);
}
