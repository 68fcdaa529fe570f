# SPDX-License-Identifier: Apache-2.0
"""What the service waits through: interfaces and brokers that go and come, in the same process."""
import subprocess
import time

import pytest

from harness import traffic, wait
from harness.proc import Process
from harness.witness import Topic
from host import Link
from instance import BROKER_LOST
from outer import numbers, told_once

LOST = 'MESSAGE_ID=6222495ac19c46f1b14168578973fd0a'
BACK = 'MESSAGE_ID=bf8ddfc84b07401b860ade049359af3e'

# Holds a tun device and, told to, lets ten IPv4 packets come in by it.
TUNNEL = '''
import fcntl, os, struct, subprocess, sys
fd = os.open('/dev/net/tun', os.O_RDWR)
fcntl.ioctl(fd, 0x400454ca, struct.pack('16sH', sys.argv[1].encode(), 0x1001))
subprocess.run(['ip', 'link', 'set', sys.argv[1], 'up'], check=True)
sys.stdin.readline()
for n in range(10):
    os.write(fd, struct.pack('!BBHHHBBH8s', 0x45, 0, 28, n, 0, 64, 17, 0, bytes(8)) + bytes(8))
sys.stdin.readline()
'''


def captures_within(instance, link, topic, seconds):
    """
    Packets sent from now on arrive without a gap, but for those of the first `seconds` at most. That
    is counted in packets: our own looks at the journal take their time on a busy machine.
    """
    first, count, pps = 1000000, int(2000 * seconds), 1000
    traffic.send(link, count, pps, first=first)
    wait.until(lambda: first + count - 1 in numbers(topic), 30, instance.story)
    got = [n for n in numbers(topic) if n >= first]
    assert got == list(range(got[0], first + count))
    assert got[0] - first <= seconds * pps, instance.story()


def test_link_down_and_up(producer, link, topic):
    pid = producer.pid
    traffic.send(link, 500, 1000)
    producer.wait_stats(lambda c: c['RECEIVED'] == 500)
    link.down()
    producer.wait_status(f'waiting, as it is down, for interface {link.name}')
    link.up()
    captures_within(producer, link, topic, 1)
    producer.wait_status(f'capturing on {link.name}')
    # The counts go on, they do not begin again.
    counts = producer.wait_stats(lambda c: c['QUEUED'] == 0)
    assert counts['RECEIVED'] == counts['DELIVERED'] == topic.count()
    assert producer.pid == pid
    assert len(producer.entries(LOST)) == 1 and len(producer.entries(BACK)) == 1


def wait_settled(instance):
    """Waits until all that was received is delivered, and no more comes; returns how many."""
    last = [-1]

    def settled(counts):
        wait.elapse(0.5)  # the last block is read when its 200 ms are over, the link gone or not
        before, last[0] = last[0], counts['RECEIVED']
        return counts['RECEIVED'] == counts['DELIVERED'] == before
    return instance.wait_stats(settled)['RECEIVED']


def deleted_under_traffic(instance, link, received):
    """
    Deletes the link while packets come in. All that it took is received, but for the few that the
    kernel throws away with it; returns how many that are with `received` from before. A block of
    the ring, of 200 ms, holds 400: when it is lost with the link, that shows.
    """
    stream = traffic.start(link, 100000, 2000, first=received)
    instance.wait_stats(lambda c: c['RECEIVED'] > received)
    link.delete()
    stream.wait(30)
    sent = received + int(stream.stdout)
    got = wait_settled(instance)
    assert sent - 100 <= got <= sent, instance.story()
    return got


def test_link_deleted_and_made_again(producer, link, topic):
    pid = producer.pid
    producer.reload(buffer_timeout='200ms')
    received = deleted_under_traffic(producer, link, 0)
    producer.wait_status('waiting for')
    link.create()
    captures_within(producer, link, topic, 1)
    counts = producer.wait_stats(lambda c: c['QUEUED'] == 0)
    assert counts['RECEIVED'] == counts['DELIVERED'] == topic.count() > received
    assert producer.pid == pid
    assert len(producer.entries(LOST)) == 1 and len(producer.entries(BACK)) == 1


def test_link_deleted_ten_times(producer, link, topic):
    pid = producer.pid
    producer.reload(buffer_timeout='200ms')
    received = 0
    for n in range(10):
        received = deleted_under_traffic(producer, link, received)
        wait.until(lambda: len(producer.entries(LOST)) == n + 1, 10, producer.story)
        link.create()
        wait.until(lambda: len(producer.entries(BACK)) == n + 1, 10, producer.story)
    traffic.send(link, 100, 1000, first=received)
    producer.wait_stats(lambda c: c['DELIVERED'] == received + 100)
    assert producer.pid == pid
    assert numbers(topic) == list(range(received + 100))


def test_interface_that_appears_5_s_after_the_start(instances, host, broker, topic, name):
    late = Link(host, name, create=False)
    try:
        i = instances(name, broker, topic.name).start()
        i.wait_status(f'waiting for .*{name}')
        pid = i.pid
        wait.elapse(5)
        assert len(i.entries(LOST)) == 1
        late.create()
        captures_within(i, late, topic, 1)
        assert i.pid == pid and len(i.entries(BACK)) == 1
    finally:
        late.remove()


def test_interface_that_is_down_at_the_start(instances, host, broker, topic, name):
    link = Link(host, name, create=False)
    try:
        link.create(up=False)
        i = instances(name, broker, topic.name).start()
        i.wait_status(f'waiting, as it is down, for interface {name}')
        link.up()
        captures_within(i, link, topic, 1)
        assert i.stats()['RECEIVED'] == topic.count()
    finally:
        link.remove()


def test_interface_that_comes_back_with_another_link_type(producer, link, host, topic):
    """An Ethernet device goes, a tunnel of the same name comes, whose packets begin with IP."""
    pid = producer.pid
    link.delete()
    wait.until(lambda: len(producer.entries(LOST)) == 1, 10, producer.story)
    tunnel = Process(host.command('/usr/bin/python3', '-c', TUNNEL, link.name),
                     stdin=subprocess.PIPE)
    try:
        wait.until(lambda: len(producer.entries(BACK)) == 1, 10, producer.story)
        tunnel.popen.stdin.write(b'go\n')
        tunnel.popen.stdin.flush()
        topic.wait_count(10)
    finally:
        # Its end of input ends it, and with it the device.
        tunnel.popen.stdin.close()
        tunnel.wait(10)
    wait.until(lambda: len(producer.entries(LOST)) == 2, 10, producer.story)
    link.create()
    wait.until(lambda: len(producer.entries(BACK)) == 2, 10, producer.story)
    traffic.send(link, 100, 1000)
    assert producer.wait_stats(lambda c: c['DELIVERED'] >= 110)['DELIVERED'] == 110
    assert producer.pid == pid
    records = topic.records()
    raw = [r for r in records if ('linktype', b'101') in r.headers]
    assert len(raw) == 10 and all(r.value[0] == 0x45 for r in raw)
    assert numbers(topic) == list(range(100))


def start_on(outage_broker, instances, link):
    topic = Topic(outage_broker, outage_broker.topic())
    i = instances(link.name, outage_broker, topic.name).start()
    i.wait_status('capturing')
    return i, topic


def test_broker_killed_and_restarted(outage_broker, instances, link):
    i, topic = start_on(outage_broker, instances, link)
    pid = i.pid
    stream = traffic.start(link, 100000, 1000)
    i.wait_stats(lambda c: c['DELIVERED'] > 1000)
    outage_broker.kill()
    wait.until(lambda: i.entries(BROKER_LOST), 30, i.story)
    i.wait_status(f'capturing on {link.name}, waiting for broker {outage_broker.outer}')
    before = i.stats()['DELIVERED']
    # With another client's record taken: from there on it could take ours too.
    outage_broker.warm = False
    outage_broker.start()
    ready = time.monotonic()
    i.wait_stats(lambda c: c['DELIVERED'] > before)
    assert time.monotonic() - ready <= 2, 'delivery resumed too late'
    sent = traffic.stop(stream)
    i.wait_stats(lambda c: c['DELIVERED'] == sent)
    assert numbers(topic) == list(range(sent))
    i.wait_status(f'capturing on {link.name}: ')
    assert i.pid == pid
    told_once(i, topic, link, sent)


@pytest.mark.parametrize('mode', ['producer', 'consumer'])
def test_a_reload_in_an_outage_tells_nothing_twice(outage_broker, instances, link, mode):
    """The client is another one then; that Kafka is away was told, and its return will be."""
    topic = Topic(outage_broker, outage_broker.topic())
    keys = {'mode': mode}
    if mode == 'consumer':
        keys['write_file'] = f'/var/lib/pycapa/{link.name}/out.pcap'
    i = instances(link.name, outage_broker, topic.name, log_level='DEBUG', **keys).start()
    i.wait_status('capturing|reading 1 partition')
    if mode == 'producer':
        traffic.send(link, 100, 1000)
        topic.wait_count(100)
    outage_broker.kill()
    wait.until(lambda: i.entries(BROKER_LOST), 30, i.story)
    i.reload(kafka_config=['linger.ms=5', 'client.id=another'])
    # The new one, which knows the broker by its address alone, has found out that nobody is there.
    i.wait_message('/bootstrap: Connect to .* failed')
    outage_broker.start()
    told_once(i, topic, link, 100)


def test_broker_absent_at_the_start(broker_for_outages, instances, link):
    broker_for_outages.kill()
    name = f'late-{link.name}'
    i = instances(link.name, broker_for_outages, name).start()
    i.wait_status('capturing')
    traffic.send(link, 500, 500)
    i.wait_stats(lambda c: c['RECEIVED'] == 500)
    broker_for_outages.start()
    topic = Topic(broker_for_outages, broker_for_outages.topic(name=name))
    topic.wait_count(500)
    assert numbers(topic) == list(range(500))
