# SPDX-License-Identifier: Apache-2.0
"""
A container as kubelet and its runtime make it of conf/container/daemonset.yaml, without a cluster: the
manifest becomes a bundle of the OCI's runtime specification, which crun runs.
"""
import itertools
import json
import os
import platform
import re

import yaml

from harness import daemon
from harness.proc import Process, run

MANIFEST = os.path.join(daemon.TREE, 'conf/container/daemonset.yaml')
SECCOMP = '/usr/share/containers/seccomp.json'
COUNTER = itertools.count()
# As containerd and CRI-O do in every container.
MASKED = ['/proc/acpi', '/proc/asound', '/proc/kcore', '/proc/keys', '/proc/latency_stats',
          '/proc/timer_list', '/proc/timer_stats', '/proc/sched_debug', '/proc/scsi',
          '/sys/firmware']
READ_ONLY = ['/proc/bus', '/proc/fs', '/proc/irq', '/proc/sys', '/proc/sysrq-trigger']
# crun refuses a machine that has both versions of cgroups, though it needs none here.
ONE_CGROUP = ['unshare', '--mount', '--propagation', 'private', 'sh', '-c',
              'mount -t cgroup2 cgroup2 /sys/fs/cgroup && exec "$@"', 'sh']
SHELLS = ['/usr/bin/dash', '/usr/bin/bash']
ARCHITECTURES = {'x86_64': ('SCMP_ARCH_X86_64', 'amd64'), 'aarch64': ('SCMP_ARCH_AARCH64', 'arm64')}


def manifest():
    """{kind: object} of daemonset.yaml."""
    with open(MANIFEST) as f:
        objects = [o for o in yaml.safe_load_all(f) if o]
    return {o['kind']: o for o in objects}


def pod():
    return manifest()['DaemonSet']['spec']['template']['spec']


def sensor_file(**changes):
    """The sensor's configuration; of `changes`, a key is written with underscores, its value as is."""
    text = manifest()['ConfigMap']['data']['sensor.cfg']
    for key, value in changes.items():
        key = key.replace('_', '-')
        text, found = re.subn(rf'^{key} = ".*";$', f'{key} = "{value}";', text, flags=re.M)
        assert found == 1, f'{key}: {found} times in\n{text}'
    return text


def setting(name):
    return re.search(rf'^{name} = "(.*)";$', sensor_file(), re.M).group(1)


def seccomp(capabilities):
    """The profile of containers-common, which is the RuntimeDefault of CRI-O, for crun."""
    with open(SECCOMP) as f:
        profile = json.load(f)
    scmp, arch = ARCHITECTURES[platform.machine()]
    families = {a['architecture']: a['subArchitectures'] for a in profile['archMap']}
    rules = []
    for rule in profile['syscalls']:
        given, barred = rule.get('includes') or {}, rule.get('excludes') or {}
        assert set(given) | set(barred) <= {'caps', 'arches'}, rule
        if (arch not in given.get('arches', [arch]) or
                not set(given.get('caps', [])) <= set(capabilities) or
                set(barred.get('caps', [])) & set(capabilities)):
            continue
        rules.append({k: rule[k] for k in ('names', 'action', 'args', 'errnoRet') if rule.get(k)})
    return {'defaultAction': profile['defaultAction'],
            'defaultErrnoRet': profile['defaultErrnoRet'],
            'architectures': [scmp, *families[scmp]], 'syscalls': rules}


def capabilities_of(context):
    assert context['capabilities']['drop'] == ['ALL']
    return [f'CAP_{name}' for name in context['capabilities'].get('add', [])]


def mount(target, kind, source, *options):
    return {'destination': target, 'type': kind, 'source': source, 'options': list(options)}


def system_mounts():
    return [mount('/proc', 'proc', 'proc', 'nosuid', 'noexec', 'nodev'),
            mount('/dev', 'tmpfs', 'tmpfs', 'nosuid', 'strictatime', 'mode=755', 'size=65536k'),
            mount('/dev/pts', 'devpts', 'devpts', 'nosuid', 'noexec', 'newinstance',
                  'ptmxmode=0666', 'mode=0620', 'gid=5'),
            mount('/dev/shm', 'tmpfs', 'shm', 'nosuid', 'noexec', 'nodev', 'mode=1777',
                  'size=65536k'),
            mount('/sys', 'sysfs', 'sysfs', 'nosuid', 'noexec', 'nodev', 'ro')]


def bind(source, target, read_only):
    return mount(target, 'bind', str(source), 'rbind', 'ro' if read_only else 'rw')


class Container(Process):
    """
    Runs `args` in an image: as `context`, a securityContext of Kubernetes, says; on the network of
    this host; with `mounts` beside those that every container has; without a shell.
    """

    def __init__(self, image, directory, context, args, env=(), mounts=()):
        self.id = f'pycapa-{os.getpid()}-{next(COUNTER)}'
        self.bundle = os.path.join(str(directory), self.id)
        os.makedirs(self.bundle)
        config = self.specification(image, context, args, env, mounts)
        with open(os.path.join(self.bundle, 'config.json'), 'w') as f:
            json.dump(config, f)
        super().__init__(self.crun('run', f'--bundle={self.bundle}', self.id),
                         directory=self.bundle)

    def crun(self, *argv):
        return [*ONE_CGROUP, 'crun', f'--root={self.bundle}/state', '--cgroup-manager=disabled',
                *argv]

    @staticmethod
    def specification(image, context, args, env, mounts):
        capabilities = capabilities_of(context)
        assert context['seccompProfile'] == {'type': 'RuntimeDefault'}
        user = [int(part) for part in image.config['User'].split(':')]
        return {
            'ociVersion': '1.0.2',
            'process': {
                'user': {'uid': context.get('runAsUser', user[0]),
                         'gid': context.get('runAsGroup', user[1])},
                'args': [*image.config['Entrypoint'], *args],
                'env': [*image.config['Env'], *env],
                'cwd': image.config.get('WorkingDir') or '/',
                'capabilities': {kind: capabilities
                                 for kind in ('bounding', 'permitted', 'effective')},
                'noNewPrivileges': not context['allowPrivilegeEscalation'],
            },
            'root': {'path': image.root, 'readonly': context['readOnlyRootFilesystem']},
            'mounts': [*system_mounts(), *mounts],
            'linux': {
                'namespaces': [{'type': kind} for kind in ('pid', 'ipc', 'mount')],
                'seccomp': seccomp(capabilities),
                'maskedPaths': MASKED + SHELLS,
                'readonlyPaths': READ_ONLY,
            },
        }

    def state(self):
        """The process, as it is numbered here."""
        return json.loads(run(*self.crun('state', self.id)).stdout)['pid']

    def exec(self, *argv, **kwargs):
        """What `kubectl exec` does."""
        return run(*self.crun('exec', self.id, *argv), **kwargs)

    def terminate(self, timeout=60):
        """What kubelet does first; returns the exit status."""
        run(*self.crun('kill', self.id, 'TERM'))
        return self.wait(timeout)

    def kill(self):
        run(*self.crun('delete', '--force', self.id), check=False)
        super().kill()


class Sensor(Container):
    """The pod of the manifest; `changes` are those of sensor_file(), `resolver` a resolv.conf."""

    def __init__(self, image, directory, spool, resolver='/etc/resolv.conf', **changes):
        directory = str(directory)
        spec = pod()
        container, = spec['containers']
        assert spec['hostNetwork']
        mounts = [bind('/etc/hosts', '/etc/hosts', False), bind(resolver, '/etc/resolv.conf', False)]
        volumes = {v['name']: v for v in spec['volumes']}
        for wanted in container['volumeMounts']:
            source = self.volume(volumes[wanted['name']], directory, spool, changes)
            mounts.append(bind(source, wanted['mountPath'], wanted.get('readOnly', False)))
        super().__init__(image, directory, container['securityContext'], container['args'],
                         [f'{e["name"]}={e["value"]}' for e in container['env']], mounts)

    @staticmethod
    def volume(volume, directory, spool, changes):
        """The folder that stands for a volume, made as kubelet makes it."""
        if 'hostPath' in volume:
            os.makedirs(spool, mode=0o755, exist_ok=True)
            return spool
        path = os.path.join(directory, f'volume-{next(COUNTER)}')
        os.mkdir(path)
        os.chmod(path, 0o777)
        if 'configMap' in volume:
            with open(os.path.join(path, 'sensor.cfg'), 'w') as f:
                f.write(sensor_file(**changes))
        return path
