#!/usr/bin/env python3
"""A target that cannot be tested is one clear line and exit 2 within 10 s, and nothing is left running.

    unusable.py CONFORMANCE
"""
import pathlib
import socket
import subprocess
import sys
import tempfile
import threading
import time

program = sys.argv[1]


def listener(talk):
    server = socket.create_server(("127.0.0.1", 0))

    def accept():
        while True:
            talk(server.accept()[0])
    threading.Thread(target=accept, daemon=True).start()
    return server.getsockname()[1]


HELD = []
DOWN = socket.create_server(("127.0.0.1", 0))
down = DOWN.getsockname()[1]
DOWN.close()
hangs = listener(HELD.append)
tls = listener(lambda sock: (sock.recv(1000), sock.sendall(b"\x15\x03\x01\x00\x02\x02\x46"), sock.close()))
plain = listener(lambda sock: (sock.recv(1000), sock.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n"), sock.close()))
folder = pathlib.Path(tempfile.mkdtemp())
left, known = folder / "pid", folder / "known"
known.write_text("edge/nul perhaps\n")

TRIES = [
    ("a server that is down", ["server", "--host", f"http://127.0.0.1:{down}"], "refused"),
    ("a server that hangs", ["server", "--host", f"http://127.0.0.1:{hangs}"], "does not answer"),
    ("a TLS server by http://", ["server", "--host", f"http://127.0.0.1:{tls}"], "https://"),
    ("a plain server by https://", ["server", "--host", f"https://127.0.0.1:{plain}"], "TLS"),
    ("a URL that is none", ["server", "--host", "127.0.0.1:80"], "--host 127.0.0.1:80"),
    ("an id that is none", ["server", "--host", f"http://127.0.0.1:{plain}", "--only", "no/such"], "--list"),
    ("a command that ends", ["client", "--command", "sh -c 'echo broken {port} {host}; exit 7'"], "7"),
    ("a command that is not there", ["client", "--command", "/no/such {port} {host}"], "127"),
    ("a command that asks nothing", ["client", "--command", f"sh -c 'sleep 600 & echo $! > {left}; wait # {{port}} {{host}}'"], "8 s"),
    ("a server's command that ends", ["server", "--command", "sh -c 'echo no; exit 3 # {port}'"], "no"),
    ("neither a server nor its command", ["server"], "--host"),
    ("a command that speaks TLS", ["client", "--command", "sh -c 'u={host}; openssl s_client -connect ${u#http://} # {port}'"], "TLS"),
    ("a report of no such form", ["server", "--host", f"http://127.0.0.1:{plain}", "--report", "pdf", "x"], "junit"),
    ("a report that cannot be written", ["server", "--host", f"http://127.0.0.1:{plain}", "--report", "junit", "/no/such/x"], "/no/such/x"),
    ("a list of known failures that says something else", ["server", "--host", f"http://127.0.0.1:{plain}", "--known", known],
     "edge/nul perhaps"),
    ("an option that is none", ["server", "--no-such"], "--no-such"),
    ("no word of what to do", [], "subcommand"),
    ("a command without {host}", ["client", "--command", "true {port}"], "{host}"),
]
wrong = 0
for what, arguments, says in TRIES:
    start = time.monotonic()
    run = subprocess.run([program, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=60)
    took = time.monotonic() - start
    good = run.returncode == 2 and says in run.stderr and run.stderr.count("\n") == 1 and took < 10
    print("ok  " if good else "FAIL", what, "" if good else f"exit {run.returncode} after {took:.1f} s: {run.stderr!r}")
    wrong += not good
status = pathlib.Path("/proc") / left.read_text().strip() / "status"
# A dead process that nobody has asked after yet is none.
orphan = status.exists() and "State:\tZ" not in status.read_text()
print("FAIL an orphan" if orphan else "ok   no orphan")
wrong += orphan
print(f"{len(TRIES) + 1 - wrong} passed, {wrong} failed")
sys.exit(1 if wrong else 0)
