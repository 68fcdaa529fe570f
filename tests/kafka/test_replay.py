# SPDX-License-Identifier: Apache-2.0
"""Capture files through Kafka and back: the same packets, by tshark's account."""
import gzip
import lzma
import os
import re

import pytest

from harness import captures, wait
from harness.daemon import pycapa
from harness.net import free_port
from harness.proc import run
from harness.witness import capinfos, kcat, kcat_format, tshark_packets


PARTS = 8

# Its packet has a thousand seconds of microseconds. Wireshark lets that overflow.
MISREAD_BY_TSHARK = ('atm-oam-loopback-print-overrun.pcap',)


def produce(topic, source):
    return pycapa('-p', '-r', source, '-k', topic.broker.bootstrap, '-t', topic.name)


def consume(topic, there, out, *argv):
    back = pycapa('-c', '-e', '-w', out, '-k', topic.broker.bootstrap, '-t', topic.name, *argv)
    assert back.status == 0, back.describe()
    assert there.counts()[1] == back.counts()[1], there.describe() + back.describe()
    return str(out)


def round_trip(topic, source, tmp_path, *argv, name='out.pcap'):
    """-r, then -c -e; the file that came out."""
    there = produce(topic, source)
    assert there.status == 0, there.describe()
    return consume(topic, there, tmp_path / name, *argv)


def reads(*argv):
    return run(*argv, check=False).returncode == 0


def came_back(make_topic, source, folder):
    """The pcapng that came out; None for a file that is refused, as tcpdump and tshark do."""
    folder.mkdir()
    topic = make_topic(4)
    there = produce(topic, source)
    if there.status == 0:
        return consume(topic, there, folder / 'out.pcapng')
    assert not reads('tcpdump', '-Z', 'root', '-r', source, '-w', '/dev/null'), there.describe()
    assert not reads('capinfos', '-c', source), there.describe()
    print(there.lines[-1])
    return None


def seen_by_tshark(files, merged):
    run('mergecap', '-a', '-F', 'pcapng', '-w', merged, *files)
    return sorted(tshark_packets(merged))


@pytest.mark.parametrize('part', range(PARTS))
def test_every_sample_comes_back_the_same(make_topic, samples, tmp_path, part):
    """By a reader that is not ours; and by tshark, of the files that it reads."""
    read, came = [], []
    for number, source in enumerate(samples[part::PARTS]):
        out = came_back(make_topic, source, tmp_path / str(number))
        if out is None:
            continue
        records = captures.records(out)
        assert sorted(records) == sorted(captures.records(source)), source
        times = [r.time_ns for r in records]
        assert times == sorted(times), source
        if (records and reads('capinfos', '-c', source) and
                os.path.basename(source) not in MISREAD_BY_TSHARK):
            read.append(source)
            came.append(out)
    # A link type that Wireshark does not know is no reason to be refused.
    assert len(read) > len(samples) // PARTS // 2, f'tshark reads only {read}'
    assert (seen_by_tshark(came, tmp_path / 'came.pcapng') ==
            seen_by_tshark(read, tmp_path / 'read.pcapng'))


def test_all_that_pcapng_can_hold_comes_back_the_same(make_topic, tmp_path):
    """Sections of both byte orders, link types, snap lengths, times, kinds of blocks."""
    source = tmp_path / 'in.pcapng'
    source.write_bytes(captures.every_kind('<') + captures.every_kind('>', 1700001000) +
                       captures.section_block('<') + captures.every_kind('<', 1800000000))
    out = round_trip(make_topic(4), source, tmp_path, name='out.pcapng')
    sent = captures.records(source)
    assert len(sent) == 21 and len({r.linktype for r in sent}) == 3
    # Not in order of time: one without a time, which is 1970, is late by more than is mended.
    assert sorted(captures.records(out)) == sorted(sent)
    # A custom block is a frame without a link type; a simple packet block has no time: 1970.
    known = [frame[:2] + (frame[2] or '0.000000000',) + frame[3:]
             for frame in tshark_packets(source) if frame[3]]
    assert sorted(tshark_packets(out)) == sorted(known)


def test_the_variants_of_pcap_that_wireshark_writes_are_read(topic, tmp_path):
    packets = captures.sample(10)
    plain = captures.write(tmp_path / 'plain.pcap', packets)
    for number, variant in enumerate(('modpcap', 'rh6_1pcap', 'suse6_3pcap', 'nokiapcap')):
        source = tmp_path / variant
        run('editcap', '-F', variant, plain, source)
        there = produce(topic, source)
        assert there.status == 0 and there.counts()[1] == 10, there.describe()
        came = sorted(topic.records(), key=lambda r: r.key)
        assert [r.value for r in came] == [p.data for p in packets
                                           for _ in range(number + 1)], variant


def test_a_capture_of_ours_sent_again_says_what_it_said(make_topic, tmp_path):
    """Host, interface and losses: from headers into pcapng, and back into headers."""
    said = [[('dropcount', b'7'), ('host', b'sensor1'), ('interface', b'eth0')],
            [('host', b'sensor2'), ('interface', b'wlan0')]]
    first, plain, annotated = make_topic(1), make_topic(1), make_topic(1)
    first.produce_raw([((1700000000000000 + i).to_bytes(8, 'big'), captures.udp(i), said[i], 1)
                       for i in range(2)], partition=0)
    source = tmp_path / 'in.pcapng'
    back = pycapa('-c', '-e', '-w', source, '-k', first.broker.bootstrap, '-t', first.name)
    assert back.status == 0, back.describe()
    for topic, argv in (plain, ()), (annotated, ('--annotate',)):
        there = pycapa('-p', '-r', source, '-k', topic.broker.bootstrap, '-t', topic.name, *argv)
        assert there.status == 0, there.describe()
    assert [sorted(r.headers) for r in annotated.records()] == said
    assert [r.headers for r in plain.records()] == [said[0][:1], []]


def test_a_compressed_file_comes_back_the_same_from_a_pipe(topic, tmp_path):
    packets = captures.sample(500)
    plain = captures.write(tmp_path / 'in.pcap', packets)
    reader, writer = os.pipe()
    with open(plain, 'rb') as f, open(reader, 'rb') as stdin:
        os.write(writer, gzip.compress(f.read()))  # which fits into a pipe
        os.close(writer)
        there = pycapa('-p', '-r', '-', '-k', topic.broker.bootstrap, '-t', topic.name,
                       stdin=stdin)
    assert there.status == 0, there.describe()
    assert [r.value for r in topic.records()] == [p.data for p in packets]


def test_a_filter_applies_to_each_link_type_of_a_file(topic, tmp_path):
    source = tmp_path / 'in.pcapng'
    source.write_bytes(captures.every_kind('<'))
    there = pycapa('-p', '-r', source, '-k', topic.broker.bootstrap, '-t', topic.name,
                   'ether', 'host', '02:00:00:00:00:01')
    assert there.status == 0, there.describe()
    assert {dict(r.headers or ()).get('linktype') for r in topic.records()} == {None}
    assert topic.count() == 5
    assert there.grep(r'^WARNING:root:.*in\.pcapng: 2 packet\(s\) left out that the filter '
                      r"'ether host 02:00:00:00:00:01' does not compile for: 1 of link type 101 "
                      r'.*, 1 of link type 113 '), there.describe()
    assert there.grep(r'^WARNING:root:.*in\.pcapng: 1 packet\(s\) without a time'), (
        there.describe())


def test_made_up_captures_come_back_the_same(make_topic, tmp_path):
    for number, source in enumerate(captures.generated(str(tmp_path))):
        folder = tmp_path / str(number)
        folder.mkdir()
        out = round_trip(make_topic(1), source, folder)
        linktype, packets = captures.read(source)
        assert captures.read(out) == (linktype, sorted(packets, key=lambda p: p.time_us)), source
        assert capinfos(out)['Number of packets'] == str(len(captures.read(source)[1]))


def test_a_file_of_another_link_type_comes_back_with_it(topic, tmp_path):
    packets = captures.sample(20, size=100)
    raw = [captures.Packet(p.time_us, p.data[14:], p.wirelen - 14) for p in packets]
    source = captures.write(tmp_path / 'raw.pcap', raw, linktype=101)
    out = round_trip(topic, source, tmp_path)
    assert captures.read(out) == (101, raw)
    assert all(dict(r.headers) == {'linktype': b'101'} for r in topic.records())


def headers(topic):
    return [dict(r.headers or ()) for r in topic.records()]


@pytest.mark.parametrize('order', '<>')
def test_nanoseconds_are_in_the_record(topic, tmp_path, order):
    packets = captures.sample(50)
    source = captures.write_nanoseconds(tmp_path / 'in.pcap', packets, 789, order)
    out = round_trip(topic, source, tmp_path)
    assert headers(topic) == [{'nanos': b'789'}] * 50
    assert captures.read(out)[1] == packets
    assert tshark_packets(out) == tshark_packets(source)


def test_a_pcapng_file_comes_back_the_same_with_its_nanoseconds(topic, tmp_path):
    packets = captures.sample(50)
    plain = captures.write_nanoseconds(tmp_path / 'ns.pcap', packets, 7)
    source = str(tmp_path / 'in.pcapng')
    run('editcap', '-F', 'pcapng', plain, source)
    out = round_trip(topic, source, tmp_path)
    assert headers(topic) == [{'nanos': b'7'}] * 50
    assert captures.read(out)[1] == packets
    assert tshark_packets(out) == tshark_packets(source)


def test_a_link_type_that_libpcap_does_not_know_comes_back(topic, tmp_path):
    packets = captures.sample(5, size=80)
    source = captures.write(tmp_path / 'in.pcap', packets, linktype=295)
    out = round_trip(topic, source, tmp_path)
    assert captures.read(out) == (295, packets)


def test_packets_over_the_files_snap_length_come_back_whole(topic, tmp_path):
    packets = captures.sample(5, size=200)
    source = captures.write(tmp_path / 'in.pcap', packets, snaplen=96)
    out = round_trip(topic, source, tmp_path)
    assert captures.read(out)[1] == packets


def test_a_packet_from_before_1970_is_told_and_gets_1970(topic, tmp_path):
    plain = captures.write(tmp_path / 'plain.pcap', captures.sample(3, start_us=10 * 1000000))
    source = str(tmp_path / 'in.pcapng')
    run('editcap', '-F', 'pcapng', '-t', '-10.001', plain, source)
    there = pycapa('-p', '-r', source, '-k', topic.broker.bootstrap, '-t', topic.name)
    assert there.status == 0, there.describe()
    assert there.grep(r'^WARNING:root:.*in\.pcapng: 1 packet\(s\) from before 1970'), (
        there.describe())
    assert [int.from_bytes(r.key, 'big') for r in topic.records()] == [0, 0, 1000]


def test_a_file_that_is_interrupted_was_cut_short(topic, tmp_path, spawn):
    """All that was read is in Kafka; that the rest of the file is not, the last line says."""
    source = captures.write(tmp_path / 'in.pcap', captures.sample(20000))
    # Slow enough to be interrupted: 100 messages each 50 ms.
    process = spawn('-p', '-r', source, '-k', topic.broker.bootstrap, '-t', topic.name,
                    '-X', 'queue.buffering.max.messages=100', '-X', 'linger.ms=50')
    topic.wait_count(1)
    assert process.stop() == 1, process.describe()
    taken, delivered = process.counts()
    assert 0 < taken == delivered < 20000, process.describe()
    last = process.lines[-1]
    far = re.fullmatch(f'ERROR:root:Cut short: {source} was not read to its end: {taken} '
                       r'packet\(s\), (\d+) of (\d+) bytes', last)
    assert far and int(far[2]) == os.path.getsize(source), process.describe()
    record = (int(far[2]) - 24) / 20000
    assert abs(int(far[1]) / record - taken) <= 8, process.describe()  # reads ahead
    assert topic.count() == taken


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
    for shown, p in zip(kcat(topic.broker, topic.name), packets, strict=True):
        assert shown['ts'] == p.time_us // 1000 and shown['tstype'] == 'create'
        assert not shown.get('headers')


def test_a_cut_packet_carries_its_wire_length(topic, tmp_path):
    packets = [captures.Packet(1700000000000000, b'y' * 60, 1500)]
    source = captures.write(tmp_path / 'in.pcap', packets)
    out = round_trip(topic, source, tmp_path)
    assert dict(topic.records()[0].headers) == {'wirelen': b'1500'}
    assert captures.read(out)[1] == packets


@pytest.mark.parametrize('content,reason', [
    (None, 'No such file or directory'),
    (b'', 'truncated dump file'),
    (b'no capture at all, whatever its name says', 'unknown file format'),
    (lzma.compress(captures.header()), r'compressed with xz; unpack it: xzcat \S+ \| pycapa -p -r -'),
], ids=['missing', 'empty', 'text', 'xz'])
def test_a_file_that_is_no_capture_is_one_line_and_exit_1(topic, tmp_path, content, reason):
    source = tmp_path / 'broken.pcap'
    if content is not None:
        source.write_bytes(content)
    there = pycapa('-p', '-r', source, '-k', topic.broker.bootstrap, '-t', topic.name)
    assert there.status == 1
    assert len(there.lines) == 1, there.describe()
    assert re.search(f'^ERROR:root:{source}: {reason}', there.lines[0]), there.describe()


def test_a_pipe_that_brings_no_capture_ends_with_the_reason(topic):
    reader, writer = os.pipe()
    os.write(writer, b'no capture at all, whatever its name says')
    os.close(writer)
    with open(reader, 'rb') as stdin:
        there = pycapa('-p', '-r', '-', '-k', topic.broker.bootstrap, '-t', topic.name, stdin=stdin)
    assert there.status == 1
    assert re.search('^ERROR:root:Ended early: stdin: unknown file format', there.lines[-1]), (
        there.describe())


def test_a_pipe_that_brings_nothing_for_long_is_waited_for_without_spinning(topic, spawn, tmp_path):
    with open(captures.write(tmp_path / 'in.pcap', captures.sample(30)), 'rb') as f:
        whole = f.read()
    reader, writer = os.pipe()
    with open(reader, 'rb') as stdin:
        there = spawn('-p', '-r', '-', '-k', topic.broker.bootstrap, '-t', topic.name, stdin=stdin)
    there.wait_capturing()
    for part in whole[:10], whole[10:1000]:  # not even its head; then some packets
        os.write(writer, part)
        wait.elapse(1)
        before = there.cpu(first_thread=True)
        wait.elapse(1)
        assert there.cpu(first_thread=True) - before < 0.1, there.describe()
    os.write(writer, whole[1000:])
    os.close(writer)
    assert there.wait() == 0, there.describe()
    assert [r.value for r in topic.records()] == [p.data for p in captures.sample(30)]


def test_a_truncated_file_delivers_what_is_whole_and_exits_1(topic, tmp_path):
    source = captures.write(tmp_path / 'cut.pcap', captures.sample(10, size=100))
    with open(source, 'r+b') as f:
        f.truncate(os.path.getsize(source) - 50)
    there = pycapa('-p', '-r', source, '-k', topic.broker.bootstrap, '-t', topic.name)
    assert there.status == 1
    assert re.search(r'^ERROR:root:Ended early: .*cut.pcap: after 9 packet\(s\): truncated',
                     there.lines[-1]), there.describe()
    assert topic.count() == 9


def test_a_file_that_is_all_in_the_spool_is_exit_0(tmp_path):
    source = captures.write(tmp_path / 'in.pcap', captures.sample(100))
    argv = ('-p', '-r', source, '-k', f'127.0.0.1:{free_port()}', '--stall-timeout', '1s')
    kept = pycapa(*argv, '--spool-directory', tmp_path / 'spool')
    assert kept.status == 0, kept.describe()
    assert kept.account()['spooled'] == 100 and kept.grep('100 packet.* wait in .*/spool')
    lost = pycapa(*argv)
    assert lost.status == 1, lost.describe()
    assert re.search('^ERROR:root:.* not delivered, waited for the broker .*'
                     f'(; not read to its end: {source})?$', lost.lines[-1]), lost.describe()


def test_max_packets_ends_a_replay(topic, tmp_path):
    source = captures.write(tmp_path / 'in.pcap', captures.sample(100))
    there = pycapa('-p', '-r', source, '-m', '17', '-k', topic.broker.bootstrap, '-t', topic.name)
    assert there.status == 0 and there.counts() == (17, 17), there.describe()
    assert topic.count() == 17


def test_the_clock_ends_a_replay(topic, tmp_path):
    source = captures.write(tmp_path / 'in.pcap', captures.sample(100, step_us=10**6))
    there = pycapa('-p', '-r', source, '--pace=1', '-a', 'duration:0.2', '-k',
                   topic.broker.bootstrap, '-t', topic.name)
    taken, sent = there.counts()
    assert there.status == 0 and taken == sent < 100, there.describe()
    assert topic.count() == sent
