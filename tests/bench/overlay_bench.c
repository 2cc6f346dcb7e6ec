/* SPDX-License-Identifier: Apache-2.0
 * Builds carrack's overlay between two hosts (namespaces kept at paths) with one sandbox on each and one
 * more, "near", on the first, and leaves it there: overlay_bench DIR NS_A ADDR_A NS_B ADDR_B. Prints the
 * first two sandboxes' paths, whether the fast path is used, and the cost of making and removing
 * sandboxes. The addresses inside are 10.1.0.2, 10.1.0.3 and 10.1.0.4. CARRACK_BENCH_NO_FAST in the
 * environment: without the fast path. */
#include "base/loop.h"
#include "base/mem.h"
#include "overlay/netns.h"
#include "overlay/overlay.h"
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define ROUNDS 100

struct host {
	const char *ns_path, *address, *inside;
	int ns;
	struct overlay *ov;
	char *run, *box;
};

static const struct ov_network *network(void)
{
	static struct ov_network n = {.id = "be4c0000be4c", .vni = 77};
	ipprefix_parse("10.1.0.0/20", &n.subnet);
	ipaddr_parse("10.1.0.1", &n.gateway);
	return &n;
}

static struct ov_endpoint endpoint(const char *ip)
{
	struct ov_endpoint e = {.network_id = network()->id, .mac = {2, 0x42}};
	ipaddr_parse(ip, &e.ip);
	memcpy(e.mac + 2, e.ip.bytes, 4);
	return e;
}

static int open_host(struct loop *l, const char *dir, struct host *h, struct err *err)
{
	h->ns = netns_open(h->ns_path, err);
	if (h->ns < 0)
		return h->ns;
	netns_leave(h->ns);
	h->run = xasprintf("%s/%s", dir, h->inside);
	struct overlay_config c = {.run_dir = h->run,
				   .underlay = h->address,
				   .no_fast = getenv("CARRACK_BENCH_NO_FAST") != NULL};
	struct ov_endpoint e = endpoint(h->inside);
	struct ov_sandbox s = {.id = "bench", .endpoints = &e, .n_endpoints = 1};
	int r = overlay_open(l, &c, &h->ov, err);
	if (r == 0)
		r = overlay_network_set(h->ov, network(), err);
	return r < 0 ? r : overlay_sandbox_set(h->ov, &s, &h->box, err);
}

static int tell(struct host *h, const struct host *other, struct err *err)
{
	struct ov_endpoint e = endpoint(other->inside);
	struct ov_peer p = {.ip = e.ip, .vtep = overlay_address(other->ov)};
	memcpy(p.mac, e.mac, sizeof(p.mac));
	netns_leave(h->ns);
	return overlay_peer_set(h->ov, network()->id, &p, err);
}

static int add_near(struct host *h, struct err *err)
{
	struct ov_endpoint e = endpoint("10.1.0.4");
	struct ov_sandbox s = {.id = "near", .endpoints = &e, .n_endpoints = 1};
	auto_free char *path = NULL;
	netns_leave(h->ns);
	return overlay_sandbox_set(h->ov, &s, &path, err);
}

static double now_ms(void)
{
	struct timespec ts;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec * 1e3 + (double)ts.tv_nsec / 1e6;
}

static int churn(struct host *h, struct err *err)
{
	struct ov_endpoint e = endpoint("10.1.0.9");
	double set = 0, del = 0;
	netns_leave(h->ns);
	for (int i = 0; i < ROUNDS; i++) {
		char id[32];
		snprintf(id, sizeof(id), "churn%d", i);
		struct ov_sandbox s = {.id = id, .endpoints = &e, .n_endpoints = 1};
		auto_free char *path = NULL;
		double start = now_ms();
		int r = overlay_sandbox_set(h->ov, &s, &path, err);
		double middle = now_ms();
		if (r == 0)
			r = overlay_sandbox_del(h->ov, id, err);
		if (r < 0)
			return r;
		set += middle - start;
		del += now_ms() - middle;
	}
	printf("sandbox: made in %.2f ms, removed in %.2f ms\n", set / ROUNDS, del / ROUNDS);
	return 0;
}

static void stop(void *l)
{
	loop_stop(l);
}

int main(int argc, char **argv)
{
	if (argc != 6) {
		fprintf(stderr, "usage: overlay_bench DIR NS_A ADDR_A NS_B ADDR_B\n");
		return 2;
	}
	struct loop *l = loop_new();
	struct err err = {0};
	struct host a = {.ns_path = argv[2], .address = argv[3], .inside = "10.1.0.2"};
	struct host b = {.ns_path = argv[4], .address = argv[5], .inside = "10.1.0.3"};
	int r = open_host(l, argv[1], &a, &err);
	if (r == 0)
		r = open_host(l, argv[1], &b, &err);
	if (r == 0)
		r = tell(&a, &b, &err);
	if (r == 0)
		r = tell(&b, &a, &err);
	if (r == 0)
		r = add_near(&a, &err);
	if (r == 0) {
		struct ov_fast fast;
		printf("%s\n%s\n", a.box, b.box);
		printf("fast path: %s\n", overlay_fast(a.ov, &fast) ? "yes" : "no");
		r = churn(&a, &err);
	}
	if (r < 0) {
		fprintf(stderr, "overlay_bench: %s\n", err_text(&err));
		return 1;
	}
	struct timer *t = timer_new(l, stop, l);
	timer_set(t, 50); /* the peers are written at the end of a turn */
	loop_run(l);
	timer_free(t);
	overlay_close(a.ov);
	overlay_close(b.ov);
	loop_free(l);
	free(a.run);
	free(b.run);
	free(a.box);
	free(b.box);
	return 0;
}
