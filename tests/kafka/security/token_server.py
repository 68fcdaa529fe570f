# SPDX-License-Identifier: Apache-2.0
"""An OAuth token endpoint (client credentials) and its keys, for OAUTHBEARER with OIDC."""
import base64
import http.server
import json
import threading
import time

from harness.proc import run

ISSUER, AUDIENCE = "https://issuer.example", "kafka"


def base64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class TokenServer:
    """POST /token gives who knows the secret a token that lasts `life` s; GET /keys its key."""

    def __init__(self, directory, client, secret, life=300):
        self.key = directory / "token.key"
        self.basic = "Basic " + base64.b64encode(f"{client}:{secret}".encode()).decode()
        self.client, self.life, self.given, self.refused = client, life, 0, 0
        run("openssl", "genrsa", "-out", self.key, "2048")
        modulus = run("openssl", "rsa", "-in", self.key, "-noout", "-modulus").stdout
        self.modulus = bytes.fromhex(modulus.strip().split("=")[1])
        owner = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                owner.answer(self, 200, owner.keys())

            def do_POST(self):
                self.rfile.read(int(self.headers.get("Content-Length", 0)))
                if self.headers.get("Authorization") != owner.basic:
                    owner.refused += 1
                    return owner.answer(self, 401, {"error": "invalid_client"})
                owner.given += 1
                return owner.answer(self, 200, owner.token())

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @staticmethod
    def answer(handler, status, body):
        handler.send_response(status)
        handler.send_header("Content-Type", "application/json")
        handler.end_headers()
        handler.wfile.write(json.dumps(body).encode())

    def keys(self):
        return {"keys": [{"kty": "RSA", "kid": "1", "use": "sig", "alg": "RS256",
                          "n": base64url(self.modulus), "e": "AQAB"}]}

    def token(self):
        now = int(time.time())
        claims = {"iss": ISSUER, "aud": AUDIENCE, "sub": self.client, "scope": "packets",
                  "iat": now, "exp": now + self.life}
        signed = ".".join(base64url(json.dumps(part).encode()) for part in
                          ({"alg": "RS256", "typ": "JWT", "kid": "1"}, claims))
        signature = run("openssl", "dgst", "-sha256", "-sign", self.key, input=signed.encode(),
                        text=False, stdin=None).stdout
        return {"access_token": f"{signed}.{base64url(signature)}", "token_type": "Bearer",
                "expires_in": self.life}

    def close(self):
        self.server.shutdown()
        self.server.server_close()
