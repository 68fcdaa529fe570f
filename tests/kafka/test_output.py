# SPDX-License-Identifier: Apache-2.0
"""What a consumer writes to: pipes slow and closed, files, full disks, terminals."""
import os
import pty
import re
import select
import signal
import struct
import time

import pytest

from harness import captures, wait
from harness.daemon import pycapa
from harness.faults import Tmpfs
from harness.net import free_port
from harness.proc import run
from harness.witness import tshark_fields

SHOW_PAUSES = ('-X', 'debug=topic', '--log-level', 'DEBUG', '--reorder', '0')
COUNT_LINE = r"^INFO:root:'(\d+)' packet\(s\) in, '(\d+)' packet\(s\) out$"


class Pipe:
    """The reading end of a pipe or of a terminal's master, read by the test at its own pace."""

    def __init__(self, ends=None):
        self.reader, self.writer = ends or os.pipe()
        self.data = bytearray()

    def started(self):
        """The program has its own copy of the writing end: ours is closed."""
        os.close(self.writer)

    def some(self, timeout=30):
        """Reads what there is; b'' at the end."""
        assert select.select([self.reader], [], [], timeout)[0], f'nothing within {timeout} s'
        try:
            chunk = os.read(self.reader, 1 << 16)
        except OSError:  # a terminal whose other side is closed
            chunk = b''
        self.data += chunk
        return chunk

    def read(self, size, timeout=30):
        deadline = time.monotonic() + timeout
        while len(self.data) < size:
            assert self.some(max(0, deadline - time.monotonic())), 'the end'
        return self.data

    def rest(self):
        while self.some():
            pass
        return self.data

    def close(self):
        os.close(self.reader)


@pytest.fixture
def piped(consumer):
    """Starts a consumer into a pipe; (process, pipe)."""
    def start(topic, *argv):
        pipe = Pipe()
        process = consumer(topic, *argv, stdout=pipe.writer)
        pipe.started()
        return process, pipe
    return start


def numbers(blob):
    return [captures.sequence(p.data) for p in captures.parse(blob)[1]]


def wait_paused(process, partition=0, count=1):
    """Waits until librdkafka has paused the partition so often (with SHOW_PAUSES)."""
    told = rf'PAUSE: .*Pause \S+ \[{partition}\]'
    wait.until(lambda: len(process.grep(told)) >= count, 20, process.describe)


def consume(topic, *argv, **kwargs):
    return pycapa('-c', '-k', topic.broker.bootstrap, '-t', topic.name, *argv, **kwargs)


@pytest.mark.parametrize('offset', ['end', 'begin'])
def test_the_header_goes_out_before_any_broker_is_reached(spawn, offset):
    pipe = Pipe()
    process = spawn('-c', '-k', f'127.0.0.1:{free_port()}', '-t', 'none', '-o', offset,
                    stdout=pipe.writer)
    pipe.started()
    assert pipe.read(24, timeout=20)[:4] == captures.header()[:4]
    assert len(pipe.data) == 24 and captures.parse(pipe.data) == (1, [])
    assert process.running(), process.describe()
    pipe.close()


def test_the_header_goes_out_before_any_packet(topic, piped):
    process, pipe = piped(topic)
    assert captures.parse(pipe.read(24)) == (1, [])
    assert process.stop() == 0, process.describe()
    assert pipe.rest()[24:] == b''
    pipe.close()


def test_a_slow_reader_pauses_and_loses_nothing(make_topic, piped):
    topic = make_topic(2)
    count = 80000
    topic.produce(captures.sample(count, size=1000))
    process, pipe = piped(topic, '-o', 'begin', '-m', str(count), *SHOW_PAUSES)
    for stalls, taken in enumerate((100, 25000, 50000), 1):
        pipe.read(24 + 1016 * taken)
        for partition in range(2):
            wait_paused(process, partition, stalls)
        before = process.cpu()
        wait.elapse(0.5)
        assert process.cpu() - before < 0.2, 'it spins while it waits for its reader'
        # A pause drops what librdkafka has fetched: it would hold all of the 80 MB.
        wait.until(lambda: process.rss() < 80 << 20, 10, lambda: f'{process.rss() >> 20} MiB')
        assert taken < process.stats()['read'] < taken + 6000, process.describe()
    got = numbers(pipe.rest())
    assert process.wait(30) == 0, process.describe()
    assert sorted(got) == list(range(count)), f'{len(got)} packets, {len(set(got))} different'
    pipe.close()


def test_a_slow_reader_does_not_cost_the_place_in_the_group(topic, piped):
    count = 20000
    group = f'group-{topic.name}'
    topic.produce(captures.sample(count, size=1000))
    process, pipe = piped(topic, '-o', 'stored', '-X', f'group.id={group}', '-m', str(count),
                          '-X', 'heartbeat.interval.ms=500', '-X', 'session.timeout.ms=2000',
                          '-X', 'max.poll.interval.ms=2000')
    pipe.read(24 + 1016 * 100)
    wait.elapse(6)  # three times what a client may be silent
    got = numbers(pipe.rest())
    assert process.wait(30) == 0, process.describe()
    assert got == list(range(count)), f'{len(got)} packets, {len(set(got))} different'
    assert len(process.grep('group: reading')) == 1, process.describe()
    assert topic.group_offsets(group, [0]) == {0: count}
    pipe.close()


@pytest.mark.parametrize('when', ['after a stall', 'in a stall'])
def test_a_topic_made_again_is_read_from_its_start(topic, piped, when):
    """Its offsets begin again, below those that were read before the reader stalled."""
    old, new = captures.sample(3000, size=1000), captures.sample(4000, size=1000)[3000:3600]
    topic.produce(old)
    process, pipe = piped(topic, '-o', 'begin', *SHOW_PAUSES)
    pipe.read(24 + 1016 * 100)
    wait_paused(process)
    if when == 'after a stall':
        pipe.read(24 + 1016 * len(old))
    topic.broker.delete_topic(topic.name)
    topic.broker.topic(name=topic.name)
    topic.produce(new)

    def read():
        """What the reader has so far; what he waits for is the last of the new ones."""
        while select.select([pipe.reader], [], [], 0.1)[0]:
            pipe.some()
        return numbers(pipe.data[:24 + (len(pipe.data) - 24) // 1016 * 1016])
    wait.until(lambda: 3599 in read(), 60, process.describe)
    got = read()
    assert got[:-600] == list(range(len(got) - 600)) and got[-600:] == list(range(3000, 3600))
    at = 3000 if when == 'after a stall' else r'\d+'
    again = rf'^WARNING:root:topic {topic.name}: partition 0 continues at 0, not at {at}: it was recreated'
    assert len(process.grep(again)) == 1, process.describe()
    assert process.stop() == 0, process.describe()
    pipe.close()


def test_what_retention_takes_from_a_slow_reader_is_said(topic, piped):
    topic.produce(captures.sample(3000, size=1000))
    process, pipe = piped(topic, '-o', 'begin', *SHOW_PAUSES)
    pipe.read(24 + 1016 * 100)
    wait_paused(process)
    topic.broker.delete_records(topic.name, 0, 2990)
    while 2999 not in numbers(pipe.data[:24 + (len(pipe.data) - 24) // 1016 * 1016]):
        assert pipe.some(), process.describe()
    got = numbers(pipe.data)
    assert got == [*range(len(got) - 10), *range(2990, 3000)]
    gone = f'partition 0 starts at 2990: {3000 - len(got)} records are gone'
    assert len(process.grep(f'^WARNING:root:topic {topic.name}: {gone}')) == 1, process.describe()
    assert process.stop() == 0, process.describe()
    pipe.close()


def test_a_slow_reader_pauses_partitions_at_their_end_too(make_topic, piped):
    """And none of what comes to them meanwhile is missed."""
    topic = make_topic(2)
    sample = captures.sample(2020, size=1000)
    topic.produce(sample[:10], partition=0)
    process, pipe = piped(topic, '-o', 'begin', *SHOW_PAUSES)
    pipe.read(24 + 1016 * 10)
    topic.produce(sample[10:2010], partition=1)
    wait_paused(process)
    topic.produce(sample[2010:], partition=0)
    pipe.read(24 + 1016 * 2020)
    assert process.stop() == 0, process.describe()
    assert sorted(numbers(pipe.rest())) == list(range(2020))
    pipe.close()


def test_an_interrupt_while_the_reader_stands_still_ends_in_time(topic, piped):
    topic.produce(captures.sample(20000, size=1000))
    process, pipe = piped(topic, '-o', 'begin', '--shutdown-timeout', '2s')
    pipe.read(24 + 1016 * 100)
    wait.until(lambda: process.stats()['read'] > 100, 20, process.describe)
    before = time.monotonic()
    assert process.stop(signal.SIGINT) == 1, process.describe()
    assert time.monotonic() - before < 8
    taken, written = process.counts()
    assert 100 <= written < taken < 20000, process.describe()
    assert re.search(f'^ERROR:root:{taken - written} packet', process.lines[-1]), process.describe()
    # What was counted as written is in the pipe, whole; of one more there may be a part.
    blob = pipe.rest()
    whole = 24 + 1016 * written
    assert whole <= len(blob) < whole + 1016
    assert numbers(blob[:whole]) == list(range(written))
    pipe.close()


def test_the_reader_closes_in_the_middle(topic, piped):
    topic.produce(captures.sample(20000, size=1000))
    process, pipe = piped(topic, '-o', 'begin')
    pipe.read(24 + 1016 * 10)
    pipe.close()
    assert process.wait(10) == 0, process.describe()
    assert process.grep(COUNT_LINE) and not process.grep('^(ERROR|WARN)'), process.describe()


@pytest.mark.parametrize('offset', ['end', 'stored'])
def test_the_reader_closes_while_nothing_flows(topic, piped, offset):
    process, pipe = piped(topic, '-o', offset, '-X', f'group.id=group-{topic.name}')
    pipe.read(24)
    pipe.close()
    assert process.wait(10) == 0, process.describe()
    assert process.grep(COUNT_LINE) and not process.grep('^(ERROR|WARN)'), process.describe()


def test_max_packets_writes_exactly_so_many(make_topic):
    topic = make_topic(3)
    topic.produce(captures.sample(3000, size=80))
    for limit in (1, 7, 2500):
        process = consume(topic, '-o', 'begin', '-m', str(limit))
        assert process.status == 0 and process.counts() == (limit, limit), process.describe()
        got = numbers(process.stdout)
        assert len(got) == len(set(got)) == limit


def test_write_file(topic, tmp_path):
    topic.produce(captures.sample(100, size=80))
    path = str(tmp_path / 'out.pcap')
    with open(path, 'wb') as f:
        f.write(b'older and longer' * 10000)
    process = consume(topic, '-e', '-w', path)
    assert process.status == 0 and process.stdout == b'', process.describe()
    assert captures.read(path) == (1, captures.sample(100, size=80))
    assert len(tshark_fields(path, 'frame.number')) == 100


def test_write_file_and_pretty_print_together(topic, tmp_path):
    topic.produce(captures.sample(10, size=80))
    path = str(tmp_path / 'out.pcap')
    process = consume(topic, '-e', '-w', path, '-pp', '5')
    assert process.status == 0, process.describe()
    assert len(captures.read(path)[1]) == 10
    shown = re.findall(r'^(\d+) packet\(s\) received$', process.stdout.decode(), re.M)
    assert shown == ['5', '10']


def test_write_file_that_is_a_fifo_waits_for_its_reader(topic, consumer, tmp_path):
    topic.produce(captures.sample(100, size=80))
    path = str(tmp_path / 'fifo')
    os.mkfifo(path)
    process = consumer(topic, '-e', '-w', path)
    with open(path, 'rb') as f:
        assert numbers(f.read()) == list(range(100))
    assert process.wait(20) == 0, process.describe()


def test_an_interrupt_of_a_fifo_without_a_reader_ends_at_once(topic, consumer, tmp_path):
    path = str(tmp_path / 'fifo')
    os.mkfifo(path)
    process = consumer(topic, '-w', path, '-ll', 'DEBUG')
    process.wait_line('partition 0: from offset')
    before = time.monotonic()
    assert process.stop(signal.SIGINT) == 0, process.describe()
    assert time.monotonic() - before < 3 and process.counts() == (0, 0)


def test_write_file_that_cannot_be_opened(topic, tmp_path):
    path = tmp_path / 'missing' / 'out.pcap'
    process = consume(topic, '-e', '-w', path)
    assert process.status == 1
    errors = process.grep('^ERROR')
    assert len(errors) == 1 and str(path) in errors[0] and 'No such file' in errors[0]


@pytest.mark.parametrize('how', ['file', 'stdout', 'text'])
def test_dev_full(topic, how):
    topic.produce(captures.sample(100, size=80))
    if how == 'file':
        process = consume(topic, '-e', '-w', '/dev/full')
    else:
        with open('/dev/full', 'wb') as f:
            process = consume(topic, '-e', *(['-pp', '1'] if how == 'text' else []), stdout=f)
    assert process.status == 1, process.describe()
    errors = process.grep('No space left on device')
    assert len(errors) == 1 and errors[0].startswith('ERROR:root:cannot write to '), errors
    assert process.lines[-1] == errors[0], 'the reason comes last\n' + process.describe()


def test_the_disk_fills_up(topic, tmp_path):
    """Of an endless run, which writes in place; test_whole_files.py has the others."""
    topic.produce(captures.sample(3000, size=1000))
    disk = Tmpfs(tmp_path / 'disk', 1)
    try:
        path = os.path.join(disk.path, 'out.pcap')
        process = consume(topic, '-o', 'begin', '-w', path)
        assert process.status == 1, process.describe()
        written = process.counts()[1]
        errors = process.grep('No space left on device')
        assert len(errors) == 1 and f'{written} packet(s) are in it' in errors[0]
        assert process.lines[-1] == errors[0], process.describe()
        # The capture ends with a whole packet: tshark has nothing to complain of.
        assert 900 < written < 1100 and numbers(open(path, 'rb').read()) == list(range(written))
        assert len(tshark_fields(path, 'frame.number')) == written
    finally:
        disk.remove()


def test_a_terminal_is_refused_before_anything_is_opened(spawn):
    pipe = Pipe(pty.openpty())
    process = spawn('-c', '-k', f'127.0.0.1:{free_port()}', '-t', 'none', stdout=pipe.writer)
    pipe.started()
    assert process.wait(10) == 2, process.describe()
    assert len(process.lines) == 1 and '--write-file' in process.lines[0], process.describe()
    assert pipe.rest() == b''
    pipe.close()


@pytest.mark.parametrize('path', ['/dev/stdout', '/proc/self/fd/1', 'name'])
def test_a_terminal_as_write_file_is_refused_too(spawn, path):
    pipe = Pipe(pty.openpty())
    path = os.ttyname(pipe.writer) if path == 'name' else path
    process = spawn('-c', '-k', f'127.0.0.1:{free_port()}', '-t', 'none', '-w', path,
                    stdout=pipe.writer)
    pipe.started()
    assert process.wait(10) == 2, process.describe()
    assert len(process.lines) == 1 and 'terminal' in process.lines[0], process.describe()
    pipe.close()


def test_the_journal_is_refused(spawn, tmp_path):
    """What a service without a write-file would fill."""
    path = tmp_path / 'journal'
    with open(path, 'wb') as f:
        stat = os.fstat(f.fileno())
        process = spawn('-c', '-k', f'127.0.0.1:{free_port()}', '-t', 'none', stdout=f,
                        env={'JOURNAL_STREAM': f'{stat.st_dev}:{stat.st_ino}'})
    assert process.wait(10) == 2, process.describe()
    assert len(process.lines) == 1 and 'write-file' in process.lines[0], process.describe()
    assert path.read_bytes() == b''


def test_check_config_warns_of_a_consumer_without_write_file(tmp_path):
    file = tmp_path / 'out.cfg'
    file.write_text('mode = "consumer";\n')
    process = pycapa('-C', file, '--check-config')
    assert process.status == 0 and process.grep('^WARNING:root:.*write-file'), process.describe()
    for more in ('write-file = "/tmp/x";', 'pretty-print = 1;'):
        file.write_text(f'mode = "consumer"; {more}\n')
        assert not pycapa('-C', file, '--check-config').lines


def test_text_and_capture_do_not_share_standard_output():
    process = pycapa('-c', '-pp', '5', '-w', '-')
    assert process.status == 2 and len(process.lines) == 1, process.describe()
    assert '--write-file' in process.lines[0] and 'standard output' in process.lines[0]


def test_pretty_print_on_a_terminal(topic, consumer):
    packets = captures.sample(6, size=74)
    topic.produce(packets)
    pipe = Pipe(pty.openpty())
    process = consumer(topic, '-e', '-pp', '3', stdout=pipe.writer)
    pipe.started()
    shown = pipe.rest().decode().replace('\r\n', '\n').splitlines()
    assert process.wait(20) == 0 and process.counts() == (6, 6), process.describe()
    expected = []
    for n in (3, 6):
        p = packets[n - 1]
        second, us = divmod(p.time_us, 1000000)
        date = time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(second)) + f'.{us:06}Z'
        expected += [f'{n} packet(s) received',
                     f'Packet: date={date} topic={topic.name} partition=0 offset={n - 1} length=74',
                     *(p.data[i:i + 16].hex(' ') for i in range(0, 74, 16))]
    assert shown == expected
    pipe.close()


@pytest.mark.parametrize('to', ['file', 'pipe', 'beside a capture'])
def test_more_text_in_a_batch_than_the_buffer_holds(topic, piped, tmp_path, to):
    """What a whole flush makes room for goes on by itself: nothing else would wake it."""
    count = 1500
    topic.produce(captures.sample(count, size=1514))
    if to == 'pipe':
        process, pipe = piped(topic, '-e', '-pp', '1')
        text = pipe.rest()
        process.wait(20)
        pipe.close()
    else:
        more = ['-w', str(tmp_path / 'out.pcap')] if to != 'file' else []
        process = consume(topic, '-e', '-pp', '1', *more, timeout=20)
        text = process.stdout
    assert process.status == 0 and process.counts() == (count, count), process.describe()
    shown = re.findall(rb'^(\d+) packet\(s\) received$', text, re.M)
    assert [int(n) for n in shown] == list(range(1, count + 1))
    assert len(text.split(b'\n')) == 1 + count * (2 + -(-1514 // 16))


FOREIGN = {
    'no key': (None, b'v' * 60),
    'empty key': (b'', b'v' * 60),
    '7 bytes': (b'1234567', b'v' * 60),
    '9 bytes': (b'123456789', b'v' * 60),
    'null value': (struct.pack('!Q', 1700000000000000), None),
}


@pytest.mark.parametrize('kind', FOREIGN)
def test_foreign_records_of_each_kind(topic, kind):
    key, value = FOREIGN[kind]
    good = captures.sample(10, size=80)
    topic.produce(good[:5], partition=0)
    topic.produce_raw([(key, value, None, 0)] * 3, partition=0)
    topic.produce(good[5:], partition=0)
    process = consume(topic, '-e')
    assert process.status == 0 and process.counts() == (10, 10), process.describe()
    assert captures.parse(process.stdout)[1] == good
    assert len(process.grep('^WARNING:root:skipped a record')) == 1
    assert process.grep(r'^INFO:root:3 record\(s\) skipped'), process.describe()


def test_an_empty_value_is_a_packet(topic):
    key = struct.pack('!Q', 1700000000000001)
    topic.produce_raw([(key, b'', None, 0)])
    process = consume(topic, '-e')
    assert process.status == 0, process.describe()
    assert captures.parse(process.stdout)[1] == [captures.Packet(1700000000000001, b'', 0)]


def test_two_link_types_go_into_two_captures_not_one(topic):
    key = struct.pack('!Q', 1700000001000001)
    topic.produce(captures.sample(5, size=80))
    topic.produce_raw([(key, b'z' * 60, [('linktype', b'101')], 1)])
    process = consume(topic, '-e')
    assert process.status == 1 and numbers(process.stdout) == list(range(5)), process.describe()
    assert process.grep('^ERROR:root:1 packet.* not written: of another link type')


def test_tshark_reads_on_while_it_grows(topic, consumer, tmp_path):
    path = str(tmp_path / 'out.pcap')
    process = consumer(topic, '-o', 'begin', '-w', path)
    for upto in (10, 20, 30):
        topic.produce(captures.sample(30, size=80)[upto - 10:upto])
        wait.until(lambda: os.path.exists(path) and os.path.getsize(path) >= 24 + 96 * upto, 20,
                   process.describe)
        assert len(run('tshark', '-n', '-r', path).stdout.splitlines()) == upto
    assert process.stop() == 0, process.describe()


def test_a_file_that_may_grow_no_more_ends_with_whole_packets(topic, tmp_path):
    packets = captures.sample(200, size=100)
    topic.produce(packets)
    path = tmp_path / 'a.pcap'
    process = consume(topic, '-o', 'begin', '-w', path, prefix=('prlimit', '--fsize=10000'))
    assert process.status == 1, process.describe()
    rows = tshark_fields(path, 'frame.len')
    assert 0 < len(rows) < 200, len(rows)
    last = process.stderr.strip().splitlines()[-1]
    assert f'File too large; {len(rows)} packet(s) are in it' in last, process.describe()
