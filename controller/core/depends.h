/* SPDX-License-Identifier: Apache-2.0
 *
 * Compose's depends_on, for services of one stack. Private to controller/core. The edges are made anew
 * at each apply; the questions are pure.
 */
#pragma once
#include "controller/core/state.h"

void depends_link(struct stack *s);       /* its specs are new */
void depends_forget(struct service *svc); /* it goes */
/* May tasks of the present template be placed? Once so, always so, until the template changes. */
enum met depends_met(const struct cluster *c, struct service *svc, char why[DEPENDS_TEXT]);
/* May older tasks be replaced? Also where waiting could hold up what is waited for. */
bool depends_may_roll(const struct cluster *c, struct service *svc, char why[DEPENDS_TEXT]);
/* A removed service: have the removed ones that need it left every node that can be heard? */
bool depends_may_go(const struct service *svc);
/* It changed: those who may have waited for that look again. */
void depends_tell(struct cluster *c, struct service *svc);
