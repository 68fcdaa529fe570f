# SPDX-License-Identifier: Apache-2.0
"""The old README's five examples, run as they stand, interface and broker name apart."""
import os
import re
import shlex
import signal

import pytest

from harness import captures, daemon, traffic, wait
from harness.proc import Process, run
from harness.witness import pipeline

CONNECTING = r"INFO:root:Connecting to Kafka; \{.*'bootstrap\.servers': '%s'.*\}"


@pytest.fixture
def user_env():
    """An environment in which `pycapa` is the program under test."""
    folder = os.path.dirname(daemon.BINARY)
    return daemon.environment(PATH=folder + ':' + os.environ['PATH'])


def assert_lines(stderr, *patterns):
    """stderr is these lines and no other."""
    lines = stderr.splitlines()
    assert len(lines) == len(patterns), stderr
    for line, pattern in zip(lines, patterns):
        assert re.fullmatch(pattern, line), f'{line!r} is not {pattern!r}'


def test_example_1_capture_ten_packets(spawn, pair, topic):
    process = spawn('--producer', '--interface', pair.inside,
                    '--kafka-broker', topic.broker.bootstrap,
                    '--kafka-topic', topic.name, '--max-packets', '10').wait_capturing()
    traffic.send(pair, 30, 100)
    assert process.wait(30) == 0, process.describe()
    assert_lines(process.stderr, CONNECTING % topic.broker.bootstrap,
                 'INFO:root:Starting packet capture',
                 r"INFO:root:Waiting for '\d+' message\(s\) to flush",
                 r"INFO:root:'10' packet\(s\) in, '10' packet\(s\) out")
    assert process.stdout == b''
    assert [captures.sequence(r.value) for r in topic.records()] == list(range(10))


def test_example_2_capture_until_interrupted(spawn, pair, topic):
    process = spawn('--producer', '--interface', pair.inside,
                    '--kafka-broker', topic.broker.bootstrap,
                    '--kafka-topic', topic.name).wait_capturing()
    traffic.send(pair, 7, 100)
    topic.wait_count(7)
    assert process.stop(signal.SIGINT) == 0, process.describe()
    assert_lines(process.stderr, CONNECTING % topic.broker.bootstrap,
                 'INFO:root:Starting packet capture',
                 'INFO:root:Clean shutdown process started',
                 r"INFO:root:Waiting for '0' message\(s\) to flush",
                 r"INFO:root:'7' packet\(s\) in, '7' packet\(s\) out")
    assert [captures.sequence(r.value) for r in topic.records()] == list(range(7))


def test_example_3_diagnostics_every_ten_packets(spawn, pair, topic):
    process = spawn('--producer', '--interface', pair.inside,
                    '--kafka-broker', topic.broker.bootstrap,
                    '--kafka-topic', topic.name, '--pretty-print', '10').wait_capturing()
    traffic.send(pair, 20, 100, size=74)
    topic.wait_count(20)
    assert process.stop(signal.SIGINT) == 0, process.describe()
    values = [r.value for r in topic.records()]
    expected = []
    for n in (10, 20):
        expected.append(f'{n} packet(s) received')
        data = values[n - 1]
        expected += [data[i:i + 16].hex(' ') for i in range(0, len(data), 16)]
    assert process.stdout.decode().splitlines() == expected
    assert_lines(process.stderr, CONNECTING % topic.broker.bootstrap,
                 'INFO:root:Starting packet capture',
                 'INFO:root:Clean shutdown process started',
                 r"INFO:root:Waiting for '\d+' message\(s\) to flush",
                 r"INFO:root:'20' packet\(s\) in, '20' packet\(s\) out")


def test_example_4_consume_into_tshark(topic, user_env, spawn):
    # As then, the consumer begins at the end of the topic: what is captured meanwhile is shown.
    command = (f'pycapa --consumer --kafka-broker {topic.broker.bootstrap} '
               f'--kafka-topic {topic.name} --max-packets 10 | tshark -n -i -')
    process = spawn_shell(command, user_env)
    try:
        feed_until_ended(process, topic)
    finally:
        process.kill()
    text = process.stdout.decode()
    shown = re.findall(r'^ +\d+ +\d+\.\d+ +10\.1\.0\.\d → 10\.2\.0\.1', text, re.M)
    assert len(shown) == 10, process.describe() + text
    assert process.status == 0, process.describe()
    assert '10 packets captured' in process.stderr
    assert process.grep(r"^INFO:root:'10' packet\(s\) in, '10' packet\(s\) out$")


def test_example_5_consume_into_a_file(topic, user_env, tmp_path):
    out = tmp_path / 'out.pcap'
    command = (f'pycapa --consumer --kafka-broker {topic.broker.bootstrap} '
               f'--kafka-topic {topic.name} --max-packets 10 > {shlex.quote(str(out))}')
    process = spawn_shell(command, user_env)
    try:
        feed_until_ended(process, topic)
    finally:
        process.kill()
    assert process.status == 0, process.describe()
    shown = run('tshark', '-n', '-r', out).stdout
    assert len(shown.splitlines()) == 10
    got = [captures.sequence(p.data) for p in captures.read(out)[1]]
    assert got == list(range(got[0], got[0] + 10))


def spawn_shell(command, env):
    return Process(['bash', '-c', 'set -o pipefail; ' + command], env=env)


def feed_until_ended(process, topic):
    """Keeps packets coming until the process has had enough."""
    sample = captures.sample(4000, size=80)
    sent = [0]

    def ended():
        if process.running() and sent[0] < len(sample):
            topic.produce(sample[sent[0]:sent[0] + 5])
            sent[0] += 5
        return not process.running()
    wait.until(ended, 60, lambda: f'the end of the pipeline\n{process.describe()}')


def test_consume_piped_into_tshark_c_10_ends_cleanly(topic, user_env):
    topic.produce(captures.sample(5000, size=100))
    done = pipeline(f'pycapa -c -k {topic.broker.bootstrap} -t {topic.name} -o begin '
                    '| tshark -n -i - -c 10', user_env)
    assert done.statuses == [0, 0], done.stderr
    assert len(done.stdout.splitlines()) == 10
    assert 'Error by' not in done.stderr and 'rror:' not in done.stderr, done.stderr


def test_consume_piped_into_head_ends_cleanly(topic, user_env):
    topic.produce(captures.sample(5000, size=100))
    done = pipeline(f'pycapa -c -k {topic.broker.bootstrap} -t {topic.name} -o begin '
                    '| head -c 1000', user_env)
    assert done.statuses == [0, 0], done.stderr
    assert len(done.stdout) == 1000
    assert 'ERROR' not in done.stderr, done.stderr
