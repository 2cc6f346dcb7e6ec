/* SPDX-License-Identifier: Apache-2.0
 * carrack's own programs, which lie beside one another, and what each does at its start. */
#pragma once

/* `given` where it names a path, else the program `given` (NULL: `name`) beside the running one, then on
 * PATH. The caller frees it; NULL: there is none that may be executed. */
char *program_find(const char *given, const char *name);

/* As many descriptors as the hard limit permits: a daemon holds one for each published port. */
void program_raise_files(void);
