# SPDX-License-Identifier: Apache-2.0
"""One Kafka broker that is reached in every way that real clusters are, with ACLs.

Listeners (all on localhost; the name is the key of `ports`):
    ADMIN      plaintext, the tests' own; anonymous is the super user
    GSSAPI     SASL_PLAINTEXT, through a proxy that can cut connections
    TLS        SSL, client certificate required
    TLSOPEN    SSL, no client certificate
    SASLSSL    SASL_SSL with PLAIN, SCRAM-SHA-256, SCRAM-SHA-512
    SASLPLAIN  SASL_PLAINTEXT with the same, to be seen on the wire
    EXPIRED, FOREIGN, WRONGHOST   SSL with a server certificate that is just that
"""
import os
import subprocess
import time
from pathlib import Path

from kdc import REALM, Kdc, free_port
from pki import Ca
from proxy import Proxy

TOPIC = "pcap"
GROUP = "pycapa"
PASSWORD = "right-Passw0rd"
KEY_PASSWORD = "key-Passw0rd"
LISTENERS = ["ADMIN", "CONTROLLER", "GSSAPI", "TLS", "TLSOPEN", "SASLSSL", "SASLPLAIN",
             "EXPIRED", "FOREIGN", "WRONGHOST"]
PROTOCOL = {"ADMIN": "PLAINTEXT", "CONTROLLER": "PLAINTEXT", "GSSAPI": "SASL_PLAINTEXT",
            "SASLSSL": "SASL_SSL", "SASLPLAIN": "SASL_PLAINTEXT"}
LOGIN = "org.apache.kafka.common.security"


class SecureCluster:
    def __init__(self, directory):
        self.dir = Path(directory)
        self.ports = {name: free_port() for name in LISTENERS}
        self.proxy = Proxy(self.ports["GSSAPI"])
        self.kdc = Kdc(self.dir / "kdc")
        self.ca = Ca(self.dir / "pki", "ca")
        self.foreign_ca = Ca(self.dir / "pki", "foreign-ca")
        self.broker = None

    def address(self, listener):
        port = self.proxy.port if listener == "GSSAPI" else self.ports[listener]
        return f"localhost:{port}"

    def _make_realm(self):
        self.kdc.start()
        self.kdc.add_principal("kafka/localhost")
        self.broker_keytab = self.kdc.keytab("kafka/localhost")
        self.kdc.add_principal("pycapa")
        self.keytab = self.kdc.keytab("pycapa")
        self.kdc.add_principal("minute", life="1 minute")
        self.minute_keytab = self.kdc.keytab("minute")
        self.kdc.add_principal("stranger")  # authenticates; no ACL names it
        self.stranger_keytab = self.kdc.keytab("stranger")

    def _make_certificates(self):
        self.ca.issue("server", "localhost", "server")
        self.ca.issue("server-expired", "localhost", "server", expired=True)
        self.ca.issue("server-wronghost", "other.example", "server", san="DNS:other.example")
        self.foreign_ca.issue("server-foreign", "localhost", "server")
        self.ca.issue("client", "pycapa", "client", password=KEY_PASSWORD)
        self.ca.issue("client-expired", "pycapa", "client", expired=True)
        self.foreign_ca.issue("client-foreign", "pycapa", "client")
        self.stores = {"server": self.ca.keystore("server"),
                       "EXPIRED": self.ca.keystore("server-expired"),
                       "WRONGHOST": self.ca.keystore("server-wronghost"),
                       "FOREIGN": self.foreign_ca.keystore("server-foreign")}

    def _listener_properties(self, name):
        p = f"listener.name.{name.lower()}."
        kind = PROTOCOL.get(name, "SSL")
        if kind.endswith("SSL"):
            yield p + "ssl.keystore.type", "PEM"
            yield p + "ssl.keystore.location", self.stores.get(name, self.stores["server"])
            yield p + "ssl.truststore.type", "PEM"
            yield p + "ssl.truststore.location", self.ca.cert
            yield p + "ssl.client.auth", "required" if name == "TLS" else "none"
        if name == "GSSAPI":
            yield p + "sasl.enabled.mechanisms", "GSSAPI"
            yield p + "sasl.kerberos.service.name", "kafka"
            yield (p + "gssapi.sasl.jaas.config",
                   "com.sun.security.auth.module.Krb5LoginModule required useKeyTab=true "
                   f'storeKey=true keyTab="{self.broker_keytab}" '
                   f'principal="kafka/localhost@{REALM}";')
        elif kind.startswith("SASL"):
            yield p + "sasl.enabled.mechanisms", "PLAIN,SCRAM-SHA-256,SCRAM-SHA-512"
            yield (p + "plain.sasl.jaas.config",
                   f'{LOGIN}.plain.PlainLoginModule required user_pycapa="{PASSWORD}";')
            for scram in ("scram-sha-256", "scram-sha-512"):
                yield (p + f"{scram}.sasl.jaas.config",
                       f"{LOGIN}.scram.ScramLoginModule required;")

    def properties(self):
        """What makes the broker secure: added to the settings of any one-node broker."""
        advertised = {n: self.address(n) for n in LISTENERS if n != "CONTROLLER"}
        yield "listeners", ",".join(f"{n}://127.0.0.1:{self.ports[n]}" for n in LISTENERS)
        yield "advertised.listeners", ",".join(f"{n}://{a}" for n, a in advertised.items())
        yield ("listener.security.protocol.map",
               ",".join(f"{n}:{PROTOCOL.get(n, 'SSL')}" for n in LISTENERS))
        yield "inter.broker.listener.name", "ADMIN"
        yield ("authorizer.class.name",
               "org.apache.kafka.metadata.authorizer.StandardAuthorizer")
        yield "super.users", "User:ANONYMOUS"
        yield "ssl.principal.mapping.rules", "RULE:^CN=([^,]+).*$/$1/,DEFAULT"
        yield "connection.failed.authentication.delay.ms", "100"
        for name in LISTENERS:
            yield from self._listener_properties(name)
