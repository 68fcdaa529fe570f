# SPDX-License-Identifier: Apache-2.0
"""The image of conf/container/Containerfile, built by buildah on a root that mmdebstrap makes."""
import glob
import hashlib
import json
import os
import re
import shutil

from harness import daemon
from harness.proc import run
from harness.wheel import CACHE

CONTAINERFILE = os.path.join(daemon.TREE, 'conf/container/Containerfile')
# What makes it as Debian's own slim images are: what they leave out, how /usr is merged, and that
# apt keeps no caches.
SLIM = [*(f'--dpkgopt=path-exclude=/usr/share/{name}/*' for name in ('doc', 'info', 'locale', 'man')),
        '--dpkgopt=path-include=/usr/share/doc/*/copyright',
        '--hook-dir=/usr/share/mmdebstrap/hooks/merged-usr', '--include=usr-is-merged',
        '--aptopt=Dir::Cache::pkgcache ""', '--aptopt=Dir::Cache::srcpkgcache ""']


def containerfile():
    """[(instruction, its words)] of the Containerfile, lines that go on put together."""
    with open(CONTAINERFILE) as f:
        text = ''.join(line for line in f if not line.startswith('#'))
    lines = re.sub(r'\\\n\s*', '', text).splitlines()
    return [tuple(line.split(' ', 1)) for line in lines if line]


def base_name():
    """The image that all stages begin with."""
    names = {words.split()[0] for instruction, words in containerfile() if instruction == 'FROM'}
    assert len(names) == 1, names
    return names.pop()


def sources():
    """Where this machine gets Debian's packages from."""
    for path in ('/etc/apt/sources.list.d/debian.sources', '/etc/apt/sources.list'):
        if os.path.exists(path):
            return path
    raise AssertionError('no sources of Debian packages')


def base_archive():
    """The root of the base image as an archive, made once."""
    suite = re.fullmatch(r'docker\.io/library/debian:([a-z]+)-slim', base_name()).group(1)
    argv = ['mmdebstrap', '--quiet', '--mode=root', '--variant=minbase', *SLIM]
    mark = hashlib.sha256(' '.join(argv).encode()).hexdigest()[:12]
    path = os.path.join(CACHE, f'{suite}-slim-{mark}.tar')
    if not os.path.exists(path):
        os.makedirs(CACHE, exist_ok=True)
        fresh = f'{path}.{os.getpid()}.tar'
        try:
            run(*argv, suite, fresh, sources(), timeout=900)
            os.rename(fresh, path)
        finally:
            for left in glob.glob(fresh):
                os.unlink(left)
    return path


class Image:
    """
    The built image: `root` is its file system, mounted; `config` what a runtime knows of it, as in
    the OCI's image specification; `size` and `base_size` are in bytes, uncompressed.
    """

    def __init__(self, directory):
        self.directory = str(directory)
        try:
            self.build()
        except BaseException:
            self.remove()
            raise

    def buildah(self, *argv, timeout=60, **kwargs):
        return run('nice', 'buildah', f'--root={self.directory}/images',
                   f'--runroot={self.directory}/run', '--storage-driver=overlay', *argv,
                   timeout=timeout, **kwargs).stdout.strip()

    def build(self):
        # Packages are kept for the next time, outside of the image.
        packages = os.path.join(CACHE, 'container-packages')
        os.makedirs(os.path.join(packages, 'partial'), exist_ok=True)
        base = self.buildah('from', 'scratch')
        self.buildah('add', '-q', base, base_archive(), '/', timeout=300)
        self.buildah('commit', '-q', '--rm', base, base_name(), timeout=300)
        self.buildah('bud', '-q', '--isolation=chroot', '--pull-never',
                     f'--volume={packages}:/var/cache/apt/archives', '-t', 'pycapa',
                     '-f', CONTAINERFILE, daemon.TREE, timeout=1800)
        self.config = json.loads(self.buildah('inspect', '--type=image', 'pycapa'))['OCIv1']['config']
        self.root = self.buildah('mount', self.buildah('from', 'pycapa'))
        self.size, self.base_size = self.size_of('pycapa'), self.size_of(base_name())

    def size_of(self, name):
        """What is in it, as its files say."""
        root = self.buildah('mount', self.buildah('from', '--pull-never', name))
        return int(run('du', '-s', '-x', '--apparent-size', '--block-size=1', root,
                       timeout=120).stdout.split()[0])

    def remove(self):
        self.buildah('umount', '--all', check=False)
        self.buildah('rm', '--all', check=False)
        shutil.rmtree(self.directory, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.remove()
