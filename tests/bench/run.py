#!/usr/bin/env python3
"""./dev bench: Tenfold and its peers on this machine, in one run, side by side.

    run.py --bin DIR [--quick] [--only CASE…] [--rounds N] [--json FILE] [--publish]

Every case goes round: one measurement of each subject in turn, the next round from another start. What is printed at the
end are medians and spreads.
"""
import argparse
import contextlib
import datetime
import json
import os
import pathlib
import platform
import resource
import shutil
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
SETTLE = 0.2  # seconds between two measurements


class Parser(argparse.ArgumentParser):
    def error(self, message):
        self.exit(2, f"dev: bench: {message} (./dev bench --help)\n")


def arguments():
    parser = Parser(prog="./dev bench", description="Tenfold and its peers, side by side.")
    parser.add_argument("--quick", action="store_true", help="about two minutes: fewer rounds, shorter ones")
    parser.add_argument("--only", nargs="+", metavar="CASE", help="cases whose name starts so")
    parser.add_argument("--list", action="store_true", help="the cases' names")
    parser.add_argument("--ways", nargs="+", metavar="WAY", help="direct mux classic haproxy ssh localtunnel frp rathole chisel: instead of all")
    parser.add_argument("--rounds", type=int, help="instead of each case's own number, where that is not 1")
    parser.add_argument("--json", metavar="FILE", help="all measurements")
    parser.add_argument("--publish", action="store_true", help="write the figures into docs/")
    parser.add_argument("--check", action="store_true", help=argparse.SUPPRESS)  # the arguments, and nothing else
    parser.add_argument("--bin", type=pathlib.Path, default=ROOT / "build/release/bin", help=argparse.SUPPRESS)
    parser.add_argument("--npm", type=pathlib.Path, default=ROOT / "build/npm", help=argparse.SUPPRESS)
    return parser.parse_args()


OPTIONS = arguments()
os.environ["TENFOLD_BIN"], os.environ["TENFOLD_NPM"] = str(OPTIONS.bin), str(OPTIONS.npm)

import cases  # noqa: E402  these read the environment
import chart  # noqa: E402
import figures  # noqa: E402
import memory  # noqa: E402
import replica_cases  # noqa: E402
import report  # noqa: E402
import ways as ways_module  # noqa: E402
from subjects import Tree  # noqa: E402

CASES = cases.ALL + replica_cases.ALL  # those of replicas run where they are named


class Bench:
    """What the cases share: the site, the standing ways, and how to have more of them."""

    def __init__(self, options, folder):
        self.quick, self.folder = options.quick, folder
        self.domain = ways_module.harness.DOMAIN
        files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        self.most_visitors = files // 2 - 256
        self.most_links = files - 256
        self.kinds = self._choose(options.ways)
        self.authority = ways_module.harness.Authority(folder / "ca")
        self.site = ways_module.Site(folder / "site", self.authority)
        self._ways = ways_module.Ways(self.site, folder, self.authority)
        self._standing, self.refused = None, {}

    @staticmethod
    def _choose(wanted):
        chosen = []
        for kind in ways_module.NEEDS:
            lacking = ways_module.missing(kind)
            if wanted and kind not in wanted:
                continue
            if lacking:
                say(f"without {kind}: no {', '.join(lacking)} on PATH")
            else:
                chosen.append(kind)
        return chosen

    def ways(self):
        """The standing ways, started at the first call."""
        if self._standing is None:
            self._standing = []
            for kind in self.kinds:
                say(f"starting {kind}")
                self._standing.append(getattr(self._ways, kind)())
        return self._standing

    @contextlib.contextmanager
    def new_ways(self):
        folder = pathlib.Path(tempfile.mkdtemp(dir=self.folder))
        ways = ways_module.Ways(self.site, folder, self.authority)
        try:
            yield ways
        finally:
            ways.close()

    def fleet(self, ways, links, names, broker=None, token=None):
        """A broker with so many links and so many tunnels on each, and the program that holds them."""
        broker = broker or ways.broker()
        program = ways_module.harness.BIN / "bench_many_links"
        fleet = ways.start(ways_module.harness.Process("many_links", [program, "127.0.0.1", broker.https_port, broker.ca,
                                                                      links, names, 1024, *([token] if token else [])]))
        fleet.wait_line("ready", 120)
        return broker, fleet

    def relay(self, ways, port, delay_ms, rate):
        """The port of a path to `port`."""
        program = ways_module.harness.BIN / "bench_relay"
        relay = ways.start(ways_module.harness.Process("relay", [program, "127.0.0.1", port, delay_ms, rate]))
        return int(relay.wait_line("port ").split()[1])

    @staticmethod
    def tree(*processes):
        return Tree(*processes)

    def micro_subjects(self):
        return memory.subjects(ways_module.harness.BIN, say)

    @staticmethod
    def cancelled_subject():
        return memory.cancelled_subject(ways_module.harness.BIN)

    def close(self):
        self._ways.close()
        self.site.stop()


def say(text):
    print(f"  {text}", file=sys.stderr, flush=True)


def say_wrong(text):
    sys.exit(print(f"dev: bench: {text}", file=sys.stderr) or 2)


def brief(case, found):
    """The first figures of a measurement, for the progress line."""
    return ", ".join(f"{figures.COLUMNS[key].text(found[key])} {figures.COLUMNS[key].heading}" for key in case.columns[:3]
                     if found.get(key) is not None)


def run_case(case, rounds):
    table = figures.Table(case)
    with case.subjects() as subjects:
        table.rows = [figures.Row(subject) for subject in subjects]
        pairs = list(zip(subjects, table.rows))
        for turn in range(rounds):
            # Each round begins with another subject, so that nobody is always behind the same one.
            start = turn % max(1, len(pairs))
            for subject, row in pairs[start:] + pairs[:start]:
                if row.failed:
                    continue
                time.sleep(SETTLE)
                try:
                    found = case.measure(subject)
                except (OSError, RuntimeError, AssertionError, subprocess.SubprocessError) as error:
                    row.failed = str(error).splitlines()[0]
                    say(f"{case.name} {turn + 1}/{rounds} {row.label}: failed: {row.failed}")
                    continue
                row.rounds.append({key: value for key, value in found.items() if value is not None})
                say(f"{case.name} {turn + 1}/{rounds} {row.label}: {brief(case, found)}")
    return table


def about(options):
    model = next((line.partition(":")[2].strip() for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines()
                  if line.startswith("model name")), platform.machine())
    load = os.getloadavg()[0]
    cores, date = len(os.sched_getaffinity(0)), datetime.date.today().isoformat()
    return {"date": date, "quick": options.quick, "cpu": model, "cores": cores, "kernel": platform.release(), "load_before": load,
            "line": f"{date}, {cores} cores of {model}, Linux {platform.release()}, load before the run {load:.1f}"
                    + (", a quick run" if options.quick else "")}


def publish(tables, facts):
    page = ROOT / "docs/BENCHMARKS.md"
    page.write_text(report.publish(page.read_text(), tables, facts))
    drawing = chart.draw(tables, facts["line"])
    if drawing:
        (ROOT / "docs/bench.svg").write_text(drawing)


def main():
    if OPTIONS.list:
        print("\n".join(f"{case.name:<20}{case.title}" for case in CASES))
        return 0
    for name in OPTIONS.only or ():
        if not any(case.name.startswith(name) for case in CASES):
            say_wrong(f"no case {name} (./dev bench --list)")
    for kind in OPTIONS.ways or ():
        if kind not in ways_module.NEEDS:
            say_wrong(f"no way {kind} (there are {', '.join(ways_module.NEEDS)})")
    if OPTIONS.check:
        return 0
    wanted = cases.ALL
    if OPTIONS.only:
        wanted = [case for case in CASES if any(case.name.startswith(name) for name in OPTIONS.only)]
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    facts, begin, tables = about(OPTIONS), time.monotonic(), {}
    folder = pathlib.Path(tempfile.mkdtemp(prefix="tenfold-bench-"))
    bench = None
    try:
        bench = Bench(OPTIONS, folder)
        for kind in wanted:
            case = kind(bench)
            tables[case.name] = run_case(case, case.how_often if case.rounds == 1 else OPTIONS.rounds or case.how_often)
    finally:
        if bench:
            bench.close()
        shutil.rmtree(folder, ignore_errors=True)
    print(facts["line"])
    for table in tables.values():
        print("\n" + report.as_text(table))
    print("\n" + report.targets_as_text(tables))
    say(f"all of it took {time.monotonic() - begin:.0f} s")
    if OPTIONS.json:
        pathlib.Path(OPTIONS.json).write_text(json.dumps(figures.as_json(tables, facts), indent=1) + "\n")
    if OPTIONS.publish:
        publish(tables, facts)
    # A peer that fails is a finding, not a fault of the run.
    return 1 if any(row.failed and row.kind in ("mux", "classic") for t in tables.values() for row in t.rows) else 0


if __name__ == "__main__":
    sys.exit(main())
