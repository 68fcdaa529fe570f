# SPDX-License-Identifier: Apache-2.0
"""The files of a spool in the eyes of others."""
import glob
import os
import subprocess
import time

import pytest

from harness import captures, daemon, traffic, wait
from harness.daemon import pycapa
from harness.net import free_port
from harness.proc import Process
from harness.witness import tshark_fields

WRITER = os.path.join(daemon.BUILD, 'tests/kafka/spool-writer')
SLOW_DISK = os.path.join(daemon.BUILD, 'tests/kafka/slowdisk.so')
ENCAPSULATIONS = ['1', '7', '25', '45']  # wiretap's names of Ethernet, raw IP, cooked, user 0


@pytest.fixture
def writer(tmp_path):
    with Process([WRITER, tmp_path / 'spool'], stdin=subprocess.PIPE,
                 directory=str(tmp_path)) as process:
        yield process


def spool_up_to(process, total):
    """Has packets written, four at a time, and waits until they are on disk."""
    there = process.stdout.split()
    process.popen.stdin.write(b'.' * (total // 4 - len(there)))
    process.popen.stdin.flush()
    wait.until(lambda: process.stdout.endswith(b'%d\n' % total), 30, process.describe)


def test_tshark_reads_mixed_link_types_while_they_are_written(writer, tmp_path):
    for total in (4, 8, 88):
        spool_up_to(writer, total)
        path, = glob.glob(str(tmp_path / 'spool' / '*.pcapng'))
        rows = tshark_fields(path, 'frame.encap_type', 'frame.cap_len', 'frame.len',
                             'frame.time_epoch')
        assert writer.running(), writer.describe()
        assert rows == [(ENCAPSULATIONS[n % 4], str(20 + n % 80), str(20 + n),
                         f'1700000000.{n:06d}{n:03d}') for n in range(total)]
    writer.popen.stdin.close()
    assert writer.wait() == 0, writer.describe()
    assert len(tshark_fields(path, 'frame.number')) == total


def tshark_count(folder):
    return sum(len(tshark_fields(path, 'frame.number'))
               for path in glob.glob(str(folder / '*.pcapng')))


def test_a_run_ends_though_the_end_of_the_spool_is_damaged(topic, tmp_path):
    folder = tmp_path / 'spool'
    packets = captures.sample(100, size=80)
    source = captures.write(tmp_path / 'a.pcap', packets)
    argv = ('-p', '-t', topic.name, '--spool-directory', folder)
    first = pycapa(*argv, '-r', source, '-k', 'localhost:1', '--stall-timeout', '1s')
    assert first.status == 0 and first.account()['spooled'] == 100, first.describe()
    path, = glob.glob(str(folder / '*.pcapng'))
    with open(path, 'r+b') as f:
        f.seek(os.path.getsize(path) * 3 // 4)
        f.write(b'\xff' * 200)
    empty = captures.write(tmp_path / 'b.pcap', [])
    second = pycapa(*argv, '-r', empty, '-k', topic.broker.bootstrap)
    stats = second.account()
    assert second.status == 1 and second.grep('ERROR.*is damaged'), second.describe()
    assert second.grep('packet.s. not delivered.*a file damaged'), second.describe()
    assert stats['recovered'] == 100 and stats['dropped'] > 0, stats
    assert stats['delivered'] == 100 - stats['dropped'] == len(topic.records()), stats
    assert not glob.glob(str(folder / '*.pcapng'))


def test_files_that_hold_nothing_readable_are_no_success(topic, tmp_path):
    folder = tmp_path / 'spool'
    argv = ('-p', '-t', topic.name, '--spool-directory', folder)
    source = captures.write(tmp_path / 'a.pcap', captures.sample(100, size=80))
    first = pycapa(*argv, '-r', source, '-k', 'localhost:1', '--stall-timeout', '1s')
    assert first.status == 0 and first.account()['spooled'] == 100, first.describe()
    zeroed, = glob.glob(str(folder / '*.pcapng'))
    with open(zeroed, 'r+b') as f:
        f.write(bytes(os.path.getsize(zeroed)))
    names = [os.path.join(folder, f'spool-000000000000000{n}.pcapng') for n in (1, 2)]
    os.mkfifo(names[0])
    with open(names[1], 'wb') as f:
        f.write(b'\n\r\r\n')
    second = pycapa(*argv, '-r', source, '-k', topic.broker.bootstrap)
    assert len(topic.records()) == 100, second.describe()
    assert second.status == 1, second.describe()
    for name in (zeroed, *names):
        assert os.path.exists(name) and len(second.grep(f'ERROR.*{name}')) == 1, second.describe()
    assert '3 file(s) in' in second.stderr.strip().splitlines()[-1], second.describe()


def test_a_frozen_file_system_holds_up_neither_signals_nor_the_end(pair, spawn, tmp_path):
    frozen, folder = tmp_path / 'frozen', tmp_path / 'spool'
    argv = ('-p', '-i', pair.inside, '-t', 'x', '-k', f'127.0.0.1:{free_port()}',
            '--spool-directory', folder, '--shutdown-timeout', '1s')
    process = spawn(*argv, env={'LD_PRELOAD': SLOW_DISK, 'SLOWDISK_FROZEN': str(frozen)})
    process.wait_capturing()
    traffic.send(pair, 100, 0)
    wait.until(lambda: tshark_count(folder) == 100, 30, process.describe)
    frozen.touch()
    traffic.send(pair, 200, 0)
    wait.until(lambda: process.stats()['received'] == 300, 10, process.describe)
    before = time.monotonic()
    assert process.stop() == 1, process.describe()
    assert time.monotonic() - before < 8, process.describe()
    stats = process.account()
    assert (stats['spooled'], stats['dropped']) == (100, 200), process.describe()
    assert len(process.grep('ERROR.*the disk hangs: 200 packet')) == 1, process.describe()
    again = spawn(*argv).wait_capturing()
    assert again.stats()['recovered'] == 100, again.describe()
