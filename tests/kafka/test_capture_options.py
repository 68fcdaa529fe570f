# SPDX-License-Identifier: Apache-2.0
"""The options of a capture that tcpdump has too: each packet as a tcpdump beside it has it."""
import os
import re
import signal
import socket
import struct

import pytest

from harness import captures, faults, traffic, wait
from harness.daemon import pycapa
from harness.proc import run
from harness.witness import Tcpdump

COUNT = 300
PINGS = 20


def sent(topic):
    """(link type, [(time in ns, bytes, wire length)]) of the records."""
    packets, linktypes = [], set()
    for r in topic.records():
        told = {name: int(value) for name, value in r.headers}
        linktypes.add(told.get('linktype', 1))
        packets.append((struct.unpack('!Q', r.key)[0] * 1000 + told.get('nanos', 0), r.value,
                        told.get('wirelen', len(r.value))))
        assert set(told) <= {'linktype', 'nanos', 'wirelen'}, told
    assert len(linktypes) == 1, linktypes
    return linktypes.pop(), packets


def talk(pair):
    """Packets in, and some out with their answers."""
    traffic.send(pair, COUNT, 5000, size=200)
    run('ping', '-q', '-c', PINGS, '-i', '0.005', '-s', '300', pair.outside_address)


# The options, and how many packets they leave.
OPTIONS = {
    'nano': (['--time-stamp-precision=nano'], COUNT + 2 * PINGS),
    'micro': (['--time-stamp-precision=micro', '-j', 'host'], COUNT + 2 * PINGS),
    'snaplen-64': (['--time-stamp-precision=nano', '-s', '64'], COUNT + 2 * PINGS),
    'in': (['--time-stamp-precision=nano', '-Q', 'in'], COUNT + PINGS),
    'out': (['--time-stamp-precision=nano', '-Q', 'out'], PINGS),
    'out-filter': (['-Q', 'out', 'icmp and greater 300'], PINGS),
    'immediate': (['--time-stamp-precision=nano', '--immediate-mode'], COUNT + 2 * PINGS),
}


def compare(topic, tcpdump, process, expected):
    tcpdump.stop(expected)
    wait.until(lambda: process.stats()['received'] >= expected, 20, process.describe)
    assert process.stop() == 0, process.describe()
    linktype, packets = sent(topic)
    with open(tcpdump.path, 'rb') as f:
        witness = captures.parse_nanoseconds(f.read())
    assert (linktype, len(packets)) == (witness[0], len(witness[1]))
    assert packets == witness[1]
    assert len(packets) == expected
    return packets


@pytest.mark.parametrize('name', OPTIONS)
def test_an_interface(topic, pair, producer, tmp_path, name):
    options, expected = OPTIONS[name]
    process = producer(pair, topic, *options)
    tcpdump = Tcpdump(pair.inside, tmp_path / 'witness.pcap', *options)
    talk(pair)
    packets = compare(topic, tcpdump, process, expected)
    assert faults.assert_ended(process)['received'] == expected
    below = {time % 1000 for time, _, _ in packets}
    assert (len(below) > 1) == ('--time-stamp-precision=nano' in options)


@pytest.mark.parametrize('word, expected', [('inbound', COUNT + PINGS), ('outbound', PINGS)])
def test_a_filter_by_direction_takes_the_first_packets_too(topic, pair, producer, tmp_path, word,
                                                           expected):
    process = producer(pair, topic, word)
    tcpdump = Tcpdump(pair.inside, tmp_path / 'witness.pcap', '-Q', word[:-5])
    talk(pair)
    compare(topic, tcpdump, process, expected)


@pytest.mark.parametrize('name', ['nano', 'snaplen-64', 'in', 'out', 'immediate'])
def test_any(topic, pair, spawn, tmp_path, name):
    options, expected = OPTIONS[name]
    index = socket.if_nametoindex(pair.inside)
    options = [*options, f'ifindex {index}']
    process = spawn('-p', '-i', 'any', '-k', topic.broker.bootstrap, '-t', topic.name, *options)
    process.wait_capturing()
    tcpdump = Tcpdump('any', tmp_path / 'witness.pcap', *options)
    talk(pair)
    packets = compare(topic, tcpdump, process, expected)
    # LINUX_SLL2 says by which interface a packet came.
    assert {struct.unpack_from('!I', data, 4)[0] for _, data, _ in packets} == {index}
    if name == 'snaplen-64':
        assert taken_out(topic, tmp_path / 'out.pcap') == (276, packets)


def taken_out(topic, path):
    """What a consumer writes of the topic."""
    back = pycapa('-c', '-e', '-w', str(path), '-k', topic.broker.bootstrap, '-t', topic.name)
    assert back.status == 0, back.describe()
    return captures.parse_nanoseconds(path.read_bytes())


def test_a_filter_for_a_vlan(topic, pair, producer, tmp_path):
    process = producer(pair, topic, 'vlan 5 and udp')
    tcpdump = Tcpdump(pair.inside, tmp_path / 'witness.pcap', 'vlan 5 and udp')
    frames = [p.data[:12] + struct.pack('!HH', 0x8100, 4 + n % 2) + p.data[12:]
              for n, p in enumerate(captures.sample(COUNT))]
    source = captures.write(tmp_path / 'tagged.pcap',
                            [captures.Packet(n, f, len(f)) for n, f in enumerate(frames)])
    pair.run('tcpreplay', '--topspeed', '-i', pair.outside, source)
    packets = compare(topic, tcpdump, process, COUNT // 2)
    assert [data for _, data, _ in packets] == frames[1::2]


def own_ports(process):
    """The local ports of its connections."""
    lines = run('ss', '-Htnp').stdout.splitlines()
    return {int(line.split()[3].rpartition(':')[2]) for line in lines
            if f'pid={process.pid},' in line}


def test_any_leaves_out_our_own_connections(topic, pair, spawn):
    index = socket.if_nametoindex(pair.inside)
    port = topic.broker.bootstrap.rpartition(':')[2]
    process = spawn('-p', '-i', 'any', '-k', topic.broker.bootstrap, '-t', topic.name,
                    f'ifindex {index} or (ifindex 1 and tcp port {port})')
    process.wait_capturing()
    traffic.send(pair, COUNT, 5000)
    wait.until(lambda: process.stats()['own'] > 0, 20, process.describe)
    ours = wait.until(lambda: own_ports(process), 10, process.describe)
    assert process.stop() == 0, process.describe()
    packets = sent(topic)[1]
    tcp = [struct.unpack_from('!HH', data, 40) for _, data, _ in packets if data[29] == 6]
    assert not [ports for ports in tcp if ours & set(ports)]
    assert len(packets) - len(tcp) == COUNT


def test_reloads_between_them_lose_and_double_nothing(topic, pair, spawn, tmp_path):
    path = tmp_path / 'instance.cfg'
    # In immediate mode each packet takes as much of the ring as the largest may.
    keys = {'interface': f'"{pair.inside}"', 'kafka-broker': f'"{topic.broker.bootstrap}"',
            'kafka-topic': f'"{topic.name}"', 'snaplen': '2048'}

    def write(**more):
        path.write_text(''.join(f'{k} = {v};\n' for k, v in {**keys, **more}.items()))

    write()
    process = spawn('-C', str(path)).wait_capturing()
    tcpdump = Tcpdump(pair.inside, tmp_path / 'witness.pcap', '--time-stamp-precision=nano')
    generator = traffic.start(pair, 30000, 5000)
    changes = [{'time-stamp-precision': '"nano"'}, {'time-stamp-precision': '"micro"'},
               {'time-stamp-precision': '"nano"', 'immediate-mode': 'true'},
               {'time-stamp-precision': '"nano"', 'direction': '"in"'}]
    for number, change in enumerate(changes):
        topic.wait_count(1000 * (number + 1))
        write(**change)
        process.send_signal(signal.SIGHUP)
        wait.until(lambda: len(process.grep('^INFO:root:Reloaded ')) > number, 20,
                   process.describe)
    assert generator.wait(60) == 0
    tcpdump.stop(30000)
    wait.until(lambda: process.stats()['received'] == 30000, 20, process.describe)
    assert process.stop() == 0, process.describe()
    with open(tcpdump.path, 'rb') as f:
        witness = captures.parse_nanoseconds(f.read())[1]
    packets = sent(topic)[1]
    assert [data for _, data, _ in packets] == [data for _, data, _ in witness]
    # Every time is the witness's, some without what is below a microsecond.
    wrong = [(ours, theirs) for (ours, _, _), (theirs, _, _) in zip(packets, witness)
             if ours not in (theirs, theirs // 1000 * 1000)]
    assert not wrong, wrong[:3]
    fine = [ours % 1000 != 0 for ours, _, _ in packets]
    assert not fine[0] and fine[-1] and fine.index(False, fine.index(True)) > 0


@pytest.mark.parametrize('argv, said', [
    (['-i', 'lo', '-Q', 'out'], 'lo: on a loopback interface every packet comes in; direction can '
                                'be in or inout'),
    (['-i', 'lo', '-j', 'adapter'], 'lo: no time stamps of the type adapter; time-stamp-type can be '
                                    'host'),
    (['-i', 'nflog', '--time-stamp-precision', 'nano'],
     'nflog: no time stamps of nanosecond precision; time-stamp-precision can be micro'),
    (['-i', 'nflog', '-Q', 'in'],
     'nflog: libpcap cannot tell which way its packets go; direction can be inout'),
    (['-i', 'no-such', '-j', 'adapter'], "no-such: no such interface; 'pycapa -D' lists those there "
                                         'are'),
])
def test_what_a_device_does_not_have_is_one_line_that_says_what_it_has(argv, said):
    process = pycapa('-p', '-k', 'localhost:1', *argv)
    assert process.status == 1, process.describe()
    assert process.grep('^ERROR') == [f'ERROR:root:{said}'], process.describe()


def test_time_stamp_types_are_listed_as_tcpdump_does(pair):
    ours = pycapa('-J', '-i', pair.inside)
    assert ours.status == 0 and ours.stdout.decode() == run(
        'sh', '-c', f'tcpdump -J -i {pair.inside} 2>&1').stdout


def test_a_number_of_the_list_is_an_interface(topic, pair, spawn):
    def number():
        listed = run(os.environ.get('PYCAPA_BINARY') or pycapa('-V').argv[0], '-D').stdout
        return re.search(rf'^(\d+)\.{pair.inside} ', listed, re.M).group(1)
    for _ in range(10):  # those of other tests come and go, and the numbers change
        given = number()
        process = spawn('-p', '-i', given, '-k', topic.broker.bootstrap, '-t', topic.name)
        process.wait_capturing()
        if number() == given:
            break
        process.kill()
    traffic.send(pair, 10, 1000)
    wait.until(lambda: process.stats()['received'] == 10, 20, process.describe)
    assert process.stop() == 0, process.describe()
