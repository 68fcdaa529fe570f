# SPDX-License-Identifier: Apache-2.0
"""A recorder as a service: where it may write, and what is in its files however it ends."""
import collections
import os
import shutil
import struct
import threading

import pytest

from harness import captures, wait
from harness.daemon import Pycapa
from harness.proc import run

PACKETS, PER_SECOND, FILES = 1000000, 20000, 8


def test_a_place_outside_is_refused_with_the_line_to_add(instances, broker, name, host):
    host.run('install', '-d', '-o', 'pycapa', f'/srv/{name}')
    i = instances(name, broker, 'pcap', mode='consumer', write_file=f'/srv/{name}/a.pcapng',
                  ring_buffer='packets:40').configure()
    i.remember()
    i.systemctl('start', check=False)
    i.wait_message(rf'add the line ReadWritePaths=/srv/{name} to its \[Service\] section '
                   rf'\(systemctl edit pycapa@{name}\)')
    assert host.show(i.unit, 'NRestarts', 'ExecMainStatus', 'SubState') == {
        'NRestarts': '0', 'ExecMainStatus': '2', 'SubState': 'failed'}
    assert len(i.own_entries('PRIORITY=3')) == 1, i.story()
    allow(host, i.unit, f'/srv/{name}')
    i.start()


def allow(host, unit, path):
    host.write(f'/etc/systemd/system/{unit}.d/place.conf', f'[Service]\nReadWritePaths={path}\n')
    host.systemctl('daemon-reload')


class Collector(threading.Thread):
    """Takes each file as a program would that waits for whole ones: once it has its name."""

    def __init__(self, directory, copies):
        super().__init__(daemon=True)
        self.directory, self.copies = directory, str(copies)
        self.most, self.over = 0, threading.Event()
        self.start()

    def look(self):
        names = [n for n in os.listdir(self.directory) if not n.startswith('.')]
        self.most = max(self.most, len(names))
        for n in sorted(set(names) - set(os.listdir(self.copies))):
            shutil.copyfile(f'{self.directory}/{n}', f'{self.copies}/{n}')

    def run(self):
        while not self.over.wait(0.1):
            self.look()

    def stop(self):
        self.over.set()
        self.join()

    def finish(self):
        self.stop()
        self.look()
        return [f'{self.copies}/{n}' for n in sorted(os.listdir(self.copies))]


@pytest.fixture
def collectors():
    made = []

    def make(*args):
        made.append(Collector(*args))
        return made[-1]
    yield make
    for collector in made:
        collector.stop()


def write_stream(path):
    with open(path, 'wb') as f:
        f.write(captures.header())
        for n in range(PACKETS):
            seconds, micros = divmod(n * 1000000 // PER_SECOND, 1000000)
            data = captures.udp(n, 100)
            f.write(struct.pack('<IIII', 1700000000 + seconds, micros, 100, 100) + data)


def lag(i):
    """As a stats line that is asked for says it."""
    before = len(i.entries())
    i.kill('SIGUSR1')
    lines = wait.until(lambda: [e for e in i.entries()[before:] if 'PYCAPA_LAG' in e], 10, i.story)
    return int(lines[-1]['PYCAPA_LAG'])


def crash(i):
    pid = i.pid
    i.kill('SIGKILL')
    i.wait_active(not_pid=pid)


@pytest.mark.long
def test_a_recorder_that_is_killed_and_has_no_space_leaves_no_hole(instances, broker, topic, host,
                                                                   name, collectors, tmp_path):
    """
    1,000,000 packets at 20,000 a second into files of 10 MB, killed five times, once of them while
    the disk is full: every packet is there, once, or twice in what was not committed at the kill.
    The program sees no file twice, and misses none but those that it was due on at a kill.
    """
    place, copies = f'/srv/{name}', tmp_path / 'copies'
    copies.mkdir()
    write_stream(tmp_path / 'stream.pcap')
    host.shell(f'mkdir -p {place}; mount -t tmpfs -o size=160M tmpfs {place}; chown pycapa {place}')
    i = instances(name, broker, topic.name, mode='consumer', kafka_offset='stored',
                  kafka_config=[f'group.id={name}', f'group.instance.id={name}'],
                  write_file=f'{place}/a.pcapng', ring_buffer=f'filesize:10000 files:{FILES}',
                  postrotate=f'sh /srv/{name}.sh')
    # Elsewhere than on the disk that is full.
    host.write(f'/srv/{name}.sh', 'echo "${1##*/}" >>"$STATE_DIRECTORY/seen"\n', mode='0644')
    allow(host, i.unit, place)
    i.start()
    inside = f'/proc/{host.pid}/root{place}'
    collector = collectors(inside, copies)
    sender = Pycapa('-p', '-r', tmp_path / 'stream.pcap', '--pace', '-k', broker.bootstrap, '-t',
                    topic.name)

    def wait_files(more):
        count = len(os.listdir(copies)) + more
        wait.until(lambda: len(os.listdir(copies)) >= count, 60, i.story)
    wait_files(2)
    crash(i)
    wait_files(2)
    crash(i)
    wait_files(1)
    host.shell(f'dd if=/dev/zero of={place}/.ballast bs=1M 2>/dev/null || true')
    i.wait_message('no space left on the disk')
    crash(i)
    i.wait_message('no space left on the disk', count=2)
    host.shell(f'rm {place}/.ballast')
    i.wait_message('space again')
    for _ in range(2):
        wait_files(2)
        crash(i)
    assert sender.wait(120) == 0, sender.describe()
    wait.until(lambda: lag(i) == 0, 60, i.story)
    assert i.stop().ended_well(), i.story()
    assert topic.group_offsets(name, [0]) == {0: PACKETS}
    judge(collector, tmp_path, i)
    seen = collections.Counter(host.run('cat', f'/var/lib/pycapa/{name}/seen').stdout.split())
    missed = sorted(set(os.listdir(copies)) - set(seen))
    print(f'the program saw {len(seen)} files; not {missed}')
    assert set(seen.values()) == {1} and set(seen) <= set(os.listdir(copies)), seen
    assert len(missed) <= 2 * 5  # that which it was run on, and that which was getting its name


def judge(collector, tmp_path, i):
    found = collector.finish()
    for path in found:
        run('capinfos', '-c', path)
    run('mergecap', '-F', 'pcap', '-w', tmp_path / 'all.pcap', *found, timeout=300)
    counts = collections.Counter(captures.sequence(p.data)
                                 for p in captures.read(tmp_path / 'all.pcap')[1])
    twice = sum(counts.values()) - len(counts)
    print(f'{len(found)} files, at most {collector.most} at a time; {len(counts)} of {PACKETS} '
          f'packets, {twice} of them twice; '
          f'{len(i.messages("its packets are read again"))} unfinished files')
    assert sorted(counts) == list(range(PACKETS)) and max(counts.values()) <= 2
    # A kill between the name of a file and its commit has that file written again.
    assert twice <= 5 * 10000000 // 100
    assert collector.most <= FILES + 1  # the oldest goes when the next one has its name
