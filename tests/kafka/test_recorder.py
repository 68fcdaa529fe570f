# SPDX-License-Identifier: Apache-2.0
"""A capture as many files (--ring-buffer): what other programs find, while it is written and after."""
import glob
import os
import pathlib
import re
import signal
import time

import pytest

from harness import captures, metrics, wait
from harness.daemon import pycapa
from harness.faults import Ext4
from harness.proc import run


def files(directory):
    return sorted(name for name in os.listdir(directory) if not name.startswith('.'))


def frames(path):
    if path.endswith('.pcap'):
        return [p.data for p in captures.read(path)[1]]
    return [record.data for record in captures.records(path)]


def packets(directory, name):
    return [captures.sequence(data) for data in frames(f'{directory}/{name}')]


def test_a_topic_becomes_files_by_the_time_of_its_packets(topic, tmp_path):
    """1 packet a millisecond: 400 ms a file, each of which opens by itself; mergecap joins them."""
    out = tmp_path / 'files'
    out.mkdir()
    topic.produce(captures.sample(1000, size=100))
    process = pycapa('-c', '-e', '-k', topic.broker.bootstrap, '-t', topic.name,
                     '-w', f'{out}/a-%H%M.pcapng', '-b', 'duration:0.4', '-b', 'packets:300')
    assert process.status == 0, process.describe()
    found = files(out)
    assert [re.fullmatch(r'a-\d{4}_(\d{5})\.pcapng', name).group(1) for name in found] == \
        ['00001', '00002', '00003', '00004']
    assert [packets(out, name)[0] for name in found] == [0, 300, 600, 900]
    told = run('capinfos', '-TmQrc', *(f'{out}/{name}' for name in found)).stdout
    assert [line.split(',')[-1].strip('"') for line in told.splitlines()] == \
        ['300', '300', '300', '100']
    run('mergecap', '-F', 'pcap', '-w', f'{tmp_path}/all.pcap', *(f'{out}/{n}' for n in found))
    assert packets(tmp_path, 'all.pcap') == list(range(1000))
    assert process.counts() == (1000, 1000)


def test_files_are_there_when_they_are_whole(topic, consumer, tmp_path):
    """While it runs: no file that is not complete; the last ones are kept; an interrupt ends one."""
    out = tmp_path / 'files'
    out.mkdir()
    process = consumer(topic, '-o', 'begin', '-w', f'{out}/a.pcap', '-b', 'packets:10', '-b',
                       'files:2', '--metrics-listen', f'{tmp_path}/metrics')
    topic.produce(captures.sample(35, size=100))
    wait.until(lambda: [n for n in files(out) if '_00003_' in n], 20, process.describe)
    wait.until(lambda: len(files(out)) == 2, 20, process.describe)
    wait.until(lambda: metrics.scrape(f'{tmp_path}/metrics')['pycapa_rotated_files_total'] == 3, 20,
               process.describe)
    assert [len(packets(out, name)) for name in files(out)] == [10, 10]
    assert process.stop() == 0, process.describe()
    assert [packets(out, name) for name in files(out)] == [list(range(20, 30)), list(range(30, 35))]


def test_a_quiet_topic_ends_a_file_by_the_clock(topic, consumer, tmp_path):
    """Soon after its last packet: no other one comes that would be due to the next."""
    out = tmp_path / 'files'
    out.mkdir()
    process = consumer(topic, '-o', 'begin', '-w', f'{out}/a.pcapng', '-b', 'duration:0.2')
    for first in (0, 10):
        topic.produce([captures.Packet(time.time_ns() // 1000, captures.udp(n), 64)
                       for n in range(first, first + 10)])
        wait.until(lambda: recorded(out) == list(range(first + 10)), 30, process.describe)
    assert process.running() and process.stop() == 0, process.describe()


def test_compressed_files_open_as_they_are(topic, consumer, tmp_path):
    """Complete ones, and what is written of the next: all that a process leaves when it is killed."""
    out = tmp_path / 'files'
    out.mkdir()
    argv = ('-o', 'begin', '-w', f'{out}/a.pcapng.zst', '-b', 'packets:10')
    process = consumer(topic, *argv)
    topic.produce(captures.sample(25, size=100))

    def unfinished():
        # Its frame has no end: the packets are read, then an error tells so.
        return [run('tshark', '-r', path, '-T', 'fields', '-e', 'frame.number',
                    check=False).stdout.split() for path in glob.glob(f'{out}/.a_00003_*')]
    wait.until(lambda: len(files(out)) == 2, 20, process.describe)
    wait.until(lambda: unfinished() == [['1', '2', '3', '4', '5']], 20, process.describe)
    process.kill()
    told = run('capinfos', '-TmQrc', *(f'{out}/{name}' for name in files(out))).stdout
    assert [line.split(',')[-1].strip('"') for line in told.splitlines()] == ['10', '10']
    run('mergecap', '-F', 'pcap', '-w', f'{tmp_path}/all.pcap', *(f'{out}/{n}' for n in files(out)))
    assert packets(tmp_path, 'all.pcap') == list(range(20))


def test_a_run_stops_as_it_is_told(topic, tmp_path):
    """-a: with the file that is the last, which has all of its packets; or by the clock."""
    out = tmp_path / 'files'
    out.mkdir()
    topic.produce(captures.sample(35, size=100))
    start = ('-c', '-o', 'begin', '-k', topic.broker.bootstrap, '-t', topic.name)
    process = pycapa(*start, '-w', f'{out}/a.pcap', '-b', 'packets:10', '-a', 'files:3')
    assert process.status == 0, process.describe()
    assert [packets(out, name) for name in files(out)] == \
        [list(range(n, n + 10)) for n in (0, 10, 20)]
    process = pycapa(*start, '-w', f'{tmp_path}/one.pcap', '-a', 'duration:0.2', '-a', 'packets:50')
    assert process.status == 0, process.describe()
    found = packets(tmp_path, 'one.pcap')
    assert found == list(range(len(found))), found


def test_what_makes_no_files_is_refused(tmp_path):
    for argv, why in ((('-b', 'files:3'), 'nothing here ends a file'),
                      (('-b', 'size:3'), 'is not one of duration:S'),
                      (('-b', 'packets:3', '-w', '-'), 'needs the name of its files'),
                      (('-b', 'packets:3', '-w', f'{tmp_path}/%Y/a.pcap'), 'directory')):
        argv = argv if '-w' in argv else (*argv, '-w', f'{tmp_path}/a.pcap')
        process = pycapa('-c', '-t', 'x', *argv)
        assert process.status == 2 and process.grep(why), process.describe()


def recorded(directory):
    """The numbers of all packets that are in whole files."""
    return sorted(n for name in files(directory) for n in packets(directory, name))


def is_writing(directory, number):
    """The file of that number has been begun, and has no name yet."""
    return any(name.startswith(f'.a_{number:05}_') for name in os.listdir(directory))


def recorder(consumer, topic, directory, *argv):
    directory.mkdir(exist_ok=True)
    return consumer(topic, '-o', 'stored', '-X', f'group.id=group-{topic.name}',
                    '-w', f'{directory}/a.pcapng', *argv)


@pytest.mark.library
def test_a_recorder_that_is_killed_goes_on_behind_its_last_file(topic, consumer, tmp_path):
    """Committed is what is in a file that has its name; the rest is read again."""
    out, group = tmp_path / 'files', f'group-{topic.name}'
    argv = ('-b', 'packets:10', '-X', f'group.instance.id={group}')
    first = recorder(consumer, topic, out, *argv)
    topic.produce(captures.sample(25, size=100))
    wait.until(lambda: topic.group_offsets(group, [0]) == {0: 20} and is_writing(out, 3), 30,
               first.describe)
    assert recorded(out) == list(range(20))
    # Nor does the clock commit what is in the open file.
    wait.stays(lambda: topic.group_offsets(group, [0]) == {0: 20}, 1.5, first.describe)
    first.kill()
    second = recorder(consumer, topic, out, *argv)
    second.wait_line(r'removed .*/\.a_00003_.* its packets are read again', 30)
    topic.produce(captures.sample(35, size=100)[25:])
    wait.until(lambda: len(recorded(out)) == 30, 30, second.describe)
    assert second.stop() == 0, second.describe()
    assert recorded(out) == list(range(35))
    assert topic.group_offsets(group, [0]) == {0: 35}


@pytest.mark.library
def test_recorders_of_a_group_hand_over_without_a_hole(make_topic, consumer, tmp_path):
    """What the first has taken is in a file of its own before the second gets a partition."""
    topic = make_topic(2)
    one, two = tmp_path / 'one', tmp_path / 'two'
    sample = captures.sample(400, size=100)
    first = recorder(consumer, topic, one, '-b', 'packets:1000')
    for part in (0, 1):
        topic.produce(sample[part * 100:(part + 1) * 100], partition=part)
    wait.until(lambda: is_writing(one, 1), 30, first.describe)
    second = recorder(consumer, topic, two, '-b', 'packets:1000')
    second.wait_line(r'group: reading 1 partition', 30)
    assert files(one) and not files(two), first.describe()
    for part in (0, 1):
        topic.produce(sample[(2 + part) * 100:(3 + part) * 100], partition=part)
    wait.until(lambda: is_writing(two, 1), 30, second.describe)
    assert second.stop() == 0 and first.stop() == 0, second.describe()
    assert sorted(recorded(one) + recorded(two)) == list(range(400))
    assert recorded(two)


def test_a_reload_with_a_new_client_goes_on_in_the_open_file(topic, spawn, tmp_path):
    """What the old client took, and is in no file that has its name yet, the new one commits."""
    out, group, path = tmp_path / 'files', f'group-{topic.name}', tmp_path / 'recorder.cfg'
    out.mkdir()

    def configure(milliseconds):
        path.write_text(f'mode = "consumer"; kafka-broker = "{topic.broker.bootstrap}";\n'
                        f'kafka-topic = "{topic.name}"; kafka-offset = "stored";\n'
                        f'write-file = "{out}/a.pcapng"; ring-buffer = "packets:10";\n'
                        f'kafka-config = ("group.id={group}", '
                        f'"fetch.wait.max.ms={milliseconds}");\n')
    configure(100)
    process = spawn('-C', path)
    topic.produce(captures.sample(25, size=100))
    wait.until(lambda: len(recorded(out)) == 20 and is_writing(out, 3), 30, process.describe)
    configure(101)
    process.send_signal(signal.SIGHUP)
    process.wait_line('Reloaded', 30)
    topic.produce(captures.sample(35, size=100)[25:])
    wait.until(lambda: len(recorded(out)) == 30, 60, process.describe)
    assert process.stop() == 0, process.describe()
    assert recorded(out) == list(range(35))
    assert topic.group_offsets(group, [0]) == {0: 35}


@pytest.fixture
def disk(tmp_path):
    made = Ext4(tmp_path, 64)
    yield made
    made.remove()


@pytest.mark.long
def test_a_power_failure_takes_nothing_that_is_committed(topic, consumer, disk):
    """The packets, and the name of the file: nothing has synced the disk since the commit."""
    out, group = f'{disk.path}/files', f'group-{topic.name}'
    os.mkdir(out)
    run('sync', '-f', out)
    process = recorder(consumer, topic, pathlib.Path(out), '-b', 'packets:10')
    topic.produce(captures.sample(25, size=100))
    wait.until(lambda: topic.group_offsets(group, [0]) == {0: 20}, 30, process.describe)
    disk.cut_power()
    process.kill()
    assert topic.group_offsets(group, [0]) == {0: 20}
    disk.restore()
    assert recorded(out) == list(range(20)), os.listdir(out)


@pytest.mark.long
def test_a_power_failure_amid_files_leaves_no_hole(topic, consumer, disk):
    """20,000 packets, 100 a file: it fails while files are synced, named and committed."""
    out, group = f'{disk.path}/files', f'group-{topic.name}'
    os.mkdir(out)
    run('sync', '-f', out)
    process = recorder(consumer, topic, pathlib.Path(out), '-b', 'packets:100')
    topic.produce(captures.sample(20000, size=100))
    wait.until(lambda: len(files(out)) >= 20, 30, process.describe)
    disk.cut_power()
    process.kill()
    committed = topic.group_offsets(group, [0])[0]
    disk.restore()
    found = recorded(out)
    print(f'{committed} packets committed, {len(found)} of them in {len(files(out))} files')
    assert committed >= 1000, process.describe()
    assert found == list(range(len(found))) and len(found) >= committed, os.listdir(out)
