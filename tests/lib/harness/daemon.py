# SPDX-License-Identifier: Apache-2.0
"""pycapa itself, run as a user runs it."""
import os
import re
import signal

from . import wait
from .proc import Process

TREE = os.path.abspath(os.path.join(os.path.dirname(os.path.abspath(__file__)), '../../..'))
BUILD = os.environ.get('PYCAPA_BUILD', os.path.join(TREE, 'build'))
BINARY = os.environ.get('PYCAPA_BINARY', os.path.join(BUILD, 'daemon/pycapa'))


def environment(**extra):
    """The environment pycapa runs in: with another librdkafka when one is asked for."""
    env = {**os.environ, 'LC_ALL': 'C.UTF-8', **extra}
    other = os.environ.get('PYCAPA_LIBRDKAFKA')
    if other and 'LD_LIBRARY_PATH' not in extra:
        env['LD_LIBRARY_PATH'] = other
    return env


class Pycapa(Process):
    """A running pycapa. `prefix` is a command that runs it (setpriv, ...)."""

    def __init__(self, *argv, env=None, prefix=(), **kwargs):
        super().__init__([*prefix, BINARY, *argv], env=environment(**(env or {})), **kwargs)

    def wait_capturing(self, timeout=30):
        self.wait_line(r'^INFO:root:Starting packet capture$', timeout)
        return self

    def counts(self):
        """(in, out) of the last line."""
        found = re.findall(r"^INFO:root:'(\d+)' packet\(s\) in, '(\d+)' packet\(s\) out",
                           self.stderr, re.M)
        assert found, f'no count line\n{self.describe()}'
        return int(found[-1][0]), int(found[-1][1])

    @property
    def lines(self):
        """Whole lines: what is being written may be there in part."""
        text = self.stderr
        return text[:text.rfind('\n') + 1].splitlines()

    def stats(self, timeout=10):
        """Asks for the stats line by SIGUSR1; {name: value} of it."""
        before = len(self.grep(STATS))
        self.send_signal(signal.SIGUSR1)
        wait.until(lambda: len(self.grep(STATS)) > before, timeout,
                   lambda: f'a stats line\n{self.describe()}')
        return parse_stats(self.grep(STATS)[-1])

    def account(self):
        """{name: value} of the last line that holds counters."""
        lines = self.grep(STATS)
        assert lines, f'no line of counters\n{self.describe()}'
        return parse_stats(lines[-1])


STATS = r'\b(received|read)=\d+'


def parse_stats(line):
    return {name: float(value) if '.' in value else int(value)
            for name, value in re.findall(r'([\w/-]+)=(-?\d+(?:\.\d+)?)', line)}


def pycapa(*argv, timeout=90, **kwargs):
    """Runs pycapa to its end and returns it."""
    process = Pycapa(*argv, **kwargs)
    try:
        process.wait(timeout)
    finally:
        process.kill()
    return process
