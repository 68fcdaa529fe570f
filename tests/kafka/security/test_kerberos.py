# SPDX-License-Identifier: Apache-2.0
"""Kerberos, from the keytab to the packet (docs/security.md)."""
import os
import re
import shlex
import shutil
import signal
import tempfile
import time
import uuid
from pathlib import Path

import pytest

from harness import captures, daemon, traffic, wait
from harness.proc import Process, run
from harness.witness import Topic
from kdc import REALM

KINIT = "sasl.kerberos.kinit.cmd"


def test_kerberos_in_and_out_again(secure, round_trip, librdkafka):
    round_trip(secure.gssapi(), librdkafka)


def section_commands():
    """The commands of the Kerberos section, as argv, each with the lines it says pycapa prints."""
    with open(os.path.join(daemon.TREE, "docs/security.md")) as f:
        section = f.read().split("\n## Kerberos\n")[1].split("**As a service**")[0]
    code = "\n".join(line.strip() for line in section.splitlines() if line.startswith(" " * 8))
    commands = []
    for line in code.replace("\\\n", " ").splitlines():
        if re.match(r"[A-Z]+:root:", line):
            commands[-1][1].append(line)
        else:
            commands.append((shlex.split(line.removeprefix("$ ")), []))
    return commands


def test_kerberos_section_as_it_stands(secure, client, pair, tmp_path):
    """Its commands with our names for its own, from the principal to the packet."""
    topic = Topic(secure.broker, secure.broker.topic(name=f"section{os.getpid()}"))
    names = {"/etc/security/keytabs/pycapa.keytab": f"{tmp_path}/section.keytab",
             "-k pycapa.keytab": f"-k {tmp_path}/section.keytab",
             "pycapa@EXAMPLE.COM": f"section@{REALM}", "User:pycapa": "User:section",
             "kafka1:6667": secure.address("GSSAPI"), "out.pcap": f"{tmp_path}/out.pcap"}

    def ours(text):
        for theirs, name in names.items():
            text = text.replace(theirs, name)
        return {"pcap": topic.name, "eth0": pair.inside}.get(text, text)
    commands = [argv for argv, _ in section_commands()]
    seen = [argv[0] for argv in commands]
    assert seen == ["apt-get", "kadmin.local", "kadmin.local", "kafka-acls.sh", "kafka-acls.sh",
                    "pycapa", "pycapa"]
    for package in commands[0][2:]:
        assert "install ok" in run("dpkg-query", "-W", "-f", "${Status}", package).stdout
    for argv in commands[1:3]:
        secure.kdc.admin(ours(argv[2]))
    for argv in commands[3:5]:
        where = argv.index("--command-config")
        rest = [ours(a) for a in argv[where + 2:]]
        secure.broker.tool("org.apache.kafka.tools.AclCommand", "--bootstrap-server",
                           secure.broker.bootstrap, *rest)
    producer = client(*[ours(a) for a in commands[5][1:]]).wait_capturing()
    traffic.send(pair, 10, 100)
    assert producer.wait(30) == 0, producer.describe()
    consumer = client(*[ours(a) for a in commands[6][1:]])
    assert consumer.wait(30) == 0, consumer.describe()

    def counted(line):
        """How many wait to be flushed is chance."""
        return re.sub(r"Waiting for '\d+'", "Waiting for 'N'", line)
    for process, (_, printed) in zip((producer, consumer), section_commands()[5:]):
        assert [counted(line) for line in process.lines[:len(printed)]] == [
            counted(ours(line)) for line in printed]
    assert topic.count() == 10
    assert len(captures.read(tmp_path / "out.pcap")[1]) == 10


def test_principal_may_use_its_topic_and_group_and_nothing_else(secure, client, pcap, sample):
    other = secure.broker.topic()
    write = client("-p", "-r", sample, "-t", other, "--stall-timeout", "3s", *secure.gssapi())
    assert write.wait(30) == 1
    assert write.grep("authorization failed"), write.describe()
    read = client("-c", "-e", "-t", other, "--stall-timeout", "3s", *secure.gssapi())
    assert read.wait(30) == 1
    assert read.grep("authorization failed"), read.describe()
    assert Topic(secure.broker, other).count() == 0
    assert client("-p", "-r", sample, "-t", pcap.name, *secure.gssapi()).wait(30) == 0
    group = ("-c", "-e", "-o", "stored", "-t", pcap.name, "--stall-timeout", "5s")
    ours = client(*group, *secure.gssapi())
    assert ours.wait(60) == 0, ours.describe()
    assert captures.parse(ours.stdout) == captures.read(sample)
    theirs = client(*group, "-X", "group.id=theirs", *secure.gssapi())
    assert theirs.wait(60) == 1, theirs.describe()
    assert theirs.grep("Group authorization failed"), theirs.describe()


def test_without_permission_it_comes_back_at_a_humane_pace(secure, client, pair, tmp_path):
    """Each new client is a login and a kinit; and what is granted later is found in time."""
    topic = Topic(secure.broker, secure.broker.topic(name=f"late{os.getpid()}"))
    runs = tmp_path / "runs"
    counted = (f"echo run >>{runs}; exec kinit -k -t %{{sasl.kerberos.keytab}} "
               "%{sasl.kerberos.principal}")
    process = client("-p", "-i", pair.inside, "-t", topic.name,
                     *secure.gssapi("stranger", **{KINIT: counted})).wait_capturing()
    traffic.send(pair, 100, 100)
    process.wait_line("^ERROR:root:Kafka: fatal: .*authorization failed.*: grant the principal", 20)
    wait.elapse(30)
    assert len(process.grep("^ERROR")) <= 2, process.describe()
    assert len(process.lines) < 10, process.describe()
    assert 3 <= len(runs.read_text().splitlines()) <= 7, runs.read_text()
    secure.broker.tool("org.apache.kafka.tools.AclCommand", "--bootstrap-server",
                       secure.broker.bootstrap, "--add", "--allow-principal", "User:stranger",
                       "--operation", "Write", "--topic", topic.name)
    topic.wait_count(100, 35)
    assert process.stop() == 0, process.describe()
    seen = [captures.sequence(r.value) for r in topic.records()]
    assert sorted(seen) == list(range(100))


WRONG = {
    "no keytab": ({"sasl.kerberos.keytab": None}, r"set sasl\.kerberos\.keytab"),
    "missing keytab": ({"sasl.kerberos.keytab": "/none.keytab"},
                       r"Key table file '/none.keytab' not found.*names a file that does not"),
    "principal not in the keytab": ({"sasl.kerberos.principal": "nobody@" + REALM},
                                    r"no suitable keys for nobody@.*klist -k"),
    "no kinit": ({KINIT: "PATH=/none; kinit -k"}, r"kinit: not found.*install krb5-user"),
    "clock skew": ({KINIT: "KRB5_CONFIG={skewed} faketime -f +1h kinit -k -t "
                           "%{{sasl.kerberos.keytab}} %{{sasl.kerberos.principal}}"},
                   r"Clock skew too great.*synchronise"),
    "skewed ticket": ({KINIT: "faketime -f +1h kinit -k -t %{{sasl.kerberos.keytab}} "
                              "%{{sasl.kerberos.principal}}"},
                      r"Clock skew too great.*synchronise"),
    "service name": ({"sasl.kerberos.service.name": "kfk"},
                     r"Server kfk/localhost@.*not found.*sasl\.kerberos\.service\.name"),
}


@pytest.fixture
def skewed(secure, tmp_path):
    """A krb5.conf under which kinit does not take the KDC's time for its own."""
    path = tmp_path / "krb5.conf"
    path.write_text(secure.kdc.krb5_conf.read_text().replace(
        "[libdefaults]\n", "[libdefaults]\n  kdc_timesync = 0\n"))
    return path


@pytest.mark.parametrize("case", WRONG)
def test_what_is_missing_is_said_in_one_line(case, secure, client, pcap, sample, librdkafka,
                                             skewed):
    changes, expected = WRONG[case]
    changes = {k: v.format(skewed=skewed) if k == KINIT else v for k, v in changes.items()}
    process = client("-p", "-r", sample, "-t", pcap.name, "--stall-timeout", "3s",
                     *secure.gssapi(**changes), libs=librdkafka)
    # Without a keytab named there is no client at all: wrong usage.
    assert process.wait(30) == (2 if case == "no keytab" else 1), process.describe()
    assert len(process.grep(f"^ERROR:root:(Kafka|Kerberos).*{expected}")) == 1, process.describe()


def test_missing_sasl_plugin_is_said_in_one_line(secure, client, pcap, sample, tmp_path,
                                                 librdkafka):
    process = client("-p", "-r", sample, "-t", pcap.name, "--stall-timeout", "3s",
                     *secure.gssapi(), libs=librdkafka, env={"SASL_PATH": str(tmp_path)})
    assert process.wait(30) == 1, process.describe()
    lines = process.grep("^ERROR:root:Kafka.*install libsasl2-modules-gssapi-mit")
    assert len(lines) == 1, process.describe()


# ---- how kinit runs ----

PROBE = """#!/bin/sh
# A kinit that tells what it was given, writes where it should not, and gets the ticket.
cat /proc/self/status > {out}/status
ls -l /proc/self/fd > {out}/fds
echo noise on stdout
echo noise on stderr >&2
exec kinit -k -t "$1" "$2"
"""


def fields(text):
    return dict(line.split(":\t", 1) for line in text.splitlines() if ":\t" in line)


@pytest.fixture
def probe(tmp_path):
    script = tmp_path / "probe-kinit"
    script.write_text(PROBE.format(out=tmp_path))
    script.chmod(0o755)
    return {KINIT: f"{script} %{{sasl.kerberos.keytab}} %{{sasl.kerberos.principal}}"}


def test_kinit_inherits_neither_rights_nor_sockets_nor_the_signal_mask(
        secure, client, pcap, pair, probe, tmp_path, librdkafka):
    process = client("-p", "-i", pair.inside, "-t", pcap.name, "-m", "10",
                     *secure.gssapi(**probe), libs=librdkafka).wait_capturing()
    traffic.send(pair, 10, 100)
    assert process.wait(30) == 0, process.describe()
    status = fields((tmp_path / "status").read_text())
    assert int(status["SigBlk"], 16) == 0
    # Without 32 and 33, which are glibc's own and cannot be reset by a program.
    assert int(status["SigIgn"], 16) & ~(3 << 31) == 0
    for held in ("CapPrm", "CapEff", "CapBnd", "CapAmb"):
        assert int(status[held], 16) & 1 << 13 == 0, f"{held} holds CAP_NET_RAW"
    numbers = re.findall(r" (\d+) -> (\S+)", (tmp_path / "fds").read_text())
    # ls itself holds the folder it lists.
    assert sorted(int(n) for n, target in numbers if "/proc/" not in target) == [0, 1, 2], numbers
    assert not [t for _, t in numbers if t.startswith("socket:")], numbers
    assert ("0", "/dev/null") in numbers


@pytest.fixture
def open_folder():
    """A folder that any user may write to, unlike pytest's."""
    path = Path(tempfile.mkdtemp(prefix="pycapa-open-"))
    path.chmod(0o777)
    yield path
    shutil.rmtree(path)


def test_kinit_of_the_service_user_has_no_capability(secure, pcap, sample, open_folder):
    """With CAP_NET_RAW ambient, as systemd gives it to the service."""
    for source in (daemon.BINARY, sample, secure.kdc.krb5_conf, secure.keytabs["pycapa"]):
        shutil.copy(source, open_folder)
    keytab = open_folder / "pycapa.keytab"
    shutil.chown(keytab, "nobody")
    script = open_folder / "probe-kinit"
    script.write_text(PROBE.format(out=open_folder))
    script.chmod(0o755)
    command = f"{script} %{{sasl.kerberos.keytab}} %{{sasl.kerberos.principal}}"
    env = daemon.environment(**{
        **secure.kdc.env, "KRB5_CONFIG": str(open_folder / "krb5.conf"),
        "KRB5CCNAME": f"FILE:{open_folder}/cache", "LD_LIBRARY_PATH": ""})
    process = Process(
        ["setpriv", "--reuid", "nobody", "--clear-groups", "--inh-caps", "-all,+net_raw",
         "--bounding-set", "-all,+net_raw", "--ambient-caps", "+net_raw",
         open_folder / "pycapa", "-p", "-r", open_folder / "sample.pcap", "-t", pcap.name,
         *secure.gssapi(**{KINIT: command, "sasl.kerberos.keytab": keytab})],
        env=env, directory=str(open_folder))
    assert process.wait(30) == 0, process.describe()
    status = fields((open_folder / "status").read_text())
    assert status["Uid"].split()[0] != "0"
    for held in ("CapPrm", "CapEff", "CapAmb"):
        assert int(status[held], 16) == 0, held


def test_what_kinit_prints_never_reaches_the_packet_stream(secure, client, pcap, sample, probe):
    """The capture goes to stdout while kinit runs every second."""
    assert client("-p", "-r", sample, "-t", pcap.name, *secure.gssapi()).wait(30) == 0
    process = client("-c", "-o", "begin", "-m", "20", "-t", pcap.name, "-X",
                     "sasl.kerberos.min.time.before.relogin=1000", *secure.gssapi(**probe))
    marker = process.directory + "/status"

    def runs(seen=set()):
        if os.path.exists(marker):
            seen.add(os.stat(marker).st_mtime_ns)
        return len(seen) >= 3
    wait.until(runs, 30, "three runs of kinit")
    assert client("-p", "-r", sample, "-t", pcap.name, *secure.gssapi()).wait(30) == 0
    assert process.wait(30) == 0, process.describe()
    assert captures.parse(process.stdout)[1] == 2 * captures.read(sample)[1]
    assert b"noise" not in process.stdout
    assert "noise" not in process.stderr  # it succeeded: nothing to tell


def test_hung_kinit_holds_up_nothing(secure, client, pcap, sample, tmp_path):
    """It is ended, with a line that says so; a signal in the meantime ends pycapa at once."""
    options = secure.gssapi(**{KINIT: "sleep 1000"})
    process = client("-p", "-r", sample, "-t", pcap.name, "--stall-timeout", "20s", *options)
    process.wait_line("^ERROR:root:Kerberos: no ticket: kinit did not end within 15 s", 25)
    assert process.wait(60) == 1, process.describe()
    assert process.grep("^ERROR:root:No progress for 20 s, giving up"), process.describe()
    assert process.counts() == (10, 0)
    process = client("-p", "-r", sample, "-t", pcap.name, "--shutdown-timeout", "1s", *options)
    process.wait_line("Waiting for", 10)
    started = time.monotonic()
    assert process.stop(timeout=20) == 1, process.describe()
    assert time.monotonic() - started < 10, process.describe()
    assert process.counts() == (10, 0)


def processes_with(marker):
    """{pid: command line} of all processes that hold a word, but for pycapa's own."""
    found = {}
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            words = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")
        except OSError:
            continue
        if any(marker in word for word in words) and not words[0].endswith("/pycapa"):
            found[int(pid)] = words
    return found


@pytest.fixture
def sleeper(tmp_path):
    """A `sleep` with a name of its own; where it is."""
    path = tmp_path / f"sleep-{uuid.uuid4()}"
    path.symlink_to(shutil.which("sleep"))
    return path


def wait_sleeping(sleeper, process):
    """Waits until it runs; returns its pid."""
    def running():
        return [p for p, words in processes_with(sleeper.name).items() if words[0] == str(sleeper)]
    return wait.until(running, 20, process.describe)[0]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL], ids=["TERM", "KILL"])
def test_nothing_that_kinit_started_outlives_pycapa(number, secure, client, pcap, sample, sleeper):
    """The shell of the command forks, and its child knows nothing of how we end."""
    process = client("-p", "-r", sample, "-t", pcap.name, "--shutdown-timeout", "1s",
                     *secure.gssapi(**{KINIT: f"{sleeper} 1000 || true"}))
    wait_sleeping(sleeper, process)
    ended = process.stop(number, timeout=30)
    assert ended == (1 if number == signal.SIGTERM else -number), process.describe()
    wait.until(lambda: not processes_with(sleeper.name), 10,
               lambda: str(processes_with(sleeper.name)))


def test_a_kinit_without_output_is_bounded_too(secure, client, pcap, sample, sleeper):
    """The end of its output is not its end."""
    process = client("-p", "-r", sample, "-t", pcap.name, "--shutdown-timeout", "1s",
                     *secure.gssapi(**{KINIT: f"exec {sleeper} 1000 >/dev/null 2>&1"}))
    pid = wait_sleeping(sleeper, process)
    process.wait_line("^ERROR:root:Kerberos: no ticket: kinit did not end within 15 s", 25)
    wait.until(lambda: pid not in processes_with(sleeper.name), 20, f"the end of {pid}")
    assert process.stop(timeout=20) == 1, process.describe()
    assert process.counts() == (10, 0)


def test_a_parent_that_ignores_its_children_hides_no_failure(secure, client, pcap, sample):
    process = client("-p", "-r", sample, "-t", pcap.name, "--stall-timeout", "3s",
                     *secure.gssapi(**{KINIT: "echo this failed; false"}),
                     preexec=lambda: signal.signal(signal.SIGCHLD, signal.SIG_IGN))
    assert process.wait(30) == 1
    assert process.grep("^ERROR:root:Kerberos: no ticket: this failed"), process.describe()
    assert not process.grep("ECHILD"), process.describe()


def test_a_keytab_with_quotes_in_its_path(secure, client, pcap, sample, tmp_path):
    keytab = tmp_path / """it's "mine", $HOME.keytab"""
    shutil.copy(secure.keytabs["pycapa"], keytab)
    process = client("-p", "-r", sample, "-t", pcap.name, "--stall-timeout", "5s",
                     *secure.gssapi(**{"sasl.kerberos.keytab": keytab}))
    assert process.wait(30) == 0, process.describe()


def test_a_long_kinit_command_is_run_whole(secure, client, pcap, sample, tmp_path):
    padding = "x" * 9000
    command = (f": {padding}; kinit -k -t %{{sasl.kerberos.keytab}} %{{sasl.kerberos.principal}}; "
               f"echo run >{tmp_path}/run")
    process = client("-p", "-r", sample, "-t", pcap.name, *secure.gssapi(**{KINIT: command}))
    assert process.wait(30) == 0, process.describe()
    assert process.counts() == (10, 10)
    assert (tmp_path / "run").exists()


@pytest.fixture
def upgradable(tmp_path, monkeypatch):
    """A copy of the binary that a test may replace as an upgrade does; its path."""
    path = tmp_path / "bin" / "pycapa"
    path.parent.mkdir()
    shutil.copy(daemon.BINARY, path)
    monkeypatch.setattr(daemon, "BINARY", str(path))
    return path


def instance_file(path, secure, topic, pair, options):
    properties = ", ".join(f'"{o}"' for o in options if "=" in o)
    path.write_text(f'kafka-broker = "{secure.address("GSSAPI")}";\nkafka-topic = "{topic}";\n'
                    f'interface = "{pair.inside}";\nkafka-config = ({properties});\n')
    return path


def test_a_new_client_gets_its_ticket_after_an_upgrade(secure, client, pcap, pair, tmp_path,
                                                       upgradable):
    """The file of the running process is replaced, as a package manager does it."""
    config, cache = tmp_path / "instance.cfg", tmp_path / "cache"
    instance_file(config, secure, pcap.name, pair, secure.gssapi())
    process = client("-C", config).wait_capturing()
    traffic.send(pair, 10, 100)
    pcap.wait_count(10)
    cache.unlink()
    (tmp_path / "next").write_bytes(upgradable.read_bytes())
    (tmp_path / "next").chmod(0o755)
    (tmp_path / "next").rename(upgradable)
    assert os.readlink(f"/proc/{process.pid}/exe").endswith("(deleted)")
    instance_file(config, secure, pcap.name, pair, [*secure.gssapi(), "client.id=upgraded"])
    process.send_signal(signal.SIGHUP)
    process.wait_line("^INFO:root:Reloaded", 30)
    wait.until(cache.exists, 30, process.describe)
    traffic.send(pair, 10, 100, first=10)
    pcap.wait_count(20)
    assert process.stop() == 0, process.describe()
    assert not process.grep("^ERROR"), process.describe()
    assert [captures.sequence(r.value) for r in pcap.records()] == list(range(20))


def test_a_wrapper_that_cannot_be_run_is_told(secure, client, pcap, pair, tmp_path, upgradable):
    config = instance_file(tmp_path / "instance.cfg", secure, pcap.name, pair, secure.gssapi())
    process = client("-C", config).wait_capturing()
    upgradable.unlink()
    instance_file(config, secure, pcap.name, pair, [*secure.gssapi(), "client.id=later"])
    process.send_signal(signal.SIGHUP)
    process.wait_line(r"^ERROR:root:Kafka: SASLREFRESH: .*failed: \*{4}: exited with code 127", 30)
    process.kill()


# ---- past the ticket's lifetime ----

CUT = 90


def test_it_goes_on_past_the_tickets_lifetime(secure, client, make_pcap, tmp_path):
    """A ticket of a minute, relogin every 20 s, the connection cut after 90 s: it reconnects.

    Beside it the same without kinit, whose ticket came from a kinit by hand: it must fail.
    """
    def start(name, relogin):
        cache = f"FILE:{tmp_path}/{name}"
        run("kinit", "-k", "-t", secure.keytabs["minute"], f"minute@{REALM}",
            env={**os.environ, **secure.kdc.env, "KRB5CCNAME": cache})
        topic = make_pcap()
        fifo = tmp_path / f"{name}.fifo"
        os.mkfifo(fifo)
        process = client("-p", "-r", fifo, "-t", topic.name, "--stall-timeout", "20s",
                         *secure.gssapi("minute", **{
                             "sasl.kerberos.min.time.before.relogin": relogin}),
                         env={"KRB5CCNAME": cache})
        return process, topic, open(fifo, "wb")

    def feed(stream, first, count):
        if first == 0:
            stream.write(captures.header())
        for n in range(first, first + count):
            frame = captures.udp(n)
            t = 1700000000 + n
            stream.write(t.to_bytes(4, "little") + bytes(4)
                         + len(frame).to_bytes(4, "little") * 2 + frame)
        stream.flush()

    began = time.monotonic()
    runs = {"renewed": start("renewed", 20000), "forgotten": start("forgotten", 0)}
    for process, topic, stream in runs.values():
        feed(stream, 0, 10)
        topic.wait_count(10)
    wait.elapse(max(0, began + CUT - time.monotonic()))
    before = secure.proxy.accepted
    secure.proxy.cut()
    for process, topic, stream in runs.values():
        feed(stream, 10, 10)
        stream.close()
    renewed, topic, _ = runs["renewed"]
    topic.wait_count(20)
    assert renewed.wait(60) == 0, renewed.describe()
    assert [captures.sequence(r.value) for r in topic.records()] == list(range(20))
    assert secure.proxy.accepted > before
    assert not renewed.grep("^ERROR"), renewed.describe()
    forgotten, topic, _ = runs["forgotten"]
    assert forgotten.wait(60) == 1, forgotten.describe()
    assert forgotten.grep("^ERROR:root:Kafka.*Ticket expired"), forgotten.describe()
    assert topic.count() == 10
