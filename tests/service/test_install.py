# SPDX-License-Identifier: Apache-2.0
"""A fresh host, the README's Install section as it stands, packets in Kafka."""
import json
import os
import re
import shutil

import pytest

from harness import daemon, wait
from harness.proc import run
from host import Host, Link
from instance import Instance
from outer import numbers, send

# What a build and a checkout leave in the tree is not part of what a user gets.
LEFTOVERS = ('.git', 'build', 'build-*', '__pycache__')


def readme_commands():
    with open(os.path.join(daemon.TREE, 'README.md')) as f:
        block = re.search(r'^## Install\n+```sh\n(.*?)^```$', f.read(), re.M | re.S)
    assert block, 'README.md has no Install section that begins with its commands'
    return block.group(1)


@pytest.fixture
def fresh():
    # The host sees this machine's package database: not while something is being installed here.
    wait.until(lambda: not os.listdir('/var/lib/dpkg/updates'), 300, 'no dpkg runs')
    with Host() as h:
        h.connect()
        h.confdir = '/etc/pycapa'
        yield h


def copy_tree(host, tmp_path):
    archive = tmp_path / 'tree.tar'
    run('tar', '-C', daemon.TREE, *[f'--exclude=./{name}' for name in LEFTOVERS], '-cf', archive,
        '.')
    with open(archive, 'rb') as f:
        host.run('sh', '-e', '-c', 'mkdir /root/pycapa; tar -C /root/pycapa -xf -', stdin=f)


def hide_test_libraries(host):
    """A user's host has none: what is built there is the program, without its tests."""
    found = host.shell("find /usr/lib /usr/share /usr/local -name 'cmocka*.pc' -o "
                       "-path '*/cmake/cmocka/*' -type f").stdout.split()
    if found:
        host.run('rm', *found)


def test_readme_install_ends_with_a_running_service(fresh, tmp_path, broker, topic):
    copy_tree(fresh, tmp_path)
    hide_test_libraries(fresh)
    link = Link(fresh, 'eth0')
    assert fresh.run('sh', '-c', 'command -v pycapa', check=False).returncode != 0
    built = fresh.shell_with_network(
        'export DEBIAN_FRONTEND=noninteractive; cd /root/pycapa; sudo() { "$@"; }\n'  # we are root
        + readme_commands(), timeout=600).stdout
    assert 'warning:' not in built, [line for line in built.splitlines() if 'warning:' in line]
    assert fresh.systemctl('is-active', 'pycapa@eth0').stdout.strip() == 'active'
    i = Instance(fresh, 'eth0', broker, topic.name)
    i.wait_status('capturing on eth0')
    # The example names a broker on this host; an operator's is elsewhere.
    i.configure().reload()
    send(link, 500, 1000)
    topic.wait_count(500)
    assert numbers(topic) == list(range(500))
    for path in ('/usr/bin/pycapa', '/usr/lib/systemd/system/pycapa@.service',
                 '/usr/lib/systemd/system/pycapa.target', '/usr/lib/sysusers.d/pycapa.conf',
                 '/usr/lib/tmpfiles.d/pycapa.conf', '/usr/lib/systemd/catalog/pycapa.catalog',
                 '/usr/share/doc/pycapa/examples/example.cfg',
                 '/usr/share/bash-completion/completions/pycapa'):
        assert fresh.run('test', '-e', path, check=False).returncode == 0, path
    for page in (('1', 'pycapa'), ('5', 'pycapa.cfg'), ('8', 'pycapa')):
        assert fresh.run('man', '-w', *page).stdout.strip(), page
    units = '/usr/lib/systemd/system/'
    verified = fresh.run('systemd-analyze', 'verify', f'{units}pycapa@.service',
                         f'{units}pycapa.target', check=False)
    assert verified.returncode == 0 and 'pycapa' not in verified.stderr, verified
    # Installed again over itself it goes on, and takes no configuration away.
    before = fresh.run('cat', i.path).stdout
    fresh.shell('cd /root/pycapa; meson install -C build --no-rebuild')
    assert fresh.run('cat', i.path).stdout == before
    fresh.systemctl('restart', 'pycapa@eth0')
    i.wait_status('capturing on eth0')


def borrow_targets(build):
    """Puts into a build what it would compile to install: that of the build under test."""
    targets = json.loads(run('meson', 'introspect', '--targets', build).stdout)
    for path in [p for t in targets if t['installed'] for p in t['filename']]:
        made = os.path.join(daemon.BUILD, os.path.relpath(path, build))
        os.makedirs(os.path.dirname(path), exist_ok=True)
        shutil.copy(made, path)


def test_destdir_and_prefix_put_everything_below(tmp_path):
    """A package's install: nothing outside of DESTDIR, no command of systemd's is run."""
    build = tmp_path / 'build'
    run('meson', 'setup', build, daemon.TREE, '--prefix=/opt/capture', timeout=120)
    borrow_targets(build)
    run('meson', 'install', '-C', build, '--no-rebuild',
        env={**os.environ, 'DESTDIR': str(tmp_path / 'root')})
    unit = (tmp_path / 'root/opt/capture/lib/systemd/system/pycapa@.service').read_text()
    assert 'ExecStart=/opt/capture/bin/pycapa --config /opt/capture/etc/pycapa/%i.cfg' in unit
    assert [p.name for p in (tmp_path / 'root').iterdir()] == ['opt']
    assert (tmp_path / 'root/opt/capture/bin/pycapa').exists()


def test_without_a_prefix_the_configuration_is_where_the_manuals_say(tmp_path):
    """meson's default prefix is /usr/local: the program goes there, its files stay in /etc."""
    build = tmp_path / 'build'
    run('meson', 'setup', build, daemon.TREE, timeout=120)
    unit = (build / 'systemd/pycapa@.service').read_text()
    assert 'ExecStart=/usr/local/bin/pycapa --config /etc/pycapa/%i.cfg' in unit
    assert 'd /etc/pycapa 0750 root pycapa' in (build / 'systemd/pycapa.tmpfiles').read_text()


@pytest.mark.parametrize('prefix, etc', [('/usr/local', '/etc'),
                                         ('/opt/capture', '/opt/capture/etc')])
def test_the_pages_name_what_is_installed(tmp_path, prefix, etc):
    build = tmp_path / 'build'
    run('meson', 'setup', build, daemon.TREE, f'--prefix={prefix}', timeout=120)
    pages = ['docs/pycapa.1', 'docs/pycapa.8', 'docs/pycapa.cfg.5']
    run('ninja', '-C', build, *pages)
    there = json.loads(run('meson', 'introspect', '--installed', build).stdout).values()
    text = re.sub(r'\\(&|f.)', '', ''.join((build / page).read_text() for page in pages))
    assert set(re.findall(r'[\w/]*/NAME\.cfg', text)) == {f'{etc}/pycapa/NAME.cfg'}
    named = set(re.findall(rf'(?:/usr|{prefix})/[\w/.@]*\w', text))
    assert f'{prefix}/share/doc/pycapa/examples/minimal.cfg' in named
    missing = [path for path in named if not path.startswith(f'{etc}/pycapa/') and
               not any(f'{t}/'.startswith(f'{path}/') for t in there)]
    assert missing == []


def test_two_hosts_at_once_and_nothing_stays(tmp_path):
    """The harness itself: twice in a row, two beside each other, and no trace of them after."""
    for _ in range(2):
        with Host() as a, Host() as b:
            a.connect()
            Link(a, 'eth0')
            Link(b, 'eth0')
            assert a.pid != b.pid
            wait.until(a.is_up, 10, 'the first host up')
            assert not os.path.exists('/run/old-root')
        assert not os.path.exists(a.cgroup) and not os.path.exists(b.cgroup)
        assert not os.path.exists(a.directory)
        names = run('ip', 'netns').stdout
        assert a.tag not in names and b.tag not in names
