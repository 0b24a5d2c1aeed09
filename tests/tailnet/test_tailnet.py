"""The test tailnet itself: clients, and the real tailscaled whose LocalAPI other tests talk to."""

import http.client
import json
import socket
import threading
import unittest

import tailnet


class LocalAPI(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("local-tailscaled.sock")
        self.path = str(path)

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(self.path)

    def get(self, path):
        self.request("GET", "/localapi/v0/" + path)
        response = self.getresponse()
        return response.status, response.read().decode()


class TailnetTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.net = tailnet.Tailnet()
        cls.addClassCleanup(cls.net.close)

    def test_clients_come_and_go(self):
        laptop = self.net.start_client("laptop", login="ana@example.com", displayName="Aña")
        self.assertEqual(laptop["dnsName"], f"laptop.{self.net.domain}.")
        with self.assertRaises(tailnet.Refused):
            self.net.start_client("laptop")
        self.assertTrue(any(node["name"] == "laptop" and node["client"] for node in self.net.status()))
        self.net.stop_client("laptop")

    def test_the_real_tailscaled(self):
        self.net.start_client("phone", login="bo@example.com", displayName="Bø")
        with tailnet.Tailscaled(self.net, "server") as daemon:
            api = LocalAPI(daemon.socket)
            self.addCleanup(api.close)
            code, text = api.get("status?peers=false")
            status = json.loads(text)
            self.assertEqual((code, status["BackendState"], status["TUN"]), (200, "Running", False))
            self.assertEqual(status["CertDomains"], [f"server.{self.net.domain}"])
            phone = next(node for node in self.net.status() if node["name"] == "phone")
            code, text = api.get(f"whois?addr={phone['addresses'][0]}:1")
            self.assertEqual(json.loads(text)["UserProfile"]["DisplayName"], "Bø")
            # What listens on the machine's loopback is reached through the daemon.
            with socket.create_server(("127.0.0.1", 0)) as listener:
                port = listener.getsockname()[1]
                address = status["Self"]["TailscaleIPs"][0]
                listener.settimeout(tailnet.PATIENCE)
                listener_answers(listener, b"from the server")
                got = self.net.tcp("phone", f"{address}:{port}")
                self.assertEqual(got["received"], b"from the server")
            if self.net.has_authority:
                code, text = api.get(f"cert/server.{self.net.domain}?type=pair")
                self.assertEqual(code, 200, text)
                self.assertIn("PRIVATE KEY", text)


def listener_answers(listener, text):
    def answer():
        connection, _ = listener.accept()
        connection.sendall(text)
        connection.close()

    threading.Thread(target=answer, daemon=True).start()


if __name__ == "__main__":
    tailnet.isolate()
    unittest.main(verbosity=2)
