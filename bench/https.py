"""The HTTP proxies with TLS towards the client: certificates, and how each is configured for the same work.

All of them speak TLS 1.3 with AES-128-GCM and exchange keys with X25519 (bench_tls_connect makes sure), hand
out two stateless tickets for a full handshake and keep no sessions themselves.
"""

import os
import subprocess

import proxies

KEYS = {"ecdsa": ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"], "rsa": ["-newkey", "rsa:2048"]}
CIPHER, GROUP = "TLS_AES_128_GCM_SHA256", "X25519"


def make_certificate(folder, kind):
    """A certificate that signs itself, of a key of KEYS. Returns what Job.certificate takes."""
    name = os.path.join(folder, kind)
    subprocess.run(["openssl", "req", "-x509", *KEYS[kind], "-nodes", "-days", "2", "-subj", "/CN=localhost",
                    "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1",
                    "-keyout", f"{name}.key", "-out", f"{name}.pem"], check=True, capture_output=True)
    with open(f"{name}.both", "w") as both:
        for part in ("pem", "key"):
            with open(f"{name}.{part}") as f:
                both.write(f.read())
    return name


def nginx(job, program):
    return proxies.nginx(job, program, "ssl", f"""ssl_certificate {job.certificate}.pem;
  ssl_certificate_key {job.certificate}.key;
  ssl_protocols TLSv1.3; ssl_conf_command Ciphersuites {CIPHER}; ssl_ecdh_curve {GROUP};
  ssl_session_tickets on;""", "https")


def haproxy(job, program):
    options = f"""  tune.ssl.cachesize 0
  ssl-default-bind-ciphersuites {CIPHER}
  ssl-default-bind-options ssl-min-ver TLSv1.3
"""
    return proxies.haproxy(job, program, options, f"ssl crt {job.certificate}.both curves {GROUP}", "https")


def evenkeel(job, program):
    # It prefers this cipher and this group by itself.
    return proxies.evenkeel(job, program, "https", f""", "tls": {{"minVersion": "1.3", "certificates": [
  {{"certificate": "{job.certificate}.pem", "key": "{job.certificate}.key"}}]}}""")


COMMANDS = {"evenkeel": evenkeel, "other": evenkeel, "nginx": nginx, "haproxy": haproxy}
