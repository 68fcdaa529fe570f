# SPDX-License-Identifier: Apache-2.0
"""
The commands of DAILY JOBS in pycapa(1), run as they stand, broker and topics apart. Debian has
neither Zeek nor Suricata: tcpdump stands in for them, with their options.
"""
import os
import re
import struct
import subprocess
import time

import pytest

from harness import captures, daemon
from harness.proc import run

ZEEK = 'while getopts Cr: o; do file=$OPTARG; done; exec tcpdump -n -r "$file" >conn.log\n'
SURICATA = ('while getopts k:r:l: o; do case $o in r) file=$OPTARG ;; l) dir=$OPTARG ;; esac; done\n'
            'exec tcpdump -n -r "$file" >"$dir/fast.log"\n')
HOST = '192.0.2.7'


def blocks(heading):
    with open(os.path.join(daemon.TREE, 'docs/pycapa.1.scd')) as f:
        jobs = f.read().split('\n# DAILY JOBS\n')[1].split('\n# ')[0]
    section = jobs.split(f'\n## {heading}\n')[1].split('\n## ')[0]
    return [block.replace('\\\\', '\\') for block in re.findall(r'^```\n(.*?)^```$', section,
                                                                re.M | re.S)]


def test_each_job_is_run_here():
    with open(os.path.join(daemon.TREE, 'docs/pycapa.1.scd')) as f:
        jobs = f.read().split('\n# DAILY JOBS\n')[1].split('\n# ')[0]
    assert jobs.count('```\n') == 2 * sum(len(blocks(h)) for h in (
        'The last 15 minutes of a host', 'Two sensors merged', 'What was lost, and when',
        'From a topic into Zeek and Suricata'))


@pytest.fixture
def job(broker, tmp_path):
    """Runs the lines of a block in a folder of their own; `topics` are {name there: topic}."""
    programs = tmp_path / 'bin'
    programs.mkdir()
    for name, text in (('zeek', ZEEK), ('suricata', SURICATA)):
        (programs / name).write_text('#!/bin/bash\n' + text)
        (programs / name).chmod(0o755)
    os.symlink(daemon.BINARY, programs / 'pycapa')
    env = daemon.environment(PATH=f'{programs}:{os.environ["PATH"]}', TZ='UTC')

    def go(block, **topics):
        for name, topic in sorted(topics.items(), reverse=True):
            name = name.replace('_', '-')
            assert f'-t {name} ' in block, block
            block = block.replace(f'-t {name} ', f'-t {topic.name} ')
        assert 'kafka1:9092' in block
        block = block.replace('kafka1:9092', broker.bootstrap)
        done = subprocess.run(['bash', '-e', '-o', 'pipefail', '-c', block], env=env, cwd=tmp_path,
                              capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, f'{block}\n{done.stdout}\n{done.stderr}'
        return done.stdout
    return go


def row(age, seq, source='10.1.0.1', vlan=False, raw=False, wifi=False, host=None, lost=0):
    """A record of `age` seconds ago, as produce_raw() takes it; `raw`: without Ethernet."""
    frame = captures.udp(seq)
    frame = frame[:26] + bytes(map(int, source.split('.'))) + frame[30:]
    if vlan:
        frame = frame[:12] + b'\x81\x00\x00\x05' + frame[12:]
    if raw:
        frame = frame[14:]
    at = int((time.time() - age) * 1000000)
    headers = [('linktype', b'101' if raw else b'127')] if raw or wifi else []
    headers += [('host', host.encode()), ('interface', b'eth0')] if host else []
    headers += [('dropcount', str(lost).encode())] if lost else []
    return struct.pack('!Q', at), frame, headers, at // 1000


def sequences(path):
    """The sequence numbers of a capture, in the order of its packets."""
    shown = run('tshark', '-n', '-r', path, '-T', 'fields', '-e', 'udp.payload').stdout
    return [int(line[:16], 16) for line in shown.split()]


def test_the_last_15_minutes_of_a_host(topic, job, tmp_path):
    topic.produce_raw([row(1000, 0, HOST), row(800, 1, HOST), row(700, 2), row(600, 3, HOST, raw=True),
                       row(500, 4, raw=True), row(5, 5, HOST)])
    block, = blocks('The last 15 minutes of a host')
    job(block, pcap=topic)
    assert sequences(tmp_path / 'host.pcapng') == [1, 3, 5]


def test_two_sensors_merged(make_topic, job, tmp_path):
    one, two = blocks('Two sensors merged')
    east, west, both = make_topic(), make_topic(), make_topic(partitions=2)
    rows = [row(100 - n, n, host=('east', 'west')[n % 2]) for n in range(6)]
    for partition, target in ((1, east), (0, west)):
        target.produce_raw(rows[1 - partition::2])
        both.produce_raw(rows[1 - partition::2], partition=partition)
    assert len(job(one, pcap=both).splitlines()) == 3
    assert sequences(tmp_path / 'all.pcapng') == [0, 1, 2, 3, 4, 5]
    job(two, pcap_east=east, pcap_west=west)
    assert sequences(tmp_path / 'both.pcapng') == [0, 1, 2, 3, 4, 5]


def test_what_was_lost_and_when(topic, job):
    rows = [row(3000, 0, host='east'), row(2000, 1, host='east', lost=12), row(1000, 2, host='west'),
            row(5, 3, host='west', lost=3)]
    topic.produce_raw(rows)
    block, = blocks('What was lost, and when')
    shown = [line.split('\t') for line in job(block, pcap=topic).splitlines()]
    assert [fields[1:] for fields in shown] == [['east', 'eth0', '12'], ['west', 'eth0', '3']]
    for fields, want in zip(shown, (rows[1], rows[3])):
        assert time.strftime('%H:%M:%S', time.gmtime(want[3] // 1000)) in fields[0], fields


def test_into_zeek_and_suricata(topic, job, tmp_path):
    zeek, suricata, _ = blocks('From a topic into Zeek and Suricata')
    topic.produce_raw([row(3700, 0), row(3000, 1), row(5, 2)])
    job(zeek, pcap=topic)
    job(suricata, pcap=topic)
    for log in ('conn.log', 'fast.log'):
        assert (tmp_path / log).read_text().count('UDP') == 2, log


def test_ethernet_alone_into_suricata(topic, job, tmp_path):
    *_, ethernet = blocks('From a topic into Zeek and Suricata')
    topic.produce_raw([row(3700, 0), row(3000, 1, raw=True), row(2500, 5, wifi=True), row(2000, 2),
                       row(1000, 3, vlan=True), row(5, 4, raw=True)])
    job(ethernet, pcap=topic)
    assert sequences(tmp_path / 'ethernet.pcap') == [2, 3]
    assert (tmp_path / 'fast.log').read_text().count('UDP') == 2
