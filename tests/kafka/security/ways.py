# SPDX-License-Identifier: Apache-2.0
"""Each way of authentication, with right and wrong credentials, for the table of them all."""
from kdc import REALM

WAYS = ["GSSAPI", "PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "TLS, server verified",
        "TLS, client certificate", "TLS, encrypted key"]
LIBRARIES = {"debian": "2.0.2", "current": "2.12.1"}


def options(cluster, way, right, place=None):
    """-k and -X. `place` maps a file of the cluster to where the client finds it."""
    place = place or (lambda path: path)
    d = cluster.ca.dir
    ca = {"ssl.ca.location": place(cluster.ca.cert)}
    if way == "GSSAPI":
        principal = "pycapa" if right else "nobody"
        return cluster.gssapi(**{
            "sasl.kerberos.keytab": place(cluster.keytabs["pycapa"]),
            "sasl.kerberos.principal": f"{principal}@{REALM}"})
    if way == "TLS, server verified":
        return cluster.tls("TLSOPEN" if right else "WRONGHOST", **ca)
    if way == "TLS, client certificate":
        stem = "client-plain" if right else "client-foreign"
        return cluster.tls("TLS", **{
            **ca, "ssl.certificate.location": place(d / f"{stem}.crt"),
            "ssl.key.location": place(d / f"{stem}.key")})
    if way == "TLS, encrypted key":
        changes = {} if right else {"ssl.key.password": "wrong-Passw0rd"}
        return cluster.client_certificate(**{
            **ca, "ssl.certificate.location": place(d / "client.crt"),
            "ssl.key.location": place(d / "client.encrypted.key"), **changes})
    changes = {} if right else {"sasl.password": "wrong-Passw0rd"}
    return cluster.sasl(way, **{**ca, **changes})


def works(way, library, right):
    """What must happen: SCRAM with the old library never works, whatever the password."""
    return right and not (way.startswith("SCRAM") and library == "debian")


def refusal(way, library):
    """When it does not work: (exit status, what the line says)."""
    if way.startswith("SCRAM") and library == "debian":
        return 1, "librdkafka below 2.6.1 cannot do SCRAM"
    return {
        "GSSAPI": (1, f"Kerberos: no ticket: .*no suitable keys for nobody@{REALM}"),
        "TLS, server verified": (1, "other.example.*is for another host"),
        "TLS, client certificate": (1, "the broker refused our certificate|"
                                       "requires a client certificate that it trusts"),
        # No client can be made of it: wrong usage.
        "TLS, encrypted key": (2, r"ssl\.key\.location failed: .*ssl\.key\.password is wrong"),
    }.get(way, (1, r"sasl\.username or sasl\.password is wrong"))
