/* SPDX-License-Identifier: Apache-2.0
 *
 * One node's share of `carrack net trace`. Options: {"container":ID of a task here,"part":P,…}, lines:
 *
 *   tables  "to": an address or a name as the task sees it; "else": what it is taken for where the
 *           name is not answered. First {"dst":{"ip","vip":bool,"task",
 *           "node","network"…}}, then hops {"hop","state":"right"|"wrong"|"note","text","fix"} from the
 *           container to the wire
 *   watch   "to": the other task's address; "probe": {"proto","port","id"}. Hops as above, then
 *           {"ready":true}, then {"seen":HOP,"there":bool,"back":bool} for each place that was watched
 *   probe   "to", "probe": sends it; {"seen":…} as above and {"answer":"answered"|"refused"|"silent"|
 *           "failed","text"}; {"vip":ANSWER} where "through" names a VIP and a port was asked for
 */
#pragma once
#include "agent/core/nodeask.h"

void nettrace_work(struct nodeask_out *out);
