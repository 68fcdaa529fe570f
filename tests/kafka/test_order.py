# SPDX-License-Identifier: Apache-2.0
"""Packets come out in order of time, across partitions and within them."""
import random
import time

import pytest

from harness import captures, wait
from harness.daemon import pycapa

pytestmark = pytest.mark.library

START = 1700000000000000


def numbered(count, start_us=START, step_us=1000, first=0):
    """Packets in order of time, numbered."""
    return [captures.Packet(start_us + i * step_us, captures.udp(first + i), 64)
            for i in range(count)]


def read(topic, path, *argv, status=0):
    process = pycapa('-c', '-e', '-k', topic.broker.bootstrap, '-t', topic.name, '-w', path, *argv,
                     timeout=60)
    assert process.status == status, process.describe()
    return process, captures.read(path)[1]


def spread(topic, packets, partitions=4, seed=1):
    """Each packet to a partition by chance, in the order given."""
    rng = random.Random(seed)
    where = [rng.randrange(partitions) for _ in packets]
    for p in range(partitions):
        topic.produce([packet for packet, at in zip(packets, where) if at == p], partition=p)


def test_partitions_are_merged_and_two_reads_give_the_same(make_topic, tmp_path):
    topic = make_topic(4)
    packets = numbered(6000, step_us=3)
    # Equal times: by partition then, and offset.
    packets = [captures.Packet(p.time_us - p.time_us % 100, p.data, 64) for p in packets]
    spread(topic, packets)
    process, got = read(topic, tmp_path / 'a.pcap')
    assert len(got) == len(packets)
    expected = sorted(topic.records(), key=lambda r: (r.key, r.partition, r.offset))
    assert [p.data for p in got] == [r.value for r in expected]
    read(topic, tmp_path / 'b.pcap')
    assert (tmp_path / 'a.pcap').read_bytes() == (tmp_path / 'b.pcap').read_bytes()
    assert not process.grep('out of order')


def test_more_partitions_than_a_client_fetches_much_of(make_topic, tmp_path):
    """More than 8: a client that fetches less at once takes the place of the first, unnoticed."""
    topic = make_topic(12)
    packets = numbered(1200)
    spread(topic, packets, partitions=12)
    process, got = read(topic, tmp_path / 'a.pcap', '--from', '@1600000000')
    assert [captures.sequence(p.data) for p in got] == list(range(1200))
    assert len(process.grep('^INFO:root:Reading ')) == 1, process.describe()
    assert process.counts() == (1200, 1200), process.describe()


def skewed(count=2000):
    """What two sensors send whose clocks differ by 3 s, in the order it is sent."""
    sent = numbered(count, step_us=5000)
    return [captures.Packet(p.time_us + (i % 2) * 3000000, p.data, 64)
            for i, p in enumerate(sent)]


def test_two_sensors_whose_clocks_differ(make_topic, tmp_path):
    topic = make_topic(2)
    packets = skewed()
    spread(topic, packets, partitions=2)
    process, got = read(topic, tmp_path / 'a.pcap')
    assert [p.time_us for p in got] == sorted(p.time_us for p in packets)
    assert not process.grep('out of order')


def test_what_is_later_than_reorder_is_counted_and_named(make_topic, tmp_path):
    topic = make_topic(2)
    packets = skewed()
    spread(topic, packets, partitions=2)
    process, got = read(topic, tmp_path / 'a.pcap', '--reorder', '1s', '--stats-interval', '0')
    assert sorted(p.data for p in got) == sorted(p.data for p in packets)
    times = [p.time_us for p in got]
    youngest, late, most = 0, 0, 0
    for t in times:
        late += t < youngest
        most = max(most, youngest - t)
        youngest = max(youngest, t)
    line, = process.grep('out of order')
    assert late > 500 and f' {late} packet(s) written out of order' in f' {line}'.replace(
        'WARNING:root:', ' '), line
    assert f'up to {most / 1e6:.3f} s late' in line and '--reorder' in line, line


def test_a_partition_that_is_far_ahead_waits(make_topic, tmp_path):
    """Partition 0 is all before partition 1: more than is ever kept of it in memory or queues."""
    topic = make_topic(2)
    before, after = numbered(150000, step_us=10), numbered(150000, START + 10 ** 9, 10, 150000)
    topic.produce(after, partition=1)
    topic.produce(before, partition=0)
    process, got = read(topic, tmp_path / 'a.pcap')
    assert [captures.sequence(p.data) for p in got] == list(range(300000))
    assert not process.grep('out of order')


def test_filter_range_count_and_origin_are_those_of_the_packets(make_topic, tmp_path):
    topic = make_topic(4)
    packets = numbered(4000)
    spread(topic, packets)
    _, got = read(topic, tmp_path / 'a.pcap', '--from', f'@{START // 10 ** 6 + 1}', '-m', '100',
                  'udp dst port 6000 and not udp[15] & 1 != 0')
    expected = [p for p in packets if p.time_us >= START + 10 ** 6
                and captures.sequence(p.data) % 2 == 0][:100]
    assert [p.data for p in got] == [p.data for p in expected]


def sequences(process):
    blob = process.stdout
    whole = 24 + (len(blob) - 24) // 80 * 80 if len(blob) > 24 else 0
    return [captures.sequence(p.data) for p in captures.parse(blob[:whole])[1]] if whole else []


@pytest.fixture
def live(consumer):
    """Starts a live reader, and waits until it reads all partitions."""
    def start(topic, *argv, partitions=2):
        process = consumer(topic, '-o', 'begin', '--log-level', 'DEBUG', *argv)
        for p in range(partitions):
            process.wait_line(f'partition {p}: from offset')
        return process
    return start


def test_a_live_read_is_in_order_too(make_topic, live):
    topic = make_topic(2)
    process = live(topic, '--reorder', '3s')
    topic.produce(numbered(50, first=1)[1::2], partition=1)
    topic.produce(numbered(50, first=1)[::2], partition=0)
    wait.until(lambda: len(sequences(process)) == 50, 20, process.describe)
    assert sequences(process) == list(range(1, 51))
    assert process.stop() == 0 and not process.grep('out of order'), process.describe()


def test_a_quiet_partition_holds_up_nobody(make_topic, live):
    topic = make_topic(2)
    process = live(topic)
    for i in range(10):
        topic.produce(numbered(1, START + i, first=i), partition=0)
        sent = time.monotonic()
        wait.until(lambda: len(sequences(process)) > i, 20, process.describe)
        assert time.monotonic() - sent < 2
    assert process.stop() == 0, process.describe()


def test_what_comes_later_than_a_live_read_waits_is_written_and_counted(make_topic, live):
    topic = make_topic(2)
    process = live(topic, '--reorder', '100ms')
    topic.produce(numbered(1, START + 5000000, first=1), partition=0)
    wait.until(lambda: sequences(process) == [1], 20, process.describe)
    topic.produce(numbered(1, START, first=2), partition=1)
    wait.until(lambda: sequences(process) == [1, 2], 20, process.describe)
    assert process.stats()['late'] == 1
    assert process.stop() == 0, process.describe()
    assert process.grep('^WARNING:root:1 packet.s. written out of order, up to 5.000 s late')


def test_a_stop_writes_what_a_live_read_holds(make_topic, live):
    topic = make_topic(2)
    process = live(topic, '--reorder', '1h')
    topic.produce(numbered(20)[10:], partition=1)
    topic.produce(numbered(20)[:10], partition=0)
    wait.until(lambda: process.stats()['read'] == 20, 20, process.describe)
    assert sequences(process) == []
    assert process.stop() == 0, process.describe()
    assert sequences(process) == list(range(20))


@pytest.mark.parametrize('how', ['killed', 'stopped'])
def test_a_group_commits_no_packet_that_is_held(topic, consumer, how):
    group = f'group-{topic.name}'
    argv = ('-o', 'stored', '--reorder', '1h', '-X', f'group.id={group}', '-X',
            'auto.commit.interval.ms=100')
    topic.produce(numbered(20))
    process = consumer(topic, *argv)
    process.wait_line('group: reading', 30)
    wait.until(lambda: process.stats()['read'] == 20, 30, process.describe)
    wait.stays(lambda: topic.group_offsets(group, [0])[0] <= 0, 2, process.describe)
    if how == 'killed':
        process.kill()
    else:
        assert process.stop() == 0, process.describe()
    assert sequences(process) == ([] if how == 'killed' else list(range(20)))
    if how == 'killed':
        assert topic.group_offsets(group, [0])[0] <= 0
    else:
        assert topic.group_offsets(group, [0]) == {0: 20}
