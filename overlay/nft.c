/* SPDX-License-Identifier: Apache-2.0
 * nftables over libnftables; the one file that includes it. See nft.h. */
#include "overlay/nft.h"
#include "base/log.h"
#include "base/mem.h"
#include <errno.h>
#include <fcntl.h>
#include <nftables/libnftables.h>
#include <string.h>
#include <sys/select.h>
#include <unistd.h>

/* libnftables waits with select(2), which cannot do with descriptors from FD_SETSIZE on, and a host with
 * many published ports or containers has more: low ones are kept for it. */
#define ROOM 8 /* contexts at a time */
static int room[ROOM] = {-1, -1, -1, -1, -1, -1, -1, -1};

struct nft {
	struct nft_ctx *ctx;
};

void nft_keep_room(void)
{
	for (size_t i = 0; i < ROOM; i++) {
		if (room[i] < 0)
			room[i] = open("/dev/null", O_RDONLY | O_CLOEXEC);
		if (room[i] >= FD_SETSIZE) {
			close(room[i]);
			room[i] = -1;
		}
	}
}

static void lend_room(void)
{
	size_t low = ROOM;
	for (size_t i = 0; i < ROOM; i++)
		if (room[i] >= 0 && (low == ROOM || room[i] < room[low]))
			low = i;
	if (low == ROOM)
		return;
	close(room[low]);
	room[low] = -1;
}

int nft_open(struct nft **ret, struct err *err)
{
	struct nft *n = xcalloc(1, sizeof(*n));
	nft_keep_room();
	lend_room();
	n->ctx = nft_ctx_new(NFT_CTX_DEFAULT);
	if (!n->ctx || nft_ctx_buffer_error(n->ctx) || nft_ctx_buffer_output(n->ctx)) {
		nft_close(n);
		return err_set(err, -EIO, "cannot open nftables; is nf_tables in this kernel?");
	}
	nft_ctx_output_set_flags(n->ctx, NFT_CTX_OUTPUT_NUMERIC_ALL);
	*ret = n;
	return 0;
}

void nft_close(struct nft *n)
{
	if (!n)
		return;
	if (n->ctx)
		nft_ctx_free(n->ctx);
	free(n);
	nft_keep_room();
}

static int run(struct nft *n, const char *script, struct err *err)
{
	if (nft_run_cmd_from_buffer(n->ctx, script) == 0)
		return 0;
	const char *text = nft_ctx_get_error_buffer(n->ctx);
	int code = text && strstr(text, "Operation not permitted") ? -EPERM : -EIO;
	log_debug("overlay", "nftables refused: %s\n%s", text ? text : "", script);
	/* The first line is the sentence, the others repeat the script. */
	return err_set(err, code, "nftables: %.*s", (int)strcspn(text ? text : "", "\n"),
		       text ? text : "");
}

int nft_run(struct nft *n, const char *script, struct err *err)
{
	int r = run(n, script, err);
	(void)nft_ctx_get_output_buffer(n->ctx); /* empties it */
	return r;
}

int nft_list(struct nft *n, const char *command, struct str *out, struct err *err)
{
	int r = run(n, command, err);
	const char *text = nft_ctx_get_output_buffer(n->ctx);
	if (r == 0 && text)
		str_add(out, text);
	return r;
}

int nft_list_terse(struct nft *n, const char *command, struct str *out, struct err *err)
{
	nft_ctx_output_set_flags(n->ctx, NFT_CTX_OUTPUT_NUMERIC_ALL | NFT_CTX_OUTPUT_TERSE);
	int r = nft_list(n, command, out, err);
	nft_ctx_output_set_flags(n->ctx, NFT_CTX_OUTPUT_NUMERIC_ALL);
	return r;
}
