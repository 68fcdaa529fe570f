# SPDX-License-Identifier: Apache-2.0
"""Fresh hosts, both ways to install of the README as they stand, and the life of the package."""
import json
import os
import re
import subprocess
import tempfile

import pytest

from fresh import SHELL, fresh_host, readme_commands
from harness import daemon, wait
from harness.proc import run
from host import Host, Link
from instance import Instance
from outer import numbers, send

BUILT = '/root/pycapa.deb'
SOCKET = 'pycapa@reader.socket'
ENABLED = "find /etc/systemd/system -name '*pycapa*'"


@pytest.fixture(scope='module')
def packaged(broker):
    """A host on which the package was built and installed by the README's commands."""
    with fresh_host() as h:
        h.link = Link(h, 'eth7')
        h.built = h.shell_with_network('cd /root/pycapa\n' + SHELL % broker.outer
                                       + readme_commands('Install'), timeout=900)
        h.shell(f'cp /root/pycapa_*.deb {BUILT}')
        yield h


def dpkg(host, *argv):
    return host.run('dpkg', *argv, timeout=300)


@pytest.fixture
def capture(packaged, broker, topic):
    """The package's instance, which runs and sends to `topic`."""
    if packaged.run('test', '-x', '/usr/bin/pycapa', check=False).returncode:
        dpkg(packaged, '-i', BUILT)
        packaged.systemctl('enable', 'pycapa@capture')
    i = Instance(packaged, 'capture', broker, topic.name, interface='eth7', shutdown_timeout='1s')
    i.configure()
    i.systemctl('restart')
    i.wait_status('capturing on eth7')
    return i


def deliver(link, topic, first=0):
    send(link, 500, 1000, first=first)
    topic.wait_count(first + 500)
    assert numbers(topic) == list(range(first + 500))


def test_readme_package_ends_with_a_running_service(packaged, broker, topic):
    built = packaged.built.stdout + packaged.built.stderr
    assert 'warning:' not in built, [line for line in built.splitlines() if 'warning:' in line]
    assert packaged.systemctl('is-active', 'pycapa@capture').stdout.strip() == 'active'
    i = Instance(packaged, 'capture', broker, topic.name, interface='eth7')
    i.wait_status('capturing on eth7')
    assert broker.outer in packaged.run('cat', i.path).stdout
    i.configure().reload()
    deliver(packaged.link, topic)
    units = '/usr/lib/systemd/system/'
    verified = packaged.run('systemd-analyze', 'verify', f'{units}pycapa@.service',
                            f'{units}pycapa.target', check=False)
    assert verified.returncode == 0 and 'pycapa' not in verified.stderr, verified
    for page in (('1', 'pycapa'), ('5', 'pycapa.cfg'), ('8', 'pycapa')):
        assert packaged.run('man', '-w', *page).stdout.strip(), page
    entry = packaged.run('journalctl', '--list-catalog', 'de145b0f25134fecb3d983e4d3523cab')
    assert 'Kafka cannot be reached' in entry.stdout


def test_what_is_in_the_package(packaged):
    found = packaged.run('dpkg', '-L', 'pycapa').stdout.splitlines()
    extcap = next(path for path in found if path.endswith('/wireshark/extcap/pycapa'))
    assert packaged.run('realpath', extcap).stdout.strip() == '/usr/bin/pycapa'
    for path in ('/etc/pycapa/capture.cfg', '/usr/lib/sysusers.d/pycapa.conf',
                 '/usr/lib/tmpfiles.d/pycapa.conf', '/usr/lib/systemd/catalog/pycapa.catalog',
                 '/usr/share/bash-completion/completions/pycapa',
                 '/usr/share/doc/pycapa/security.md', '/usr/share/doc/pycapa/examples/example.cfg'):
        assert path in found, path
    pages = packaged.shell("zcat $(dpkg -L pycapa | grep '/man/man./')").stdout
    named = re.sub(r'\\(&|f.)', '', pages)
    for path in re.findall(r'/usr/(?:share|lib)/[\w/.@]*\w', named):
        assert any(f'{p}/'.startswith(f'{path}/') for p in found), path
    for path in found:
        assert not path.endswith('.md') or os.path.basename(path) in named, path
    texts = packaged.shell(
        "cat $(dpkg -L pycapa | grep -E '/doc/pycapa/.*[.](md|cfg|yml)$')").stdout
    for path in re.findall(r'/usr/share/doc/pycapa/[\w/.@-]*\w', texts):
        assert path in found, path
    for picture in re.findall(r'!\[.*\]\((.*)\)', texts):
        assert f'/usr/share/doc/pycapa/{picture}' in found, picture
    needs = packaged.run('dpkg-query', '-W', '-f', '${Depends} ${Recommends}', 'pycapa').stdout
    assert 'librdkafka1' in needs and 'shark' not in needs
    build_id = re.search(r'Build ID: (\w\w)(\w+)',
                         packaged.run('readelf', '-n', '/usr/bin/pycapa').stdout)
    symbols = packaged.shell('dpkg-deb -c /root/pycapa-dbgsym_*.deb').stdout
    assert f'/.build-id/{build_id[1]}/{build_id[2]}.debug' in symbols


def owner(host, path):
    return host.run('stat', '-c', '%a %U:%G', path).stdout.strip()


def test_an_upgrade_restarts_what_runs_once_and_keeps_an_edited_file(packaged, capture, topic):
    packaged.shell(f"""cp -a {capture.path} /etc/pycapa/idle.cfg; cd /root
        dpkg-deb -R {BUILT} newer; echo '# newer' >>newer/etc/pycapa/capture.cfg
        sed -i 's/^Version: .*/Version: 99/' newer/DEBIAN/control
        dpkg-deb -Znone -b newer n.deb""")
    deliver(packaged.link, topic)
    before = packaged.run('cat', capture.path).stdout
    enabled, pid = packaged.shell(ENABLED).stdout, capture.pid
    capture.cursor = packaged.cursor()
    dpkg(packaged, '-i', '/root/n.deb')
    packaged.sync_journal()
    assert packaged.run('dpkg-query', '-W', '-f', '${Version}', 'pycapa').stdout == '99'
    assert capture.wait_active(not_pid=pid)
    capture.wait_status('capturing on eth7')
    assert len(capture.messages('^Started ')) == 1, capture.story()
    assert packaged.run('cat', capture.path).stdout == before
    assert owner(packaged, capture.path) == '640 root:pycapa'
    assert owner(packaged, '/etc/pycapa') == '750 root:pycapa'
    assert '# newer' in packaged.run('cat', f'{capture.path}.dpkg-dist').stdout
    assert packaged.systemctl('is-active', 'pycapa@idle', check=False).stdout == 'inactive\n'
    assert packaged.shell(ENABLED).stdout == enabled
    deliver(packaged.link, topic, first=500)


def librdkafka_of(host, program):
    """The file, as the program says it."""
    said = host.run(program, '--version').stdout
    return re.search(r'^librdkafka [\d.]+, BSD-2-Clause, (.*)$', said, re.M)[1]


def test_a_librdkafka_for_pycapa_alone_is_used_while_it_is_there(packaged, capture):
    """Any package that holds one; test_librdkafka.py has the real one. Each time one restart."""
    packaged.shell(r"""cd /root; mkdir -p own/DEBIAN own/usr/lib/pycapa
        cp "$(ldd /usr/bin/pycapa | awk '/librdkafka/ { print $3 }')" own/usr/lib/pycapa
        printf '%s\n' 'Package: own' 'Version: 1' 'Architecture: all' 'Description: x' \
            'Maintainer: x <x@example.org>' >own/DEBIAN/control
        dpkg-deb -Znone -b own own.deb""")
    for options, place in ((('-i', '/root/own.deb'), '/usr/lib/pycapa/'), (('-r', 'own'), '/lib/')):
        pid, capture.cursor = capture.pid, packaged.cursor()
        dpkg(packaged, *options)
        packaged.sync_journal()
        assert capture.wait_active(not_pid=pid)
        assert len(capture.messages('^Started ')) == 1, capture.story()
        file = librdkafka_of(packaged, '/usr/bin/pycapa')
        assert file.startswith(place)
        mapped = packaged.shell(f"grep -o '/[^ ]*librdkafka.*' /proc/{capture.pid}/maps").stdout
        assert set(mapped.split()) == {packaged.run('realpath', file).stdout.strip()}


def spool(i, link):
    """Packets wait in the spool of an instance whose Kafka is away; lists its files."""
    i.configure(kafka_broker='127.0.0.1:1')
    i.systemctl('restart')
    i.wait_status('capturing on eth7')
    send(link, 300, 1000)
    i.wait_stats(lambda c: c['RECEIVED'] == 300)


def waits_for_client(host, broker, topic):
    """A consumer whose socket systemd has, and which a client has started; it has left."""
    reader = Instance(host, 'reader', broker, topic.name, mode='consumer', listen='systemd')
    reader.configure()
    host.systemctl('start', SOCKET)
    assert connect(host) == ''
    reader.wait_active()


def connect(host):
    """As a client that leaves at once; returns why it cannot."""
    said = host.run('socat', '-u', '/dev/null', 'UNIX-CONNECT:/run/pycapa-reader.sock',
                    check=False).stderr
    return said.strip().rpartition(': ')[2]


def spooled(host):
    return host.shell("find /var/lib/pycapa -name 'spool-*' -size +1k").stdout


def test_a_removed_package_keeps_the_spool_and_sends_it_when_it_is_back(packaged, capture, topic,
                                                                        broker):
    spool(capture, packaged.link)
    waits_for_client(packaged, broker, topic)
    before, enabled = packaged.run('cat', capture.path).stdout, packaged.shell(ENABLED).stdout
    assert 'pycapa@capture.service' in enabled
    dpkg(packaged, '-r', 'pycapa')
    assert capture.show('ActiveState') == 'inactive'
    assert connect(packaged) == 'Connection refused'
    assert packaged.show(SOCKET, 'ActiveState', 'Result') == {
        'ActiveState': 'inactive', 'Result': 'success'}
    assert packaged.run('test', '-e', '/usr/bin/pycapa', check=False).returncode != 0
    assert packaged.run('cat', capture.path).stdout == before
    files = spooled(packaged)
    assert files
    dpkg(packaged, '-i', BUILT)
    assert capture.show('ActiveState') == 'inactive'
    assert packaged.shell(ENABLED).stdout == enabled and spooled(packaged) == files
    capture.configure(kafka_broker=broker.outer)
    packaged.systemctl('start', 'pycapa.target')
    topic.wait_count(300)
    assert numbers(topic) == list(range(300))


def test_a_purge_deletes_the_spool_only_when_it_is_told_so(packaged, capture):
    spool(capture, packaged.link)
    said = dpkg(packaged, '-P', 'pycapa').stderr
    assert 'the packets in /var/lib/pycapa stay' in said
    assert spooled(packaged)
    assert packaged.run('test', '-e', '/etc/pycapa', check=False).returncode != 0
    assert packaged.shell(ENABLED).stdout == ''
    dpkg(packaged, '-i', BUILT)
    packaged.shell('echo pycapa pycapa/delete-spool boolean true | debconf-set-selections')
    dpkg(packaged, '-P', 'pycapa')
    assert packaged.run('test', '-e', '/var/lib/pycapa', check=False).returncode != 0
    assert packaged.run('debconf-show', 'pycapa').stdout == ''


def borrow(build, targets, copy_in):
    """Puts into a build what it would compile to install: that of the build under test."""
    made = [os.path.relpath(path, build) for t in json.loads(targets) if t['installed']
            for path in t['filename']]
    with tempfile.TemporaryFile() as archive:
        subprocess.run(['tar', '-C', daemon.BUILD, '-cf', '-', *made], check=True, stdout=archive)
        archive.seek(0)
        copy_in(archive)


def test_readme_install_without_a_package(broker, topic):
    with fresh_host() as h:
        link = Link(h, 'eth0')
        commands = readme_commands('Without a package')
        setup, compiles, rest = commands.partition('meson compile -C build\n')
        assert compiles and 'meson install -C build\n' in rest
        h.shell(SHELL + 'cd /root/pycapa\n' + setup[setup.index('meson setup'):], timeout=300)
        borrow('/root/pycapa/build',
               h.shell('cd /root/pycapa; meson introspect --targets build').stdout,
               lambda f: h.run('tar', '-C', '/root/pycapa/build', '-xf', '-', stdin=f))
        h.shell(SHELL + 'cd /root/pycapa\n' + rest.replace('install -C build\n',
                                                           'install -C build --no-rebuild\n'),
                timeout=300)
        i = Instance(h, 'eth0', broker, topic.name)
        i.wait_status('capturing on eth0')
        # The example names a broker on this host; an operator's is elsewhere.
        i.configure().reload()
        deliver(link, topic)
        # Installed again over itself it goes on, and takes no configuration away.
        before = h.run('cat', i.path).stdout
        h.shell('cd /root/pycapa; meson install -C build --no-rebuild', timeout=300)
        assert h.run('cat', i.path).stdout == before
        h.systemctl('restart', 'pycapa@eth0')
        i.wait_status('capturing on eth0')


def test_lists_of_packages_and_versions_agree():
    def read(path):
        with open(os.path.join(daemon.TREE, path)) as f:
            return f.read()

    def libraries(text):
        always = re.sub(r'\S+ <pkg\.pycapa\.\w+>', '', text)
        return set(re.findall(r'\b[\w.-]+-dev\b', always)) - {'libc6-dev'}
    readme = libraries(readme_commands('Without a package'))
    assert readme == libraries(read('debian/control').partition('Package:')[0])
    assert readme == libraries(re.search(r'packages_build=\((.*?)\)', read('tests/lib/packages'),
                                         re.S)[1])
    version = re.search(r"version: '(.*?)'", read('meson.build'))[1]
    assert read('debian/changelog').startswith(f'pycapa ({version}) ')


def test_destdir_and_prefix_put_everything_below(tmp_path):
    """A package's install: nothing outside of DESTDIR, no command of systemd's is run."""
    build = tmp_path / 'build'
    run('meson', 'setup', build, daemon.TREE, '--prefix=/opt/capture', timeout=120)
    borrow(build, run('meson', 'introspect', '--targets', build).stdout,
           lambda f: run('tar', '-C', build, '-xf', '-', stdin=f))
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
