/* SPDX-License-Identifier: Apache-2.0
 * Layers written by hand, good and hostile, unpacked beside a canary that nothing may touch. Needs root:
 * owners, devices and trusted attributes are what layers are made of. */
#include "agent/image/unpack.h"
#include "base/fd.h"
#include "base/mem.h"
// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
// clang-format on
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#define BLOCK 512

/* A test's folder: root (the layer), low (a layer below) and canary beside them. */
struct box {
	char dir[64];
	int root, low;
	struct str tar;
	struct unpack_result res;
};

static void put_octal(char *at, size_t n, unsigned long long v)
{
	for (at[--n] = '\0'; n-- > 0; v >>= 3)
		at[n] = (char)('0' + (v & 7));
}

struct head {
	const char *name, *link, *data;
	char type;
	unsigned mode, uid;
	unsigned long long size; /* where it is not that of data */
	long mtime;
};

static void add(struct box *b, struct head h)
{
	char block[BLOCK] = {0};
	size_t len = h.data ? strlen(h.data) : 0;
	unsigned sum = 0;
	strncpy(block, h.name, 100);
	put_octal(block + 100, 8, h.mode);
	put_octal(block + 108, 8, h.uid);
	put_octal(block + 116, 8, h.uid);
	put_octal(block + 124, 12, h.size ? h.size : len);
	put_octal(block + 136, 12, (unsigned long long)h.mtime);
	memset(block + 148, ' ', 8);
	block[156] = h.type;
	if (h.link)
		strncpy(block + 157, h.link, 100);
	memcpy(block + 257, "ustar\00000", 8);
	for (size_t i = 0; i < BLOCK; i++)
		sum += (unsigned char)block[i];
	put_octal(block + 148, 7, sum);
	block[155] = ' ';
	str_addn(&b->tar, block, BLOCK);
	if (len) {
		static const char zeros[BLOCK];
		str_addn(&b->tar, h.data, len);
		str_addn(&b->tar, zeros, (BLOCK - len % BLOCK) % BLOCK);
	}
}

static void file(struct box *b, const char *name, const char *data)
{
	add(b, (struct head){.name = name, .type = '0', .mode = 0644, .data = data});
}

static void folder(struct box *b, const char *name, unsigned mode)
{
	add(b, (struct head){.name = name, .type = '5', .mode = mode});
}

static void link_to(struct box *b, char type, const char *name, const char *to)
{
	add(b, (struct head){.name = name, .type = type, .mode = 0777, .link = to});
}

/* One PAX record before the next entry. */
static void pax(struct box *b, const char *key, const char *value)
{
	auto_free char *body = xasprintf(" %s=%s\n", key, value);
	size_t n = strlen(body) + 1;
	while (n < strlen(body) + (size_t)snprintf(NULL, 0, "%zu", n))
		n++;
	auto_free char *record = xasprintf("%zu%s", n, body);
	add(b, (struct head){.name = "PaxHeaders", .type = 'x', .mode = 0644, .data = record});
}

struct reader {
	struct box *b;
	bool done;
};

static ssize_t whole_tar(void *arg, const void **buf, struct err *err)
{
	struct reader *r = arg;
	(void)err;
	*buf = r->b->tar.data;
	ssize_t n = r->done ? 0 : (ssize_t)r->b->tar.len;
	r->done = true;
	return n;
}

static int unpack_lows(struct box *b, bool lows)
{
	struct reader r = {.b = b};
	struct overlayfs_lowers l = {.fds = &b->low, .n = 1};
	struct err err = {0};
	unpack_result_done(&b->res);
	int code = unpack_tar(b->root, whole_tar, &r, lows ? &l : NULL, &b->res, &err);
	if (code < 0)
		assert_true(err.code < 0 && strlen(err.text) > 10);
	str_clear(&b->tar);
	return code;
}

static int unpack(struct box *b)
{
	return unpack_lows(b, false);
}

static int open_new(const char *dir, const char *name)
{
	auto_free char *path = xasprintf("%s/%s", dir, name);
	assert_int_equal(mkdir(path, 0755), 0);
	return open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static int setup(void **state)
{
	struct box *b = xcalloc(1, sizeof(*b));
	strcpy(b->dir, "/tmp/carrack-unpack-XXXXXX");
	if (!mkdtemp(b->dir))
		return -1;
	b->root = open_new(b->dir, "root");
	b->low = open_new(b->dir, "low");
	auto_close int canary = open_new(b->dir, "canary");
	auto_close int fd = openat(canary, "secret", O_CREAT | O_WRONLY | O_CLOEXEC, 0400);
	*state = b;
	return write(fd, "untouched", 9) == 9 ? 0 : -1;
}

static int teardown(void **state)
{
	struct box *b = *state;
	auto_free char *path = xasprintf("%s/canary", b->dir);
	auto_free char *secret = xasprintf("%s/secret", path);
	auto_free char *text = NULL;
	size_t n;
	struct stat st, dir;
	assert_int_equal(stat(secret, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0400);
	assert_int_equal(st.st_nlink, 1);
	assert_int_equal(stat(path, &dir), 0);
	assert_int_equal(dir.st_mode & 07777, 0755);
	assert_int_equal(dir.st_nlink, 2);
	assert_int_equal(file_read(secret, 100, &text, &n, NULL), 0);
	assert_string_equal(text, "untouched");
	close(b->root);
	close(b->low);
	str_done(&b->tar);
	unpack_result_done(&b->res);
	assert_int_equal(dir_remove(b->dir, NULL), 0);
	free(b);
	return 0;
}

static struct stat look(struct box *b, const char *path)
{
	struct stat st;
	if (fstatat(b->root, path, &st, AT_SYMLINK_NOFOLLOW) < 0)
		fail_msg("'%s' is not there", path);
	return st;
}

static bool there(struct box *b, const char *path)
{
	struct stat st;
	return fstatat(b->root, path, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

static bool whiteout(struct box *b, const char *path)
{
	struct stat st = look(b, path);
	return S_ISCHR(st.st_mode) && st.st_rdev == makedev(0, 0);
}

static bool opaque(struct box *b, const char *path)
{
	char value[4];
	auto_close int fd = openat(b->root, path, O_RDONLY | O_CLOEXEC);
	return fgetxattr(fd, "trusted.overlay.opaque", value, sizeof(value)) == 1 && *value == 'y';
}

static void expect_text(struct box *b, const char *path, const char *text)
{
	auto_close int fd = openat(b->root, path, O_RDONLY | O_CLOEXEC);
	auto_free char *found = NULL;
	size_t n;
	assert_int_equal(fd_read_all(fd, 1 << 20, &found, &n, NULL), 0);
	assert_string_equal(found, text);
}

static void test_kinds(void **state)
{
	struct box *b = *state;
	add(b, (struct head){.name = "./", .type = '5', .mode = 0750, .mtime = 77});
	add(b, (struct head){.name = "d/", .type = '5', .mode = 01777, .uid = 7, .mtime = 1000});
	add(b, (struct head){.name = "d/su",
			     .type = '0',
			     .mode = 04755,
			     .uid = 5,
			     .data = "x",
			     .mtime = 99});
	add(b,
	    (struct head){.name = "d/hard", .link = "d/su", .type = '1', .mode = 04755, .uid = 5});
	link_to(b, '2', "d/soft", "/etc/passwd");
	add(b, (struct head){.name = "d/fifo", .type = '6', .mode = 0622});
	file(b, "implied/a/b", "deep");
	assert_int_equal(unpack(b), 0); /* with no blocks of zeros at its end */
	assert_int_equal(look(b, ".").st_mode & 07777, 0750);
	assert_int_equal(look(b, "d").st_mode & 07777, 01777);
	assert_int_equal(look(b, "d").st_uid, 7);
	assert_int_equal(look(b, "d").st_mtime, 1000);
	assert_int_equal(look(b, ".").st_mtime, 77);
	assert_int_equal(look(b, "d/su").st_uid, 5);
	assert_int_equal(look(b, "d/su").st_mode & 07777, 04755);
	assert_int_equal(look(b, "d/su").st_mtime, 99);
	assert_int_equal(look(b, "d/hard").st_ino, look(b, "d/su").st_ino);
	assert_true(S_ISLNK(look(b, "d/soft").st_mode));
	assert_int_equal(look(b, "d/fifo").st_mode, S_IFIFO | 0622);
	assert_int_equal(look(b, "implied").st_mode & 07777, 0755);
	assert_int_equal(b->res.implied.n, 2);
	expect_text(b, "implied/a/b", "deep");
}

static void test_whiteouts(void **state)
{
	struct box *b = *state;
	folder(b, "d", 0755);
	file(b, "d/.wh.gone", "");
	file(b, "d/.wh..wh..opq", "");
	file(b, ".wh..wh.plnk", "");
	file(b, ".wh.dir", "");
	folder(b, "dir", 0700);
	folder(b, "own", 0700);
	file(b, ".wh.own", "");
	file(b, "kept", "k");
	file(b, ".wh.kept", "");
	assert_int_equal(unpack(b), 0);
	assert_true(whiteout(b, "d/gone"));
	assert_true(opaque(b, "d"));
	assert_true(opaque(b, "dir"));
	assert_true(opaque(b, "own"));
	expect_text(b, "kept", "k");
	assert_false(there(b, ".wh..wh.plnk"));
	static const char *const bad[] = {".wh.", ".wh..", ".wh...", "d/.wh..", "d/.wh..."};
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		file(b, bad[i], "");
		assert_int_equal(unpack(b), -EBADMSG);
	}
}

static void test_names_stay_inside(void **state)
{
	struct box *b = *state;
	file(b, "../canary/secret", "1");
	file(b, "/../../../../canary/secret", "2");
	file(b, "a/../../canary/x", "3");
	link_to(b, '2', "out", "../canary");
	file(b, "out/secret", "4");
	link_to(b, '2', "abs", "/canary");
	file(b, "abs/y", "5");
	file(b, "out/.wh.secret", "");
	folder(b, "out", 0777);
	file(b, "..", "6");
	file(b, ".", "7");
	assert_int_equal(unpack(b), 0);
	expect_text(b, "canary/y", "5");
	assert_true(S_ISDIR(look(b, "out").st_mode));
}

static void test_links_stay_inside(void **state)
{
	struct box *b = *state;
	static const char *const targets[] = {"../canary/secret", "/../canary/secret", "up/secret",
					      "/etc/shadow", ""};
	for (size_t i = 0; i < ARRAY_LEN(targets); i++) {
		link_to(b, '2', "up", "../canary");
		link_to(b, '1', "h", targets[i]);
		int r = unpack(b);
		if (r == 0) /* no target at all: a plain file */
			assert_int_equal(i, ARRAY_LEN(targets) - 1);
	}
	link_to(b, '2', "s", "../canary/secret");
	link_to(b, '1', "h", "s");
	add(b, (struct head){.name = "h", .type = '0', .mode = 0777, .data = "new"});
	assert_int_equal(unpack(b), 0);
	expect_text(b, "h", "new");
	assert_true(S_ISLNK(look(b, "s").st_mode));
	link_to(b, '2', "loop", "loop");
	file(b, "loop/x", "");
	assert_true(unpack(b) < 0);
}

static void test_replacing(void **state)
{
	struct box *b = *state;
	folder(b, "x", 0755);
	file(b, "x/y/z", "1");
	file(b, "x", "now a file");
	folder(b, "x", 0755);
	file(b, "x/new", "2");
	link_to(b, '2', "x", "nowhere");
	file(b, "f", "old");
	file(b, "f", "newer");
	link_to(b, '1', "g", "f");
	link_to(b, '1', "f", "g");
	link_to(b, '1', "f", "f");
	assert_int_equal(unpack(b), 0);
	assert_true(S_ISLNK(look(b, "x").st_mode));
	expect_text(b, "f", "newer");
	assert_int_equal(look(b, "f").st_nlink, 2);
	file(b, "file", "");
	file(b, "file/below", "");
	assert_int_equal(unpack(b), -ENOTDIR);
}

static void test_attributes(void **state)
{
	struct box *b = *state;
	char value[64];
	pax(b, "SCHILY.xattr.trusted.overlay.redirect", "/etc");
	file(b, "t", "");
	pax(b, "SCHILY.xattr.user.note", "hello");
	file(b, "u", "");
	pax(b, "SCHILY.xattr.user.overlay.opaque", "y");
	folder(b, "o", 0755);
	assert_int_equal(unpack(b), 0);
	auto_close int t = openat(b->root, "t", O_RDONLY | O_CLOEXEC);
	auto_close int u = openat(b->root, "u", O_RDONLY | O_CLOEXEC);
	auto_close int o = openat(b->root, "o", O_RDONLY | O_CLOEXEC);
	assert_int_equal(fgetxattr(t, "trusted.overlay.redirect", value, sizeof(value)), -1);
	assert_int_equal(fgetxattr(o, "user.overlay.opaque", value, sizeof(value)), -1);
	ssize_t n = fgetxattr(u, "user.note", value, sizeof(value));
	assert_true(n == 5 || (n == -1 && errno == ENOTSUP)); /* tmpfs of older kernels */
}

static void test_long_names(void **state)
{
	struct box *b = *state;
	auto_str path = {0};
	for (int i = 0; i < 30; i++)
		str_addf(&path, "%sfolder-%d", i ? "/" : "", i);
	pax(b, "path", path.data);
	file(b, "short", "pax");
	assert_int_equal(unpack(b), 0);
	expect_text(b, path.data, "pax");
	while (path.len < 5000)
		str_add(&path, "/x");
	pax(b, "path", path.data);
	file(b, "short", "");
	assert_int_equal(unpack(b), -ENAMETOOLONG);
	auto_str name = {0};
	while (name.len < 256)
		str_addc(&name, 'n');
	pax(b, "path", name.data);
	file(b, "short", "");
	assert_int_equal(unpack(b), -ENAMETOOLONG);
}

static void test_damaged(void **state)
{
	struct box *b = *state;
	add(b, (struct head){.name = "cut", .type = '0', .mode = 0644, .size = 100000});
	assert_int_equal(unpack(b), -EBADMSG);
	add(b, (struct head){.name = "huge", .type = '0', .mode = 0644, .size = 7ULL << 30});
	add(b, (struct head){.name = "huge", .type = '0', .mode = 0644, .size = 7ULL << 30});
	assert_true(unpack(b) < 0);
	for (int i = 0; i < 4; i++)
		str_add(&b->tar,
			"this is not an archive at all, and never was one, whoever says so. ");
	while (b->tar.len < 1024)
		str_addc(&b->tar, '.');
	assert_int_equal(unpack(b), -EBADMSG);
	str_clear(&b->tar);
	assert_int_equal(unpack(b), 0); /* nothing at all */
}

static void make_lower(struct box *b)
{
	assert_int_equal(mkdirat(b->low, "tmp", 0700), 0);
	assert_int_equal(fchmodat(b->low, "tmp", 01777, 0), 0);
	assert_int_equal(mkdirat(b->low, "usr", 0755), 0);
	assert_int_equal(symlinkat("usr", b->low, "lib"), 0);
	auto_close int fd = openat(b->low, "usr/tool", O_CREAT | O_WRONLY | O_CLOEXEC, 0755);
	assert_int_equal(write(fd, "tool", 4), 4);
}

static void test_settle(void **state)
{
	struct box *b = *state;
	struct overlayfs_lowers l = {.fds = &b->low, .n = 1};
	bool redo;
	make_lower(b);
	file(b, "tmp/x", "1");
	file(b, "usr/.wh.tool", "");
	file(b, "usr/.wh.nothing", "");
	assert_int_equal(unpack(b), 0);
	assert_int_equal(look(b, "tmp").st_mode & 07777, 0755);
	assert_int_equal(unpack_settle(b->root, &b->res, &l, &redo, NULL), 0);
	assert_false(redo);
	assert_int_equal(look(b, "tmp").st_mode & 07777, 01777);
	assert_true(whiteout(b, "usr/tool"));
	assert_false(there(b, "usr/nothing"));
	file(b, "lib/y", "2");
	assert_int_equal(unpack(b), 0);
	assert_int_equal(unpack_settle(b->root, &b->res, &l, &redo, NULL), 0);
	assert_true(redo);
}

static void test_with_lowers(void **state)
{
	struct box *b = *state;
	make_lower(b);
	link_to(b, '1', "mine", "lib/tool");
	assert_true(unpack(b) < 0);
	assert_true(b->res.needs_lowers);
	file(b, "lib/y", "2");
	link_to(b, '1', "mine", "lib/tool");
	assert_int_equal(unpack_lows(b, true), 0);
	expect_text(b, "usr/y", "2");
	expect_text(b, "mine", "tool");
	assert_int_equal(look(b, "mine").st_ino, look(b, "usr/tool").st_ino);
	assert_false(there(b, "lib"));
	link_to(b, '1', "no", "lib/absent");
	assert_int_equal(unpack_lows(b, true), -EBADMSG);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_kinds),
		T(test_whiteouts),
		T(test_names_stay_inside),
		T(test_links_stay_inside),
		T(test_replacing),
		T(test_attributes),
		T(test_long_names),
		T(test_damaged),
		T(test_settle),
		T(test_with_lowers),
	};
	if (geteuid() != 0) {
		printf("skipped: needs root\n");
		return 0;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
