# SPDX-License-Identifier: Apache-2.0
"""A broker that takes OAuth tokens, and the endpoint that gives them: OAUTHBEARER with OIDC."""
from harness.broker import Broker
from harness.net import free_port
from token_server import AUDIENCE, ISSUER, TokenServer

OAUTH = "org.apache.kafka.common.security.oauthbearer"
SECRET = "right-Secret"


class OidcCluster:
    """A broker whose listener OAUTH takes tokens alone, and asks for a fresh one when one ends."""

    def __init__(self, directory, life):
        """`life` of a token, seconds."""
        self.tokens = TokenServer(directory, "pycapa", SECRET, life)
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

    def __enter__(self):
        self.broker.start()
        return self

    def __exit__(self, *_):
        self.broker.kill()
        self.tokens.close()
