/* SPDX-License-Identifier: Apache-2.0
 * Shares and bounds of block devices, and rules for device nodes (OCI runtime spec, config-linux:
 * "blockIO" and "devices"). */
#include "agent/runtime/bundle_parts.h"
#include "base/num.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

static int put_device(json_t *list, const struct rt_rate *r, const char *key, struct err *err)
{
	struct stat st;
	if (stat(r->path, &st) < 0)
		return err_sys(err, -errno, "no block device '%s' on this host", r->path);
	if (!S_ISBLK(st.st_mode))
		return err_set(err, -ENOTBLK, "'%s' is not a block device", r->path);
	json_t *j = json_object();
	json_put_int(j, "major", major(st.st_rdev));
	json_put_int(j, "minor", minor(st.st_rdev));
	json_put_int(j, key, r->value);
	json_array_append_new(list, j);
	return 0;
}

json_t *bundle_io(const struct rt_spec *s, struct err *err)
{
	static const char *const keys[RT_IO_MAX] = {
		[RT_IO_WEIGHT] = "weightDevice",
		[RT_IO_READ_BPS] = "throttleReadBpsDevice",
		[RT_IO_READ_IOPS] = "throttleReadIOPSDevice",
		[RT_IO_WRITE_BPS] = "throttleWriteBpsDevice",
		[RT_IO_WRITE_IOPS] = "throttleWriteIOPSDevice",
	};
	json_t *j = json_object();
	if (s->io_weight > 0)
		json_put_int(j, "weight", s->io_weight);
	for (size_t i = 0; i < RT_IO_MAX; i++) {
		json_t *list = json_array();
		int r = 0;
		for (size_t k = 0; k < s->io[i].n && r == 0; k++)
			r = put_device(list, &s->io[i].v[k], i == RT_IO_WEIGHT ? "weight" : "rate",
				       err);
		if (r < 0) {
			json_decref(list);
			json_decref(j);
			return NULL;
		}
		json_put_new(j, keys[i], list);
	}
	return j;
}

static bool number_or_all(const char *text, json_t *rule, const char *key)
{
	int64_t v;
	if (streq(text, "*"))
		return true;
	if (!text || !num_parse_i64(text, 0, INT32_MAX, &v))
		return false;
	json_put_int(rule, key, v);
	return true;
}

/* "c 1:3 rwm"; a number may be '*'. */
int bundle_device_rules(const struct rt_spec *s, json_t *rules, struct err *err)
{
	for (size_t i = 0; i < s->device_rules.n; i++) {
		auto_free char *copy = xstrdup(s->device_rules.v[i]);
		char *rest = copy;
		const char *type = strsep(&rest, " ");
		char *numbers = strsep(&rest, " ");
		const char *access = strsep(&rest, " ");
		const char *first = numbers ? strsep(&numbers, ":") : NULL;
		auto_json *rule = json_object();
		json_put_bool(rule, "allow", true);
		json_put_str(rule, "type", type);
		bool ok = access && !rest && strlen(type) == 1 && strchr("abc", *type) && *access &&
			  strspn(access, "rwm") == strlen(access) &&
			  number_or_all(first, rule, "major") &&
			  number_or_all(numbers, rule, "minor");
		if (!ok)
			return err_set(err, -EINVAL,
				       "'%s' is not a rule for devices such as \"c 1:3 rwm\"",
				       s->device_rules.v[i]);
		json_put_str(rule, "access", access);
		json_array_append(rules, rule);
	}
	return 0;
}
