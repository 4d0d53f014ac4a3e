#!/usr/bin/env python3
"""Runs the end-to-end tests: one process a class, several at once, each in a process group of its own that is ended as
a whole, with a limit in time. Prints one line a test and, for one that failed, all that its programs said.

    run.py [PATTERN…]    only the tests whose full name contains one of the patterns
"""
import argparse
import concurrent.futures
import importlib
import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time
import unittest
import xml.etree.ElementTree as ElementTree

HERE = pathlib.Path(__file__).resolve().parent
CLASS_SECONDS = 240  # for a whole class without `seconds` of its own; only a hang gets there


def classes():
    """Every test class with at least one test, by module.Class."""
    import harness

    for file in sorted(HERE.glob("test_*.py")):
        module = importlib.import_module(file.stem)
        for name, value in vars(module).items():
            if isinstance(value, type) and issubclass(value, harness.E2E) and value.__module__ == module.__name__:
                if unittest.defaultTestLoader.getTestCaseNames(value):
                    yield f"{file.stem}.{name}", value


# ---- In the process of one class --------------------------------------------


class Recorder(unittest.TestResult):
    """One JSON line a test, on the spot, to a file where nobody else writes."""

    def __init__(self, file):
        super().__init__()
        self.file = file

    def startTest(self, test):
        super().startTest(test)
        self.begin, self.reported = time.monotonic(), False

    def report(self, test, outcome, detail=""):
        self.reported = True
        case = getattr(test, "test_case", test)  # of a subtest
        name = getattr(case, "_testMethodName", None) or str(test)
        if case is not test:
            name += " " + test._subDescription()
        seconds = time.monotonic() - getattr(self, "begin", time.monotonic())
        print(json.dumps({"test": name, "outcome": outcome, "seconds": seconds, "detail": detail}), file=self.file, flush=True)

    def failed(self, test, error):
        import harness

        said = "\n".join(process.tail() for process in harness.Process.running)
        self.report(test, "failed", self._exc_info_to_string(error, test) + said)

    def addSuccess(self, test):
        super().addSuccess(test)
        self.report(test, "passed", getattr(test, "measured", ""))  # a figure that a reader of the run wants to see

    def addError(self, test, err):
        super().addError(test, err)
        self.failed(test, err)

    def addFailure(self, test, err):
        super().addFailure(test, err)
        self.failed(test, err)

    def addSubTest(self, test, subtest, err):
        super().addSubTest(test, subtest, err)
        if err:
            self.failed(subtest, err)

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        self.report(test, "skipped", reason)


def run_class(full_name, patterns, report):
    module, _, name = full_name.partition(".")
    value = getattr(importlib.import_module(module), name)
    with os.fdopen(report, "w") as file:
        result = Recorder(file)
        unittest.TestSuite([value(test) for test in tests_of(full_name, value, patterns)]).run(result)
    return 0 if result.wasSuccessful() else 1


# ---- In the process that starts them ------------------------------------------


def matches(name, patterns):
    return not patterns or any(pattern in name for pattern in patterns)


def tests_of(full_name, value, patterns):
    return [t for t in unittest.defaultTestLoader.getTestCaseNames(value) if matches(f"{full_name}.{t}", patterns)]


def in_process(full_name, tests, args, seconds):
    """The outcomes of one class, as dicts."""
    with tempfile.TemporaryFile("w+") as report:
        trouble, code, said = run_in_process(full_name, args, report, seconds)
        report.seek(0)
        outcomes = [json.loads(line) for line in report if line.endswith("\n")]
    heard_of = {outcome["test"].partition(" ")[0] for outcome in outcomes}
    if not trouble and "setUpClass" not in heard_of and (lost := set(tests) - heard_of):
        trouble = f"nothing came of {', '.join(sorted(lost))}"
    if not trouble and code != 0 and not any(outcome["outcome"] == "failed" for outcome in outcomes):
        trouble = f"ended with {code}"
    if trouble:
        outcomes.append({"test": "(the class itself)", "outcome": "failed", "seconds": 0, "detail": f"{trouble}\n{said}"})
    for outcome in outcomes:
        outcome["class"] = full_name
    return outcomes


def run_in_process(full_name, args, report, seconds):
    """What went wrong with it as a whole, its exit code, and what it printed."""
    command = [sys.executable, str(HERE / "run.py"), "--class", full_name, "--report", str(report.fileno()), *args.patterns]
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                               start_new_session=True, pass_fds=[report.fileno()])
    try:
        output, _ = process.communicate(timeout=seconds)
        trouble = None
    except subprocess.TimeoutExpired:
        trouble = f"still running after {seconds} s"
    finally:
        # Whatever a test left behind ends with its group.
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
    if trouble:
        output, _ = process.communicate()
    return trouble, process.returncode, output.decode("utf-8", "replace")


def show(outcome):
    seconds = f" ({outcome['seconds']:.1f} s)" if outcome["seconds"] >= 1 else ""
    reason = f": {outcome['detail']}" if outcome["detail"] and outcome["outcome"] != "failed" else ""
    print(f"  {outcome['outcome']:7} {outcome['class']} {outcome['test']}{seconds}{reason}")
    if outcome["outcome"] == "failed":
        print("\n".join("      " + line for line in outcome["detail"].splitlines()))
    sys.stdout.flush()


def write_junit(file, outcomes):
    suite = ElementTree.Element("testsuite", name="e2e")
    for outcome in outcomes:
        case = ElementTree.SubElement(suite, "testcase", classname=outcome["class"], name=outcome["test"],
                                      time=f"{outcome['seconds']:.3f}")
        if outcome["outcome"] != "passed":
            kind = "failure" if outcome["outcome"] == "failed" else "skipped"
            printable = "".join(c for c in outcome["detail"] if c >= " " or c in "\n\t")
            ElementTree.SubElement(case, kind, message=printable.splitlines()[0] if printable else "").text = printable
    file.parent.mkdir(parents=True, exist_ok=True)
    ElementTree.ElementTree(suite).write(file, encoding="utf-8", xml_declaration=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--bin", type=pathlib.Path, help="the folder of broker and agent")
    parser.add_argument("--npm", type=pathlib.Path, help="the folder with node_modules")
    parser.add_argument("--work", type=pathlib.Path, help="a folder for what tests write")
    parser.add_argument("--junit", type=pathlib.Path)
    parser.add_argument("--short", action="store_true", help="only the classes of the short form")
    parser.add_argument("--jobs", type=int, default=2 * (os.cpu_count() or 1))
    parser.add_argument("--class", dest="one_class", help=argparse.SUPPRESS)
    parser.add_argument("--report", type=int, default=1, help=argparse.SUPPRESS)
    parser.add_argument("--list", action="store_true")
    parser.add_argument("patterns", nargs="*")
    args = parser.parse_args()
    for flag in ("bin", "npm", "work"):
        if getattr(args, flag):
            os.environ[f"TENFOLD_{flag.upper()}"] = str(getattr(args, flag).resolve())
    if args.one_class:
        return run_class(args.one_class, args.patterns, args.report)

    wanted = []
    for name, value in classes():
        tests = tests_of(name, value, args.patterns)
        if tests and (value.short or not args.short):
            wanted.append((getattr(value, "weight", 1), name, tests, getattr(value, "seconds", CLASS_SECONDS)))
            if args.list:
                print("\n".join(f"{name}.{test}" for test in tests))
    if args.list:
        return 0

    outcomes = []
    # The long ones first, so that the end is not one of them alone.
    wanted.sort(key=lambda each: -each[0])
    with concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
        for done in concurrent.futures.as_completed([pool.submit(in_process, name, tests, args, seconds)
                                                        for _, name, tests, seconds in wanted]):
            for outcome in done.result():
                show(outcome)
                outcomes.append(outcome)
    if args.junit:
        write_junit(args.junit, outcomes)
    counts = {kind: sum(o["outcome"] == kind for o in outcomes) for kind in ("passed", "failed", "skipped")}
    print(", ".join(f"{number} {kind}" for kind, number in counts.items()))
    return 1 if counts["failed"] or not counts["passed"] else 0


if __name__ == "__main__":
    sys.exit(main())
