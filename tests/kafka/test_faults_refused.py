# SPDX-License-Identifier: Apache-2.0
"""Kafka refuses packets, or its topic changes, or the disk of the spool is full."""
import contextlib
import os
import signal
import time

import pytest

from harness import captures, faults, traffic, wait
from harness.broker import Broker
from harness.faults import JAVA, OUTAGE, PARTITIONS, PPS, Trial
from harness.witness import Topic, key_time

pytestmark = [pytest.mark.faults, pytest.mark.usefixtures('record')]
SHORT = 12 * PPS  # for faults that do not last
HOUR_MS = 3600000


@pytest.fixture(autouse=True)
def limit():
    """Outages outlast the limit of the other tests; every wait has a deadline of its own."""


@pytest.fixture(scope='module')
def steady_broker(tmp_path_factory):
    """Stays up all the time."""
    with Broker(tmp_path_factory.mktemp('broker'), java=JAVA) as b:
        yield b


@pytest.fixture
def trial(steady_broker, pair, spawn, tmp_path):
    return Trial(steady_broker, pair, spawn, steady_broker.topic(PARTITIONS), tmp_path / 'spool')


def test_partitions_added(trial):
    trial.start()
    trial.send(20 * PPS)  # they are looked for every 10 s
    trial.wait_flowing()
    trial.broker.add_partitions(trial.topic.name, PARTITIONS + 3)
    got = trial.assert_once(trial.finish())
    used = {p for home in got.homes.values() for p in home}
    assert used == set(range(PARTITIONS + 3)), f'partitions in use: {used}'
    assert max(len(home) for home in got.homes.values()) == 2, 'a flow moves at most once'


def test_leader_moved(pair, spawn, tmp_path):
    with Broker(tmp_path / 'first', java=JAVA) as first:
        with faults.SecondBroker(tmp_path / 'second', first) as second:
            name = first.topic(PARTITIONS, replicas=[[2, 1]] * PARTITIONS)
            trial = Trial(first, pair, spawn, name, tmp_path / 'spool')
            trial.start()
            trial.send(20 * PPS)
            trial.wait_flowing()
            assert first.leaders(name) == {2}
            second.stop()
            wait.until(lambda: first.leaders(name) == {1}, 30, 'the leader moved')
            second.start()
            wait.until(lambda: first.in_sync(name) == {1, 2}, 60, 'both in sync')
            first.tool('org.apache.kafka.tools.LeaderElectionCommand', '--bootstrap-server',
                       first.bootstrap, '--election-type', 'preferred', '--all-topic-partitions')
            wait.until(lambda: first.leaders(name) == {2}, 30, 'the leader back')
            trial.assert_once(trial.finish())


def test_topic_deleted_and_made_again(trial):
    name = trial.topic.name
    trial.start()
    trial.send()
    trial.wait_flowing()
    trial.broker.delete_topic(name)
    gone = trial.wait_still()
    wait.elapse(OUTAGE)
    assert trial.process.stats()['delivered'] == gone['delivered'], 'nowhere to deliver to'
    trial.broker.topic(PARTITIONS, name=name)
    stats = trial.finish()
    assert trial.process.status == 0, trial.process.describe()
    assert stats['delivered'] == stats['received'] == trial.sent, stats
    got = faults.content(trial.topic, trial.sent)
    # What the old topic had acknowledged went with it; all the rest is in the new one.
    kept = trial.sent - got.counts.count(0)
    assert gone['delivered'] + kept == trial.sent, (gone, kept)
    assert faults.doubles(got.counts) <= stats['doubled'], stats


def test_topic_takes_only_small_batches_from_now_on(trial):
    trial.start('-X', 'linger.ms=500')  # batches of some 300 KB; a busy machine sends less
    trial.send(SHORT)
    trial.wait_flowing()
    trial.broker.configure_topic(trial.topic.name, max_message_bytes=65536)
    # On a busy machine Kafka's tool takes longer than the traffic: some comes after it.
    assert trial.generator.wait(60) == 0, trial.generator.describe()
    trial.send(4 * PPS)
    stats = trial.finish()
    trial.assert_once(stats, stats['doubled'])
    assert trial.process.grep(r'^WARN.*max\.message\.bytes.*batches of 60000$')


@pytest.mark.blocks
@pytest.mark.parametrize('spool', [False, True])
def test_one_time_stamp_in_100_refused(steady_broker, spawn, tmp_path, spool):
    count = 200000
    topic = Topic(steady_broker, steady_broker.topic(
        PARTITIONS, message_timestamp_after_max_ms=HOUR_MS))
    now_us = int(time.time() * 1000000)
    packets = [p._replace(time_us=p.time_us + (i % 100 == 0) * 86400 * 1000000)
               for i, p in enumerate(captures.sample(count, size=100, start_us=now_us - count * 50,
                                                     step_us=50))]
    path = captures.write(tmp_path / 'future.pcap', packets)
    argv = ('--spool-directory', tmp_path / 'spool') if spool else ()
    start_ms = int(time.time() * 1000)
    process = spawn('-p', '-r', path, '-k', steady_broker.bootstrap, '-t', topic.name, *argv)
    assert process.wait(120) == 0, process.describe()
    end_ms = int(time.time() * 1000)
    stats = faults.assert_ended(process)
    assert stats['received'] == stats['delivered'] == count, stats

    def check(m):
        times = [packets[captures.sequence(v)].time_us for v in captures.packets_of(m)]
        assert key_time(m.key()) == min(times), 'the key keeps the time'
        stamp = m.timestamp()[1]
        if max(times) <= now_us:
            assert stamp == max(times) // 1000
        else:
            assert start_ms <= stamp <= end_ms, 'refused, so it was sent as of now'
    got = faults.content(topic, count, check)
    assert faults.missing(got.counts) == []
    assert count <= got.records <= count + stats['doubled'], (got.records, stats)


def test_a_packet_too_large_is_counted_as_failed(steady_broker, spawn, tmp_path):
    topic = Topic(steady_broker, steady_broker.topic(1, max_message_bytes=2000))
    sizes = [100] * 50 + [3000] + [100] * 50 + [3001] * 20 + [2500] + [100] * 50
    packets = [captures.Packet(1700000000000000 + i, captures.udp(i, size), size)
               for i, size in enumerate(sizes)]
    path = captures.write(tmp_path / 'large.pcap', packets)
    process = spawn('-p', '-r', path, '-k', steady_broker.bootstrap, '-t', topic.name)
    assert process.wait(60) == 1, process.describe()
    stats = faults.assert_ended(process)
    assert (stats['received'], stats['delivered'], stats['failed']) == (172, 150, 22), stats
    assert process.grep(r'^ERROR.*A packet of 3000 bytes .*max\.message\.bytes')
    got = faults.content(topic, len(sizes))
    assert got.records == 150 and faults.missing(got.counts) == [(50, 51), (101, 122)]


class FullDisk:
    """A small disk for the spool; most of it is taken by a file that can be removed."""

    def __init__(self, path):
        self.disk = faults.Tmpfs(path, 128)
        self.spool = os.path.join(self.disk.path, 'spool')
        self.filler = os.path.join(self.disk.path, 'filler')
        with open(self.filler, 'wb') as f:
            f.write(bytes(108 << 20))

    def fill(self):
        """Takes all that is left."""
        with open(self.filler, 'ab', buffering=0) as f, contextlib.suppress(OSError):
            while f.write(bytes(1 << 20)):
                pass

    def free(self):
        os.unlink(self.filler)


@pytest.fixture
def full_disk(tmp_path):
    d = FullDisk(tmp_path / 'disk')
    yield d
    d.disk.remove()


@pytest.fixture
def queue(record):
    """As much memory for blocks as a queue of packets takes: what is more goes to the disk."""
    return ('-X', 'queue.buffering.max.kbytes=20480') if record == 'block' else ()


def full_warnings(process):
    return process.grep('^WARN.*spool: cannot write: .*; packets wait in memory')


def fill(trial, broker):
    """An outage until the disk takes no more."""
    trial.send(60 * PPS)
    trial.wait_flowing()
    broker.kill()
    wait.until(lambda: full_warnings(trial.process), 40, trial.process.describe)


def test_disk_full_then_freed(outage_broker, pair, spawn, full_disk, queue):
    broker = outage_broker
    trial = Trial(broker, pair, spawn, broker.topic(PARTITIONS), full_disk.spool)
    trial.start('--spool-segment', '4M', *queue)
    fill(trial, broker)
    full = trial.process.stats()
    full_disk.free()
    trial.wait_stats(lambda s: s['spooled'] > full['spooled'] + PPS, 20)
    trial.sent = traffic.stop(trial.generator)
    broker.start()
    trial.assert_once(trial.finish())
    assert len(full_warnings(trial.process)) == 1, trial.process.describe()


def test_a_hiccup_while_the_disk_is_full(outage_broker, pair, spawn, full_disk):
    # It was full before the start, and stays so.
    full_disk.fill()
    broker = outage_broker
    trial = Trial(broker, pair, spawn, broker.topic(PARTITIONS), full_disk.spool)
    trial.start()
    trial.send(60 * PPS)
    trial.wait_flowing()
    for _ in range(2):
        delivered = trial.process.stats()['delivered']
        broker.pause()
        trial.wait_stats(lambda s: s['queued'] + s['spooled'] > PPS, 20)
        broker.resume()
        trial.wait_stats(lambda s: s['delivered'] > delivered + PPS, 20)
    trial.sent = traffic.stop(trial.generator)
    stats = trial.wait_stats(lambda s: s['delivered'] == trial.sent, 30)
    assert full_warnings(trial.process), trial.process.describe()
    trial.assert_once(trial.finish())
    assert stats['spooled'] == stats['queued'] == 0, stats


def test_sigterm_while_the_disk_is_full(outage_broker, pair, spawn, full_disk, queue):
    broker = outage_broker
    trial = Trial(broker, pair, spawn, broker.topic(PARTITIONS), full_disk.spool)
    # A ring of 1.3 s: in one of 2 MiB packets are lost before the disk is full on a busy machine.
    trial.start('--spool-segment', '4M', '--shutdown-timeout', '2', '--buffer-size', '16M', *queue)
    fill(trial, broker)
    # What memory holds is full, too.
    whole = trial.wait_stats(lambda s: s['dropped_kernel'] > PPS, 30)
    assert trial.process.stop(signal.SIGTERM) == 1, trial.process.describe()
    stats = faults.assert_ended(trial.process)
    maybe, again = faults.unanswered(trial.process), faults.sent_again(trial.process)
    assert stats['spooled'] > 0 and stats['dropped'] + stats['failed'] > 0, stats
    assert stats['queued'] <= 1, stats  # the one that waited before the queue
    trial.generator.kill()
    broker.start()
    # All that it said is on disk comes from there.
    full_disk.free()
    trial.start()
    second = trial.wait_stats(lambda s: s['queued'] == s['spooled'] == 0, 60)
    assert trial.process.stop() == 0, trial.process.describe()
    assert second['recovered'] == stats['spooled'] + again, (stats, again, second)
    got = faults.content(trial.topic, trial.sent)
    # What the disk has not taken is lost, and nothing before it.
    first = whole['received'] - stats['dropped'] - stats['failed'] - PPS // 2
    assert got.counts.find(0) >= first, (got.counts.find(0), whole, stats)
    # No more than that, but for what was sent without an answer when the broker was killed.
    more = got.records - stats['delivered'] - stats['spooled']
    most = again + stats['doubled'] + maybe + second['doubled']
    assert again <= more <= most, (more, again, maybe, stats, second)
