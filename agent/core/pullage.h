/* SPDX-License-Identifier: Apache-2.0
 * When an image was last asked for at its registry, for pull policies that mean "every so often": the time
 * of a file in DATA/pulled, which a restart of the agent does not forget. */
#pragma once
#include "agent/image/image.h"
#include "manifests/spec.h"

/* For an image of the service: its own, or one that it mounts. */
enum image_policy pullage_policy(const char *data_dir, const struct spec_service *s,
				 const char *image);
/* The image was got by this policy: from now on it is as old as nothing. */
void pullage_note(const char *data_dir, const struct spec_service *s, const char *image,
		  enum image_policy policy);
