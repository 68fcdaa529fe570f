# SPDX-License-Identifier: Apache-2.0
"""What a run that has an end shows on a terminal while it reads."""
import os
import re
import signal
import subprocess

import pytest

from harness import captures, daemon
from harness.terminal import Terminal

COUNT = 3000
LAST = '2023-11-14 22:13:23'  # of captures.sample(COUNT), in UTC
RATE = r'\d[\d.]*[kMG]? packets/s'
SEQUENCES = r'\x1b(?!\[K)'


def arguments(topic, *argv):
    return [daemon.BINARY, '-c', '-k', topic.broker.bootstrap, '-t', topic.name, *argv]


def assert_clean(terminal):
    """Nothing steers the terminal but the erasing of a line, and no log line is mixed with another."""
    assert not re.search(SEQUENCES, terminal.text), terminal.describe()
    for row in terminal.screen.rows:
        assert not re.search(r'.(INFO|WARNING|ERROR):root:', row), terminal.describe()


def test_a_bounded_read_leaves_its_last_state_above_the_closing_lines(topic, tmp_path):
    topic.produce(captures.sample(COUNT))
    with Terminal(*arguments(topic, '-e', '-w', tmp_path / 'out.pcap')) as terminal:
        assert terminal.end() == 0, terminal.describe()
    rows = [row for row in terminal.screen.rows if row]
    assert len(rows) == 2, rows
    assert re.fullmatch(rf'3,000 packets read  100%  {LAST}  {RATE}  in 0:0\d', rows[0]), rows
    assert rows[1] == f"INFO:root:'{COUNT}' packet(s) in, '{COUNT}' packet(s) out"
    assert_clean(terminal)


def test_log_lines_come_above_a_line_that_is_redrawn(topic):
    """A reader of the capture that stands still keeps it in the middle."""
    topic.produce(captures.sample(COUNT, size=2000))
    reader, writer = os.pipe()
    with Terminal(*arguments(topic, '-e'), stdout=writer) as terminal:
        os.close(writer)
        terminal.wait(rf'\r[\d,]+ packets read  [1-9]\d?%  {LAST[:-2]}\d\d  .*\x1b\[K')
        os.kill(terminal.popen.pid, signal.SIGUSR1)
        terminal.wait(r'\r\x1b\[KINFO:root:read=\d+ [^\r]*\r\n\r[\d,]+ packets read  \d+%')
        with subprocess.Popen(['wc', '-c'], stdin=reader, stdout=subprocess.PIPE) as count:
            os.close(reader)
            assert terminal.end() == 0, terminal.describe()
            assert int(count.communicate()[0]) == 24 + COUNT * 2016
    assert_clean(terminal)
    assert len(terminal.rows(r'packets read  100%')) == len(terminal.rows('packets read  ')) == 1
    assert terminal.rows('^INFO:root:read=')


def test_a_live_read_of_so_many_packets(topic, tmp_path):
    with Terminal(*arguments(topic, '-m', '10', '-w', tmp_path / 'out.pcap')) as terminal:
        terminal.wait('INFO:root:Waiting for packets at the end of topic '
                      rf'{topic.name}, 1 partition\(s\)\r\n')
        terminal.wait(r'\r0 packets read  0%\x1b')
        topic.produce(captures.sample(3))
        terminal.wait(r'\r3 packets read  30%  2023-11-14 22:13:20  ')
        os.kill(terminal.popen.pid, signal.SIGINT)
        assert terminal.end() == 1
    assert terminal.rows(r'^3 packets read  30%  2023-11-14 22:13:20  .* in \d:\d\d$'), terminal.describe()
    assert 'packets read' not in terminal.text.split('Clean shutdown process started')[1]
    assert_clean(terminal)


@pytest.mark.parametrize('stdin', [False, True])
def test_a_replay(topic, tmp_path, stdin):
    """Of what comes by a pipe there is no share."""
    path = captures.write(tmp_path / 'in.pcap', captures.sample(COUNT))
    with open(path, 'rb') as f, \
            subprocess.Popen(['cat'], stdin=f, stdout=subprocess.PIPE) as cat:
        with Terminal(daemon.BINARY, '-p', '-r', '-' if stdin else path,
                      '-k', topic.broker.bootstrap, '-t', topic.name,
                      stdin=cat.stdout) as terminal:
            cat.stdout.close()
            assert terminal.end() == 0, terminal.describe()
    share = '' if stdin else '  100%'
    assert terminal.rows(rf'^3,000 packets read{share}  {LAST}  {RATE}  in \d:\d\d$'), terminal.describe()
    assert_clean(terminal)
    assert topic.count() == COUNT


def test_it_waits_in_words_and_leaves_nothing_when_nothing_came(tmp_path):
    with Terminal(daemon.BINARY, '-c', '-k', '127.0.0.1:1', '-e', '-w', tmp_path / 'out.pcap',
                  '--stall-timeout', '3s') as terminal:
        terminal.wait(r'\r(connecting to|waiting for) ')
        assert terminal.end() == 1
    assert not terminal.rows('^(?!INFO:|WARNING:|ERROR:).'), terminal.describe()
    assert_clean(terminal)


def test_a_short_run_leaves_the_terminal_to_the_reader_of_its_packets(topic):
    topic.produce(captures.sample(10))
    command = ' '.join(arguments(topic, '-e'))
    with Terminal('bash', '-c', f'{command} | tcpdump -n -r - 2>/dev/null') as terminal:
        assert terminal.end() == 0, terminal.describe()
    assert len(terminal.rows('UDP')) == 10 and '\x1b' not in terminal.text, terminal.describe()
    assert 'packets read  ' not in terminal.text


def test_text_that_goes_elsewhere_is_in_nobodys_way(topic, tmp_path):
    topic.produce(captures.sample(10))
    with open(tmp_path / 'text', 'wb') as text, \
            Terminal(*arguments(topic, '-e', '-pp', '1'), stdout=text) as terminal:
        assert terminal.end() == 0, terminal.describe()
    assert terminal.rows('^10 packets read  100%'), terminal.describe()


@pytest.mark.parametrize('argv', [['-q'], ['--quiet'], ['-pp', '1000']])
def test_none_with_quiet_or_where_text_goes(topic, tmp_path, argv):
    topic.produce(captures.sample(COUNT))
    with Terminal(*arguments(topic, '-e', '-w', tmp_path / 'out.pcap', *argv)) as terminal:
        assert terminal.end() == 0, terminal.describe()
    assert terminal.text.count('packets') == 0 and '\x1b' not in terminal.text, terminal.describe()


def test_a_dumb_and_narrow_terminal(topic, tmp_path):
    topic.produce(captures.sample(COUNT))
    with Terminal(*arguments(topic, '-e', '-w', tmp_path / 'out.pcap'), columns=25,
                  TERM='dumb') as terminal:
        assert terminal.end() == 0, terminal.describe()
    assert '\x1b' not in terminal.text
    assert terminal.screen.rows[0].rstrip() == '3,000 packets read  100%', terminal.describe()


def test_in_the_background_the_last_state_alone_is_written_and_nothing_stops(topic, tmp_path):
    topic.produce(captures.sample(COUNT))
    command = ' '.join(map(str, arguments(topic, '-e', '-w', tmp_path / 'out.pcap')))
    with Terminal('bash', '-c', f'stty tostop <&2; set -m; {command} & wait $!') as terminal:
        assert terminal.end() == 0, terminal.describe()
    assert terminal.rows(f"^INFO:root:'{COUNT}' packet") and len(terminal.rows('packets read  ')) == 1
    assert '\x1b' not in terminal.text and '\r3,000' not in terminal.text, terminal.describe()
