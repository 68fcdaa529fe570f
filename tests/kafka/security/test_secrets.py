# SPDX-License-Identifier: Apache-2.0
"""Secrets: where they may come from, and that they go nowhere else."""
import os
import re
import resource
import shutil
import signal

import pytest

from secure_cluster import KEY_PASSWORD, PASSWORD
from harness import captures, traffic, wait
from harness.proc import may_raise_core_limit

MARKER = "MARKER-4f1d"

# Every property whose value is a secret, with what else makes librdkafka look at it.
SECRETS = {
    "sasl.password": ["security.protocol=SASL_SSL", "sasl.mechanism=PLAIN",
                      "sasl.username=someone"],
    "ssl.key.password": ["security.protocol=SSL"],
    "ssl.keystore.password": ["security.protocol=SSL"],
    "ssl.key.pem": ["security.protocol=SSL"],
    "sasl.oauthbearer.client.secret": ["security.protocol=SASL_SSL", "sasl.mechanism=OAUTHBEARER",
                                       "sasl.oauthbearer.method=oidc",
                                       "sasl.oauthbearer.client.id=someone",
                                       "sasl.oauthbearer.token.endpoint.url=http://127.0.0.1:1/t"],
    "sasl.oauthbearer.config": ["security.protocol=SASL_SSL", "sasl.mechanism=OAUTHBEARER",
                                "enable.sasl.oauthbearer.unsecure.jwt=true"],
    "sasl.kerberos.kinit.cmd": ["security.protocol=SASL_PLAINTEXT", "sasl.mechanism=GSSAPI"],
}
# What shows that it did look: the exit status (2: there is no client), and what is said.
LOOKED_AT = {
    "sasl.password": (1, r"sasl\.password is wrong"),
    "ssl.key.password": (2, r"ssl\.key\.password is wrong"),
    "ssl.keystore.password": (2, r"PKCS#?12"),
    "ssl.key.pem": (2, r"ssl\.key\.pem failed"),
    "sasl.oauthbearer.client.secret": (1, "Failed to acquire SASL OAUTHBEARER token"),
    "sasl.oauthbearer.config": (1, r"(Unrecognized|Invalid) sasl\.oauthbearer\.config [*]{4}|"
                                   "OAUTHBEARER mechanism handshake failed"),
    "sasl.kerberos.kinit.cmd": (1, "Kerberos: no ticket|Slow Kerberos ticket refresh: .*[*]{4}$"),
}
# Without libcurl, as in Debian's, one is refused.
REFUSED = (2, "sasl.oauthbearer.client.secret: librdkafka refuses this value")
LISTENER = {"SASL_SSL": "SASLSSL", "SSL": "TLS", "SASL_PLAINTEXT": "GSSAPI"}
LOUD = ["-X", "debug=all", "--log-level", "DEBUG"]


def values(name):
    """The value as it is meant, and those that librdkafka has something to say of."""
    if name == "sasl.oauthbearer.config":
        return [MARKER, f"principal={MARKER} scope={MARKER}", f"\n{MARKER}\t",
                f"principal=x lifeSeconds={MARKER}"]
    if name == "sasl.kerberos.kinit.cmd":
        # What fails, and what takes long enough to be told as slow.
        return [f"false {MARKER}", f"sleep 6; : '{MARKER}': exited with code {MARKER}"]
    return [MARKER, f"\n{MARKER}\t"]


def everything(process):
    return process.stdout.decode(errors="replace") + process.stderr


@pytest.mark.parametrize("name", SECRETS)
def test_no_secret_is_written_anywhere(name, secure, client, pcap, sample, librdkafka, tmp_path):
    """Whatever it says at the loudest, of good and bad values, in and out, and about them."""
    beside = [o for p in SECRETS[name] for o in ("-X", p)]
    listener = LISTENER[SECRETS[name][0].split("=")[1]]
    if name == "ssl.keystore.password":
        beside += ["-X", f"ssl.keystore.location={secure.ca.pkcs12('client', KEY_PASSWORD)}"]
    if name == "ssl.key.password":
        beside += ["-X", f"ssl.key.location={secure.ca.dir}/client.encrypted.key"]
    where = ["-k", secure.address(listener), "-X", f"ssl.ca.location={secure.ca.cert}"]
    refused = name == "sasl.oauthbearer.client.secret" and not librdkafka
    said, (status, words) = "", REFUSED if refused else LOOKED_AT[name]
    for value in values(name):
        secret = ["-X", f"{name}={value}"]
        for work in (("-p", "-r", sample), ("-c", "-e")):
            options = [*work, "-t", pcap.name, *where, *secret, *beside, *LOUD]
            patience = "8s" if "sleep" in value else "2s"
            process = client(*options, "--stall-timeout", patience, libs=librdkafka)
            assert process.wait(30) == status, process.describe()
            assert process.grep(words), process.describe()
            # Without a client there are none of its lines.
            assert status == 2 or process.grep(r"^DEBUG:root:Kafka: CONF: .* = "), \
                process.describe()
            assert "sleep" not in value or process.grep("Slow Kerberos ticket refresh: .*[*]{4}$")
            said += everything(process)
            dump = client(*options, "-X", "dump", libs=librdkafka)
            if refused:
                assert dump.wait(30) == 2 and dump.grep(words), dump.describe()
            else:
                assert dump.wait(30) == 0, dump.describe()
                assert f"{name}=****" in dump.stdout.decode().splitlines(), dump.stdout
            said += everything(dump)
        # Mistakes, in which the value stands where it is shown: another name, another role.
        wrong = client("-p", "-t", "x", "-X", f"{name}x={value}", libs=librdkafka)
        assert wrong.wait(30) == 2
        said += everything(wrong)
    assert said and MARKER not in said, [x for x in said.splitlines() if MARKER in x][:3]
    for folder, _, files in os.walk(tmp_path):
        for file in files:
            with open(os.path.join(folder, file), "rb") as f:
                assert MARKER.encode() not in f.read(), file


def test_the_right_password_is_written_nowhere(secure, client, pcap, sample, current):
    """Of a client that gets in, at the loudest."""
    for libs, options in (("", secure.sasl("PLAIN")), (current, secure.sasl("SCRAM-SHA-256")),
                          (current, secure.client_certificate())):
        process = client("-p", "-r", sample, "-t", pcap.name, *options, *LOUD, libs=libs)
        assert process.wait(60) == 0, process.describe()
        assert "debug" in process.stderr.lower()
        for secret in (PASSWORD, KEY_PASSWORD):
            assert secret not in everything(process)


# Debian's librdkafka refuses this one, and there is no process to look at.
@pytest.mark.parametrize("name", sorted(SECRETS.keys() - {"sasl.oauthbearer.client.secret"}))
def test_no_secret_in_the_command_line(name, secure, client, pcap, pair):
    process = client("-p", "-i", pair.inside, "-t", pcap.name, "-k", secure.broker.bootstrap,
                     "-X", f"{name}={MARKER}").wait_capturing()
    with open(f"/proc/{process.pid}/cmdline", "rb") as f:
        line = f.read()
    assert f"{name}=".encode() in line and MARKER.encode() not in line


def test_a_value_comes_from_a_file(secure, client, pcap, sample, tmp_path):
    file = tmp_path / "password"
    file.write_text(PASSWORD + "\n")
    process = client("-p", "-r", sample, "-t", pcap.name,
                     *secure.sasl("PLAIN", **{"sasl.password": f"@{file}"}))
    assert process.wait(30) == 0 and pcap.count() == 10, process.describe()


def test_a_value_comes_from_a_systemd_credential(secure, client, pcap, sample, tmp_path):
    (tmp_path / "kafka-password").write_text(PASSWORD)
    process = client("-p", "-r", sample, "-t", pcap.name,
                     *secure.sasl("PLAIN", **{"sasl.password": "@credential:kafka-password"}),
                     env={"CREDENTIALS_DIRECTORY": str(tmp_path)})
    assert process.wait(30) == 0 and pcap.count() == 10, process.describe()


@pytest.fixture
def config(tmp_path, pcap, secure):
    """Writes a configuration file of a producer and returns its path."""
    def write(options, **keys):
        address = options[options.index("-k") + 1]
        properties = [o for o in options if "=" in o]
        path = tmp_path / "instance.cfg"
        lines = [f'kafka-broker = "{address}";', f'kafka-topic = "{pcap.name}";',
                 "kafka-config = (" + ", ".join(f'"{p}"' for p in properties) + ");"]
        lines += [f'{k.replace("_", "-")} = "{v}";' for k, v in keys.items()]
        path.write_text("\n".join(lines) + "\n")
        path.chmod(0o600)
        return path
    return write


def test_a_configuration_that_others_can_read_draws_a_warning(secure, client, config):
    path = config(secure.sasl("PLAIN"))
    check = client("-C", path, "--check-config")
    assert check.wait(30) == 0 and not check.grep("^WARNING"), check.describe()
    path.chmod(0o644)
    check = client("-C", path, "--check-config")
    assert check.wait(30) == 0
    assert len(check.grep(f"^WARNING.*{path}.*")) == 1, check.describe()
    assert PASSWORD not in everything(check)


def test_a_reload_masks_what_changed(secure, client, config, pair):
    path = config(secure.sasl("PLAIN"), interface=pair.inside)
    process = client("-C", path).wait_capturing()
    config(secure.sasl("PLAIN", **{"sasl.password": MARKER}), interface=pair.inside)
    process.send_signal(signal.SIGHUP)
    process.wait_line(r"reload: kafka-config sasl\.password: ", 20)
    process.wait_line("^INFO:root:Reloaded", 20)
    assert process.stop() == 0, process.describe()
    assert MARKER not in process.stderr and PASSWORD not in process.stderr


def test_replaced_certificates_are_taken_up_by_a_reload_without_a_lost_packet(
        secure, client, config, pair, pcap, tmp_path):
    """
    Under traffic. In between a certificate with another name is there, which may not write: it is
    refused, so what is on disk is what is in use.
    """
    cert, key = tmp_path / "client.crt", tmp_path / "client.key"
    d = secure.ca.dir

    def install(number):
        for file, suffix in ((cert, "crt"), (key, "key")):
            new = tmp_path / "new"
            new.write_bytes((d / f"rotated{number}.{suffix}").read_bytes())
            new.rename(file)
    for number, name in enumerate(("pycapa", "unknown", "pycapa")):
        secure.ca.issue(f"rotated{number}", name, "client")
    install(0)
    options = secure.tls("TLS", **{"ssl.certificate.location": cert, "ssl.key.location": key})
    process = client("-C", config(options, interface=pair.inside)).wait_capturing()
    sender = traffic.start(pair, 4000, 1000)
    pcap.wait_count(500)
    install(1)
    process.send_signal(signal.SIGHUP)
    process.wait_line("^INFO:root:Reloaded", 30)
    assert process.grep(r"reload: kafka-config ssl\.certificate\.location"), process.describe()
    process.wait_line("^ERROR:root:Kafka: .*authorization failed", 30)
    install(2)
    process.send_signal(signal.SIGHUP)
    wait.until(lambda: len(process.grep("^INFO:root:Reloaded")) == 2, 30, process.describe)
    assert sender.wait(60) == 0
    pcap.wait_count(4000)
    assert process.stop() == 0, process.describe()
    seen = [captures.sequence(r.value) for r in pcap.records()]
    assert sorted(seen) == list(range(4000))


@pytest.mark.parametrize("mode", ["producer", "consumer"])
def test_a_file_that_cannot_be_used_refuses_the_reload_and_the_old_client_goes_on(
        mode, secure, client, config, pair, pcap, tmp_path):
    cert, key = tmp_path / "client.crt", tmp_path / "client.key"
    shutil.copy(secure.ca.dir / "client-plain.crt", cert)
    shutil.copy(secure.ca.dir / "client-plain.key", key)
    options = secure.tls("TLS", **{"ssl.certificate.location": cert, "ssl.key.location": key})
    sender = client("-p", "-i", pair.inside, "-t", pcap.name, *secure.tls("TLS", **{
        "ssl.certificate.location": secure.ca.dir / "client-plain.crt",
        "ssl.key.location": secure.ca.dir / "client-plain.key"}))
    sender.wait_capturing()
    if mode == "producer":
        assert sender.stop() == 0, sender.describe()
        process = client("-C", config(options, interface=pair.inside)).wait_capturing()
    else:
        out = tmp_path / "out.pcap"
        process = client("-C", config(options, mode="consumer", write_file=out,
                                      kafka_offset="begin"))

    def passed(total):
        """So many packets have come to the other end."""
        if mode == "producer":
            return pcap.count() == total
        return out.exists() and out.stat().st_size == 24 + total * (16 + 64)
    traffic.send(pair, 100, 1000)
    wait.until(lambda: passed(100), 20, process.describe)
    cert.write_text("no certificate")
    process.send_signal(signal.SIGHUP)
    process.wait_line(r"^ERROR:root:Reload refused, the old settings stay: Kafka client: "
                      r"ssl\.certificate\.location failed: .*: it is not a PEM certificate", 20)
    assert len(process.grep("^ERROR")) == 1, process.describe()
    traffic.send(pair, 100, 1000, first=100)
    wait.until(lambda: passed(200), 20, process.describe)
    assert process.stop() == 0, process.describe()
    frames = ([r.value for r in pcap.records()] if mode == "producer" else
              [p.data for p in captures.read(out)[1]])
    assert [captures.sequence(f) for f in frames] == list(range(200))


def test_core_dumps_are_off(secure, client, pcap, pair, tmp_path):
    """Also where core_pattern is a pipe: a limit of 1 byte, which the kernel takes for "none"."""
    hard = resource.getrlimit(resource.RLIMIT_CORE)[1]
    limit = "1" if hard != 0 or may_raise_core_limit() else "0"
    process = client("-p", "-i", pair.inside, "-t", pcap.name, *secure.sasl("PLAIN"),
                     cwd=str(tmp_path), preexec=lambda: resource.setrlimit(
                         resource.RLIMIT_CORE, (hard, hard))).wait_capturing()
    with open(f"/proc/{process.pid}/limits") as f:
        assert re.search(rf"Max core file size +{limit} +{limit} ", f.read())
    process.send_signal(signal.SIGSEGV)
    _, status = os.waitpid(process.pid, 0)
    assert os.WTERMSIG(status) == signal.SIGSEGV and not os.WCOREDUMP(status)


def test_version_says_which_librdkafka(client, current):
    """What to look at first when SCRAM fails."""
    process = client("--version", libs=current)
    assert process.wait(10) == 0
    assert b"librdkafka 2.12.1" in process.stdout
