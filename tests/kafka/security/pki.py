# SPDX-License-Identifier: Apache-2.0
"""Certificates, made by openssl: a CA, right ones, and each kind of wrong one."""
from pathlib import Path

from harness.proc import run

CONF = """\
[req]
distinguished_name = dn
[dn]
[ca]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign, cRLSign
[server]
basicConstraints = CA:FALSE
extendedKeyUsage = serverAuth
subjectAltName = {san}
[client]
basicConstraints = CA:FALSE
extendedKeyUsage = clientAuth
[ca_db]
default_ca = db
[db]
database = {dir}/{name}.index
serial = {dir}/{name}.serial
new_certs_dir = {dir}
default_md = sha256
policy = policy
unique_subject = no
[policy]
commonName = supplied
"""


def openssl(*argv):
    run("openssl", *argv)


class Ca:
    """A certification authority; its files lie in `directory`, named after it."""

    def __init__(self, directory, name):
        self.dir, self.name = Path(directory), name
        self.dir.mkdir(parents=True, exist_ok=True)
        self.cert, self.key = self.dir / f"{name}.crt", self.dir / f"{name}.key"
        conf = self._conf("DNS:localhost")
        (self.dir / f"{name}.index").write_text("")
        (self.dir / f"{name}.serial").write_text("01\n")
        openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", self.key, "-out",
                self.cert, "-days", "30", "-subj", f"/CN={name}", "-config", conf, "-extensions",
                "ca")

    def _conf(self, san):
        path = self.dir / f"{self.name}.cnf"
        path.write_text(CONF.format(dir=self.dir, name=self.name, san=san))
        return path

    def issue(self, file, common_name, use, san="DNS:localhost", expired=False, password=None):
        """Issues a certificate (`use`: server or client) and returns (certificate, key).

        The key is encrypted when a password is given.
        """
        cert, key = self.dir / f"{file}.crt", self.dir / f"{file}.key"
        conf, csr = self._conf(san), self.dir / f"{file}.csr"
        openssl("req", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", csr, "-subj",
                f"/CN={common_name}", "-config", conf)
        dates = ("20200101000000Z", "20200201000000Z") if expired else ("20200101000000Z",
                                                                      "20491231000000Z")
        openssl("ca", "-batch", "-config", conf, "-name", "db", "-cert", self.cert, "-keyfile",
                self.key, "-in", csr, "-out", cert, "-notext", "-startdate", dates[0], "-enddate",
                dates[1], "-extensions", use)
        plain = key
        if password:
            key = self.dir / f"{file}.encrypted.key"
            openssl("pkcs8", "-topk8", "-in", plain, "-out", key, "-v2", "aes-256-cbc", "-passout",
                    f"pass:{password}")
        key.chmod(0o600)
        return cert, key

    def pkcs12(self, file, password):
        """The same in a PKCS#12 file, encrypted, as a client takes them (ssl.keystore.location)."""
        path = self.dir / f"{file}.p12"
        openssl("pkcs12", "-export", "-in", self.dir / f"{file}.crt", "-inkey",
                self.dir / f"{file}.key", "-out", path, "-passout", f"pass:{password}")
        return path

    def keystore(self, file):
        """The certificate and key of issue() in one PEM file, as a Kafka broker takes them."""
        path = self.dir / f"{file}.pem"
        path.write_text((self.dir / f"{file}.key").read_text()
                        + (self.dir / f"{file}.crt").read_text() + self.cert.read_text())
        path.chmod(0o600)
        return path
