"""The command `simulate`: every example keeps its promises, numbers are the same each time, and mistakes are told."""

import json
import pathlib
import re
import subprocess
import tempfile
from typing import NamedTuple

from harness import BINARY, E2eTest, is_sanitized, main, run_command

EXAMPLES = sorted((pathlib.Path(__file__).parents[2] / "examples" / "scenarios").glob("*.json"))
SMALL = {"name": "small", "duration": "10s", "strategies": ["roundrobin", "leastconn"],
         "targets": [{"name": "web", "count": 2, "service": {"exponential": "10ms"}}], "load": {"rate": 50},
         "events": [{"at": "4s", "kill": "web-1"}, {"at": "6s", "start": "web-1"}], "expect": ["errors == 0"]}


class Done(NamedTuple):
    returncode: int
    stdout: str
    stderr: str


def command(*args, **options):
    return Done(*run_command(*args, **options))


class Simulate(E2eTest):
    def setUp(self):
        self.folder = self.using(tempfile.TemporaryDirectory(prefix="evenkeel-"))

    def write(self, scenario, name="scenario.json"):
        path = f"{self.folder}/{name}"
        with open(path, "w", encoding="utf-8") as file:
            file.write(scenario if isinstance(scenario, str) else json.dumps(scenario))
        return path

    def simulate(self, scenario, *args):
        return command("simulate", self.write(scenario), *args)

    def test_every_example_keeps_its_promises(self):
        self.assertGreaterEqual(len(EXAMPLES), 12)
        for path in EXAMPLES:
            with self.subTest(path.stem):
                strategies = json.loads(path.read_text(encoding="utf-8")).get("strategies", [])
                # One run is enough to see what a sanitizer sees.
                only = ["--strategy", strategies[0]] if is_sanitized() and strategies else []
                done = command("simulate", str(path), *only, limit=200)
                self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_two_runs_are_the_same_to_the_byte_and_another_seed_is_not(self):
        runs = [self.simulate(SMALL, "--json", *more).stdout for more in ((), (), ("--seed", "2"))]
        self.assertEqual(runs[0], runs[1])
        self.assertNotEqual(runs[0], runs[2])
        results = json.loads(runs[0])
        self.assertEqual([run["strategy"] for run in results["runs"]], ["roundrobin", "leastconn"])
        self.assertEqual(results["runs"][0]["total"]["errors"], 0)
        self.assertEqual(len(results["runs"][0]["moments"]), 10)
        self.assertEqual([event["what"] for event in results["events"]], ["kill web-1", "start web-1"])

    def test_the_exit_code_is_what_was_expected(self):
        self.assertEqual(self.simulate(SMALL).returncode, 0)
        failed = self.simulate({**SMALL, "expect": ["p99 < 1ms", "errors == 0"]})
        self.assertEqual(failed.returncode, 1)
        self.assertEqual(len(re.findall(r"^FAILS  p99 < 1ms", failed.stdout, re.M)), 2)
        self.assertEqual(len(re.findall(r"^ok +errors == 0", failed.stdout, re.M)), 2)

    def test_other_strategies_than_the_scenarios(self):
        done = self.simulate({**SMALL, "expect": ["p99 of leastconn < 1ms"]}, "--strategy", "p2c")
        self.assertEqual(done.returncode, 0, done.stdout)
        self.assertIn("p2c", done.stdout)
        self.assertEqual(self.simulate(SMALL, "--strategy", "best").returncode, 2)

    def test_mistakes_are_told_by_their_places(self):
        done = self.simulate({**SMALL, "load": {}, "duraton": "5s", "events": [{"at": "4s", "kill": "wob"}]})
        self.assertEqual(done.returncode, 1)
        self.assertEqual(len(done.stderr.strip().splitlines()), 3, done.stderr)
        for part in ('/load: has neither "rate" nor "clients"', '/duraton: unknown key (did you mean "duration"?)',
                     '/events/0/kill: names the target "wob", which is none (did you mean "web"?)'):
            self.assertIn(part, done.stderr)
        self.assertIn("cannot read the spec", command("simulate", f"{self.folder}/none.json").stderr)

    def test_recorded_times_are_a_file_beside_the_scenario(self):
        self.write("ms,what\n7.5,a\n7.5,b\n", "times.csv")
        scenario = {"targets": [{"name": "a", "service": {"recorded": "times.csv"}}], "load": {"rate": 1, "arrivals": "even"},
                    "expect": ["max == 7.5ms"]}
        done = self.simulate(scenario)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.write("7.5\nfast\n", "times.csv")
        self.assertIn("times.csv, of a, has no time in line 2", self.simulate(scenario).stderr)

    def test_live_is_the_same_scenario_on_real_sockets(self):
        scenario = {**SMALL, "duration": "4s", "load": {"rate": 100}, "strategies": ["roundrobin"],
                    "events": [{"at": "1s", "kill": "web-1"}, {"at": "2s", "start": "web-1"}],
                    "expect": ["errors == 0", "retries > 0", "share(web-1) > 40% between 0s and 1s"]}
        done = self.simulate(scenario, "--live", "--json")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertGreater(json.loads(done.stdout)["runs"][0]["total"]["requests"], 300)
        for protocol in ("tcp", "udp"):
            done = self.simulate({**scenario, "duration": "2s", "protocol": protocol, "events": [], "expect": ["errors == 0"]}, "--live")
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_a_scenario_from_standard_input(self):
        done = subprocess.run([BINARY, "simulate", "-"], input=json.dumps(SMALL), capture_output=True, text=True, timeout=60, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_the_report_is_one_page_that_holds_the_results_and_nothing_from_elsewhere(self):
        path = f"{self.folder}/report.html"
        done = self.simulate({**SMALL, "about": "</script><b>"}, "--report", path)
        self.assertEqual(done.returncode, 0, done.stderr)
        with open(path, encoding="utf-8") as file:
            page = file.read()
        results = re.search(r'<script id="results" type="application/json">(.*?)</script>', page, re.S)[1]
        self.assertEqual(json.loads(results)["about"], "</script><b>")
        self.assertEqual(re.findall(r'(?:src|href)=|https?://(?!www\.w3\.org/2000/svg)', page), [])
        self.assertEqual(self.simulate(SMALL, "--report", f"{self.folder}/no/where.html").returncode, 4)


if __name__ == "__main__":
    main()
