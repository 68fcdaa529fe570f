# SPDX-License-Identifier: Apache-2.0
"""One Kafka broker that is reached in every way that real clusters are, with ACLs.

Listeners (the name is the key of `ports`):
    PLAINTEXT  the tests' own; anonymous is the super user
    GSSAPI     SASL_PLAINTEXT, through a proxy that can cut connections
    TLS        SSL, client certificate required
    TLSOPEN    SSL, no client certificate
    SASLSSL    SASL_SSL with PLAIN, SCRAM-SHA-256, SCRAM-SHA-512
    EXPIRED, FOREIGN, WRONGHOST   as TLSOPEN, with a server certificate that is just that

Users: `pycapa` may write the topics that begin with "pcap" and read them with the group `pycapa`,
and so may `minute`, whose tickets last a minute; `stranger` may nothing.
"""
from pathlib import Path

from harness.broker import Broker
from harness.net import free_port
from harness.proxy import Proxy
from kdc import REALM, Kdc
from pki import Ca

TOPIC = "pcap"
GROUP = "pycapa"
PASSWORD = "right-Passw0rd"
KEY_PASSWORD = "key-Passw0rd"
PROTOCOL = {"GSSAPI": "SASL_PLAINTEXT", "TLS": "SSL", "TLSOPEN": "SSL", "SASLSSL": "SASL_SSL",
            "EXPIRED": "SSL", "FOREIGN": "SSL", "WRONGHOST": "SSL"}
LOGIN = "org.apache.kafka.common.security"


class SecureCluster:
    def __init__(self, directory, host="localhost"):
        """`host` is the name or address that the broker advertises and has its identity for."""
        self.dir, self.host = Path(directory), host
        self.bind = "127.0.0.1" if host == "localhost" else "0.0.0.0"
        self.ports = {name: free_port() for name in PROTOCOL}
        self.proxy = Proxy(self.ports["GSSAPI"], self.bind)
        self.kdc = Kdc(self.dir / "kdc", host)
        self.ca = Ca(self.dir / "pki", "ca")
        self.foreign_ca = Ca(self.dir / "pki", "foreign-ca")
        self.broker = None

    def address(self, listener):
        port = self.proxy.port if listener == "GSSAPI" else self.ports[listener]
        return f"{self.host}:{port}"

    def _make_realm(self):
        self.kdc.start()
        for name in (f"kafka/{self.host}", "pycapa", "stranger"):
            self.kdc.add_principal(name)
        self.kdc.add_principal("minute", life="1 minute")
        self.broker_keytab = self.kdc.keytab(f"kafka/{self.host}")
        self.keytabs = {name: self.kdc.keytab(name) for name in ("pycapa", "minute", "stranger")}

    def _make_certificates(self):
        san = "DNS:localhost" if self.host == "localhost" else f"IP:{self.host}"
        self.ca.issue("server", self.host, "server", san)
        self.ca.issue("server-expired", self.host, "server", san, expired=True)
        self.ca.issue("server-wronghost", "other.example", "server", "DNS:other.example")
        self.foreign_ca.issue("server-foreign", self.host, "server", san)
        self.ca.issue("client", "pycapa", "client", password=KEY_PASSWORD)
        self.ca.issue("client-plain", "pycapa", "client")
        self.ca.issue("client-expired", "pycapa", "client", expired=True)
        self.foreign_ca.issue("client-foreign", "pycapa", "client")
        self.stores = {"EXPIRED": self.ca.keystore("server-expired"),
                       "WRONGHOST": self.ca.keystore("server-wronghost"),
                       "FOREIGN": self.foreign_ca.keystore("server-foreign")}
        self.store = self.ca.keystore("server")

    def _listener_settings(self, name):
        p = f"listener.name.{name.lower()}."
        if PROTOCOL[name].endswith("SSL"):
            yield p + "ssl.keystore.type", "PEM"
            yield p + "ssl.keystore.location", self.stores.get(name, self.store)
            yield p + "ssl.truststore.type", "PEM"
            yield p + "ssl.truststore.location", self.ca.cert
            yield p + "ssl.client.auth", "required" if name == "TLS" else "none"
        if name == "GSSAPI":
            yield p + "sasl.enabled.mechanisms", "GSSAPI"
            yield p + "sasl.kerberos.service.name", "kafka"
            yield (p + "gssapi.sasl.jaas.config",
                   "com.sun.security.auth.module.Krb5LoginModule required useKeyTab=true "
                   f'storeKey=true keyTab="{self.broker_keytab}" '
                   f'principal="kafka/{self.host}@{REALM}";')
        elif PROTOCOL[name].startswith("SASL"):
            yield p + "sasl.enabled.mechanisms", "PLAIN,SCRAM-SHA-256,SCRAM-SHA-512"
            yield (p + "plain.sasl.jaas.config",
                   f'{LOGIN}.plain.PlainLoginModule required user_pycapa="{PASSWORD}";')
            for scram in ("scram-sha-256", "scram-sha-512"):
                yield (p + f"{scram}.sasl.jaas.config",
                       f"{LOGIN}.scram.ScramLoginModule required;")

    def _secure(self, broker):
        """Adds the listeners to the settings of a plain broker."""
        p = broker.properties
        for name, protocol in PROTOCOL.items():
            p["listeners"] += f",{name}://{self.bind}:{self.ports[name]}"
            p["advertised.listeners"] += f",{name}://{self.address(name)}"
            p["listener.security.protocol.map"] += f",{name}:{protocol}"
            p.update(self._listener_settings(name))
        p["inter.broker.listener.name"] = "PLAINTEXT"
        p["authorizer.class.name"] = "org.apache.kafka.metadata.authorizer.StandardAuthorizer"
        p["super.users"] = "User:ANONYMOUS"
        p["ssl.principal.mapping.rules"] = "RULE:^CN=([^,]+).*$/$1/,DEFAULT"
        with open(broker.config, "w") as f:
            f.writelines(f"{k}={v}\n" for k, v in p.items())

    def _make_users(self):
        """As docs/security.md says it, with the tools that Kafka's scripts start."""
        address = ("--bootstrap-server", self.broker.bootstrap)
        for mechanism in ("SCRAM-SHA-256", "SCRAM-SHA-512"):  # one a request
            self.broker.tool("kafka.admin.ConfigCommand", *address, "--alter", "--entity-type",
                             "users", "--entity-name", "pycapa", "--add-config",
                             f"{mechanism}=[password={PASSWORD}]")
        who = ("--allow-principal", "User:pycapa", "--allow-principal", "User:minute")
        acl = "org.apache.kafka.tools.AclCommand"
        self.broker.tool(acl, *address, "--add", *who, "--operation", "Write", "--operation",
                         "Read", "--topic", TOPIC, "--resource-pattern-type", "prefixed")
        self.broker.tool(acl, *address, "--add", *who, "--operation", "Read", "--group", GROUP)

    def start(self):
        self._make_realm()
        self._make_certificates()
        self.broker = Broker(self.dir / "broker",
                             java=[f"-Djava.security.krb5.conf={self.kdc.krb5_conf}"])
        self._secure(self.broker)
        self.broker.start()
        self._make_users()
        return self

    def stop(self):
        if self.broker:
            self.broker.kill()
        self.proxy.close()
        self.kdc.stop()

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()

    # What a client needs, as -X takes it.

    def gssapi(self, principal="pycapa", **changes):
        return self._options("GSSAPI", {
            "security.protocol": "SASL_PLAINTEXT", "sasl.mechanism": "GSSAPI",
            "sasl.kerberos.keytab": self.keytabs.get(principal, self.keytabs["pycapa"]),
            "sasl.kerberos.principal": f"{principal}@{REALM}"}, changes)

    def tls(self, listener="TLSOPEN", **changes):
        return self._options(listener, {
            "security.protocol": "SSL", "ssl.ca.location": self.ca.cert}, changes)

    def client_certificate(self, **changes):
        d = self.ca.dir
        return self.tls("TLS", **{
            "ssl.certificate.location": d / "client.crt",
            "ssl.key.location": d / "client.encrypted.key",
            "ssl.key.password": KEY_PASSWORD, **changes})

    def sasl(self, mechanism, **changes):
        return self._options("SASLSSL", {
            "security.protocol": "SASL_SSL", "ssl.ca.location": self.ca.cert,
            "sasl.mechanism": mechanism, "sasl.username": "pycapa",
            "sasl.password": PASSWORD}, changes)

    def _options(self, listener, properties, changes):
        """-k and -X; a change to None takes a property away."""
        merged = {**properties, **{k.replace("_", "."): v for k, v in changes.items()}}
        options = ["-k", self.address(listener)]
        for name, value in merged.items():
            if value is not None:
                options += ["-X", f"{name}={value}"]
        return options
