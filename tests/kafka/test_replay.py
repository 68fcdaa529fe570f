# SPDX-License-Identifier: Apache-2.0
"""Capture files through Kafka and back: the same packets, by tshark's account."""
import os

import pytest

from harness import captures
from harness.daemon import pycapa
from harness.proc import run
from harness.witness import capinfos, kcat, kcat_format, tshark_packets


PARTS = 8


def says_ethernet(path):
    """What capinfos reads in the header of a file, whatever its format."""
    return 'ether' in run('capinfos', '-M', '-E', path, check=False).stdout.split()


def round_trip(topic, source, tmp_path, *argv):
    """-r, then -c -e; the file that came out."""
    there = pycapa('-p', '-r', source, '-k', topic.broker.bootstrap, '-t', topic.name)
    assert there.status == 0, there.describe()
    out = str(tmp_path / 'out.pcap')
    back = pycapa('-c', '-e', '-w', out, '-k', topic.broker.bootstrap, '-t', topic.name, *argv)
    assert back.status == 0, back.describe()
    assert there.counts()[1] == back.counts()[1], there.describe() + back.describe()
    return out


def difference(make_topic, source, tmp_path):
    """What differs, '' for nothing; None for a file that libpcap itself cannot read whole."""
    rewritten = str(tmp_path / 'rewritten.pcap')
    done = run('tcpdump', '-Z', 'root', '-r', source, '-w', rewritten, check=False)
    if done.returncode:
        assert 'tcpdump: ' in done.stderr, done.stderr
        return None
    out = round_trip(make_topic(1), source, tmp_path)
    linktype, packets = captures.read(rewritten)
    # Above the link type stand bits that tell of a checksum behind each frame.
    if captures.read(out) != (linktype & 0xffff, packets):
        return f'{os.path.basename(source)}: other packets'
    if tshark_packets(out) != tshark_packets(rewritten):
        return f'{os.path.basename(source)}: other packets in the eyes of tshark'
    return ''


@pytest.mark.parametrize('part', range(PARTS))
def test_every_ethernet_sample_comes_back_the_same(make_topic, samples, tmp_path, part):
    ethernet = [path for path in samples if says_ethernet(path)]
    assert len(ethernet) >= PARTS, f'{len(ethernet)} Ethernet files among {len(samples)}'
    results = []
    for number, source in enumerate(ethernet[part::PARTS]):
        folder = tmp_path / str(number)
        folder.mkdir()
        results.append(difference(make_topic, source, folder))
    assert not any(results), [r for r in results if r]
    # Most are whole: a few that are cut off, or broken, compare with nothing.
    assert results.count('') > results.count(None), results


def test_made_up_captures_come_back_the_same(make_topic, tmp_path):
    for number, source in enumerate(captures.generated(str(tmp_path))):
        folder = tmp_path / str(number)
        folder.mkdir()
        out = round_trip(make_topic(1), source, folder)
        assert captures.read(out) == captures.read(source), source
        assert capinfos(out)['Number of packets'] == str(len(captures.read(source)[1]))


def test_a_file_of_another_link_type_comes_back_with_it(topic, tmp_path):
    packets = captures.sample(20, size=100)
    raw = [captures.Packet(p.time_us, p.data[14:], p.wirelen - 14) for p in packets]
    source = captures.write(tmp_path / 'raw.pcap', raw, linktype=101)
    out = round_trip(topic, source, tmp_path)
    assert captures.read(out) == (101, raw)
    assert all(dict(r.headers) == {'linktype': b'101'} for r in topic.records())


def test_nanosecond_and_pcapng_files_are_read(make_topic, tmp_path):
    plain = captures.write(tmp_path / 'plain.pcap', captures.sample(50))
    for form in ('nsecpcap', 'pcapng'):
        source = str(tmp_path / form)
        run('editcap', '-F', form, plain, source)
        folder = tmp_path / f'{form}-out'
        folder.mkdir()
        out = round_trip(make_topic(1), source, folder)
        assert captures.read(out) == captures.read(plain), form


def test_read_file_from_standard_input(topic, tmp_path):
    source = captures.write(tmp_path / 'in.pcap', captures.sample(30))
    with open(source, 'rb') as f:
        there = pycapa('-p', '-r', '-', '-k', topic.broker.bootstrap, '-t', topic.name, stdin=f)
    assert there.status == 0, there.describe()
    assert [r.value for r in topic.records()] == [p.data for p in captures.sample(30)]


def test_the_expression_filters_a_file(topic, tmp_path):
    source = captures.write(tmp_path / 'in.pcap', captures.sample(100))
    expected = [p.data for p in captures.sample(100) if p.data[34:36] == (5003).to_bytes(2, 'big')]
    there = pycapa('-p', '-r', source, '-k', topic.broker.bootstrap, '-t', topic.name,
                   'udp', 'src', 'port', '5003')
    assert there.status == 0, there.describe()
    assert expected and [r.value for r in topic.records()] == expected


def test_kcat_reads_keys_values_and_times_of_what_we_produce(topic, tmp_path):
    packets = captures.sample(20, size=90)
    source = captures.write(tmp_path / 'in.pcap', packets)
    assert pycapa('-p', '-r', source, '-k', topic.broker.bootstrap, '-t', topic.name).status == 0
    blob = kcat_format(topic.broker, topic.name, '%K:%k%R%s')
    expected = b''.join(b'8:' + p.time_us.to_bytes(8, 'big') + len(p.data).to_bytes(4, 'big')
                        + p.data for p in packets)
    assert blob == expected
    for shown, p in zip(kcat(topic.broker, topic.name), packets):
        assert shown['ts'] == p.time_us // 1000 and shown['tstype'] == 'create'
        assert not shown.get('headers')


def test_a_cut_packet_carries_its_wire_length(topic, tmp_path):
    packets = [captures.Packet(1700000000000000, b'y' * 60, 1500)]
    source = captures.write(tmp_path / 'in.pcap', packets)
    out = round_trip(topic, source, tmp_path)
    assert dict(topic.records()[0].headers) == {'wirelen': b'1500'}
    assert captures.read(out)[1] == packets


@pytest.mark.parametrize('content', [b'', b'no capture at all, whatever its name says'])
def test_a_file_that_is_no_capture_is_one_line_and_exit_1(topic, tmp_path, content):
    source = tmp_path / 'broken.pcap'
    source.write_bytes(content)
    there = pycapa('-p', '-r', source, '-k', topic.broker.bootstrap, '-t', topic.name)
    assert there.status == 1
    assert len(there.grep('^ERROR:root:.*broken.pcap')) == 1, there.describe()


def test_a_truncated_file_delivers_what_is_whole_and_exits_1(topic, tmp_path):
    source = captures.write(tmp_path / 'cut.pcap', captures.sample(10, size=100))
    with open(source, 'r+b') as f:
        f.truncate(os.path.getsize(source) - 50)
    there = pycapa('-p', '-r', source, '-k', topic.broker.bootstrap, '-t', topic.name)
    assert there.status == 1 and there.grep('^ERROR:root:.*cut.pcap'), there.describe()
    assert topic.count() == 9


def test_max_packets_ends_a_replay(topic, tmp_path):
    source = captures.write(tmp_path / 'in.pcap', captures.sample(100))
    there = pycapa('-p', '-r', source, '-m', '17', '-k', topic.broker.bootstrap, '-t', topic.name)
    assert there.status == 0 and there.counts() == (17, 17), there.describe()
    assert topic.count() == 17
