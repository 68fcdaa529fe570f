# SPDX-License-Identifier: Apache-2.0
"""TLS: both sides' certificates, and what is said when one of them is wrong."""
import pytest

from harness import captures, wait

REFUSED = "^ERROR:root:Kafka: .*"


def test_server_is_verified(secure, round_trip, librdkafka):
    round_trip(secure.tls(), librdkafka)


def test_client_certificate_with_an_encrypted_key(secure, round_trip, librdkafka):
    """The certificate's CN is the principal that the ACLs name."""
    round_trip(secure.client_certificate(), librdkafka)


def client_files(secure, name):
    return {"ssl.certificate.location": secure.ca.dir / f"{name}.crt",
            "ssl.key.location": secure.ca.dir / f"{name}.key"}


def wrong(case, secure):
    """(options, what the one line must say)"""
    return {
        "expired server": lambda: (
            secure.tls("EXPIRED"), "the broker's certificate has expired.*must renew it"),
        "foreign server": lambda: (
            secure.tls("FOREIGN"), r"not signed by a CA we trust.*set ssl\.ca\.location"),
        "no CA given": lambda: (
            secure.tls(**{"ssl.ca.location": None}),
            r"not signed by a CA we trust.*set ssl\.ca\.location"),
        "wrong host name": lambda: (
            secure.tls("WRONGHOST"), "other.example.*is for another host.*--kafka-broker"),
        "no client certificate": lambda: (
            secure.tls("TLS"), r"requires a client certificate.*set ssl\.certificate\.location"),
        "expired client": lambda: (
            secure.tls("TLS", **client_files(secure, "client-expired")),
            "the broker refused our certificate: it has expired"),
        "foreign client": lambda: (
            secure.tls("TLS", **client_files(secure, "client-foreign")),
            "the broker refused our certificate|requires a client certificate that it trusts"),
    }[case]()


@pytest.mark.parametrize("mode", ["producer", "consumer"])
@pytest.mark.parametrize("case", [
    "expired server", "foreign server", "no CA given", "wrong host name",
    "no client certificate", "expired client", "foreign client"])
def test_wrong_certificate_is_refused_by_one_line(case, mode, secure, client, pcap, sample,
                                                  librdkafka):
    options, expected = wrong(case, secure)
    work = ("-p", "-r", sample) if mode == "producer" else ("-c", "-e")
    process = client(*work, "-t", pcap.name, "--stall-timeout", "3s", *options, libs=librdkafka)
    assert process.wait(30) == 1, process.describe()
    assert len(process.grep(REFUSED)) == 1, process.describe()
    assert process.grep(REFUSED + expected), process.describe()
    assert pcap.count() == 0


@pytest.mark.parametrize("changes, expected", [
    ({"ssl.key.password": "wrong"}, r"ssl\.key\.password is wrong or missing"),
    ({"ssl.key.password": None}, r"ssl\.key\.password is wrong or missing"),
    ({"ssl.key.location": "/none.key"}, "cannot be read"),
    ({"ssl.certificate.location": "/none.crt"}, "cannot be read"),
    ({"ssl.ca.location": "/none.crt"}, "cannot be read"),
], ids=["wrong key password", "no key password", "no key", "no certificate", "no CA"])
def test_unusable_file_is_an_error_at_the_start(changes, expected, secure, client, pcap, sample,
                                                librdkafka):
    process = client("-p", "-r", sample, "-t", pcap.name, *secure.client_certificate(**changes),
                     libs=librdkafka)
    assert process.wait(30) == 2, process.describe()
    assert len(process.grep(f"^ERROR.*{expected}|^pycapa: .*{expected}")) == 1, process.describe()


def test_switching_the_verification_off_is_obeyed(secure, round_trip):
    """An operator may; it is not what we do by ourselves."""
    round_trip(secure.tls("WRONGHOST", **{"enable.ssl.certificate.verification": "false"}))


def test_plaintext_to_a_tls_port_names_the_property(secure, client, pcap, sample):
    process = client("-p", "-r", sample, "-t", pcap.name, "--stall-timeout", "3s", "-k",
                     secure.address("TLSOPEN"))
    assert process.wait(30) == 1
    assert process.grep(r"^ERROR:root:Kafka.*security\.protocol"), process.describe()


def test_a_refused_client_comes_back_at_a_humane_pace(secure, client, pcap, sample):
    """Twice a second would be 20 connections in 10 s; a broker that is away is still found fast."""
    before = secure.proxy.accepted
    process = client("-p", "-r", sample, "-t", pcap.name, "--stall-timeout", "15s",
                     *secure.gssapi(**{"sasl.kerberos.service.name": "kfk"}))
    process.wait_line("^ERROR:root:Kafka", 20)
    wait.elapse(10)
    tries = secure.proxy.accepted - before
    assert 2 <= tries <= 6, tries
    assert len(process.grep("^ERROR:root:Kafka")) == 1, process.describe()
    assert process.wait(40) == 1


def test_a_certificate_that_is_gone_is_no_flood(secure, client, pair, tmp_path):
    """A client without permission is made anew again and again, until even that is impossible."""
    cert, key = secure.ca.issue("gone", "unknown", "client")
    process = client("-p", "-i", pair.inside, "-t", "other", *secure.tls("TLS", **{
        "ssl.certificate.location": cert, "ssl.key.location": key})).wait_capturing()
    process.wait_line("^ERROR:root:Kafka: fatal: ", 20)
    cert.unlink()
    process.wait_line(r"^ERROR:root:Kafka: ssl\.certificate\.location failed.*cannot be read", 20)
    wait.elapse(5)
    assert len(process.grep("^ERROR")) <= 3, process.describe()
    assert process.running()


def test_replaced_certificates_are_taken_up(secure, client, pcap, tmp_path, sample):
    """A file whose certificate was wrong at the start of a run is right at the next."""
    cert, key = tmp_path / "client.crt", tmp_path / "client.key"
    d = secure.ca.dir
    for stem, status in (("client-expired", 1), ("client", 0)):
        cert.write_bytes((d / f"{stem}.crt").read_bytes())
        key.write_bytes((d / f"{stem}.key").read_bytes())
        process = client("-p", "-r", sample, "-t", pcap.name, "--stall-timeout", "3s",
                         *secure.tls("TLS", **{"ssl.certificate.location": cert,
                                               "ssl.key.location": key}))
        assert process.wait(30) == status, process.describe()
    assert [r.value for r in pcap.records()] == [p.data for p in captures.read(sample)[1]]
