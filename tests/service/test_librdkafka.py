# SPDX-License-Identifier: Apache-2.0
"""The package pycapa-librdkafka, by the README's commands: what it is for, and its life."""
import os
import re
import sys

import pytest

import host as hosts
from fresh import SHELL, fresh_host, readme_commands
from harness import captures
from harness.daemon import TREE
from harness.proc import run
from harness.witness import Topic
from instance import Instance
from outer import numbers, send

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '../kafka/security'))
from oidc_cluster import OidcCluster  # noqa: E402
from secure_cluster import SecureCluster  # noqa: E402

pytestmark = pytest.mark.long  # it builds both packages, for minutes

OWN = '/usr/lib/pycapa/librdkafka.so.1'
CA = '/etc/pycapa/ca.crt'
KEYTAB = '/etc/pycapa/keytab'
# All of the host but its network: a token endpoint is on this machine's loopback.
ON_THIS_NETWORK = ('-m', '-u', '-i', '-p', '-C')


@pytest.fixture(scope='module')
def packaged(tmp_path_factory):
    """A host on which both packages were built and installed by the README's commands."""
    # A fresh host has no cargo; with what this leaves in this machine's cache it needs none.
    run(os.path.join(TREE, 'tests/librdkafka'), '--source',
        tmp_path_factory.mktemp('source') / 'crate', timeout=300)
    with fresh_host() as h:
        h.link = hosts.Link(h, 'eth7')
        h.shell_with_network('renice -n 10 $$; cd /root/pycapa\n' + SHELL % 'unused'
                             + readme_commands('With a current librdkafka'), timeout=1800)
        yield h


@pytest.fixture(scope='module')
def secure(packaged, tmp_path_factory):
    with SecureCluster(tmp_path_factory.mktemp('secure'), hosts.GATEWAY) as cluster:
        yield cluster


@pytest.fixture
def topic(secure, name):
    return Topic(secure.broker, secure.broker.topic(name=f'pcap-{name}'))


@pytest.fixture
def scram(packaged, secure, topic):
    """A running instance that logs in with SCRAM, at a broker of Kafka 4."""
    packaged.copy_file(secure.ca.cert, CA)
    options = secure.sasl('SCRAM-SHA-512', **{'ssl.ca.location': CA})
    i = Instance(packaged, 'capture', topic=topic.name, interface='eth7', shutdown_timeout='1s',
                 kafka_broker=options[options.index('-k') + 1],
                 kafka_config=[o for o in options if '=' in o])
    i.configure().systemctl('restart')
    i.wait_status('capturing on eth7')
    return i


def librdkafka(host, program='/usr/bin/pycapa'):
    return re.search('^librdkafka .*$', host.run(program, '--version').stdout, re.M)[0]


def mapped(instance):
    """Those that the running process has."""
    text = instance.host.run('cat', f'/proc/{instance.pid}/maps').stdout
    return set(re.findall(r'/\S*librdkafka\S*', text))


def restarted_once(instance, *command):
    pid, instance.cursor = instance.pid, instance.host.cursor()
    instance.host.run(*command, timeout=300)
    instance.host.sync_journal()
    instance.wait_active(not_pid=pid)
    assert len(instance.messages('^Started ')) == 1, instance.story()


def deliver(link, topic, first=0):
    send(link, 200, 1000, first=first)
    topic.wait_count(first + 200)
    assert numbers(topic) == list(range(first + 200))


def test_what_is_in_it(packaged):
    extcap = packaged.shell('dpkg -L pycapa | grep wireshark/extcap/pycapa').stdout.strip()
    for program in ('/usr/bin/pycapa', extcap):
        assert librdkafka(packaged, program) == f'librdkafka 2.12.1, BSD-2-Clause, {OWN}'
    # Nobody else is affected, and what it is linked with is Debian's.
    assert OWN not in packaged.run('ldd', '/usr/bin/kcat').stdout
    assert OWN not in packaged.run('ldconfig', '-p').stdout
    fields = '${Depends} ${Description}'
    shown = packaged.run('dpkg-query', '-W', '-f', fields, 'pycapa-librdkafka').stdout
    for word in ('libsasl2-2', 'libssl3', 'libcurl4', 'libzstd1', 'liblz4-1', 'zlib1g', '(2.12.1)'):
        assert word in shown, shown
    assert 'librdkafka1 (' in packaged.run('dpkg-query', '-W', '-f', fields, 'pycapa').stdout
    licence = packaged.run('cat', '/usr/share/doc/pycapa-librdkafka/copyright').stdout
    assert 'Redistribution and use in source and binary forms' in licence
    assert 'LICENSE.snappy' in licence
    features = packaged.run('pycapa', '-p', '-X', 'dump', '-X', 'sasl.oauthbearer.method=oidc')
    assert 'sasl.oauthbearer.method=oidc' in features.stdout


def pycapa(host, *argv, **kwargs):
    """The installed program, as somebody at a shell starts it."""
    return run(*host.command('/usr/bin/pycapa', *argv, namespaces=ON_THIS_NETWORK), text=False,
               errors=None, **kwargs)


def there_and_back(host, topic, options, tmp_path):
    """Packets in by one way to log in, and out by the same, without a word about it."""
    file = captures.write(tmp_path / 'in.pcap', captures.sample(10))
    with open(file, 'rb') as f:
        sent = pycapa(host, '-p', '-r', '-', '-t', topic.name, *options, stdin=f)
    read = pycapa(host, '-c', '-e', '-t', topic.name, *options)
    assert captures.parse(read.stdout) == captures.read(file)
    for said in (sent.stderr.decode(), read.stderr.decode()):
        assert not re.search('^(WARNING|ERROR)', said, re.M), said
    version = pycapa(host, '--version').stdout.decode()
    assert f'librdkafka 2.12.1, BSD-2-Clause, {OWN}\n' in version


@pytest.mark.parametrize('mechanism', ['GSSAPI', 'SCRAM-SHA-256', 'SCRAM-SHA-512'])
def test_it_logs_in(packaged, secure, topic, tmp_path, mechanism):
    if mechanism == 'GSSAPI':
        packaged.write('/etc/krb5.conf', secure.kdc.krb5_conf.read_text())
        packaged.copy_file(secure.keytabs['pycapa'], KEYTAB)
        options = secure.gssapi(**{'sasl.kerberos.keytab': KEYTAB})
    else:
        packaged.copy_file(secure.ca.cert, CA)
        options = secure.sasl(mechanism, **{'ssl.ca.location': CA})
    there_and_back(packaged, topic, options, tmp_path)


def test_it_logs_in_with_oidc(packaged, tmp_path):
    with OidcCluster(tmp_path, life=300) as cluster:
        there_and_back(packaged, Topic(cluster.broker, cluster.broker.topic()), cluster.options(),
                       tmp_path)
        assert cluster.tokens.given >= 2


def test_scram_works_while_it_is_installed(packaged, scram, topic):
    """With Debian's it does not; when the package is back what waited meanwhile arrives."""
    assert mapped(scram) == {OWN}
    deliver(packaged.link, topic)
    assert not scram.messages('librdkafka below|^Kafka: '), scram.story()
    restarted_once(scram, 'dpkg', '-r', 'pycapa-librdkafka')
    assert OWN not in librdkafka(packaged) and not mapped(scram) & {OWN}
    assert packaged.run('test', '-e', os.path.dirname(OWN), check=False).returncode != 0
    scram.wait_status('capturing on eth7')
    send(packaged.link, 200, 1000, first=200)
    scram.wait_message('invalid credentials.*librdkafka below 2.6.1 cannot do SCRAM')
    scram.wait_stats(lambda c: c['RECEIVED'] == 200)
    restarted_once(scram, 'sh', '-c', 'dpkg -i /root/pycapa-librdkafka_*.deb')
    topic.wait_count(400)
    assert numbers(topic) == list(range(400))


def test_an_upgrade_of_both_restarts_what_runs_once(packaged, scram, topic):
    packaged.shell("""cd /root
        for name in pycapa pycapa-librdkafka; do
            dpkg-deb -R ${name}_*.deb new
            sed -i 's/^Version: .*/Version: 99/' new/DEBIAN/control
            echo >>new/usr/share/doc/$name/copyright
            dpkg-deb -Znone -b new $name.deb
            rm -r new
        done""")
    restarted_once(scram, 'dpkg', '-i', '/root/pycapa.deb', '/root/pycapa-librdkafka.deb')
    assert mapped(scram) == {OWN}
    deliver(packaged.link, topic)


def test_it_goes_with_pycapa(packaged, scram):
    assert packaged.run('dpkg', '-r', 'pycapa', check=False).returncode != 0
    packaged.run('dpkg', '-r', 'pycapa', 'pycapa-librdkafka', timeout=300)
    assert scram.show('ActiveState') == 'inactive'
    assert packaged.run('test', '-e', '/usr/lib/pycapa', check=False).returncode != 0
