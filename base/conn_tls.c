/* SPDX-License-Identifier: Apache-2.0
 * TLS under a conn; see conn_tls.h. */
#include "base/conn_tls.h"

#include <event2/bufferevent_ssl.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdlib.h>

struct bufferevent *conn_tls_new(struct event_base *base, struct tls *tls, bool serves, int fd)
{
	SSL *ssl = SSL_new(tls_ssl_ctx(tls));
	if (!ssl)
		return NULL;
	/* Length prefixes, not the end of the stream, say what is whole. */
	SSL_set_options(ssl, SSL_OP_IGNORE_UNEXPECTED_EOF);
	struct bufferevent *bev =
		bufferevent_openssl_socket_new(base, fd, ssl,
					       serves ? BUFFEREVENT_SSL_ACCEPTING
						      : BUFFEREVENT_SSL_CONNECTING,
					       BEV_OPT_CLOSE_ON_FREE);
	if (bev)
		bufferevent_openssl_set_allow_dirty_shutdown(bev, 1);
	return bev;
}

void conn_tls_end(struct bufferevent *bev)
{
	SSL *ssl = bufferevent_openssl_get_ssl(bev);
	if (ssl)
		SSL_shutdown(ssl);
	ERR_clear_error(); /* a peer that is gone already is no error here */
}

char *conn_tls_trouble(struct bufferevent *bev, const char *peer)
{
	SSL *ssl = bufferevent_openssl_get_ssl(bev);
	unsigned long code = ssl ? bufferevent_get_openssl_error(bev) : 0;
	return code ? tls_trouble(ssl, code, peer) : NULL;
}

void conn_tls_subject(struct bufferevent *bev, char org[TLS_DN_MAX], char cn[TLS_DN_MAX])
{
	SSL *ssl = bufferevent_openssl_get_ssl(bev);
	if (ssl)
		tls_peer_subject(ssl, org, cn);
}
