# SPDX-License-Identifier: Apache-2.0
"""Mechanism x librdkafka x mode x credentials; the service's part is in tests/service."""
import pytest

import ways
from harness import authtable, captures
from libraries import library


@pytest.mark.parametrize("right", [True, False], ids=["right", "wrong"])
@pytest.mark.parametrize("which", ways.LIBRARIES)
@pytest.mark.parametrize("way", ways.WAYS)
def test_every_way_in_and_out(way, which, right, secure, client, pcap, sample):
    options = ways.options(secure, way, right)
    works = ways.works(way, which, right)
    for mode, work in (("producer", ["-p", "-r", sample]), ("consumer", ["-c", "-e"])):
        process = client(*work, "-t", pcap.name, "--stall-timeout", "3s", *options,
                         libs=library(which))
        status = process.wait(60)
        assert (status == 0) == works, process.describe()
        if works:
            result = "10 packets"
            if mode == "consumer":
                assert captures.parse(process.stdout) == captures.read(sample)
        else:
            said = process.grep("^ERROR:root:(Kafka|Kerberos)|^ERROR:root:.*Kafka client|^pycapa")
            assert said, process.describe()
            result = said[0]
        authtable.record(way, ways.LIBRARIES[which], mode, "right" if right else "wrong", result)
