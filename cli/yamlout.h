/* SPDX-License-Identifier: Apache-2.0
 * Data as YAML 1.2 for people: block style, strings quoted where they must be. */
#pragma once
#include "base/json.h"

char *yamlout_text(const json_t *j); /* caller frees */
