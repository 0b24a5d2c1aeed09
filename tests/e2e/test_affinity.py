"""What keeps a client on its target: keys of the strategy hash, its bound, and sticky cookies."""

import collections
import json
import tempfile
import threading

from backends import Backend, serve
from client import Client, get
from harness import FAST_CHECKS, E2eTest, Proxy, main, port_of, run_command, spec_of


class Fleet(E2eTest):
    def start(self, names="abcd", **options):
        self.backends = [self.using(Backend(serve(name.encode()))) for name in names]
        self.proxy = self.using(Proxy(spec_of(port_of(self.backends, **options)), workers=2))
        return self.proxy

    def name(self, target="/", fields=()):
        response = get(self.proxy.port, target, fields)
        self.assertEqual(response.status, 200)
        return response.body.decode()


class HashKey(Fleet):
    def check(self, request):
        """`request(i)` is what client i asks for: it always meets the same target, and all targets have clients."""
        first = [self.name(*request(i)) for i in range(40)]
        self.assertEqual([self.name(*request(i)) for i in range(40)], first)
        self.assertEqual(set(first), set("abcd"))
        return first

    def test_by_header(self):
        self.start(loadbalance="hash", hashKey="header:X-User")
        self.check(lambda i: ("/", [("x-USER", f"user{i}")]))

    def test_by_cookie(self):
        self.start(loadbalance="hash", hashKey="cookie:sid")
        self.check(lambda i: ("/", [("Cookie", f"other={i % 3}; sid={i}")]))

    def test_by_uri(self):
        self.start(loadbalance="hash", hashKey="uri")
        self.check(lambda i: (f"/page?n={i}",))

    def test_what_has_no_such_key_goes_by_its_address(self):
        self.start(loadbalance="hash", hashKey="header:X-User")
        self.assertEqual(len({self.name(f"/{i}") for i in range(20)}), 1)

    def test_a_target_that_is_gone_moves_only_its_clients_and_loses_no_request(self):
        self.start(loadbalance="hash", hashKey="header:X-User", health=FAST_CHECKS)
        self.proxy.wait_up(*self.backends)
        request = lambda i: ("/", [("X-User", f"user{i}")])
        before = self.check(request)
        self.backends[1].refuse()
        after = [self.name(*request(i)) for i in range(40)]
        self.assertNotIn("b", after)
        for old, new in zip(before, after):
            if old != "b":
                self.assertEqual(new, old)


class Bound(E2eTest):
    def busiest(self, **options):
        """How many of 12 requests of one client, all under way at once, met the same target."""
        go_on = threading.Event()
        self.addCleanup(go_on.set)

        def wait(peer):
            while peer.read_request():
                go_on.wait(20)
                peer.answer(b"ok")

        backends = [self.using(Backend(wait)) for _ in range(4)]
        proxy = self.using(Proxy(spec_of(port_of(backends, loadbalance="hash", **options))))
        clients = [self.using(Client(proxy.port)) for _ in range(12)]
        for count, client in enumerate(clients, 1):
            client.send_request()
            self.eventually(lambda: sum(len(b.requests) for b in backends) == count, "the request at a target")
        busiest = max(len(b.requests) for b in backends)
        go_on.set()
        for client in clients:
            self.assertEqual(client.read_response().status, 200)
        return busiest

    def test_a_client_that_asks_for_much_spills_over(self):
        self.assertEqual(self.busiest(hashBalanceFactor=125), 4)  # 12 * 1.25 / 4, rounded up

    def test_without_a_bound_it_does_not(self):
        self.assertEqual(self.busiest(), 12)


class Sticky(Fleet):
    def first_answer(self, name=None, fields=()):
        """Of a new client: who answered, and the cookie to send back."""
        name = name or f"evenkeel-{self.proxy.port}"
        response = get(self.proxy.port, "/", fields)
        cookies = [value for value in response.all("set-cookie") if value.startswith(name + "=")]
        self.assertEqual(len(cookies), 1, response.fields)
        return response.body.decode(), cookies[0]

    def test_a_client_with_the_cookie_stays_and_is_sent_no_other(self):
        self.start(sticky=True)
        for _ in range(4):
            name, cookie = self.first_answer()
            self.assertRegex(cookie, rf"^evenkeel-{self.proxy.port}=[0-9a-f]{{1,16}}; Path=/; HttpOnly; SameSite=Lax$")
            for _ in range(6):
                response = get(self.proxy.port, "/", [("Cookie", "a=b; " + cookie.split(";")[0])])
                self.assertEqual(response.body.decode(), name)
                self.assertEqual(response.all("set-cookie"), [])

    def test_new_clients_go_where_the_strategy_says(self):
        self.start(sticky=True)
        tally = collections.Counter(self.first_answer()[0] for _ in range(40))
        for host in "abcd":
            self.assertAlmostEqual(tally[host], 10, delta=2, msg=str(tally))  # each worker takes turns

    def test_name_and_age_are_of_the_spec_and_targets_cookies_pass(self):
        self.backends = [self.using(Backend(serve(b"x", fields=[("Set-Cookie", "own=1")])))]
        self.proxy = self.using(
            Proxy(spec_of(port_of(self.backends, sticky={"cookie": "sid", "maxAge": "1h"})))
        )
        _, cookie = self.first_answer("sid")
        self.assertTrue(cookie.endswith("; SameSite=Lax; Max-Age=3600"), cookie)
        self.assertIn("own=1", get(self.proxy.port).all("set-cookie"))

    def test_a_cookie_of_a_target_that_is_down_gives_way_and_is_set_anew(self):
        self.start(sticky=True, health=FAST_CHECKS)
        self.proxy.wait_up(*self.backends)
        name, cookie = self.first_answer()
        self.backends["abcd".index(name)].refuse()
        other, fresh = self.first_answer(fields=[("Cookie", cookie.split(";")[0])])
        self.assertNotEqual(other, name)
        self.assertNotEqual(fresh, cookie)
        backend = self.backends["abcd".index(name)]
        self.proxy.wait_event("target_down", target=backend.url)
        backend.heal()
        self.proxy.wait_event("target_up", 2, target=backend.url)
        self.assertEqual(self.name("/", [("Cookie", fresh.split(";")[0])]), other)
        self.assertEqual(self.name("/", [("Cookie", cookie.split(";")[0])]), "ok")  # what a healed one says

    def test_a_cookie_that_is_none_is_no_cookie(self):
        self.start(sticky=True)
        for value in ("", "0", "zz", "-1", "f" * 17, "%31", '"1"'):
            self.first_answer(fields=[("Cookie", f"evenkeel-{self.proxy.port}={value}")])

    def test_another_process_understands_the_cookie(self):
        sticky = {"cookie": "sid"}
        self.start(sticky=sticky)
        name, cookie = self.first_answer("sid")
        other = self.using(Proxy(spec_of(port_of(list(reversed(self.backends)), sticky=sticky))))
        for _ in range(4):
            response = get(other.port, "/", [("Cookie", cookie.split(";")[0])])
            self.assertEqual(response.body.decode(), name)

    def test_an_answer_for_everybody_has_no_cookie(self):
        self.backends = [self.using(Backend(serve(b"x", fields=[("Cache-Control", "max-age=60, public")])))]
        self.proxy = self.using(Proxy(spec_of(port_of(self.backends, sticky=True))))
        self.assertEqual(get(self.proxy.port).all("set-cookie"), [])

    def test_two_ports_of_a_host_leave_each_other_alone(self):
        self.backends = [self.using(Backend(serve(letter.encode()))) for letter in "abcd"]
        ports = [port_of(self.backends[:2], sticky=True), port_of(self.backends[2:], sticky=True)]
        self.using(Proxy(spec_of(*ports)))
        jar = {}
        seen = collections.Counter()
        for _ in range(10):
            for number, *_ in ports:
                response = get(number, "/", [("Cookie", "; ".join(f"{k}={v}" for k, v in jar.items()))])
                jar.update(each.split(";")[0].split("=") for each in response.all("set-cookie"))
                seen[response.body] += 1
        self.assertEqual(sorted(seen.values()), [10, 10])

    def test_off_by_default(self):
        self.start()
        self.assertEqual(get(self.proxy.port).all("set-cookie"), [])


class Check(E2eTest):
    def test_check_tells_of_it(self):
        spec = spec_of(
            port_of(["http://a:1"], 8080, loadbalance="hash", hashKey="cookie:sid", hashBalanceFactor=150, sticky=True)
        )
        with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
            json.dump(spec, file)
            file.flush()
            _, text, _ = run_command("check", file.name)
            _, told, _ = run_command("check", "--json", file.name)
        self.assertIn("a target by cookie:sid up to 150 % of its share, sticky by cookie evenkeel-8080", text)
        told = json.loads(told)["ports"][0]
        self.assertEqual(told["hash_balance_factor"], 150)
        self.assertEqual(told["http"], {"hash_key": "cookie:sid", "sticky": {"cookie": "evenkeel-8080", "max_age_s": 0}})


if __name__ == "__main__":
    main()
