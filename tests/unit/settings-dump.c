/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Prints the table of settings for the checks of what is written about them (see settings.h).
 */
#include "config/settings_value.h"

int main(void)
{
	settings_dump(stdout);
	return ferror(stdout) != 0;
}
