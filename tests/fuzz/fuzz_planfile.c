/* SPDX-License-Identifier: Apache-2.0
 * A saved plan out of a file: reading it, showing it, and comparing it with another one. */
#include "cli/planout.h"
#include "controller/core/plan.h"
#include "manifests/planfile.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

static void look(const struct planfile *f)
{
	planout_all(f->plan);
	planout_changes(f->plan);
	cluster_plan_same(f->plan, f->request, NULL);
	cluster_plan_same(f->request, f->plan, NULL);
	if (json_int(f->plan, "revision", -1) != -1 &&
	    cluster_plan_same(f->plan, f->plan, NULL) == -ESTALE)
		abort();
}

/* The same content with the digest that it lacks: must be read. */
static void sealed(const json_t *j)
{
	const struct planfile was = {(char *)json_str(j, "stack"), json_object_get(j, "request"),
				     json_object_get(j, "plan"), json_object_get(j, "sealed")};
	struct planfile f = {0};
	if (!json_is_object(was.request) || !json_is_object(was.plan) || !was.stack)
		return;
	auto_free char *text = planfile_text(&was);
	if (!planfile_is(text, strlen(text)))
		abort();
	if (planfile_parse(text, strlen(text), &f, NULL) < 0)
		return;
	if (!json_equal(f.plan, was.plan) || !json_equal(f.request, was.request))
		abort();
	look(&f);
	planfile_done(&f);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct planfile f = {0};
	static FILE *nowhere;
	if (!nowhere)
		nowhere = freopen("/dev/null", "w", stdout);
	planfile_is((const char *)data, size);
	if (planfile_parse((const char *)data, size, &f, NULL) == 0) {
		look(&f);
		planfile_done(&f);
	}
	auto_json *j = json_parse((const char *)data, size, NULL);
	if (j)
		sealed(j);
	return 0;
}
