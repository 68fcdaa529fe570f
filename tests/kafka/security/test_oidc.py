# SPDX-License-Identifier: Apache-2.0
"""OAUTHBEARER with OIDC: a token endpoint, a broker that checks its tokens, both ends of pycapa."""
import re

import pytest

from harness import captures, daemon
from harness.witness import Topic
from libraries import library
from oidc_cluster import OidcCluster

pytestmark = pytest.mark.long  # a broker of its own, and a file that lasts 8 s

TOKEN_S = 4
COUNT = 800
# librdkafka asks for the next token after 80 % of a life, and logs in again after 90 %. On a busy
# machine 0.4 s can be too short for that: the broker ends the connection, and the next one works.
UNEXPECTED = "ERROR(?!.*OAUTHBEARER mechanism handshake failed)|WARNING(?!.*out of reach)"


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    with OidcCluster(tmp_path_factory.mktemp("oidc"), TOKEN_S) as c:
        yield c


def pycapa(*argv):
    return daemon.pycapa(*argv, env={"LD_LIBRARY_PATH": library("current")})


def test_packets_go_on_when_a_token_ends(cluster, tmp_path):
    """8 s of a file at its pace, with tokens of 4 s; a consumer reads what came."""
    topic = Topic(cluster.broker, cluster.broker.topic())
    packets = captures.sample(COUNT, step_us=10000)
    file = captures.write(tmp_path / "in.pcap", packets)
    sent = pycapa("-p", "-r", file, "--pace", "1", "-t", topic.name, *cluster.options())
    assert sent.status == 0 and sent.counts() == (COUNT, COUNT), sent.describe()
    assert cluster.tokens.given >= 2 and not sent.grep(UNEXPECTED), sent.describe()
    read = pycapa("-c", "-e", "-t", topic.name, *cluster.options())
    assert read.status == 0, read.describe()
    assert [p.data for p in captures.parse(read.stdout)[1]] == [p.data for p in packets]


def test_a_wrong_secret_is_named_and_hidden(cluster, tmp_path):
    topic = Topic(cluster.broker, cluster.broker.topic())
    file = captures.write(tmp_path / "in.pcap", captures.sample(10))
    process = pycapa("-p", "-r", file, "-t", topic.name, "--stall-timeout", "2s",
                     *cluster.options("wrong-Secret"))
    assert process.status == 1 and topic.count() == 0, process.describe()
    assert re.search("ERROR:root:Kafka: .*invalid_client", process.stderr), process.describe()
    assert "wrong-Secret" not in process.stderr
