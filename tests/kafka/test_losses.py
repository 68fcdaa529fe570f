# SPDX-License-Identifier: Apache-2.0
"""What a record says of what was lost before it, and of where its packet was captured."""
import signal
import socket
import struct

from harness import captures, traffic, wait
from harness.daemon import pycapa
from harness.net import Pair, free_port
from harness.witness import tshark_fields

FIRST, LOST_AMONG, LAST = 100, 3000, 100
LAST_NUMBER = FIRST + LOST_AMONG + LAST
SMALLEST_RING = ('-B', '512')  # two blocks of 256 KiB


def lose(process, pair):
    """More than the ring holds comes while the process stands still, and some when it goes on."""
    traffic.send(pair, FIRST, 2000, flows=1)
    wait.until(lambda: process.stats()['received'] == FIRST, 20, process.describe)
    process.send_signal(signal.SIGSTOP)
    wait.until(lambda: set(process.states()) == {'T'}, 10, process.describe)
    traffic.send(pair, LOST_AMONG, 20000, size=500, flows=1, first=FIRST)
    process.send_signal(signal.SIGCONT)
    traffic.send(pair, LAST, 1000, flows=1, first=FIRST + LOST_AMONG)
    wait.until(lambda: received_and_dropped(process.stats()) == FIRST + LOST_AMONG + LAST, 20,
               process.describe)


def received_and_dropped(stats):
    return stats['received'] + stats['dropped_kernel']


def gaps(numbers):
    """(number, how many are missing before it)"""
    return [(b, b - a - 1) for a, b in zip(numbers, numbers[1:]) if b != a + 1]


def up_to(losses, number):
    return sum(count for n, count in losses if n <= number)


def assert_told(topic, pair, stats, tmp_path):
    """Each gap is told by the packet behind it, in the records and in a capture of them."""
    records = topic.records()
    numbers = [captures.sequence(r.value) for r in records]
    headers = [dict(r.headers) for r in records]
    told = [(n, int(h['dropcount'])) for n, h in zip(numbers, headers) if 'dropcount' in h]
    # Exactly at its gap; where a few are lost while the ring is read, later, but never before it.
    lost = gaps(numbers)
    assert max(lost, key=lambda loss: loss[1]) in told, (told, lost)
    assert all(up_to(told, n) <= up_to(lost, n) for n, _ in told), (told, lost)
    assert up_to(told, LAST_NUMBER) == up_to(lost, LAST_NUMBER) == stats['dropped_kernel'] > 0
    origin = (socket.gethostname(), pair.inside)
    assert {(h['host'].decode(), h['interface'].decode()) for h in headers} == {origin}

    path = tmp_path / 'out.pcapng'
    reader = pycapa('-c', '-e', '-k', topic.broker.bootstrap, '-t', topic.name, '-w', path)
    assert reader.status == 0, reader.describe()
    fields = tshark_fields(path, 'frame.drop_count', 'frame.interface_description',
                           'frame.interface_name')
    assert {tuple(f[1:]) for f in fields} == {origin}
    assert [(n, int(f[0])) for n, f in zip(numbers, fields) if f[0]] == told


def test_a_loss_is_told_by_the_packet_behind_it(topic, pair, producer, tmp_path):
    process = producer(pair, topic, '--annotate', *SMALLEST_RING)
    lose(process, pair)
    assert process.stop() == 0, process.describe()
    assert_told(topic, pair, process.account(), tmp_path)


def test_a_loss_is_told_by_way_of_the_spool(topic, pair, spawn, tmp_path):
    """Another run sends what the spool kept while there was no broker."""
    def start(bootstrap):
        return spawn('-p', '-i', pair.inside, '-k', bootstrap, '-t', topic.name, '--annotate',
                     '--spool-directory', tmp_path / 'spool', *SMALLEST_RING).wait_capturing()
    process = start(f'127.0.0.1:{free_port()}')
    lose(process, pair)
    process.stop(signal.SIGTERM)
    stats = process.account()
    assert stats['spooled'] == stats['received'], process.describe()
    process = start(topic.broker.bootstrap)
    wait.until(lambda: process.stats()['delivered'] == stats['spooled'], 30, process.describe)
    assert process.stop() == 0, process.describe()
    assert_told(topic, pair, stats, tmp_path)


def test_without_annotation_a_plain_packet_has_no_header(topic, pair, producer):
    process = producer(pair, topic)
    traffic.send(pair, 10, 1000)
    topic.wait_count(10)
    assert process.stop() == 0, process.describe()
    assert [r.headers for r in topic.records()] == [[]] * 10


def test_on_any_a_packet_names_the_interface_it_came_by(topic, pair, spawn):
    size = 91  # of no other test's packets, which `any` sees too
    process = spawn('-p', '-i', 'any', '-k', topic.broker.bootstrap, '-t', topic.name,
                    '--annotate', f'udp dst port 6000 and udp[4:2] = {size - 34}').wait_capturing()
    later = Pair()
    try:
        traffic.send(pair, 10, 1000, size=size)
        traffic.send(later, 10, 1000, size=size, first=10)
        topic.wait_count(20)
    finally:
        later.remove()
    assert process.stop() == 0, process.describe()
    names = {}
    for record in topic.records():
        number = struct.unpack_from('!Q', record.value, 48)[0]  # behind LINUX_SLL2, IP and UDP
        names.setdefault(dict(record.headers)['interface'].decode(), []).append(number)
    assert names == {pair.inside: list(range(10)), later.inside: list(range(10, 20))}
