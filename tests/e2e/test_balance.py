"""How requests are spread, and that health changes lose none of them."""

import collections
import threading
import time

import harness
from backends import Backend, Nginx, serve
from client import Client, get
from harness import FAST_CHECKS, E2eTest, Proxy, port_of, spec_of


def names(port, count, connections, keep_alive=True):
    """`count` GETs of /name over as many connections at once; how often each name answered."""
    tally = collections.Counter()
    lock = threading.Lock()
    errors = []

    def work(share):
        own = collections.Counter()
        try:
            client = Client(port)
            for _ in range(share):
                if keep_alive:
                    response = client.request("GET", "/name")
                else:
                    response = get(port, "/name")
                assert response.status == 200, response.status
                own[response.body.decode()] += 1
            client.close()
        except Exception as error:
            errors.append(error)
        with lock:
            tally.update(own)

    threads = [threading.Thread(target=work, args=(count // connections,)) for _ in range(connections)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]
    return tally


class RoundRobin(E2eTest):
    def start(self, weights):
        self.backends = [self.using(Nginx(name)) for name in "abc"]
        targets = [{"url": b.url, "weight": w} for b, w in zip(self.backends, weights)]
        # The slow start of a target never applies to those a pool starts with.
        return self.using(Proxy(spec_of(port_of(targets, loadbalance="roundrobin")), workers=2))

    def check(self, weights, keep_alive):
        proxy = self.start(weights)
        tally = names(proxy.port, 9000, 12, keep_alive)
        for name, weight in zip("abc", weights):
            want = 9000 * weight / sum(weights)
            self.assertAlmostEqual(tally[name], want, delta=want * 0.01, msg=str(tally))

    def test_even_over_two_workers_with_keep_alive(self):
        self.check((1, 1, 1), True)

    def test_even_over_two_workers_without_keep_alive(self):
        self.check((1, 1, 1), False)

    def test_by_weight_with_keep_alive(self):
        self.check((3, 2, 1), True)

    def test_by_weight_without_keep_alive(self):
        self.check((3, 2, 1), False)


class Load:
    """GETs without a pause on a few connections, until stopped: what they got, and every failure."""

    def __init__(self, port, connections=4):
        self.tally = collections.Counter()
        self.failures = []
        self.last = None
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._work, args=(port,)) for _ in range(connections)]
        for thread in self._threads:
            thread.start()

    def _work(self, port):
        client = None
        while not self._stop.is_set():
            try:
                client = client or Client(port)
                response = client.request("GET", "/name")
                if response.status != 200 or not response.complete:
                    self.failures.append((response.status, response.body))
                self.last = response.body.decode()
                self.tally[self.last] += 1
                if response.closes:
                    client.close()
                    client = None
            except Exception as error:
                self.failures.append(error)
                client = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self):
        self._stop.set()
        for thread in self._threads:
            thread.join()


class First(E2eTest):
    def test_killed_under_load_and_back(self):
        one, two = self.using(Nginx("one")), self.using(Nginx("two"))
        proxy = self.using(Proxy(spec_of(port_of([one, two], loadbalance="first", health=FAST_CHECKS)), workers=2))
        proxy.wait_up(one, two)
        load = self.using(Load(proxy.port))
        self.eventually(lambda: load.tally["one"] > 200)
        self.assertEqual(load.tally["two"], 0)

        one.kill()
        proxy.wait_event("target_down", target=one.url)
        before = load.tally["one"]
        middle = load.tally["two"]
        self.eventually(lambda: load.tally["two"] > middle + 200)
        self.assertLessEqual(load.tally["one"], before + 4)  # at most what was just being counted

        one.start()
        proxy.wait_event("target_up", 2, target=one.url)
        self.eventually(lambda: load.tally["one"] > before + 200, "traffic returns to the first")
        two_before = load.tally["two"]
        self.eventually(lambda: load.tally["one"] > before + 600)
        self.assertLessEqual(load.tally["two"], two_before + 4)
        load.stop()
        self.assertEqual(load.failures, [])


class SlowTarget(E2eTest):
    """One of three targets takes 200 ms, the others 5."""

    def tally(self, strategy, count, connections):
        def after(delay, name):
            def body(_):
                time.sleep(delay)
                return name

            return serve(body)

        slow = self.using(Backend(after(0.2, b"slow")))
        fast = [self.using(Backend(after(0.005, b"fast"))) for _ in range(2)]
        proxy = self.using(Proxy(spec_of(port_of([slow, *fast], loadbalance=strategy)), workers=2))
        tally = names(proxy.port, count, connections)
        self.assertEqual(sum(tally.values()), count)
        self.assertGreater(tally["slow"], 0)
        return tally

    def test_leastconn_sends_it_little(self):
        count = 6400 if harness.FULL else 3200
        tally = self.tally("leastconn", count, 32)
        self.assertLess(tally["slow"], count * 0.1, str(tally))

    def test_p2c_sends_it_little(self):
        tally = self.tally("p2c", 1600, 32)
        self.assertLess(tally["slow"], 1600 * 0.1, str(tally))

    def test_what_looks_at_latencies_sends_it_hardly_any(self):
        for strategy in ("ewma", "hotcold"):
            with self.subTest(strategy):
                tally = self.tally(strategy, 800, 2)
                self.assertLess(tally["slow"], 800 * 0.02, str(tally))


class Hash(E2eTest):
    SOURCES = [f"127.0.0.{i}" for i in range(2, 42)]

    def owners(self):
        """Which target each source address gets, over new connections that the kernel spreads over the workers."""
        owners = {}
        for source in self.SOURCES:
            for _ in range(4):
                with Client(self.proxy.port, source=source) as client:
                    name = client.request("GET", "/name").body.decode()
                self.assertEqual(owners.setdefault(source, name), name)
        return owners

    def start(self):
        spec = spec_of(port_of(self.backends, loadbalance="hash", health=FAST_CHECKS))
        self.proxy = self.using(Proxy(spec, workers=2))
        self.proxy.wait_up(*self.backends)

    def test_clients_keep_their_target_and_return_to_it(self):
        self.backends = [self.using(Nginx(name)) for name in "abc"]
        self.start()
        before = self.owners()
        self.assertEqual(set(before.values()), {"a", "b", "c"})

        dead = self.backends[1]
        dead.kill()
        self.proxy.wait_event("target_down", target=dead.url)
        without = self.owners()
        self.assertEqual(set(without.values()), {"a", "c"})
        for source in self.SOURCES:
            self.assertTrue(before[source] in ("b", without[source]), source)

        dead.start()
        self.proxy.wait_event("target_up", 2, target=dead.url)
        self.assertEqual(self.owners(), before)

        self.backends.reverse()
        self.start()  # another process, the same targets in another order
        self.assertEqual(self.owners(), before)


class Health(E2eTest):
    def test_unhealthy_from_the_start_gets_nothing(self):
        good = self.using(Nginx("good"))
        checks = {"path": "/healthz", "interval": "100ms", "timeout": "1s"}
        sick = self.using(Backend(lambda peer: peer.read_request() and peer.answer(status="500 No")))
        proxy = self.using(Proxy(spec_of(port_of([good, sick], health=checks))))
        proxy.wait_up(good)
        proxy.wait_event("target_down", target=sick.url)
        self.assertEqual(names(proxy.port, 100, 2), {"good": 100})

    def test_repeated_failures_eject_without_checks(self):
        broken = self.using(Backend(lambda peer: peer.read_request() and peer.reset()))
        good = self.using(Nginx("good"))
        proxy = self.using(Proxy(spec_of(port_of([broken, good]))))
        self.assertEqual(names(proxy.port, 200, 2), {"good": 200})
        proxy.wait_event("target_ejected", target=broken.url)
        before = broken.count()
        self.assertEqual(names(proxy.port, 100, 2), {"good": 100})
        self.assertEqual(broken.count(), before)

    def test_all_down_is_503_and_recovers(self):
        backend = self.using(Backend())
        proxy = self.using(Proxy(spec_of(port_of([backend], health=FAST_CHECKS))))
        proxy.wait_up(backend)
        backend.refuse()
        proxy.wait_event("target_down", target=backend.url)
        self.assertEqual(get(proxy.port).status, 503)
        backend.listen()
        proxy.wait_event("target_up", 2, target=backend.url)
        self.assertEqual(get(proxy.port).status, 200)


if __name__ == "__main__":
    harness.main()
