# SPDX-License-Identifier: Apache-2.0
"""Start, status, and what the process may do."""
import os
import re

import pytest

from harness import daemon, traffic, wait
from outer import numbers, send


def test_packets_arrive_in_kafka_and_status_shows_rates(producer, link, topic):
    send(link, 1000, 500)
    topic.wait_count(1000)
    assert numbers(topic) == list(range(1000))
    stream = traffic.start(link, 60000, 2000, first=1000)
    shown = []

    def rates():
        shown[:] = re.findall(r'Status: "(.*)"', producer.systemctl('status').stdout)
        found = re.search(r'([\d.]+) packets/s', shown[0])
        return found and float(found.group(1)) > 1000
    wait.until(rates, 10, lambda: f'the rate of the traffic in {shown}')
    assert f'capturing on {link.name}' in shown[0] and 'delivered' in shown[0], shown
    assert stream.running(), 'it was looked at while traffic came'
    stream.kill()


def test_the_example_names_host_and_interface(instances, broker, topic, link, host):
    with open(os.path.join(daemon.TREE, 'conf/example.cfg')) as f:
        text = f.read()
    for key, value in (('kafka-broker', broker.outer), ('kafka-topic', topic.name)):
        text, found = re.subn(rf'^#({key}) = .*', rf'\1 = "{value}";', text, flags=re.M)
        assert found == 1
    i = instances(link.name, broker, topic.name, annotate=False)
    i.write(text)
    i.systemctl('start')
    i.wait_status(f'capturing on {link.name}')
    send(link, 100, 1000)
    topic.wait_count(100)
    origin = [('host', host.run('uname', '-n').stdout.strip().encode()),
              ('interface', link.name.encode())]
    assert [r.headers for r in topic.records()] == [origin] * 100
    i.reload(annotate=False)
    send(link, 100, 1000, first=100)
    topic.wait_count(200)
    assert [r.headers for r in topic.records()[100:]] == [[]] * 100
    assert numbers(topic) == list(range(200))


def test_process_is_not_root_and_has_cap_net_raw_alone(producer, host):
    status = host.run('cat', f'/proc/{producer.pid}/status').stdout
    fields = dict(line.split(':\t', 1) for line in status.splitlines() if ':\t' in line)
    uid = host.run('id', '-u', 'pycapa').stdout.strip()
    assert uid != '0'
    assert fields['Uid'].split() == [uid] * 4
    assert '0' not in fields['Groups'].split()
    assert fields['NoNewPrivs'] == '1'
    net_raw = f'{1 << 13:016x}'
    assert fields['CapBnd'] == net_raw
    for allowed in ('CapPrm', 'CapEff', 'CapInh', 'CapAmb'):
        assert fields[allowed] in (net_raw, '0' * 16), allowed
    assert fields['CapEff'] == net_raw


def test_systemd_analyze_security_is_at_most_1_6(producer, host):
    out = host.run('systemd-analyze', 'security', '--no-pager', producer.unit, check=False).stdout
    score = float(re.search(r'Overall exposure level.*: ([\d.]+)', out).group(1))
    assert score <= 1.6, out


def test_core_dumps_are_off(producer, host):
    def core_limits(pid):
        limits = host.run('cat', f'/proc/{pid}/limits').stdout
        return re.search(r'Max core file size\s+(\S+)\s+(\S+)', limits).groups()
    # sudo allows no core file at all, and not every container's root may raise that to 1 byte.
    least = '0' if core_limits(1)[1] == '0' else '1'
    assert core_limits(producer.pid) in {(least, least), ('1', '1')}
    unit = host.run('systemctl', 'show', '-p', 'LimitCORE', '--value', producer.unit).stdout
    assert unit.strip() == '1'


def test_ready_comes_when_the_capture_runs_or_waits(instances, broker, topic, name, link, host):
    """`systemctl start` returns with an interface that is not there: waiting is ready."""
    absent = instances('absent0', broker, topic.name).start()
    assert absent.show('ActiveState') == 'active'
    assert 'waiting for' in absent.show('StatusText')
    assert 'absent0' in absent.show('StatusText')


@pytest.mark.parametrize('key,value', [
    ('snaplen', 'much'), ('filter', 'tcp prot 80'),
    ('kafka_config', ['security.protocol=SASL_SSL', 'sasl.mechanism=PLAIN'])])
def test_bad_configuration_fails_once_with_status_2(instances, host, broker, key, value):
    i = instances('broken0', broker, 'pcap')
    i.configure(**{key: value})
    assert i.systemctl('start', check=False).returncode != 0
    assert i.show('ExecMainStatus') == '2'
    named = 'sasl.password' if key == 'kafka_config' else key
    i.wait_message(rf'broken0\.cfg:\d+: .*{named}')
    # RestartSec is 1 s.
    wait.stays(lambda: i.show('ActiveState') == 'failed', 2, 'restarted in spite of status 2')
    assert i.show('NRestarts') == '0'


def test_configuration_is_readable_by_root_and_the_service_alone(producer, host):
    """What the tmpfiles.d entry promises, for a file that an editor left open to all."""
    host.run('chmod', '0644', producer.path)
    host.run('chgrp', 'root', producer.path)
    host.run('systemd-tmpfiles', '--create')
    assert host.run('stat', '-c', '%a %U %G', producer.path).stdout.strip() == '640 root pycapa'
    assert host.run('stat', '-c', '%a %U %G', host.confdir).stdout.strip() == '750 root pycapa'
    for user, refused in (('nobody', True), ('pycapa', False)):
        read = host.run('runuser', '-u', user, '--', 'cat', producer.path, check=False)
        assert ('Permission denied' in read.stderr) == refused == (read.returncode != 0), read
        assert ('kafka-topic' in read.stdout) != refused


def test_interface_names_with_dash_dot_and_at(instances, broker, topic, host):
    from host import Link
    for n, name in enumerate(('br-lan', 'eth9.100', 'vlan@7')):
        link = Link(host, name)
        try:
            i = instances(name, broker, topic.name).start()
            i.wait_status(f'capturing on {re.escape(name)}')
            send(link, 100, 1000, first=n * 100)
            topic.wait_count((n + 1) * 100)
            assert i.show('MainPID') != '0'
            i.reload(stats_interval='10s')
            i.stop()
        finally:
            link.remove()
    assert numbers(topic) == list(range(300))


def test_name_that_cannot_be_an_instance_is_refused_with_a_reason(host):
    """systemctl itself escapes what no unit name may hold; the file of that name is missing."""
    unit = r'pycapa@a\x2bb.service'
    assert host.systemctl('start', 'pycapa@a+b', check=False).returncode != 0
    host.sync_journal()
    told = [e for e in host.journal('-u', unit) if e.get('SYSLOG_IDENTIFIER') == 'pycapa']
    assert len(told) == 1 and told[0]['PRIORITY'] == '3', told
    assert f'{host.confdir}/a\\x2bb.cfg: No such file or directory' in told[0]['MESSAGE'], told
    assert host.show(unit, 'ExecMainStatus')['ExecMainStatus'] == '2'


def test_three_instances_stop_one_and_the_others_go_on(instances, broker, host):
    from harness.witness import Topic
    from host import Link
    rows = []
    try:
        for n in range(3):
            link = Link(host, f'multi{n}')
            topic = Topic(broker, broker.topic())
            i = instances(link.name, broker, topic.name).start()
            i.wait_status('capturing')
            rows.append((link, topic, i))
        pids = [i.pid for _, _, i in rows]
        rows[1][2].stop()
        assert rows[1][2].show('ActiveState') == 'inactive'
        for link, topic, i in rows:
            send(link, 100, 1000)
        for n in (0, 2):
            rows[n][1].wait_count(100)
            assert numbers(rows[n][1]) == list(range(100))
            assert rows[n][2].pid == pids[n]
        assert rows[1][1].count() == 0
        # A path of its own for each, gone with it.
        assert host.run('ls', '/run/pycapa').stdout.split() == ['multi0', 'multi2']
    finally:
        for link, _, _ in rows:
            link.remove()


def test_target_stops_all_and_starts_those_enabled(instances, broker, topic, host):
    from host import Link
    links = [Link(host, f'tgt{n}') for n in range(2)]
    try:
        made = [instances(link.name, broker, topic.name).start() for link in links]
        host.systemctl('enable', made[0].unit)
        host.systemctl('start', 'pycapa.target')
        host.systemctl('stop', 'pycapa.target')
        for i in made:
            wait.until(lambda: i.show('ActiveState') == 'inactive', 30, f'{i.unit} stopped')
        host.systemctl('start', 'pycapa.target')
        assert [i.show('ActiveState') for i in made] == ['active', 'inactive']
    finally:
        host.systemctl('disable', made[0].unit, check=False)
        host.systemctl('stop', 'pycapa.target', check=False)
        for link in links:
            link.remove()
