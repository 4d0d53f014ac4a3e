#!/usr/bin/env python3
"""The whole suite against our broker, plain and over TLS with tokens, and against our agent, classic and by link.

    ours.py CONFORMANCE BROKER AGENT

No case may fail, no should either. A case that one run skips is run by another.
"""
import pathlib
import re
import socket
import subprocess
import sys
import tempfile
import time

program, broker, agent = sys.argv[1:4]
if not pathlib.Path(program).exists():
    print(f"skipped: {program} is not there: build the release first")
    sys.exit(77)
TOTAL = [0, 0]


def suite(what, *arguments):
    start = time.monotonic()
    run = subprocess.run([program, *arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    counts = re.search(r"(\d+) passed, (\d+) failed, \d+ skipped", run.stdout)
    passed, failed = map(int, counts.groups()) if counts else (0, 1)
    TOTAL[0] += passed
    TOTAL[1] += failed
    print(f"{what}: {passed} passed, {failed} failed in {time.monotonic() - start:.0f} s", flush=True)
    if failed:
        print("\n".join(line for line in run.stdout.splitlines() if not line.startswith(("ok ", "skip "))))


def over_tls(folder):
    key, cert, tokens = folder / "key.pem", folder / "cert.pem", folder / "tokens"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
                    "-keyout", key, "-out", cert, "-subj", "/CN=tunnel.test", "-addext",
                    "subjectAltName=DNS:tunnel.test,DNS:*.tunnel.test"], check=True, stderr=subprocess.DEVNULL)
    tokens.write_text("a-token-of-the-suite\n")
    tokens.chmod(0o600)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    server = subprocess.Popen([broker, "--https", f"127.0.0.1:{port}", "--domain", "tunnel.test", "--tls-cert", cert,
                               "--tls-key", key, "--token-file", tokens, "--warmup", "0", "--unpaced", "--log-level", "error"])
    try:
        for _ in range(200):
            if socket.socket().connect_ex(("127.0.0.1", port)) == 0:
                break
            time.sleep(0.05)
        suite("the broker over TLS, with tokens", "server", "--host", f"https://127.0.0.1:{port}", "--domain", "tunnel.test",
              "--ca", cert, "--token", "a-token-of-the-suite", "--mux")
    finally:
        server.terminate()
        server.wait()


suite("the broker", "server", "--mux", "--command",
      f"'{broker}' --http 127.0.0.1:{{port}} --domain {{domain}} --max-conn {{max_conn}} --warmup 0 --unpaced --log-level warn")
with tempfile.TemporaryDirectory() as made:
    over_tls(pathlib.Path(made))
suite("the agent, classic", "client", "--command", f"'{agent}' expose {{port}} --host {{host}}")
suite("the agent by link", "client", "--mux", "--command", f"'{agent}' expose {{port}} --host {{host}} --mux")
print(f"test cases: {sum(TOTAL)} | {TOTAL[0]} passed | {TOTAL[1]} failed | 0 skipped")
sys.exit(1 if TOTAL[1] or not TOTAL[0] else 0)
