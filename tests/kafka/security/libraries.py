# SPDX-License-Identifier: Apache-2.0
"""Both ends of librdkafka: Debian 12's and a current release."""
import os

from harness.daemon import TREE
from harness.proc import run

BUILT = {}


def library(which):
    """The folder of one for LD_LIBRARY_PATH; "" is Debian's."""
    if which == "debian":
        return ""
    if which not in BUILT:
        BUILT[which] = run(os.path.join(TREE, "tests/librdkafka"), timeout=900).stdout.strip()
    return BUILT[which]
