# SPDX-License-Identifier: Apache-2.0
"""A login by the values of Wireshark's dialog."""
import os
import re
import signal
import time

import pytest

from harness import captures, wait
from harness.wireshark import Screen, Tshark, of_values
from secure_cluster import KEY_PASSWORD, PASSWORD


@pytest.fixture
def start(secure, client, pcap, tmp_path):
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)

    def go(password, *argv):
        return reader, client(
            "--capture", "--extcap-interface", "pycapa", "--fifo", fifo, "--brokers",
            secure.address("SASLSSL"), "--topic", pcap.name, "--protocol", "sasl_ssl",
            "--mechanism", "PLAIN", "--username", "pycapa", "--password", password, "--cafile",
            secure.ca.cert, *argv)
    yield go
    os.close(reader)


def test_the_right_password(start, pcap):
    pcap.produce(captures.sample(10))
    reader, process = start(PASSWORD, "--start", "begin", "--end", "end")
    assert process.wait(30) == 0, process.describe()
    assert process.stderr == ""
    assert len(captures.pcapng_records(os.read(reader, 1 << 16))) == 10


def test_a_wrong_password_is_one_line(start):
    _, process = start("wrong")
    assert process.wait(30) == 1
    assert re.fullmatch(r".*sasl\.username or sasl\.password is wrong.*\n", process.stderr), \
        process.describe()


def test_a_wrong_password_is_stopped_at_once(start):
    _, process = start("wrong")
    wait.elapse(.5)
    began = time.monotonic()
    process.stop(signal.SIGTERM)
    assert time.monotonic() - began < 1
    assert process.stderr == "" or process.stderr.count("\n") == 1, process.describe()


@pytest.fixture
def window(secure, pcap, tmp_path):
    """A real Wireshark that captures with a wrong password."""
    properties = ("security.protocol=sasl_ssl; sasl.mechanism=PLAIN; sasl.username=pycapa; "
                  f"sasl.password=wrong; ssl.ca.location={secure.ca.cert}")
    with Screen(tmp_path) as screen, \
            screen.capture(brokers=secure.address("SASLSSL"), topic=pcap.name,
                           properties=properties) as wireshark:
        yield wireshark


@pytest.mark.long
def test_a_wrong_password_is_a_message_box(window):
    window.assert_message_box()


@pytest.mark.long
def test_a_window_stops_a_wrong_password_at_once(window):
    assert window.wait_capturing(), "it still tries"
    assert window.stop_capture() < 1
    assert window.running()


@pytest.mark.long
def test_a_client_certificate_through_tshark(secure, pcap, tmp_path):
    pcap.produce(captures.sample(10))
    argv = of_values(
        brokers=secure.address("TLS"), topic=pcap.name, start="begin", end="end", protocol="ssl",
        cafile=secure.ca.cert, certificate=f"{secure.ca.dir}/client.crt",
        key=f"{secure.ca.dir}/client.encrypted.key",
        properties=f"ssl.key.password={KEY_PASSWORD}")
    with Tshark(tmp_path / "home", "", *argv, "-T", "fields", "-e", "udp.port") as process:
        assert process.wait(30) == 0, process.describe()
        assert len(process.stdout.splitlines()) == 10, process.describe()
