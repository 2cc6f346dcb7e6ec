/* SPDX-License-Identifier: Apache-2.0
 * JSON from a client or a peer: the body of a stack, and every object of the wire. */
#include "manifests/canon.h"
#include "manifests/wire.h"

static void objects(const json_t *j)
{
	struct wire_task t;
	struct wire_network n;
	struct wire_endpoint e;
	struct wire_node h;
	struct wire_report r;
	if (wire_task_parse(j, &t, NULL) == 0) {
		json_decref(wire_task_json(&t));
		wire_task_done(&t);
	}
	if (wire_network_parse(j, &n, NULL) == 0)
		wire_network_done(&n);
	if (wire_endpoint_parse(j, &e, NULL) == 0)
		wire_endpoint_done(&e);
	if (wire_node_parse(j, &h, NULL) == 0)
		wire_node_done(&h);
	if (wire_report_parse(j, &r, NULL) == 0)
		wire_report_done(&r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct spec_stack *s = NULL, *again = NULL;
	auto_json *j = json_parse((const char *)data, size, NULL);
	if (!j)
		return 0;
	objects(j);
	if (canon_stack_parse(j, &s, NULL) == 0) {
		auto_json *a = canon_stack(s);
		if (canon_stack_parse(a, &again, NULL) < 0)
			abort();
		auto_json *b = canon_stack(again);
		if (!json_equal(a, b))
			abort();
	}
	spec_stack_free(s);
	spec_stack_free(again);
	return 0;
}
