/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What Wireshark remembers of the dialog. It shows a remembered choice only if the dialog offers
 * it, and a topic that was once listed is known to nobody at the next start but to its file of
 * preferences ($XDG_CONFIG_HOME/wireshark/preferences, that of the default profile).
 */
#pragma once

/* The topic; malloc()ed, NULL: none is remembered. */
char *extcap_remembered_topic(void);
