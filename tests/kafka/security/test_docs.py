# SPDX-License-Identifier: Apache-2.0
"""The configurations of docs/security.md for TLS and SASL, run as they stand."""
import os
import re
import shlex

import pytest

from harness import daemon
from secure_cluster import KEY_PASSWORD, PASSWORD


def section(name):
    with open(os.path.join(daemon.TREE, "docs/security.md")) as f:
        return f.read().split(f"\n## {name}\n")[1].split("\n## ")[0]


def code(text):
    """Its indented blocks, one text each."""
    return re.findall(r"(?:^    .*\n|^\n(?=    ))+", text, re.M)


def options_of(block):
    """What a block sets, as -X takes it: given so, or as a list of kafka-config."""
    if "kafka-config" in block:
        return re.findall(r'"([\w.]+=.*)"', block)
    return [word for word in shlex.split(block) if "=" in word]


@pytest.fixture
def as_it_stands(secure, round_trip, tmp_path, monkeypatch):
    """Runs the options of a block with our files and passwords for its own."""
    def go(block, listener, libs=""):
        d = secure.ca.dir
        names = {"/etc/pycapa/ca.crt": secure.ca.cert, "/etc/pycapa/client.crt": d / "client.crt",
                 "/etc/pycapa/client.key": d / "client.encrypted.key"}
        argv = ["-k", secure.address(listener)]
        for option in options_of(block):
            name, value = option.split("=", 1)
            argv += ["-X", f"{name}={names.get(value, value)}"]
        assert len(argv) >= 6, block
        for name, secret in (("password", PASSWORD), ("key-password", KEY_PASSWORD)):
            (tmp_path / name).write_text(secret)
        monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
        round_trip(argv, libs)
    return go


@pytest.mark.parametrize("number, listener", [(0, "TLSOPEN"), (1, "TLS")])
def test_tls_as_it_stands(number, listener, as_it_stands, librdkafka):
    blocks = code(section("TLS"))
    assert len(blocks) == 2
    as_it_stands(blocks[number], listener, librdkafka)


def test_sasl_as_it_stands(as_it_stands, secure, current):
    options, users = code(section("SASL with passwords"))
    command = shlex.split(users.replace("\\\n", " ").replace("password=...",
                                                             f"password={PASSWORD}"))
    assert command[0] == "kafka-configs.sh" and "kafka1:9092" in command
    secure.broker.tool("kafka.admin.ConfigCommand", *[
        secure.broker.bootstrap if word == "kafka1:9092" else word for word in command[1:]])
    as_it_stands(options, "SASLSSL", current)
