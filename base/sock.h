/* SPDX-License-Identifier: Apache-2.0
 * What every TCP connection of carrack is set to. */
#pragma once

/* No delay for small writes; a peer that has vanished is noticed within half a minute. */
void sock_tune(int fd);
