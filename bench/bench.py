"""What every suite works with."""

import os
import shutil

import measure

PROXY_CORE, LOAD_CORE, ALL_CORES = "0", "1", "0,1"


class Bench:
    """The options, the proxies, the programs of bench/load."""

    def __init__(self, args, fleet):
        self.args, self.fleet = args, fleet
        self.rounds, self.seconds, self.names = args.rounds, args.seconds, fleet.names

    def wanted(self, title):
        return self.args.only.lower() in title.lower()

    def wanted_rows(self, title, rows):
        """Those rows of a table that are wanted; all of them when its title is."""
        return {row: load for row, load in rows.items() if self.wanted(title) or self.wanted(row)}

    def path(self, name):
        return os.path.join(self.args.tools, name)

    def tool(self, name, needed_for):
        """The path of a program of bench/, or None, which is said."""
        path = self.path(name)
        if shutil.which(path):
            return path
        print(f"{needed_for} is left out: there is no {path} (cmake -D EVENKEEL_BENCH=ON)\n", flush=True)
        return None

    def started(self, stack, backend_and_ports):
        """A backend that backends.py has started, ended with the stack. Returns the ports of its targets."""
        backend, ports = backend_and_ports
        stack.callback(backend.stop)
        return ports

    def start(self, stack, targets, names=None, cores=PROXY_CORE, workers=1, sessions=0, certificate=""):
        """A process of each proxy by its name, ended with the stack."""
        started = {}
        for name in names or self.names:
            started[name] = self.fleet.start(name, targets, cores, workers, sessions, certificate)
            stack.callback(started[name].stop)
        return started

    def medians(self, of, once):
        return measure.medians(measure.interleaved(self.rounds, of, once))
