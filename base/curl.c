/* SPDX-License-Identifier: Apache-2.0
 * Loads libcurl once; see curl.h. */
#include "base/curl.h"
#include "base/mem.h"
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#define CURL_FILE "libcurl.so.4" /* the ABI since curl 7.16 */

static const char *const names[] = {
#define X(name) "curl_" #name,
	CURL_CALLS(X)
#undef X
};

static pthread_once_t once = PTHREAD_ONCE_INIT;
static union {
	const struct curl_calls *calls;
	void **v;
} table;

static _Noreturn void give_up(const char *why)
{
	fprintf(stderr, "carrack: cannot ask a server: %s; install the package libcurl4\n", why);
	exit(127); /* what a shell says of a program that cannot be started */
}

static void load(void)
{
	void *lib = dlopen(CURL_FILE, RTLD_NOW | RTLD_LOCAL);
	void **v = mmap(NULL, sizeof(names), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			-1, 0);
	_Static_assert(sizeof(struct curl_calls) == sizeof(names), "a name for each call");

	if (!lib)
		give_up(dlerror());
	if (v == MAP_FAILED)
		abort();
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		v[i] = dlsym(lib, names[i]);
		if (!v[i])
			give_up(dlerror());
	}
	if (mprotect(v, sizeof(names), PROT_READ) < 0)
		abort();
	table.v = v;
	if (table.calls->global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		abort();
}

const struct curl_calls *curl_calls(void)
{
	pthread_once(&once, load);
	return table.calls;
}
