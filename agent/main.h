/* SPDX-License-Identifier: Apache-2.0
 * `carrack agent`: options and configuration to a running node, until a signal. */
#pragma once

int agent_main(int argc, char **argv); /* argv[0] is "agent"; returns an exit status */
