"""The proxies that are compared: which there are, and how to start any of them."""

import shutil

import https
import layer4
import proxies
from processes import Process, accepts_tcp, free_ports, has_udp
from proxies import Job

COMMANDS = {"http": proxies.COMMANDS, "https": https.COMMANDS, "tcp": layer4.TCP, "udp": layer4.UDP}


class Fleet:
    def __init__(self, folder, kind, programs):
        """`kind` of port; `programs`: the program of each, in the order of the columns.

        Those that are not found, or do not know the kind, are in `missing` with the reason.
        """
        self.folder, self.kind, self.programs, self.missing = folder, kind, {}, {}
        for name, program in programs.items():
            found = shutil.which(program)
            if name not in COMMANDS[kind]:
                self.missing[name] = f"it has no {kind} port"
            elif found is None:
                self.missing[name] = f"there is no {program}"
            elif name == "nginx" and kind in ("tcp", "udp") and layer4.nginx_module(found) is None:
                self.missing[name] = "it has no stream module (Debian: libnginx-mod-stream)"
            else:
                self.programs[name] = found

    @property
    def names(self):
        return list(self.programs)

    def start(self, name, targets, cores, workers=1, sessions=0, certificate="", strategy="roundrobin"):
        job = Job(name, self.folder, free_ports(1)[0], targets, workers, sessions, certificate, strategy)
        argv, env = COMMANDS[self.kind][name](job, self.programs[name])
        ready = has_udp if self.kind == "udp" else accepts_tcp
        return Process(name, argv, cores, job.port, env, ready)
