"""The proxies of TCP and UDP: how each is configured for the same work.

All of them balance in turn, work in one thread and log nothing. What is not said here is as each program's own
defaults have it, but for what costs nothing and may help: HAProxy may splice.
"""

import os
import re
import subprocess

from proxies import nginx_process

NGINX_MODULE = "ngx_stream_module.so"


def nginx_module(program):
    """What loads the stream module: nothing when it is built in. None: there is none."""
    told = subprocess.run([program, "-V"], capture_output=True, text=True, check=False)
    options = told.stderr + told.stdout
    if re.search(r"--with-stream(\s|$)", options):
        return ""
    folder = re.search(r"--modules-path=(\S+)", options)
    path = os.path.join(folder.group(1), NGINX_MODULE) if folder else ""
    return f"load_module {path};\n" if os.path.exists(path) else None


def nginx(job, program, connections, listen, more=""):
    servers = "\n".join(f"server 127.0.0.1:{port};" for port in job.targets)
    config = job.write(".conf", nginx_process(job.folder, job.name, connections, f"""stream {{
access_log off;
upstream up {{
{servers}
}}
server {{
  listen 127.0.0.1:{job.port} {listen};
  proxy_pass up;
  {more}
}}
}}
""", nginx_module(program)))
    return [program, "-p", job.folder, "-c", config], {}


def nginx_tcp(job, program):
    return nginx(job, program, 8192, "backlog=4096")


def nginx_udp(job, program):
    # A session is two connections to it. It keeps all of them in memory from the start.
    return nginx(job, program, 2 * job.sessions + 512, "udp reuseport rcvbuf=4m", "proxy_timeout 60s;")


def haproxy_tcp(job, program):
    servers = "\n".join(f"  server s{i} 127.0.0.1:{port}" for i, port in enumerate(job.targets))
    config = job.write(".cfg", f"""global
  nbthread {job.workers}
  maxconn 4096
defaults
  mode tcp
  timeout connect 3s
  timeout client 60s
  timeout server 60s
  option splice-auto
frontend f
  bind 127.0.0.1:{job.port} backlog 4096
  default_backend b
backend b
  balance roundrobin
{servers}
""")
    return [program, "-db", "-f", config], {}


def evenkeel(job, program, kind, more=""):
    urls = ", ".join(f'"{kind}://127.0.0.1:{port}"' for port in job.targets)
    spec = job.write(".json", f"""{{
  "listen": "127.0.0.1",
  "workers": {job.workers},
  "proxies": {{"bench": {{"ports": {{"{job.port}/{kind}": {{"targets": [{urls}]{more}}}}}}}}}
}}
""")
    return [program, "run", spec], {}


def evenkeel_tcp(job, program):
    return evenkeel(job, program, "tcp")


def evenkeel_udp(job, program):
    return evenkeel(job, program, "udp",
                    f', "timeouts": {{"idle": "60s"}}, "limits": {{"sessions": {job.sessions + 256}}}')


TCP = {"evenkeel": evenkeel_tcp, "other": evenkeel_tcp, "nginx": nginx_tcp, "haproxy": haproxy_tcp}
UDP = {"evenkeel": evenkeel_udp, "other": evenkeel_udp, "nginx": nginx_udp}
