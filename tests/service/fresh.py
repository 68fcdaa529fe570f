# SPDX-License-Identifier: Apache-2.0
"""Fresh hosts with the tree of this project, and the commands of its README."""
import contextlib
import os
import re
import tempfile

import tree
from harness import daemon, wait
from host import Host

# We are root, and this is the one edit.
SHELL = """sudo() { "$@"; }
editor() { sed -i 's/localhost:9092/%s/; s/"eth0"/"eth7"/' "$1"; }
"""


def readme_commands(heading):
    with open(os.path.join(daemon.TREE, 'README.md')) as f:
        block = re.search(rf'^#+ {heading}\n+```sh\n(.*?)^```$', f.read(), re.M | re.S)
    assert block, f'README.md has no section {heading} that begins with its commands'
    return block.group(1)


@contextlib.contextmanager
def fresh_host():
    """A host with the tree of this project in /root/pycapa."""
    # The host sees this machine's package database: not while something is being installed here.
    wait.until(lambda: not os.listdir('/var/lib/dpkg/updates'), 300, 'no dpkg runs')
    with Host() as h:
        h.connect()
        h.confdir = '/etc/pycapa'
        # Where this machine is a container, it may forbid packages to start and restart services.
        h.run('rm', '-f', '/usr/sbin/policy-rc.d')
        # As an automation has it: nobody is there to answer.
        h.write('/etc/dpkg/dpkg.cfg.d/automation', 'force-confold\n')
        h.shell('echo debconf debconf/frontend select Noninteractive | debconf-set-selections')
        # Nor is there anybody to search the manuals: dpkg would index those of this whole machine.
        h.run('rm', '-f', '/var/lib/man-db/auto-update')
        with tempfile.TemporaryFile() as f:
            tree.write(f)
            h.run('sh', '-e', '-c', 'mkdir /root/pycapa; tar -C /root/pycapa -xf -', stdin=f)
        assert h.run('sh', '-c', 'command -v pycapa', check=False).returncode != 0
        yield h
