# SPDX-License-Identifier: Apache-2.0
"""-L with authentication: the same properties, the same advice."""
import json
import time

import pytest

from harness import captures

WAYS = {"kerberos": lambda secure: secure.gssapi(), "password": lambda secure: secure.sasl("PLAIN")}


@pytest.mark.parametrize("way", WAYS)
def test_topics_are_listed(way, secure, client, pcap, librdkafka):
    pcap.produce(captures.sample(10))
    process = client("-L", "--json", pcap.name, *WAYS[way](secure), libs=librdkafka)
    assert process.wait(30) == 0 and process.lines == [], process.describe()
    row, = json.loads(process.stdout)["topics"]
    assert (row["topic"], row["packets"], row["error"]) == (pcap.name, 10, None)


def refused(process):
    began = time.monotonic()
    assert process.wait(30) == 1, process.describe()
    assert time.monotonic() - began < 5, process.describe()
    line, = process.lines
    return line


def test_a_wrong_password_is_one_line_at_once(secure, client, librdkafka):
    line = refused(client("-L", *secure.sasl("PLAIN", **{"sasl.password": "wrong-Passw0rd"}),
                          libs=librdkafka))
    assert line.startswith("ERROR:root:Cannot list the topics of ") and line.endswith(
        ": sasl.username or sasl.password is wrong"), line


def test_a_topic_that_must_not_be_seen_says_what_to_grant(secure, client, pcap, librdkafka):
    line = refused(client("-L", pcap.name, *secure.gssapi("stranger"), libs=librdkafka))
    assert line.startswith(f"ERROR:root:Topic {pcap.name}: Broker: Topic authorization failed: grant "
                           "the principal "), line
