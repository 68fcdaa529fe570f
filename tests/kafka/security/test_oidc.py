# SPDX-License-Identifier: Apache-2.0
"""OAUTHBEARER with OIDC: a token endpoint, a broker that checks its tokens, both ends of pycapa."""
import re

import pytest

from harness import captures, daemon
from harness.broker import Broker
from harness.net import free_port
from harness.witness import Topic
from libraries import library
from token_server import AUDIENCE, ISSUER, TokenServer

pytestmark = pytest.mark.long  # a broker of its own, and a file that lasts 8 s

OAUTH = "org.apache.kafka.common.security.oauthbearer"
SECRET = "right-Secret"
TOKEN_S = 4
COUNT = 800


class Cluster:
    """A broker whose listener OAUTH takes tokens alone, and asks for a fresh one when one ends."""

    def __init__(self, directory):
        self.tokens = TokenServer(directory, "pycapa", SECRET, life=TOKEN_S)
        keys = f"{self.tokens.url}/keys"
        self.broker = Broker(directory / "broker", java=[
            f"-Dorg.apache.kafka.sasl.oauthbearer.allowed.urls={keys}"])
        self.address = f"127.0.0.1:{free_port()}"
        own, p = "listener.name.oauth.", self.broker.properties
        self.broker.configure(**{
            "listeners": f"{p['listeners']},OAUTH://{self.address}",
            "advertised.listeners": f"{p['advertised.listeners']},OAUTH://{self.address}",
            "listener.security.protocol.map":
                f"{p['listener.security.protocol.map']},OAUTH:SASL_PLAINTEXT",
            "inter.broker.listener.name": "PLAINTEXT",
            "connections.max.reauth.ms": "3600000",  # no later than the token's end
            own + "sasl.enabled.mechanisms": "OAUTHBEARER",
            own + "oauthbearer.sasl.jaas.config": f"{OAUTH}.OAuthBearerLoginModule required;",
            own + "oauthbearer.sasl.server.callback.handler.class":
                f"{OAUTH}.OAuthBearerValidatorCallbackHandler",
            own + "sasl.oauthbearer.jwks.endpoint.url": keys,
            own + "sasl.oauthbearer.expected.audience": AUDIENCE,
            own + "sasl.oauthbearer.expected.issuer": ISSUER})

    def options(self, secret=SECRET):
        properties = {"security.protocol": "SASL_PLAINTEXT", "sasl.mechanism": "OAUTHBEARER",
                      "sasl.oauthbearer.method": "oidc", "sasl.oauthbearer.client.id": "pycapa",
                      "sasl.oauthbearer.client.secret": secret,
                      "sasl.oauthbearer.scope": "packets",
                      "sasl.oauthbearer.token.endpoint.url": f"{self.tokens.url}/token"}
        options = ["-k", self.address]
        for pair in properties.items():
            options += ["-X", "=".join(pair)]
        return options


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    c = Cluster(tmp_path_factory.mktemp("oidc"))
    try:
        c.broker.start()
        yield c
    finally:
        c.broker.kill()
        c.tokens.close()


def pycapa(*argv):
    return daemon.pycapa(*argv, env={"LD_LIBRARY_PATH": library("current")})


def test_packets_go_on_when_a_token_ends(cluster, tmp_path):
    """8 s of a file at its pace, with tokens of 4 s; a consumer reads what came."""
    topic = Topic(cluster.broker, cluster.broker.topic())
    packets = captures.sample(COUNT, step_us=10000)
    file = captures.write(tmp_path / "in.pcap", packets)
    sent = pycapa("-p", "-r", file, "--pace", "1", "-t", topic.name, *cluster.options())
    assert sent.status == 0 and sent.counts() == (COUNT, COUNT), sent.describe()
    assert cluster.tokens.given >= 2 and not sent.grep("ERROR|WARNING"), sent.describe()
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
