# SPDX-License-Identifier: Apache-2.0
"""SASL with passwords over TLS, and what a librdkafka can."""
import pytest

from harness import daemon
from harness.proc import run
from libraries import library

SCRAM = ["SCRAM-SHA-256", "SCRAM-SHA-512"]


def test_plain_over_tls(secure, round_trip, librdkafka):
    round_trip(secure.sasl("PLAIN"), librdkafka)


@pytest.mark.parametrize("mechanism", SCRAM)
def test_scram_with_a_current_librdkafka(mechanism, secure, round_trip, current):
    producer, consumer = round_trip(secure.sasl(mechanism), current)
    assert not producer.grep("librdkafka below")


@pytest.mark.parametrize("mechanism", SCRAM)
def test_scram_with_an_old_librdkafka_is_explained(mechanism, secure, client, pcap, sample):
    """The password is right; the library's fault is named at the start and in the error."""
    process = client("-p", "-r", sample, "-t", pcap.name, "--stall-timeout", "3s",
                     *secure.sasl(mechanism))
    assert process.wait(30) == 1, process.describe()
    for line in (f"^WARNING:root:.*sasl.mechanism={mechanism}: librdkafka below 2.6.1",
                 "^ERROR:root:Kafka: .*invalid credentials.*librdkafka below 2.6.1 cannot"):
        assert len(process.grep(line)) == 1, process.describe()


@pytest.mark.parametrize("mode", ["producer", "consumer"])
@pytest.mark.parametrize("mechanism", ["PLAIN", *SCRAM])
def test_wrong_password_is_refused_by_one_line(mechanism, mode, secure, client, pcap, sample,
                                               current):
    work = ("-p", "-r", sample) if mode == "producer" else ("-c", "-e")
    process = client(*work, "-t", pcap.name, "--stall-timeout", "3s",
                     *secure.sasl(mechanism, **{"sasl.password": "wrong-Passw0rd"}),
                     libs=current)
    assert process.wait(30) == 1, process.describe()
    lines = process.grep("^ERROR:root:Kafka: ")
    assert len(lines) == 1 and "sasl.password is wrong" in lines[0], process.describe()
    assert "wrong-Passw0rd" not in process.stderr


def test_a_mechanism_that_the_broker_lacks_is_named(secure, client, pcap, sample):
    process = client("-p", "-r", sample, "-t", pcap.name, "--stall-timeout", "3s",
                     *secure.sasl("OAUTHBEARER", **{
                         "enable.sasl.oauthbearer.unsecure.jwt": "true",
                         "sasl.oauthbearer.config": "principal=pycapa"}))
    assert process.wait(30) == 1
    assert process.grep("broker's supported mechanisms.*set sasl.mechanism"), process.describe()


def test_the_loader_chooses_the_library():
    """One binary, two versions of librdkafka."""
    for which, expected in (("debian", "librdkafka 2.0."), ("current", "librdkafka 2.12.1")):
        env = daemon.environment(LD_LIBRARY_PATH=library(which))
        said = run(daemon.BINARY, "--version", env=env).stdout
        assert expected in said and f", {library(which)}/" in said
