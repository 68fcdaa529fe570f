# SPDX-License-Identifier: Apache-2.0
"""An MIT Kerberos realm in a folder: database, KDC, keytabs; nothing outside the folder is used."""
import os
import socket
import subprocess
import time
from pathlib import Path

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
    kdc = 127.0.0.1:{port}
  }}
[domain_realm]
  localhost = {realm}
"""

KDC_CONF = """\
[kdcdefaults]
  kdc_listen = 127.0.0.1:{port}
  kdc_tcp_listen = 127.0.0.1:{port}
[realms]
  {realm} = {{
    database_name = {dir}/principal
    key_stash_file = {dir}/stash
    acl_file = {dir}/kadm5.acl
    max_renewable_life = 1d
    supported_enctypes = aes256-cts-hmac-sha1-96:normal
  }}
"""


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def wait_for_port(port, process, deadline=30.0):
    end = time.monotonic() + deadline
    while time.monotonic() < end:
        if process.poll() is not None:
            raise RuntimeError(f"{process.args[0]} ended with {process.returncode}")
        with socket.socket() as s:
            if s.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise TimeoutError(f"nothing listens on port {port}")


class Kdc:
    """A running realm. `env` makes Kerberos programs use it; `skewed` runs with a wrong clock."""

    def __init__(self, directory, skew=None, clockskew=5):
        self.dir = Path(directory)
        self.dir.mkdir(parents=True, exist_ok=True)
        self.port = free_port()
        self.skew = skew
        self.process = None
        values = {"realm": REALM, "port": self.port, "dir": self.dir, "clockskew": clockskew}
        self.krb5_conf = self.dir / "krb5.conf"
        self.krb5_conf.write_text(KRB5_CONF.format(**values))
        (self.dir / "kdc.conf").write_text(KDC_CONF.format(**values))
        self.env = {"KRB5_CONFIG": str(self.krb5_conf),
                    "KRB5_KDC_PROFILE": str(self.dir / "kdc.conf")}

    def _run(self, *argv):
        subprocess.run(argv, env={**os.environ, **self.env}, check=True, capture_output=True,
                       timeout=60)

    def admin(self, query):
        """One kadmin.local request, such as "addprinc -randkey kafka/localhost"."""
        done = subprocess.run(["kadmin.local", "-q", query], env={**os.environ, **self.env},
                              check=True, capture_output=True, text=True, timeout=60)
        # kadmin.local ends with 0 whatever happens; what fails it says on stderr.
        if "while " in done.stderr or "usage:" in done.stderr:
            raise RuntimeError(f"kadmin.local {query}: {done.stderr}")

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
            self._run("kdb5_util", "create", "-s", "-P", "a master password of the test")
        argv = ["krb5kdc", "-n", "-P", str(self.dir / "pid")]
        if self.skew:
            argv = ["faketime", "-f", self.skew, *argv]
        with open(self.dir / "kdc.log", "ab") as log:
            self.process = subprocess.Popen(argv, env={**os.environ, **self.env}, stdout=log,
                                            stderr=log)
        wait_for_port(self.port, self.process)
        return self

    def stop(self):
        if self.process:
            self.process.terminate()
            self.process.wait(30)
            self.process = None
