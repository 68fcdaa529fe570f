# SPDX-License-Identifier: Apache-2.0
"""
The file of a run that has an end: whole, or not there; what was there before stays until then, and
what was read is beside it. Other programs judge what opens.
"""
import glob
import os
import re
import signal
import stat
import struct
import time

import pytest

from harness import captures, daemon, wait
from harness.daemon import pycapa
from harness.faults import Tmpfs
from harness.net import free_port
from harness.proc import run
from harness.witness import Topic, tshark_fields

OLD = captures.header() + struct.pack('<IIII', 1, 2, 4, 4) + b'kept'
NOBODY = ('setpriv', '--reuid=65534', '--regid=65534', '--clear-groups', '--bounding-set=-all',
          '--inh-caps=-all')


@pytest.fixture
def out(tmp_path):
    """A capture that is there already, in a directory of its own."""
    directory = tmp_path / 'captures'
    directory.mkdir()
    path = directory / 'out.pcap'
    path.write_bytes(OLD)
    return path


def numbers(path):
    """What is in a capture, by tshark and by a reader of our own."""
    got = [captures.sequence(p.data) for p in captures.read(path)[1]]
    assert len(tshark_fields(str(path), 'frame.number')) == len(got)
    return got


def beside(out):
    return sorted(name for name in os.listdir(out.parent) if name != out.name)


def hidden(out):
    """The file that is being written."""
    return glob.glob(f'{out.parent}/.{out.name}.*')


@pytest.fixture
def held(topic, consumer, out):
    """A run that has written 3 packets of 5."""
    topic.produce(captures.sample(3, size=80))
    process = consumer(topic, '-o', 'begin', '-m', '5', '-w', str(out))
    wait.until(lambda: hidden(out) and os.path.getsize(hidden(out)[0]) == 24 + 3 * 96, 20,
               process.describe)
    assert out.read_bytes() == OLD
    return process


def assert_part(process, out, count):
    """It failed, and its last line says where what it read is."""
    assert process.status == 1, process.describe()
    assert out.read_bytes() == OLD and beside(out) == ['out.pcap.part']
    assert numbers(f'{out}.part') == list(range(count))
    said = rf'^ERROR:root:.*; {count} packet\(s\) are in {re.escape(str(out))}\.part$'
    assert re.search(said, process.lines[-1]), process.describe()


def test_a_whole_file_takes_the_place_with_owner_and_mode(topic, held, out):
    topic.produce(captures.sample(5, size=80)[3:])
    assert held.wait(20) == 0, held.describe()
    assert numbers(out) == list(range(5)) and beside(out) == []
    os.chown(out, 1234, 4321)
    os.chmod(out, 0o604)
    process = pycapa('-c', '-e', '-k', topic.broker.bootstrap, '-t', topic.name, '-w', str(out),
                     'udp port 7')
    assert process.status == 0 and numbers(out) == [], process.describe()
    st = os.stat(out)
    assert (st.st_uid, st.st_gid, stat.S_IMODE(st.st_mode)) == (1234, 4321, 0o604)


def test_an_interrupt_leaves_a_part(held, out):
    assert held.stop(signal.SIGINT) == 1
    assert_part(held, out, 3)
    assert 'Cut short by a signal: 3 of 5 packet(s) read' in held.lines[-1]


def test_a_reader_that_is_killed_leaves_what_was_there(held, out):
    held.kill()
    assert out.read_bytes() == OLD
    assert numbers(hidden(out)[0]) == [0, 1, 2]


def test_a_broker_that_stops_midway_leaves_a_part(outage_broker, spawn, out):
    topic = Topic(outage_broker, outage_broker.topic())
    topic.produce(captures.sample(3, size=80))
    process = spawn('-c', '-k', outage_broker.bootstrap, '-t', topic.name, '-o', 'begin', '-m', '5',
                    '-w', str(out), '--stall-timeout', '2s')
    wait.until(lambda: hidden(out) and os.path.getsize(hidden(out)[0]) == 24 + 3 * 96, 20,
               process.describe)
    outage_broker.stop()
    process.wait(30)
    assert_part(process, out, 3)
    assert f'waited for broker {outage_broker.bootstrap}' in process.lines[-1]


def test_a_full_disk_leaves_a_part(topic, tmp_path):
    topic.produce(captures.sample(3000, size=1000))
    disk = Tmpfs(tmp_path / 'disk', 1)
    try:
        out = tmp_path / 'disk' / 'out.pcap'
        out.write_bytes(OLD)
        process = pycapa('-c', '-e', '-k', topic.broker.bootstrap, '-t', topic.name, '-w', str(out))
        written = process.counts()[1]
        assert 900 < written < 1100
        assert_part(process, out, written)
        assert 'No space left on device' in process.lines[-1]
        # More is missing than those that were read and found no room.
        assert process.grep(rf'opic {topic.name} was not read to its end'), process.describe()
    finally:
        disk.remove()


def test_text_whose_reader_goes_leaves_a_part(topic, consumer, out):
    topic.produce(captures.sample(20000, size=1000))
    reader, writer = os.pipe()
    process = consumer(topic, '-e', '-w', str(out), '-pp', '1', stdout=writer)
    os.close(writer)
    os.read(reader, 100)
    os.close(reader)
    process.wait(30)
    assert_part(process, out, process.counts()[1])
    assert 'the reader of the text is gone' in process.lines[-1]


@pytest.mark.parametrize('suffix', ['pcap', 'pcapng'])
def test_an_empty_result_is_a_capture(topic, tmp_path, suffix):
    path = tmp_path / f'new.{suffix}'
    process = pycapa('-c', '-e', '-k', topic.broker.bootstrap, '-t', topic.name, '-w', str(path))
    assert process.status == 0, process.describe()
    assert tshark_fields(str(path), 'frame.number') == [] and path.stat().st_size >= 24


def test_a_link_stays_a_link(topic, out):
    topic.produce(captures.sample(5, size=80))
    link = out.with_name('link')
    link.symlink_to('out.pcap')
    argv = ('-c', '-k', topic.broker.bootstrap, '-t', topic.name, '-w', str(link))
    process = pycapa(*argv, '-e', '--stall-timeout', '1s')
    assert process.status == 0, process.describe()
    assert link.is_symlink() and numbers(out) == list(range(5)) and beside(out) == ['link']


def test_dev_stdout_is_the_file_that_the_shell_opened(topic, spawn, out):
    topic.produce(captures.sample(5, size=80))
    with open(out, 'r+b') as f:
        process = spawn('-c', '-e', '-k', topic.broker.bootstrap, '-t', topic.name, '-w',
                        '/dev/stdout', stdout=f)
        assert process.wait() == 0, process.describe()
        f.seek(0)
        assert [captures.sequence(p.data) for p in captures.parse(f.read())[1]] == list(range(5))
    assert beside(out) == [] and not process.grep('in place')


def test_a_directory_that_takes_no_file_is_said(topic, out):
    topic.produce(captures.sample(5, size=80))
    os.chown(out, 65534, 65534)
    run('chmod', 'o+x', *(str(p) for p in out.parents if len(p.parts) > 2))
    run('chmod', 'o+rx', str(out), str(out.parent))
    argv = ('-c', '-e', '-w', str(out))
    process = pycapa(*argv, '-k', f'127.0.0.1:{free_port()}', '-t', 'none', '--stall-timeout', '1s',
                     prefix=NOBODY)
    assert process.status == 1 and out.read_bytes() == OLD, process.describe()
    process = pycapa(*argv, '-k', topic.broker.bootstrap, '-t', topic.name, prefix=NOBODY)
    assert process.status == 0 and numbers(out) == list(range(5)), process.describe()
    assert len(process.grep(rf'^WARNING:root:{out} is written in place, because no file can be '
                            r'made beside it \(Permission denied\)')) == 1, process.describe()


@pytest.mark.library
@pytest.mark.parametrize('what', ['topic', 'broker'])
@pytest.mark.parametrize('asked', [['-e'], ['--from', '-1h']])
def test_what_is_not_there_fails_at_once_and_touches_nothing(broker, out, what, asked):
    """No wait of a minute for a name that was misspelt."""
    began = time.monotonic()
    process = pycapa('-c', '-k', broker.bootstrap if what == 'topic' else f'127.0.0.1:{free_port()}',
                     '-t', 'no-such-topic', '-w', str(out), *asked)
    took = time.monotonic() - began
    assert process.status == 1 and took < 5, f'{took:.1f} s\n{process.describe()}'
    assert out.read_bytes() == OLD and beside(out) == []
    assert re.search(rf'^ERROR:root:Given up: {what} .*; --stall-timeout TIME waits longer$',
                     process.lines[-1]), process.describe()


def test_who_is_told_to_wait_waits(broker, out, spawn):
    """With a stall-timeout, and as an instance with a file of its own, which starts at boot."""
    path = out.with_name('later.cfg')
    path.write_text(f'mode = "consumer"; exit-at-end = true; write-file = "{out}";\n'
                    f'kafka-broker = "{broker.bootstrap}"; kafka-topic = "later-{os.getpid()}";\n')
    told = spawn('-c', '-e', '-k', broker.bootstrap, '-t', f'later-{os.getpid()}',
                 '--stall-timeout', '30s', '-w', f'{out}.told')
    instance = spawn('-C', str(path))
    for process in (told, instance):
        process.wait_line('does not exist')
    wait.stays(lambda: told.running() and instance.running(), 5.5,
               lambda: told.describe() + instance.describe())
    topic = Topic(broker, broker.topic(name=f'later-{os.getpid()}'))
    for process in (told, instance):
        assert process.wait(30) == 0, process.describe()
    assert numbers(out) == [] and topic.count() == 0


def test_a_disk_that_hangs_at_the_end_is_waited_for(topic, spawn, out, tmp_path):
    topic.produce(captures.sample(5, size=80))
    frozen = tmp_path / 'frozen'
    env = {'LD_PRELOAD': os.path.join(daemon.BUILD, 'tests/kafka/slowdisk.so'),
           'SLOWDISK_FROZEN': str(frozen)}
    argv = ('-c', '-e', '-k', topic.broker.bootstrap, '-t', topic.name, '-w', str(out),
            '--stall-timeout', '1s')
    frozen.touch()
    process = spawn(*argv, env=env)
    wait.until(lambda: hidden(out) and os.path.getsize(hidden(out)[0]) == 24 + 5 * 96, 20,
               process.describe)
    wait.stays(process.running, 2, process.describe)
    assert out.read_bytes() == OLD
    frozen.unlink()
    assert process.wait(20) == 0 and numbers(out) == list(range(5)), process.describe()

    out.write_bytes(OLD)
    frozen.touch()
    process = spawn(*argv, env=env)
    wait.until(lambda: hidden(out) and os.path.getsize(hidden(out)[0]) == 24 + 5 * 96, 20,
               process.describe)
    process.send_signal(signal.SIGINT)
    process.wait_line(f'Waiting for the disk of {out}')
    assert process.stop(signal.SIGINT) == 1, process.describe()
    assert_part(process, out, 5)
    frozen.unlink()
