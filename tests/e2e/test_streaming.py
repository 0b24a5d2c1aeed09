"""Large uploads and many connections in little memory; long responses are acceptance case 22."""

import hashlib
import resource
import threading

import harness
from backends import Backend
from client import Client
from harness import FULL, E2eTest, Proxy, is_sanitized, port_of, spec_of

MIB = 1 << 20
SIZE = 2048 * MIB if FULL else 64 * MIB
GROWTH = 2 * MIB
BLOCK = bytes(range(256)) * 4096  # 1 MiB
PATIENT = {"body": "120s", "response": "120s", "request": "600s"}


class Streaming(E2eTest):
    def start(self, script, **backend_options):
        self.backend = self.using(Backend(script, **backend_options))
        self.proxy = self.using(Proxy(spec_of(port_of([self.backend], timeouts=PATIENT))))
        # What the first exchange allocates once (buffers, a connection) is not growth.
        self.warm_up()
        self.before = self.proxy.rss()
        self.peak = self.before

    def warm_up(self):
        with Client(self.proxy.port) as client:
            client.request("POST", "/warm", body=BLOCK)

    def look(self):
        self.peak = max(self.peak, self.proxy.rss())

    def check_growth(self):
        self.look()
        if not is_sanitized():
            self.assertLess(self.peak - self.before, GROWTH)

    def expected(self):
        digest = hashlib.sha256()
        for _ in range(SIZE // MIB):
            digest.update(BLOCK)
        return SIZE, digest.hexdigest()

    def upload(self, chunked):
        go = threading.Event()
        seen = {}

        def script(peer):
            while request := peer.read_head():
                if request.target == "/warm":
                    peer.read_body(request)
                    peer.answer(BLOCK)
                    continue
                go.wait(60)
                digest, total = hashlib.sha256(), 0
                coded = request.get("transfer-encoding") == "chunked"
                while total < SIZE or coded:
                    if coded:
                        while b"\r\n" not in peer.buffer:
                            self.assertTrue(self.more(peer))
                        line, peer.buffer = peer.buffer.split(b"\r\n", 1)
                        size = int(line, 16)
                        data = self.exactly(peer, size + 2)[:-2]
                        if size == 0:
                            break
                    else:
                        if not peer.buffer and not self.more(peer):
                            break
                        data, peer.buffer = peer.buffer, b""
                    digest.update(data)
                    total += len(data)
                seen.update(total=total, digest=digest.hexdigest())
                peer.answer(b"thanks")

        self.start(script, receive_buffer=65536)
        with Client(self.proxy.port, timeout=1) as client:
            framing = "Transfer-Encoding: chunked" if chunked else f"Content-Length: {SIZE}"
            client.send(f"POST /up HTTP/1.1\r\nHost: a\r\n{framing}\r\n\r\n".encode())
            sent, stalled = 0, False
            for _ in range(SIZE // MIB):
                data = b"%x\r\n%s\r\n" % (MIB, BLOCK) if chunked else BLOCK
                while data:
                    try:
                        data = data[client.socket.send(data):]
                    except TimeoutError:
                        if not stalled:
                            stalled = True
                            self.assertLess(sent, SIZE)
                        self.look()
                        go.set()  # only now does the target begin to read
                sent += MIB
                if sent % (8 * MIB) == 0:
                    self.look()
            if chunked:
                client.socket.settimeout(60)
                client.send(b"0\r\n\r\n")
            self.assertTrue(stalled, "a client whose target does not read is paused")
            client.socket.settimeout(60)
            self.assertEqual(client.read_response("POST").body, b"thanks")
        self.assertEqual((seen["total"], seen["digest"]), self.expected())
        self.check_growth()

    @staticmethod
    def more(peer):
        """As Peer.more(), but without keeping gigabytes in `received`."""
        data = peer.socket.recv(262144)
        peer.buffer += data
        return bool(data)

    def exactly(self, peer, count):
        while len(peer.buffer) < count:
            self.assertTrue(self.more(peer))
        data, peer.buffer = peer.buffer[:count], peer.buffer[count:]
        return data

    def test_upload_to_a_slow_target(self):
        self.upload(chunked=False)

    def test_chunked_upload_to_a_slow_target(self):
        self.upload(chunked=True)


class IdleConnections(E2eTest):
    COUNT = 10_000 if FULL else 1_000
    EACH = 4096

    def test_memory_of_each(self):
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        needed = self.COUNT + 1_000  # of this process and of the proxy, each for itself
        if hard != resource.RLIM_INFINITY and hard < needed:
            self.skipTest(f"needs {needed} descriptors, the limit is {hard}")
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, needed), hard))
        backend = self.using(Backend())
        limits = {"connections": self.COUNT + 100}
        proxy = self.using(Proxy(spec_of(port_of([backend], limits=limits, timeouts={"idle": "600s"}))))
        warm = [Client(proxy.port) for _ in range(50)]
        for client in warm:
            client.request()
        before = proxy.rss()
        clients = []
        try:
            for number in range(self.COUNT):
                client = Client(proxy.port)
                clients.append(client)
                if number % 2:  # half of them have been served, half have only connected
                    self.assertEqual(client.request().status, 200)
            self.eventually(lambda: proxy.open_files() > self.COUNT, "all connections are accepted")
            growth = proxy.rss() - before
            if not is_sanitized():
                self.assertLess(growth / self.COUNT, self.EACH)
            self.assertEqual(clients[-1].request().status, 200)
            self.assertEqual(clients[0].request().status, 200)
        finally:
            for client in clients + warm:
                client.close()


if __name__ == "__main__":
    harness.main()
