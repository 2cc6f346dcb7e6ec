/* SPDX-License-Identifier: Apache-2.0
 * Layers from any bytes, inflated and unpacked into a folder in memory beside a canary. */
#include "agent/image/inflate.h"
#include "agent/image/unpack.h"
#include "base/fd.h"
#include "base/mem.h"
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct input {
	const uint8_t *data;
	size_t left;
	struct inflate *inflate;
	unsigned char buf[8192];
};

static ssize_t from_input(void *arg, void *buf, size_t n)
{
	struct input *in = arg;
	n = n < in->left ? n : in->left;
	memcpy(buf, in->data, n);
	in->data += n;
	in->left -= n;
	return (ssize_t)n;
}

static ssize_t inflated(void *arg, const void **buf, struct err *err)
{
	struct input *in = arg;
	*buf = in->buf;
	return inflate_read(in->inflate, in->buf, sizeof(in->buf), err);
}

static const char *box(void)
{
	static char dir[] = "/dev/shm/carrack-fuzz-XXXXXX";
	if (dir[sizeof(dir) - 2] == 'X') {
		if (!mkdtemp(dir))
			abort();
		auto_free char *canary = xasprintf("%s/canary", dir);
		close(open(canary, O_CREAT | O_WRONLY | O_CLOEXEC, 0400));
	}
	return dir;
}

static void check_canary(const char *dir)
{
	auto_free char *canary = xasprintf("%s/canary", dir);
	struct stat st;
	if (lstat(canary, &st) < 0 || st.st_size != 0 || st.st_nlink != 1 ||
	    st.st_mode != (S_IFREG | 0400))
		__builtin_trap();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input *in = xcalloc(1, sizeof(*in));
	struct unpack_result res = {0};
	auto_free char *root = xasprintf("%s/root", box());
	in->data = data;
	in->left = size;
	in->inflate = inflate_new(from_input, in, 16 << 20);
	mkdir(root, 0755);
	int fd = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	unpack_tar(fd, inflated, in, NULL, &res, NULL);
	close(fd);
	unpack_result_done(&res);
	inflate_free(in->inflate);
	free(in);
	if (dir_remove(root, NULL) < 0)
		__builtin_trap();
	check_canary(box());
	return 0;
}
