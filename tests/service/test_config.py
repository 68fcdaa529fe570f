# SPDX-License-Identifier: Apache-2.0
"""
A property test of the configuration: for every key of the program's own table, at a place chosen
by chance, good values, those of the wrong type, those it cannot have, and a typo of its name.
"""
import os
import random
import re
import subprocess

import pytest

from harness import daemon
from harness.proc import run

# A good value of each text key: for these the table knows no default that one could use.
TEXTS = {'kafka-broker': 'kafka1:9092,kafka2', 'kafka-topic': 'a.topic_name-1', 'interface': 'eth7',
         'read-file': '/dev/null', 'filter': 'tcp port 80', 'spool-directory': '/tmp/spool',
         'write-file': '/tmp/out.pcap', 'ring-buffer': 'packets:5 files:3',
         'autostop': 'duration:60,packets:5', 'postrotate': 'gzip -9',
         'from': '2026-11-23', 'to': '-15m', 'partitions': '0-3,7',
         'metrics-listen': '127.0.0.1:9100', 'metrics-textfile': '/tmp/pycapa.prom',
         'listen': 'systemd'}


def table():
    dump = run(os.path.join(daemon.BUILD, 'tests/unit/settings-dump')).stdout
    rows = [line.split('\t') for line in dump.splitlines()]
    return [dict(name=r[0], type=r[2], scope=r[3], role=r[4], default=r[5], range=r[6]) for r in rows]


KEYS = [k for k in table() if k['scope'] != 'option'] if os.path.exists(
    os.path.join(daemon.BUILD, 'tests/unit/settings-dump')) else []


def bounds(key):
    """(lowest, highest) as the table says them, '0 to 1h'; None: no end."""
    if key['range'] == '0 or more':
        return '0', None
    return tuple(key['range'].removesuffix(', or all').split(' to '))


def quoted(value):
    return value if re.fullmatch(r'-?\d+', value) else f'"{value}"'


def good_values(key):
    kind = key['type']
    if kind == 'bool':
        return ['true', 'false']
    if kind == 'enum':
        return [f'"{c}"' for c in re.split(', | or ', key['range'])]
    if kind in ('integer', 'size', 'time'):
        words = ['"all"'] if key['range'].endswith(', or all') else []
        return [quoted(v) for v in bounds(key) if v is not None] + words
    if kind == 'offset':
        return ['"begin"', '"end"', '"stored"', '5', '"-15m"', '"2026-11-23T10:15:00Z"']
    if kind == 'list':
        return ['( "linger.ms=7", "compression.type=lz4" )']
    return [f'"{TEXTS[key["name"]]}"']


def wrong_types(key):
    kind = key['type']
    wrong = ['{ a = 1; }', '( ( 1 ) )']
    if kind == 'bool':
        return wrong + ['"sometimes"', '7']
    if kind in ('integer', 'size', 'time'):
        return wrong + ['"many"', 'true', '1.5', '"12x"', '""']
    if kind == 'list':
        return wrong + ['"linger.ms=7"', '( 5 )', '( "linger.ms" )', '( "no.such.property=1" )',
                        '( "linger.ms=often" )']
    if kind in ('enum', 'offset'):
        return wrong + ['"no such value"', 'true']
    return wrong + ['5', 'true', '1.5']


# Values of the right type that the key cannot have: those of a text key, and of a list.
BAD_TEXTS = {
    'kafka-broker': ['', 'kafka1:99999', 'kafka1:abc', 'http://kafka1:1', 'a:1 b:2', '::1'],
    'kafka-topic': ['', 'a' * 250, 'a/b', '.', '..', 'a topic'],
    'interface': ['', 'sixteen-letters0'], 'read-file': [''], 'write-file': [''],
    'filter': ['tcp prot 80', 'port nosuchport', '((('],
    'from': ['', 'yesterday', '@1795428900000'], 'to': ['', '2026-02-29', '-15'],
    'partitions': ['', 'a', '3-1', '1,'],
    'ring-buffer': ['', 'files:3', 'packets', 'packets:0', 'size:5'],
    'autostop': ['', 'files:3', 'packets', 'duration:0', 'interval:60'],
    'metrics-listen': ['', '127.0.0.1:99999', 'a:b:c'], 'listen': ['', '99999', 'systemd2'],
    'metrics-textfile': [''], 'postrotate': ['', 'gzip | cat', 'cat >x', "sh -c 'gzip $1'"],
    'kafka-offset': ['', 'yesterday', '-0', '@-1', '-15x', '99999999999999999999',
                     '2026-02-29T00:00:00Z']}
BAD_LISTS = {'kafka-config': [['linger.ms=-1'], [''], ['=1'], ['acks=2000'], ['linger.ms=900001'],
                              ['linger.ms=10s'], ['retries=5,acks=1'],
                              ['bootstrap.servers=a:99999'],
                              ['sasl.password=@/nonexistent'], ['transactional.id=a'],
                              ['acks=1', 'enable.idempotence=true'],
                              ['linger.ms=10', 'message.timeout.ms=8']]}


def bad_numbers(key):
    low, high = bounds(key)
    # libconfig 1.5 would wrap these into something that looks right.
    values = ['-5', '99999999999999999999', '18446744073709551617', '9223372036854775808']
    if key['type'] != 'integer':
        values += ['"-5"', '"99999999999999999999"', '"18446744073709551615T"']
    if low != '0':
        values.append('0')
    if high is not None:
        values.append(quoted(f'{int(re.match(r"[0-9]+", high).group()) + 1}'
                             f'{re.sub("^[0-9]+", "", high)}'))
    return values


def bad_values(key):
    kind = key['type']
    if kind in ('integer', 'size', 'time'):
        return bad_numbers(key)
    if kind == 'enum':
        return ['""', '"no such value"', f'"{key["default"]}s"']
    if kind == 'list':
        return ['( ' + ', '.join(f'"{v}"' for v in values) + ' )'
                for values in BAD_LISTS[key['name']]]
    return [f'"{v}"' for v in BAD_TEXTS[key['name']]]


def typo(name, rng):
    """A name that is nearly right: a letter doubled, left out, or swapped."""
    if len(name) < 3:
        return name + name[-1]
    at = rng.randrange(1, len(name) - 1)
    made = rng.choice((name[:at] + name[at] + name[at:], name[:at] + name[at + 1:],
                       name[:at] + name[at + 1] + name[at] + name[at + 2:]))
    return made if made != name and made not in [k['name'] for k in KEYS] else name + 'x'


def other_lines(key, rng):
    """Innocent lines around the one that is tested."""
    lines = ['# a comment', '', 'stats-interval = "10s";', 'log-level = "WARN"; // too',
             '/* over', 'two lines */', 'shutdown-timeout = 5;']
    lines = [line for line in lines if not line.startswith(key['name'] + ' ')]
    at = rng.choice([n for n in range(len(lines) + 1)
                     if n == 0 or not lines[n - 1].startswith('/*')])
    return lines[:at], lines[at:]


def check(tmp_path, key, line, rng):
    """(exit status, number of the line, [output lines]) of --check-config."""
    before, after = other_lines(key, rng)
    # The two bound each other.
    if key['name'] == 'spool-size':
        before.append('spool-segment = "1M";')
    mode = 'consumer' if key['role'] == 'consumer' else 'producer'
    head = [] if key['name'] == 'mode' else [f'mode = "{mode}";']
    if key['name'] == 'ring-buffer':
        before.append('write-file = "/tmp/out.pcap";')
    if key['name'] == 'spool-segment':
        head.append('spool-size = "1024T";')
    if key['name'] == 'pace':
        head.append('read-file = "/dev/null";')
    lines = [*head, *before, line, *after]
    path = tmp_path / 'eth0.cfg'
    path.write_text('\n'.join(lines) + '\n')
    done = subprocess.run([daemon.BINARY, '-C', path, '--check-config'], capture_output=True,
                          text=True, timeout=30, check=False)
    return done.returncode, len(head) + len(before) + 1, (done.stdout + done.stderr).splitlines()


def refused(tmp_path, key, line, rng):
    status, number, out = check(tmp_path, key, line, rng)
    assert status == 2, (line, out)
    faults = [text for text in out if re.match(r'.*eth0\.cfg:\d+: ', text)]
    assert len(faults) == 1, (line, out)
    assert f'eth0.cfg:{number}: ' in faults[0], (line, number, out)
    return faults[0]


def test_the_table_was_found():
    assert len(KEYS) > 25


@pytest.fixture(params=[k['name'] for k in KEYS])
def key(request):
    return next(k for k in KEYS if k['name'] == request.param)


@pytest.fixture
def rng(key):
    return random.Random(key['name'])


def test_good_value(key, rng, tmp_path):
    for value in good_values(key):
        line = f'{key["name"]} = {value};'
        status, _, out = check(tmp_path, key, line, rng)
        assert status == 0, (line, out)


def test_wrong_type(key, rng, tmp_path):
    for value in wrong_types(key):
        fault = refused(tmp_path, key, f'{key["name"]} = {value};', rng)
        assert key['name'] in fault or 'no.such.property' in fault or 'linger.ms' in fault, fault


# What is neither true nor false is of another type; a spool can be anywhere, "" is none.
@pytest.mark.parametrize('key', [k['name'] for k in KEYS if k['type'] != 'bool' and
                                 k['name'] != 'spool-directory'], indirect=True)
def test_bad_value(key, rng, tmp_path):
    values = bad_values(key)
    assert len(values) >= 1
    for value in values:
        fault = refused(tmp_path, key, f'{key["name"]} = {value};', rng)
        assert (key['name'] in fault or 'a number is too large' in fault or
                key['type'] == 'list' or key['name'] == 'kafka-topic' and 'Kafka topic' in fault
                ), fault


def test_typo_names_the_key(key, rng, tmp_path):
    for _ in range(3):
        line = f'{typo(key["name"], rng)} = {good_values(key)[0]};'
        fault = refused(tmp_path, key, line, rng)
        # In a name as short as `mode` another key can be as near.
        # partition and partitions are neighbours: either may have been meant.
    assert key['name'].rstrip('s') in fault or len(key['name']) < 6, (line, fault)


def test_all_faults_are_reported_each_with_its_line(tmp_path):
    path = tmp_path / 'eth0.cfg'
    path.write_text('snaplen = "x";\n\nsnaplem = 5;\nlog-level = 7;\nbuffer-size = 1;\n')
    done = subprocess.run([daemon.BINARY, '-C', path, '--check-config'], capture_output=True,
                          text=True, timeout=30, check=False)
    assert done.returncode == 2
    assert re.findall(r'eth0\.cfg:(\d+): ', done.stdout + done.stderr) == ['1', '3', '4', '5']


def test_shipped_examples_are_valid():
    for name in ('example.cfg', 'fanout.cfg', 'minimal.cfg', 'recorder.cfg'):
        path = os.path.join(daemon.TREE, 'conf', name)
        done = subprocess.run([daemon.BINARY, '-C', path, '--check-config'], capture_output=True,
                              text=True, timeout=30, check=False,
                              env={**os.environ, 'STATE_DIRECTORY': '/var/lib/pycapa/example'})
        assert done.returncode == 0, done.stdout + done.stderr
