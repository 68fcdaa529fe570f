# SPDX-License-Identifier: Apache-2.0
"""A capture of the interface that carries its own connections to Kafka does not feed on itself."""
import re

import pytest

from harness import captures, wait
from harness.proc import run
from harness.witness import Topic

pytestmark = pytest.mark.alone


@pytest.fixture
def quiet_broker(own_broker):
    """A broker that nobody but the test talks to."""
    return own_broker.start()


def capture_lo(spawn, broker, topic, *argv):
    process = spawn('-p', '-i', 'lo', '-k', broker.bootstrap, '-t', topic, *argv)
    return process.wait_capturing()


def expression(broker):
    """What of lo concerns this test: other tests' traffic is not ours to count."""
    return f'port {broker.port} or icmp or icmp6'


def test_lo_idle_for_10_s_makes_fewer_than_100_packets(quiet_broker, spawn):
    process = capture_lo(spawn, quiet_broker, quiet_broker.topic(), expression(quiet_broker))
    wait.elapse(10)
    stats = process.stats()
    assert process.stop() == 0, process.describe()
    taken, delivered = process.counts()
    assert taken == delivered < 100, process.describe()
    assert stats['own'] > 0, 'its own connections were on lo, and are counted'


def test_lo_100_pings_are_200_echo_packets(quiet_broker, spawn):
    topic = quiet_broker.topic()
    process = capture_lo(spawn, quiet_broker, topic, 'icmp')
    run('ping', '-q', '-c', '100', '-i', '0.01', '127.0.0.1')
    assert process.stop() == 0, process.describe()
    assert process.counts() == (200, 200)
    kinds = [r.value[34] for r in Topic(quiet_broker, topic).records()]
    assert sorted(kinds) == [0] * 100 + [8] * 100


def test_other_clients_of_the_same_broker_are_captured(quiet_broker, spawn):
    topic, other = quiet_broker.topic(), Topic(quiet_broker, quiet_broker.topic())
    process = capture_lo(spawn, quiet_broker, topic, expression(quiet_broker))
    other.produce([captures.Packet(1700000000000000, b'marker-of-another-client', 24)])
    assert process.stop() == 0, process.describe()
    values = [r.value for r in Topic(quiet_broker, topic).records()]
    assert sum(b'marker-of-another-client' in v for v in values) == 1, (
        f'{len(values)} packets, the other client\'s record once among them')


def test_own_traffic_is_captured_when_asked_for(quiet_broker, spawn):
    topic = quiet_broker.topic()
    # Bounded, for it feeds on itself.
    process = capture_lo(spawn, quiet_broker, topic, '--own-traffic', '-m', '300',
                         expression(quiet_broker))
    run('ping', '-q', '-c', '3', '-i', '0.05', '127.0.0.1')
    assert process.wait(60) == 0, process.describe()
    assert process.counts() == (300, 300)
    values = [r.value for r in Topic(quiet_broker, topic).records()]
    assert any(re.search(b'\\bping\\b|pcap|topic', v) for v in values)
    port = quiet_broker.port.to_bytes(2, 'big')
    assert sum(v[23] == 6 and port in (v[34:36], v[36:38]) for v in values) > 100
