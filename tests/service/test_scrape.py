# SPDX-License-Identifier: Apache-2.0
"""The metrics of a service: its sandbox lets it listen and write where the manuals say."""
import os
import re

from harness import metrics, wait
from harness.daemon import TREE

ASK = '''
import http.client, socket, sys
class Unix(http.client.HTTPConnection):
    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(self.host)
where, path = sys.argv[1:]
c = Unix(where) if where[0] == '/' else http.client.HTTPConnection('127.0.0.1', int(where))
c.request('GET', path)
a = c.getresponse()
print(a.status)
print(a.read().decode(), end='')
'''


def ask(host, where, path='/metrics'):
    """(status, text), asked on the host."""
    status, _, text = host.run('python3', '-c', ASK, where, path).stdout.partition('\n')
    return int(status), text


def test_a_service_listens_and_writes(producer, link, host):
    socket = f'/run/pycapa/{link.name}/metrics'
    textfile = f'/var/lib/pycapa/{link.name}/metrics.prom'
    producer.reload(metrics_listen=socket, metrics_textfile=textfile)
    status, text = ask(host, socket)
    assert status == 200 and metrics.parse(text)['pycapa_reloads_total'] == 1
    assert f'name="{link.name}",mode="producer",interface="{link.name}"' in text
    wait.until(lambda: 'pycapa_received_packets_total' in
               host.run('cat', textfile, check=False).stdout, 10, producer.story)
    # Another fault than the address: nothing moves.
    assert producer.reload(check=False, metrics_listen='9917', snaplen=-1).returncode != 0
    assert metrics.parse(ask(host, socket)[1])['pycapa_reloads_refused_total'] == 1
    producer.reload(snaplen=None, metrics_textfile=None)
    assert ask(host, '9917', '/healthz') == (200, 'ok\n')
    samples = metrics.parse(ask(host, '9917')[1])
    assert samples['pycapa_last_reload_successful'] == 1
    assert host.run('ls', socket, textfile, check=False).stdout == ''
    # It was in time since the start, every 10 s.
    assert 'pycapa_watchdog_notifications_total' in samples
    assert producer.stop().ended_well(), producer.story()


def test_node_exporters_directory_by_the_manual(producer, link, host):
    """Its drop-in and its commands, as they stand."""
    with open(os.path.join(TREE, 'docs/metrics.md')) as f:
        text = f.read()
    drop_in = re.search(r'^```\n(\[Service\]\n.*?)^```$', text, re.M | re.S)[1]
    commands = re.search(r'^```sh\n(sudo chgrp .*?)^```$', text, re.M | re.S)[1]
    directory = re.search(r'^metrics-textfile = "(.*)/pycapa-eth0.prom";$', text, re.M)[1]
    path = '/etc/systemd/system/pycapa@.service.d/override.conf'
    host.run('install', '-d', '-m', '0755', directory)
    host.write(path, drop_in)
    try:
        host.systemctl('daemon-reload')
        host.shell(f'sudo() {{ "$@"; }}\n{commands}')
        file = f'{directory}/pycapa-{link.name}.prom'
        producer.configure(metrics_textfile=file).systemctl('restart')
        wait.until(lambda: 'pycapa_state{' in host.run('cat', file, check=False).stdout, 10,
                   producer.story)
        assert producer.stop().ended_well(), producer.story()
        assert 'pycapa_received_packets_total 0' in host.run('cat', file).stdout
    finally:
        host.run('rm', '-f', path)
        host.systemctl('daemon-reload')
