# SPDX-License-Identifier: Apache-2.0
"""
A test host: a real systemd as PID 1 in namespaces of its own, over an overlay of this machine.

What is installed, configured or logged in it is gone with it. `run` enters it as an operator's
shell would; `Link` gives it an interface whose far end is a namespace that traffic comes from.
"""
import itertools
import json
import os
import shutil
import tempfile

from harness import wait
from harness.net import RUN
from harness.proc import Process, run

HERE = os.path.dirname(os.path.abspath(__file__))
COUNTER = itertools.count()
# Private to this run: two runs beside each other have networks of their own.
NETWORK = f'10.96.{os.getpid() % 250}'
GATEWAY = f'{NETWORK}.1'
ENVIRONMENT = {'PATH': '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
               'LC_ALL': 'C.UTF-8', 'HOME': '/root', 'SYSTEMD_PAGER': '', 'SYSTEMD_COLORS': '0'}


def cgroup_root():
    """Where this machine has its cgroup2 hierarchy mounted."""
    with open('/proc/self/mounts') as f:
        mounts = [line.split()[1] for line in f if line.split()[2] == 'cgroup2']
    assert mounts, 'the test host needs a cgroup2 hierarchy (mount -t cgroup2)'
    return mounts[0]


class Host:
    def __init__(self):
        self.tag = f'{RUN}-{os.getpid()}-{next(COUNTER)}'  # by which tests/run finds what is left
        self.links = []
        self.uplink = None
        self.process = None
        self.directory = tempfile.mkdtemp(prefix='pycapa-host-')
        # Two systemds in one cgroup would kill each other's units: each gets its own.
        self.cgroup = os.path.join(cgroup_root(), f'pycapa-host-{self.tag}')
        os.mkdir(self.cgroup)
        try:
            self.boot()
        except BaseException:
            self.remove()
            raise

    def boot(self):
        def enter_cgroup():
            with open(os.path.join(self.cgroup, 'cgroup.procs'), 'w') as f:
                f.write(str(os.getpid()))

        work = os.path.join(self.directory, 'work')
        os.mkdir(work)
        self.process = Process(
            ['unshare', '--fork', '--kill-child', '--pid', '--mount', '--uts', '--ipc', '--net',
             '--cgroup', '--mount-proc', '--propagation', 'private',
             os.path.join(HERE, 'boot'), work], directory=self.directory, preexec=enter_cgroup)
        self.pid = wait.until(self.find_init, 30, self.process.describe)
        wait.until(self.is_up, 60, lambda: 'systemd up\n' + self.systemctl(
            'list-units', '--state=failed', check=False).stdout)

    def connect(self):
        """
        Joins the host to this machine: a broker here is reached at GATEWAY from all hosts.
        """
        self.uplink = f'pu{os.getpid() % 65536:x}{next(COUNTER)}'
        self.address = f'{NETWORK}.{2 + next(COUNTER) % 250}'
        run('ip', 'link', 'add', self.uplink, 'type', 'veth',
            'peer', 'name', 'uplink', 'netns', self.pid)
        run('ip', 'address', 'add', GATEWAY, 'peer', self.address, 'dev', self.uplink)
        run('ip', 'link', 'set', self.uplink, 'up')
        self.run('ip', 'address', 'add', self.address, 'peer', GATEWAY, 'dev', 'uplink')
        self.run('ip', 'link', 'set', 'uplink', 'up')

    def find_init(self):
        """The pid, as seen from here, of the process that is PID 1 inside, once it is systemd."""
        assert self.process.running(), self.process.describe()
        with open(f'/proc/{self.process.pid}/task/{self.process.pid}/children') as f:
            children = f.read().split()
        if not children:
            return None
        with open(f'/proc/{children[0]}/comm') as f:
            return int(children[0]) if f.read().strip() == 'systemd' else None

    def is_up(self):
        state = self.systemctl('is-system-running', check=False).stdout.strip()
        return state in ('running', 'degraded')

    def command(self, *argv, namespaces=('-a',)):
        """The argv that runs a command inside, from outside."""
        environment = [f'{k}={v}' for k, v in ENVIRONMENT.items()]
        return ['nsenter', '-t', str(self.pid), *namespaces, '--wd=/', 'env', '-i', *environment,
                *[str(a) for a in argv]]

    def shell_with_network(self, script, **kwargs):
        """A shell inside but on this machine's network: for what fetches packages."""
        return run(*self.command('sh', '-e', '-c', script,
                                 namespaces=('-m', '-u', '-i', '-p', '-C')), **kwargs)

    def run(self, *argv, **kwargs):
        return run(*self.command(*argv), **kwargs)

    def shell(self, script, **kwargs):
        return self.run('sh', '-e', '-c', script, **kwargs)

    def systemctl(self, *argv, **kwargs):
        return self.run('systemctl', *argv, **kwargs)

    def show(self, unit, *properties):
        """{property: text} of a unit."""
        text = self.systemctl('show', unit, *[f'-p{p}' for p in properties]).stdout
        return dict(line.split('=', 1) for line in text.splitlines())

    def processes(self, unit, slice_='system.slice'):
        """The processes of a unit, as they are numbered here, without a question to systemd."""
        path = os.path.join(self.cgroup, slice_, unit, 'cgroup.procs')
        try:
            with open(path) as f:
                return [int(pid) for pid in f.read().split()]
        except OSError:
            return []

    def write(self, path, text, mode='0644', group='root'):
        """Writes a file inside, in one piece: a reader sees the old one or the new one."""
        self.run('sh', '-e', '-c', 'mkdir -p "$(dirname "$0")"; cat >"$0.new"; '
                 'chmod "$1" "$0.new"; chgrp "$2" "$0.new"; mv "$0.new" "$0"',
                 path, mode, group, stdin=self.stdin(text))

    def copy_file(self, path, to):
        """Copies a file of this machine inside."""
        with open(path, 'rb') as f:
            self.run('sh', '-c', 'cat >"$0"', to, stdin=f)

    @staticmethod
    def stdin(text):
        f = tempfile.TemporaryFile('w+')
        f.write(text)
        f.seek(0)
        return f

    def copy_in(self, directory):
        """Copies what a directory of this machine holds over the root inside."""
        archive = os.path.join(self.directory, 'copy.tar')
        run('tar', '-C', directory, '--owner=0', '--group=0', '-cf', archive, '.')
        with open(archive, 'rb') as f:
            self.run('tar', '-C', '/', '--keep-directory-symlink', '--no-overwrite-dir',
                     '-xf', '-', stdin=f)
        os.unlink(archive)

    def journal(self, *argv):
        """The journal's entries as dictionaries; a field that occurs twice is a list."""
        text = self.run('journalctl', '-o', 'json', '--no-pager', '--all', *argv).stdout
        return [json.loads(line) for line in text.splitlines() if line.startswith('{')]

    def sync_journal(self):
        """
        Returns when journald has taken what was sent to it before: it reads its sockets in its own
        time, so that systemctl may be back before the last lines of a process are there.
        """
        self.run('journalctl', '--sync')

    def cursor(self):
        """Where the journal ends now."""
        return self.journal('-n', '1')[0]['__CURSOR']

    def remove(self):
        for link in list(self.links):
            link.remove()
        if self.uplink:
            run('ip', 'link', 'delete', self.uplink, check=False)
        kill = os.path.join(self.cgroup, 'cgroup.kill')
        if os.path.exists(kill):
            with open(kill, 'w') as f:
                f.write('1')
        if self.process:
            self.process.kill()
        wait.until(self.remove_cgroup, 30, f'{self.cgroup} empty')
        shutil.rmtree(self.directory, ignore_errors=True)

    def remove_cgroup(self):
        for directory, _, _ in os.walk(self.cgroup, topdown=False):
            try:
                os.rmdir(directory)
            except OSError:
                return False
        return True

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.remove()


class Link:
    """
    A veth pair: `name` inside the host, `outside` in a namespace that traffic comes from. It has
    the shape of harness.net.Pair, so that harness.traffic takes it.
    """
    outside = 'out'

    def __init__(self, host, name, create=True):
        self.host = host
        self.name = name
        self.namespace = f'pycapa-{host.tag}-{next(COUNTER)}'
        run('ip', 'netns', 'add', self.namespace)
        host.links.append(self)
        for scope in ('all', 'default'):
            run(*self.command('sh', '-c',
                              f'echo 1 >/proc/sys/net/ipv6/conf/{scope}/disable_ipv6'))
        if create:
            self.create()

    def create(self, up=True):
        run('ip', 'link', 'add', self.name, 'netns', self.host.pid, 'type', 'veth',
            'peer', 'name', self.outside, 'netns', self.namespace)
        run('ip', '-n', self.namespace, 'link', 'set', self.outside, 'up')
        if up:
            self.up()

    def up(self):
        self.host.run('ip', 'link', 'set', self.name, 'up')

    def down(self):
        self.host.run('ip', 'link', 'set', self.name, 'down')

    def delete(self):
        run('ip', '-n', self.namespace, 'link', 'delete', self.outside, check=False)

    def command(self, *argv):
        return ['ip', 'netns', 'exec', self.namespace, *[str(a) for a in argv]]

    def remove(self):
        self.host.links.remove(self)
        self.delete()
        run('ip', 'netns', 'delete', self.namespace, check=False)
