# SPDX-License-Identifier: Apache-2.0
"""Instances that share an interface: each packet in one of them, whoever comes and goes."""
import itertools
import os
import signal
import socket
from collections import Counter

import pytest

from harness import captures, faults, traffic, wait
from harness.net import Pair
from harness.witness import Topic

pytestmark = pytest.mark.alone

COUNTER = itertools.count()
FLOWS = 50
PPS = 20000


@pytest.fixture
def group():
    """Of no other test's: a group is the whole host's."""
    return str((os.getpid() * 16 + next(COUNTER)) % 65536)


class Members:
    """Instances on one interface."""

    def __init__(self, pair, group, spawn, broker):
        self.pair, self.group, self.spawn, self.broker = pair, group, spawn, broker
        self.topic = Topic(broker, broker.topic(4))
        self.ended = []  # what those that ended said of their packets

    def start(self, *argv, topic=None):
        process = self.spawn('-p', '-i', self.pair.inside, '--fanout', self.group, '-k',
                             self.broker.bootstrap, '-t', (topic or self.topic).name, *argv)
        process.topic = topic or self.topic
        return process.wait_capturing()

    def start_apart(self, *argv):
        """With a topic of its own, which tells who had what."""
        return self.start(*argv, topic=Topic(self.broker, self.broker.topic(4)))

    def stop(self, process, number=signal.SIGTERM):
        assert process.stop(number) == 0, process.describe()
        self.ended.append(faults.assert_ended(process))
        return self.ended[-1]

    def had(self):
        return sum(s['received'] + s['dropped_kernel'] for s in self.ended)

    def dropped(self):
        return sum(s['dropped_kernel'] for s in self.ended)


@pytest.fixture
def members(pair, group, spawn, broker):
    return Members(pair, group, spawn, broker)


def had(process):
    stats = process.stats()
    return stats['received'] + stats['dropped_kernel']


def wait_had(processes, count):
    wait.until(lambda: sum(had(p) for p in processes) >= count, 30,
               lambda: f'{count} packets, there are {[p.stats() for p in processes]}')


def wait_flowing(*processes):
    """Until each of them has packets, and then more."""
    for process in processes:
        before = had(process)
        wait.until(lambda: had(process) >= before + PPS / 20, 20, process.describe)


def numbers(*topics):
    return Counter(captures.sequence(r.value) for t in topics for r in t.records())


def packets(topic):
    """Of records of either kind."""
    return [p for r in topic.records() for p in captures.packets_in(r.value, r.headers)]


def doubled(counts):
    return {n for n, times in counts.items() if times > 1}


@pytest.mark.parametrize('count,kind', [(2, 'block'), (4, 'packet')])
def test_instances_share_the_packets_at_full_speed(members, pair, count, kind):
    processes = [members.start_apart('-B', '8M', '--record', kind) for _ in range(count)]
    sent = traffic.send(pair, 50000, 0, size=128, flows=FLOWS)
    wait_had(processes, sent)
    for process in processes:
        members.stop(process)
    assert members.had() == sent, members.ended
    frames = [packets(p.topic) for p in processes]
    assert all(frames), [len(f) for f in frames]
    counts = Counter(captures.sequence(frame) for found in frames for frame in found)
    assert not doubled(counts) and len(counts) == sent - members.dropped()
    homes = [{frame[26:38] for frame in found} for found in frames]
    assert sum(map(len, homes)) == len(set.union(*homes)) == FLOWS, 'each flow in one instance'


def test_one_is_stopped_and_started_under_load(members, pair):
    stays, goes = members.start(), members.start()
    stream = traffic.start(pair, 10**9, PPS, size=128, flows=FLOWS)
    wait_flowing(stays, goes)
    members.stop(goes)
    wait_flowing(stays)
    comes = members.start()
    wait_flowing(stays, comes)
    sent = traffic.stop(stream)
    wait_had([stays, comes], sent - members.had())
    members.stop(comes)
    members.stop(stays)
    assert members.had() == sent, members.ended
    counts = numbers(members.topic)
    assert not doubled(counts)
    assert sent - len(counts) == members.dropped() < PPS / 10, members.ended


def test_one_is_killed_and_started_under_load(members, pair):
    stays, goes = members.start(), members.start()
    stream = traffic.start(pair, 10**9, PPS, size=128, flows=FLOWS)
    wait_flowing(stays, goes)
    goes.kill()
    comes = members.start()
    wait_flowing(stays, comes)
    sent = traffic.stop(stream)
    # What comes after all that is there again is complete.
    traffic.send(pair, PPS, PPS, size=128, flows=FLOWS, first=sent)
    last = sent + PPS - 1
    wait.until(lambda: members.topic.count() and had(stays) + had(comes) > PPS, 30, stays.describe)
    members.stop(comes)
    members.stop(stays)
    assert members.dropped() == 0, members.ended
    counts = numbers(members.topic)
    assert not doubled(counts)
    missing = set(range(sent + PPS)) - set(counts)
    assert last in counts and all(n < sent for n in missing), sorted(missing)[-3:]
    # Those of a ring and of librdkafka's queue.
    assert len(missing) < sent / 2, f'{len(missing)} of {sent}'


def configure(file, members, **more):
    lines = {'interface': f'"{members.pair.inside}"', 'fanout': members.group,
             'kafka-broker': f'"{members.broker.bootstrap}"', **more}
    file.write_text(''.join(f'{k} = {v};\n' for k, v in lines.items()))


def test_a_reload_takes_no_other_share(members, pair, tmp_path):
    """A filter changes in place; for a ring of another size a handle follows on the other."""
    file = tmp_path / 'member.cfg'
    topic = Topic(members.broker, members.broker.topic(4))

    configure(file, members, **{'kafka-topic': f'"{topic.name}"'})
    stays, other = members.spawn('-C', file).wait_capturing(), members.start_apart()
    stream = traffic.start(pair, 10**9, PPS, size=128, flows=FLOWS)
    wait_flowing(stays, other)
    for n, more in enumerate(({'filter': '"udp"'}, {'buffer-size': '"8M"'}, {'snaplen': '120'},
                              {'filter': '"ip"', 'snaplen': '120'}), 1):
        configure(file, members, **{'kafka-topic': f'"{topic.name}"'}, **more)
        stays.send_signal(signal.SIGHUP)
        wait.until(lambda: len(stays.grep('^INFO:root:Reloaded ')) == n, 20, stays.describe)
        wait_flowing(stays, other)
    sent = traffic.stop(stream)
    wait_had([stays, other], sent)
    members.stop(stays)
    members.stop(other)
    assert members.had() == sent, members.ended
    records = [topic.records(), other.topic.records()]
    counts = Counter(captures.sequence(r.value) for found in records for r in found)
    assert not doubled(counts) and sent - len(counts) == members.dropped(), members.ended
    flows = [Counter(r.value[26:38] for r in found) for found in records]
    strangers = sum(min(flows[0][f], flows[1][f]) for f in flows[0])
    assert strangers < 10, 'flows stay where they are, but for the moment of a hand-over'


def test_an_interface_that_comes_back_is_shared_again(members, pair, tmp_path):
    file = tmp_path / 'member.cfg'
    configure(file, members, **{'kafka-topic': f'"{members.topic.name}"'})
    processes = [members.spawn('-C', file).wait_capturing() for _ in range(2)]
    pair.delete_link()
    for process in processes:
        process.wait_line('^WARNING:root:.*waiting for the interface')
    pair.create()
    for process in processes:
        process.wait_line('^INFO:root:.*the interface is back')
    traffic.send(pair, 1000, 0, flows=FLOWS)
    wait_had(processes, 1000)
    for process in processes:
        assert members.stop(process)['received'] > 0, process.describe()
    assert numbers(members.topic) == Counter(range(1000))


def test_direction_holds_in_a_group(members, pair):
    processes = [members.start('-Q', 'in') for _ in range(2)]
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as out:
        out.bind((pair.inside, 0))
        for n in range(1000):
            out.send(captures.udp(1000 + n, flow=n % FLOWS))
    traffic.send(pair, 1000, 0, flows=FLOWS)
    wait_had(processes, 1000)
    for process in processes:
        members.stop(process)
    assert numbers(members.topic) == Counter(range(1000))


def test_a_group_of_another_interface_is_refused_by_its_name(members, group, spawn, topic):
    members.start()
    other = Pair()
    try:
        refused = spawn('-p', '-i', other.inside, '--fanout', group, '-k', topic.broker.bootstrap)
        assert refused.wait(20) == 1, refused.describe()
        assert refused.grep(f'^ERROR:root:{other.inside}: fanout {group}: the group is already that '
                            f'of interface {members.pair.inside}$'), refused.describe()
    finally:
        other.remove()


def test_a_group_that_shares_otherwise_is_refused(members, pair, group, spawn, topic):
    PACKET_FANOUT, CPU = 18, 2
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3)) as program:
        program.bind((pair.inside, 3))
        program.setsockopt(263, PACKET_FANOUT, int(group) | CPU << 16)
        refused = spawn('-p', '-i', pair.inside, '--fanout', group, '-k', topic.broker.bootstrap)
        assert refused.wait(20) == 1, refused.describe()
        assert refused.grep(f'fanout {group}: another program has the group and shares its packets '
                            'by CPU, not by flow hash$'), refused.describe()
