# SPDX-License-Identifier: Apache-2.0
"""A program on a terminal of its own, and what stands on its screen."""
import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import termios
import time

from . import daemon
from .proc import die_with_parent


class Screen:
    """Of a terminal that knows a carriage return, a line feed and erase-line, and nothing else."""

    def __init__(self):
        self.rows = ['']
        self.column = 0

    def put(self, text):
        for part in re.findall(r'\r|\n|\x1b\[K|[^\r\n\x1b]+', text):
            if part == '\r':
                self.column = 0
            elif part == '\n':
                self.rows.append('')
                self.column = 0
            elif part == '\x1b[K':
                self.rows[-1] = self.rows[-1][:self.column]
            else:
                row = self.rows[-1].ljust(self.column)
                self.rows[-1] = row[:self.column] + part + row[self.column + len(part):]
                self.column += len(part)
        return self


class Terminal:
    """
    Runs a command with standard error, and standard output unless told otherwise, on a terminal.
    `.text` is what came there, `.screen` how it looks.
    """

    def __init__(self, *argv, columns=80, stdout=None, stdin=subprocess.DEVNULL, **env):
        self.master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack('HHHH', 25, columns, 0, 0))

        def own_session():
            die_with_parent()
            os.setsid()
            fcntl.ioctl(2, termios.TIOCSCTTY, 0)

        self.popen = subprocess.Popen(
            [str(a) for a in argv], stdin=stdin, stdout=slave if stdout is None else stdout,
            stderr=slave, preexec_fn=own_session,
            env=daemon.environment(**{'TERM': 'xterm', 'TZ': 'UTC', **env}))
        os.close(slave)
        self.text = ''

    @property
    def screen(self):
        return Screen().put(self.text)

    def rows(self, pattern):
        return [row for row in self.screen.rows if re.search(pattern, row)]

    def _some(self, seconds):
        if not select.select([self.master], [], [], seconds)[0]:
            return True
        try:
            data = os.read(self.master, 65536)
        except OSError:  # nobody has it open any more
            return False
        self.text += data.decode()
        return bool(data)

    def wait(self, pattern, timeout=30):
        """Until what came holds the pattern; returns the match."""
        deadline = time.monotonic() + timeout
        while True:
            match = re.search(pattern, self.text)
            if match:
                return match
            assert time.monotonic() < deadline and self._some(1), self.describe(pattern)

    def end(self, timeout=60):
        """Until the end; returns the exit status."""
        deadline = time.monotonic() + timeout
        while self._some(1):
            assert time.monotonic() < deadline, self.describe('the end')
        return self.popen.wait(timeout)

    def describe(self, what=''):
        return f'{what!r}: {self.popen.args}: status {self.popen.poll()}\n{self.text[-4000:]!r}'

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.popen.poll() is None:
            self.popen.kill()
            self.popen.wait()
        os.close(self.master)
