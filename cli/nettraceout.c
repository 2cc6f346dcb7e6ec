/* SPDX-License-Identifier: Apache-2.0
 * The verdict on a trace, and its printing; see nettraceout.h. */
#include "cli/nettraceout.h"
#include "base/mem.h"
#include "cli/out.h"
#include <string.h>

/* From FROM's container to the wire, and from there to TO's. */
static json_t *in_order(const json_t *list)
{
	json_t *out = json_array();
	size_t n = json_array_size(list);

	for (size_t i = 0; i < n; i++) {
		json_t *it = json_array_get(list, i);

		if (!streq(json_str(it, "side"), "to"))
			json_array_append(out, it);
	}
	for (size_t i = n; i-- > 0;) {
		json_t *it = json_array_get(list, i);

		if (streq(json_str(it, "side"), "to"))
			json_array_append(out, it);
	}
	return out;
}

static char *place(const json_t *seen)
{
	const char *hop = json_str_or(seen, "hop", "?");

	return xasprintf("%s of %s",
			 streq(hop, "interface")    ? "the container's interface"
			 : streq(hop, "port")       ? "the container's port on its bridge"
			 : streq(hop, "vxlan")      ? "the VXLAN link"
			 : streq(hop, "bridge")     ? "the bridge"
			 : streq(hop, "encryption") ? "the WireGuard device"
						    : "the underlay's link",
			 json_str_or(seen, "node", "?"));
}

static bool at(const json_t *seen, size_t i, const char *way)
{
	return json_bool(json_array_get(seen, i), way, false);
}

/* A place that saw nothing while one behind it did has another way round it. */
static int last_there(const json_t *seen)
{
	int last = -1;

	for (size_t i = 0; i < json_array_size(seen); i++)
		if (at(seen, i, "there"))
			last = (int)i;
	return last;
}

static int first_back(const json_t *seen)
{
	for (size_t i = 0; i < json_array_size(seen); i++)
		if (at(seen, i, "back"))
			return (int)i;
	return -1;
}

static const json_t *first_wrong(const json_t *hops)
{
	const json_t *h;
	size_t i;

	json_array_foreach(hops, i, h)
	{
		if (streq(json_str(h, "state"), "wrong"))
			return h;
	}
	return NULL;
}

static bool far_watched(const json_t *seen)
{
	const json_t *s;
	size_t i;

	json_array_foreach(seen, i, s)
	{
		if (streq(json_str(s, "side"), "to"))
			return true;
	}
	return false;
}

static bool watched_all(const json_t *result, const json_t *seen)
{
	return far_watched(seen) || !json_str(json_object_get(result, "to"), "task");
}

/* Where it was lost, of a probe without an answer. *reached: it came to TO's container. */
static char *lost(const json_t *result, const json_t *seen, bool *reached)
{
	int there = last_there(seen), back = first_back(seen), n = (int)json_array_size(seen);

	*reached = there >= 0 && there == n - 1 && far_watched(seen);
	if (there < 0)
		return xasprintf("nothing leaves the container: %s",
				 json_str_or(result, "answer_text", "the probe was not sent"));
	auto_free char *a = place(json_array_get(seen, (size_t)there));
	if (*reached && back < 0)
		return xstrdup("it arrives in the container, which does not answer: its own "
			       "packet filter, or its process");
	if (*reached && back > 0) {
		auto_free char *from = place(json_array_get(seen, (size_t)back));
		auto_free char *to = place(json_array_get(seen, (size_t)back - 1));

		return xasprintf("it arrives, and the answer is lost between %s and %s", from, to);
	}
	if (there + 1 < n) {
		auto_free char *b = place(json_array_get(seen, (size_t)there + 1));

		return xasprintf("it is lost between %s and %s", a, b);
	}
	return watched_all(result, seen)
		       ? xasprintf("it is lost behind %s", a)
		       : xasprintf("it leaves %s; what becomes of it on the other node is not seen",
				   a);
}

static char *verdict(const json_t *result, bool *reachable)
{
	const json_t *seen = json_object_get(result, "seen"), *to = json_object_get(result, "to");
	const json_t *wrong = first_wrong(json_object_get(result, "hops"));
	const json_t *probe = json_object_get(result, "probe");
	const char *answer = json_str(result, "answer"), *vip = json_str(result, "vip_answer");
	long long port = (long long)json_int(probe, "port", 0);
	bool reached = false;

	*reachable = false;
	if (!answer)
		return wrong ? xasprintf("nothing was sent: %s", json_str(wrong, "text"))
			     : xstrdup("nothing was sent: FROM's node cannot be asked");
	if (streq(answer, "refused"))
		return xasprintf("it arrives, but nothing listens on port %lld there", port);
	if (streq(answer, "answered") && vip && !streq(vip, "answered"))
		return xasprintf("the task answers at its own address, but not through the VIP %s "
				 "(%s)",
				 json_str_or(to, "ip", "?"), vip);
	if (streq(answer, "answered")) {
		*reachable = true;
		return xstrdup(vip ? "it arrives and is answered, through the VIP too"
				   : "it arrives and is answered");
	}
	char *text = lost(result, seen, &reached);

	if (reached && first_back(seen) < 0 && streq(json_str(probe, "proto"), "udp")) {
		free(text);
		*reachable = true;
		return xstrdup(
			"it arrives in the container; no answer came, which UDP need not give");
	}
	return text;
}

bool nettraceout_judge(json_t *result)
{
	bool reachable = false;

	json_object_set_new(result, "hops", in_order(json_object_get(result, "hops")));
	json_object_set_new(result, "seen", in_order(json_object_get(result, "seen")));
	auto_free char *text = verdict(result, &reachable);
	json_object_set_new(result, "reachable", json_boolean(reachable));
	json_put_str(result, "verdict", text);
	return reachable;
}

/* What was seen at a hop of the tables. */
static const char *mark(const json_t *seen, const json_t *hop)
{
	const json_t *s;
	size_t i;

	json_array_foreach(seen, i, s)
	{
		if (!streq(json_str(s, "side"), json_str(hop, "side")) ||
		    !streq(json_str(s, "hop"), json_str(hop, "hop")))
			continue;
		bool there = json_bool(s, "there", false), back = json_bool(s, "back", false);
		return there && back ? "-> <-" : there ? "->" : back ? "<-" : "nothing";
	}
	return "";
}

static void print_head(const json_t *result)
{
	const json_t *from = json_object_get(result, "from"), *to = json_object_get(result, "to");
	const json_t *probe = json_object_get(result, "probe");
	const char *task = json_str(to, "task_name"), *node = json_str(to, "node");
	const char *network = json_str(to, "network");

	printf("%s (%s%s%s) -> %s", json_str_or(from, "task", "?"), json_str_or(to, "own", ""),
	       to ? " on " : "", json_str_or(from, "node", "?"),
	       task ? task : json_str_or(result, "asked", "?"));
	if (to)
		printf(" (%s%s%s)",
		       json_str_or(to, json_str(to, "task_ip") ? "task_ip" : "ip", "?"),
		       node ? " on " : "", node ? node : "");
	if (json_int(probe, "port", 0))
		printf(", %s port %lld", json_str_or(probe, "proto", "?"),
		       (long long)json_int(probe, "port", 0));
	if (network && json_bool(to, "within", false))
		printf(", network %s", network);
	printf("\n");
}

static void print_fixes(const json_t *hops)
{
	const json_t *h;
	size_t i;
	bool repair = false;

	json_array_foreach(hops, i, h)
	{
		const char *fix = json_str(h, "fix");

		if (!streq(json_str(h, "state"), "wrong") && !fix)
			continue;
		repair |= !fix;
		if (fix)
			printf("  %s: %s\n", json_str_or(h, "hop", "?"), fix);
	}
	if (repair)
		printf("  the agent mends what differs once a second; `carrack net repair` does so "
		       "at "
		       "once\n");
}

static void print(const json_t *result)
{
	static const char *const header[] = {"NODE", "HOP", "SEEN", "", "WHAT IS THERE"};
	const json_t *hops = json_object_get(result, "hops"),
		     *seen = json_object_get(result, "seen");
	struct table t;
	const json_t *h;
	size_t i;

	print_head(result);
	table_init(&t, header, ARRAY_LEN(header));
	json_array_foreach(hops, i, h)
	{
		const char *state = json_str_or(h, "state", "");
		bool bad = streq(state, "wrong") || streq(state, "away");

		table_cell(&t, COLOR_NONE, json_str(h, "node"));
		table_cell(&t, COLOR_NONE, json_str(h, "hop"));
		table_cell(&t, COLOR_NONE, mark(seen, h));
		table_cell(&t,
			   bad                    ? COLOR_RED
			   : streq(state, "note") ? COLOR_YELLOW
						  : COLOR_GREEN,
			   streq(state, "right") ? "ok" : state);
		table_cell(&t, COLOR_NONE, json_str(h, "text"));
	}
	table_print(&t, stdout, out_has_color(stdout));
	table_done(&t);
	printf("%s: %s\n", json_bool(result, "reachable", false) ? "reachable" : "NOT reachable",
	       json_str_or(result, "verdict", ""));
	print_fixes(hops);
}

int nettraceout(json_t *result, bool json)
{
	bool reachable = nettraceout_judge(result);

	if (json)
		out_json(result);
	else
		print(result);
	return reachable ? 0 : 1;
}
