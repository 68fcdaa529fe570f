# SPDX-License-Identifier: Apache-2.0
"""A range of time out of a topic. Another client produces; another client, kcat and tshark judge."""
import os
import random
import re
import time

import pytest
from confluent_kafka import TopicPartition

from harness import captures, wait, witness
from harness.daemon import pycapa
from harness.net import free_port

pytestmark = pytest.mark.library

START = 1700000000 * 1000000  # 2023-11-14T22:13:20Z
SECOND = 1000000


def ask(topic, *argv, timeout=60, **kwargs):
    """Runs a consumer to its end; (process, sequence numbers of what it wrote)."""
    process = pycapa('-c', '-k', topic.broker.bootstrap, '-t', topic.name, *argv, timeout=timeout,
                     **kwargs)
    blob = process.stdout
    return process, [captures.sequence(p.data) for p in captures.parse(blob)[1]] if blob else []


def at(seconds):
    """A point in time, so many seconds after the first packet."""
    return f'@{1700000000 + seconds}'


def within(topic, begin, end):
    """What kcat says lies in a range: the sequence numbers of the packets whose keys do."""
    out = witness.kcat_format(topic.broker, topic.name, '%k%R%s', '-D', '')
    found, i = [], 0
    while i < len(out):
        key = witness.key_time(out[i:i + 8])
        size = int.from_bytes(out[i + 8:i + 12], 'big')
        frame = out[i + 12:i + 12 + size]
        i += 12 + size
        if START + begin * SECOND <= key < START + end * SECOND:
            found.append(captures.sequence(frame))
    return sorted(found)


def records_to_read(process):
    said = process.grep(r'^INFO:root:Reading ')
    assert len(said) == 1, process.describe()
    return int(re.search(r': (\d+) record\(s\) from ', said[0]).group(1))


def first_offset(topic, second, partition=0):
    """Another client's look-up by time."""
    consumer = topic.consumer()
    try:
        found = consumer.offsets_for_times(
            [TopicPartition(topic.name, partition, 1700000000000 + second * 1000)], timeout=30)
        return found[0].offset
    finally:
        consumer.close()


def test_a_range_is_what_its_keys_say(make_topic, tmp_path):
    topic = make_topic(3)
    sample = captures.sample(600, start_us=START, step_us=SECOND)
    for p in range(3):
        topic.produce(sample[p::3], partition=p)
    out = tmp_path / 'out.pcap'
    process, _ = ask(topic, '--from', at(100), '--to', at(200), '--slack', '0', '-w', str(out),
                     env={'TZ': 'UTC'})
    assert process.status == 0, process.describe()
    frames = witness.tshark_fields(str(out), 'frame.time_epoch')
    assert sorted(float(t) for t, in frames) == [1700000000 + s for s in range(100, 200)]
    assert [captures.sequence(p.data) for p in sorted(captures.read(out)[1])] == \
        within(topic, 100, 200) == list(range(100, 200))
    assert process.counts() == (100, 100)
    assert records_to_read(process) == 100
    # Before anything is read: the range, once where the local time is UTC; partitions, slack.
    assert process.grep(r'^INFO:root:Reading 2023-11-14T22:15:00Z to 2023-11-14T22:16:40Z: '
                        rf'100 record\(s\) from 3 of 3 partition\(s\) of topic {topic.name}$'), \
        process.describe()


def test_the_local_zone_is_what_a_time_without_one_means(topic):
    topic.produce(captures.sample(100, start_us=START, step_us=SECOND))
    zone = {'TZ': 'EST5'}
    process, got = ask(topic, '--from', '2023-11-14T17:14:00', '--to', '2023-11-14 17:14:10.5',
                       env=zone)
    assert process.status == 0 and got == list(range(40, 51)), process.describe()
    assert process.grep(r'Reading 2023-11-14 17:14:00 EST to 2023-11-14 17:14:10.500000 EST '
                        r'\(2023-11-14T22:14:00Z to 2023-11-14T22:14:10.500000Z\)')


def test_a_disordered_partition(topic):
    """Each look-up starts where another client's does, and nothing of the range is missing."""
    rng = random.Random(7)
    sample = captures.sample(1200, size=80, start_us=START, step_us=SECOND)
    late = sorted(range(1200), key=lambda i: i + rng.uniform(0, 300))
    topic.produce([sample[i] for i in late], partition=0)
    for begin in (0, 250, 700, 1100):
        process, got = ask(topic, '--from', at(begin), '--to', at(begin + 50))
        assert process.status == 0, process.describe()
        assert sorted(got) == within(topic, begin, begin + 50) == list(range(begin, begin + 50))
        stop = first_offset(topic, begin + 50 + 600)
        stop = 1200 if stop < 0 else stop
        assert records_to_read(process) == stop - first_offset(topic, begin)


@pytest.mark.parametrize('slack, found', [('10m', False), ('31m', True), ('all', True)])
def test_what_a_spool_sent_late_needs_its_slack(topic, slack, found):
    """20 packets of the range came 30 minutes after the others."""
    sample = captures.sample(4000, size=80, start_us=START, step_us=SECOND)
    topic.produce(sample[:100] + sample[120:1920] + sample[100:120] + sample[1920:])
    process, got = ask(topic, '--from', at(90), '--to', at(130), '--slack', slack)
    assert process.status == 0, process.describe()
    assert sorted(got) == [s for s in range(90, 130) if found or not 100 <= s < 120]
    assert (records_to_read(process) < 1000) == (slack == '10m')


def test_a_topic_that_the_broker_stamps_is_read_to_its_end(make_topic):
    topic = make_topic(1, message_timestamp_type='LogAppendTime')
    now = int(time.time())
    sample = captures.sample(1000, size=80, start_us=(now - 3600) * SECOND, step_us=SECOND)
    random.Random(3).shuffle(sample)
    topic.produce(sample)
    process, got = ask(topic, '--from', f'@{now - 3500}', '--to', f'@{now - 3400}', '--slack', '0')
    assert process.status == 0, process.describe()
    assert sorted(got) == list(range(100, 200))
    assert records_to_read(process) == 1000
    assert process.grep('LogAppendTime'), process.describe()


@pytest.mark.parametrize('begin, end', [(-500, -400), (5000, 5100)])
def test_before_and_after_all_there_is(topic, begin, end):
    topic.produce(captures.sample(100, size=80, start_us=START, step_us=SECOND))
    process, got = ask(topic, '--from', at(begin), '--to', at(end), '--slack', '0')
    assert process.status == 0 and got == [], process.describe()
    assert records_to_read(process) == 0
    assert process.grep(f'^WARNING:root:topic {topic.name}: nothing is read from partition 0: .* '
                        'at offset 0, is of 2023-11-1.* past --to and --slack; .* --slack all' if begin < 0 else
                        f'^WARNING:root:topic {topic.name} has no records from that time$')


def test_a_clock_that_was_ahead_hides_a_range_and_that_is_said(topic):
    sample = captures.sample(100, size=80, start_us=START, step_us=SECOND)
    ahead = sample[99]._replace(time_us=START + 9999 * SECOND)
    topic.produce([*sample[:40], ahead, *sample[40:60]])
    process, got = ask(topic, '--from', at(40), '--to', at(60), '--slack', '0')
    assert process.status == 0 and got == [], process.describe()
    assert process.grep('^WARNING:root:.* nothing is read from partition 0: .* at offset 40, is of .*'
                        ' past --to and --slack; .* a clock that was ahead.*--slack all'), \
        process.describe()
    assert not process.grep('no records from that time'), process.describe()
    process, got = ask(topic, '--from', at(40), '--to', at(60), '--slack', 'all')
    assert process.status == 0 and got == list(range(40, 60)), process.describe()


def test_a_range_that_nothing_was_captured_in(topic):
    sample = captures.sample(100, size=80, start_us=START, step_us=SECOND)
    topic.produce(sample[:40] + sample[60:])
    process, got = ask(topic, '--from', at(45), '--to', at(55), '--slack', '0')
    assert process.status == 0 and got == [], process.describe()
    assert process.counts() == (0, 0)


def test_one_side_is_enough(topic):
    topic.produce(captures.sample(100, size=80, start_us=START, step_us=SECOND))
    process, got = ask(topic, '--from', at(90))
    assert process.status == 0 and got == list(range(90, 100)), process.describe()
    process, got = ask(topic, '--to', at(10))
    assert process.status == 0 and got == list(range(10)), process.describe()


def test_some_partitions(make_topic):
    topic = make_topic(4)
    sample = captures.sample(400, size=80, start_us=START, step_us=SECOND)
    for p in range(4):
        topic.produce(sample[p::4], partition=p)
    process, got = ask(topic, '--partitions', '0,2-9', '--from', at(0))
    assert process.status == 0, process.describe()
    assert sorted(got) == [s for s in range(400) if s % 4 != 1]
    assert process.grep(r'300 record\(s\) from 3 of 4 partition\(s\)'), process.describe()
    assert process.grep(r'^WARNING:root:topic \S+ has 4 partition\(s\), numbered from 0: not all of '
                        '--partitions 0,2-9 exist')
    process, got = ask(topic, '--partitions', '1', '-e')
    assert process.status == 0 and sorted(got) == list(range(1, 400, 4)), process.describe()
    process, got = ask(topic, '--partitions', '9', '-e')
    assert process.status == 1 and got == [], process.describe()
    assert process.lines[-1] == (f'ERROR:root:Given up: topic {topic.name} has 4 partition(s), '
                                 'numbered from 0: none of --partitions 9 exists')


def test_an_end_that_is_ahead(topic, consumer):
    """What was there, what comes until then, and no more; it ends by the clock."""
    now = int(time.time() * SECOND)
    topic.produce(captures.sample(10, size=80, start_us=now - 5 * SECOND, step_us=1000))
    end = time.time() + 6
    process = consumer(topic, '--from', '-1m', '--to', f'@{end:.3f}', '--slack', '1s')
    process.wait_line(r'^INFO:root:Reading .*: what comes until then from 1 of 1 partition')
    more = [p._replace(time_us=int(time.time() * SECOND)) for p in captures.sample(20, size=80)[10:]]
    topic.produce(more + [captures.sample(21, size=80)[20]._replace(
        time_us=int((end + 100) * SECOND))])
    assert process.wait(30) == 0, process.describe()
    assert end + 0.9 <= time.time() < end + 5
    assert process.counts() == (20, 20)
    got = [captures.sequence(p.data) for p in captures.parse(process.stdout)[1]]
    assert got == list(range(20))


def test_a_range_that_is_over_is_read_to_its_end(topic, consumer):
    """Whoever reads the output is slow: when the clock passes the end, most is still to be read."""
    count = 5000
    now = int(time.time() * SECOND)
    sample = captures.sample(count, size=1000, start_us=now - 60 * SECOND, step_us=1000)
    topic.produce(sample[:-10])
    topic.transaction(sample[-10:])
    reader, writer = os.pipe()
    end = time.time() + 2
    process = consumer(topic, '--from', '-1h', '--to', f'@{end:.3f}', '--slack', '0', stdout=writer)
    os.close(writer)
    with open(reader, 'rb') as pipe:
        blob = pipe.read(24 + 1016 * 100)
        assert time.time() < end
        wait.until(lambda: time.time() > end + .2, 10, process.describe)
        blob += pipe.read()
    assert process.wait(20) == 0, process.describe()
    assert [captures.sequence(p.data) for p in captures.parse(blob)[1]] == list(range(count))
    assert process.counts() == (count, count)


def test_an_end_ahead_behind_transaction_markers(topic):
    """The end of the partition was told before it was asked for."""
    now = int(time.time() * SECOND)
    topic.transaction(captures.sample(20, size=80, start_us=now - SECOND, step_us=1000))
    process, got = ask(topic, '--to', f'@{time.time() + 2:.3f}', '--slack', '0')
    assert process.status == 0 and got == list(range(20)), process.describe()


def test_a_range_that_is_over_while_the_broker_is_away_is_cut_short(spawn):
    absent = f'127.0.0.1:{free_port()}'
    process = spawn('-c', '-k', absent, '-t', 'none', '--to', f'@{time.time() + 1:.3f}',
                    '--slack', '0', '--stall-timeout', '2s')
    assert process.wait(20) == 1, process.describe()
    assert process.grep(f'^ERROR:root:.*{absent}'), process.describe()


def test_retention_that_passes_the_range_while_it_is_read(topic, consumer):
    topic.produce(captures.sample(20000, size=1000, start_us=START, step_us=SECOND))
    reader, writer = os.pipe()
    process = consumer(topic, '--from', at(0), '--to', at(15000), '--slack', '0',
                       '-X', 'debug=fetch', '--log-level', 'DEBUG', stdout=writer)
    os.close(writer)
    with open(reader, 'rb') as pipe:
        blob = pipe.read(24 + 1016 * 100)
        wait.until(lambda: process.grep('not fetchable: queued'), 20, process.describe)
        topic.broker.delete_records(topic.name, 0, 18000)
        blob += pipe.read()
    assert process.wait(20) == 1, process.describe()
    got = [captures.sequence(p.data) for p in captures.parse(blob)[1]]
    assert got == list(range(len(got))) and len(got) < 15000
    assert process.grep(f'^WARNING:root:topic {topic.name}: partition 0 starts at 18000: '
                        f'{15000 - len(got)} records are gone'), process.describe()
    assert process.lines[-1] == (f'ERROR:root:Not all was read: {15000 - len(got)} record(s) of '
                                 f'topic {topic.name} were deleted before they were read')


def test_a_range_ahead_that_is_interrupted_is_cut_short(topic, consumer):
    process = consumer(topic, '--from', '-1m', '--to', f'@{int(time.time()) + 3600}')
    process.wait_line('^INFO:root:Reading ')
    assert process.stop() == 1, process.describe()
    assert process.grep('Cut short by a signal: the end of the range, --to @')


def test_a_start_that_is_ahead_is_said(topic, consumer):
    ahead = r'2222-01-01T00:00:00Z is \d+d( \d+h)? ahead of'
    process = consumer(topic, '-o', '2222-01-01T00:00:00Z')
    process.wait_line(f'^WARNING:root:--kafka-offset {ahead}')
    assert process.stop() == 0, process.describe()
    process = consumer(topic, '--from', '2222-01-01T00:00:00Z')
    process.wait_line(f'^WARNING:root:--from {ahead}')
    assert process.stop() == 1, process.describe()
    assert re.search(r'^ERROR:root:Cut short by a signal: the start of the range, --from '
                     r'2222-01-01T00:00:00Z, is still \d+d( \d+h)? ahead$', process.lines[-1])
