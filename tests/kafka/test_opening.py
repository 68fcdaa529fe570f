# SPDX-License-Identifier: Apache-2.0
"""What the opening of a capture waits for: names in a filter, an interface, Kafka."""
import fcntl
import os
import re
import signal
import subprocess
import time

import pytest

from harness import captures, faults, traffic, wait
from harness.daemon import BINARY, BUILD, pycapa
from harness.net import RUN, free_port
from harness.proc import Process, run
from harness.witness import Topic
from test_interface import BACK, LOST, Configured, assert_numbers, wait_counts, wait_told
from test_signals import Manager

STARTED = '^INFO:root:Starting packet capture$'
REFUSED = '^ERROR:root:Reload refused'
TOLD = 'still being compiled; its names have to be found by the name service'


class Names:
    """The name service of a process: what it answers for *.names."""

    def __init__(self, path):
        self.path = path
        self.env = {'LD_PRELOAD': os.path.join(BUILD, 'tests/kafka/libslow_names.so'),
                    'SLOW_NAMES': str(path)}
        self.answer('127.0.0.1')

    def answer(self, text):
        fresh = self.path.with_suffix('.new')
        fresh.write_text(text)
        fresh.rename(self.path)


@pytest.fixture
def names(tmp_path):
    return Names(tmp_path / 'names')


@pytest.fixture
def instance(spawn, tmp_path):
    def make(interface, topic, **keys):
        made = Configured(spawn, tmp_path / 'instance.cfg', interface, topic, **keys)
        made.spawn = lambda **kwargs: spawn('-C', made.path, **kwargs)  # it may have to wait
        return made
    return make


def test_a_reload_whose_filter_waits_holds_nothing_up(topic, pair, instance, names, tmp_path):
    manager = Manager(tmp_path / 'notify')
    made = instance(pair.inside, topic)
    process = made.start(env={**names.env, 'NOTIFY_SOCKET': manager.path,
                              'WATCHDOG_USEC': '400000'})
    names.answer('wait')
    made.keys['filter'] = '"udp and not host one.names"'
    made.write()
    process.send_signal(signal.SIGHUP)
    manager.wait('^RELOADING=1')
    # The old capture goes on, and so does the watchdog.
    traffic.send(pair, 200, 0)
    wait_counts(process, delivered=200)
    before = len(manager.messages())
    wait.until(lambda: manager.messages()[before:].count('WATCHDOG=1') >= 3, 10, process.describe)
    process.wait_line(TOLD)
    assert not process.grep('^INFO:root:Reloaded'), process.describe()
    names.answer('192.0.2.1')
    process.wait_line('^INFO:root:Reloaded')
    traffic.send(pair, 100, 0, first=200)
    wait_counts(process, delivered=300)
    assert process.stop() == 0, process.describe()
    assert_numbers(topic, 300)


def test_the_one_who_asks_for_a_reload_waits_for_its_end(topic, pair, instance, names, tmp_path):
    name = f'opening{RUN}{os.getpid()}'
    directory = f'/run/pycapa/{name}'
    os.makedirs(directory)
    try:
        made = instance(pair.inside, topic)
        made.path = str(tmp_path / f'{name}.cfg')
        made.write()
        process = made.spawn(env={**names.env, 'RUNTIME_DIRECTORY': directory})
        process.wait_line(STARTED)
        names.answer('wait')
        made.keys['filter'] = '"host one.names"'
        made.write()
        asked = [Process([BINARY, '--reload', name])]
        wait.stays(asked[0].running, 0.5, process.describe)
        # A second one makes the first begin anew, and both get its answer.
        asked.append(Process([BINARY, '--reload', name]))
        wait.stays(lambda: all(a.running() for a in asked), 0.5, process.describe)
        names.answer('unknown')
        for one in asked:
            assert one.wait(10) == 1, process.describe()
            assert re.search("unknown host 'one.names'", one.stderr), one.describe()
        assert len(process.grep(REFUSED)) == 1, process.describe()
        names.answer('192.0.2.1')
        assert run(BINARY, '--reload', name).returncode == 0
        # One that waits at the end is told that it came to nothing.
        names.answer('wait')
        made.keys['snaplen'] = 100
        made.write()
        last = Process([BINARY, '--reload', name])
        wait.stays(last.running, 0.5, process.describe)
        before = time.monotonic()
        assert process.stop(signal.SIGTERM) == 0, process.describe()
        assert time.monotonic() - before < 5
        assert last.wait(10) == 1 and 'being stopped' in last.stderr, last.describe()
    finally:
        subprocess.run(['rm', '-rf', directory], check=True)


@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM])
def test_a_start_whose_filter_waits_says_so_and_can_be_ended(pair, spawn, names, number):
    names.answer('wait')
    process = spawn('-p', '-i', pair.inside, '-k', f'127.0.0.1:{free_port()}',
                    'host one.names', env=names.env)
    process.wait_line(TOLD)
    assert not process.grep('Connecting'), process.describe()
    before = time.monotonic()
    assert process.stop(number) == -number, process.describe()
    assert time.monotonic() - before < 3, process.describe()


def test_a_start_that_fails_amid_traffic_says_why(pair, tmp_path):
    spool = tmp_path / 'spool'
    spool.mkdir(mode=0o700)
    fd = os.open(spool, os.O_RDONLY)
    fcntl.flock(fd, fcntl.LOCK_EX)
    stream = traffic.start(pair, 1 << 30, 0)
    try:
        # Whether packets come before it has failed is chance: about every second time.
        for _ in range(12):
            process = pycapa('-p', '-i', pair.inside, '-k', f'127.0.0.1:{free_port()}',
                             '--spool-directory', str(spool))
            assert process.status == 1, process.describe()
            assert 'is in use by another instance' in process.lines[-1], process.describe()
    finally:
        stream.kill()
        os.close(fd)


def test_a_service_is_ready_while_its_filter_still_waits(topic, pair, instance, names, tmp_path):
    manager = Manager(tmp_path / 'notify')
    made = instance(pair.inside, topic, filter='"port 7 or udp and not host one.names"')
    # The file's check has its answer; the capture's own look-up has not.
    names.answer('wait')
    made.write()
    process = made.spawn(env={**names.env, 'NOTIFY_SOCKET': manager.path,
                              'SLOW_NAMES_AFTER': '1'})
    manager.wait('^READY=1')
    assert any('opening interface' in m for m in manager.messages()), manager.told
    assert not process.grep(STARTED), process.describe()
    names.answer('192.0.2.1')
    process.wait_line(STARTED)
    wait.until(lambda: any('STATUS=capturing on' in m for m in manager.messages()), 20,
               process.describe)
    traffic.send(pair, 100, 0)
    wait_counts(process, delivered=100)
    assert process.stop() == 0, process.describe()


def test_a_savefile_whose_filter_waits_can_be_ended(spawn, names, tmp_path):
    path = captures.write(tmp_path / 'in.pcap', captures.sample(10))
    fifo = tmp_path / 'in.fifo'
    os.mkfifo(fifo)
    process = spawn('-p', '-r', fifo, '-k', f'127.0.0.1:{free_port()}', 'host one.names',
                    env=names.env)
    process.wait_line(STARTED)
    names.answer('wait')
    with open(fifo, 'wb') as f, open(path, 'rb') as content:
        f.write(content.read())
        f.flush()
        process.wait_line(TOLD)
        before = time.monotonic()
        assert process.stop(signal.SIGTERM) == 0, process.describe()  # a pipe has no end
        assert time.monotonic() - before < 5, process.describe()
        assert process.counts() == (0, 0)


@pytest.mark.parametrize('promiscuous', ['true', 'false'])
def test_a_name_that_is_unknown_when_the_interface_comes(topic, pair, instance, names,
                                                         promiscuous):
    made = instance(pair.inside, topic, **{'promiscuous-mode': promiscuous,
                                           'filter': '"udp and not host one.names"'})
    pair.delete_link()
    process = made.spawn(env=names.env)
    wait_told(process, LOST)
    names.answer('unknown')
    pair.create()
    unknown = f"^WARNING:root:{pair.inside}: filter .*unknown host 'one.names'"
    wait_told(process, unknown)
    # Opening toggles promiscuous mode, which is an event: it must not open again at once.
    wait.elapse(4)
    assert len(process.grep(unknown)) == 1, process.describe()
    assert process.cpu() < 1, process.describe()
    names.answer('192.0.2.1')
    wait.until(lambda: process.grep(BACK), 20, process.describe)
    traffic.send(pair, 10, 0)
    wait_counts(process, delivered=10)
    assert process.stop() == 0, process.describe()


@pytest.mark.parametrize('kind', ['altname', 'label'])
def test_an_interface_by_another_of_its_names(topic, pair, instance, kind):
    name = pair.inside + ':1'
    if kind == 'altname':
        name = pair.inside[:-1] + 'x'
        run('ip', 'link', 'property', 'add', 'dev', pair.inside, 'altname', name)
    pair.down()
    process = instance(name, topic).spawn()
    wait_told(process, LOST)
    pair.up()
    wait_told(process, BACK)
    traffic.send(pair, 10, 0)
    wait_counts(process, delivered=10)
    # Lost, and made again with that name.
    pair.delete_link()
    wait_told(process, LOST, 2)
    pair.create()
    if kind == 'altname':
        run('ip', 'link', 'property', 'add', 'dev', pair.inside, 'altname', name)
    wait_told(process, BACK, 2)
    traffic.send(pair, 10, 0, first=10)
    wait_counts(process, delivered=20)
    assert process.stop() == 0, process.describe()
    assert_numbers(topic, 20)


# 10.2.0.0/16 in many words: over 4,096 instructions, and with an offset that no kernel knows.
LONG = ' or '.join(f'(src host 10.2.{n // 200}.{n % 200} and udp port {n})' for n in range(500))


@pytest.mark.parametrize('filter', [
    'udp port 1000 or ip[0xffffffee:4] = 0', f'udp port 1000 or {LONG}'], ids=['offset', 'long'])
@pytest.mark.parametrize('snaplen', [[], ['-s', '100']], ids=['whole', 'cut'])
def test_a_filter_that_the_kernel_refuses_is_counted_right(topic, pair, producer, filter, snaplen):
    process = producer(pair, topic, *snaplen, filter)
    told = [line for line in process.lines if 'kernel' in line.lower()]
    assert len(told) == 1 and 'does not take the filter' in told[0], told
    pair.run('python3', '-c', SENDER, pair.inside_address, 1000, 200)
    pair.run('python3', '-c', SENDER, pair.inside_address, 2000, 300)
    wait_counts(process, delivered=200)
    assert process.stop() == 0, process.describe()
    assert process.counts() == (200, 200)
    stats = process.account() if process.grep('received=') else {}
    assert stats.get('dropped', 0) == stats.get('dropped_kernel', 0) == 0, process.describe()
    assert stats.get('passed', 200) == 200, process.describe()
    assert {len(r.value) for r in topic.records()} == {100 if snaplen else 42 + 160}


SENDER = '''
import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for n in range(int(sys.argv[3])):
    s.sendto(b'x' * 160, (sys.argv[1], int(sys.argv[2])))
'''

NFLOG = '''table ip t {
 chain o {
  type filter hook output priority 0;
  udp dport 5000 log group 0
 }
}
'''


def devices():
    return re.findall(r'^\d+\.(\S+)', run(BINARY, '-D').stdout, re.M)


def test_nflog_is_captured(topic, pair, spawn):
    run('ip', 'netns', 'exec', pair.namespace, 'nft', '-f', '-', stdin=None, input=NFLOG)
    process = spawn('-p', '-i', 'nflog', '-k', f'127.0.0.1:{free_port()}', '--shutdown-timeout', '0',
                    prefix=['ip', 'netns', 'exec', pair.namespace])
    process.wait_capturing()
    pair.run('python3', '-c', SENDER, '127.0.0.1', 5000, 50)
    wait.until(lambda: process.stats()['received'] >= 50, 10, process.describe)
    # A link that changes is no concern of it.
    pair.run('ip', 'link', 'set', pair.outside, 'mtu', 1400)
    pair.run('python3', '-c', SENDER, '127.0.0.1', 5000, 50)
    wait.until(lambda: process.stats()['received'] == 100, 10, process.describe)
    # There is nobody to deliver to.
    assert process.stop() == 1, process.describe()
    assert process.counts() == (100, 0), process.describe()


def test_every_device_that_is_listed_is_captured_or_refused_with_the_reason(tmp_path):
    captured = set()
    for device in devices():
        process = Process([BINARY, '-p', '-i', device, '-k', f'127.0.0.1:{free_port()}',
                           '--shutdown-timeout', '0'])
        try:
            wait.until(lambda: process.grep(STARTED) or not process.running(), 10,
                       process.describe)
            if process.grep(STARTED):
                status = process.stop()
                assert status == ("not delivered" in process.lines[-1]), process.describe()
                captured.add(device)
                continue
            assert process.wait() == 1, process.describe()
            assert re.match(f'ERROR:root:{device}: .', process.lines[-1]), process.describe()
            assert len(process.lines) == 1, process.describe()
        finally:
            process.kill()
    assert captured >= {'lo', 'any'}


def test_reloads_one_after_the_other_are_all_applied(topic, pair, instance):
    made = instance(pair.inside, topic)
    process = made.start()
    stream = traffic.start(pair, 4000, 2000)
    for n in range(10):
        made.reload(process, snaplen=1000 + n)
    assert stream.wait(30) == 0
    wait_counts(process, delivered=4000)
    assert process.stop() == 0, process.describe()
    assert not process.grep(REFUSED), process.describe()
    assert_numbers(topic, 4000)


def test_reloads_in_an_outage_count_each_packet_once_and_keep_two_rings(outage_broker, pair,
                                                                        instance):
    topic = Topic(outage_broker, outage_broker.topic())
    made = instance(pair.inside, topic, **{
        'kafka-config': '["queue.buffering.max.messages=100"]', 'buffer-size': '"32M"',
        'shutdown-timeout': '"30s"'})
    process = made.start()
    traffic.send(pair, 10, 1000)
    wait_counts(process, delivered=10)
    outage_broker.pause()
    traffic.send(pair, 990, 0, first=10)
    wait.until(lambda: process.stats()['queued'] >= 100, 20, process.describe)
    before = process.rss()
    made.reload(process, snaplen=1000)
    traffic.send(pair, 1000, 0, first=1000)
    # What the first one has is not taken yet, so that there is no room for a third.
    made.reload(process, 'Reload refused.*reload again when it takes them', snaplen=1001)
    made.reload(process, 'Reload refused.*reload again when it takes them', snaplen=1002)
    traffic.send(pair, 1000, 0, first=2000)
    process.stats()
    assert process.rss() - before < 48 << 20, (before, process.rss())
    outage_broker.resume()
    wait_counts(process, delivered=3000, queued=0)
    made.reload(process, snaplen=1003)
    assert process.stop() == 0, process.describe()
    stats = faults.assert_ended(process)
    assert (stats['received'], stats['dropped_kernel']) == (3000, 0), process.describe()
    assert_numbers(topic, 3000)
