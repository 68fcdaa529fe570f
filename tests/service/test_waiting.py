# SPDX-License-Identifier: Apache-2.0
"""What the service waits through: interfaces and brokers that go and come, in the same process."""
import subprocess
import time

import pytest

from harness import traffic, wait
from harness.proc import Process
from harness.witness import Topic
from host import Link
from outer import OuterBroker, numbers

LOST = 'MESSAGE_ID=6222495ac19c46f1b14168578973fd0a'
BACK = 'MESSAGE_ID=bf8ddfc84b07401b860ade049359af3e'
BROKER_LOST = 'MESSAGE_ID=de145b0f25134fecb3d983e4d3523cab'
BROKER_BACK = 'MESSAGE_ID=0941459d6de84fc8860162dc43023562'

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


def captures_within(instance, link, seconds, before):
    """
    Packets sent from now on are received, but for those of the first `seconds` at most. That is
    counted in packets: our own looks at the journal take their time on a busy machine.
    """
    count, pps = 2000, 1000
    traffic.send(link, count, pps)
    instance.wait_stats(lambda c: c['RECEIVED'] >= before + count - seconds * pps)


def test_link_down_and_up(producer, link):
    pid = producer.pid
    traffic.send(link, 500, 1000)
    before = producer.wait_stats(lambda c: c['RECEIVED'] == 500)['RECEIVED']
    link.down()
    producer.wait_status(f'waiting, as it is down, for interface {link.name}')
    link.up()
    captures_within(producer, link, 1, before)
    producer.wait_status(f'capturing on {link.name}')
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


def test_link_deleted_and_made_again(producer, link):
    pid = producer.pid
    producer.reload(buffer_timeout='200ms')
    received = deleted_under_traffic(producer, link, 0)
    producer.wait_status('waiting for')
    link.create()
    # The counts go on, they do not begin again.
    captures_within(producer, link, 1, received)
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
        captures_within(i, late, 1, 0)
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
        captures_within(i, link, 1, 0)
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


def start_on(own_broker, instances, link):
    own_broker.start()
    topic = Topic(own_broker, own_broker.topic())
    i = instances(link.name, own_broker, topic.name).start()
    i.wait_status('capturing')
    return i, topic


def test_broker_killed_and_restarted(own_broker, instances, link):
    i, topic = start_on(own_broker, instances, link)
    pid = i.pid
    stream = traffic.start(link, 20000, 1000)
    i.wait_stats(lambda c: c['DELIVERED'] > 1000)
    own_broker.kill()
    wait.until(lambda: i.entries(BROKER_LOST), 30, i.story)
    i.wait_status(f'capturing on {link.name}, waiting for broker {own_broker.outer}')
    before = i.stats()['DELIVERED']
    # With another client's record taken: from there on it could take ours too.
    own_broker.warm = False
    own_broker.start()
    ready = time.monotonic()
    i.wait_stats(lambda c: c['DELIVERED'] > before)
    assert time.monotonic() - ready <= 2, 'delivery resumed too late'
    assert stream.wait(60) == 0
    i.wait_stats(lambda c: c['DELIVERED'] == 20000)
    assert numbers(topic) == list(range(20000))
    wait.until(lambda: i.entries(BROKER_BACK), 30, i.story)
    assert i.pid == pid
    assert len(i.entries(BROKER_LOST)) == 1 and len(i.entries(BROKER_BACK)) == 1, i.story()
    i.wait_status(f'capturing on {link.name}: ')


@pytest.mark.parametrize('mode', ['producer', 'consumer'])
def test_a_reload_in_an_outage_tells_nothing_twice(own_broker, instances, link, mode):
    """The client is another one then; that Kafka is away was told, and its return will be."""
    own_broker.start()
    topic = Topic(own_broker, own_broker.topic())
    keys = {'mode': mode}
    if mode == 'consumer':
        keys['write_file'] = f'/var/lib/pycapa/{link.name}/out.pcap'
    i = instances(link.name, own_broker, topic.name, **keys).start()
    i.wait_status('capturing|reading 1 partition')
    if mode == 'producer':
        traffic.send(link, 100, 1000)
        topic.wait_count(100)
    own_broker.kill()
    wait.until(lambda: i.entries(BROKER_LOST), 30, i.story)
    i.reload(kafka_config=['linger.ms=5', 'client.id=another'])
    wait.elapse(5)
    own_broker.start()
    wait.until(lambda: i.entries(BROKER_BACK), 30, i.story)
    assert len(i.entries(BROKER_LOST)) == 1 and len(i.entries(BROKER_BACK)) == 1, i.story()


def test_broker_absent_at_the_start(own_broker, instances, link):
    i = instances(link.name, own_broker, 'pcap').start()
    i.wait_status('capturing')
    traffic.send(link, 500, 500)
    i.wait_stats(lambda c: c['RECEIVED'] == 500)
    own_broker.start()
    topic = Topic(own_broker, own_broker.topic(name='pcap'))
    topic.wait_count(500)
    assert numbers(topic) == list(range(500))


def test_topic_missing_for_60_s(instances, broker, link):
    i = instances(link.name, broker, f'late-{link.name}').start()
    i.wait_status('capturing')
    pid = i.pid
    stream = traffic.start(link, 9000, 100)
    i.wait_status(f'capturing on {link.name}, waiting for topic late-{link.name}')
    lost = wait.until(lambda: i.entries(BROKER_LOST), 10, i.story)
    assert lost[0]['MESSAGE'].startswith('No packet has been delivered for 5 s: waiting for topic')
    wait.elapse(55)
    assert i.pid == pid and i.stats()['FAILED'] == 0
    topic = Topic(broker, broker.topic(name=f'late-{link.name}'))
    assert stream.wait(60) == 0
    i.wait_stats(lambda c: c['DELIVERED'] == 9000, 60)
    assert numbers(topic) == list(range(9000))
    assert i.messages(f'late-{link.name}.*does not exist|[Uu]nknown topic'), i.story()
    wait.until(lambda: i.entries(BROKER_BACK), 30, i.story)
    assert len(i.entries(BROKER_LOST)) == 1 and len(i.entries(BROKER_BACK)) == 1, i.story()
    assert i.pid == pid


@pytest.fixture
def strict_broker(tmp_path):
    """A broker with ACLs: this machine may do all, a test host nothing until it is granted."""
    b = OuterBroker(tmp_path / 'strict', {
        'authorizer.class.name': 'org.apache.kafka.metadata.authorizer.StandardAuthorizer',
        'allow.everyone.if.no.acl.found': 'true'}).start()
    yield b
    b.kill()


def grant(broker, address, *resource):
    broker.tool('org.apache.kafka.tools.AclCommand', '--bootstrap-server', broker.bootstrap,
                '--add', '--allow-principal', 'User:ANONYMOUS', '--allow-host', address,
                '--operation', 'All', *resource)


def test_write_permission_denied_for_60_s_then_granted(strict_broker, instances, link, host):
    topic = Topic(strict_broker, strict_broker.topic())
    # What has an ACL is closed to all others.
    grant(strict_broker, '127.0.0.1', '--cluster', '--topic', '*')
    i = instances(link.name, strict_broker, topic.name).start()
    i.wait_status('capturing')
    pid = i.pid
    stream = traffic.start(link, 9000, 100)
    i.wait_status(f'waiting for topic {topic.name}: .*authorization failed: grant')
    wait.elapse(55)
    assert i.pid == pid
    counts = i.stats()
    assert counts['FAILED'] == 0 and counts['DELIVERED'] == 0, counts
    assert topic.count() == 0
    # One line of a kind a minute, and no new client every second.
    assert 1 <= len(i.messages('(?i)authoriz|permission|ACL')) <= 5, i.story()
    assert len(i.own_entries('PRIORITY=3')) <= 2, i.story()
    grant(strict_broker, host.address, '--topic', topic.name)
    assert stream.wait(60) == 0
    i.wait_stats(lambda c: c['DELIVERED'] == 9000, 60)
    assert numbers(topic) == list(range(9000))
    assert i.pid == pid
