/* SPDX-License-Identifier: Apache-2.0
 * See pullage.h. */
#include "agent/core/pullage.h"
#include "base/digest.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/loop.h"
#include <string.h>
#include <sys/stat.h>

static char *note_path(const char *data_dir, const char *ref)
{
	char digest[DIGEST_TEXT];
	sha256_text(ref, strlen(ref), digest);
	return xasprintf("%s/pulled/%s", data_dir, digest + strlen("sha256:"));
}

/* How long an image may be used without asking; -1: the policy is another. */
static int64_t period_ns(const struct spec_service *s)
{
	int64_t ns;
	if (s->pull_policy && spec_pull_every(s->pull_policy, &ns))
		return ns;
	if (streq(s->pull_policy, "refresh"))
		return s->pull_refresh_after < 0 ? 0 : s->pull_refresh_after;
	return -1;
}

static bool is_young(const char *data_dir, const char *ref, int64_t ns)
{
	auto_free char *path = note_path(data_dir, ref);
	struct stat st;
	if (stat(path, &st) < 0)
		return false;
	int64_t age_ms =
		clock_wall_ms() - (int64_t)st.st_mtim.tv_sec * 1000 - st.st_mtim.tv_nsec / 1000000;
	return age_ms >= 0 && age_ms < ns / 1000000;
}

enum image_policy pullage_policy(const char *data_dir, const struct spec_service *s,
				 const char *image)
{
	const char *p = s->pull_policy;
	int64_t ns = period_ns(s);
	if (streq(p, "never"))
		return IMAGE_NEVER;
	if (streq(p, "missing") || streq(p, "if_not_present") || streq(p, "build"))
		return IMAGE_MISSING;
	/* What a digest means never changes. */
	if (!streq(p, "always") && image && strchr(image, '@'))
		return IMAGE_MISSING;
	if (ns >= 0 && image && is_young(data_dir, image, ns))
		return IMAGE_MISSING;
	return IMAGE_ALWAYS;
}

void pullage_note(const char *data_dir, const struct spec_service *s, const char *image,
		  enum image_policy policy)
{
	struct err err = {0};
	if (period_ns(s) < 0 || policy != IMAGE_ALWAYS || !image)
		return;
	auto_free char *dir = xasprintf("%s/pulled", data_dir);
	auto_free char *path = note_path(data_dir, image);
	int r = dir_make(dir, 0700, &err);
	if (r == 0)
		r = file_replace(path, image, strlen(image), 0600, &err);
	if (r < 0)
		log_warn("agent", "the time of the last pull is not kept: %s", err_text(&err));
}
