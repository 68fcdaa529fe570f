# SPDX-License-Identifier: Apache-2.0
"""A filter on what is read from a topic. Another client produces; tcpdump and tshark judge."""
import os
import re
import signal
import struct
import time

import pytest

from harness import captures, wait
from harness.daemon import BUILD, pycapa
from harness.net import free_port
from harness.proc import run
from harness.witness import Topic, tshark_fields

TOLD = 'still being compiled; its names have to be found by the name service'
READING = 'partition 0: from offset'  # and signals have their handlers
START = 1700000000123456


def frame(vlan=False, tcp=False, port=6000, host=1, v6=False):
    """An Ethernet frame with a segment or datagram from port 5000."""
    payload = (struct.pack('!HHIIHHHH', 5000, port, 0, 0, 0x5002, 0, 0, 0) if tcp else
               struct.pack('!HHHH', 5000, port, 8, 0))
    number = 6 if tcp else 17
    if v6:
        ip = struct.pack('!IHBB16s16s', 6 << 28, len(payload), number, 64, b'\xfd'.ljust(15, b'\0')
                         + bytes([host]), b'\xfd'.ljust(16, b'\1'))
    else:
        ip = struct.pack('!BBHHHBBH4s4s', 0x45, 0, 20 + len(payload), 0, 0, 64, number, 0,
                         bytes([192, 0, 2, host]), bytes([198, 51, 100, 1]))
    kind = b'\x86\xdd' if v6 else b'\x08\x00'
    tag = struct.pack('!HH', 0x8100, 42) if vlan else b''
    return b'\x02\0\0\0\0\1\x02\0\0\0\0\2' + tag + kind + ip + payload


def mixed(count=400):
    """Packets of many kinds: cut and whole, tagged, both versions of IP, and an ARP."""
    out = []
    for i in range(count):
        data = frame(vlan=i % 5 == 0, tcp=i % 3 == 0, port=80 if i % 4 == 0 else 6000 + i % 7,
                     host=i % 10, v6=i % 7 == 0)
        if i % 11 == 0:
            data = data[:12] + b'\x08\x06' + bytes(28)
        out.append(captures.Packet(START + i, data[:40] if i % 13 == 0 else data,
                                   len(data) + (100 if i % 6 == 0 else 0)))
    return out


@pytest.fixture(scope='module')
def reference(tmp_path_factory):
    return captures.write(tmp_path_factory.mktemp('reference') / 'ref.pcap', mixed())


@pytest.fixture(scope='module')
def shared(broker):
    made = Topic(broker, broker.topic())
    made.produce(mixed())
    return made


def tcpdump(path, *expression):
    """What tcpdump finds in a file."""
    out = path + '.tcpdump'
    run('tcpdump', '-Z', 'root', '-n', '-r', path, '-w', out, *expression)
    return captures.read(out)[1]


def wait_stats(process, **expected):
    def same():
        got = process.stats()
        return all(got[name] == value for name, value in expected.items())
    wait.until(same, 20, process.describe)


def ask(topic, *argv, **kwargs):
    return pycapa('-c', '-e', '-k', topic.broker.bootstrap, '-t', topic.name, *argv, **kwargs)


@pytest.mark.library
@pytest.mark.parametrize('expression', [
    'udp port 6003', 'host 192.0.2.3 and not tcp', 'vlan and udp', 'vlan 42 or ip6',
    'tcp[tcpflags] & tcp-syn != 0', 'greater 140', 'arp', 'icmp',
    'ether host 02:00:00:00:00:01 and less 60'])
def test_the_packets_are_those_that_tcpdump_finds(shared, reference, expression):
    process = ask(shared, *expression.split())
    assert process.status == 0, process.describe()
    got, expected = captures.parse(process.stdout)[1], tcpdump(reference, *expression.split())
    assert got == expected
    assert len(expected) < 400 and (expected or expression == 'icmp')
    assert process.counts() == (len(expected), len(expected))


def test_the_packets_are_those_that_tshark_finds(shared, reference, tmp_path):
    out = str(tmp_path / 'out.pcapng')
    process = ask(shared, '-w', out, 'udp port 6003 or (vlan and udp port 6003)')
    assert process.status == 0, process.describe()
    found = tshark_fields(reference, 'frame.time_epoch', 'frame.len',
                          options=('-Y', 'udp.port == 6003'))
    assert [(t[:-3], n) for t, n in tshark_fields(out, 'frame.time_epoch', 'frame.len')] == \
        [(t[:17], n) for t, n in found] and found


def test_the_counters_say_what_was_left_out(topic, consumer):
    """-m counts what passes, and a tagged packet is none of `udp`."""
    process = consumer(topic, '-o', 'begin', '-m', '3', '-ll', 'DEBUG', 'udp', 'port', '6003')
    packets = [captures.Packet(START + i, frame(vlan=i == 1, port=6003 if i < 3 else 80), 42)
               for i in range(10)]
    topic.produce(packets)
    process.wait_line(READING)
    wait_stats(process, read=10, written=2, filtered=8, skipped=0)
    assert process.running(), process.describe()
    topic.produce(packets[2:3] * 2)
    assert process.wait() == 0, process.describe()
    assert process.counts() == (3, 3)
    got = [p.data for p in captures.parse(process.stdout)[1]]
    assert got == [packets[i].data for i in (0, 2, 2)]


def rows(packets, linktype):
    header = [('linktype', str(linktype).encode())] if linktype != 1 else None
    return [(struct.pack('!Q', p.time_us), p.data, header, p.time_us // 1000) for p in packets]


def test_each_link_type_has_a_program_of_its_own(topic, tmp_path):
    """Ethernet, cooked and raw IP in one topic; and one that has no UDP, which is named once."""
    cooked = struct.pack('!HHH8sH', 0, 1, 6, b'address.', 0x800)
    plain = [captures.Packet(START + i, frame(port=6000 + i % 3), 42) for i in range(60)]
    sll = [p._replace(data=cooked + p.data[14:], wirelen=44) for p in plain]
    raw = [p._replace(data=p.data[14:], wirelen=28) for p in plain]
    mix = [(1, p) for p in plain] + [(113, p) for p in sll] + [(101, p) for p in raw]
    mix = [mix[(i * 7) % len(mix)] for i in range(len(mix))]
    topic.produce_raw([row for kind, p in mix for row in rows([p], kind)] +
                      rows(plain[:5], 195), partition=0)
    out = str(tmp_path / 'out.pcapng')
    process = ask(topic, '-w', out, 'udp port 6001')
    assert process.status == 0 and process.counts() == (60, 60), process.describe()
    files = {kind: captures.write(tmp_path / f'{kind}.pcap', [p for k, p in mix if k == kind], kind)
             for kind in (1, 113, 101)}
    for kind, encapsulation in ((1, '1'), (113, '25'), (101, '7')):
        got = tshark_fields(out, 'frame.time_epoch', 'frame.len',
                            options=('-Y', f'frame.encap_type == {encapsulation}'))
        expected = [(f'{p.time_us // 1000000}.{p.time_us % 1000000:06d}000', str(p.wirelen))
                    for p in tcpdump(files[kind], 'udp', 'port', '6001')]
        assert got == sorted(expected) and len(expected) == 20
    said = process.grep('^WARNING:root:.*does not compile')
    assert len(said) == 1 and re.search(
        r"5 packet\(s\) left out that the filter 'udp port 6001' does not compile for: 5 of link "
        r'type 195 \(IEEE802_15_4', said[0]), process.describe()


@pytest.mark.parametrize('expression, said', [
    ('tcp prot 80', "EXPRESSION: filter 'tcp prot 80': .*syntax error"),
    ('port nosuchport', "unknown port 'nosuchport'"),
    ('inbound', "filter 'inbound': inbound is for a live capture"),
    ('not outbound and udp', 'outbound is for a live capture')])
def test_what_is_wrong_is_refused_before_anything_is_opened(tmp_path, expression, said):
    out = tmp_path / 'out.pcap'
    out.write_bytes(b'kept')
    process = pycapa('-c', '-k', f'127.0.0.1:{free_port()}', '-w', str(out), *expression.split())
    assert process.status == 2 and len(process.lines) == 1, process.describe()
    assert re.search(said, process.lines[0])
    assert out.read_bytes() == b'kept'


class Names:
    """The name service of a process: what it answers for *.names."""

    def __init__(self, path):
        self.path = path
        self.env = {'LD_PRELOAD': os.path.join(BUILD, 'tests/kafka/libslow_names.so'),
                    'SLOW_NAMES': str(path)}

    def answer(self, text):
        fresh = self.path.with_suffix('.new')
        fresh.write_text(text)
        fresh.rename(self.path)


def test_a_command_waits_for_the_name_service_before_it_opens_anything(spawn, tmp_path):
    names, out = Names(tmp_path / 'names'), tmp_path / 'out.pcap'
    names.answer('wait')
    out.write_bytes(b'kept')
    process = spawn('-c', '-k', f'127.0.0.1:{free_port()}', '-w', str(out), 'host', 'one.names',
                    env=names.env)
    process.wait_line(TOLD)
    names.answer('unknown')
    assert process.wait(20) == 2, process.describe()
    assert "filter 'host one.names': unknown host 'one.names'" in process.lines[-1]
    assert out.read_bytes() == b'kept'


@pytest.mark.parametrize('mode, so', [('consumer', 'every start fails'),
                                      ('producer', 'the capture waits')])
def test_a_check_says_that_a_name_is_not_known(tmp_path, mode, so):
    """It is no fault of the file, and yet nothing would come."""
    names, path = Names(tmp_path / 'names'), tmp_path / 'x.cfg'
    names.answer('unknown')
    path.write_text(f'mode = "{mode}"; {"write-file" if mode == "consumer" else "interface"} = "x";'
                    '\nfilter = "host one.names";\n')
    process = pycapa('-C', str(path), '--check-config', env=names.env)
    assert process.status == 0 and process.stdout.endswith(b': valid\n'), process.describe()
    assert process.lines == [f"WARNING:root:{path}:2: filter 'host one.names': unknown host "
                             f"'one.names'; {so} until the name service knows it"]


@pytest.fixture
def held_up(topic, consumer, tmp_path):
    """A consumer whose second link type has a name to wait for; (process, names, packets)."""
    names = Names(tmp_path / 'names')
    names.answer('192.0.2.1')
    process = consumer(topic, '-o', 'begin', '-ll', 'DEBUG', '--format', 'pcapng', 'host',
                       'one.names', env=names.env)
    process.wait_line(READING)
    packets = [captures.Packet(START + i, frame(host=1 + i % 2), 42) for i in range(10)]
    topic.produce(packets, partition=0)
    wait_stats(process, written=5)
    names.answer('wait')
    topic.produce_raw(rows([p._replace(data=p.data[14:]) for p in packets], 101), partition=0)
    process.wait_line(TOLD)
    return process, names


def test_a_packet_waits_for_the_name_service(held_up):
    process, names = held_up
    wait_stats(process, written=5)  # the loop goes on
    assert process.cpu(first_thread=True) < 1  # and does not turn: that was 2 s
    names.answer('192.0.2.1')
    wait_stats(process, written=10)
    assert process.stop() == 0 and process.counts() == (10, 10), process.describe()


def test_a_stop_does_not_wait_for_the_name_service(held_up):
    process, _ = held_up
    began = time.monotonic()
    assert process.stop() == 0, process.describe()
    assert time.monotonic() - began < 5
    assert process.counts() == (5, 5)


def test_what_is_written_is_committed_while_a_packet_waits(topic, consumer, tmp_path):
    names = Names(tmp_path / 'names')
    names.answer('wait')
    packets = [captures.Packet(START + i, frame(), 42) for i in range(10)]
    topic.produce_raw(rows(packets, 1) +
                      rows([p._replace(data=p.data[14:]) for p in packets], 101), partition=0)
    topic.commit('held-up', {0: 0})
    # The check at the start and Ethernet get an answer, raw IP does not.
    process = consumer(topic, '-o', 'stored', '-X', 'group.id=held-up', '--format', 'pcapng',
                       'host', 'one.names', env={**names.env, 'SLOW_NAMES_AFTER': '2'})
    process.wait_line(TOLD)
    assert process.stop() == 0 and process.counts() == (10, 10), process.describe()
    assert topic.group_offsets('held-up', [0]) == {0: 10}


def test_a_name_that_is_unknown_when_it_is_needed_ends_the_run(held_up):
    process, names = held_up
    names.answer('unknown')
    assert process.wait(20) == 1, process.describe()
    assert process.counts() == (5, 5)
    assert process.lines[-1] == ("ERROR:root:Given up: filter 'host one.names': unknown host "
                                 "'one.names'"), process.describe()


def test_in_a_file_a_change_needs_a_restart(topic, spawn, tmp_path):
    path = tmp_path / 'reader.cfg'

    def write(expression):
        path.write_text(f'mode = "consumer";\nkafka-broker = "{topic.broker.bootstrap}";\n'
                        f'kafka-topic = "{topic.name}";\nkafka-offset = "begin";\n'
                        f'filter = "{expression}";\n')

    write('udp port 6003')
    process = spawn('-C', str(path), '-ll', 'DEBUG')
    process.wait_line(READING)
    topic.produce([captures.Packet(START + i, frame(port=6000 + i), 42) for i in range(5)])
    wait_stats(process, written=1)
    write('udp port 6002')
    process.send_signal(signal.SIGHUP)
    process.wait_line('Reload refused.*filter: udp port 6003 -> udp port 6002 needs a restart')
    write('udp port 6003')
    process.send_signal(signal.SIGHUP)
    process.wait_line('^INFO:root:Reloaded')
    assert process.stop() == 0 and process.counts() == (1, 1), process.describe()
