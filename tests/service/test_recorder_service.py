# SPDX-License-Identifier: Apache-2.0
"""A recorder as a service: where it may write."""


def test_a_place_outside_is_refused_with_the_line_to_add(instances, broker, name, host):
    host.run('install', '-d', '-o', 'pycapa', f'/srv/{name}')
    i = instances(name, broker, 'pcap', mode='consumer', write_file=f'/srv/{name}/a.pcapng',
                  ring_buffer='packets:40').configure()
    i.remember()
    i.systemctl('start', check=False)
    i.wait_message(rf'add the line ReadWritePaths=/srv/{name} to its \[Service\] section '
                   rf'\(systemctl edit pycapa@{name}\)')
    assert host.show(i.unit, 'NRestarts', 'ExecMainStatus', 'SubState') == {
        'NRestarts': '0', 'ExecMainStatus': '2', 'SubState': 'failed'}
    assert len(i.own_entries('PRIORITY=3')) == 1, i.story()
    allow(host, i.unit, f'/srv/{name}')
    i.start()


def allow(host, unit, path):
    host.write(f'/etc/systemd/system/{unit}.d/place.conf', f'[Service]\nReadWritePaths={path}\n')
    host.systemctl('daemon-reload')
