/* SPDX-License-Identifier: Apache-2.0
 * Capabilities; see caps.h. */
#include "agent/runtime/caps.h"
#include "base/fd.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

static const char *const names[] = {
	"CHOWN",
	"DAC_OVERRIDE",
	"DAC_READ_SEARCH",
	"FOWNER",
	"FSETID",
	"KILL",
	"SETGID",
	"SETUID",
	"SETPCAP",
	"LINUX_IMMUTABLE",
	"NET_BIND_SERVICE",
	"NET_BROADCAST",
	"NET_ADMIN",
	"NET_RAW",
	"IPC_LOCK",
	"IPC_OWNER",
	"SYS_MODULE",
	"SYS_RAWIO",
	"SYS_CHROOT",
	"SYS_PTRACE",
	"SYS_PACCT",
	"SYS_ADMIN",
	"SYS_BOOT",
	"SYS_NICE",
	"SYS_RESOURCE",
	"SYS_TIME",
	"SYS_TTY_CONFIG",
	"MKNOD",
	"LEASE",
	"AUDIT_WRITE",
	"AUDIT_CONTROL",
	"SETFCAP",
	"MAC_OVERRIDE",
	"MAC_ADMIN",
	"SYSLOG",
	"WAKE_ALARM",
	"BLOCK_SUSPEND",
	"AUDIT_READ",
	"PERFMON",
	"BPF",
	"CHECKPOINT_RESTORE",
};

/* Docker's set. NET_RAW is in it because ping in real images needs it (iputils carries it as a file
 * capability, and exec refuses a file capability outside of the bounding set); forged frames do not
 * leave the sandbox, the overlay's guard drops them (overlay/rules.h). */
static const char *const defaults[] = {
	"CHOWN",      "DAC_OVERRIDE", "FOWNER",      "FSETID",  "KILL",
	"SETGID",     "SETUID",       "SETPCAP",     "SETFCAP", "NET_BIND_SERVICE",
	"SYS_CHROOT", "MKNOD",        "AUDIT_WRITE", "NET_RAW",
};

static int cap_number(const char *name)
{
	if (strncasecmp(name, "CAP_", 4) == 0)
		name += 4;
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (strcasecmp(name, names[i]) == 0)
			return (int)i;
	return -1;
}

static int caps_parse(const struct strlist *l, caps_t *out, struct err *err)
{
	caps_t set = 0;
	for (size_t i = 0; i < l->n; i++) {
		int n = cap_number(l->v[i]);
		if (strcasecmp(l->v[i], "ALL") == 0)
			set = CAPS_ALL;
		else if (n < 0)
			return err_set(err, -EINVAL,
				       "unknown capability '%s': see capabilities(7) for the names",
				       l->v[i]);
		else
			set |= (caps_t)1 << n;
	}
	*out = set;
	return 0;
}

int caps_resolve(const struct strlist *add, const struct strlist *drop, caps_t available,
		 caps_t *out, struct err *err)
{
	caps_t set = 0, plus, minus;
	int r = caps_parse(add, &plus, err);
	if (r == 0)
		r = caps_parse(drop, &minus, err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < ARRAY_LEN(defaults); i++)
		set |= (caps_t)1 << cap_number(defaults[i]);
	/* ALL is the weaker word: "drop ALL, add X" leaves X, "add ALL, drop X" leaves out X. */
	if (minus == CAPS_ALL)
		set = plus == CAPS_ALL ? 0 : plus;
	else
		set = (set | plus) & ~minus;
	*out = set & available & (((caps_t)1 << ARRAY_LEN(names)) - 1);
	return 0;
}

static caps_t status_set(const char *status, const char *key)
{
	const char *at = strstr(status, key);
	return at ? strtoull(at + strlen(key), NULL, 16) : 0;
}

caps_t caps_available(void)
{
	auto_free char *status = NULL;
	if (file_read("/proc/self/status", 1 << 16, &status, NULL, NULL) < 0)
		return 0;
	return status_set(status, "\nCapBnd:") & status_set(status, "\nCapPrm:");
}

bool caps_has(caps_t set, const char *name)
{
	int n = cap_number(name);
	return n >= 0 && (set >> n & 1);
}

void caps_names(caps_t set, struct strlist *out)
{
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (set >> i & 1)
			strlist_addf(out, "CAP_%s", names[i]);
}
