/* SPDX-License-Identifier: Apache-2.0
 *
 * Completion of command lines for shells: `carrack completion SHELL` prints the shell's part, which asks
 * `carrack __complete WORD...` for what the last word may become. Verbs, sub-verbs, options and what kind of
 * thing an argument is come from the verbs' own usage texts; names come from the controller.
 */
#pragma once
#include "cli/cmd.h"
#include <stddef.h>

/* Prints candidates, one on a line, or ":files" where a file is due; never an error. words[n - 1] is the
 * one being written. */
void complete_print(const struct cmd *const *verbs, size_t n_verbs, char **words, size_t n);
/* Prints the part of "bash", "zsh" or "fish"; -1: of no other. */
int complete_script(const char *shell);
