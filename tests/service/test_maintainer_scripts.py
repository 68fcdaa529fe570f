# SPDX-License-Identifier: Apache-2.0
"""
What the Debian package does when it goes, where a host is not as most are. The script runs by itself,
with an /etc and a /var/lib of its own, and nobody to answer. test_install.py has the usual life.
"""
import os

from harness import daemon
from harness.proc import run

OWN = '''
mount -t tmpfs tmpfs /etc
mount -t tmpfs tmpfs /var/lib
[ ! -d /usr/share/debconf ] || mount -t tmpfs tmpfs /usr/share/debconf
'''


def purge(before, after=''):
    script = f'{OWN}{before}\nsh "$1" purge\n{after}'
    return run('unshare', '--mount', '--propagation', 'private', 'sh', '-ec', script, 'sh',
               os.path.join(daemon.TREE, 'debian/pycapa.postrm')).stdout


def test_a_purge_where_there_is_no_systemd():
    purge('mkdir /etc/pycapa', 'test ! -e /etc/pycapa')


def test_a_purge_leaves_no_link_of_what_was_enabled():
    units = 'cd /etc/systemd/system; ln -s /lib/systemd/system/'
    left = purge(f"""
        mkdir -p /etc/systemd/system/multi-user.target.wants /etc/systemd/system/pycapa.target.wants
        {units}pycapa@.service pycapa.target.wants/pycapa@eth0.service
        {units}pycapa@.service multi-user.target.wants/pycapa@eth0.service
        {units}pycapa.target multi-user.target.wants/pycapa.target
        {units}ssh.service multi-user.target.wants/ssh.service
        """, 'find /etc/systemd/system -name "*pycapa*" -o -type l')
    assert left == '/etc/systemd/system/multi-user.target.wants/ssh.service\n'
