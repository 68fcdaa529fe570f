# SPDX-License-Identifier: Apache-2.0
"""A real Wireshark on a screen that nobody sees, and a real tshark."""
import glob
import os
import struct
import time

from . import captures, daemon, wait
from .proc import Process, run

# Where Debian's looks for extcaps.
SYSTEM = '/usr/lib/x86_64-linux-gnu/wireshark/extcap'
# Properties with which librdkafka waits for a kinit that does not end.
HANGING_KINIT = ('sasl.mechanism=GSSAPI; security.protocol=sasl_plaintext; '
                 'sasl.kerberos.kinit.cmd=sleep 1000')
# Questions that a first start asks.
PREFERENCES = 'gui.update.enabled: FALSE\ngui.ask_unsaved: FALSE\n'
RECENT = 'privs.warn_if_elevated: FALSE\nprivs.warn_if_no_npf: FALSE\n'


def of_values(**values):
    """-i and -o of a capture with these values of the dialog."""
    return ['-i', 'pycapa', *(word for name, value in values.items()
                              for word in ('-o', f'extcap.pycapa.{name}:{value}'))]


class Screen:
    """A screen of its own, and a user who has pycapa as an extcap; `env`: for its programs."""

    def __init__(self, directory, **env):
        self.directory = str(directory)
        config = os.path.join(self.directory, 'wireshark')
        os.makedirs(os.path.join(config, 'extcap'))
        os.symlink(daemon.BINARY, os.path.join(config, 'extcap/pycapa'))
        for name, text in ('preferences', PREFERENCES), ('recent_common', RECENT):
            with open(os.path.join(config, name), 'w') as f:
                f.write(text)
        os.mkdir(os.path.join(self.directory, 'run'), 0o700)
        self.server = Process(['Xvfb', '-displayfd', '1', '-screen', '0', '1000x700x24',
                               '-nolisten', 'tcp', '-noreset'])  # when xdotool goes
        wait.until(lambda: self.server.stdout.endswith(b'\n'), 20, lambda: self.server.describe())
        self.env = daemon.environment(
            DISPLAY=f':{int(self.server.stdout)}', HOME=self.directory,
            XDG_CONFIG_HOME=self.directory, XDG_RUNTIME_DIR=os.path.join(self.directory, 'run'),
            TMPDIR=self.directory, **env)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.server.kill()

    def windows(self):
        """The ids of those that are seen; a message box is one, and has no title."""
        return run('xdotool', 'search', '--onlyvisible', '--class', 'wireshark', env=self.env,
                   check=False).stdout.split()

    def key(self, name):
        run('xdotool', 'key', name, env=self.env)

    def capture(self, **values):
        """Wireshark, which captures at once with these values of the dialog."""
        return Wireshark(self, of_values(**values))


class Wireshark(Process):
    def __init__(self, screen, argv):
        super().__init__(['wireshark', '-k', *argv], env=screen.env)
        self.screen = screen

    def packets(self):
        """Those in its temporary file so far."""
        for path in glob.glob(f'{self.screen.directory}/wireshark_*.pcapng'):
            try:
                return captures.records(path)
            except (AssertionError, IndexError, struct.error):
                pass  # its last block is being written
        return []

    def extcap(self):
        """The process id of the pycapa that captures; None: there is none."""
        found = run('pgrep', '-P', self.pid, '-f', '--', '--capture', check=False).stdout.split()
        return int(found[0]) if found else None

    def wait_capturing(self):
        """The process id of its pycapa, once the window has the keyboard."""
        wait.until(self.extcap, 30, self.describe)
        # pycapa may be there before the window, and its title.
        run('xdotool', 'search', '--sync', '--onlyvisible', '--name', 'Capturing', 'windowfocus',
            '--sync', env=self.screen.env, timeout=60)
        return self.extcap()

    def assert_message_box(self):
        """One appears; the window lives, as that can be closed, and pycapa is gone."""
        wait.until(lambda: len(self.screen.windows()) == 2, 40, self.describe)

        def closed():
            self.screen.key('Return')  # goes nowhere until the box has the keyboard
            return len(self.screen.windows()) == 1
        wait.until(closed, 10, self.describe)
        assert self.running() and not self.extcap()

    def stopped(self):
        """Whether its title says so."""
        return not run('xdotool', 'search', '--onlyvisible', '--name', 'Capturing',
                       env=self.screen.env, check=False).stdout

    def stop_capture(self):
        """Ctrl+E: the seconds until pycapa is gone."""
        pid, began = self.extcap(), time.monotonic()
        self.screen.key('ctrl+e')
        wait.until(lambda: not os.path.exists(f'/proc/{pid}'), 10, 'the end of pycapa')
        return time.monotonic() - began


class Tshark(Process):
    """A tshark that finds pycapa as an extcap: of the system as root, or of a user's own."""

    def __init__(self, home, user, *argv, env=None):
        home.mkdir(exist_ok=True)
        prefix = ['unshare', '-m', 'sh', '-e', '-c', f'mount -t tmpfs none {SYSTEM}; '
                  f'[ -n "$1" ] || ln -s {daemon.BINARY} {SYSTEM}/pycapa; shift; exec "$@"', 'sh',
                  user]
        if user:
            own = home / '.config/wireshark/extcap'
            own.mkdir(parents=True, exist_ok=True)
            if not (own / 'pycapa').is_symlink():
                (own / 'pycapa').symlink_to(daemon.BINARY)
            run('chown', '-R', user, home)
            prefix += ['setpriv', '--reuid', user, '--regid', 'nogroup', '--clear-groups']
        super().__init__([*prefix, 'tshark', *argv],
                         env=daemon.environment(HOME=str(home), XDG_CONFIG_HOME=f'{home}/.config',
                                                **(env or {})))
