# SPDX-License-Identifier: Apache-2.0
"""Mechanism x librdkafka x mode x credentials; the service's part is in tests/service."""
import re

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
    expected, words = (0, "") if works else ways.refusal(way, which)
    for mode, work in (("producer", ["-p", "-r", sample]), ("consumer", ["-c", "-e"])):
        process = client(*work, "-t", pcap.name, "--stall-timeout", "3s", *options,
                         libs=library(which))
        assert process.wait(60) == expected, process.describe()
        result = "10 packets"
        if not works:
            said = process.grep("^ERROR:root:(Kafka|Kerberos): ")
            assert said and re.search(words, said[0]), process.describe()
            result = said[0]
        if mode == "producer":
            assert pcap.count() == (10 if works else 0)
            # What a consumer that is refused does not get must be there.
            pcap.produce([] if works else captures.sample(10))
        elif works:
            assert captures.parse(process.stdout) == captures.read(sample)
        else:
            assert captures.parse(process.stdout or captures.header())[1] == []
        authtable.record(way, ways.LIBRARIES[which], mode, "right" if right else "wrong", result)
