"""evenkeel in front of every target: one port for each, and one that answers by itself."""

import json
import os
import subprocess

from harness import BINARY, NO_EJECTION, SANITIZER_REPORT, port_of, spec_of
from processes import end_process, free_port, wait_for


class Front:
    """Not harness.Proxy: a log that is read by a thread of a busy program would have gaps, a file has none.

    One worker, so that one loop sees every byte in the order it was sent. One port a target, so that each has
    connections of its own to it. No retries: what a target sees twice was sent twice.
    """

    def __init__(self, directory, targets):
        self.log = os.path.join(directory, "evenkeel.log")
        self.errors = os.path.join(directory, "evenkeel.errors")
        options = {"outlier": NO_EJECTION, "retries": {"attempts": 1}, "upstream": {"idle": "1h"}, "accessLog": True}
        ports = [port_of([target], **options) for target in targets]
        self.ports = {target.name: port[0] for target, port in zip(targets, ports)}
        self.barrier_port = free_port()
        ports.append((self.barrier_port, f"{self.barrier_port}/http", {"redirect": "http://differential.example/"}))
        spec = os.path.join(directory, "spec.json")
        with open(spec, "w", encoding="utf-8") as file:
            json.dump(spec_of(*ports, timeouts={"idle": "1h"}), file)
        with open(self.log, "wb") as log, open(self.errors, "wb") as errors:
            self.process = subprocess.Popen([BINARY, "run", spec, "--log-format", "json", "--workers", "1"],
                                            stdin=subprocess.DEVNULL, stdout=log, stderr=errors)
        try:
            wait_for(self.is_ready, "evenkeel is ready")
        except BaseException:
            self.close()
            raise

    def is_ready(self):
        if self.process.poll() is not None:
            raise AssertionError(f"evenkeel exited with {self.process.returncode}:\n{self.error_text()}")
        return '"event":"ready"' in self.error_text()

    def error_text(self):
        with open(self.errors, encoding="utf-8", errors="replace") as file:
            return file.read()

    def close(self):
        """Its exit code is for stop() to judge; this only ends it."""
        if self.process.poll() is None:
            end_process(self.process, 40)

    def stop(self):
        """Ends it and gives its access log, a list for each target, in the order of what happened."""
        self.close()
        text = self.error_text()
        if SANITIZER_REPORT.search(text) or self.process.returncode != 0:
            raise AssertionError(f"exit code {self.process.returncode}:\n{text[-20_000:]}")
        lines = {name: [] for name in self.ports}
        names = {f"{port}/http": name for name, port in self.ports.items()}
        with open(self.log, encoding="utf-8", errors="replace") as file:
            for line in map(json.loads, file):
                if line["event"] != "access":
                    raise AssertionError(f"not an access line: {line}")
                name = names.get(line["port"].split(" ")[-1])
                if name:
                    lines[name].append(line)
        return lines

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
