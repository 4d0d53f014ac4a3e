"""Listening sockets that a supervisor holds (LISTEN_FDS): a broker takes them in the place of its own, and one broker
takes over from another without a connection lost."""
import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import unittest

from apps import App
from harness import BIN, DOMAIN, E2E, Agent, Authority, Process, eventually, free_port
from visitor import Visitor

# argv: descriptors with commas between, names, the program and its arguments.
LAUNCH = """
import os, sys
fds = [int(fd) for fd in sys.argv[1].split(",")]
high = [os.dup(os.dup(fd)) for fd in fds]
for at, fd in enumerate(high):
    os.dup2(fd, 3 + at)
os.environ.update(LISTEN_PID=os.environ.get("TEST_PID") or str(os.getpid()), LISTEN_FDS=str(len(fds)))
if sys.argv[2]:
    os.environ["LISTEN_FDNAMES"] = sys.argv[2]
os.execv(sys.argv[3], sys.argv[3:])
"""


def launch(sockets, names, *flags):
    """The command and the descriptors of a broker that inherits these sockets."""
    fds = [each.fileno() for each in sockets]
    args = [sys.executable, "-c", LAUNCH, ",".join(map(str, fds)), names, BIN / "broker", "--domain", DOMAIN, "--log-format", "json",
            *flags]
    return args, fds


class Inherited(E2E):
    short = True

    def broker(self, sockets, names, *flags, env=None):
        args, fds = launch(sockets, names, *flags)
        broker = Process("broker", args, pass_fds=fds, env=env)
        self.addCleanup(broker.stop)
        broker.wait_event("listening")
        return broker

    def listener(self, family=socket.AF_INET, address=("127.0.0.1", 0)):
        listener = socket.create_server(address, family=family, backlog=1024)
        self.addCleanup(listener.close)
        return listener

    def refusal(self, sockets, names, *flags, env=None):
        """The one line of a broker that does not start."""
        args, fds = launch(sockets, names, *flags)
        done = subprocess.run(args, pass_fds=fds, env={**os.environ, **(env or {})}, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=30)
        self.assertEqual(done.returncode, 2, done)
        return done.stderr.strip().splitlines()[-1]

    @staticmethod
    def asks(port, target="/api/status", ca=None, host=DOMAIN):
        with Visitor(port, host, ca=ca) as visitor:
            return visitor.get(target, [("Connection", "close")]).status


class Taking(Inherited):
    def test_named_sockets_are_used_and_nothing_is_bound(self):
        plain, secure = self.listener(), self.listener()
        authority = Authority(self.folder / "ca")
        certificate, key = authority.issue("broker", "IP:127.0.0.1", f"DNS:{DOMAIN}")
        broker = self.broker([secure, plain], "https:http", "--http", "127.0.0.1:1", "--tls-cert", certificate, "--tls-key", key)
        broker.wait_event("listening", kind="https", address="127.0.0.1:%d" % secure.getsockname()[1])
        self.assertEqual(self.asks(plain.getsockname()[1]), 200)
        self.assertEqual(self.asks(secure.getsockname()[1], ca=authority.ca), 200)
        self.assertEqual(broker.listeners(), {listener.getsockname() for listener in (plain, secure)})

    def test_a_reload_knows_them_still(self):
        plain = self.listener()
        broker = self.broker([plain], "http")
        broker.send_signal(signal.SIGHUP)
        self.assertEqual(broker.wait_event("reloaded")["changed"], "nothing")
        self.assertEqual(self.asks(plain.getsockname()[1]), 200)

    def test_a_socket_without_a_name_is_known_by_its_address(self):
        listener, own = self.listener(), free_port()
        port = listener.getsockname()[1]
        broker = self.broker([listener], "", "--http", f"127.0.0.1:{port}", "--http", f"127.0.0.1:{own}")
        broker.wait_event("listening", address=f"127.0.0.1:{own}")
        self.assertEqual((self.asks(port), self.asks(own)), (200, 200))

    def test_sockets_of_another_process_are_none(self):
        listener, own = self.listener(), free_port()
        broker = self.broker([listener], "http", "--http", f"127.0.0.1:{own}", env={"TEST_PID": "1"})
        self.assertEqual(broker.wait_event("listening")["address"], f"127.0.0.1:{own}")
        self.assertEqual(self.asks(own), 200)

    def test_a_unix_socket_s_file_stays(self):
        with tempfile.TemporaryDirectory(prefix="tf-", dir="/tmp") as folder:
            path = f"{folder}/b.sock"
            listener = self.listener(socket.AF_UNIX, path)
            for _ in range(2):
                broker = self.broker([listener], "http")
                with socket.socket(socket.AF_UNIX) as visitor:
                    visitor.connect(path)
                    visitor.sendall(f"GET /api/status HTTP/1.1\r\nHost: {DOMAIN}\r\n\r\n".encode())
                    self.assertIn(b" 200 ", visitor.recv(1000))
                self.assertEqual(broker.stop(), 0)
                self.assertTrue(os.path.exists(path))

    def test_what_is_no_listener_ends_the_start(self):
        listener = self.listener()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams, socket.socket() as idle:
            self.assertIn("descriptor 3: not a listening stream socket", self.refusal([datagrams], "http"))
            self.assertIn("descriptor 4: not a listening stream socket", self.refusal([listener, idle], "http:http"))
        where = "127.0.0.1:%d" % listener.getsockname()[1]
        self.assertIn(f"LISTEN_FDS: {where} (metrics): no --http or --https has this address",
                      self.refusal([listener], "metrics", "--http", "127.0.0.1:0"))
        self.assertIn("LISTEN_PID=me", self.refusal([listener], "http", env={"TEST_PID": "me"}))
        self.assertIn("--https needs --tls-cert", self.refusal([listener], "https"))

    @unittest.skipUnless(shutil.which("systemd-socket-activate"), "no systemd-socket-activate here")
    def test_systemd_starts_a_broker_for_its_first_visitor(self):
        port = free_port()
        broker = Process("broker", ["systemd-socket-activate", "-l", f"127.0.0.1:{port}", "--fdname=http", BIN / "broker", "--domain", DOMAIN,
                                    "--log-format", "json"])
        self.addCleanup(broker.stop)
        broker.wait_line("Listening on")
        self.assertEqual(self.asks(port), 200)
        broker.wait_event("listening", kind="http", address=f"127.0.0.1:{port}")


class Handover(Inherited):
    """The supervisor holds the socket; each broker is up before the one before it is told to stop."""

    def setUp(self):
        super().setUp()
        self.socket = self.listener()
        self.port = self.socket.getsockname()[1]
        self.failed, self.asked, self.stopped = [], 0, threading.Event()

    def visit_steadily(self, host=DOMAIN, target="/api/status", every=0.005, threads=4):
        """Requests at a steady rate, each on a connection of its own."""

        def visit():
            while not self.stopped.wait(every * threads):
                try:
                    status = self.asks(self.port, target, host=host)
                except Exception as error:  # whatever it is, a visitor would have seen it
                    status = repr(error)
                self.asked += 1
                if status != 200:
                    self.failed.append(status)

        visitors = [threading.Thread(target=visit, daemon=True) for _ in range(threads)]
        for visitor in visitors:
            visitor.start()

        def stop():
            self.stopped.set()
            for visitor in visitors:
                visitor.join(30)

        self.addCleanup(stop)
        return stop

    def hand_over(self, rounds=5):
        """One broker after the other, while visitors come."""
        for _ in range(rounds):
            before = self.asked
            following = self.broker([self.socket], "http")
            self.current.send_signal(signal.SIGTERM)
            self.assertEqual(self.current.wait_end(), 0)
            eventually(lambda: self.asked > before + 50, "visitors go on")
            self.current = following

    def test_one_broker_takes_over_from_another_and_no_request_fails(self):
        self.current = self.broker([self.socket], "http")
        stop = self.visit_steadily()
        self.hand_over()
        stop()
        self.assertEqual(self.failed, [])
        self.assertGreater(self.asked, 250)

    def test_a_tunnel_s_visitors_lose_nothing_either(self):
        app = App()
        self.addCleanup(app.stop)
        self.current = self.broker([self.socket], "http")
        agent = self.start(Agent(app.port, f"http://127.0.0.1:{self.port}", mux="require"))
        stop = self.visit_steadily(f"{agent.tunnel}.{DOMAIN}", "/hello")
        self.hand_over()
        stop()
        self.assertEqual(self.failed, [])
        self.assertGreater(self.asked, 250)

    def test_who_has_just_connected_is_served_by_the_broker_that_goes(self):
        broker = self.broker([self.socket], "http")
        with Visitor(self.port, DOMAIN) as visitor:
            eventually(lambda: any(self.port in peer for peer in established(broker)), "the connection is accepted")
            broker.send_signal(signal.SIGTERM)
            broker.wait_event("draining")
            self.assertEqual(visitor.get("/api/status").status, 200)
            self.assertTrue(visitor.at_end())
        self.assertEqual(broker.wait_end(), 0)

    def test_a_download_ends_at_the_broker_that_goes_and_the_agent_moves(self):
        app = App()
        self.addCleanup(app.stop)
        broker = self.broker([self.socket], "http")
        agent = self.start(Agent(app.port, f"http://127.0.0.1:{self.port}", mux="require"))
        with Visitor(self.port, f"{agent.tunnel}.{DOMAIN}") as visitor:
            visitor.send(visitor.head("GET", "/wait"))
            pieces = visitor.body(visitor.answer_head())
            self.assertEqual(next(pieces), b"half")
            following = self.broker([self.socket], "http")
            broker.send_signal(signal.SIGTERM)
            following.wait_event("tunnel-up", name=agent.tunnel)
            app.events.put(b"rest")
            self.assertEqual(b"".join(pieces), b"rest")
        self.assertEqual(broker.wait_end(), 0)
        with Visitor(self.port, f"{agent.tunnel}.{DOMAIN}") as visitor:
            self.assertEqual(visitor.get("/hello").text, "hello\n")

    def test_who_comes_while_no_broker_runs_waits_in_the_queue(self):
        self.assertEqual(self.broker([self.socket], "http").stop(), 0)
        with Visitor(self.port, DOMAIN) as visitor:
            visitor.send(visitor.head("GET", "/api/status"))
            self.broker([self.socket], "http")
            self.assertEqual(visitor.answer().status, 200)


def established(process):
    """The local and remote ports of each of its connections."""
    inodes = set()
    for fd in os.listdir(f"/proc/{process.pid}/fd"):
        with contextlib.suppress(OSError):
            inodes.add(os.readlink(f"/proc/{process.pid}/fd/{fd}"))
    with open(f"/proc/{process.pid}/net/tcp", encoding="ascii") as table:
        for row in table.read().splitlines()[1:]:
            fields = row.split()
            if fields[3] == "01" and f"socket:[{fields[9]}]" in inodes:
                yield {int(end.partition(":")[2], 16) for end in fields[1:3]}
