# SPDX-License-Identifier: Apache-2.0
"""Where a consumer starts, where it ends, and with whom it shares. Another client produces."""
import datetime
import os
import struct
import time

import pytest

from harness import captures, wait
from harness.daemon import pycapa

pytestmark = pytest.mark.library


def consume(topic, *argv, timeout=60):
    """Runs a consumer to its end; (process, sequence numbers of what it wrote)."""
    process = pycapa('-c', '-k', topic.broker.bootstrap, '-t', topic.name, *argv, timeout=timeout)
    return process, numbers(process)


def numbers(process):
    blob = process.stdout
    return [captures.sequence(p.data) for p in captures.parse(blob)[1]] if blob else []


def partly(blob):
    """Sequence numbers of the whole records in a capture that is still being written."""
    out, at = [], 24
    while at + 16 <= len(blob):
        caplen = struct.unpack_from('<I', blob, at + 8)[0]
        if at + 16 + caplen > len(blob):
            break
        out.append(captures.sequence(blob[at + 16:at + 16 + caplen]))
        at += 16 + caplen
    return out


def wait_numbers(process, expected, timeout=30):
    wait.until(lambda: sorted(partly(process.stdout)) == sorted(expected), timeout,
               lambda: f'{len(expected)} packets, there are {len(partly(process.stdout))}\n'
                       + process.describe())


def at_end(process):
    """Waits until the consumer, which runs with -l debug, stands at the end that it has found."""
    process.wait_line(r'^DEBUG:root:topic \S+, partition 0: from offset \d+$')


@pytest.mark.parametrize('offset, expected', [
    ('begin', range(0, 100)), ('40', range(40, 100)), ('-10', range(90, 100)),
    ('-1000', range(0, 100)), ('end', range(0)),
])
def test_offsets(topic, offset, expected):
    topic.produce(captures.sample(100, size=80))
    process, got = consume(topic, '-o', offset, '-e')
    assert process.status == 0, process.describe()
    assert got == list(expected)


def test_the_last_n_are_of_each_partition(make_topic):
    topic = make_topic(3)
    for p in range(3):
        topic.produce(captures.sample(300, size=80)[p * 100:p * 100 + 100], partition=p)
    process, got = consume(topic, '-o', '-5', '-e')
    assert process.status == 0
    assert sorted(got) == [*range(95, 100), *range(195, 200), *range(295, 300)]


@pytest.mark.parametrize('form', ['rfc3339', 'epoch', 'minutes'])
def test_offset_by_time(topic, form):
    now = int(time.time())
    start = (now - 2000) * 1000000
    topic.produce(captures.sample(200, size=80, start_us=start, step_us=10 * 1000000))
    cut = now - 900
    text = {'rfc3339': datetime.datetime.fromtimestamp(cut, datetime.timezone.utc)
            .strftime('%Y-%m-%dT%H:%M:%SZ'), 'epoch': f'@{cut}', 'minutes': '-15m'}[form]
    process, got = consume(topic, '-o', text, '-e')
    assert process.status == 0, process.describe()
    assert got == list(range(got[0], 200))
    assert 110 <= got[0] <= 112 if form == 'minutes' else got[0] == 110


def test_exit_at_end_begins_at_the_beginning(topic):
    topic.produce(captures.sample(50, size=80))
    process, got = consume(topic, '-e')
    assert process.status == 0 and got == list(range(50))


def test_exit_at_end_of_an_empty_topic(make_topic):
    process, got = consume(make_topic(4), '-e')
    assert process.status == 0 and got == [] and len(process.stdout) == 24


def test_the_default_is_the_end(topic, consumer):
    topic.produce(captures.sample(50, size=80))
    process = consumer(topic, '-l', 'debug')
    at_end(process)
    sample = captures.sample(4000, size=80)
    sent = [50]

    def more():
        # Only what comes after it has found the end is shown.
        topic.produce(sample[sent[0]:sent[0] + 1])
        sent[0] += 1
        return partly(process.stdout)
    wait.until(more, 30, process.describe)
    assert process.stop() == 0
    got = numbers(process)
    # The last one sent may not have been read yet.
    assert got[0] >= 50 and got == list(range(got[0], got[0] + len(got)))
    assert got[-1] in (sent[0] - 2, sent[0] - 1)


def test_exit_at_end_behind_transaction_markers(topic):
    topic.transaction(captures.sample(20, size=80))
    process, got = consume(topic, '-e')
    assert process.status == 0 and got == list(range(20)), process.describe()


def test_exit_at_end_behind_an_aborted_transaction(topic):
    topic.produce(captures.sample(10, size=80))
    topic.transaction(captures.sample(20, size=80)[10:], commit=False)
    process, got = consume(topic, '-e')
    assert process.status == 0 and got == list(range(10)), process.describe()


def test_exit_at_end_of_what_retention_left(topic):
    topic.produce(captures.sample(100, size=80))
    topic.broker.delete_records(topic.name, 0, 60)
    process, got = consume(topic, '-e')
    assert process.status == 0 and got == list(range(60, 100)), process.describe()
    # An offset that is gone: what is left from there on, not an error, not the end.
    process, got = consume(topic, '-e', '-o', '10')
    assert process.status == 0 and got == list(range(60, 100)), process.describe()
    gone = rf'^WARNING:root:topic {topic.name}: partition 0 starts at 60: 50 records are gone'
    assert len(process.grep('partition 0')) == len(process.grep(gone)) == 1, process.describe()
    topic.broker.delete_records(topic.name, 0, 100)
    process, got = consume(topic, '-e')
    assert process.status == 0 and got == [], process.describe()


@pytest.mark.parametrize('committed', [10, 150])
def test_stored_offsets_that_are_not_there_are_said(topic, committed):
    """Behind the start, as retention has passed them, or past the end of a topic made again."""
    group = f'group-{topic.name}'
    topic.produce(captures.sample(100, size=80))
    topic.commit(group, {0: committed})
    topic.broker.delete_records(topic.name, 0, 60)
    process, got = consume(topic, '-e', '-o', 'stored', '-X', f'group.id={group}')
    assert process.status == 0 and got == list(range(60, 100)), process.describe()
    said = process.grep(f'^WARNING:root:topic {topic.name}: partition 0 ')
    expected = ('starts at 60: 50 records are gone' if committed == 10 else
                'ends at 100, before what the group has committed (150)')
    assert len(said) == 1 and expected in said[0], process.describe()
    assert len(process.grep('^WARN')) == 1, process.describe()


def test_exit_at_end_of_a_compacted_topic(make_topic):
    topic = make_topic(1, cleanup_policy='compact', segment_ms=100, min_cleanable_dirty_ratio=0.01,
                       max_compaction_lag_ms=200, min_compaction_lag_ms=0)
    # The same key over and over: all but the last go. A later record closes the segment.
    same = [captures.Packet(1700000000000000, captures.udp(i, 80), 80) for i in range(50)]
    topic.produce(same)

    def compacted():
        topic.produce([captures.Packet(1700000001000000, captures.udp(99, 80), 80)])
        return len(topic.records()) < 20
    wait.until(compacted, 90, 'the topic compacted')
    process, got = consume(topic, '-e')
    assert process.status == 0, process.describe()
    assert got[-1] == 99 and 49 in got and len(got) < 50


def test_exit_at_end_is_the_end_at_the_start(topic, consumer):
    # More than fits on the way to a reader that takes nothing: it is not at the end when more comes.
    topic.produce(captures.sample(3000, size=1000))
    reader, writer = os.pipe()
    process = consumer(topic, '-e', '--log-level', 'DEBUG', stdout=writer)
    os.close(writer)
    process.wait_line('partition 0: from offset 0')
    topic.produce(captures.sample(4000, size=1000)[3000:])
    with open(reader, 'rb') as pipe:
        got = [captures.sequence(p.data) for p in captures.parse(pipe.read())[1]]
    assert process.wait(60) == 0, process.describe()
    assert got == list(range(3000)), f'{len(got)} packets'


def test_two_consumers_do_not_split_a_topic(make_topic, consumer):
    topic = make_topic(4)
    first, second = consumer(topic, '-o', 'begin'), consumer(topic, '-o', 'begin')
    topic.produce(captures.sample(400, size=80))
    for process in (first, second):
        wait_numbers(process, range(400))
        assert process.stop() == 0


def test_partitions_added_while_it_runs(make_topic, consumer):
    topic = make_topic(1)
    process = consumer(topic, '-o', 'end', '-l', 'debug',
                       '-X', 'topic.metadata.refresh.interval.ms=1000')
    at_end(process)
    topic.broker.add_partitions(topic.name, 3)
    # Everything in a new partition is new: from its beginning, also what came before we knew.
    for p in (1, 2):
        topic.produce(captures.sample(200, size=80)[p * 50:p * 50 + 50], partition=p)
    wait_numbers(process, range(50, 150), timeout=60)
    assert process.stop() == 0, process.describe()


def test_stored_begins_at_the_beginning_and_goes_on_where_it_stopped(make_topic, consumer):
    topic = make_topic(2)
    group = f'group-{topic.name}'
    topic.produce(captures.sample(100, size=80))
    first = consumer(topic, '-o', 'stored', '-X', f'group.id={group}')
    wait_numbers(first, range(100))
    assert first.stop() == 0, first.describe()
    assert sum(topic.group_offsets(group, [0, 1]).values()) == 100
    topic.produce(captures.sample(150, size=80)[100:])
    second = consumer(topic, '-o', 'stored', '-X', f'group.id={group}')
    wait_numbers(second, range(100, 150))
    assert second.stop() == 0, second.describe()
    assert sum(topic.group_offsets(group, [0, 1]).values()) == 150


def test_stored_uses_the_group_pycapa(topic, consumer):
    topic.produce(captures.sample(10, size=80))
    process = consumer(topic, '-o', 'stored')
    wait_numbers(process, range(10))
    assert process.stop() == 0
    assert topic.group_offsets('pycapa', [0]) == {0: 10}


def test_stored_members_share_the_partitions(make_topic, consumer):
    topic = make_topic(4)
    group = f'group-{topic.name}'
    argv = ('-o', 'stored', '-X', f'group.id={group}')
    first, second = consumer(topic, *argv), consumer(topic, *argv)
    for process in (first, second):
        process.wait_line(r'group: .*\b2 partition')
    sample = captures.sample(400, size=80)
    for p in range(4):
        topic.produce(sample[p * 100:p * 100 + 100], partition=p)

    def both():
        return len(partly(first.stdout)) + len(partly(second.stdout)) >= 400
    wait.until(both, 30, lambda: first.describe() + second.describe())
    assert first.stop() == 0 and second.stop() == 0
    assert len(numbers(first)) == len(numbers(second)) == 200
    assert sorted(numbers(first) + numbers(second)) == list(range(400))


@pytest.mark.parametrize('end', ['kill', 'stop'])
def test_stored_commits_only_what_was_written(topic, consumer, end):
    group = f'group-{topic.name}'
    sample = captures.sample(20000, size=1000)
    reader, writer = os.pipe()
    process = consumer(topic, '-o', 'stored', '-X', f'group.id={group}', '--shutdown-timeout', '1s',
                       '-X', 'auto.commit.interval.ms=100', stdout=writer)
    os.close(writer)

    def committed():
        return topic.group_offsets(group, [0])[0]
    with open(reader, 'rb') as pipe:
        topic.produce(sample[:100])
        taken = pipe.read(24 + 1016 * 100)
        wait.until(lambda: committed() == 100, 20, lambda: f'a commit\n{process.describe()}')
        # A reader that takes a little and then nothing: what is not written is not committed.
        topic.produce(sample[100:])
        taken += pipe.read(1016 * 400)
        wait.until(lambda: process.stats()['read'] > 1000, 20, process.describe)
        if end == 'kill':
            wait.elapse(2.5)  # what is written is stored once a second, and committed right then
            process.kill()
        else:
            assert process.stop() == 1, process.describe()
        taken += pipe.read()
    read = process.account()['read']
    assert 100 <= committed() <= len(partly(taken)) < read, process.describe()


def test_foreign_records_are_skipped_and_counted(topic):
    good = captures.sample(3, size=80)
    key = struct.pack('!Q', 1700000000000000)
    topic.produce(good[:1])
    topic.produce_raw([(None, b'no key', None, 0), (b'short', b'short key', None, 0),
                       (key + b'x', b'long key', None, 0), (key, None, None, 0)], partition=0)
    topic.produce(good[1:])
    process, got = consume(topic, '-e')
    assert process.status == 0 and got == [0, 1, 2], process.describe()
    assert process.grep(r'\b4 record\(s\) skipped')
    for why in ('it has no key', 'its key is not 8 bytes long', 'it has no value'):
        assert len(process.grep(f'skipped a record that is not a packet: {why}')) == 1
    assert len(process.grep('skipped a record')) == 3, 'one line a kind, not one a record'


def test_a_value_over_the_limit_is_cut_and_keeps_its_wire_length(topic):
    data = bytes(range(250)) * 1200  # 300,000 bytes, as BIG TCP has them
    topic.produce_raw([(struct.pack('!Q', 1700000000000001), data, None, 0)])
    process, _ = consume(topic, '-e')
    assert process.status == 0, process.describe()
    assert captures.parse(process.stdout)[1] == [
        captures.Packet(1700000000000001, data[:262144], 300000)]


def test_headers_of_a_record_are_honoured(topic):
    key = struct.pack('!Q', 1700000000000001)
    topic.produce_raw([(key, b'z' * 60, [('linktype', b'101'), ('wirelen', b'9000'),
                                         ('interface', b'eth7'), ('unknown', b'?')], 1)])
    process, _ = consume(topic, '-e')
    linktype, packets = captures.parse(process.stdout)
    assert linktype == 101
    assert packets == [captures.Packet(1700000000000001, b'z' * 60, 9000)]


def test_latency_of_a_single_record_is_low(topic, consumer):
    process = consumer(topic, '-o', 'begin', '-l', 'debug')
    at_end(process)
    times = []
    # What holds up one or two on a busy machine does not hold up most, as a timer of ours would.
    for n, packet in enumerate(captures.sample(8, size=80), 1):
        topic.produce([packet])
        before = time.monotonic()
        process.wait_stdout(24 + n * (16 + 80))
        times.append(time.monotonic() - before)
    assert sorted(times)[5] < 0.4, times
    assert process.stop() == 0


def test_compressed_batches_are_read(make_topic):
    for codec in ('gzip', 'snappy', 'lz4', 'zstd'):
        topic = make_topic(1)
        topic.produce(captures.sample(200, size=80), **{'compression.type': codec})
        process, got = consume(topic, '-e')
        assert process.status == 0 and got == list(range(200)), codec
