"""A dockerd of a test's own, and something to cut between it and whoever listens to it."""

import contextlib
import os
import shutil
import socket
import subprocess
import tempfile
import threading

from processes import end_process, wait_for
from real_servers import program

LIMIT = 60


def why_no_dockerd():
    """What this machine lacks, if anything. A dockerd that does not run here says nothing of evenkeel."""
    if os.geteuid() != 0:
        return "not root"
    for name in ("dockerd", "docker", "unshare", "ip"):
        if shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin") is None:
            return f"no {name}"
    probe = subprocess.run(["unshare", "--net", "--mount", "true"], check=False, capture_output=True, text=True)
    return probe.stderr.strip() if probe.returncode != 0 else None


class Dockerd:
    """Everything that it keeps is in a folder of its own, and goes with it."""

    def __init__(self):
        self._folder = tempfile.TemporaryDirectory(prefix="evenkeel-docker-", ignore_cleanup_errors=True)
        self.folder = self._folder.name
        self.socket = f"{self.folder}/docker.sock"
        self.process = None
        with open(f"{self.folder}/daemon.json", "w", encoding="ascii") as file:
            file.write("{}")  # instead of the machine's

    def start(self):
        with open(f"{self.folder}/log", "ab") as log:
            self.process = subprocess.Popen(
                [program("dockerd", "docker.io"), "--data-root", f"{self.folder}/root", "--exec-root", f"{self.folder}/exec",
                 "--host", f"unix://{self.socket}", "--pidfile", f"{self.folder}/pid", "--storage-driver", "vfs",
                 "--live-restore", "--log-level", "warn", "--config-file", f"{self.folder}/daemon.json", "--ip6tables=false"],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        wait_for(self.is_ready, "dockerd is ready", LIMIT)

    def is_ready(self):
        if self.process.poll() is not None:
            with open(f"{self.folder}/log", encoding="utf-8", errors="replace") as log:
                raise AssertionError(f"dockerd ended with {self.process.returncode}:\n{log.read()[-3000:]}")
        return subprocess.run([*self.command, "version"], check=False, capture_output=True).returncode == 0

    @property
    def command(self):
        return [program("docker", "docker.io"), "--host", f"unix://{self.socket}"]

    def docker(self, *arguments):
        done = subprocess.run([*self.command, *arguments], check=False, capture_output=True, text=True, timeout=LIMIT)
        if done.returncode != 0:
            raise AssertionError(f"docker {' '.join(arguments)}: {done.stderr}")
        return done.stdout.strip()

    def stop(self):
        end_process(self.process, LIMIT)

    def close(self):
        if self.process is not None and self.process.poll() is None:
            # One that does not answer is ended all the same.
            with contextlib.suppress(AssertionError, subprocess.SubprocessError):
                self.remove_all()
            self.stop()
        self._folder.cleanup()

    def remove_all(self):
        everything = self.docker("ps", "--all", "--quiet").split()
        if everything:
            self.docker("rm", "--force", *everything)

    def build(self, names=()):
        """Images of one file, without a registry; `names` serve at the ports that they stand with."""
        with tempfile.TemporaryDirectory() as folder:
            source = os.path.join(os.path.dirname(os.path.abspath(__file__)), "docker_web.c")
            subprocess.run([shutil.which("cc") or program("gcc", "gcc"), "-O1", "-static", "-pthread", "-o", f"{folder}/server", source], check=True)
            os.mkdir(f"{folder}/tmp")
            tar = subprocess.run(["tar", "-C", folder, "-c", "."], check=True, capture_output=True).stdout
            check = 'HEALTHCHECK --interval=500ms --timeout=5s --retries=1 CMD ["/server", "check"]'
            images = [("web:1", []), ("web:checked", ["--change", check])]
            images += [(name, ["--change", f"ENV PORT={port}", "--change", f"EXPOSE {port}"]) for name, port in names]
            for name, changes in images:
                subprocess.run([*self.command, "import", "--change", 'CMD ["/server"]', *changes, "-", name], input=tar,
                               check=True, capture_output=True)


class Relay:
    """Before dockerd's socket: all that goes through it can be cut, and some of it refused."""

    def __init__(self, behind, refused=None):
        self._folder = tempfile.TemporaryDirectory(prefix="evenkeel-relay-")
        self.path = f"{self._folder.name}/docker.sock"
        self.behind = behind
        self.refused = refused  # how such a path begins
        self.passed = 0
        self.open = []
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(self.path)
        self.listener.listen(64)
        self.threads = [threading.Thread(target=self.accept, daemon=True)]
        self.threads[0].start()

    def accept(self):
        with contextlib.suppress(OSError):
            while True:
                client = self.listener.accept()[0]
                if self.refused and client.recv(4096, socket.MSG_PEEK).startswith(b"GET " + self.refused):
                    client.sendall(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
                    self.open.append(client)
                    continue
                self.passed += 1
                server = socket.socket(socket.AF_UNIX)
                server.connect(self.behind)
                self.open += [client, server]
                for source, sink in ((client, server), (server, client)):
                    self.threads.append(threading.Thread(target=self.carry, args=(source, sink), daemon=True))
                    self.threads[-1].start()

    @staticmethod
    def carry(source, sink):
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                sink.sendall(data)
        for each in (source, sink):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def cut(self):
        for each in self.open:
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.cut()
        for thread in self.threads:
            thread.join()
        for each in (self.listener, *self.open):
            each.close()
        self._folder.cleanup()
