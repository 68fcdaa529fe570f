# SPDX-License-Identifier: Apache-2.0
"""A capture of the interface that carries its own connections to Kafka does not feed on itself."""
import os
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


@pytest.fixture(scope='module')
def local_broker(tmp_path_factory):
    b = LocalBroker(tmp_path_factory.mktemp('local'))
    try:
        yield b.start()
    finally:
        b.kill()


@pytest.fixture
def capture_lo(local_broker, spawn):
    """Starts a producer that captures the whole of lo."""
    def start(topic, *argv):
        process = spawn('-p', '-i', 'lo', '-k', local_broker.local, '-t', topic, *argv,
                        prefix=local_broker.pair.command())
        return process.wait_capturing()
    return start


def own_ports(process):
    """The local ports of its TCP connections that are open now."""
    held = [os.readlink(f.path) for f in os.scandir(f'/proc/{process.pid}/fd')]
    with open(f'/proc/{process.pid}/net/tcp') as f:
        rows = [line.split() for line in f.readlines()[1:]]
    return {int(row[1].split(':')[1], 16) for row in rows if f'socket:[{row[9]}]' in held}


def tcp_ports(frame):
    """Source and destination of a TCP segment; none of another packet."""
    if frame[12:14] != b'\x08\x00' or frame[23] != 6:
        return set()
    return {int.from_bytes(frame[at:at + 2], 'big') for at in (34, 36)}


def test_lo_idle_for_10_s_makes_fewer_than_100_packets(local_broker, capture_lo):
    topic, own = local_broker.topic(), set()
    process = capture_lo(topic)
    wait.stays(lambda: own.update(own_ports(process)) is None, 10, process.describe)
    stats = process.stats()
    assert process.stop() == 0, process.describe()
    taken, delivered = process.counts()
    assert 0 < taken == delivered < 100, process.describe()
    assert stats['own'] > 0, 'its own connections were on lo, and are counted'
    seen = [tcp_ports(r.value) for r in Topic(local_broker, topic).records()]
    assert len(seen) == taken and own and not own & set().union(*seen), process.describe()


def test_lo_100_pings_are_200_echo_packets(local_broker, capture_lo):
    topic = local_broker.topic()
    process = capture_lo(topic)
    local_broker.pair.run('ping', '-q', '-c', '100', '-i', '0.01', '127.0.0.1')
    assert process.stop() == 0, process.describe()
    kinds = [r.value[34] for r in Topic(local_broker, topic).records() if r.value[23] == 1]
    assert sorted(kinds) == [0] * 100 + [8] * 100


def test_members_of_a_group_leave_out_each_others(local_broker, capture_lo):
    """A connection lands on any of them; one that was killed had some, too, and so has its heir."""
    topic, own = local_broker.topic(), set()
    members = [capture_lo(topic, '--fanout', '7') for _ in range(3)]

    def watch():
        own.update(*map(own_ports, members))
        return True
    wait.stays(watch, 1, members[0].describe)
    members.pop().kill()
    members.append(capture_lo(topic, '--fanout', '7'))
    wait.stays(watch, 1, members[0].describe)
    local_broker.pair.run('ping', '-q', '-c', '100', '-i', '0.01', '127.0.0.1')
    for process in members:
        assert process.stop() == 0, process.describe()
    records = Topic(local_broker, topic).records()
    kinds = [r.value[34] for r in records if r.value[23] == 1]
    assert sorted(kinds) == [0] * 100 + [8] * 100
    others = [r for r in records if r.value[23] != 1]
    assert len(others) < 100, f'{len(others)} packets'
    seen = set().union(*(tcp_ports(r.value) for r in others))
    assert len(own) > 3 and not own & seen, own & seen


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
    assert sum(local_broker.local_port in tcp_ports(v) for v in values) > 100
