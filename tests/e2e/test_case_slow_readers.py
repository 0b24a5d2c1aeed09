"""Acceptance cases 22 and 26: a client that does not read costs the proxy no memory, and its target waits."""

import hashlib
import threading

import harness
from acceptance import GET, MIB, AcceptanceCase
from harness import FULL

GIB = 1 << 30
BLOCK = bytes(range(256)) * 4096  # 1 MiB
PATIENT = {"body": "120s", "response": "120s", "request": "600s"}
READ = 1 << 18


class SlowReader(AcceptanceCase):
    """Case 22. A length is spliced; chunks are read and written, which takes longer: less of them will do."""

    def download(self, chunked, size):
        head = b"Transfer-Encoding: chunked" if chunked else b"Content-Length: %d" % size
        piece = b"%x\r\n%s\r\n" % (MIB, BLOCK) if chunked else BLOCK
        paused = threading.Event()
        self.sent = 0

        def script(peer):
            peer.read_request()
            peer.send(b"HTTP/1.1 200 OK\r\n" + head + b"\r\n\r\n")
            peer.socket.settimeout(0.5)
            for _ in range(size // MIB):
                data = memoryview(piece)
                while data:
                    try:
                        data = data[peer.socket.send(data):]
                    except TimeoutError:
                        paused.set()  # the proxy has stopped reading
                self.sent += MIB
            if chunked:
                peer.socket.sendall(b"0\r\n\r\n")

        self.start(script, requests=1, timeouts=PATIENT)
        client = self.client(timeout=60, receive_buffer=65536)
        client.send(GET)
        response = client.read_response(body=False)
        self.assertEqual(response.status, 200)
        self.assertTrue(paused.wait(60), "a target whose client does not read is paused")
        self.assertLess(self.sent, size / 2)
        digest = hashlib.sha256()
        read = self.read_chunks if chunked else self.read_length
        self.assertEqual(read(client, size, digest), size)
        self.assertEqual(digest.digest(), self.digest_of(size))

    @staticmethod
    def digest_of(size):
        digest = hashlib.sha256()
        for _ in range(size // MIB):
            digest.update(BLOCK)
        return digest.digest()

    def read_length(self, client, size, digest):
        rest, client.buffer = client.buffer, b""
        digest.update(rest)
        total = len(rest)
        while total < size:
            data = client.socket.recv(min(READ, size - total))
            self.assertTrue(data, f"ended after {total} bytes")
            digest.update(data)
            total += len(data)
        return total

    def read_chunks(self, client, _, digest):
        total = 0
        while size := int(client.read_line(), 16):
            digest.update(client.read_exactly(size))
            self.assertEqual(client.read_exactly(2), b"\r\n")
            total += size
        self.assertEqual(client.read_line(), b"")
        return total

    def test_case_22_a_slow_reader_of_a_long_response(self):
        self.pooled_pipes = 1
        self.download(chunked=False, size=GIB)

    def test_case_22_a_slow_reader_of_a_long_chunked_response(self):
        self.download(chunked=True, size=GIB if FULL else 64 * MIB)

    def test_case_22_a_reader_that_never_reads_is_let_go(self):
        self.pooled_pipes = 1

        def script(peer):
            peer.read_request()
            peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % GIB)
            while peer.send(BLOCK):
                pass

        self.start(script, requests=1, timeouts={"body": "400ms"})
        client = self.client(receive_buffer=4096)
        client.send(GET)
        self.assertEqual(self.wait_line()["error"], "body_stalled")
        self.eventually(lambda: self.idle_at_targets() == 0, "the target's connection is closed")


class PipeliningWithoutReading(AcceptanceCase):
    """Case 26: requests wait in the client's kernel, not in the proxy."""

    COUNT = 3_000
    BODY = b"x" * 10_000

    def test_case_26_pipelining_without_reading_is_bounded(self):
        self.start(self.answer, requests=self.COUNT, timeouts=PATIENT)
        client = self.client(receive_buffer=4096)
        sender = threading.Thread(target=self.send_all, args=(client,), daemon=True)
        sender.start()
        self.eventually(lambda: self.backend.count() > 0)
        self.eventually_still()
        self.assertLess(self.backend.count(), self.COUNT / 2)
        for number in range(self.COUNT):
            self.assertEqual(client.read_response().body, b"%d." % number + self.BODY)
        sender.join()

    def answer(self, peer):
        while request := peer.read_request():
            peer.answer(request.target[1:].encode() + b"." + self.BODY)

    def send_all(self, client):
        client.send(b"".join(b"GET /%d HTTP/1.1\r\nHost: a\r\n\r\n" % number for number in range(self.COUNT)))

    def eventually_still(self):
        """Until no request has come for a while: what says that there is nothing to wait for."""
        seen = [0] * 100

        def still():
            seen.append(self.backend.count())
            return seen[-1] == seen[-100]

        self.eventually(still, "the target gets no more requests")


if __name__ == "__main__":
    harness.main()
