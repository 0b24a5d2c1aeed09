"""Real servers to balance over, each in a folder of its own: PostgreSQL, Redis, dnsmasq, sshd.

A server that is not installed fails the test that wants it, with the name of its package.
"""

import getpass
import glob
import os
import pwd
import shutil
import subprocess
import tempfile

from client import LOOPBACK
from processes import end_process, free_port, wait_for, wait_for_port

LIMIT = 20


def program(name, package):
    """Where it is; system administration programs are not in everybody's PATH."""
    path = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin", "/sbin"])
    found = shutil.which(name, path=path)
    if found is None:
        raise AssertionError(f"{name} is not installed (Debian package {package}): scripts/install-deps.sh test")
    return found


def some_user():
    """Whom to run what refuses to be root as: None when we are not root."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            pass
    raise AssertionError("neither a user postgres nor a user nobody to run PostgreSQL as")


class Server:
    """A process with a folder and a port. A subclass says its command line, and how it is ready."""

    scheme = "tcp"

    def __init__(self, port=None):
        self.port = port or free_port()
        # Goes by itself when the test fails before it has come to close().
        self._folder = tempfile.TemporaryDirectory(prefix=f"evenkeel-{type(self).__name__.lower()}-",
                                                   ignore_cleanup_errors=True)
        self.folder = self._folder.name
        self.process = None
        self.user = None
        self.log_path = f"{self.folder}/log"

    @property
    def url(self):
        return f"{self.scheme}://{LOOPBACK}:{self.port}"

    def command(self):
        raise NotImplementedError

    def start(self):
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(self.command(), cwd=self.folder, stdin=subprocess.DEVNULL, stdout=log,
                                            stderr=log, user=self.user.pw_uid if self.user else None,
                                            group=self.user.pw_gid if self.user else None)
        try:
            self.wait_ready()
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.log()}") from None
        return self

    def wait_ready(self):
        wait_for_port(self.port, self.process, limit=LIMIT)

    def log(self):
        with open(self.log_path, encoding="utf-8", errors="replace") as log:
            return log.read()[-4_000:]

    def kill(self):
        """At once; nobody says goodbye."""
        self.process.kill()
        self.process.wait()

    def close(self):
        if self.process is not None and self.process.poll() is None:
            end_process(self.process, LIMIT)
        self._folder.cleanup()

    def __enter__(self):
        try:
            return self if self.process else self.start()
        except BaseException:
            self.close()
            raise

    def __exit__(self, *_):
        self.close()


class Postgres(Server):
    """Trusts everybody on the loopback. `template` is a data folder from init()."""

    def __init__(self, template):
        super().__init__()
        self.user = some_user()
        self.data = f"{self.folder}/data"
        shutil.copytree(template, self.data)
        own(self.folder, self.user)

    @staticmethod
    def binary(name):
        # Debian keeps the programs of each version apart, and out of PATH.
        versions = glob.glob(f"/usr/lib/postgresql/*/bin/{name}")
        return max(versions, default=None) or program(name, "postgresql")

    @staticmethod
    def init():
        """A fresh data folder to copy: initdb takes its time, once is enough."""
        folder = tempfile.mkdtemp(prefix="evenkeel-initdb-")
        own(folder, some_user())
        user = some_user()
        done = subprocess.run(
            [Postgres.binary("initdb"), "-D", f"{folder}/data", "-A", "trust", "-U", "test", "--no-sync", "-E", "UTF8",
             "--locale=C"], cwd=folder, capture_output=True, check=False, timeout=120,
            user=user.pw_uid if user else None, group=user.pw_gid if user else None)
        if done.returncode != 0:
            shutil.rmtree(folder)
            raise AssertionError(f"initdb: {done.stderr.decode()}")
        return folder

    def command(self):
        return [self.binary("postgres"), "-D", self.data, "-p", str(self.port), "-h", LOOPBACK, "-k", self.folder,
                "-c", "fsync=off", "-c", "shared_buffers=16MB", "-c", "max_connections=30"]

    def wait_ready(self):
        """It accepts connections while it is still starting, and turns them away then."""
        super().wait_ready()
        ask = [self.binary("pg_isready"), "-q", "-h", LOOPBACK, "-p", str(self.port), "-t", "5"]
        wait_for(lambda: subprocess.run(ask, check=False).returncode == 0, "postgres is ready", limit=LIMIT)

    def kill(self):
        """The children of a killed postmaster end by themselves, and must, before another can start."""
        with open(f"/proc/{self.process.pid}/task/{self.process.pid}/children", encoding="ascii") as file:
            children = file.read().split()
        super().kill()
        wait_for(lambda: not any(os.path.exists(f"/proc/{child}") for child in children), "its children end")

    def close(self):
        if self.process is not None and self.process.poll() is None:
            end_process(self.process, LIMIT, number=2)  # SIGTERM would wait for the clients
        super().close()


class Psql:
    """A session of the real client: one line of SQL in, one line out."""

    def __init__(self, port):
        self.process = subprocess.Popen(
            [program("psql", "postgresql-client"), "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1",
             f"host={LOOPBACK} port={port} user=test dbname=postgres connect_timeout=10"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def ask(self, sql):
        """One line; "" when the session has ended."""
        try:
            self.process.stdin.write(sql + ";\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            return ""
        return self.process.stdout.readline().rstrip("\n")

    def server(self):
        """The port of the server this session is with."""
        answer = self.ask("show port")
        if not answer:
            raise AssertionError(f"no answer: {self.process.stderr.read()}")
        return int(answer)

    def close(self):
        try:
            self.process.stdin.close()
        except BrokenPipeError:
            pass
        self.process.wait(LIMIT)
        self.process.stdout.close()
        self.process.stderr.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class Redis(Server):
    def __init__(self, password=None):
        super().__init__()
        self.password = password

    def command(self):
        more = ["--requirepass", self.password] if self.password else []
        return [program("redis-server", "redis-server"), "--port", str(self.port), "--bind", LOOPBACK, "--save", "",
                "--appendonly", "no", "--dir", self.folder, "--daemonize", "no", *more]


class Dnsmasq(Server):
    """Answers who.test with its name as a TXT record, and long.test with more than a datagram may hold."""

    scheme = "udp"
    LONG = "".join(f"{number:05}" for number in range(50))

    def __init__(self, name, port):
        super().__init__(port)
        self.name = name

    def command(self):
        long = [f"--txt-record=long.test,{self.name},{part}{self.LONG}" for part in range(10)]
        return [program("dnsmasq", "dnsmasq-base"), "--keep-in-foreground", "--conf-file=/dev/null", "--no-resolv",
                "--no-hosts", "--no-poll", "--bind-interfaces", f"--listen-address={LOOPBACK}", f"--port={self.port}",
                "--pid-file=", "--log-facility=-", f"--user={getpass.getuser()}", "--edns-packet-max=1232",
                f"--txt-record=who.test,{self.name}", *long]


SSHD_CONFIG = """
Port {port}
ListenAddress 127.0.0.1
HostKey {folder}/host_key
AuthorizedKeysFile {folder}/client_key.pub
PidFile none
UsePAM no
StrictModes no
PermitRootLogin prohibit-password
PasswordAuthentication no
KbdInteractiveAuthentication no
Subsystem sftp internal-sftp
"""


class Sshd(Server):
    """Lets in whoever has its client key, as the user who runs the test."""

    PRIVSEP = "/run/sshd"  # compiled in; Debian makes it when the service starts, which it must not

    def __init__(self):
        super().__init__()
        self.made_privsep = False
        for key in ("host_key", "client_key"):
            subprocess.run([program("ssh-keygen", "openssh-client"), "-q", "-t", "ed25519", "-N", "", "-f",
                            f"{self.folder}/{key}"], check=True, stdin=subprocess.DEVNULL)
        with open(f"{self.folder}/sshd_config", "w", encoding="ascii") as config:
            config.write(SSHD_CONFIG.format(port=self.port, folder=self.folder))
        if os.geteuid() == 0 and not os.path.isdir(self.PRIVSEP):
            os.mkdir(self.PRIVSEP, 0o755)
            self.made_privsep = True

    def command(self):
        # It starts itself anew for each connection, and so wants its whole path.
        return [program("sshd", "openssh-server"), "-D", "-e", "-f", f"{self.folder}/sshd_config"]

    def client_options(self):
        return ["-F", "none", "-i", f"{self.folder}/client_key", "-o", "IdentitiesOnly=yes", "-o", "BatchMode=yes",
                "-o", "StrictHostKeyChecking=no", "-o", f"UserKnownHostsFile={self.folder}/known_hosts",
                "-o", "LogLevel=ERROR", "-o", "ConnectTimeout=10"]

    def close(self):
        super().close()
        if self.made_privsep:
            os.rmdir(self.PRIVSEP)
            self.made_privsep = False


def own(folder, user):
    """Gives the folder and all in it to `user`."""
    if user is None:
        return
    for path, folders, files in os.walk(folder):
        for name in (path, *(os.path.join(path, entry) for entry in (*folders, *files))):
            os.chown(name, user.pw_uid, user.pw_gid)
