# SPDX-License-Identifier: Apache-2.0
"""A producer that writes blocks: what is in the topic, for other programs and for our consumer."""
import os
import signal

import pytest

from harness import captures, traffic, wait, witness
from harness.daemon import pycapa
from harness.proc import run

COUNT = 3000
FLOWS = 20


def numbers_by_partition(topic):
    """{partition: [numbers]} of all packets, as they lie in their records."""
    out = {}
    for r in topic.records():
        values = [p.data for p in captures.pcapng_records(r.value)] if is_block(r) else [r.value]
        out.setdefault(r.partition, []).extend(captures.sequence(v) for v in values)
    return out


def is_block(record):
    return dict(record.headers).get('format') == b'pcapng'


def assert_each_once_in_order(topic, count):
    got = numbers_by_partition(topic)
    assert sorted(n for numbers in got.values() for n in numbers) == list(range(count))
    assert all(numbers == sorted(numbers) for numbers in got.values())
    return got


def all_of_it(topic, path):
    """The values one behind the other, as another program gets them."""
    with open(path, 'wb') as f:
        f.write(run('kcat', '-C', '-b', topic.broker.bootstrap, '-t', topic.name, '-e', '-q', '-o',
                    'beginning', '-D', '', text=False).stdout)
    return str(path)


@pytest.mark.library
@pytest.mark.parametrize('by', ['flow', 'random', 'key'])
def test_an_interface_into_blocks(make_topic, pair, producer, tmp_path, by):
    topic = make_topic(4)
    process = producer(pair, topic, '--record', 'block', '--partition', by, '--annotate')
    traffic.send(pair, COUNT, 0, size=200, flows=FLOWS)
    wait.until(lambda: process.stats()['delivered'] == COUNT, 20, process.describe)
    assert process.stop() == 0 and process.counts() == (COUNT, COUNT), process.describe()
    got = assert_each_once_in_order(topic, COUNT)
    assert len(got) == 4 or by == 'key', 'all partitions are used'
    records, host = topic.records(), os.uname().nodename.encode()
    assert len(records) < COUNT / 20 and max(len(r.value) for r in records) <= 65536
    for r in records:
        packets = captures.pcapng_records(r.value)
        times = [p.time_ns // 1000 for p in packets]
        assert r.headers == [('format', b'pcapng'), ('packets', str(len(packets)).encode()),
                             ('host', host)]
        assert witness.key_time(r.key) == min(times) and r.timestamp == (1, max(times) // 1000)
    path = all_of_it(topic, tmp_path / 'x.pcapng')
    assert witness.capinfos(path)['Number of packets'] == str(COUNT)
    fields = witness.tshark_fields(path, 'frame.len', 'frame.interface_name')
    assert fields == [('200', pair.inside)] * COUNT
    read = pycapa('-c', '-k', topic.broker.bootstrap, '-t', topic.name, '-e')
    assert read.status == 0 and read.counts() == (COUNT, COUNT), read.describe()
    numbers = [captures.sequence(p.data) for p in captures.parse(read.stdout)[1]]
    assert sorted(numbers) == list(range(COUNT))


def test_a_block_waits_no_longer_than_it_may(topic, pair, producer):
    process = producer(pair, topic, '--record', 'block', '--block-time', '300ms', '--block-size',
                       '8M', '-X', 'message.max.bytes=1000000')
    assert process.grep(r'WARN.*block-size: blocks are of at most 998976 bytes')
    for first in (0, 30):
        traffic.send(pair, 30, 0, size=100, first=first)
        wait.until(lambda: process.stats()['delivered'] == first + 30, 20, process.describe)
    records = topic.records()
    assert process.stop() == 0, process.describe()
    # The first packet goes alone: it shows how many partitions there are.
    assert 3 <= len(records) <= 5, [r.headers for r in records]
    assert_each_once_in_order(topic, 60)


@pytest.mark.parametrize('linktypes', ['one', 'many'])
def test_what_a_file_says_is_in_its_blocks(topic, tmp_path, linktypes):
    source, copy = tmp_path / 'in.pcapng', tmp_path / 'out.pcapng'
    if linktypes == 'one':
        source = captures.write_nanoseconds(tmp_path / 'in.pcap', captures.sample(500), 789)
    else:
        sample = captures.sample(40, size=90)
        frames = [p._replace(data=p.data[14:]) for p in captures.sample(60, size=70)]
        source.write_bytes(captures.section(sample[:20]) + captures.section(frames, linktype=101) +
                           captures.section(sample[20:]))
    wanted = captures.records(source)
    sent = pycapa('-p', '-r', source, '-k', topic.broker.bootstrap, '-t', topic.name, '--record',
                  'block')
    assert sent.status == 0 and sent.counts() == (len(wanted),) * 2, sent.describe()
    assert all(is_block(r) for r in topic.records())
    read = pycapa('-c', '-k', topic.broker.bootstrap, '-t', topic.name, '-e', '-w', copy)
    assert read.status == 0, read.describe()
    assert sorted(captures.records(copy)) == sorted(wanted)


def test_large_packets_beside_small_ones(make_topic, tmp_path):
    """One that is longer than a block has a record of its own, in its place."""
    topic = make_topic(2, max_message_bytes=2000000)
    sizes = [100, 5000, 60000, 100, 9000] * 40
    packets = [captures.Packet(1700000000000000 + i, captures.udp(i, size, i % 3), size)
               for i, size in enumerate(sizes)]
    path = captures.write(tmp_path / 'in.pcap', packets)
    process = pycapa('-p', '-r', path, '-k', topic.broker.bootstrap, '-t', topic.name, '--record',
                     'block', '--block-size', '16K')
    assert process.status == 0 and process.counts() == (200, 200), process.describe()
    assert_each_once_in_order(topic, 200)
    large = [r for r in topic.records() if len(r.value) > 16384]
    assert [dict(r.headers)['packets'] for r in large] == [b'1'] * 40


def test_a_topic_of_small_messages(make_topic, tmp_path):
    """Blocks that are refused are made smaller, until they are single packets; those count."""
    topic = make_topic(2, max_message_bytes=8000)
    sizes = ([1000] * 9 + [9000]) * 20
    packets = [captures.Packet(1700000000000000 + i, captures.udp(i, size, i % 3), size)
               for i, size in enumerate(sizes)]
    path = captures.write(tmp_path / 'in.pcap', packets)
    process = pycapa('-p', '-r', path, '-k', topic.broker.bootstrap, '-t', topic.name, '--record',
                     'block')
    assert process.status == 1 and process.counts() == (200, 180), process.describe()
    assert process.grep(r'WARN.*refuses blocks of \d+ bytes \(max.message.bytes\)')
    assert process.grep(r'^ERROR.*A packet of 9000 bytes')
    got = numbers_by_partition(topic)
    assert sorted(n for numbers in got.values() for n in numbers) == \
        [i for i in range(200) if sizes[i] == 1000]
    assert all(numbers == sorted(numbers) for numbers in got.values())
    assert any(dict(r.headers)['packets'] > b'1' for r in topic.records())


def test_reloads_between_packets_and_blocks(make_topic, pair, spawn, tmp_path):
    topic, path, each, turns = make_topic(4), tmp_path / 'in.cfg', 800, 20

    def write(record):
        path.write_text(f'mode = "producer"; interface = "{pair.inside}"; stats-interval = 0;\n'
                        f'kafka-broker = "{topic.broker.bootstrap}";\n'
                        f'kafka-topic = "{topic.name}"; record = "{record}";\n')
    write('packet')
    process = spawn('-C', path).wait_capturing()
    for turn in range(turns):
        first = turn * each
        generator = traffic.start(pair, each, 6000, size=120, flows=FLOWS, first=first)
        wait.until(lambda: process.stats()['received'] > first + 200, 20, process.describe)
        write('packet' if turn % 2 else 'block')
        process.send_signal(signal.SIGHUP)
        wait.until(lambda: len(process.grep('^INFO:root:Reloaded ')) == turn + 1, 20,
                   process.describe)
        assert generator.wait(30) == 0
        # A client that drains slowly would skip a turn.
        wait.until(lambda: process.stats()['delivered'] == first + each, 20, process.describe)
    count = turns * each
    assert process.stop() == 0 and process.counts() == (count, count), process.describe()
    assert_each_once_in_order(topic, count)
    kinds = [is_block(r) for r in topic.records() if r.partition == 0]
    assert sum(a != b for a, b in zip(kinds, kinds[1:])) >= turns - 1, 'both, by turns'
