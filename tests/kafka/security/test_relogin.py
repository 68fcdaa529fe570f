# SPDX-License-Identifier: Apache-2.0
"""A consumer whose kinit hangs at a relogin, which holds up librdkafka's main thread for long."""
import os
import signal
import time

import pytest

from harness import captures, wait

KINIT = "sasl.kerberos.kinit.cmd"
COUNT = 20000  # of 1000 bytes: more than fits on the way to a reader that stands still
HANGS_S = 15   # how long one may, before it is ended


class Login:
    """A kinit that gets the ticket, or hangs."""

    def __init__(self, folder):
        self.hang, self.hanging = folder / "hang", folder / "hanging"
        self.options = {
            KINIT: f"if [ -e {self.hang} ]; then touch {self.hanging}; exec sleep 1000; fi; "
                   "exec kinit -k -t %{sasl.kerberos.keytab} %{sasl.kerberos.principal}",
            "sasl.kerberos.min.time.before.relogin": "1000"}

    def fails(self):
        self.hang.touch()
        wait.until(self.hanging.exists, 20, "a kinit that hangs")

    def works_again(self):
        self.hang.unlink()


@pytest.fixture
def login(tmp_path):
    return Login(tmp_path)


@pytest.fixture
def hung(secure, client, pcap, login):
    """A consumer into a pipe that nobody reads, while kinit hangs; (process, reading end)."""
    reader, writer = os.pipe()

    def start(offset, libs=""):
        first = captures.sample(COUNT, size=1000)
        pcap.produce(first[:1])
        process = client("-c", "-o", offset, "-t", pcap.name, "-m", str(COUNT),
                         "--shutdown-timeout", "1s", *secure.gssapi(**login.options),
                         stdout=writer, libs=libs)
        os.close(writer)
        assert len(os.read(reader, 24)) == 24
        wait.until(lambda: process.stats()["read"] == 1, 30, process.describe)
        login.fails()
        # Brokers have threads of their own: records go on coming.
        pcap.produce(first[1:])
        return process, reader
    yield start
    os.close(reader)


def stands_still(process):
    """Answers all the time; the partitions are to be paused after a second of this."""
    started = time.monotonic()
    while time.monotonic() - started < 4:
        assert 1 < process.stats(timeout=5)["read"] < COUNT


@pytest.mark.parametrize("offset", ["begin", "stored"])
def test_the_consumer_answers_and_loses_nothing(hung, login, offset, librdkafka):
    process, reader = hung(offset, librdkafka)
    wait.until(lambda: process.stats(timeout=5)["read"] > 1, 10, process.describe)
    stands_still(process)
    assert not process.grep("kinit did not end"), "it hung all the time\n" + process.describe()
    login.works_again()
    data = b""
    while chunk := os.read(reader, 1 << 16):
        data += chunk
    assert process.wait(30) == 0, process.describe()
    seen = [captures.sequence(p.data) for p in captures.parse(captures.header() + data)[1]]
    assert seen == list(range(COUNT)), f"{len(seen)} packets, {len(set(seen))} different"


@pytest.mark.parametrize("offset", ["begin", "stored"])
def test_the_consumer_ends_at_once(hung, login, offset):
    process, _ = hung(offset)
    wait.until(lambda: process.stats(timeout=5)["read"] > 1, 10, process.describe)
    stands_still(process)
    started = time.monotonic()
    assert process.stop(signal.SIGTERM, timeout=2 * HANGS_S) == 1, process.describe()
    assert time.monotonic() - started < 6, process.describe()
    assert not process.grep("s more at most"), "it is over by then\n" + process.describe()
    read, written = process.counts()
    assert 1 <= written < read < COUNT, process.describe()
    assert process.lines[-2:] == [
        f"ERROR:root:{read - written} packet(s) not written: the reader was too slow",
        f"ERROR:root:Cut short by a signal: {read} of {COUNT} packet(s) read"], process.describe()
