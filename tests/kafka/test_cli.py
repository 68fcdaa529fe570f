# SPDX-License-Identifier: Apache-2.0
"""The command line: usage errors, information, Kafka properties, what cannot be opened, install."""
import os
import pty
import pwd
import re
import resource
import select
import subprocess
import time

import pytest

from harness import captures, daemon
from harness.daemon import pycapa
from harness.net import free_port
from harness.proc import may_raise_core_limit, run

USAGE = [
    ([], 'say what to do'),
    (['-p', '-c'], 'exclude each other'),
    (['-x'], 'no option -x'),
    (['-p', '-m'], '-m/--max-packets: needs a value'),
    (['-p', '-m', '10x'], "'10x' is not a whole number"),
    (['-p', '-s', '-1'], '-s/--snaplen: .* out of range'),
    (['-p', '-ll', 'loud'], "'loud' is not one of DEBUG, INFO, WARN, ERROR"),
    (['-p', '--partition', 'foo'], "'foo' is not one of flow, host"),
    (['-p', '-o', 'end'], '-o/--kafka-offset: only for a consumer'),
    (['-c', '-r', 'x'], '-r/--read-file: only for a producer'),
    (['-c', '-o', 'banana'], "'banana' is not an offset"),
    (['-c', 'tcp prot 80'], "EXPRESSION: filter 'tcp prot 80': .*syntax error"),
    (['-c', 'udp and outbound'], 'outbound is for a live capture'),
    (['-p', 'tcp prot 80'], "EXPRESSION: filter 'tcp prot 80': .*syntax error"),
    (['-p', '-r', 'x', 'port of call'], "filter 'port of call': "),
    (['-p', '-i', 'sixteen-letters0'], 'no interface has a name longer than 15 characters'),
    (['-c', '-X', 'session.timeout.ms=700000'], 'must be >= `session.timeout.ms`'),
    (['-p', '-X', 'foo'], 'written NAME=VALUE'),
    (['-p', '-X', 'linger.mss=1'], 'did you mean linger.ms?'),
    (['-p', '-X', 'acks=banana'], "acks: 'banana' is not valid"),
    (['-p', '-X', 'sasl.password=@/nonexistent'], 'cannot read the value from /nonexistent'),
    (['-p', '-X', 'linger.ms=@@x'], "'@x' is not valid"),
]


@pytest.mark.parametrize('argv,expected', USAGE, ids=lambda v: ' '.join(v)[:30])
def test_a_usage_error_is_one_line_and_exit_2(argv, expected):
    process = pycapa(*argv)
    assert process.status == 2, process.describe()
    assert len(process.lines) == 1 and re.search(expected, process.stderr), process.stderr
    assert process.stdout == b''


@pytest.mark.parametrize('option', ['-h', '-V', '-D'])
def test_information_goes_to_stdout(option):
    process = pycapa(option)
    assert process.status == 0 and process.stderr == '', process.describe()
    lines = process.stdout.decode().splitlines()
    if option == '-V':
        assert [line.split()[0] for line in lines] == ['pycapa', 'libpcap', 'librdkafka', 'libev',
                                                       'libmicrohttpd', 'jemalloc']
        loaded = re.search(r'librdkafka\S* => (\S+)',
                           run('ldd', daemon.BINARY, env=daemon.environment()).stdout)[1]
        assert re.fullmatch(rf'librdkafka [\d.]+, BSD-2-Clause, {re.escape(loaded)}', lines[2])
    elif option == '-D':
        assert any(re.match(r'\d+\.lo\b', line) for line in lines), lines
    else:
        assert lines[0].startswith('usage: pycapa -p') and max(map(len, lines)) <= 100


def test_x_list_and_dump_mask_secrets(tmp_path):
    listed = pycapa('-X', 'list')
    assert listed.status == 0 and re.search(rb'^linger\.ms=', listed.stdout, re.M)
    (tmp_path / 'secret').write_text('hunter2\n')
    shown = pycapa('-p', '-X', 'dump', '-X', f'sasl.password=@{tmp_path}/secret',
                   '-X', 'sasl.username=u=v=w', '-X', 'client.id=@@me', '-X', 'linger.ms=7')
    lines = shown.stdout.decode().splitlines()
    assert shown.status == 0, shown.describe()
    for line in ('sasl.username=u=v=w', 'sasl.password=****', 'client.id=@me'):
        assert line in lines, lines
    assert 'hunter2' not in shown.stdout.decode() + shown.stderr


def assert_no_such_interface(process):
    """All else was right: it came to open the interface `nosuch`."""
    assert process.status == 1, process.describe()
    assert process.lines[-1].startswith('ERROR:root:nosuch: no such interface'), process.describe()


@pytest.mark.parametrize('given,warning', [
    ('acks=1', 'enable.idempotence switched off because acks=1 is set'),
    ('max.in.flight=2', 'max.in.flight=2: when a cluster loses brokers, packets can get there'),
    ('queue.buffering.backpressure.threshold=10', 'enable.idempotence switched off because '),
    ('reconnect.backoff.ms=1000',
     'reconnect.backoff.max.ms is 1000 now because reconnect.backoff.ms=1000 is set'),
    ('message.timeout.ms=5',
     'linger.ms is left to the Kafka client because message.timeout.ms=5 is set'),
    ('partitioner=murmur2', '-X: the Kafka property partitioner has no effect'),
])
def test_a_default_gives_way_with_one_warning(given, warning):
    process = pycapa('-p', '-X', given, '-i', 'nosuch')
    assert_no_such_interface(process)
    assert len(process.grep('^WARNING:')) == 1, process.describe()
    assert process.grep(f'^WARNING:root:{re.escape(warning)}'), process.describe()


def test_partition_key_leaves_the_partitioner_to_the_user():
    process = pycapa('-p', '--partition', 'key', '-X', 'partitioner=murmur2', '-i', 'nosuch')
    assert_no_such_interface(process)
    assert not process.grep('^WARNING:'), process.describe()


def test_messages_name_the_broker_that_a_property_gives():
    address = f'127.0.0.1:{free_port()}'
    process = pycapa('-c', '-e', '-X', f'bootstrap.servers={address}', '--stall-timeout', '1s')
    assert process.status == 1
    assert process.grep(f'^ERROR:root:No progress .* waited for .*broker {address}'), (
        process.describe())


def test_check_config_does_without_the_services_credentials(tmp_path):
    path = tmp_path / 'eth0.cfg'
    path.write_text('kafka-config = (\n"security.protocol=SASL_SSL",\n"sasl.mechanism=PLAIN",\n'
                    '"sasl.username=u",\n"sasl.password=@credential:password");\n')
    process = pycapa('-C', path, '--check-config')
    assert process.status == 0 and process.stdout.endswith(b': valid\n'), process.describe()
    assert len(process.lines) == 1, process.describe()
    assert process.grep(r"^INFO:root:.*eth0\.cfg:5: sasl\.password: no credential 'password'.*not "
                        'checked'), process.describe()
    assert pycapa('-C', path).status == 2
    path.write_text('kafka-config = ( "sasl.pasword=@credential:password" );\n')
    process = pycapa('-C', path, '--check-config')
    assert process.status == 2 and process.grep('did you mean sasl.password'), process.describe()


@pytest.mark.parametrize('more, warnings', [('', 1), ('from = "-1h";', 0)])
def test_a_slack_without_a_range_is_a_warning(tmp_path, more, warnings):
    path = tmp_path / 'x.cfg'
    path.write_text(f'mode = "consumer"; write-file = "x";\nslack = "5m"; {more}\n')
    process = pycapa('-C', path, '--check-config')
    assert process.status == 0 and len(process.lines) == warnings, process.describe()
    assert len(process.grep(r'^WARNING:root:.*x\.cfg:2: slack has no effect without --from or')) \
        == warnings


def test_a_property_of_the_other_role_is_a_warning():
    process = pycapa('-c', '-e', '-X', 'linger.ms=4', '-k', f'127.0.0.1:{free_port()}',
                     '--stall-timeout', '1s')
    assert process.status == 1 and process.grep('^ERROR:root:No progress'), process.describe()
    assert len(process.grep('^WARNING:root:.*linger.ms is for a producer')) == 1


def test_secrets_are_masked_in_argv_and_in_the_log(topic, pair, producer):
    process = producer(pair, topic, '-X', 'ssl.key.password=hunter2')
    with open(f'/proc/{process.pid}/cmdline', 'rb') as f:
        assert b'hunter2' not in f.read()
    assert process.stop() == 0
    assert process.grep(r"^INFO:root:Connecting to Kafka; .*'ssl.key.password': '\*")
    assert 'hunter2' not in process.stderr


@pytest.mark.parametrize('argv,expected', [
    (['-i', 'nosuch'], "nosuch: no such interface; 'pycapa -D' lists"),
    # Right for some link type, but not for this one.
    (['-i', 'lo', 'type mgt'], "lo: filter 'type mgt': .*802.11"),
    (['-r', '/nonexistent'], '/nonexistent: No such file'),
])
def test_what_cannot_be_opened_is_one_line_and_exit_1(argv, expected):
    process = pycapa('-p', *argv, '-k', f'127.0.0.1:{free_port()}')
    assert process.status == 1, process.describe()
    assert len(process.lines) == 1 and re.search(expected, process.lines[0]), process.describe()


def test_no_privilege_is_exit_1_with_what_to_do():
    process = pycapa('-p', '-i', 'lo', prefix=('setpriv', '--reuid', 'nobody', '--regid', 'nogroup',
                                               '--clear-groups', '--bounding-set', '-all'))
    assert process.status == 1, process.describe()
    assert len(process.lines) == 1 and re.search('no permission to capture; run as root or with '
                                                 'CAP_NET_RAW', process.stderr), process.stderr


@pytest.mark.parametrize('hard', [resource.RLIM_INFINITY, 0])
def test_a_user_s_process_leaves_no_core(spawn, pair, hard):
    """
    A hard limit of 0 (sudo's default) cannot be raised but by root, and does not stop a
    core_pattern that is a pipe: there the process is not dumpable, and root owns its /proc files.
    """
    if not may_raise_core_limit():
        hard = 0
    raw = '-all,+net_raw'
    process = spawn('-p', '-i', pair.inside, '-k', f'127.0.0.1:{free_port()}',
                    prefix=('setpriv', '--reuid', 'nobody', '--regid', 'nogroup', '--clear-groups',
                            '--inh-caps', raw, '--ambient-caps', raw, '--bounding-set', raw),
                    preexec=lambda: resource.setrlimit(resource.RLIMIT_CORE, (hard, hard)))
    process.wait_capturing()
    with open(f'/proc/{process.pid}/limits') as f:
        found = re.search(r'Max core file size +(\w+) +(\w+) ', f.read()).groups()
    assert found == (('0', '0') if hard == 0 else ('1', '1')), process.describe()
    owner = os.stat(f'/proc/{process.pid}/environ').st_uid
    assert owner == (0 if hard == 0 else pwd.getpwnam('nobody').pw_uid)
    assert process.stop() == 0, process.describe()


def test_an_interface_that_is_down_is_exit_1(pair):
    pair.down()
    process = pycapa('-p', '-i', pair.inside)
    assert process.status == 1, process.describe()
    assert process.grep(rf'^ERROR:root:{pair.inside}: .*down'), process.describe()


@pytest.mark.parametrize('directory', ['/run/elsewhere', '/run/pycapa/another', '/run/a:/run/b', ''])
def test_the_runtime_directory_of_somebody_else_is_left_alone(directory, topic, spawn, tmp_path):
    path, file = tmp_path / 'in.pcap', tmp_path / 'someone.cfg'
    captures.write(path, captures.sample(10))
    file.write_text('mode = "producer";\n')
    process = spawn('-C', file, '-r', path, '-k', topic.broker.bootstrap, '-t', topic.name,
                    env={'RUNTIME_DIRECTORY': directory})
    assert process.wait(30) == 0, process.describe()
    assert process.counts() == (10, 10)
    assert topic.count() == 10


def test_a_name_too_long_for_its_control_socket_is_a_wrong_setting(tmp_path):
    name = 'x' * 88
    file = tmp_path / f'{name}.cfg'
    file.write_text('mode = "producer"; interface = "lo"; kafka-broker = "127.0.0.1:9";\n')
    process = pycapa('-C', file, env={'RUNTIME_DIRECTORY': f'/run/pycapa/{name}'})
    assert process.status == 2, process.describe()
    line, = process.lines
    assert line.startswith(f'ERROR:root:{file}: ') and 'at most 87 bytes' in line


@pytest.mark.parametrize('level', ['debug', 'DEBUG', 'Debug'])
def test_debug_shows_the_clients_own_logs(level, topic, pair, producer):
    process = producer(pair, topic, '-X', 'debug=all', '-ll', level)
    process.wait_line('^DEBUG:root:Kafka: ')
    assert process.stop() == 0


def test_level_error_is_silent(topic, consumer):
    process = consumer(topic, '-ll', 'error')
    process.wait_stdout(24)
    assert process.stop() == 0 and process.stderr == ''


COMPLETION = os.path.join(daemon.TREE, 'conf', 'pycapa.bash-completion')


def test_completion_runs_no_interface_name(pair, tmp_path):
    """Whoever names an interface is not whoever presses TAB: the name is text, and quoted."""
    pair.run('ip', 'link', 'set', pair.outside, 'down')
    pair.run('ip', 'link', 'set', pair.outside, 'name', '$(id>x)')
    shown = pair.run('bash', '-c', f'cd {tmp_path} && source {COMPLETION} && '
                     'COMP_WORDS=(pycapa -i "") COMP_CWORD=2 && _pycapa pycapa && '
                     'printf "%s\\n" "${COMPREPLY[@]}"').stdout
    assert set(shown.split()) >= {'any', 'lo', r'\$\(id\>x\)'}, shown
    assert os.listdir(tmp_path) == []


def read_until(terminal, pattern, seconds=20):
    text, end = '', time.monotonic() + seconds
    while not re.search(pattern, text):
        assert select.select([terminal], [], [], end - time.monotonic())[0], text
        text += os.read(terminal, 4096).decode(errors='replace')


@pytest.mark.parametrize('typed,taken', [
    ('pycapa -r my\t', '<-r><my file.pcap>'),
    ('pycapa -r my\\ fi\t', '<-r><my file.pcap>'),
    ('pycapa --read-file=my\t', '<--read-file=my file.pcap>'),
    ('pycapa -r b\t', '<-r><b$(id>x)>'),
    ('pycapa -ll E\t', '<-ll><ERROR>'),
    ('pycapa --partition ho\t', '<--partition><host>'),
])
def test_completion_of_a_word_at_a_terminal(typed, taken, tmp_path):
    for name in ('my file.pcap', 'b$(id>x)'):
        (tmp_path / name).touch()
    path = f'{os.path.dirname(daemon.BINARY)}:{os.environ["PATH"]}'
    terminal, other = pty.openpty()
    shell = subprocess.Popen(['bash', '--norc', '--noprofile', '-i'], cwd=tmp_path, stdin=other,
                             stdout=other, stderr=other, start_new_session=True,
                             env={**os.environ, 'PATH': path, 'TERM': 'dumb',
                                  'INPUTRC': '/dev/null'})
    os.close(other)
    try:
        os.write(terminal, f'source {COMPLETION}; pycapa() {{ printf "<%s>" "$@"; }}; '
                 "PS1=READY; PS1+=' '\n".encode())
        read_until(terminal, 'READY ')
        os.write(terminal, typed.encode() + b'\n')
        read_until(terminal, re.escape(taken))
        assert sorted(os.listdir(tmp_path)) == ['b$(id>x)', 'my file.pcap']
    finally:
        shell.kill()
        shell.wait()
        os.close(terminal)


def test_install_into_a_destdir(tmp_path):
    dest = tmp_path / 'dest'
    run('meson', 'install', '-C', daemon.BUILD, '--no-rebuild',
        env={**os.environ, 'DESTDIR': str(dest)})
    files = {str(p.relative_to(dest)) for p in dest.rglob('*') if p.is_file()}
    link = dest / 'usr/lib/x86_64-linux-gnu/wireshark/extcap/pycapa'
    assert os.readlink(link) == '/usr/bin/pycapa'
    for name in ('bin/pycapa', 'lib/systemd/system/pycapa@.service', 'lib/sysusers.d/pycapa.conf',
                 'lib/systemd/catalog/pycapa.catalog', 'share/man/man1/pycapa.1',
                 'share/man/man5/pycapa.cfg.5', 'share/man/man8/pycapa.8',
                 'share/bash-completion/completions/pycapa',
                 'share/doc/pycapa/examples/example.cfg',
                 'share/doc/pycapa/examples/fanout.cfg',
                 'share/doc/pycapa/examples/recorder.cfg',
                 'share/doc/pycapa/security.md', 'share/doc/pycapa/sizing.md',
                 'share/doc/pycapa/spool.md'):
        assert f'usr/{name}' in files, sorted(files)
