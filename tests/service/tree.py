# SPDX-License-Identifier: Apache-2.0
"""The tree of this project as a user gets it."""
import subprocess

from harness import daemon

# What a build and a checkout leave in it.
LEFTOVERS = ('.git', 'build', 'build-*', 'obj-*', '__pycache__')


def write(f):
    """Writes it to an open file, as a tar archive, and goes to that file's begin."""
    subprocess.run(['tar', '-C', daemon.TREE, *[f'--exclude=./{name}' for name in LEFTOVERS],
                    '-cf', '-', '.'], check=True, stdout=f)
    f.seek(0)
