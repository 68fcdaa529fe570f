# SPDX-License-Identifier: Apache-2.0
"""The service and its secrets: Kerberos, TLS and SASL from credentials of systemd."""
import os
import re
import shutil
import sys

import pytest

import host as hosts
from harness import authtable, captures, wait
from harness.witness import Topic
from outer import numbers, send

HERE = os.path.dirname(os.path.abspath(__file__))

sys.path.insert(0, os.path.join(HERE, '../kafka/security'))
import ways  # noqa: E402
from kdc import REALM  # noqa: E402
from libraries import library  # noqa: E402
from secure_cluster import KEY_PASSWORD, PASSWORD, SecureCluster  # noqa: E402

SECRETS = '/etc/pycapa-secrets'


@pytest.fixture(scope='session')
def secure(host, tmp_path_factory):
    """Started once the host is joined: GATEWAY is an address only then."""
    with SecureCluster(tmp_path_factory.mktemp('secure'), hosts.GATEWAY) as cluster:
        yield cluster


@pytest.fixture(scope='session')
def secrets(host, secure, tmp_path_factory):
    """Keytab, passwords, certificates and krb5.conf inside the host; root alone reads them."""
    source = tmp_path_factory.mktemp('secrets')
    etc = source / 'etc/pycapa-secrets'
    etc.mkdir(parents=True)
    shutil.copy(secure.kdc.krb5_conf, source / 'etc/krb5.conf')
    shutil.copy(secure.keytabs['pycapa'], etc / 'keytab')
    for name in ('ca.crt', 'client.crt', 'client.encrypted.key', 'client-plain.crt',
                 'client-plain.key', 'client-foreign.crt', 'client-foreign.key'):
        shutil.copy(secure.ca.dir / name, etc)
    (etc / 'password').write_text(PASSWORD)
    (etc / 'wrong').write_text('wrong-Passw0rd')
    (etc / 'key-password').write_text(KEY_PASSWORD)
    host.copy_in(str(source))
    host.run('chmod', '0644', '/etc/krb5.conf')
    host.shell(f'cd {SECRETS}; chmod 0755 .; chmod 0644 *.crt')
    host.shell(f'cd {SECRETS}; chmod 0400 keytab password wrong key-password *.key')


@pytest.fixture
def topic(secure, name):
    return Topic(secure.broker, secure.broker.topic(name=f'pcap-{name}'))


@pytest.fixture
def secured(host, secure, secrets, instances, link, topic):
    """Makes an instance with credentials {id: file in SECRETS} and Kafka properties."""
    def make(options, credentials, environment=(), **keys):
        lines = [f'LoadCredential={i}:{SECRETS}/{f}' for i, f in credentials.items()]
        lines += [f'Environment={e}' for e in environment]
        host.write(f'/etc/systemd/system/pycapa@{link.name}.service.d/secrets.conf',
                   '\n'.join(['[Service]', *lines, '']))
        host.systemctl('daemon-reload')
        place = f'/run/credentials/pycapa@{link.name}.service'
        properties = [o.replace('%d', place) for o in options if '=' in o]
        return instances(link.name, kafka_broker=options[options.index('-k') + 1],
                         kafka_topic=topic.name, kafka_config=properties, **keys)
    return make


def works(instance, link, topic):
    instance.start()
    instance.wait_status(f'capturing on {link.name}')
    send(link, 200, 1000)
    topic.wait_count(200)
    assert numbers(topic) == list(range(200))
    assert not instance.messages('^(Kafka|Kerberos): '), instance.story()


def test_kerberos_with_a_keytab_that_only_root_can_read(secured, secure, link, topic, host):
    options = secure.gssapi(**{'sasl.kerberos.keytab': '%d/keytab'})
    works(secured(options, {'keytab': 'keytab'}), link, topic)


def test_kerberos_with_a_keytab_that_pycapa_alone_can_read(secured, secure, link, topic, host):
    """The other way: no copy by systemd, so what a kinit reads is the file as it is now."""
    host.run('install', '-o', 'pycapa', '-m', '0400', f'{SECRETS}/keytab', f'{SECRETS}/own-keytab')
    options = secure.gssapi(**{'sasl.kerberos.keytab': f'{SECRETS}/own-keytab'})
    works(secured(options, {}), link, topic)


def test_kerberos_consumer(secured, secure, link, topic, host):
    topic.produce(captures.sample(100, size=80))
    out = f'/var/lib/pycapa/{link.name}/out.pcap'
    options = secure.gssapi(**{'sasl.kerberos.keytab': '%d/keytab'})
    instance = secured(options, {'keytab': 'keytab'}, mode='consumer', kafka_offset='stored',
                       write_file=out).start()
    instance.wait_status('written 100')
    instance.stop()
    shown = host.run('tcpdump', '-nr', out, '-Z', 'root')
    assert len(shown.stdout.splitlines()) == 100
    got = host.run('cat', out, text=False).stdout
    assert [p.data for p in captures.parse(got)[1]] == [r.value for r in topic.records()]
    assert not instance.messages('^(Kafka|Kerberos): '), instance.story()


def test_password_as_a_credential(secured, secure, link, topic):
    options = secure.sasl('PLAIN', **{'ssl.ca.location': f'{SECRETS}/ca.crt',
                                      'sasl.password': '@credential:password'})
    instance = secured(options, {'password': 'password'})
    works(instance, link, topic)
    assert PASSWORD not in instance.show('StatusText')
    assert not [e for e in instance.entries() if PASSWORD in str(e)]


@pytest.fixture(scope='session')
def other_librdkafka(host, tmp_path_factory):
    """A current librdkafka inside the host, as docs/security.md says; its folder."""
    libs = library('current')
    source = tmp_path_factory.mktemp('librdkafka')
    target = source / 'opt/librdkafka/lib'
    target.mkdir(parents=True)
    shutil.copy(os.path.join(libs, 'librdkafka.so.1'), target)
    host.copy_in(str(source))
    host.run('chmod', '-R', 'a+rX', '/opt/librdkafka')
    return '/opt/librdkafka/lib'


@pytest.mark.parametrize('right', [True, False], ids=['right', 'wrong'])
@pytest.mark.parametrize('which', ways.LIBRARIES)
@pytest.mark.parametrize('way', ways.WAYS)
def test_every_way(way, which, right, secured, secure, link, topic, other_librdkafka):
    """The service's part of the table; the unit chooses the library, the binary is the same."""
    private = []

    def place(path):
        name = os.path.basename(path)
        if name.endswith('.crt'):
            return f'{SECRETS}/{name}'
        private.append('keytab' if name.endswith('keytab') else name)
        return f'%d/{private[-1]}'

    options = ways.options(secure, way, right, place)
    environment = [f'LD_LIBRARY_PATH={other_librdkafka}'] if which == 'current' else []
    instance = secured(options, {name: name for name in private}, environment)
    if ways.works(way, which, right):
        works(instance, link, topic)
        result = '200 packets'
    else:
        status, words = ways.refusal(way, which)
        instance.configure()
        started = instance.systemctl('start', check=False).returncode
        # A client that cannot even be made ends the service; any other goes on trying.
        assert (started != 0) == (status == 2), instance.story()
        result = instance.wait_message(r'^(Kafka: (\w+://|ssl\.)|Kerberos: )')['MESSAGE']
        assert re.search(words, result), instance.story()
        assert instance.show('ActiveState') == ('failed' if status == 2 else 'active')
        assert topic.count() == 0
    authtable.record(way, ways.LIBRARIES[which], 'service', 'right' if right else 'wrong', result)


def test_client_certificate_with_an_encrypted_key(secured, secure, link, topic):
    options = secure.client_certificate(**{
        'ssl.ca.location': f'{SECRETS}/ca.crt',
        'ssl.certificate.location': f'{SECRETS}/client.crt',
        'ssl.key.location': '%d/key', 'ssl.key.password': '@credential:key-password'})
    works(secured(options, {'key': 'client.encrypted.key', 'key-password': 'key-password'}),
          link, topic)


def test_a_client_that_cannot_be_made_ends_the_service_once(secured, secure, link, topic):
    """Trying every second would mend nothing: as with any other fault of the configuration."""
    instance = secured(secure.client_certificate(**{
        'ssl.ca.location': f'{SECRETS}/ca.crt',
        'ssl.certificate.location': f'{SECRETS}/client.crt',
        'ssl.key.location': '%d/key', 'ssl.key.password': 'wrong-Passw0rd'}),
        {'key': 'client.encrypted.key'}).configure()
    assert instance.systemctl('start', check=False).returncode != 0
    assert instance.show('ExecMainStatus') == '2'
    wait.stays(lambda: instance.show('ActiveState') == 'failed', 2, instance.story)
    assert instance.show('NRestarts') == '0'
    assert len(instance.messages(r'ssl\.key\.password is wrong')) == 1, instance.story()


def test_a_reload_is_refused_with_the_reason_of_librdkafka(secured, secure, link, topic):
    options = secure.client_certificate(**{
        'ssl.ca.location': f'{SECRETS}/ca.crt',
        'ssl.certificate.location': f'{SECRETS}/client.crt',
        'ssl.key.location': '%d/key'})
    instance = secured(options, {'key': 'client.encrypted.key'}).start()
    right = instance.keys['kafka_config']
    wrong = [p for p in right if 'password' not in p] + ['ssl.key.password=wrong-Passw0rd']
    assert instance.reload(check=False, kafka_config=wrong).returncode != 0
    assert instance.messages('Reload refused.*Kafka client: ssl.key.location failed.*'
                             'ssl.key.password is wrong'), instance.story()
    assert instance.show('ActiveState') == 'active'
    send(link, 100, 200)
    topic.wait_count(100)
    instance.reload(kafka_config=right)


def test_wrong_password_is_retried_at_a_humane_pace_and_said_once(secured, secure, link, topic):
    options = secure.sasl('PLAIN', **{'ssl.ca.location': f'{SECRETS}/ca.crt',
                                      'sasl.password': '@credential:wrong'})
    instance = secured(options, {'wrong': 'wrong'}).start()
    instance.wait_message('sasl.password is wrong')

    def failures():
        return sum('Failed authentication' in line for line in secure.broker.process.lines)
    before = failures()
    assert before >= 1, 'the line that is counted is not the one that the broker writes'
    wait.elapse(8)
    assert 1 <= failures() - before <= 4, 'every refusal is one try'
    assert len(instance.messages('sasl.password is wrong')) == 1, instance.story()
    assert instance.show('ActiveState') == 'active'
    assert instance.show('NRestarts') == '0'
    assert not instance.messages('wrong-Passw0rd')


def test_a_password_that_is_mended_is_taken_up_by_a_reload(secured, secure, link, topic, host):
    """And what was captured meanwhile arrives."""
    options = secure.sasl('PLAIN', **{'ssl.ca.location': f'{SECRETS}/ca.crt',
                                      'sasl.password': 'wrong-Passw0rd'})
    instance = secured(options, {}).start()
    instance.wait_message('sasl.password is wrong')
    send(link, 100, 200)
    right = [p for p in instance.keys['kafka_config'] if 'password' not in p]
    instance.reload(kafka_config=[*right, f'sasl.password={PASSWORD}'])
    topic.wait_count(100, 60)
    assert numbers(topic) == list(range(100))
    assert instance.messages(r'reload: kafka-config sasl\.password: \*+ -> \*+')
    assert not instance.messages(f'wrong-Passw0rd|{PASSWORD}')


def test_kinits_error_is_in_the_journal(secured, secure, link, topic):
    """kinit's own words, at the level of an error, from the process that lasts.

    An entry of kinit's own would belong to no unit when it is gone before journald looks.
    """
    options = secure.gssapi(**{'sasl.kerberos.keytab': '%d/keytab',
                               'sasl.kerberos.principal': f'nobody@{REALM}'})
    instance = secured(options, {'keytab': 'keytab'}).start()
    entry = instance.wait_message('no suitable keys for nobody.*klist -k')
    assert entry['PRIORITY'] == '3'
    assert re.search('no ticket', entry['MESSAGE'])
    assert entry['PYCAPA_INSTANCE'] == instance.name
    assert entry['_PID'] == str(instance.pid)


def test_a_keytab_that_the_service_cannot_read_is_said(secured, secure, link, topic):
    options = secure.gssapi(**{'sasl.kerberos.keytab': f'{SECRETS}/keytab'})
    instance = secured(options, {}).start()
    instance.wait_message('no ticket: kinit: Permission denied.*LoadCredential=')
