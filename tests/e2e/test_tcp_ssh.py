"""ssh through a tcp port: large files both ways at once, exact to the bit."""

import hashlib
import os
import shutil
import subprocess
import tempfile
import threading

import harness
from harness import E2eTest, Proxy, port_of, spec_of
from real_servers import Sshd, program

MIB = 1 << 20
SIZE = (1024 if harness.FULL else 64) * MIB


def write_noise(path, size):
    """Random bytes, and their SHA-256."""
    digest = hashlib.sha256()
    with open(path, "wb") as file:
        for _ in range(0, size, MIB):
            block = os.urandom(MIB)
            digest.update(block)
            file.write(block)
    return digest.hexdigest()


def sha256_of(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class Ssh(E2eTest):
    def setUp(self):
        super().setUp()
        self.server = self.using(Sshd())
        self.proxy = self.using(Proxy(spec_of(port_of([self.server], key="tcp", accessLog=True)), workers=2))
        self.folder = tempfile.mkdtemp(prefix="evenkeel-ssh-")
        self.addCleanup(shutil.rmtree, self.folder)

    def run_client(self, name, *args, **options):
        done = subprocess.run([program(name, "openssh-client"), *self.server.client_options(), *args],
                              capture_output=True, timeout=300, check=False, **options)
        self.assertEqual(done.returncode, 0, done.stderr.decode() + self.server.log())
        return done.stdout

    def ssh(self, command, **options):
        options.setdefault("stdin", subprocess.DEVNULL)
        return self.run_client("ssh", "-p", str(self.proxy.port), "127.0.0.1", command, **options)

    def test_files_both_ways_at_once_with_scp(self):
        up, down = f"{self.folder}/up", f"{self.folder}/down"
        sums = {path: write_noise(path, SIZE) for path in (up, down)}
        copies = [(up, f"127.0.0.1:{up}.copy"), (f"127.0.0.1:{down}", f"{down}.copy")]
        failures = []

        def copy(source, destination):
            try:
                self.run_client("scp", "-q", "-P", str(self.proxy.port), source, destination)
            except Exception as error:
                failures.append(error)

        threads = [threading.Thread(target=copy, args=pair) for pair in copies]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(failures, [])
        for path, want in sums.items():
            self.assertEqual(sha256_of(f"{path}.copy"), want)
        self.eventually(lambda: len(self.proxy.access()) >= 2, "an access-log line for each transfer")

    def test_one_session_there_and_back(self):
        # The whole of it goes through both directions of a single connection; sshd closes last.
        path = f"{self.folder}/there"
        want = write_noise(path, SIZE // 2)
        with open(path, "rb") as source, open(f"{path}.back", "wb") as back:
            process = subprocess.run(
                [program("ssh", "openssh-client"), *self.server.client_options(), "-p", str(self.proxy.port),
                 "127.0.0.1", "cat; sleep 0.3; echo end"], stdin=source, stdout=back, timeout=300, check=False)
        self.assertEqual(process.returncode, 0, self.server.log())
        with open(f"{path}.back", "rb+") as back:
            back.seek(-4, os.SEEK_END)
            self.assertEqual(back.read(), b"end\n")
            back.seek(-4, os.SEEK_END)
            back.truncate()
        self.assertEqual(sha256_of(f"{path}.back"), want)

    def test_the_exit_code_of_a_command_comes_back(self):
        self.assertEqual(self.ssh("echo hello"), b"hello\n")
        done = subprocess.run([program("ssh", "openssh-client"), *self.server.client_options(), "-p",
                               str(self.proxy.port), "127.0.0.1", "exit 7"], stdin=subprocess.DEVNULL, timeout=60,
                              check=False)
        self.assertEqual(done.returncode, 7)


if __name__ == "__main__":
    harness.main()
