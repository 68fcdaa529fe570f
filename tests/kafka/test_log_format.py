# SPDX-License-Identifier: Apache-2.0
"""Log lines for programs (--log-format json), as Python's json reads them, and with a time."""
import datetime
import json
import os
import random
import signal

import pytest

from harness.daemon import STATS, pycapa

EVERY_BYTE = bytes(b for b in range(1, 256) if b != ord('/'))


def entries(process):
    """Each line as json reads it; the bytes must be UTF-8, and no member may come twice."""
    def members(pairs):
        assert len(dict(pairs)) == len(pairs), pairs
        return dict(pairs)
    with open(process.stderr_path, encoding='utf-8', newline='\n') as f:
        return [json.loads(line, object_pairs_hook=members) for line in f]


def age(entry):
    """Seconds since its time, which must name its zone."""
    return (datetime.datetime.now(datetime.timezone.utc) -
            datetime.datetime.fromisoformat(entry['time'].replace('Z', '+00:00'))).total_seconds()


def random_name(dice):
    pieces = ['"', '\\', 'é', '日', '😀', '\udcff', '\n', '\x7f', '\u202e', 'x']
    return ''.join(dice.choices(pieces, k=900)).encode(errors='surrogateescape')


NAMES = {'every byte': EVERY_BYTE, 'quotes': b'"' * 4000, 'backslashes': b'\\' * 4000,
         'cut within a character': 'xé'.encode() * 1500, 'no UTF-8': b'\xff' * 4000,
         **{f'random {n}': random_name(random.Random(n)) for n in range(3)}}


@pytest.mark.parametrize('kind', NAMES)
def test_a_line_is_json_whatever_bytes_it_holds(kind):
    process = pycapa('--log-format', 'json', '-C', os.fsdecode(b'./' + NAMES[kind]))
    entry, = entries(process)
    assert process.status == 2 and entry['level'] == 'ERROR', process.describe()
    assert ' ./' in entry['message'] and -5 < age(entry) < 90, entry


def test_a_fault_of_the_command_line_is_json_too():
    process = pycapa('-p', '-s', '-1', '--log-format', 'JSON')
    entry, = entries(process)
    assert process.status == 2 and entry['message'].startswith('-s/--snaplen: '), entry


def test_a_file_and_a_reload_choose_the_format(topic, spawn, tmp_path):
    file = tmp_path / 'out.cfg'
    settings = (f'mode = "consumer"; kafka-broker = "{topic.broker.bootstrap}"; '
                f'kafka-topic = "{topic.name}"; stats-interval = 0; ')
    file.write_text(settings + 'log-format = "json";')
    process = spawn('-C', file)
    process.wait_stdout(24)
    process.stats()
    seen = entries(process)
    assert {e['PYCAPA_INSTANCE'] for e in seen} == {'out'}, seen
    stats = [e for e in seen if 'PYCAPA_READ' in e][-1]
    assert (stats['PYCAPA_TOPIC'], stats['PYCAPA_READ']) == (topic.name, 0), stats

    file.write_text(settings + 'log-time = true;')
    process.send_signal(signal.SIGHUP)
    stamp = r'^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z '
    process.wait_line(stamp + 'INFO:root:Reloaded ')
    process.stats()
    assert process.grep(stamp + 'INFO:root:.*' + STATS)
    assert process.stop() == 0
