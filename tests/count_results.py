#!/usr/bin/env python3
"""Adds up what several runs of tests left as JUnit files: names what failed and what was skipped, then ends with

    N passed, N failed, N skipped

A program that reports its own cases (doctest, unittest) counts with them; any other counts as one. Exit 1 when
anything failed, or when nothing ran at all."""
import argparse
import pathlib
import re
import sys
import xml.etree.ElementTree as ElementTree

DOCTEST = re.compile(r"test cases:\s*\d+ \|\s*(\d+) passed \|\s*(\d+) failed \|\s*(\d+) skipped")
UNITTEST = re.compile(r"^Ran (\d+) tests? in", re.MULTILINE)


def count(case):
    """(passed, failed, skipped) of one testcase element."""
    if case.find("skipped") is not None or case.get("status") in ("notrun", "disabled"):
        return 0, 0, 1
    bad = case.find("failure") is not None or case.find("error") is not None or case.get("status") == "fail"
    output = case.findtext("system-out") or ""
    doctest, unittest = DOCTEST.findall(output), UNITTEST.findall(output)
    if doctest:
        passed, failed, _ = map(int, doctest[-1])
        return passed, max(failed, int(bad)), 0
    if unittest and not bad:
        return int(unittest[-1]), 0, 0
    return int(not bad), int(bad), 0


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--failed-stages", type=int, default=0, help="stages that failed, a build for one")
    parser.add_argument("files", nargs="*", type=pathlib.Path)
    args = parser.parse_args()

    totals = [0, 0, 0]
    for file in args.files:
        if not file.exists():
            continue
        for case in ElementTree.parse(file).getroot().iter("testcase"):
            counts = count(case)
            totals = [total + number for total, number in zip(totals, counts)]
            name = f"{file.stem}: {case.get('classname', '')} {case.get('name')}".replace("  ", " ")
            if counts[1]:
                print(f"failed: {name}")
            elif counts[2]:
                skipped = case.find("skipped")
                print(f"skipped: {name}: {(skipped.get('message') if skipped is not None else None) or 'not run'}")
    # A stage that broke before it could name a test still fails the whole.
    totals[1] = max(totals[1], args.failed_stages)
    print(f"{totals[0]} passed, {totals[1]} failed, {totals[2]} skipped")
    return 1 if totals[1] or not totals[0] else 0


if __name__ == "__main__":
    sys.exit(main())
