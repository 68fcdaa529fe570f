# SPDX-License-Identifier: Apache-2.0
"""A real Wireshark on a screen that nobody sees: it captures a topic, and stops."""
import contextlib
import re
import threading

import pytest

from harness import captures, wait
from harness.net import free_port
from harness.proc import run
from harness.wireshark import HANGING_KINIT, Screen


@pytest.fixture
def screen(tmp_path):
    with Screen(tmp_path) as s:
        yield s


def test_a_window_captures_and_stops_at_once(screen, topic):
    topic.produce(captures.sample(50))
    with screen.capture(brokers=topic.broker.bootstrap, topic=topic.name, start='begin') as window:
        wait.until(lambda: len(window.packets()) == 50, 30,
                   lambda: f'50 packets, {len(window.packets())}\n{window.describe()}')
        with open(f'/proc/{window.extcap()}/cmdline') as f:
            assert re.search('--extcap-control-in\0.*--extcap-control-out\0|'
                             '--extcap-control-out\0.*--extcap-control-in\0', f.read())
        window.wait_capturing()
        assert window.stop_capture() < 1
        assert window.running()


@contextlib.contextmanager
def live(topic):
    """Packets come to the topic."""
    done = threading.Event()

    def send():
        while not done.wait(.01):
            topic.produce(captures.sample(100))
    thread = threading.Thread(target=send)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


@pytest.mark.long
@pytest.mark.parametrize('case', ['traffic', 'broker away', 'kinit hangs'])
def test_a_window_stops_at_once(case, screen, topic):
    values = {'brokers': topic.broker.bootstrap, 'topic': topic.name}
    if case == 'broker away':
        values['brokers'] = f'127.0.0.1:{free_port()}'
    elif case == 'kinit hangs':
        values['properties'] = HANGING_KINIT
    with live(topic) if case == 'traffic' else contextlib.nullcontext(), \
            screen.capture(**values) as window:
        pid = window.wait_capturing()
        if case == 'traffic':
            wait.until(lambda: len(window.packets()) > 1000, 30, window.describe)
        elif case == 'kinit hangs':
            wait.until(lambda: run('pgrep', '-P', pid, check=False).stdout, 60, 'a kinit')
        assert window.stop_capture() < 1
        wait.until(window.stopped, 10, window.describe)
        if case == 'traffic':  # else Wireshark says that it has no packets
            assert len(screen.windows()) == 1, 'no message box'
        assert window.running()


@pytest.mark.parametrize('case', ['wrong filter', pytest.param('no topic', marks=pytest.mark.long),
                                  pytest.param('missing topic', marks=pytest.mark.long)])
def test_what_is_wrong_is_a_message_box_of_a_window_that_lives(case, screen, topic):
    """Such an error may come before the window has opened all its pipes."""
    values = {'brokers': topic.broker.bootstrap, 'topic': topic.name, **{
        'wrong filter': {'filter': 'prot 80'}, 'no topic': {'topic': ''},
        'missing topic': {'topic': 'nowhere'}}[case]}
    with screen.capture(**values) as window:
        window.assert_message_box()
