/* SPDX-License-Identifier: Apache-2.0
 * The program carrack-controller: what `carrack controller` runs. */
#include "base/str.h"
#include "controller/main.h"
#include <stdio.h>

int main(int argc, char **argv)
{
	if (argc > 1 && streq(argv[1], "controller"))
		return controller_main(argc - 1, argv + 1);
	fputs("carrack-controller is run by `carrack controller`, not by hand\n", stderr);
	return 2;
}
