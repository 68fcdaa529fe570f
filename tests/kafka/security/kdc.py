# SPDX-License-Identifier: Apache-2.0
"""An MIT Kerberos realm in a folder: database, KDC, keytabs; nothing outside the folder is used."""
import os
import socket
from pathlib import Path

from harness import wait
from harness.net import free_port
from harness.proc import Process, run

REALM = "PYCAPA.TEST"

KRB5_CONF = """\
[libdefaults]
  default_realm = {realm}
  dns_lookup_kdc = false
  dns_lookup_realm = false
  dns_canonicalize_hostname = false
  rdns = false
  udp_preference_limit = 1
  clockskew = {clockskew}
[realms]
  {realm} = {{
    kdc = {host}:{port}
  }}
[domain_realm]
  {host} = {realm}
"""

KDC_CONF = """\
[kdcdefaults]
  kdc_listen = {listen}:{port}
  kdc_tcp_listen = {listen}:{port}
[realms]
  {realm} = {{
    database_name = {dir}/principal
    key_stash_file = {dir}/stash
    acl_file = {dir}/kadm5.acl
    max_renewable_life = 1d
    supported_enctypes = aes256-cts-hmac-sha1-96:normal
  }}
"""


def port_is_open(port):
    with socket.socket() as s:
        return s.connect_ex(("127.0.0.1", port)) == 0


class Kdc:
    """A running realm. `env` makes Kerberos programs use it, with a ticket cache of its own."""

    def __init__(self, directory, host="localhost", clockskew=5):
        self.dir = Path(directory)
        self.dir.mkdir(parents=True, exist_ok=True)
        self.port = free_port()
        self.process = None
        values = {"realm": REALM, "port": self.port, "dir": self.dir, "clockskew": clockskew,
                  "host": host, "listen": "127.0.0.1" if host == "localhost" else "0.0.0.0"}
        self.krb5_conf = self.dir / "krb5.conf"
        self.krb5_conf.write_text(KRB5_CONF.format(**values))
        (self.dir / "kdc.conf").write_text(KDC_CONF.format(**values))
        self.env = {"KRB5_CONFIG": str(self.krb5_conf),
                    "KRB5_KDC_PROFILE": str(self.dir / "kdc.conf"),
                    "KRB5CCNAME": f"FILE:{self.dir}/cache"}

    def run(self, *argv, **kwargs):
        return run(*argv, env={**os.environ, **self.env}, **kwargs)

    def admin(self, query):
        """One kadmin.local request, such as "addprinc -randkey kafka/localhost"."""
        done = self.run("kadmin.local", "-q", query)
        # kadmin.local ends with 0 whatever happens; what fails it says on stderr.
        assert "while " not in done.stderr and "usage:" not in done.stderr, done.stderr

    def add_principal(self, name, life=None):
        limit = f'-maxlife "{life}" ' if life else ""
        self.admin(f"addprinc -randkey {limit}{name}")

    def keytab(self, name, file=None):
        """Writes the key of a principal to a keytab and returns its path."""
        path = Path(file) if file else self.dir / (name.replace("/", "-") + ".keytab")
        self.admin(f"ktadd -norandkey -k {path} {name}")
        path.chmod(0o600)
        return path

    def start(self):
        if not (self.dir / "principal").exists():
            self.run("kdb5_util", "create", "-s", "-P", "a master password of the test")
        self.process = Process(["krb5kdc", "-n", "-P", self.dir / "pid"],
                               env={**os.environ, **self.env}, directory=str(self.dir))
        wait.until(lambda: port_is_open(self.port), 30, self.process.describe)
        return self

    def stop(self):
        if self.process:
            self.process.kill()
