#!/usr/bin/env python3
"""Each broken toy is caught by the case that names its fault, and the toy without a fault passes that case.

    run.py CONFORMANCE            both tables, one line each
"""
import pathlib
import re
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
PYTHON = "/usr/bin/python3"  # Debian's, which has h2

SERVER = {  # fault: the case that catches it
    "content-type": "classic/handshake/content-type",
    "port-text": "classic/handshake/new",
    "taken": "classic/handshake/taken",
    "upper-case": "classic/name/upper-case",
    "no-host": "classic/pages/no-host",
    "unknown-host": "classic/pages/unknown-host",
    "storm": "classic/pool/11th-socket",
    "silent-death": "classic/pool/death-before-answer",
    "waits-for-ever": "classic/waiting/timed",
    "path": "classic/request/path",
    "lost-chunk": "classic/request/chunks-7",
    "status": "classic/answer/status",
    "one-cookie": "classic/answer/fields",
    "early-pipe": "classic/upgrade/before-101",
    "early-lost": "classic/upgrade/early-visitor",
}
AGENT = {
    "any-name": "client-mux/stream/other-name",
    "no-credit": "client-mux/flow/after-resets",
    "fin-ends-both": "client-mux/end/broker-fin",
    "no-resume": "client-mux/life/resume-closed",
    "padded-token": "client-mux/life/resume-reset",
    "asks-on": "client-mux/refused/name-taken",
    "impatient": "client-mux/refused/rate",
    "no-drain": "client-mux/life/drain",
    "any-length": "client-mux/control/oversize",
    "says-200": "client-mux/stream/refused",
    "no-hello": "client-mux/start/hello",
    "hurried": "client-mux/fallback/late",
    "ends-at-502": "client-mux/fallback/no-end-502",
}


def server(program, fault, cases):
    toy = subprocess.Popen([PYTHON, HERE / "toy_server.py", "0", "--fault", fault], stdout=subprocess.PIPE, text=True)
    try:
        port = toy.stdout.readline().split()[-1]
        return subprocess.run([program, "server", "--host", f"http://127.0.0.1:{port}", "--domain", "localhost",
                               "--waiting", "6", "--only", *cases], stdout=subprocess.PIPE, text=True, timeout=120)
    finally:
        toy.kill()
        toy.wait()


def agent(program, fault, cases):
    command = f"{PYTHON} {HERE / 'toy_agent.py'} {fault} {{port}} --host {{host}}"
    return subprocess.run([program, "client", "--mux", "--command", command, "--only", *cases],
                          stdout=subprocess.PIPE, text=True, timeout=120)


def main():
    program, wrong = sys.argv[1], 0

    def check(what, good, run):
        nonlocal wrong
        print("ok  " if good else "FAIL", what, "" if good else "\n" + run.stdout, flush=True)
        wrong += not good

    for kind, table, good in ((server, SERVER, ""), (agent, AGENT, "none")):
        run = kind(program, good, sorted(set(table.values())))
        check(f"the toy {kind.__name__} without a fault passes", run.returncode == 0, run)
        for fault, case in table.items():
            run = kind(program, fault, [case])
            caught = run.returncode == 1 and re.search(rf"^FAIL  {case} ", run.stdout, re.M) is not None
            check(f"{fault}: caught by {case}", caught, run)
    print(f"{len(SERVER) + len(AGENT) + 2 - wrong} passed, {wrong} failed")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
