/* SPDX-License-Identifier: ISC */
/*
 * The extensions of the settings in the order of their numbers, for settings_extension(). Private
 * to settings.c and reg/credentials.c.
 */
#ifndef WARDEN_FEATURED_SETTINGS_INDEX_H
#define WARDEN_FEATURED_SETTINGS_INDEX_H

#include "featured/settings.h"

struct settings_index {
	const struct extension	**by_number;	/* as many as there are extensions */
};

#endif
