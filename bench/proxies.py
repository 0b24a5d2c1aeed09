"""The HTTP proxies: how each is configured for the same work.

All of them balance in turn, keep connections to the targets alive, pass WebSocket on, work in one thread and log
nothing; all but the floor add X-Forwarded-For, -Proto and -Host.
"""

import getpass
import os
from dataclasses import dataclass

TITLES = {"evenkeel": "evenkeel", "other": "other", "nginx": "nginx", "haproxy": "HAProxy", "caddy": "Caddy",
          "floor": "floor"}
# Idle connections that a proxy may keep to its targets: more than any load has connections.
KEPT = 512


@dataclass(frozen=True)
class Job:
    """What one proxy process is to do, and where it may write."""

    name: str
    folder: str
    port: int
    targets: list
    workers: int
    sessions: int = 0  # UDP: for how many there must be room
    certificate: str = ""  # HTTPS: NAME.pem, NAME.key, and both as HAProxy wants them in NAME.both
    strategy: str = "roundrobin"  # as evenkeel calls it; the others know that one and "leastconn"

    def write(self, suffix, text):
        path = os.path.join(self.folder, f"{self.name}-{self.port}{suffix}")
        with open(path, "w") as f:
            f.write(text)
        return path


def nginx_frame(folder, name, http, workers=1):
    """An nginx that keeps every file of its own in `folder`."""
    return nginx_process(folder, name, 8192, f"""http {{
access_log off; keepalive_requests 100000000;
client_body_temp_path {folder}/b; proxy_temp_path {folder}/p; fastcgi_temp_path {folder}/f;
uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
{http}
}}
""", workers=workers)


def nginx_process(folder, name, connections, blocks, load="", workers=1):
    """`connections` count on both sides. Its limit of open files is the one it is started with."""
    # One works in the process itself; more are its children, of the same user.
    master = "off" if workers == 1 else f"on; user {getpass.getuser()}"
    return f"""{load}daemon off; master_process {master}; worker_processes {workers}; pid {folder}/{name}.pid;
error_log {folder}/{name}.log;
events {{ worker_connections {connections}; }}
{blocks}"""


def nginx(job, program, listen="", tls="", scheme="http"):
    servers = "\n".join(f"server 127.0.0.1:{port};" for port in job.targets)
    # Its cache of connections is one for all targets: at least two for each, or it would close and open them.
    config = job.write(".conf", nginx_frame(job.folder, job.name, f"""upstream up {{
{"least_conn;" if job.strategy == "leastconn" else ""}
{servers}
keepalive {max(KEPT, 2 * len(job.targets))}; keepalive_requests 100000000;
}}
server {{
  listen 127.0.0.1:{job.port} {listen} backlog=4096;
  {tls}
  proxy_http_version 1.1;
  location / {{
    proxy_pass http://up;
    proxy_set_header Connection ""; proxy_set_header Host $host; proxy_set_header X-Forwarded-For $remote_addr;
    proxy_set_header X-Forwarded-Proto {scheme}; proxy_set_header X-Forwarded-Host $host;
  }}
  location /ws {{
    proxy_pass http://up;
    proxy_set_header Connection upgrade; proxy_set_header Upgrade $http_upgrade; proxy_set_header Host $host;
  }}
}}""", job.workers))
    return [program, "-p", job.folder, "-c", config], {}


def haproxy(job, program, options="", bind="", scheme="http"):
    servers = "\n".join(f"  server s{i} 127.0.0.1:{port}" for i, port in enumerate(job.targets))
    config = job.write(".cfg", f"""global
  nbthread {job.workers}
  maxconn 8192
{options}defaults
  mode http
  timeout connect 3s
  timeout client 60s
  timeout server 60s
  timeout tunnel 1h
  option forwardfor
  http-reuse always
frontend f
  bind 127.0.0.1:{job.port} backlog 4096 {bind}
  http-request set-header X-Forwarded-Proto {scheme}
  http-request set-header X-Forwarded-Host %[req.hdr(host)]
  default_backend b
backend b
  balance {job.strategy}
{servers}
""")
    return [program, "-db", "-f", config], {}


def caddy(job, program):
    targets = " ".join(f"127.0.0.1:{port}" for port in job.targets)
    config = job.write(".Caddyfile", f"""{{
  admin off
  auto_https off
  servers {{
    protocols h1
  }}
}}
http://:{job.port} {{
  bind 127.0.0.1
  reverse_proxy {targets} {{
    lb_policy {"least_conn" if job.strategy == "leastconn" else "round_robin"}
    transport http {{
      compression off
      keepalive_idle_conns 0
      keepalive_idle_conns_per_host {KEPT}
    }}
  }}
}}
""")
    home = os.path.join(job.folder, "caddy")
    env = {"HOME": home, "XDG_CONFIG_HOME": home, "XDG_DATA_HOME": home, "GOMAXPROCS": str(job.workers)}
    return [program, "run", "--config", config, "--adapter", "caddyfile"], env


def evenkeel(job, program, kind="http", more=""):
    urls = ", ".join(f'"http://127.0.0.1:{port}"' for port in job.targets)
    spec = job.write(".json", f'{{"proxies": {{"bench": {{"upstream": {{"maxIdle": {KEPT}}}, "ports": {{'
                              f'"{job.port}/{kind}": {{"loadbalance": "{job.strategy}", "targets": [{urls}]{more}}}}}}}}}}}\n')
    return [program, "run", spec, "--workers", str(job.workers)], {}


def floor(job, program):
    return [program, str(job.port), *map(str, job.targets)], {}


COMMANDS = {"evenkeel": evenkeel, "other": evenkeel, "nginx": nginx, "haproxy": haproxy, "caddy": caddy,
            "floor": floor}
