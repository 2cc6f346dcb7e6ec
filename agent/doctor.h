/* SPDX-License-Identifier: Apache-2.0
 * `carrack doctor`: what this host has for running containers, and what to do about what it lacks. */
#pragma once

int agent_doctor(int argc,
		 char **argv); /* argv[0] is "doctor"; exit status 1 when something fails */
