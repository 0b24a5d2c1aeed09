"""Targets that hang, close or answer garbage: GETs succeed elsewhere. The other faults are acceptance cases,
in test_case_target_connections.py and test_case_target_responses.py."""

import harness
from backends import Backend, hang, reset, say, serve
from client import Client, get
from harness import NO_EJECTION, E2eTest, Proxy, port_of, spec_of
from processes import free_port

GARBAGE = say(b"\x16\x03\x01 this is no HTTP\r\n\r\n")
QUICK = {"response": "500ms", "connect": "500ms", "request": "5s"}


class Faulty(E2eTest):
    """One faulty and one good target; without ejection, so that the fault is met again and again."""

    def start(self, script, **options):
        self.bad = self.using(Backend(script))
        self.good = self.using(Backend(serve(b"good")))
        options.setdefault("outlier", NO_EJECTION)
        options.setdefault("timeouts", QUICK)
        options.setdefault("loadbalance", "first")  # the faulty one is always tried first
        # A budget large enough that it is the rule about repeating that decides.
        options.setdefault("retries", {"attempts": 3, "budgetPercent": 100, "budgetMinPerSecond": 1000})
        return self.using(Proxy(spec_of(port_of([self.bad, self.good], **options))))

    def start_alone(self, script, **options):
        self.bad = self.using(Backend(script))
        options.setdefault("outlier", NO_EJECTION)
        options.setdefault("timeouts", QUICK)
        return self.using(Proxy(spec_of(port_of([self.bad], **options))))

    def gets_succeed(self, proxy, count=20):
        with Client(proxy.port) as client:
            for _ in range(count):
                response = client.request()
                self.assertEqual((response.status, response.body), (200, b"good"))


class Get(Faulty):
    def test_closed_before_the_head(self):
        self.gets_succeed(self.start(lambda peer: peer.read_request()))

    def test_closed_within_the_head(self):
        self.gets_succeed(self.start(say(b"HTTP/1.1 200 OK\r\nContent-Le")))

    def test_garbage(self):
        self.gets_succeed(self.start(GARBAGE))

    def test_hang_before_the_head(self):
        self.gets_succeed(self.start(hang), count=3)

    def test_an_ejected_target_is_left_alone(self):
        proxy = self.start(reset, outlier={"consecutiveFailures": 3})
        self.gets_succeed(proxy, 10)
        proxy.wait_event("target_ejected", target=self.bad.url)
        seen = self.bad.count()
        self.gets_succeed(proxy, 10)
        self.assertEqual(self.bad.count(), seen)

    def test_several_faulty_targets(self):
        dead = f"http://127.0.0.1:{free_port()}"
        bad = [self.using(Backend(script)) for script in (reset, GARBAGE)]
        good = self.using(Backend(serve(b"good")))
        options = {"outlier": NO_EJECTION, "loadbalance": "first",
                   "retries": {"attempts": 3, "budgetPercent": 100, "budgetMinPerSecond": 1000}}
        proxy = self.using(Proxy(spec_of(port_of([dead, *bad, good], **options))))
        self.gets_succeed(proxy)

    def test_all_garbage_is_502(self):
        proxy = self.start_alone(GARBAGE)
        self.assertEqual(get(proxy.port).status, 502)

    def test_a_target_that_is_back_works_at_once(self):
        proxy = self.start_alone(serve(b"back"))
        self.bad.refuse()
        get(proxy.port)
        self.bad.listen()
        self.assertEqual(get(proxy.port).body, b"back")


if __name__ == "__main__":
    harness.main()
