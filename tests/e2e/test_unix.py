"""Unix sockets in place of TCP: the broker behind one, with and without nginx in front, and the agent's app on one."""
import json
import os
import pathlib
import shutil
import signal
import socket
import stat
import subprocess
import tempfile
import unittest

from apps import App, data_of, digest
from harness import BIN, DOMAIN, E2E, Agent, Authority, Broker, Nginx, Process, eventually
from visitor import Cut, Visitor


MODES = ("require", False)  # --mux: the link, and the classic sockets


class UnixApp(App):
    """The app on a unix socket."""

    def __init__(self, path):
        self.path = path
        super().__init__()

    def _listen(self, _port):
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(str(self.path))
        listener.listen(1024)
        return listener

    def stop(self):
        super().stop()
        self.path.unlink(missing_ok=True)


class Sockets(E2E):
    """Each case has a folder of its own with a short name: a path has 107 bytes at most."""

    short = True

    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="tf-", dir="/tmp")
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def app_at(self, name="app.sock"):
        app = UnixApp(self.folder / name)
        self.addCleanup(app.stop)
        return app

    def running(self, process):
        """`process`, which ends with the case, clean."""
        self.addCleanup(self._stop, process)
        return process

    def broker_at(self, path, *flags):
        """A broker that listens on a unix socket alone."""
        broker = self.running(Process("broker", [BIN / "broker", "--domain", DOMAIN, "--http", f"unix:{path}", "--log-format", "json",
                                                 "--warmup", "0", *flags]))
        broker.wait_event("listening", kind="http", address=f"unix:{path}")
        return broker

    def curl(self, path, url, *args):
        """curl's body of an answer through a unix socket, and its status."""
        done = subprocess.run(["curl", "-sS", "--max-time", "20", "--unix-socket", path, "-w", "\n%{http_code}", *args, url],
                              stdin=subprocess.DEVNULL, capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stderr)
        body, _, status = done.stdout.rpartition("\n")
        return body, int(status)


class Listening(Sockets):
    """The broker on a unix socket."""

    def setUp(self):
        super().setUp()
        self.path = self.folder / "b.sock"

    def mixed_broker(self, *flags):
        """On a unix socket, for visitors, and on TCP, for agents."""
        broker = self.running(Broker("--http", f"unix:{self.path}", *flags))
        broker.wait_event("listening", kind="http", address=f"unix:{self.path}")
        return broker

    def seen(self, agent, *args, target="/hash"):
        """How a request through the unix socket looked to the app."""
        body, status = self.curl(self.path, f"http://{agent.tunnel}.{DOMAIN}{target}", *args)
        self.assertEqual(status, 200, body)
        return {name.lower(): value for name, value in json.loads(body)["fields"]}

    def test_a_visitor_by_a_unix_socket(self):
        broker, app = self.mixed_broker(), App()
        self.addCleanup(app.stop)
        for mux in MODES:
            agent = self.running(Agent(app.port, broker.host(False), "--print-requests", mux=mux))
            self.assertEqual(self.curl(self.path, f"http://{agent.tunnel}.{DOMAIN}/hello"), ("hello\n", 200))
            fields = self.seen(agent, "-H", "X-Forwarded-For: 7.7.7.7", "-H", "X-Forwarded-Proto: https")
            self.assertEqual(fields["x-forwarded-for"], "127.0.0.1")
            self.assertEqual(fields["x-forwarded-proto"], "http")
            self.assertEqual(fields["host"], f"{agent.tunnel}.{DOMAIN}")
            size = 3_000_000
            done = subprocess.run(["curl", "-sS", "--max-time", "60", "--unix-socket", self.path, f"http://{agent.tunnel}.{DOMAIN}/bytes/{size}"],
                                  stdin=subprocess.DEVNULL, capture_output=True)
            self.assertEqual(digest(done.stdout), digest(data_of(size)))

    def test_only_a_listed_unix_proxy_says_who_asks(self):
        for listed, chain in (("127.0.0.1", "127.0.0.1"), ("unix", "7.7.7.7, 127.0.0.1")):
            with self.subTest(listed):
                broker, app = self.mixed_broker("--proxy", listed), App()
                self.addCleanup(app.stop)
                agent = self.running(Agent(app.port, broker.host(False), mux="require"))
                fields = self.seen(agent, "-H", "X-Forwarded-For: 7.7.7.7")
                self.assertEqual(fields["x-forwarded-for"], chain)
                broker.stop()
                agent.stop()

    def test_limits_by_address_do_not_count_this_machine(self):
        self.broker_at(self.path, "--connections-per-ip", "2", "--creates-per-ip", "1", "--tunnels-per-ip", "1")
        held = []
        for _ in range(5):
            held.append(socket.socket(socket.AF_UNIX))
            held[-1].connect(str(self.path))
        for _ in range(3):
            body, status = self.curl(self.path, f"http://{DOMAIN}/?new")
            self.assertEqual(status, 200, body)
        for each in held:
            each.close()

    def test_the_log_says_unix(self):
        broker = self.broker_at(self.path)
        with socket.socket(socket.AF_UNIX) as visitor:
            visitor.connect(str(self.path))
            visitor.sendall(b"NONSENSE\r\n\r\n")
            self.assertIn(b"400", visitor.recv(4096))
        broker.wait_event("reject", peer="unix")

    def test_classic_ports_of_a_broker_on_unix_sockets_alone_are_on_loopback(self):
        broker = self.broker_at(self.path)
        body, status = self.curl(self.path, f"http://{DOMAIN}/?new")
        self.assertEqual(status, 200, body)
        self.assertEqual(broker.listeners(), {("127.0.0.1", json.loads(body)["port"])})
        socket.create_connection(("127.0.0.1", json.loads(body)["port"]), 10).close()

    def test_the_file_has_its_mode_and_goes_with_the_broker(self):
        for flags, mode in (((), 0o660), (("--unix-mode", "0600"), 0o600), (("--unix-mode", "666"), 0o666)):
            with self.subTest(flags):
                broker = self.broker_at(self.path, *flags)
                self.assertEqual(stat.S_IMODE(self.path.lstat().st_mode), mode)
                self.assertEqual(broker.stop(), 0)
                self.assertFalse(self.path.exists())

    def test_a_killed_broker_s_file_is_replaced_and_a_living_one_s_is_not(self):
        first = self.broker_at(self.path)
        second = Process("broker", [BIN / "broker", "--domain", DOMAIN, "--http", f"unix:{self.path}"])
        self.addCleanup(second.stop)
        self.assertEqual(second.wait_end(), 2)
        self.assertIn(f"--http: unix:{self.path}: another process listens there", second.tail())
        self.assertEqual(self.curl(self.path, f"http://{DOMAIN}/api/status")[1], 200)
        first.stop(signal.SIGKILL)
        self.assertTrue(self.path.exists())
        self.broker_at(self.path)
        self.assertEqual(self.curl(self.path, f"http://{DOMAIN}/api/status")[1], 200)

    def test_https_on_a_unix_socket(self):
        authority = Authority(self.folder / "ca")
        tls_path = self.folder / "tls.sock"
        broker, app = self.running(Broker("--https", f"unix:{tls_path}", authority=authority)), App()
        self.addCleanup(app.stop)
        broker.wait_event("listening", kind="https", address=f"unix:{tls_path}")
        agent = self.running(Agent(app.port, broker.host(False), mux="require"))
        self.assertEqual(self.curl(tls_path, f"https://{agent.tunnel}.{DOMAIN}/hello", "--cacert", authority.ca), ("hello\n", 200))

    def test_a_start_that_fails_leaves_no_file(self):
        done = subprocess.run([BIN / "broker", "--domain", DOMAIN, *(2 * ("--http", f"unix:{self.path}"))], stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=20)
        self.assertEqual(done.returncode, 2, done)
        self.assertIn("another process listens there", done.stderr)
        self.assertFalse(self.path.exists())

    def test_what_cannot_be_listened_on(self):
        plain, missing = self.folder / "plain", self.folder / "none/b.sock"
        plain.write_text("text")
        for flag, value, word in (("--http", f"unix:{plain}", "no socket"), ("--http", f"unix:{missing}", "no such file"),
                                  ("--http", "unix:", "missing"), ("--http", "unix:b.sock", "begins with '/'"),
                                  ("--http", "unix:/" + 107 * "a", "107 bytes"), ("--unix-mode", "888", "octal"),
                                  ("--unix-mode", "01777", "octal"), ("--unix-mode", "rw", "octal"), ("--proxy", "unix:/b", "unix")):
            with self.subTest(value):
                done = subprocess.run([BIN / "broker", "--domain", DOMAIN, "--http", "127.0.0.1:0", flag, value],
                                      stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=20)
                last = done.stderr.strip().splitlines()[-1]
                self.assertEqual((done.returncode, done.stdout), (2, ""), done)
                for part in (flag, value, word):
                    self.assertIn(part, last)
        self.assertEqual(plain.read_text(), "text")


@unittest.skipUnless(shutil.which("nginx", path=os.environ["PATH"] + ":/usr/sbin"), "no nginx here")
class BehindNginx(Sockets):
    """nginx in front, which reaches the broker by a unix socket."""

    class Front(Nginx):
        def __init__(self, folder, path):
            self.path = path
            super().__init__(folder)

        def _configuration(self, folder):
            return f"""
                daemon off; master_process off; pid {folder}/nginx.pid;
                events {{ worker_connections 1024; }}
                http {{
                    access_log off;
                    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
                    uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
                    map $http_upgrade $connection_upgrade {{ default upgrade; '' close; }}
                    server {{
                        listen 127.0.0.1:{self.port};
                        location / {{
                            proxy_pass http://unix:{self.path};
                            proxy_http_version 1.1;
                            proxy_set_header Host $http_host;
                            proxy_set_header Upgrade $http_upgrade;
                            proxy_set_header Connection $connection_upgrade;
                            proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
                            proxy_set_header X-Forwarded-Proto https;
                            proxy_buffering off; proxy_request_buffering off; proxy_read_timeout 1h;
                        }}
                    }}
                }}"""

    def test_visitors_and_agents_come_through(self):
        path = self.folder / "b.sock"
        broker, app = self.broker_at(path, "--proxy", "unix"), self.app_at()
        front = self.running(self.Front(self.folder / "nginx", path))
        agent = self.running(Agent(f"unix:{app.path}", f"http://127.0.0.1:{front.port}", mux="require"))
        self.assertTrue(agent.url.startswith("https://"), agent.url)
        with Visitor(front.port, f"{agent.tunnel}.{DOMAIN}") as visitor:
            fields = dict(json.loads(visitor.get("/hash", [("X-Forwarded-For", "7.7.7.7")]).text)["fields"])
        self.assertEqual(fields["X-Forwarded-For"], "7.7.7.7, 127.0.0.1, 127.0.0.1")
        self.assertEqual(fields["X-Forwarded-Proto"], "https")
        self.assertEqual(broker.wait_event("tunnel-up", kind="mux")["from"], "unix")


class Exposing(Sockets):
    """The agent's app on a unix socket, over the link and over the classic sockets."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.broker = cls.start(Broker())

    def expose(self, app, *flags, mux):
        return self.running(Agent(f"unix:{app.path}", self.broker.host(False), *flags, mux=mux))

    def visitor(self, agent):
        return Visitor(self.broker.http_port, f"{agent.tunnel}.{DOMAIN}")

    def test_requests_and_their_bodies(self):
        app = self.app_at()
        for mux in MODES:
            with self.visitor(self.expose(app, mux=mux)) as visitor:
                self.assertEqual(visitor.get("/hello").text, "hello\n")
                for size in (0, 1, 70_000, 3_000_000):
                    self.assertEqual(visitor.get(f"/bytes/{size}").sha256, digest(data_of(size)))
                    self.assertEqual(visitor.get(f"/chunked/{size}").sha256, digest(data_of(size)))
                answer = visitor.get("/until_close/300000")
                self.assertEqual(answer.sha256, digest(data_of(300_000)))

    def test_an_early_answer_is_heard_though_the_body_is_not_read(self):
        app = self.app_at()
        for mux in MODES:
            agent = self.expose(app, mux=mux)
            for _ in range(5):
                with self.visitor(agent) as visitor:
                    visitor.send(b"POST /refuse HTTP/1.1\r\nHost: %s\r\nContent-Length: 5000000\r\n\r\n" % f"{agent.tunnel}.{DOMAIN}".encode())
                    visitor.send(data_of(200_000))
                    self.assertEqual(visitor.answer().status, 413)

    def test_a_cut_answer_is_cut(self):
        app = self.app_at()
        for mux in MODES:
            agent = self.expose(app, mux=mux)
            for target in ("/cut_length", "/cut_chunked"):
                with self.visitor(agent) as visitor, self.assertRaises(Cut):
                    visitor.get(target)

    def test_the_host_is_the_visitor_s_or_what_local_host_says(self):
        app = self.app_at()
        for mux in MODES:
            for flags, host in (((), None), (("--local-host", "app.local"), "app.local")):
                agent = self.expose(app, *flags, mux=mux)
                with self.visitor(agent) as visitor:
                    fields = dict(json.loads(visitor.get("/hash").text)["fields"])
                self.assertEqual(fields["Host"], host or f"{agent.tunnel}.{DOMAIN}")

    def test_an_app_that_is_away_is_named_by_its_path(self):
        path = self.folder / "app.sock"
        for mux in MODES:
            agent = self.running(Agent(f"unix:{path}", self.broker.host(False), mux=mux))
            with self.visitor(agent) as visitor:
                self.assertEqual(visitor.get("/").status, 502)
            down = agent.wait_event("local_down")
            self.assertEqual(down["target"], f"unix:{path}")
            self.assertIn(f"unix:{path}: no such file or directory", down["cause"])
            app = self.app_at()
            with self.visitor(agent) as visitor:
                self.assertEqual(visitor.get("/hello").status, 200)
            agent.wait_event("local_up")
            app.stop()
            # The file of an app that was killed.
            with socket.socket(socket.AF_UNIX) as dead:
                dead.bind(str(path))
            before = len(agent.events())
            eventually(lambda: self.status_of(agent) == 502, "an app that is away again")
            self.assertIn(f"unix:{path}: connection refused", agent.wait_event("local_down", after=before)["cause"])
            path.unlink()

    def status_of(self, agent):
        with self.visitor(agent) as visitor:
            return visitor.get("/").status

    def test_what_is_no_target(self):
        for target, word in (("unix:", "missing"), ("unix:app.sock", "begins with '/'"), ("unix:/" + 107 * "a", "107 bytes"),
                             ("http://unix:/app.sock", "unix:/PATH")):
            with self.subTest(target):
                done = subprocess.run([BIN / "agent", "expose", target], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=20)
                self.assertEqual((done.returncode, done.stdout), (2, ""), done)
                self.assertIn("TARGET", done.stderr)
                self.assertIn(word, done.stderr)
                self.assertIn(target, done.stderr)
