/* SPDX-License-Identifier: Apache-2.0
 * Whether and how this host encrypts; see encrypt.h. */
#include "agent/encrypt.h"
#include "agent/probe.h"
#include "base/crypto.h"
#include "base/log.h"
#include "base/mem.h"
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

char *encrypt_why_not(void)
{
	auto_close int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0) /* tunnels have IPv6 inside, whatever the hosts speak among themselves */
		return xstrdup("this kernel was started without IPv6");
	int r = probe_kernel(PROBE_WIREGUARD, NULL);
	if (r == 0)
		return NULL;
	if (r == -EOPNOTSUPP)
		return xstrdup("this kernel has no WireGuard");
	return xasprintf("WireGuard cannot be used: %s", strerror(-r));
}

static void use(const uint8_t key[OV_KEY_BYTES], void *arg)
{
	struct encrypt *e = arg;
	struct err err = {0};
	memcpy(e->tunnel.key, key, OV_KEY_BYTES);
	if (e->core->overlay && overlay_tunnel_key(e->core->overlay, key, &err) < 0)
		log_warn("agent", "the fresh key is not used yet: %s", err_text(&err));
}

static bool tell(void *arg)
{
	struct encrypt *e = arg;
	return e->tell(e->arg);
}

int encrypt_open(struct encrypt *e, struct core *c, const struct conf *conf,
		 bool (*tell_controller)(void *arg), void *arg, struct err *err)
{
	static const struct tunnelkey_ops ops = {.use = use, .tell = tell};
	auto_free char *path = xasprintf("%s/wireguard.json", conf->data_dir);
	e->core = c;
	e->tell = tell_controller;
	e->arg = arg;
	e->why_not = encrypt_why_not();
	if (!e->why_not && !wire_tunnel_address(c->node_id, &e->tunnel.address))
		e->why_not = xstrdup("the node's id is of another carrack; join it again");
	if (e->why_not) {
		log_info("agent", "no encrypted networks on this node: %s", e->why_not);
		return 0;
	}
	int r = tunnelkey_open(c->loop, path, conf->key_rotation_hours, &ops, e, &e->key, err);
	if (r < 0)
		return err_wrap(err, r, "the key of encrypted networks");
	c->tunnelkey = e->key;
	memcpy(e->tunnel.key, tunnelkey_private(e->key), OV_KEY_BYTES);
	e->tunnel.port = (uint16_t)conf->wireguard_port;
	return 0;
}

void encrypt_close(struct encrypt *e)
{
	tunnelkey_close(e->key);
	free(e->why_not);
	crypto_wipe(e, sizeof(*e));
}

void encrypt_describe(struct encrypt *e, struct wire_node *n)
{
	n->no_encrypt = e->why_not;
	if (!e->key)
		return;
	tunnelkey_public(e->key, e->public_key, e->next_key);
	n->tunnel_key = e->public_key;
	n->tunnel_next = e->next_key[0] ? e->next_key : NULL;
	n->tunnel_port = e->tunnel.port;
}
