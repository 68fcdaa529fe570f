# SPDX-License-Identifier: Apache-2.0
"""Packages of PyPI whose files a test wants: fetched once, by checksum, never installed."""
import os
import tempfile
import zipfile

from .proc import run

CACHE = os.path.join(os.environ.get('XDG_CACHE_HOME') or os.path.expanduser('~/.cache'),
                     'pycapa-tests')


def unpacked(requirement, sha256):
    """The folder with the files of `NAME==VERSION`."""
    directory = os.path.join(CACHE, requirement.replace('==', '-').replace('!', '-'))
    if os.path.isdir(directory):
        return directory
    os.makedirs(CACHE, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=CACHE) as fetched:
        wanted, files = os.path.join(fetched, 'wanted'), os.path.join(fetched, 'files')
        with open(wanted, 'w') as f:
            f.write(f'{requirement} --hash=sha256:{sha256}\n')
        run('/usr/bin/python3', '-m', 'pip', 'download', '-q', '--no-deps', '--require-hashes',
            '-d', fetched, '-r', wanted, timeout=300)
        wheel, = (name for name in os.listdir(fetched) if name.endswith('.whl'))
        with zipfile.ZipFile(os.path.join(fetched, wheel)) as f:
            f.extractall(files)
        try:
            os.rename(files, directory)
        except OSError:  # a test beside this one was first
            assert os.path.isdir(directory), f'{directory} cannot be made'
    return directory
