/* SPDX-License-Identifier: Apache-2.0
 * What a path between two namespaces does, over UDP: netprobe serve | rtt ADDR ROUNDS | flood ADDR MS BYTES.
 * rtt prints the median in microseconds of a ping-pong of one byte; flood prints how many datagrams a second
 * arrived. The server echoes what is short, counts what is longer and tells the count when asked. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>

#define PORT    7000
#define COUNTED 16 /* bytes; what is shorter is echoed */
#define ASK     '?'

static double now_us(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static int by_value(const void *a, const void *b)
{
	const double *x = a, *y = b;
	return (*x > *y) - (*x < *y);
}

static int serve(int fd)
{
	struct sockaddr_in any = {.sin_family = AF_INET, .sin_port = htons(PORT)};
	if (bind(fd, (struct sockaddr *)&any, sizeof(any)) < 0)
		return 1;
	uint64_t count = 0;
	for (;;) {
		char buf[65536];
		struct sockaddr_in from;
		socklen_t len = sizeof(from);
		ssize_t n = recvfrom(fd, buf, sizeof(buf), 0, (struct sockaddr *)&from, &len);
		if (n < 0)
			return 1;
		if (n >= COUNTED) {
			count++;
			continue;
		}
		if (n == 1 && buf[0] == ASK) {
			memcpy(buf, &count, sizeof(count));
			n = sizeof(count);
			count = 0;
		}
		(void)sendto(fd, buf, (size_t)n, 0, (struct sockaddr *)&from, len);
	}
}

static int rtt(int fd, int rounds)
{
	double *t = calloc((size_t)rounds, sizeof(*t));
	char c = 'x';
	if (!t)
		return 1;
	for (int i = 0; i < rounds; i++) {
		double start = now_us();
		if (send(fd, &c, 1, 0) != 1 || recv(fd, &c, 1, 0) != 1) {
			perror("netprobe");
			return 1;
		}
		t[i] = now_us() - start;
	}
	qsort(t, (size_t)rounds, sizeof(*t), by_value);
	printf("%.2f\n", t[rounds / 2]);
	free(t);
	return 0;
}

/* What is still under way arrives before the answer: one path, one queue. */
static int ask(int fd, uint64_t *count)
{
	char c = ASK;
	for (int i = 0; i < 20; i++)
		if (send(fd, &c, 1, 0) == 1 && recv(fd, count, sizeof(*count), 0) == sizeof(*count))
			return 0;
	return 1;
}

static int flood(int fd, int ms, int bytes)
{
	static char buf[65536];
	uint64_t count;
	if (bytes < COUNTED || bytes > (int)sizeof(buf) || ask(fd, &count))
		return 1;
	double start = now_us(), end = start + ms * 1e3;
	while (now_us() < end)
		for (int i = 0; i < 32; i++)
			if (send(fd, buf, (size_t)bytes, 0) < 0 && errno != ENOBUFS)
				return 1;
	double spent = now_us() - start;
	if (ask(fd, &count))
		return 1;
	printf("%.0f\n", (double)count / spent * 1e6);
	return 0;
}

int main(int argc, char **argv)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(PORT)};
	struct timeval limit = {.tv_usec = 500000};
	if (argc == 2 && strcmp(argv[1], "serve") == 0)
		return serve(fd);
	if (argc < 4 || inet_pton(AF_INET, argv[2], &to.sin_addr) != 1) {
		fprintf(stderr, "usage: netprobe serve | rtt ADDR ROUNDS | flood ADDR MS BYTES\n");
		return 2;
	}
	if (connect(fd, (struct sockaddr *)&to, sizeof(to)) < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)) < 0)
		return 1;
	if (strcmp(argv[1], "rtt") == 0)
		return rtt(fd, atoi(argv[3]));
	return argc == 5 ? flood(fd, atoi(argv[3]), atoi(argv[4])) : 2;
}
