"""What stands behind the proxies: one nginx for HTTP, one small server for each other protocol, the same for all."""

import os
import sys

from processes import Process, accepts_tcp, free_ports
from proxies import nginx_frame

SIZES = {"100": 100, "10k": 10 * 1024, "1m": 1024 * 1024}


def start_http(folder, cores, count):
    """One nginx process that listens on `count` ports: as many targets. Returns it and the ports."""
    www = os.path.join(folder, "www")
    os.makedirs(www, exist_ok=True)
    for name, size in SIZES.items():
        with open(os.path.join(www, name), "wb") as f:
            f.write(b"x" * size)
    ports = free_ports(count)
    name = f"backend-{ports[0]}"
    listens = "\n".join(f"listen 127.0.0.1:{port} backlog=4096;" for port in ports)
    config = os.path.join(folder, f"{name}.conf")
    with open(config, "w") as f:
        f.write(nginx_frame(folder, name, f"""sendfile on; tcp_nopush on;
server {{
{listens}
root {www};
}}"""))
    return Process(name, ["nginx", "-p", folder, "-c", config], cores, ports[0]), ports


def start_uneven(cores, concurrency, sigma, medians_ms):
    """HTTP targets that take these times, in milliseconds. Returns the process and their ports."""
    ports = free_ports(len(medians_ms))
    program = os.path.join(os.path.dirname(os.path.abspath(__file__)), "uneven_backend.py")
    argv = [sys.executable, program, str(concurrency), str(sigma), *(f"{port}={ms}" for port, ms in zip(ports, medians_ms))]
    return Process("uneven_backend", argv, cores, ports[-1]), ports


def start_server(program, cores, ready=accepts_tcp, count=3):
    """A server of bench/load that listens on `count` ports: as many targets. Returns it and the ports."""
    ports = free_ports(count)
    return Process(os.path.basename(program), [program, *map(str, ports)], cores, ports[0], ready=ready), ports
