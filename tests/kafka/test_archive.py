# SPDX-License-Identifier: Apache-2.0
"""
A topic as an archive: one minute out of an hour in 8 partitions, whatever happened to the packets
on their way into it. editcap and tcpdump say what it holds, out of a file of all of them.
"""
import bisect
import itertools
import os
import random
import struct
import time
from collections import namedtuple

import pytest

from harness import captures, wait, witness
from harness.daemon import BUILD, environment, pycapa
from harness.proc import run
from harness.witness import Topic

SECOND = 1000000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
START = 1700000000 * SECOND
PARTITIONS = 8
FLOWS = 40  # each of a host
ONE_HOST = 'host 10.1.0.3'

# `path`: a file of all packets in the order of their times
Archive = namedtuple('Archive', 'topic packets path')

pytestmark = pytest.mark.xdist_group('archive')  # they share a topic that takes its time


def flow(packet):
    return packet.data[29]


def an_hour(count, start=START, size=128, unit=1):
    """So many numbered packets at random times of an hour, which are multiples of `unit`."""
    rng = random.Random(count)
    frames = [captures.udp(0, size, f) for f in range(FLOWS)]
    times = sorted(rng.sample(range(HOUR), count))
    out = []
    for i, after in enumerate(times):
        frame = rng.choice(frames)
        data = frame[:42] + struct.pack('!Q', i) + frame[50:]
        out.append(captures.Packet(start + after // unit * unit, data, size))
    return out


def produce(topic, packets):
    """In this order; a flow stays in its partition."""
    for p in range(PARTITIONS):
        topic.produce([k for k in packets if flow(k) % PARTITIONS == p], partition=p)


def fill(topic, packets, directory, arrival=None):
    """Writes the packets in the order of `arrival`, a key as sorted() takes it."""
    produce(topic, sorted(packets, key=arrival) if arrival else packets)
    return Archive(topic, packets, captures.write(os.path.join(directory, 'all.pcap'), packets))


@pytest.fixture(scope='module')
def archive(broker, tmp_path_factory):
    """The one that tests share."""
    topic = Topic(broker, broker.topic(PARTITIONS))
    return fill(topic, an_hour(200000), tmp_path_factory.mktemp('archive'))


def at(us):
    return f'{us // SECOND}.{us % SECOND:06}'


def expected(archive, begin, end, expression=''):
    """What the witnesses find in the file."""
    part = archive.path + '.part'
    run('editcap', '-F', 'pcap', '-A', at(begin), '-B', at(end), archive.path, part)
    if expression:
        run('tcpdump', '-Z', 'root', '-r', part, '-w', part + '.one', *expression.split())
        part += '.one'
    return captures.read(part)[1]


def ask(archive, begin, end, *argv, expression='', bootstrap=None, status=0):
    """Runs a consumer; (process, the packets that it wrote)."""
    out = archive.path + '.out'
    process = pycapa('-c', '-k', bootstrap or archive.topic.broker.bootstrap,
                     '-t', archive.topic.name, '--from', '@' + at(begin), '--to', '@' + at(end),
                     '-w', out, *argv, *expression.split())
    assert process.status == status, process.describe()
    got = captures.read(out)[1]
    times = [p.time_us for p in got]
    assert times == sorted(times) and not process.grep('out of order'), process.describe()
    return process, got


def assert_exact(archive, begin, end, *argv, expression='', **kwargs):
    """The same packets, in the order of their times."""
    process, got = ask(archive, begin, end, *argv, expression=expression, **kwargs)
    wanted = expected(archive, begin, end, expression)
    assert got and got == wanted, f'{len(got)}, not {len(wanted)}\n{process.describe()}'
    return process


def a_minute(archive, minute=30):
    """From a packet's time to a packet's time: it holds the first of the two, not the second."""
    after = [p.time_us for p in archive.packets if p.time_us >= START + minute * MINUTE]
    return after[0], next(t for t in after if t > after[0] + MINUTE)


@pytest.mark.library
@pytest.mark.parametrize('slack', ['0', '10m'])
@pytest.mark.parametrize('expression', ['', ONE_HOST])
def test_a_minute_and_a_host(archive, slack, expression):
    begin, end = a_minute(archive)
    assert_exact(archive, begin, end, '--slack', slack, expression=expression)


@pytest.mark.library
def test_a_range_costs_what_is_in_it(archive):
    """What the broker sends for it, counted by a proxy, is not the topic."""
    broker = archive.topic.broker
    begin, end = a_minute(archive)[0], a_minute(archive, 35)[0]
    before = broker.proxy.answered
    assert_exact(archive, begin, end, '--slack', '0', bootstrap=broker.proxied)
    fetched = broker.proxy.answered - before
    size = sum(len(p.data) + 8 for p in archive.packets if begin <= p.time_us < end)
    # A slow machine has asked for more than it needs by the time that it knows.
    whole = sum(len(p.data) + 8 for p in archive.packets)
    assert size < fetched <= 3 * size + PARTITIONS * (1 << 20) < whole, f'{fetched}, not {size}'


def test_two_sensors_whose_clocks_differ(make_topic, tmp_path):
    """That of every other host is 3 s ahead: its packets come behind later ones, by their times."""
    archive = fill(make_topic(PARTITIONS), an_hour(24000), tmp_path,
                   lambda p: p.time_us - 3 * SECOND * (flow(p) // PARTITIONS % 2))
    begin, end = a_minute(archive)
    assert_exact(archive, begin, end, '--slack', '3s')
    assert_exact(archive, begin, end, '--slack', '3s', expression=ONE_HOST)


def test_a_spool_that_was_sent_30_minutes_late(make_topic, tmp_path):
    """In each partition a fifth of the hosts: what they captured from 10:00 to 20:00."""
    def is_late(packet):
        return flow(packet) < PARTITIONS and 10 * MINUTE <= packet.time_us - START < 20 * MINUTE

    archive = fill(make_topic(PARTITIONS), an_hour(24000), tmp_path,
                   lambda p: p.time_us + 30 * MINUTE * is_late(p))
    begin, end = a_minute(archive, 14)
    assert_exact(archive, begin, end, '--slack', '40m')
    assert_exact(archive, begin, end, '--slack', '40m', expression=ONE_HOST)
    # Without it, they are what is missing: the line that told the slack told that.
    process, got = ask(archive, begin, end)
    assert got == [p for p in expected(archive, begin, end) if not is_late(p)]
    assert process.grep(r'^INFO:root:Reading .* including packets up to 10m late \(--slack\)')


def test_a_topic_with_the_times_of_arrival(make_topic, tmp_path):
    """It came late, and not in the order of its times."""
    rng = random.Random(5)
    start = (int(time.time()) - 3700) * SECOND
    archive = fill(make_topic(PARTITIONS, message_timestamp_type='LogAppendTime'),
                   an_hour(24000, start), tmp_path,
                   lambda p: p.time_us + rng.randrange(10 * MINUTE))
    begin = start + 30 * MINUTE
    for slack, expression in ('0', ''), ('10m', ONE_HOST):
        process = assert_exact(archive, begin, begin + MINUTE, '--slack', slack,
                               expression=expression)
        assert process.grep('LogAppendTime'), process.describe()


def test_packets_then_blocks_then_packets(make_topic, tmp_path):
    """From 20:00 to 40:00 the records are blocks."""
    def third(packet):
        return (packet.time_us - START) // (20 * MINUTE)

    topic, packets, size = make_topic(PARTITIONS), an_hour(24000), 50
    for p in range(PARTITIONS):
        before, middle, after = ([k for k in packets if flow(k) % PARTITIONS == p and third(k) == n]
                                 for n in range(3))
        topic.produce(before, partition=p)
        topic.produce_raw([captures.block_record(middle[i:i + size])
                           for i in range(0, len(middle), size)], partition=p)
        topic.produce(after, partition=p)
    archive = Archive(topic, packets, captures.write(tmp_path / 'all.pcap', packets))
    for minute in 19, 30, 39:
        begin = START + minute * MINUTE + 30 * SECOND
        assert_exact(archive, begin, begin + MINUTE, '--slack', '0')
        assert_exact(archive, begin, begin + MINUTE, expression=ONE_HOST)
    process = assert_exact(archive, START + MINUTE, START + HOUR - MINUTE, expression=ONE_HOST)
    assert not process.grep('skipped'), process.describe()


def test_a_compacted_topic(make_topic, tmp_path):
    """Of the packets of a partition that have the same time, compaction leaves the last."""
    topic = make_topic(PARTITIONS, cleanup_policy='compact', segment_ms=100,
                       min_cleanable_dirty_ratio=0.01, min_compaction_lag_ms=0,
                       max_compaction_lag_ms=200)
    packets = an_hour(24000, unit=2 * SECOND)
    produce(topic, packets)
    left = {(flow(p) % PARTITIONS, p.time_us): p for p in packets}
    closing = [captures.Packet(START + 2 * HOUR + p, captures.udp(0, 128, p), 128)
               for p in range(PARTITIONS)]

    def compacted():
        produce(topic, closing)  # a segment is closed by what follows
        keys = witness.kcat_format(topic.broker, topic.name, '%p %T\n').split(b'\n')
        return len(keys) < len(left) + 50 * PARTITIONS
    wait.until(compacted, 60, 'the topic compacted')
    archive = Archive(topic, packets, captures.write(
        tmp_path / 'all.pcap',
        sorted(left.values(), key=lambda p: (p.time_us, flow(p) % PARTITIONS))))
    begin = START + 30 * MINUTE
    for slack in ('0', '10m'):
        assert_exact(archive, begin, begin + MINUTE, '--slack', slack)
    assert_exact(archive, begin, begin + 5 * MINUTE, expression=ONE_HOST)


def wait_stuck(process):
    """Waits until it reads no more, as nobody takes what it writes."""
    seen = []

    def is_stuck():
        seen.append(process.stats()['read'])
        return len(seen) > 10 and seen[-1] == seen[-10]
    wait.until(is_stuck, 30, process.describe)


def test_retention_that_cuts_in(make_topic, tmp_path, consumer):
    """
    Whoever reads the output is slow, and the broker deletes most of two of the partitions. There is
    more than the program and librdkafka keep.
    """
    packets = an_hour(60000, size=1500)
    topic = make_topic(PARTITIONS)
    archive = fill(topic, packets, tmp_path)
    begin, end = START + 10 * MINUTE, START + 50 * MINUTE
    cut = {p: high - 50 for p, (_, high) in topic.watermarks().items() if p in (2, 5)}
    reader, writer = os.pipe()
    process = consumer(topic, '--from', '@' + at(begin), '--to', '@' + at(end), '--slack', '0',
                       stdout=writer)
    os.close(writer)
    with open(reader, 'rb') as pipe:
        blob = pipe.read(24 + 1516 * 100)
        wait_stuck(process)
        topic.broker.move_starts(topic.name, cut)
        blob += pipe.read()
    assert process.wait(30) == 1, process.describe()
    got = set(captures.parse(blob)[1])
    wanted = set(expected(archive, begin, end))
    gone = wanted - got
    assert got < wanted and {flow(p) % PARTITIONS for p in gone} == set(cut)
    assert process.lines[-1] == (f'ERROR:root:Not all was read: {len(gone)} record(s) of topic '
                                 f'{topic.name} were deleted before they were read')


DISORDER = 10 * MINUTE


class Partition:
    """What a partition holds, for look-ups that are ours."""

    def __init__(self, packets, stamps):
        self.highest = list(itertools.accumulate(stamps, max))  # up to each offset
        self.offsets = sorted((p.time_us, offset) for offset, p in enumerate(packets))

    def first(self, ms):
        """The first record whose time stamp is not before; the end where there is none."""
        return bisect.bisect_left(self.highest, ms)

    def captured(self, begin, end):
        """The offsets of the packets of that time."""
        low, high = [bisect.bisect_left(self.offsets, (us,)) for us in (begin, end)]
        return [offset for _, offset in self.offsets[low:high]]


def moments(packets, rng):
    """500 ranges, half of them from and to the very time of a packet, or a microsecond beside."""
    for i in range(500):
        begin = START + rng.randrange(-DISORDER, HOUR + DISORDER)
        end = begin + rng.randrange(1, 5 * MINUTE)
        if i % 2:
            begin = rng.choice(packets).time_us + rng.randrange(-1, 2)
            end = max(begin + 1, rng.choice(packets).time_us + rng.randrange(-1, 2))
        yield begin, end, rng.choice([0, 1000, DISORDER // 1000])


@pytest.mark.library
def test_500_look_ups_in_a_topic_disordered_over_10_minutes(make_topic):
    """
    Where reading starts and ends in each partition, against the time stamps as kcat shows them.
    There are several segments, and batches of two sizes.
    """
    topic = make_topic(2, segment_bytes=1 << 20, index_interval_bytes=1 << 14)
    rng = random.Random(11)
    packets = sorted(an_hour(16000, size=300), key=lambda p: p.time_us + rng.uniform(0, DISORDER))
    stamps = [[], []]
    for p in range(2):
        topic.produce(packets[p::2], partition=p, **{'batch.num.messages': 10 + 90 * p})
    for line in witness.kcat_format(topic.broker, topic.name, '%p %o %T\n').splitlines():
        partition, offset, stamp = map(int, line.split())
        assert offset == len(stamps[partition])
        stamps[partition].append(stamp)
    partitions = [Partition(packets[p::2], stamps[p]) for p in range(2)]
    questions = list(moments(packets, rng))
    done = run(os.path.join(BUILD, 'tests/kafka/look-ups'), topic.broker.bootstrap, topic.name,
               input=''.join('%d %d %d\n' % q for q in questions), stdin=None, env=environment())
    answers = [[int(word) for word in line.split()] for line in done.stdout.splitlines()]
    right = [[p.first(ms) for p in partitions for ms in (begin // 1000, -(-end // 1000) + slack)]
             for begin, end, slack in questions]
    assert [(q, a, r) for q, a, r in zip(questions, answers, right) if a != r] == []
    assert len(answers) == 500
    # Nothing of the range lies outside, where the slack is as long as packets were late.
    for (begin, end, slack), bounds in zip(questions, answers):
        for i, p in enumerate(partitions):
            if slack * 1000 == DISORDER:
                inside = range(bounds[2 * i], bounds[2 * i + 1])
                assert all(offset in inside for offset in p.captured(begin, end)), (begin, end)
