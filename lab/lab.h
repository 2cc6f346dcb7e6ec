/* SPDX-License-Identifier: Apache-2.0
 *
 * `carrack lab`: a whole cluster of virtual hosts on this machine. A lab is a process (lab-init, PID
 * 1 of its own pid namespace) with a network namespace that holds the switch; each host is a
 * process below it with pid, network, mount, uts and ipc namespaces of its own. Nothing in a lab
 * can reach the machine's network, and all of it dies with lab-init.
 */
#pragma once

int lab_main(int argc, char **argv); /* argv[0] is "lab"; returns an exit status */
