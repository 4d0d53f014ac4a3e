#!/usr/bin/env python3
"""Holds the core to its budget: instructions (as callgrind counts them) and allocations of the paths in guard_core. Counts,
not times: the same on a slow machine and on a busy one.

    guard.py PROGRAM [--budget FILE] [--update]

Exit code 77: nothing was over budget, but instructions could not be counted here; the reason is printed.
"""
import argparse
import json
import math
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
SKIPPED = 77
# libc picks its memchr and memcpy by the processor: without the newest ones, one machine counts like another.
PLAIN_LIBC = "glibc.cpu.hwcaps=-AVX512F,-AVX512VL,-AVX512BW,-AVX2,-AVX,-ERMS,-FSRM"


def run_counted(program, case, count):
    """What guard_core says of itself."""
    run = subprocess.run([program, case, str(count)], capture_output=True, text=True, check=True)
    return json.loads(run.stdout)


def instructions(program, case, count):
    """Of the measured part, each time."""
    with tempfile.TemporaryDirectory() as folder:
        out = pathlib.Path(folder) / "callgrind"
        run = subprocess.run(["valgrind", "--tool=callgrind", "--collect-atstart=no", "--toggle-collect=measured_part",
                              f"--callgrind-out-file={out}", program, case, str(count)],
                             env={**os.environ, "GLIBC_TUNABLES": PLAIN_LIBC}, capture_output=True, text=True)
        if run.returncode:
            raise SystemExit(f"valgrind ended with {run.returncode}:\n{run.stderr}")
        total = int(re.search(r"^summary: (\d+)", out.read_text(), re.MULTILINE)[1])
        if total == 0:
            raise SystemExit("callgrind saw nothing of measured_part")
        return total / count


def over(value, budget, slack):
    return value > budget * (1 + slack) + 1e-9


def check(program, budget, update, count_instructions):
    """Prints a line a figure; returns how many are over budget."""
    bad = 0
    counted = {}
    for name, held in budget["cases"].items():
        told = run_counted(program, name, held["count"])
        found = {"allocations": told["allocations"] / held["count"], "new": told["new"] / held["count"]}
        if "heap_growth" in held:
            found["heap_growth"] = told["heap_growth"]
        if count_instructions:
            found["instructions"] = round(instructions(program, name, held.get("counted", held["count"])))
        for key, value in found.items():
            if update and key != "heap_growth":
                # Never below what was found.
                held[key] = value if isinstance(value, int) else math.ceil(value * 1000) / 1000
            slack = 0 if key in ("new", "heap_growth") else budget["slack"]
            verdict = "OVER BUDGET" if over(value, held[key], slack) else "ok"
            if verdict == "ok" and key == "instructions" and value < held[key] * (1 - slack):
                verdict = "ok, and the budget can come down (--update)"
            bad += verdict == "OVER BUDGET"
            print(f"{name:<10} {key:<13} {value:>12,.3f}   budget {held[key]:>12,.3f}   {verdict}", flush=True)
        counted[name] = found.get("instructions")
        if "share" in held and counted[name]:
            # The metrics have the rest of the 3 % that both may cost a request: they are never off.
            share = counted[name] / counted[held["of"]] - 1
            verdict = "OVER BUDGET" if share > held["share"] else "ok"
            bad += verdict != "ok"
            print(f"{name:<10} {'share':<13} {share:>12,.4f}   budget {held['share']:>12,.4f}   {verdict}", flush=True)
    return bad


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("program", type=pathlib.Path)
    parser.add_argument("--budget", type=pathlib.Path, default=HERE / "budget.json")
    parser.add_argument("--update", action="store_true", help="write what is measured into the budget")
    options = parser.parse_args()
    budget = json.loads(options.budget.read_text())
    compiler = run_counted(options.program, "heads", 1)["compiler"]

    reason = None
    if not shutil.which("valgrind"):
        reason = "no valgrind on PATH"
    elif compiler.split(".")[0] != budget["compiler"].split(".")[0] and not options.update:
        reason = f"compiled by {compiler}, and the budget was made with {budget['compiler']}"
    bad = check(options.program, budget, options.update, reason is None)
    if options.update:
        options.budget.write_text(json.dumps({**budget, "compiler": compiler}, indent=2) + "\n")
    if bad:
        print(f"{bad} figures are over budget. Who allocates: {options.program} CASE COUNT sites. Who computes: valgrind "
              f"--tool=callgrind --collect-atstart=no --toggle-collect=measured_part {options.program} CASE COUNT, then callgrind_annotate")
        return 1
    if reason:
        print(f"skipped: instructions are not counted: {reason}")
        return SKIPPED
    return 0


if __name__ == "__main__":
    sys.exit(main())
