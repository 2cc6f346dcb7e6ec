/* SPDX-License-Identifier: Apache-2.0
 * {{.Task.Slot}} and its kin: what is filled in, and what stays. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

/* needs the four above, so it stands apart */
#include <cmocka.h>

#include "base/mem.h"
#include "manifests/placeholder.h"

static void fills(void **state)
{
	struct kv labels[] = {{(char *)"tier", (char *)"front"}, {(char *)"a b", (char *)"x"}};
	const struct kvlist list = {.v = labels, .n = 2};
	const struct placeholders p = {"shop",  "shop_web", &list, "n1",         "host1",
				       "linux", "x86_64",   "t9",  "shop_web.2", 2};
	static const struct {
		const char *text, *filled;
	} cases[] = {
		{"{{.Task.Slot}}", "2"},
		{"a-{{ .Task.Slot }}-b", "a-2-b"},
		{"{{.Node.Hostname}}.{{.Node.ID}}", "host1.n1"},
		{"{{.Service.Name}}/{{.Task.Name}}/{{.Task.ID}}", "shop_web/shop_web.2/t9"},
		{"{{.Node.Platform.OS}}/{{ .Node.Platform.Architecture }}", "linux/x86_64"},
		{"{{.Service.Labels}}", "map[a b:x tier:front]"},
		{"{{index .Service.Labels \"tier\"}}", "front"},
		{"{{ index  .Service.Labels `a b` }}", "x"},
		{"{{index .Service.Labels \"none\"}}.", "."},
		{"{{index .Service.Labels \"com.docker.stack.namespace\"}}", "shop"},
		{"{{.Service.Labels.tier}}", "front"},
		{"{{.Service.Labels.a b}}", "{{.Service.Labels.a b}}"},
		{"{{.Service.Labels.}}", "{{.Service.Labels.}}"},
		{"{{index .Service.Labels}}", "{{index .Service.Labels}}"},
		{"{{index .Service.Labels tier}}", "{{index .Service.Labels tier}}"},
		{"{{index .Service.Labels \"tier}}", "{{index .Service.Labels \"tier}}"},
		{"{{index .Service.Labels \"tier\" 1}}", "{{index .Service.Labels \"tier\" 1}}"},
		{"{{index.Service.Labels \"tier\"}}", "{{index.Service.Labels \"tier\"}}"},
		{"{{index}}{{index .Service.Labels \"", "{{index}}{{index .Service.Labels \""},
		{"{{ }}{{.}}", "{{ }}{{.}}"},
		{"", ""},
		{"plain", "plain"},
		{"{{.Name}}", "{{.Name}}"},
		{"{{ printf \"%s\" .Task.Slot }}", "{{ printf \"%s\" .Task.Slot }}"},
		{"{{.Task.Slot", "{{.Task.Slot"},
		{"{{{{.Task.Slot}}", "{{2"},
		{"{{}} {{.Task.Slot}}", "{{}} 2"},
		{"{{.Task.Slot}}}", "2}"},
		{"{{.Task.SlotX}}", "{{.Task.SlotX}}"},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		auto_free char *text = placeholders_fill(cases[i].text, &p);
		assert_string_equal(text, cases[i].filled);
	}
	struct placeholders global = p;
	global.slot = 0;
	auto_free char *slot = placeholders_fill("{{.Task.Slot}}", &global);
	assert_string_equal(slot, "n1");
	auto_free char *example =
		placeholders_example("{{index .Service.Labels \"k\"}}.{{.Node.ID}}");
	assert_string_equal(example, "l.n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(fills)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
