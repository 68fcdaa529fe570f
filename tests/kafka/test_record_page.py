# SPDX-License-Identifier: Apache-2.0
"""The readers of docs/record.md, run as they stand, broker and topic apart."""
import os
import re
import struct
import subprocess
import sys

import pytest

from harness import captures, daemon, wait, witness
from harness.daemon import pycapa
from harness.proc import Process, run

NANOS = 789
RAW_IP = 101


def code(heading):
    """The code of a section, as it stands."""
    with open(os.path.join(daemon.TREE, 'docs/record.md')) as f:
        section = re.search(rf'^#+ {heading}\n(.*?)(?=^#|\Z)', f.read(), re.M | re.S).group(1)
    block, = re.findall(r'(?:^    .*\n|^\n(?=    ))+', section, re.M)
    return re.sub('^    ', '', block, flags=re.M)


@pytest.fixture
def filled(topic, tmp_path):
    """
    A topic into which pycapa has put two files, a record that is no packet between them: packets
    with nanoseconds of which one was cut, and packets without Ethernet. What a reader must say of
    them: [(time in ns, link type, length on the wire, bytes)].
    """
    first, second = captures.sample(5), captures.sample(3, start_us=1700000001000000)
    first[2] = first[2]._replace(data=first[2].data[:40])
    second = [p._replace(data=p.data[14:], wirelen=len(p.data) - 14) for p in second]
    files = [captures.write_nanoseconds(tmp_path / 'first.pcap', first, NANOS),
             captures.write(tmp_path / 'second.pcap', second, linktype=RAW_IP)]
    for path in files:
        run(daemon.BINARY, '-p', '-r', path, '-k', topic.broker.bootstrap, '-t', topic.name,
            env=daemon.environment())
        topic.produce_raw([(None, b'no packet', None, None)])
    want = [(p.time_us * 1000 + NANOS, 1, p.wirelen, p.data) for p in first]
    return topic, want + [(p.time_us * 1000, RAW_IP, p.wirelen, p.data) for p in second]


def read_in_python(heading, lines, topic, want, tmp_path):
    text = code(heading)
    assert len([line for line in text.splitlines() if line]) <= lines
    for old, new in (('localhost:9092', topic.broker.bootstrap), ('"pcap"', f'"{topic.name}"')):
        assert text.count(old) == 1
        text = text.replace(old, new)
    (tmp_path / 'reader.py').write_text(text)
    with Process([sys.executable, '-u', tmp_path / 'reader.py']) as process:
        wait.until(lambda: process.stdout.count(b'\n') >= len(want), 30, process.describe)
        rows = [line.split() for line in process.stdout.decode().splitlines()]
    assert [(int(t), int(link), int(wire), bytes.fromhex(data))
            for t, link, wire, data in rows] == want


def test_the_reader_in_python(filled, tmp_path):
    topic, want = filled
    read_in_python('In Python', 10, topic, want, tmp_path)


def test_the_reader_of_blocks_in_python(filled, tmp_path):
    """Of blocks that are mixed with packets: two interfaces, lengths, nanoseconds."""
    topic, want = filled
    sample = captures.sample(6, start_us=1700000002000000)
    value = (captures.section_block('<') + captures.interface_block('<', 1, 262144, 9) +
             captures.interface_block('<', RAW_IP, 262144, 9) +
             b''.join(captures.packet_block('<', i % 2, p.time_us * 1000 + NANOS, p.data[:60], 1500)
                      for i, p in enumerate(sample)))
    topic.produce_raw([(struct.pack('!Q', sample[0].time_us), value,
                        [('format', b'pcapng'), ('packets', b'6')], sample[-1].time_us // 1000)])
    want = want + [(p.time_us * 1000 + NANOS, (1, RAW_IP)[i % 2], 1500, p.data[:60])
                   for i, p in enumerate(sample)]
    read_in_python('Blocks in Python', 25, topic, want, tmp_path)
    seen = pycapa('-c', '-k', topic.broker.bootstrap, '-t', topic.name, '-e', '-w',
                  tmp_path / 'out.pcapng')
    assert seen.status == 0, seen.describe()
    assert sorted(captures.records(tmp_path / 'out.pcapng')) == \
        sorted((t, data, wire, link) for t, link, wire, data in want)


def test_a_topic_of_blocks_as_a_file(topic, tmp_path):
    sample = captures.sample(100)
    topic.produce_raw([captures.block_record(sample[i:i + 10]) for i in range(0, 100, 10)])
    command = code('A block record')
    for old, new in (('localhost:9092', topic.broker.bootstrap), (' pcap ', f' {topic.name} ')):
        assert command.count(old) == 1
        command = command.replace(old, new)
    subprocess.run(['bash', '-ec', command], cwd=tmp_path, timeout=60, check=True)
    plain = captures.write(tmp_path / 'plain.pcap', sample)
    assert witness.tshark_packets(str(tmp_path / 'pcap.pcapng')) == witness.tshark_packets(plain)


def test_the_line_of_kcat(filled):
    topic, want = filled
    command = code('With kcat')
    for old, new in (('localhost:9092', topic.broker.bootstrap), (' pcap ', f' {topic.name} ')):
        assert command.count(old) == 1
        command = command.replace(old, new)
    out = subprocess.run(['bash', '-c', command], capture_output=True, text=True, timeout=60)
    rows = [line for line in out.stdout.splitlines() if re.match(r'\d{16} ', line)]
    assert len(rows) == len(want), out
    for row, (time, link, wire, data) in zip(rows, want):
        key, size, *headers = row.split(' ')
        headers = dict(h.split('=') for h in ''.join(headers).split(',') if h)
        assert (int(key), int(size)) == (time // 1000, len(data)), row
        assert headers == {k: str(v) for k, v, default in (
            ('linktype', link, 1), ('wirelen', wire, len(data)), ('nanos', time % 1000, 0))
            if v != default}, row


def metron(key, value, properties):
    """
    What Metron's FromKeyDeserializer and PcapHelper make of a record: a pcap. Written from what
    they do, none of it ours.
    """
    assert properties['kafka.pcap.ts_scheme'] == 'FROM_KEY'
    folded = 0
    for byte in key:
        folded = (folded << 8 | byte) & (1 << 64) - 1
    time_ns = folded * {'MICROSECONDS': 1000}[properties['kafka.pcap.ts_granularity']]
    return (struct.pack('<IHHiIII', 0xa1b2c3d4, 2, 4, 0, 0, 65535, 1) +
            struct.pack('<IIII', time_ns // 1000 // 1000000, time_ns // 1000 % 1000000, len(value),
                        len(value)) + value)


def test_metron_reads_ethernet(filled, tmp_path):
    topic, want = filled
    properties = dict(line.split('=') for line in code('In Apache Metron').splitlines() if line)
    assert properties['spout.kafka.topic.pcap'] == 'pcap'
    records = [r for r in topic.records() if r.key is not None]
    assert len(records) == len(want)
    for record, (time, link, _, data) in zip(records, want):
        if link != 1:
            continue
        (tmp_path / 'one.pcap').write_bytes(metron(record.key, record.value, properties))
        seen = run('tshark', '-n', '-r', tmp_path / 'one.pcap', '-T', 'fields', '-e',
                   'frame.time_epoch', '-e', 'frame.cap_len', '-e', 'udp.srcport').stdout.split()
        assert seen[0] == f'{time // 1000000000}.{time // 1000 % 1000000:06}000', seen
        assert int(seen[1]) == len(data) and int(seen[2]) > 0, seen
