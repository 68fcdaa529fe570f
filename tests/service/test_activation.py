# SPDX-License-Identifier: Apache-2.0
"""pycapa@NAME.socket: systemd listens, the first client starts the consumer."""
from harness import captures
from harness.proc import run

READ = '''
import socket, sys
s = socket.socket(socket.AF_UNIX)
s.connect(sys.argv[1])
s.settimeout(60)
left = int(sys.argv[2])
while left:
    data = s.recv(left)
    assert data, 'the end'
    sys.stdout.buffer.write(data)
    left -= len(data)
'''


def test_a_client_starts_the_service(instances, broker, topic, name, host):
    packets = captures.sample(20, size=100)
    topic.produce(packets[:10])
    socket, path = f'pycapa@{name}.socket', f'/run/pycapa-{name}.sock'
    i = instances(name, broker, topic.name, mode='consumer', kafka_offset='begin',
                  listen='systemd').configure()

    def read(count, group='pycapa'):
        argv = host.command('setpriv', '--reuid=nobody', f'--regid={group}', '--clear-groups',
                            'python3', '-c', READ, path, str(24 + count * 116))
        return run(*argv, text=False, check=False)
    host.systemctl('start', socket)
    try:
        assert i.show('ActiveState') == 'inactive'
        refused = read(1, 'nogroup')
        assert b'PermissionError' in refused.stderr and i.show('ActiveState') == 'inactive'
        got = read(10)
        assert got.returncode == 0, got.stderr.decode() + i.story()
        assert [p.data for p in captures.parse(got.stdout)[1]] == [p.data for p in packets[:10]]
        i.wait_message(r'Client process \d+ left')
        pid = i.wait_active()
        # It goes on without a client, and the next one has it read on.
        topic.produce(packets[10:])
        got = read(10)
        assert [p.data for p in captures.parse(got.stdout)[1]] == [p.data for p in packets[10:]]
        assert i.wait_active() == pid
        assert i.stop().ended_well(), i.story()
        assert host.show(socket, 'ActiveState')['ActiveState'] == 'active'
    finally:
        host.systemctl('stop', socket)
