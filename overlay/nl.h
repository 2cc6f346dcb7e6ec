/* SPDX-License-Identifier: Apache-2.0
 *
 * Netlink requests to the kernel: building, sending, batches and dumps (libnl behind it). Knows
 * messages, not what they mean. A socket stays in the network namespace in which it was opened.
 */
#pragma once
#include "base/err.h"
#include "base/ipaddr.h"
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct nlsock;
struct nlreq; /* one message being built */

int nlsock_open(struct nlsock **ret, struct err *err);
int nlsock_open_generic(struct nlsock **ret, struct err *err); /* generic netlink */
void nlsock_close(struct nlsock *s);                           /* NULL is fine */
static inline void cleanup_nlsock(struct nlsock **s)
{
	nlsock_close(*s);
}
#define auto_nlsock __attribute__((cleanup(cleanup_nlsock))) struct nlsock

struct nlreq *nlreq_new(uint16_t type, uint16_t flags, const void *head, size_t head_len);
void nlreq_free(struct nlreq *r); /* NULL is fine */
void nlreq_put(struct nlreq *r, int attr, const void *data, size_t len);
void nlreq_u8(struct nlreq *r, int attr, uint8_t v);
void nlreq_u16(struct nlreq *r, int attr, uint16_t v);
void nlreq_u32(struct nlreq *r, int attr, uint32_t v);
void nlreq_str(struct nlreq *r, int attr, const char *v);
void *nlreq_nest(struct nlreq *r, int attr);
void nlreq_nest_end(struct nlreq *r, void *nest);
/* Bytes that are no attribute (a second header inside a nest). */
void nlreq_raw(struct nlreq *r, const void *data, size_t len);

/* Sends r, frees it and waits for the answer. The error has the kernel's own sentence if any. */
int nlsock_call(struct nlsock *s, struct nlreq *r, struct err *err);

#define NL_BATCH_MAX 256
/* Sends and frees up to NL_BATCH_MAX requests at once. codes[i] (may be NULL) gets each one's result.
 * Returns the first failure, whose sentence is in err. */
int nlsock_batch(struct nlsock *s, struct nlreq **reqs, size_t n, int *codes, struct err *err);

typedef void (*nl_each)(const struct nlmsghdr *h, void *arg);
/* Sends and frees r (NLM_F_DUMP or a single get) and calls each for every message of the answer. */
int nlsock_dump(struct nlsock *s, struct nlreq *r, nl_each each, void *arg, struct err *err);

/* Attributes of a received message behind a header of head_len: tb[0..max], NULL where absent. */
void nl_attrs(const struct nlmsghdr *h, size_t head_len, const struct rtattr **tb, int max);
void nl_nested(const struct rtattr *nest, const struct rtattr **tb, int max);
uint32_t nl_get_u32(const struct rtattr *a, uint32_t def); /* def: absent or too short */
uint16_t nl_get_u16(const struct rtattr *a, uint16_t def);
uint8_t nl_get_u8(const struct rtattr *a, uint8_t def);
/* 4 or 16 bytes; false: absent or neither. */
bool nl_get_addr(const struct rtattr *a, struct ipaddr *out);
bool nl_get_bytes(const struct rtattr *a, void *out, size_t len); /* false: absent or too short */
