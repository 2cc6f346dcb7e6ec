/* SPDX-License-Identifier: Apache-2.0
 *
 * libcurl, loaded when it is first called. It brings some forty libraries along (LDAP, Kerberos, SSH), and
 * to load them takes several times as long as to read a stack: a command that asks no server does not pay
 * for that. What includes this calls libcurl by its own names; the table of calls is read-only memory,
 * as the linker's would be.
 */
#pragma once
#define CURL_DISABLE_TYPECHECK
#include <curl/curl.h>

#define CURL_CALLS(X)                                                                              \
	X(easy_cleanup)                                                                            \
	X(easy_getinfo)                                                                            \
	X(easy_init)                                                                               \
	X(easy_perform)                                                                            \
	X(easy_reset)                                                                              \
	X(easy_setopt)                                                                             \
	X(easy_strerror)                                                                           \
	X(free)                                                                                    \
	X(global_init)                                                                             \
	X(slist_append)                                                                            \
	X(slist_free_all)                                                                          \
	X(url)                                                                                     \
	X(url_cleanup)                                                                             \
	X(url_get)                                                                                 \
	X(url_set)

struct curl_calls {
#define X(name) __typeof__(&curl_##name) name;
	CURL_CALLS(X)
#undef X
};

/* Never NULL: as when a program starts without a library it needs, the process ends with a message. Safe
 * to call from any thread. */
const struct curl_calls *curl_calls(void);

#undef curl_easy_getinfo
#undef curl_easy_setopt
#define curl_easy_cleanup   curl_calls()->easy_cleanup
#define curl_easy_getinfo   curl_calls()->easy_getinfo
#define curl_easy_init      curl_calls()->easy_init
#define curl_easy_perform   curl_calls()->easy_perform
#define curl_easy_reset     curl_calls()->easy_reset
#define curl_easy_setopt    curl_calls()->easy_setopt
#define curl_easy_strerror  curl_calls()->easy_strerror
#define curl_free           curl_calls()->free
#define curl_slist_append   curl_calls()->slist_append
#define curl_slist_free_all curl_calls()->slist_free_all
#define curl_url            curl_calls()->url
#define curl_url_cleanup    curl_calls()->url_cleanup
#define curl_url_get        curl_calls()->url_get
#define curl_url_set        curl_calls()->url_set
