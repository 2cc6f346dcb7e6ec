/* SPDX-License-Identifier: Apache-2.0
 * What a trace says in the end. */
#pragma once
#include "base/json.h"

/* result: {"asked","from":{"task","node"},"to":{"ip","task_name","node","network","vip"…},
 *          "probe":{"proto","port"},"hops":[{"node","side","hop","state","text","fix"}…],
 *          "seen":[{"node","side","hop","there","back"}…],"answer","answer_text","vip_answer"};
 * hops and seen of each side go from the container to the wire. Gets "reachable" and "verdict", is
 * brought into the packet's order and printed. Returns the exit status: 0 reachable, 1 not. */
int nettraceout(json_t *result, bool json);
/* The same without printing. */
bool nettraceout_judge(json_t *result);
