# SPDX-License-Identifier: Apache-2.0
"""A capture of the interface that carries its own connections to Kafka does not feed on itself."""
import re

import pytest

from harness import faults, wait
from harness.net import free_port
from harness.witness import Topic

pytestmark = pytest.mark.alone
MARKER = b'marker-of-another-client'


class LocalBroker(faults.FarBroker):
    """
    A broker in a namespace of its own, which pycapa joins: nothing else is on that lo. Both talk
    there, by `local`; the tests' own clients come in by the veth pair.
    """

    def __init__(self, directory):
        super().__init__(directory)
        self.local_port = free_port()
        self.local = f'127.0.0.1:{self.local_port}'
        listener = f',LOCAL://{self.local}'
        more = {'listeners': listener, 'advertised.listeners': listener,
                'listener.security.protocol.map': ',LOCAL:PLAINTEXT'}
        self.configure(**{k: self.properties[k] + v for k, v in more.items()},
                       **{'inter.broker.listener.name': 'PLAINTEXT'})


@pytest.fixture
def local_broker(tmp_path):
    b = LocalBroker(tmp_path / 'local')
    yield b.start()
    b.kill()


@pytest.fixture
def capture_lo(local_broker, spawn):
    """Starts a producer that captures the whole of lo."""
    def start(topic, *argv):
        process = spawn('-p', '-i', 'lo', '-k', local_broker.local, '-t', topic, *argv,
                        prefix=local_broker.pair.command())
        return process.wait_capturing()
    return start


def test_lo_idle_for_10_s_makes_fewer_than_100_packets(local_broker, capture_lo):
    process = capture_lo(local_broker.topic())
    wait.elapse(10)
    stats = process.stats()
    assert process.stop() == 0, process.describe()
    taken, delivered = process.counts()
    assert taken == delivered < 100, process.describe()
    assert stats['own'] > 0, 'its own connections were on lo, and are counted'


def test_lo_100_pings_are_200_echo_packets(local_broker, capture_lo):
    topic = local_broker.topic()
    process = capture_lo(topic)
    local_broker.pair.run('ping', '-q', '-c', '100', '-i', '0.01', '127.0.0.1')
    assert process.stop() == 0, process.describe()
    kinds = [r.value[34] for r in Topic(local_broker, topic).records() if r.value[23] == 1]
    assert sorted(kinds) == [0] * 100 + [8] * 100


def test_other_clients_of_the_same_broker_are_captured(local_broker, capture_lo, tmp_path):
    topic, other = local_broker.topic(), local_broker.topic()
    process = capture_lo(topic)
    record = tmp_path / 'record'
    record.write_bytes(MARKER)
    local_broker.pair.run('kcat', '-P', '-b', local_broker.local, '-t', other, record)
    assert process.stop() == 0, process.describe()
    values = [r.value for r in Topic(local_broker, topic).records()]
    assert sum(MARKER in v for v in values) == 1, (
        f'{len(values)} packets, the other client\'s record once among them')


def test_own_traffic_is_captured_when_asked_for(local_broker, capture_lo):
    topic = local_broker.topic()
    # Bounded, for it feeds on itself.
    process = capture_lo(topic, '--own-traffic', '-m', '300')
    local_broker.pair.run('ping', '-q', '-c', '3', '-i', '0.05', '127.0.0.1')
    assert process.wait(60) == 0, process.describe()
    assert process.counts() == (300, 300)
    values = [r.value for r in Topic(local_broker, topic).records()]
    assert any(re.search(b'\\bping\\b|pcap|topic', v) for v in values)
    port = local_broker.local_port.to_bytes(2, 'big')
    assert sum(v[23] == 6 and port in (v[34:36], v[36:38]) for v in values) > 100
