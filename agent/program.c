/* SPDX-License-Identifier: Apache-2.0
 * The program carrack-agent: what `carrack agent` and `carrack doctor` run, and the agent's image workers. */
#include "agent/doctor.h"
#include "agent/image/image.h"
#include "agent/main.h"
#include "base/str.h"
#include <stdio.h>

int main(int argc, char **argv)
{
	const char *verb = argc > 1 ? argv[1] : "";

	if (streq(verb, "agent"))
		return agent_main(argc - 1, argv + 1);
	if (streq(verb, "doctor"))
		return agent_doctor(argc - 1, argv + 1);
	if (streq(verb, "image-worker"))
		return image_worker_main();
	fputs("carrack-agent is run by `carrack agent` and `carrack doctor`, not by hand\n",
	      stderr);
	return 2;
}
