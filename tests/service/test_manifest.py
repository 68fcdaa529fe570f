# SPDX-License-Identifier: Apache-2.0
"""conf/container: what can be seen of it without a container. test_container.py runs it."""
import glob
import re

import container
import image
from harness import daemon
from harness.proc import run


def installed_by(stage):
    """The packages that a stage of the Containerfile installs; 0 is the first."""
    runs = [words for instruction, words in image.containerfile()
            if instruction == 'RUN' and 'apt-get install' in words]
    words = runs[stage].split('--no-install-recommends')[1].split('&&')[0]
    return set(words.split())


def test_the_image_is_built_of_what_the_tests_build_with():
    script = '. "$1/tests/lib/packages"; echo "${packages_build[@]}"'
    packages = run('bash', '-c', script, '-', daemon.TREE).stdout.split()
    assert installed_by(0) == set(packages)


def packages_of(libraries):
    """The packages that libraries are in, by dpkg's shlibs(5) files: `libpcap 0.8 libpcap0.8`."""
    found = {}
    for path in glob.glob('/var/lib/dpkg/info/*:*.shlibs'):
        with open(path) as f:
            for line in f:
                if len(line.split()) > 2:
                    name, version, package = line.split()[:3]
                    found[f'{name}.so.{version}'] = package
    return {found[library] for library in libraries}


def test_the_image_has_the_libraries_of_the_program_and_no_others():
    needed = re.findall(r'NEEDED.*\[(.*)\]', run('readelf', '-d', daemon.BINARY).stdout)
    assert len(needed) > 10
    assert installed_by(1) == packages_of(needed) - {'libc6'} | {'ca-certificates'}


def test_nothing_runs_but_the_program():
    last = dict(image.containerfile())  # of each instruction the last
    assert last['ENTRYPOINT'] == '["/usr/bin/pycapa"]' and 'CMD' not in last
    # A name would not do for runAsNonRoot.
    assert re.fullmatch(r'[1-9]\d*:[1-9]\d*', last['USER'])


def test_the_sensor_may_only_capture():
    spec = container.pod()
    sensor, = spec['containers']
    assert 'initContainers' not in spec and not spec['automountServiceAccountToken']
    assert sensor['securityContext'] == {
        'runAsUser': 0, 'runAsGroup': 0, 'allowPrivilegeEscalation': False,
        'readOnlyRootFilesystem': True, 'seccompProfile': {'type': 'RuntimeDefault'},
        'capabilities': {'drop': ['ALL'], 'add': ['NET_RAW']}}
    assert [v['hostPath'] for v in spec['volumes'] if 'hostPath' in v] == [
        {'path': '/var/lib/pycapa/sensor', 'type': 'DirectoryOrCreate'}]


def test_the_settings_of_the_sensor_fit_its_pod(tmp_path):
    objects = container.manifest()
    spec = container.pod()
    sensor, = spec['containers']
    file = tmp_path / 'sensor.cfg'
    file.write_text(container.sensor_file())
    checked = run(daemon.BINARY, '--config', file, '--check-config')
    assert checked.stdout + checked.stderr == f'{file}: valid\n'

    volumes = {v['name']: v for v in spec['volumes']}
    mounts = {m['mountPath']: volumes[m['name']] for m in sensor['volumeMounts']}
    assert mounts['/etc/pycapa']['configMap']['name'] == objects['ConfigMap']['metadata']['name']
    assert 'hostPath' in mounts[container.setting('spool-directory')]
    variables = {e['name']: e['value'] for e in sensor['env']}
    assert 'emptyDir' in mounts[variables['RUNTIME_DIRECTORY']]
    assert variables['RUNTIME_DIRECTORY'].endswith('/sensor')
    assert sensor['args'] == ['--config', '/etc/pycapa/sensor.cfg']
    assert sensor['image'].endswith(':' + run(daemon.BINARY, '--version').stdout.split()[1])

    for probe in ('readinessProbe', 'livenessProbe'):
        asked = sensor[probe]['httpGet']
        assert f'{asked["host"]}:{asked["port"]}' == container.setting('metrics-listen')
    assert spec['terminationGracePeriodSeconds'] >= 10 + int(
        container.setting('shutdown-timeout').rstrip('s'))
    labels = objects['DaemonSet']['spec']['template']['metadata']['labels']
    assert labels == objects['DaemonSet']['spec']['selector']['matchLabels']
    namespace = objects['Namespace']['metadata']['name']
    assert {o['metadata'].get('namespace', namespace) for o in objects.values()} == {namespace}
