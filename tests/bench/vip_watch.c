/* SPDX-License-Identifier: Apache-2.0
 * For death.sh. `vip_watch VIP`: says when the number of tasks that a VIP leads to changes on this host
 * (CLOCK_MONOTONIC in us, and the number), as the kernel's programs see it. `vip_watch kill PID`: kills,
 * and says when. */
#include "overlay/bpf/vip_maps.h"
#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static long long now_us(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (long long)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

int main(int argc, char **argv)
{
	if (argc == 3 && strcmp(argv[1], "kill") == 0) {
		printf("%lld\n", now_us());
		return kill(atoi(argv[2]), SIGKILL) < 0;
	}
	struct vip_addr key = {{0, 0, htonl(0xffff), 0}};
	struct vip_bpf_vip v;
	int map = bpf_obj_get("/run/carrack/bpf/ck_vips");
	if (argc != 2 || map < 0 || inet_pton(AF_INET, argv[1], &key.w[3]) != 1)
		return 1;
	setvbuf(stdout, NULL, _IOLBF, 0);
	for (long long last = -1;; usleep(200)) {
		long long n = bpf_map_lookup_elem(map, &key, &v) == 0 ? v.n_slots : 0;
		if (n != last)
			printf("%lld %lld\n", now_us(), n);
		last = n;
	}
}
