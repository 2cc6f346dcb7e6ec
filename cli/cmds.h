/* SPDX-License-Identifier: Apache-2.0
 * The verbs of this folder, for the table in main.c. */
#pragma once
#include "cli/cmd.h"

extern const struct cmd cmd_apply, cmd_config, cmd_configs, cmd_diff, cmd_events, cmd_exec,
	cmd_inspect, cmd_logs, cmd_ls, cmd_net, cmd_nodes, cmd_plan, cmd_ps, cmd_rm, cmd_scale,
	cmd_secret, cmd_token;
