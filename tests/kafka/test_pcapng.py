# SPDX-License-Identifier: Apache-2.0
"""pcapng out, judged by tshark and capinfos."""
import select
import struct
import subprocess

import pytest

from harness import captures
from harness.daemon import pycapa
from harness.net import free_port
from harness.proc import run
from harness.witness import tshark_fields

US = 1700000000123456
COOKED = struct.pack('!HHH8sH', 4, 1, 6, b'address.', 0x800)  # outgoing


def key(time_us):
    return struct.pack('!Q', time_us)


def headers(**values):
    return [(name, str(value).encode()) for name, value in values.items()] or None


def consume(topic, *argv):
    return pycapa('-c', '-e', '-k', topic.broker.bootstrap, '-t', topic.name, *argv)


ROWS = [
    (key(US), b'a' * 60, None),
    (key(US + 1), b'b' * 61, headers(nanos=789, host='sensor1', interface='eth0')),
    (key(US + 2), b'c' * 62, headers(wirelen=9000, host='sensor2', interface='eth0', dropcount=7)),
    (key(US + 3), b'd' * 20, headers(linktype=101)),
    (key(US + 4), COOKED + b'e' * 30, headers(linktype=113)),
    (key((1 << 32) * 1000000), b'f' * 63, headers(host='sensor1', interface='eth0', dropcount=2)),
    (key(US + 5), b'', None),
]


def produce(topic):
    topic.produce_raw([(k, v, h, 1) for k, v, h in ROWS], partition=0)


def test_pcapng_holds_what_pcap_must_leave_out(topic, tmp_path):
    produce(topic)
    path = str(tmp_path / 'out.PcapNG')
    process = consume(topic, '-w', path)
    assert process.status == 0 and process.counts() == (7, 7), process.describe()
    fields = tshark_fields(path, 'frame.time_epoch', 'frame.cap_len', 'frame.len',
                           'frame.interface_id', 'frame.interface_name',
                           'frame.interface_description', 'frame.drop_count',
                           'frame.packet_flags_direction')
    assert [f[1:3] for f in fields] == [('60', '60'), ('61', '61'), ('62', '9000'), ('20', '20'),
                                        ('46', '46'), ('0', '0'), ('63', '63')]
    assert [f[0] for f in fields] == [
        '1700000000.123456000', '1700000000.123457789', '1700000000.123458000',
        '1700000000.123459000', '1700000000.123460000', '1700000000.123461000',
        '4294967296.000000000']
    assert [f[3] for f in fields] == ['0', '1', '2', '3', '4', '0', '1']
    assert [f[4:6] for f in fields][1:3] == [('eth0', 'sensor1'), ('eth0', 'sensor2')]
    assert [f[6] for f in fields] == ['', '', '7', '', '', '', '2']
    assert [int(f[7] or '0', 0) for f in fields] == [0, 0, 0, 0, 2, 0, 0]
    said = run('capinfos', path).stdout
    assert 'pycapa' in said and 'Linux' in said and 'Number of interfaces in file: 5' in said
    assert said.count('Number of stat entries = 1') == 5, said

    process = consume(topic, '-w', str(tmp_path / 'out.pcap'))
    assert process.status == 1 and process.counts() == (7, 4), process.describe()
    assert process.lines[-2:] == [
        "ERROR:root:2 packet(s) not written: of another link type than the capture's; "
        '--format pcapng holds them',
        'ERROR:root:1 packet(s) not written: of a time after the year 2106; '
        '--format pcapng holds them'], process.describe()


def test_a_group_reads_again_what_pcap_must_leave_out(topic, tmp_path):
    produce(topic)
    group = ('-o', 'stored', '-X', f'group.id=group-{topic.name}', '-X', 'auto.offset.reset=earliest')
    process = consume(topic, *group, '-w', str(tmp_path / 'out.pcap'))
    assert process.status == 1 and process.counts() == (7, 4), process.describe()
    process = consume(topic, *group, '-w', str(tmp_path / 'out.pcapng'))
    assert process.status == 0 and process.counts() == (7, 7), process.describe()
    process = consume(topic, *group, '-w', str(tmp_path / 'more.pcapng'))
    assert process.status == 0 and process.counts() == (0, 0), process.describe()


def test_offsets_are_comments_on_request(topic, tmp_path):
    produce(topic)
    path = str(tmp_path / 'out')
    process = consume(topic, '-w', path, '--format', 'pcapng', '--comment-offsets')
    assert process.status == 0, process.describe()
    assert [f[0] for f in tshark_fields(path, 'frame.comment')] == [
        f'partition 0, offset {i}' for i in (0, 1, 2, 3, 4, 6, 5)]


def test_comments_need_pcapng():
    process = pycapa('-c', '--comment-offsets', '--format', 'pcap', '-k', f'127.0.0.1:{free_port()}')
    assert process.status == 2 and len(process.grep('--format pcapng')) == 1, process.describe()


def losses(path):
    """What is in the statistics of a capture, by interface: [(packets, lost)]."""
    blob = path.read_bytes()
    out, at = [], 0
    while at < len(blob):
        kind, size = struct.unpack_from('=II', blob, at)
        if kind == 5:
            told = captures.options(blob[at + 20:at + size - 4], '=')
            out.append(tuple(struct.unpack('=Q', told[code])[0] for code in (8, 5)))
        at += size
    return out


def test_what_was_lost_before_packets_that_a_filter_leaves_out_is_told(make_topic, tmp_path):
    """In order of time, by its interface: the next packet tells, else the statistics."""
    def row(at, size, host, dropcount=0):
        told = {'dropcount': dropcount} if dropcount else {}
        return key(US + at), bytes(size), headers(host=host, interface='eth0', **told), 1
    topic = make_topic(2)
    topic.produce_raw([row(0, 70, 'a'), row(10, 60, 'a', 5), row(30, 70, 'a', 2),
                       row(40, 60, 'a', 3)], partition=0)
    topic.produce_raw([row(5, 70, 'a'), row(15, 60, 'b', 11), row(20, 70, 'a'), row(25, 70, 'a')],
                      partition=1)
    for reorder in (), ('--reorder', '0'):
        path = tmp_path / 'out.pcapng'
        process = consume(topic, *reorder, '-w', path, 'greater 65')
        assert process.status == 0 and process.counts() == (5, 5), process.describe()
        assert [f[0] for f in tshark_fields(path, 'frame.drop_count')] == ['', '', '5', '', '2']
        assert losses(path) == [(5, 10), (0, 11)]
    # As they come.
    process = pycapa('-c', '-o', 'begin', '--partitions', '0', '--reorder', '0', '-m', '2', '-k',
                     topic.broker.bootstrap, '-t', topic.name, '-w', path, 'greater 65')
    assert process.status == 0 and process.counts() == (2, 2), process.describe()
    assert losses(path) == [(2, 7)]


class Tshark:
    """Reads a capture from its standard input, and prints a line a packet."""

    def __init__(self):
        self.process = subprocess.Popen(['tshark', '-l', '-n', '-i', '-', '-T', 'fields', '-e',
                                         'frame.cap_len'], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self.stdin = self.process.stdin

    def line(self, timeout=20):
        assert select.select([self.process.stdout], [], [], timeout)[0], f'nothing in {timeout} s'
        return self.process.stdout.readline().decode().strip()


@pytest.fixture
def tshark():
    reader = Tshark()
    yield reader
    reader.process.kill()
    reader.process.wait()


@pytest.mark.parametrize('offset', ['begin', 'end'])
def test_tshark_reads_along_from_a_pipe(topic, consumer, tshark, offset):
    """Each packet is shown before the next one is sent, the first ones of new interfaces too."""
    process = consumer(topic, '-o', offset, '--format', 'pcapng', '-ll', 'DEBUG',
                       stdout=tshark.stdin)
    tshark.stdin.close()
    process.wait_line('partition 0: from offset')
    for k, v, h in ROWS[:5]:
        topic.produce_raw([(k, v, h, 1)], partition=0)
        assert tshark.line() == str(len(v))
    assert process.stop() == 0, process.describe()
    assert tshark.process.wait(20) == 0
