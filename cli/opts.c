/* SPDX-License-Identifier: Apache-2.0
 * Reading options by a table. */
#include "cli/opts.h"
#include "base/num.h"
#include "cli/out.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define DURATION_MAX_MS (10LL * 365 * 86400 * 1000)

void opts_help(const struct cmd *c)
{
	printf("usage: carrack %s%s%s\n\n%s\n", c->name, c->args && *c->args ? " " : "",
	       c->args ? c->args : "", c->summary);
	if (c->help && *c->help)
		printf("\n%s", c->help);
}

int opts_misuse(const struct cmd *c, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	auto_free char *text = xvasprintf(fmt, ap);
	va_end(ap);
	out_error("%s; see `carrack %s --help`", text, c->name);
	return 2;
}

bool opts_duration(const char *text, int64_t *ret_ms)
{
	static const struct {
		const char *unit;
		int64_t ms;
	} units[] = {{"ms", 1},      {"s", 1000},     {"m", 60000},
		     {"h", 3600000}, {"d", 86400000}, {"", 1000}};
	size_t digits = strspn(text, "0123456789");
	auto_free char *number = xstrndup(text, digits);
	int64_t n;

	if (!num_parse_i64(number, 0, DURATION_MAX_MS, &n))
		return false;
	for (size_t i = 0; i < ARRAY_LEN(units); i++) {
		if (!streq(text + digits, units[i].unit))
			continue;
		if (n > DURATION_MAX_MS / units[i].ms)
			return false;
		*ret_ms = n * units[i].ms;
		return true;
	}
	return false;
}

static const struct opt *find_name(const struct opts *o, const char *name, size_t len)
{
	for (size_t i = 0; i < o->n; i++)
		if (strlen(o->v[i].name) == len && memcmp(o->v[i].name, name, len) == 0)
			return &o->v[i];
	return NULL;
}

static const struct opt *find_letter(const struct opts *o, char letter)
{
	for (size_t i = 0; i < o->n; i++)
		if (letter && o->v[i].letter == letter)
			return &o->v[i];
	return NULL;
}

static int opt_set(const struct opts *o, const struct opt *opt, const char *value)
{
	switch (opt->kind) {
	case OPT_FLAG:
		*(bool *)opt->to = true;
		return -1;
	case OPT_TEXT:
		*(const char **)opt->to = value;
		return -1;
	case OPT_LIST:
		strlist_add(opt->to, value);
		return -1;
	case OPT_NUMBER:
		if (num_parse_i64(value, 0, INT32_MAX, opt->to))
			return -1;
		return opts_misuse(o->cmd, "option '--%s' takes a number, not '%s'", opt->name,
				   value);
	case OPT_DURATION:
		if (opts_duration(value, opt->to))
			return -1;
		return opts_misuse(o->cmd,
				   "option '--%s' takes a time like 90s, 5m or 24h, not '%s'",
				   opt->name, value);
	}
	return -1;
}

/* The state of one run over the arguments. */
struct scan {
	const struct opts *o;
	int argc, at;
	char **argv;
};

static int scan_value(struct scan *s, const struct opt *opt, const char *attached)
{
	if (attached)
		return opt_set(s->o, opt, attached);
	if (s->at + 1 >= s->argc)
		return opts_misuse(s->o->cmd, "option '--%s' needs a value", opt->name);
	return opt_set(s->o, opt, s->argv[++s->at]);
}

static int scan_long(struct scan *s, const char *arg)
{
	static const struct opt context = {0, "context", OPT_TEXT, NULL};
	size_t len = strcspn(arg, "=");
	const char *value = arg[len] ? arg + len + 1 : NULL;
	const struct opt *opt = find_name(s->o, arg, len);

	if (streq(arg, "help")) {
		opts_help(s->o->cmd);
		return 0;
	}
	if (len == strlen(context.name) && strncmp(arg, context.name, len) == 0) {
		if (!value && s->at + 1 < s->argc)
			value = s->argv[++s->at];
		if (!value)
			return opts_misuse(s->o->cmd, "option '--context' needs a value");
		/* The environment is where client.c looks, so an option needs no road of its own. */
		setenv("CARRACK_CONTEXT", value, 1);
		return -1;
	}
	if (!opt)
		return opts_misuse(s->o->cmd, "unknown option '--%s'", arg);
	if (opt->kind == OPT_FLAG)
		return value ? opts_misuse(s->o->cmd, "option '--%s' takes no value", opt->name)
			     : opt_set(s->o, opt, NULL);
	return scan_value(s, opt, value);
}

static int scan_letters(struct scan *s, const char *letters)
{
	for (const char *p = letters; *p; p++) {
		const struct opt *opt = find_letter(s->o, *p);
		int r;

		if (!opt && *p == 'h') {
			opts_help(s->o->cmd);
			return 0;
		}
		if (!opt)
			return opts_misuse(s->o->cmd, "unknown option '-%c'", *p);
		if (opt->kind != OPT_FLAG)
			return scan_value(s, opt, p[1] ? p + 1 : NULL);
		r = opt_set(s->o, opt, NULL);
		if (r >= 0)
			return r;
	}
	return -1;
}

int opts_parse(const struct opts *o, int argc, char **argv, struct strlist *rest)
{
	struct scan s = {.o = o, .argc = argc, .argv = argv};
	bool only_args = false;

	for (s.at = 1; s.at < argc; s.at++) {
		char *arg = argv[s.at];
		int r = -1;

		if (only_args || arg[0] != '-' || !arg[1]) {
			strlist_add(rest, arg);
			only_args = only_args || o->stop_at_first;
		} else if (streq(arg, "--")) {
			only_args = true;
		} else {
			r = arg[1] == '-' ? scan_long(&s, arg + 2) : scan_letters(&s, arg + 1);
		}
		if (r >= 0)
			return r;
	}
	if (rest->n < o->min_args)
		return opts_misuse(o->cmd, "usage: carrack %s %s", o->cmd->name, o->cmd->args);
	if (rest->n > o->max_args)
		return opts_misuse(o->cmd, "'%s' is too much", rest->v[o->max_args]);
	return -1;
}
