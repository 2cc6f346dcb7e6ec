/* SPDX-License-Identifier: Apache-2.0
 * `carrack controller`: options and configuration to a running server, until a signal. */
#pragma once

int controller_main(int argc, char **argv); /* argv[0] is "controller"; returns an exit status */
