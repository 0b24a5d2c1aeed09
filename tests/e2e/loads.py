"""Requests without a pause, while something else happens."""

import threading

from client import Client


class Load:
    """Clients that ask all the time, on kept and on new connections; any failure is remembered.

    `forgives`: a kept connection may end between two requests, and what was just sent is sent again on another one, as
    RFC 9112, section 9.3.1 lets clients do."""

    def __init__(self, port, clients=4, forgives=False):
        self.port = port
        self.forgives = forgives
        self.done = 0
        self.failures = []
        self.stopping = False
        self.threads = [threading.Thread(target=self.run, args=(i % 2 == 0,), daemon=True) for i in range(clients)]
        for thread in self.threads:
            thread.start()

    def run(self, keeps):
        client = None
        while not self.stopping:
            is_reused = client is not None
            try:
                if client is None:
                    client = Client(self.port)
                response = client.request()
                if response.status != 200:
                    self.failures.append(response.status)
                self.done += 1
                if not keeps or response.closes:
                    client.close()
                    client = None
            except Exception as error:  # noqa: BLE001: whatever it is, it is what is looked for
                ended = isinstance(error, (EOFError, ConnectionResetError, BrokenPipeError)) and not client.buffer
                if not (self.forgives and is_reused and ended):
                    self.failures.append((is_reused, repr(error)))
                if client is not None:
                    client.close()
                client = None
        if client is not None:
            client.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stopping = True
        for thread in self.threads:
            thread.join(20)
