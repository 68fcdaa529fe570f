# SPDX-License-Identifier: Apache-2.0
"""
The Debian packages, with that of a current librdkafka: what takes a second build, and lintian.
test_install.py and test_librdkafka.py have their lives.
"""
import hashlib
import os
import tempfile

import pytest

import tree
from harness import daemon
from harness.proc import run

pytestmark = pytest.mark.long


def build(directory, *options, wrapper=(), dates=None, **environment):
    """Builds the packages in `directory`; returns {name: checksum} of them."""
    os.makedirs(directory)
    with tempfile.TemporaryFile() as f:
        tree.write(f)
        run('tar', '-C', directory, '-xf', '-', stdin=f)
    run(os.path.join(daemon.TREE, 'tests/librdkafka'), '--source',
        os.path.join(directory, 'debian/librdkafka.crate'), timeout=300)
    if dates:
        run('find', directory, '-exec', 'touch', '-d', dates, '{}', '+')
    run('nice', *wrapper, 'dpkg-buildpackage', '-us', '-uc', '-Ppkg.pycapa.librdkafka', *options,
        cwd=directory, timeout=1800, env={**os.environ, **environment})
    found = {}
    for name in os.listdir(os.path.dirname(directory)):
        if name.endswith('.deb'):
            with open(os.path.join(os.path.dirname(directory), name), 'rb') as f:
                found[name] = hashlib.sha256(f.read()).hexdigest()
    return found


@pytest.fixture(scope='module')
def built(tmp_path_factory):
    directory = tmp_path_factory.mktemp('first') / 'pycapa'
    return directory.parent, build(directory)


def test_two_builds_are_one(built, tmp_path):
    """In another folder, of files of another age, in another time zone, 40 days later."""
    other = build(tmp_path / 'a-longer-name' / 'tree', '-b', wrapper=('faketime', '-f', '+40d'),
                  dates='2001-02-03', TZ='Asia/Tokyo')
    assert len(other) == 4 and other == built[1]


def test_lintian_has_nothing_to_say(built):
    changes = [p for p in built[0].iterdir() if p.suffix == '.changes']
    assert run('lintian', '-I', '--pedantic', *changes, timeout=300).stdout == ''
