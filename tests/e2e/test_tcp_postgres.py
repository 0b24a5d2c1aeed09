"""PostgreSQL behind a tcp port: active and passive, and sessions that idle."""

import shutil
import socket
import time

import harness
from harness import FAST_CHECKS, E2eTest, Proxy, port_of, spec_of
from real_servers import Postgres, Psql

ROWS = 2_000
KEEPALIVE_TIMER = "02"  # of /proc/net/tcp; 00 is none


def keepalive_timers(port):
    """One for each established socket from or to this local port: is a timer of keepalive running?"""
    wanted = f":{port:04X}"
    with open("/proc/net/tcp", encoding="ascii") as table:
        rows = [line.split() for line in table.readlines()[1:]]
    return [row[5][:2] == KEEPALIVE_TIMER for row in rows if row[3] == "01" and row[1].endswith(wanted)], \
           [row[5][:2] == KEEPALIVE_TIMER for row in rows if row[3] == "01" and row[2].endswith(wanted)]


class PostgresTest(E2eTest):
    @classmethod
    def setUpClass(cls):
        cls.template = Postgres.init()
        cls.addClassCleanup(shutil.rmtree, cls.template)

    def start(self, count, **options):
        self.servers = [self.using(Postgres(f"{self.template}/data")) for _ in range(count)]
        options = {"loadbalance": "first", "health": FAST_CHECKS, "accessLog": True, **options}
        self.proxy = self.using(Proxy(spec_of(port_of(self.servers, key="tcp", **options)), workers=2))
        if options["health"]:
            self.proxy.wait_up(*self.servers)
        return self.servers

    def session(self):
        return self.using(Psql(self.proxy.port))

    def server_of_a_new_session(self):
        with Psql(self.proxy.port) as session:
            return session.server()


class Failover(PostgresTest):
    def test_what_one_session_writes_another_reads(self):
        primary, _ = self.start(2)
        writer, reader = self.session(), self.session()
        self.assertEqual((writer.server(), reader.server()), (primary.port, primary.port))
        writer.ask("create table t (id int, text text); "
                   f"insert into t select n, repeat(md5(n::text), 100) from generate_series(1, {ROWS}) n; select 1")
        whole = "select md5(string_agg(text, '' order by id)) || count(*) from t"
        with Psql(primary.port) as direct:
            want = direct.ask(whole)
        self.assertTrue(want.endswith(str(ROWS)))
        self.assertEqual(reader.ask(whole), want)
        # The whole of it through the port as well: 6 MB in one answer.
        text = reader.ask("select string_agg(text, '' order by id) from t")
        self.assertEqual(len(text), ROWS * 3_200)
        self.assertEqual(reader.ask("select string_agg(text, '' order by id) from t"), text)

    def test_the_second_takes_over_from_a_killed_primary_and_keeps_its_sessions(self):
        primary, second = self.start(2)
        lost = self.session()
        self.assertEqual(lost.server(), primary.port)

        primary.kill()
        killed = time.monotonic()
        self.proxy.wait_event("target_down", target=primary.url)
        self.assertLess(time.monotonic() - killed, 3 * 0.1 + 1)
        self.assertEqual(lost.ask("select 1"), "")

        kept = self.session()
        self.assertEqual(kept.server(), second.port)
        kept.ask("create temp table mine as select 7 as seven; select 1")
        for _ in range(5):
            self.assertEqual(self.server_of_a_new_session(), second.port)

        primary.start()
        self.proxy.wait_event("target_up", 2, target=primary.url)
        self.assertEqual(self.server_of_a_new_session(), primary.port)
        self.assertEqual(kept.server(), second.port)
        self.assertEqual(kept.ask("select seven from mine"), "7")  # the very session, not one like it

    def test_with_no_server_left_a_client_sees_a_closed_port(self):
        primary, = self.start(1)
        primary.kill()
        self.proxy.wait_event("target_down", target=primary.url)
        # The RST may come before connect() has returned, which then says so.
        with self.assertRaises(ConnectionResetError):
            with socket.create_connection(("127.0.0.1", self.proxy.port), timeout=20) as client:
                client.recv(1)

    def test_a_refused_connect_goes_on_to_the_second_without_any_check(self):
        primary, second = self.start(2, health=False)
        self.assertEqual(self.server_of_a_new_session(), primary.port)
        primary.kill()
        for _ in range(3):
            self.assertEqual(self.server_of_a_new_session(), second.port)


class Idle(PostgresTest):
    KEEPALIVE = {"after": "1s", "interval": "1s", "probes": 2}

    def test_never_idle_out_outlives_several_rounds_of_keepalive(self):
        server, = self.start(1, timeouts={"idle": "0s"}, keepAlive=self.KEEPALIVE, health=False)
        session = self.session()
        session.ask("create temp table mine as select 7 as seven; select 1")
        # Ten minutes in little: idle for longer than keepalive lets a dead peer be (1 s + 2 * 1 s).
        time.sleep(5)
        here, _ = keepalive_timers(self.proxy.port)
        _, there = keepalive_timers(server.port)
        self.assertEqual((here, there), ([True], [True]), "keepalive on both sides of the proxy")
        self.assertEqual(session.ask("select seven from mine"), "7")
        self.assertEqual(session.server(), server.port)

    def test_without_keepalive_no_probes_are_sent(self):
        server, = self.start(1, keepAlive=False, health=False)
        session = self.session()
        session.server()
        here, _ = keepalive_timers(self.proxy.port)
        _, there = keepalive_timers(server.port)
        self.assertEqual((here, there), ([False], [False]))

    def test_a_session_that_idles_for_too_long_is_cut_on_both_sides(self):
        server, = self.start(1, timeouts={"idle": "1s"})
        session = self.session()
        begun = time.monotonic()
        while time.monotonic() - begun < 2.5:  # work keeps it
            self.assertEqual(session.server(), server.port)
            time.sleep(0.4)
        worked = time.monotonic()
        with Psql(server.port) as direct:
            others = "select count(*) from pg_stat_activity where backend_type = 'client backend'"
            self.assertEqual(direct.ask(others), "2")
            self.eventually(lambda: direct.ask(others) == "1", "the server sees the end of the session")
        self.assertGreater(time.monotonic() - worked, 0.5)
        self.assertLess(time.monotonic() - worked, 3)
        self.assertEqual(session.ask("select 1"), "")
        self.assertEqual(session.process.wait(20), 2)  # what psql says of a lost connection
        self.eventually(self.proxy.access, "an access-log line of the session")


if __name__ == "__main__":
    harness.main()
