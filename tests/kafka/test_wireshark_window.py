# SPDX-License-Identifier: Apache-2.0
"""A real Wireshark on a screen that nobody sees: it captures a topic, and stops."""
import glob
import os
import re
import struct
import time

import pytest

from harness import captures, daemon, wait
from harness.proc import Process, run

# Questions that a first start asks.
PREFERENCES = 'gui.update.enabled: FALSE\ngui.ask_unsaved: FALSE\n'
RECENT = 'privs.warn_if_elevated: FALSE\nprivs.warn_if_no_npf: FALSE\n'


@pytest.fixture
def screen(tmp_path):
    """The environment of a screen of its own, and of a user who has pycapa as an extcap."""
    config = tmp_path / 'wireshark'
    (config / 'extcap').mkdir(parents=True)
    (config / 'extcap/pycapa').symlink_to(daemon.BINARY)
    (config / 'preferences').write_text(PREFERENCES)
    (config / 'recent_common').write_text(RECENT)
    (tmp_path / 'run').mkdir(0o700)
    with Process(['Xvfb', '-displayfd', '1', '-screen', '0', '1000x700x24', '-nolisten',
                  'tcp']) as server:
        wait.until(lambda: server.stdout.endswith(b'\n'), 20, lambda: server.describe())
        yield daemon.environment(
            DISPLAY=f':{int(server.stdout)}', HOME=str(tmp_path), XDG_CONFIG_HOME=str(tmp_path),
            XDG_RUNTIME_DIR=str(tmp_path / 'run'), TMPDIR=str(tmp_path))


def captured(directory):
    """The packets in the window's temporary file so far."""
    for path in glob.glob(f'{directory}/wireshark_*.pcapng'):
        try:
            return captures.records(path)
        except (AssertionError, IndexError, struct.error):
            pass  # its last block is being written
    return []


def test_a_window_captures_and_stops_at_once(screen, topic, tmp_path):
    topic.produce(captures.sample(50))
    with Process(['wireshark', '-k', '-i', 'pycapa', '-o',
                  f'extcap.pycapa.brokers:{topic.broker.bootstrap}', '-o',
                  f'extcap.pycapa.topic:{topic.name}', '-o', 'extcap.pycapa.start:begin'],
                 env=screen) as window:
        wait.until(lambda: len(captured(tmp_path)) == 50, 30,
                   lambda: f'50 packets, {len(captured(tmp_path))}\n{window.describe()}')
        pid = int(run('pgrep', '-P', window.pid, '-f', '--', '--capture').stdout)
        with open(f'/proc/{pid}/cmdline') as f:
            assert re.search('--extcap-control-in\0.*--extcap-control-out\0|'
                             '--extcap-control-out\0.*--extcap-control-in\0', f.read())
        # The packets may be there before the window, and its title.
        run('xdotool', 'search', '--sync', '--onlyvisible', '--name', 'Capturing', 'windowfocus',
            '--sync', env=screen, timeout=60)
        began = time.monotonic()
        run('xdotool', 'key', 'ctrl+e', env=screen)
        wait.until(lambda: not os.path.exists(f'/proc/{pid}'), 10, 'the end of pycapa')
        assert time.monotonic() - began < 1
        assert window.running()
