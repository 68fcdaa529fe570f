# SPDX-License-Identifier: Apache-2.0
"""Block records: read, where nothing of them is ours; and what ours are for others."""
import os
import struct
import uuid

import pytest

from harness import captures, daemon, witness
from harness.daemon import pycapa
from harness.proc import run

pytestmark = pytest.mark.library

WRITER = os.path.join(daemon.BUILD, 'tests/kafka/block-writer')

START = 1700000000 * 1000000  # 2023-11-14T22:13:20Z
SECOND = 1000000


def blocks(packets, count, **kwargs):
    """Block records of `count` packets each."""
    return [captures.block_record(packets[i:i + count], **kwargs)
            for i in range(0, len(packets), count)]


def consume(topic, *argv, **kwargs):
    """Runs a consumer to its end; (process, sequence numbers of what it wrote)."""
    process = pycapa('-c', '-k', topic.broker.bootstrap, '-t', topic.name, *argv, **kwargs)
    assert process.status == 0, process.describe()
    return process, [captures.sequence(p.data) for p in captures.parse(process.stdout)[1]]


@pytest.fixture(scope='module')
def mixed(broker):
    """
    One partition: 100 packets, 30 blocks of 10, and 100 packets, a second apart. Offsets 0 to 99,
    100 to 129, and 130 to 229.
    """
    topic = witness.Topic(broker, broker.topic())
    sample = captures.sample(500, start_us=START, step_us=SECOND)
    topic.produce(sample[:100])
    topic.produce_raw(blocks(sample[100:250], 10) + blocks(sample[250:400], 10, order='>'))
    topic.produce(sample[400:])
    return topic, sample


def test_packets_and_blocks_in_one_topic(mixed):
    topic, sample = mixed
    process = pycapa('-c', '-k', topic.broker.bootstrap, '-t', topic.name, '-e')
    assert process.status == 0 and process.counts() == (500, 500), process.describe()
    assert captures.parse(process.stdout)[1] == sample
    assert not process.grep('skipped'), process.describe()


@pytest.mark.parametrize('offset, first', [('120', 300), ('-101', 390), ('@1700000105', 100)])
def test_an_offset_is_that_of_a_record(mixed, offset, first):
    """A time finds the block that has a packet of that time or later; it is read whole."""
    _, got = consume(mixed[0], '-e', '-o', offset)
    assert got == list(range(first, 500))


@pytest.mark.parametrize('begin, end, records', [
    (50, 150, 55), (104, 107, 0), (104, 251, 15), (95, 105, 5), (390, 410, 11), (255, 256, 0)])
def test_a_range_begins_and_ends_within_blocks(mixed, begin, end, records):
    """Without slack: what is found for the end is read too."""
    process, got = consume(mixed[0], '--from', f'@{1700000000 + begin}', '--to',
                           f'@{1700000000 + end}', '--slack', '0')
    assert got == list(range(begin, end))
    assert process.counts() == (end - begin, end - begin)
    assert process.grep(rf'^INFO:root:Reading .*: {records} record\(s\) from'), process.describe()


def test_a_filter_looks_at_each_packet_of_a_block(mixed):
    topic, sample = mixed
    process, got = consume(topic, '-e', 'udp port 5003')
    want = [i for i, p in enumerate(sample) if p.data[34:36] == (5003).to_bytes(2, 'big')]
    assert got == want and len([i for i in want if 100 <= i < 400]) > 20
    assert process.grep(rf'{500 - len(want)} packet\(s\) did not match the filter')


def test_a_limit_within_a_block(mixed):
    """What was not read whole is read again by who goes on with the group."""
    topic, group = mixed[0], str(uuid.uuid4())
    argv = ('-o', 'stored', '-X', f'group.id={group}', '-X', 'auto.offset.reset=earliest')
    process, got = consume(topic, *argv, '-m', '105')
    assert got == list(range(105)) and process.counts() == (105, 105), process.describe()
    assert topic.group_offsets(group, [0]) == {0: 100}
    _, got = consume(topic, *argv, '-m', '10')
    assert got == list(range(100, 110))
    assert topic.group_offsets(group, [0]) == {0: 101}


def test_a_damaged_block_costs_that_block(topic):
    sample = captures.sample(60, start_us=START)
    rows = blocks(sample, 10)
    key, value, headers, stamp = rows[1]
    rows[1] = (key, value[:-7], headers, stamp)  # cut off
    key, value, headers, stamp = rows[2]
    at = value.index(sample[22].data) - 20
    rows[2] = (key, value[:at] + b'\x09' + value[at + 1:], headers, stamp)  # of interface 9
    key, value, headers, stamp = rows[3]
    rows[3] = (key, value, [('format', b'pcapng'), ('packets', b'11')], stamp)
    key, value, headers, stamp = rows[4]
    rows[4] = (key, b'', headers, stamp)
    topic.produce_raw(rows, partition=0)
    process, got = consume(topic, '-e', '-ll', 'DEBUG')
    assert got == [*range(10), *range(50, 60)]
    assert process.grep(r'^INFO:root:4 record\(s\) skipped that are not packets$'), process.describe()
    said, = process.grep('^WARNING:root:skipped a record')  # one line, not one a record
    assert said.endswith(f': a damaged block: its end is missing (at byte '
                         f'{len(rows[1][1]) - len(sample[19].data) - 25 - (-len(sample[19].data)) % 4}'
                         f' of {len(rows[1][1])}) (topic {topic.name}, partition 0, offset 1); '
                         '1 skipped so far'), said


def test_a_thousand_packets_a_block_in_four_partitions_come_in_order_of_time(make_topic):
    """Two sensors write to each partition: their blocks overlap in time."""
    topic = make_topic(4)
    sample = captures.sample(24000, size=64, start_us=START, step_us=37)
    for p in range(4):
        sensors = blocks(sample[p::8], 1000), blocks(sample[p + 4::8], 1000)
        topic.produce_raw([row for pair in zip(*sensors) for row in pair], partition=p)
    process = pycapa('-c', '-k', topic.broker.bootstrap, '-t', topic.name, '-e')
    assert process.status == 0 and process.counts() == (24000, 24000), process.describe()
    assert captures.parse(process.stdout)[1] == sample
    assert not process.grep('out of order'), process.describe()


def annotated(packets):
    """
    A section of two interfaces, Ethernet and raw IP by turns, with nanoseconds; the fourth packet
    tells a loss, the fifth has a comment.
    """
    def interface(linktype, name):
        body = linktype.to_bytes(4, 'little') + (262144).to_bytes(4, 'little')
        for code, text in ((2, name), (9, b'\x09')):
            body += code.to_bytes(2, 'little') + len(text).to_bytes(2, 'little') + text
            body += bytes(-len(text) % 4)
        return captures.block('<', 1, body + bytes(4))

    out = captures.section_block('<') + interface(1, b'eth0') + interface(101, b'tun0')
    for i, p in enumerate(packets):
        data, ns = p.data[14 * (i % 2):], p.time_us * 1000 + i
        body = b''.join(n.to_bytes(4, 'little')
                        for n in (i % 2, ns >> 32, ns & 0xffffffff, len(data), len(data) + i))
        body += data + bytes(-len(data) % 4)
        if i == 3:  # epb_dropcount
            body += b'\4\0\x08\0' + (77).to_bytes(8, 'little') + bytes(4)
        if i == 4:  # a comment, and epb_flags: outbound
            body += b'\1\0\5\0hello\0\0\0\2\0\4\0\2\0\0\0' + bytes(4)
        out += captures.block('<', 6, body)
    return out


def test_what_a_section_says_of_its_packets(topic, tmp_path):
    sample = captures.sample(6, size=64, start_us=START)
    key, _, headers, stamp = captures.block_record(sample)
    topic.produce_raw([(key, annotated(sample), [*headers, ('host', b'sensor1')], stamp)])
    path = tmp_path / 'out.pcapng'
    process = pycapa('-c', '-k', topic.broker.bootstrap, '-t', topic.name, '-e', '-w', path,
                     '--comment-offsets')
    assert process.status == 0, process.describe()
    assert witness.tshark_fields(
        str(path), 'frame.time_epoch', 'frame.cap_len', 'frame.len', 'frame.interface_name',
        'frame.interface_description', 'frame.drop_count', 'frame.comment') == [(f'1700000000.{i * 1000:06}{i:03}', str(64 - i % 2 * 14), str(64 - i % 2 * 14 + i),
           ('eth0', 'tun0')[i % 2], 'sensor1', '77' if i == 3 else '', 'partition 0, offset 0') for i in range(6)]
    assert [r.linktype for r in captures.records(path)] == [1, 101] * 3


def written(path, size, *host):
    """What our writer makes of a file: [(key, value, headers, timestamp)]."""
    blob = run(WRITER, path, str(size), *host, text=False).stdout
    rows, at = [], 0
    while at < len(blob):
        key, stamp, packets, length = struct.unpack_from('!8sQII', blob, at)
        at += 24 + length
        headers = [('format', b'pcapng'), ('packets', str(packets).encode())]
        rows.append((key, blob[at - length:at], headers, stamp))
    return rows


@pytest.mark.parametrize('size', [300000, 65536, 2000])
def test_blocks_that_we_write_are_captures(topic, tmp_path, size):
    """Each one, and all of them one behind the other; for tshark, for libpcap, and read again."""
    sample = captures.sample(400, start_us=START)
    sample[7] = sample[7]._replace(data=sample[7].data[:33])
    sample[9], sample[8] = sample[8], sample[9]
    path = captures.write_nanoseconds(tmp_path / 'in.pcap', sample, 789)
    rows = written(path, size)
    assert len(rows) == 1 if size == 300000 else len(rows) > 3
    assert all(len(value) <= size for _, value, _, _ in rows)
    for key, value, headers, stamp in rows:
        times = [r.time_ns // 1000 for r in captures.pcapng_records(value)]
        assert witness.key_time(key) == min(times) and stamp == max(times) // 1000
        assert int(headers[1][1]) == len(times)
    topic.produce_raw(rows)
    whole = tmp_path / 'x.pcapng'
    whole.write_bytes(run('kcat', '-C', '-b', topic.broker.bootstrap, '-t', topic.name, '-e', '-q',
                          '-o', 'beginning', '-D', '', text=False).stdout)
    assert witness.tshark_packets(str(whole)) == witness.tshark_packets(path)
    assert captures.read(witness.tcpdump_rewrite(str(whole), str(tmp_path / 'again.pcap'))) == \
        captures.read(path)
    process = pycapa('-c', '-k', topic.broker.bootstrap, '-t', topic.name, '-e', '-w',
                     tmp_path / 'out.pcapng')
    assert process.status == 0 and process.counts() == (400, 400), process.describe()
    assert sorted(captures.records(tmp_path / 'out.pcapng')) == sorted(captures.records(path))


def test_interfaces_and_losses_in_blocks_that_we_write(tmp_path):
    """Of a file that tells of them; sections of several link types open in tshark."""
    source, whole = tmp_path / 'in.pcapng', tmp_path / 'x.pcapng'
    source.write_bytes(annotated(captures.sample(20, size=64, start_us=START)))
    rows = written(source, 700, 'sensor1')
    assert len(rows) > 2
    fields = ('frame.time_epoch', 'frame.len', 'frame.encap_type', 'frame.drop_count')
    whole.write_bytes(b''.join(value for _, value, _, _ in rows))
    assert witness.tshark_fields(str(whole), *fields) == \
        witness.tshark_fields(str(source), *fields)
    assert captures.records(whole) == captures.records(source)
    # Section by section: tshark 4.0 shows of each the names that the first one has.
    names = []
    for _, value, _, _ in rows:
        whole.write_bytes(value)
        names += witness.tshark_fields(str(whole), 'frame.interface_name',
                                       'frame.interface_description')
    assert names == [(('eth0', 'tun0')[i % 2], 'sensor1') for i in range(20)]


def types(path):
    """Of the blocks in a pcapng file."""
    blob, out, at = path.read_bytes(), [], 0
    while at < len(blob):
        kind, length = struct.unpack_from('<II', blob, at)
        out.append(kind)
        at += length
    return out


@pytest.fixture
def alternating(topic, tmp_path):
    """Blocks of several kinds, packets and a damaged block, in order of time: 24 packets."""
    sample = captures.sample(24, size=64, start_us=START)
    source = tmp_path / 'in.pcapng'
    source.write_bytes(annotated(sample[10:20]))
    headers = [('format', b'pcapng')]
    topic.produce_raw([(b'', annotated(sample[:6]), headers, START // 1000),
                       (b'', annotated(sample[:6])[:-1], headers, START // 1000)])
    topic.produce(sample[6:10])
    topic.produce_raw(written(source, 700, 'sensor1'))
    topic.produce_raw(blocks(sample[20:], 2, order='>'))
    return topic


def test_blocks_are_copied_into_one_section(alternating, tmp_path):
    """As they come, into pcapng; a limit is kept within a block. In order, all is put anew."""
    fields = ('frame.time_epoch', 'frame.cap_len', 'frame.len', 'frame.encap_type',
              'frame.interface_name', 'frame.interface_description', 'frame.drop_count',
              'udp.payload')
    argv = ('-c', '-k', alternating.broker.bootstrap, '-t', alternating.name)
    put, copied, cut = (tmp_path / f'{name}.pcapng' for name in ('put', 'copied', 'cut'))
    assert pycapa(*argv, '-e', '-w', put).counts() == (24, 24)
    want = witness.tshark_fields(str(put), *fields)
    process = pycapa(*argv, '-o', 'begin', '--reorder', '0', '-m', '24', '-w', copied)
    assert process.status == 0 and process.counts() == (24, 24), process.describe()
    assert process.grep('skipped a record that is not a packet: a damaged block: its end'), \
        process.describe()
    assert witness.tshark_fields(str(copied), *fields) == want
    assert sorted(types(copied)) == sorted(types(put))
    assert types(copied).count(0x0a0d0d0a) == 1 and types(copied).count(6) == 24
    assert witness.tshark_fields(str(copied), 'frame.comment', 'frame.packet_flags_direction')[
        3:6] == [('', ''), ('hello', '0x00000002'), ('', '')]
    assert put.stat().st_size + 24 == copied.stat().st_size  # the comment and the flags alone
    assert pycapa(*argv, '-o', 'begin', '--reorder', '0', '-m', '12', '-w', cut).counts() == (12, 12)
    assert witness.tshark_fields(str(cut), *fields) == want[:12]
