/* SPDX-License-Identifier: Apache-2.0
 * Seccomp profiles as programs; see seccomp_bpf.h. The one file that includes libseccomp. */
#include "agent/runtime/seccomp_bpf.h"
#include "base/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <seccomp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define PROGRAM_MAX (256u << 10) /* the kernel takes 4096 instructions of 8 bytes */

static uint32_t action_of(const json_t *rule)
{
	const char *name = json_str_or(rule, "action", "");
	if (streq(name, "SCMP_ACT_ALLOW"))
		return SCMP_ACT_ALLOW;
	return SCMP_ACT_ERRNO((uint32_t)json_int(rule, "errnoRet", EPERM));
}

static int compare_of(const char *op)
{
	if (streq(op, "SCMP_CMP_NE"))
		return SCMP_CMP_NE;
	if (streq(op, "SCMP_CMP_MASKED_EQ"))
		return SCMP_CMP_MASKED_EQ;
	return SCMP_CMP_EQ;
}

static int add_rule(scmp_filter_ctx ctx, const json_t *rule)
{
	size_t i;
	json_t *name, *arg = json_array_get(json_object_get(rule, "args"), 0);
	struct scmp_arg_cmp cmp = {
		.arg = (unsigned)json_int(arg, "index", 0),
		.op = (enum scmp_compare)compare_of(json_str(arg, "op")),
		.datum_a = (scmp_datum_t)json_int(arg, "value", 0),
		.datum_b = (scmp_datum_t)json_int(arg, "valueTwo", 0),
	};
	json_array_foreach(json_object_get(rule, "names"), i, name)
	{
		int nr = seccomp_syscall_resolve_name(json_string_value(name));
		if (nr == __NR_SCMP_ERROR)
			continue; /* newer than this libseccomp: denied */
		int r = seccomp_rule_add_array(ctx, action_of(rule), nr, arg ? 1 : 0, &cmp);
		if (r < 0 && r != -EEXIST && r != -EDOM)
			return r;
	}
	return 0;
}

static int add_all(scmp_filter_ctx ctx, const json_t *profile)
{
	size_t i;
	json_t *j;
	json_array_foreach(json_object_get(profile, "architectures"), i, j)
	{
		char name[32] = "";
		const char *full = json_string_value(j);
		/* "SCMP_ARCH_X86_64" is "x86_64" here. */
		for (size_t k = 0; k < sizeof(name) - 1 && full[10 + k]; k++)
			name[k] = (char)(full[10 + k] | (full[10 + k] == '_' ? 0 : 0x20));
		int r = seccomp_arch_add(ctx, seccomp_arch_resolve_name(name));
		if (r < 0 && r != -EEXIST)
			return r;
	}
	json_array_foreach(json_object_get(profile, "syscalls"), i, j)
	{
		int r = add_rule(ctx, j);
		if (r < 0)
			return r;
	}
	return 0;
}

static char *base64(const unsigned char *in, size_t n)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	char *out = xmalloc((n + 2) / 3 * 4 + 1), *p = out;
	for (size_t i = 0; i < n; i += 3) {
		uint32_t v = (uint32_t)in[i] << 16 | (i + 1 < n ? (uint32_t)in[i + 1] << 8 : 0) |
			     (i + 2 < n ? in[i + 2] : 0);
		*p++ = digits[v >> 18];
		*p++ = digits[v >> 12 & 63];
		*p++ = i + 1 < n ? digits[v >> 6 & 63] : '=';
		*p++ = i + 2 < n ? digits[v & 63] : '=';
	}
	*p = '\0';
	return out;
}

static char *export(scmp_filter_ctx ctx)
{
	auto_close int fd = memfd_create("seccomp", MFD_CLOEXEC);
	auto_free char *program = NULL;
	size_t len = 0;
	if (fd < 0 || seccomp_export_bpf(ctx, fd) < 0 || lseek(fd, 0, SEEK_SET) < 0 ||
	    fd_read_all(fd, PROGRAM_MAX, &program, &len, NULL) < 0 || len == 0)
		return NULL;
	return base64((const unsigned char *)program, len);
}

char *seccomp_bpf_text(const json_t *profile)
{
	int64_t denied = json_int(profile, "defaultErrnoRet", EPERM);
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ERRNO((uint32_t)denied));
	if (!ctx)
		return NULL;
	/* A tree of comparisons instead of a list of hundreds; older libraries keep the list. */
	seccomp_attr_set(ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	/* The OCI runtime decides about no_new_privs. */
	seccomp_attr_set(ctx, SCMP_FLTATR_CTL_NNP, 0);
	char *text = add_all(ctx, profile) == 0 ? export(ctx) : NULL;
	seccomp_release(ctx);
	return text;
}
