/* SPDX-License-Identifier: Apache-2.0
 * DNS messages as a container or a resolver may send them. */
#include "overlay/dnsmsg.h"
#include "overlay/resolv.h"
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct ipaddr addrs[100];
	for (size_t i = 0; i < 100; i++)
		addrs[i].family = i % 3 ? AF_INET : AF_INET6;
	struct dnsmsg_question q;
	if (dnsmsg_read(data, size, &q) == 0) {
		struct ipaddr ip;
		struct dnsmsg_answer a = {.family = q.type == DNSMSG_AAAA ? AF_INET6 : AF_INET,
					  .addrs = addrs,
					  .n = 100,
					  .first = 7,
					  .max = q.udp_max};
		auto_str out = {0};
		dnsmsg_reverse(q.name, &ip);
		if (dnsmsg_write(data, size, &a, &out) == 0) {
			if (q.standard && out.len > a.max)
				abort();
			if (q.standard &&
			    !dnsmsg_matches(data, size, (const uint8_t *)out.data, out.len))
				abort();
		}
	}
	if (size > 4) { /* a query and an answer in one input */
		size_t half = size / 2;
		dnsmsg_matches(data, half, data + half, size - half);
	}
	char text[512];
	size_t n = size < sizeof(text) - 1 ? size : sizeof(text) - 1;
	struct resolv_server servers[RESOLV_SERVERS_MAX];
	memcpy(text, data, n);
	text[n] = '\0';
	resolv_parse(text, servers);
	return 0;
}
