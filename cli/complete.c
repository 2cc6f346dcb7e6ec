/* SPDX-License-Identifier: Apache-2.0
 * What a word may become; see complete.h. */
#include "cli/complete.h"
#include "base/fd.h"
#include "cli/client.h"
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define HELP_MAX (64 << 10)

static const struct cmd *find_verb(const struct cmd *const *verbs, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (streq(verbs[i]->name, name))
			return verbs[i];
	return NULL;
}

/* What `carrack VERB --help` prints; caller frees. */
static char *help_text(const struct cmd *c)
{
	char *name = xstrdup(c->name), flag[] = "--help", *argv[] = {name, flag, NULL},
	     *text = NULL;
	int out = dup(STDOUT_FILENO), file = memfd_create("help", MFD_CLOEXEC);
	size_t len;

	fflush(stdout);
	if (out >= 0 && file >= 0 && dup2(file, STDOUT_FILENO) >= 0) {
		c->run(2, argv);
		fflush(stdout);
		dup2(out, STDOUT_FILENO);
		lseek(file, 0, SEEK_SET);
		if (fd_read_all(file, HELP_MAX, &text, &len, NULL) < 0)
			text = NULL;
	}
	if (out >= 0)
		close(out);
	if (file >= 0)
		close(file);
	free(name);
	return text ? text : xstrdup("");
}

static void offer(const char *word, const char *begin)
{
	if (str_starts(word, begin))
		puts(word);
}

/* One word of a usage text, without the brackets and dots around it. */
static char *clean_word(const char *start, size_t n)
{
	while (n && strchr("[(<", *start))
		start++, n--;
	size_t end = 0;
	while (end < n && (isalnum((unsigned char)start[end]) || strchr("-_", start[end])))
		end++;
	return xstrndup(start, end);
}

/* Calls fn with every word of text that '|', blanks and commas part. */
static void each_word(const char *text, void (*fn)(const char *word, void *arg), void *arg)
{
	for (const char *p = text; *p;) {
		p += strspn(p, " \n\t,|");
		size_t n = strcspn(p, " \n\t,|");
		auto_free char *word = clean_word(p, n);

		if (*word)
			fn(word, arg);
		p += n;
	}
}

struct seen {
	const char *begin;
	struct strlist said;
};

static void offer_once(struct seen *s, const char *word)
{
	if (strlist_has(&s->said, word))
		return;
	strlist_add(&s->said, word);
	offer(word, s->begin);
}

static void offer_option(const char *word, void *arg)
{
	if (word[0] == '-' && word[1])
		offer_once(arg, word);
}

static void offer_names(struct client *c, const char *noun, const char *begin)
{
	auto_json *list = NULL;
	struct err err = {0};
	const json_t *it;
	size_t i;

	if (client_list(c, noun, NULL, &list, &err) < 0)
		return;
	json_array_foreach(list, i, it)
	{
		const char *name = json_str(it, "name"), *stack = json_str(it, "stack");
		bool service = streq(noun, "services");
		auto_free char *full =
			service && stack && name ? xasprintf("%s_%s", stack, name) : xstrdup(name);

		if (full)
			offer(full, begin);
	}
}

/* What an argument of this kind may be; the word is that of the usage texts. */
static void offer_kind(const char *kind, void *arg)
{
	static const struct {
		const char *kind, *noun;
	} kinds[] = {{"STACK", "stacks"},  {"SERVICE", "services"}, {"TASK", "tasks"},
		     {"NODE", "nodes"},    {"NETWORK", "networks"}, {"SECRET", "secrets"},
		     {"CONFIG", "configs"}};
	const char *begin = arg;
	auto_(client_free) struct client *c = NULL;
	struct err err = {0};

	if (streq(kind, "FILE") || streq(kind, "DIR") || streq(kind, "PATH")) {
		puts(":files");
		return;
	}
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		if (streq(kinds[i].kind, kind) && client_open(&c, &err) == 0) {
			offer_names(c, kinds[i].noun, begin);
			return;
		}
}

/* What the usage text says after an option: "FILE", "yaml|json", or "" when it takes no value. */
static char *value_of(const char *help, const char *option)
{
	for (const char *p = strstr(help, option); p; p = strstr(p + 1, option)) {
		const char *end = p + strlen(option);
		bool whole = p > help && strchr(" [|,(\n", p[-1]) && strchr(" =", *end) && *end;

		if (!whole || end[1] == ' ' || end[1] == '-')
			continue;
		const char *other = strstr(end, "|-"); /* the next option begins there */
		size_t n = strcspn(end + 1, " ]\n");
		if (other && (size_t)(other - end - 1) < n)
			n = (size_t)(other - end - 1);
		return xstrndup(end + 1, n);
	}
	return xstrdup("");
}

/* "-f, --file FILE": a short option takes what its long form takes. */
static char *option_value(const char *help, const char *option)
{
	char *value = value_of(help, option);
	auto_free char *pair = xasprintf("%s, --", option);
	const char *at = strlen(option) == 2 && !*value ? strstr(help, pair) : NULL;

	if (!at)
		return value;
	free(value);
	at += strlen(option) + 2;
	auto_free char *full = xstrndup(at, strcspn(at, " \n"));
	return value_of(help, full);
}

static bool is_kind(const char *word)
{
	return isupper((unsigned char)word[0]) && isupper((unsigned char)word[1]);
}

static void offer_value(const char *word, void *arg)
{
	if (is_kind(word))
		offer_kind(word, arg);
	else
		offer(word, arg);
}

static void offer_argument(const char *word, void *arg)
{
	if (is_kind(word))
		offer_kind(word, arg);
}

/* The arguments of one way to call a verb, without its options and their values. */
static char *arguments_of(const char *usage, size_t n)
{
	struct str s = {0};
	int depth = 0;

	for (size_t i = 0; i < n; i++) {
		bool option = usage[i] == '[' && usage[i + 1] == '-';

		if (option || (depth && usage[i] == '['))
			depth++;
		if (!depth)
			str_addc(&s, usage[i]);
		if (depth && usage[i] == ']')
			depth--;
	}
	str_add(&s, "");
	return str_take(&s);
}

/* The ways to call a verb stand apart by " | "; each may begin with a sub-verb. */
static void offer_arguments(const char *usage, const char *first, const char *begin)
{
	while (*usage) {
		const char *end = strstr(usage, " | ");
		size_t n = end ? (size_t)(end - usage) : strlen(usage);
		auto_free char *way = arguments_of(usage, n);
		const char *start = way + strspn(way, " \n");
		auto_free char *sub = clean_word(start, strcspn(start, " \n"));
		bool has_sub = islower((unsigned char)sub[0]);

		if (!first && has_sub)
			offer(sub, begin);
		else if (!has_sub || (first && streq(sub, first)))
			each_word(start, offer_argument, (void *)begin);
		usage += n + (end ? 3 : 0);
	}
}

/* Verbs that explain themselves list their sub-verbs at the beginning of lines. */
static void offer_listed(const char *help, const char *begin)
{
	for (const char *p = help; (p = strstr(p, "\n  ")); p += 3) {
		const char *at = p + 3, *end = at + strcspn(at, "\n");

		for (bool more = true; more;) { /* "partition HOST | heal HOST" */
			auto_free char *word = clean_word(at, strcspn(at, " \n"));
			const char *next = strstr(at, " | ");

			if (islower((unsigned char)word[0]) && !streq(word, "carrack"))
				offer(word, begin);
			more = next && next < end;
			at = more ? next + 3 : at;
		}
	}
}

static void complete_verb(const struct cmd *c, const struct cmd *const *verbs, size_t n_verbs,
			  char **words, size_t n)
{
	auto_free char *help = help_text(c);
	const char *begin = words[n - 1], *first = NULL;
	auto_free char *value =
		n > 1 && words[n - 2][0] == '-' ? option_value(help, words[n - 2]) : xstrdup("");

	if (n > 1 && streq(words[n - 2], "--context"))
		puts(":files");
	else if (*value)
		each_word(value, offer_value, (void *)begin);
	else if (begin[0] == '-') {
		struct seen s = {.begin = begin};

		each_word(help, offer_option, &s);
		offer_once(&s, "--help");
		strlist_done(&s.said);
	} else if (streq(c->name, "help")) {
		for (size_t i = 0; i < n_verbs; i++)
			if (!verbs[i]->hidden)
				offer(verbs[i]->name, begin);
	} else if (c->args) {
		for (size_t i = 0; i + 1 < n && !first; i++)
			if (words[i][0] != '-')
				first = words[i];
		offer_arguments(c->args, first, begin);
	} else if (n == 1) {
		offer_listed(help, begin);
	}
}

void complete_print(const struct cmd *const *verbs, size_t n_verbs, char **words, size_t n)
{
	const struct cmd *c = n > 1 ? find_verb(verbs, n_verbs, words[0]) : NULL;

	if (c && !c->hidden)
		complete_verb(c, verbs, n_verbs, words + 1, n - 1);
	for (size_t i = 0; n == 1 && i < n_verbs; i++)
		if (!verbs[i]->hidden)
			offer(verbs[i]->name, words[0]);
}

static const char bash_script[] =
	"# bash completion of carrack\n"
	"_carrack() {\n"
	"  local cur=${COMP_WORDS[COMP_CWORD]} line\n"
	"  COMPREPLY=()\n"
	"  while IFS= read -r line; do\n"
	"    if [ \"$line\" = :files ]; then\n"
	"      compopt -o filenames 2>/dev/null\n"
	"      while IFS= read -r line; do COMPREPLY+=(\"$line\"); done < <(compgen -f -- "
	"\"$cur\")\n"
	"    else\n"
	"      COMPREPLY+=(\"$line\")\n"
	"    fi\n"
	"  done < <(carrack __complete \"${COMP_WORDS[@]:1:COMP_CWORD}\" 2>/dev/null)\n"
	"}\n"
	"complete -F _carrack carrack\n";

static const char zsh_script[] =
	"#compdef carrack\n"
	"# zsh completion of carrack\n"
	"_carrack() {\n"
	"  local -a found\n"
	"  found=(\"${(@f)$(carrack __complete \"${(@)words[2,CURRENT]}\" 2>/dev/null)}\")\n"
	"  if (( ${found[(Ie):files]} )); then _files; fi\n"
	"  found=(${found:#:files})\n"
	"  (( $#found )) && compadd -- $found\n"
	"}\n"
	"if [ \"$funcstack[1]\" = _carrack ]; then _carrack \"$@\"; else compdef _carrack carrack; "
	"fi\n";

static const char fish_script[] = "# fish completion of carrack\n"
				  "function __carrack_complete\n"
				  "    set -l words (commandline -opc) (commandline -ct)\n"
				  "    for line in (carrack __complete $words[2..-1] 2>/dev/null)\n"
				  "        if test \"$line\" = :files\n"
				  "            __fish_complete_path (commandline -ct)\n"
				  "        else\n"
				  "            echo $line\n"
				  "        end\n"
				  "    end\n"
				  "end\n"
				  "complete -c carrack -f -a '(__carrack_complete)'\n";

int complete_script(const char *shell)
{
	static const struct {
		const char *shell, *text;
	} all[] = {{"bash", bash_script}, {"zsh", zsh_script}, {"fish", fish_script}};

	for (size_t i = 0; i < ARRAY_LEN(all); i++)
		if (streq(all[i].shell, shell))
			return fputs(all[i].text, stdout) < 0 ? -1 : 0;
	return -1;
}
