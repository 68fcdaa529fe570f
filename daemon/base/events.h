/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The MESSAGE_ID of each log_event, as the journal's catalog (systemd/pycapa.catalog) knows it.
 *
 * Made once with `systemd-id128 new` and never reused for another meaning: an operator's rules
 * may match on them. tests/service compares this list with the catalog.
 */
#pragma once

#define EVENT_ID_DROPPED        "8651ddec04e547e39e3c4551478d3956"
#define EVENT_ID_BROKER_LOST    "de145b0f25134fecb3d983e4d3523cab"
#define EVENT_ID_BROKER_BACK    "0941459d6de84fc8860162dc43023562"
#define EVENT_ID_INTERFACE_LOST "6222495ac19c46f1b14168578973fd0a"
#define EVENT_ID_INTERFACE_BACK "bf8ddfc84b07401b860ade049359af3e"
#define EVENT_ID_RELOAD_REFUSED "76911193443c4ebb8b8da679fec874f9"
#define EVENT_ID_UNDELIVERED    "b4a334d492644a9badc91587da5bf1fa"
