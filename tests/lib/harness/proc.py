# SPDX-License-Identifier: Apache-2.0
"""Processes: started so that they die with us, ended by their pid, their output kept."""
import ctypes
import glob
import os
import re
import signal
import subprocess
import tempfile
import time

from . import wait

PR_SET_PDEATHSIG = 1
# The output of processes that have no folder of their own; it goes with us.
OUTPUT = tempfile.TemporaryDirectory(prefix='proc-')
LIBC = ctypes.CDLL(None, use_errno=True)


def die_with_parent():
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def run(*argv, timeout=60, check=True, **kwargs):
    """subprocess.run() with the output captured as text and shown when the command fails."""
    kwargs.setdefault('stdin', subprocess.DEVNULL)
    kwargs.setdefault('text', True)
    kwargs.setdefault('errors', 'replace' if kwargs['text'] else None)
    done = subprocess.run([str(a) for a in argv], capture_output=True, timeout=timeout, **kwargs)
    if check and done.returncode != 0:
        raise AssertionError(f'{" ".join(map(str, argv))}: exit {done.returncode}\n'
                             f'{done.stdout}\n{done.stderr}')
    return done


class Process:
    """A running program with stdout and stderr in files, so that no pipe fills and blocks it."""

    def __init__(self, argv, stdin=subprocess.DEVNULL, stdout=None, env=None, cwd=None,
                 preexec=None, directory=None, pass_fds=()):
        self.argv = [str(a) for a in argv]
        self.directory = directory or tempfile.mkdtemp(dir=OUTPUT.name)
        self.stdout_path = os.path.join(self.directory, f'stdout-{id(self)}')
        self.stderr_path = os.path.join(self.directory, f'stderr-{id(self)}')

        def before_exec():
            die_with_parent()
            if preexec:
                preexec()

        with open(self.stdout_path, 'wb') as out, open(self.stderr_path, 'wb') as err:
            self.started = time.monotonic()
            self.popen = subprocess.Popen(self.argv, stdin=stdin, env=env, cwd=cwd,
                                          stdout=out if stdout is None else stdout, stderr=err,
                                          preexec_fn=before_exec, pass_fds=pass_fds)
        self.pid = self.popen.pid

    @property
    def stdout(self):
        with open(self.stdout_path, 'rb') as f:
            return f.read()

    @property
    def stderr(self):
        with open(self.stderr_path, 'rb') as f:
            return f.read().decode(errors='replace')

    @property
    def lines(self):
        return self.stderr.splitlines()

    @property
    def status(self):
        """Exit status, or None while it runs; negative: the signal that ended it."""
        return self.popen.poll()

    def running(self):
        return self.status is None

    def grep(self, pattern):
        return [line for line in self.lines if re.search(pattern, line)]

    def describe(self):
        return f'{" ".join(self.argv)}\nstatus {self.status}, stderr:\n{self.stderr[-8000:]}'

    def wait_line(self, pattern, timeout=30):
        """Waits for a line on stderr; returns the match. Fails at once when the process ends."""
        def look():
            ended = not self.running()
            for line in self.lines:
                match = re.search(pattern, line)
                if match:
                    return match
            assert not ended, f'ended before the line {pattern!r}:\n{self.describe()}'
            return None
        return wait.until(look, timeout, lambda: f'the line {pattern!r}\n{self.describe()}')

    def wait_stdout(self, size, timeout=30):
        return wait.until(lambda: os.path.getsize(self.stdout_path) >= size, timeout,
                          lambda: f'{size} bytes on stdout\n{self.describe()}')

    def send_signal(self, number):
        self.popen.send_signal(number)

    def wait(self, timeout=60):
        """Waits for the end; returns the exit status."""
        try:
            return self.popen.wait(timeout)
        except subprocess.TimeoutExpired:
            raise AssertionError(f'still running after {timeout} s\n{self.describe()}') from None

    def stop(self, number=signal.SIGINT, timeout=60):
        """Sends a signal and waits; returns the exit status."""
        if self.running():
            self.send_signal(number)
        return self.wait(timeout)

    def kill(self):
        if self.running():
            self.popen.kill()
            self.popen.wait()

    def cpu(self, first_thread=False):
        """CPU seconds used so far, user and system; of the first thread alone or of all."""
        path = f'/proc/{self.pid}/task/{self.pid}/stat' if first_thread else f'/proc/{self.pid}/stat'
        with open(path) as f:
            fields = f.read().rsplit(')', 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf('SC_CLK_TCK')

    def states(self):
        """The state of each thread, a letter as in proc(5)."""
        found = []
        for path in glob.glob(f'/proc/{self.pid}/task/*/stat'):
            try:
                with open(path) as f:
                    found.append(f.read().rsplit(')', 1)[1].split()[0])
            except OSError:
                pass  # it has ended
        return found

    def rss(self):
        """Resident memory, bytes."""
        with open(f'/proc/{self.pid}/statm') as f:
            return int(f.read().split()[1]) * os.sysconf('SC_PAGE_SIZE')

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.kill()


def may_raise_core_limit():
    """Whether root may raise a hard limit of 0 (sudo's default): not in every container."""
    return run('prlimit', '--core=unlimited', 'true', check=False).returncode == 0
