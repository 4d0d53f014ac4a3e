"""The two programs as a person at a terminal meets them: flags, files, tokens, certificates, and what is printed."""
import json
import os
import re
import signal
import socket
import subprocess
import time

import harness
from apps import App
from fakes import Scripted, Untrusted
from harness import BIN, DOMAIN, E2E, Agent, Authority, Broker, Process, StockClient, eventually
from visitor import Visitor

# What no text from afar may put on a terminal: C0 but line feed and tab, DEL, C1 (as UTF-8, too), and what is no UTF-8.
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\udc80-\udcff]")


def run(program, *args, env=None):
    return subprocess.run([BIN / program, *map(str, args)], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=20,
                          env={**os.environ, **(env or {})})


class Usage(E2E):
    """A wrong flag or value: one line that names both, exit 2, at once."""

    short = True

    def expect_usage(self, program, args, *words, env=None):
        with self.subTest(" ".join(map(str, args))):
            begin = time.monotonic()
            done = run(program, *args, env=env)
            self.assertEqual(done.returncode, 2, done)
            self.assertEqual(done.stdout, "")
            self.assertEqual(len(done.stderr.strip().splitlines()), 1, done.stderr)
            for word in words:
                self.assertIn(str(word), done.stderr)
            self.assertLess(time.monotonic() - begin, 10)

    def test_the_broker_s_flags(self):
        ok = ("--http", "127.0.0.1:0")
        for flag, value in (("--http", "nonsense"), ("--http", "127.0.0.1:99999"), ("--http", "127.0.0.1:"), ("--log-level", "loud"),
                            ("--log-format", "xml"), ("--max-conn", "0"), ("--max-conn", "many"), ("--classic", "maybe"),
                            ("--classic-ports", "9-1"), ("--classic-ports", "80"), ("--public-url", "not a url"),
                            ("--public-url", "http://x:99999"), ("--public-url", 'http://x"y'),
                            ("--domain", "x-.example"), ("--domain", "a b"), ("--token-file", "/none/tokens"),
                            ("--config", "/none/config"), ("--landing", "nowhere\x1b[2J")):
            self.expect_usage("broker", (*ok, flag, value), flag, re.split(r"[\x00-\x1f]", value)[0])
        self.expect_usage("broker", (*ok, "--domain", ""), "--domain")
        self.expect_usage("broker", (*ok, "--frobnicate"), "--frobnicate")
        for flag, value in (("--domain", "b.example"), ("--max-conn", "20"), ("--classic-bind", "127.0.0.2")):
            self.expect_usage("broker", (*ok, flag, "127.0.0.1", flag, value), flag, value, "more than once")
        self.expect_usage("broker", (*ok, "--https", "127.0.0.1:0"), "--tls-cert")
        self.expect_usage("broker", ("--domain", DOMAIN), "--http")

    def test_the_broker_s_certificate(self):
        authority = Authority(self.folder / "ca")
        certificate, key = authority.issue("some", f"DNS:{DOMAIN}")
        other_key = authority.issue("other", f"DNS:{DOMAIN}")[1]
        junk = self.folder / "junk"
        junk.write_text("junk")
        ok = ("--https", "127.0.0.1:0", "--domain", DOMAIN)
        self.expect_usage("broker", (*ok, "--tls-cert", "/none.pem", "--tls-key", key), "--tls-cert", "/none.pem")
        self.expect_usage("broker", (*ok, "--tls-cert", certificate, "--tls-key", "/none.key"), "--tls-key", "/none.key")
        self.expect_usage("broker", (*ok, "--tls-cert", junk, "--tls-key", key), "--tls-cert", junk)
        self.expect_usage("broker", (*ok, "--tls-cert", certificate, "--tls-key", junk), "--tls-key", junk)
        self.expect_usage("broker", (*ok, "--tls-cert", certificate, "--tls-key", other_key), "--tls-key", other_key)

    def test_a_port_in_use(self):
        with socket.create_server(("127.0.0.1", 0)) as taken:
            address = f"127.0.0.1:{taken.getsockname()[1]}"
            self.expect_usage("broker", ("--http", address, "--domain", DOMAIN), "--http", address, "in use")

    def test_the_agent_s_flags(self):
        for args, words in ((("expose",), ("TARGET",)), ((), ("expose",)), (("expose", "99999"), ("99999",)), (("expose", "0"), ("0",)),
                            (("expose", "ftp://x"), ("ftp://x",)), (("expose", "http://"), ("http://",)), (("expose", "a b"), ("a b",)),
                            (("expose", "8080", "8081x"), ("8081x",)), (("expose", "80", "--host", "ftp://x"), ("--host", "ftp://x")),
                            (("expose", "80", "--subdomain", "a", "--subdomain", "b"), ("--subdomain", "b", "targets")),
                            (("expose", "80", "--host", "http://x:99999"), ("--host", "99999")),
                            (("expose", "80", "--mux=maybe"), ("--mux", "maybe")), (("expose", "80", "--subdomain", "a/b"), ("--subdomain", "a/b")),
                            (("expose", "80", "--ca", "/none.pem"), ("--ca", "/none.pem")),
                            (("expose", "80", "--log-level", "loud"), ("--log-level", "loud")),
                            (("expose", "80", "--local-host", "a b"), ("--local-host", "a b")),
                            (("expose", "80", "--local-host", "a:99999"), ("--local-host", "a:99999")),
                            (("expose", "80", "--frobnicate"), ("--frobnicate",)), (("frobnicate",), ("frobnicate",))):
            self.expect_usage("agent", args, *words)
        self.expect_usage("agent", ("expose", "80"), "TENFOLD_HOST", "ftp://y", env={"TENFOLD_HOST": "ftp://y"})

    def test_help_and_version(self):
        for program, args in (("broker", ("--help",)), ("agent", ("--help",)), ("agent", ("expose", "--help"))):
            done = run(program, *args)
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            self.assertIn("--", done.stdout)
        self.assertIn("Exit codes", run("agent", "expose", "--help").stdout)
        for program in ("broker", "agent"):
            done = run(program, "--version")
            self.assertEqual(done.returncode, 0)
            self.assertRegex(done.stdout, r"\d+\.\d+\.\d+")

    def test_a_config_file_and_its_faults(self):
        good, bad = self.folder / "good.conf", self.folder / "bad.conf"
        good.write_text(f'domain = "{DOMAIN}"\nlog-format = "json"\nhttp = "127.0.0.1:0"\nmax-conn = 3\n')
        broker = self.start(Process("broker", [BIN / "broker", "--config", good]))
        port = int(broker.wait_event("listening", kind="http")["address"].rpartition(":")[2])
        with Visitor(port, DOMAIN) as visitor:
            self.assertEqual(json.loads(visitor.get("/?new").text)["max_conn_count"], 3)
        bad.write_text('frobnicate = "1"\n')
        self.expect_usage("broker", ("--config", bad), "frobnicate")


class OpenPorts(E2E):
    """What the broker opens to whom, unasked."""

    short = True

    def broker(self, *listeners, flags=()):
        """A broker, and the port of a classic tunnel of it."""
        broker = self.start(Process("broker", [BIN / "broker", "--domain", DOMAIN, "--log-format", "json", *listeners, *flags]))
        ip, _, port = broker.wait_event("listening", kind="http")["address"].rpartition(":")
        with socket.create_connection((ip.strip("[]"), int(port)), 30) as connection:
            connection.sendall(f"GET /?new HTTP/1.1\r\nHost: {DOMAIN}\r\nConnection: close\r\n\r\n".encode())
            answer = b"".join(iter(lambda: connection.recv(65536), b""))
        return broker, json.loads(answer.partition(b"\r\n\r\n")[2])["port"]

    def refused(self, ip, port):
        with self.assertRaises(ConnectionRefusedError, msg=f"{ip}:{port}"):
            socket.create_connection((ip, port), 10).close()

    def test_a_broker_on_loopback_opens_its_classic_ports_there_alone(self):
        for ip, other in (("127.0.0.1", "127.0.0.2"), ("127.0.0.2", "127.0.0.1")):
            with self.subTest(ip):
                broker, port = self.broker("--http", f"{ip}:0")
                self.assertEqual({address for address, _ in broker.listeners()}, {ip})
                self.assertIn((ip, port), broker.listeners())
                socket.create_connection((ip, port), 10).close()
                self.refused(other, port)

    def test_the_first_of_several_loopback_listeners_counts(self):
        broker, port = self.broker("--http", "127.0.0.2:0", "--http", "127.0.0.1:0")
        self.assertIn(("127.0.0.2", port), broker.listeners())
        self.refused("127.0.0.1", port)

    def test_an_address_that_is_given_counts(self):
        broker, port = self.broker("--http", "127.0.0.1:0", flags=("--classic-bind", "127.0.0.2"))
        self.assertIn(("127.0.0.2", port), broker.listeners())
        self.refused("127.0.0.1", port)

    def test_a_stock_client_of_a_broker_on_loopback(self):
        broker, app = self.start(Broker()), App()
        self.addCleanup(app.stop)
        stock = self.start(StockClient(app.port, broker.host(False)))
        with Visitor(broker.http_port, f"{stock.tunnel}.{DOMAIN}") as visitor:
            self.assertEqual(visitor.get("/hello").text, "hello\n")
        self.assertEqual({address for address, _ in broker.listeners()}, {"127.0.0.1"})


class Printed(E2E):
    """What the agent prints: one exact line, as `lt` has it, and nothing from afar that steers a terminal."""

    short = True

    def test_the_line_of_lt(self):
        broker, app = self.start(Broker("--public-url", "http://localhost:7080")), App()
        self.addCleanup(app.stop)
        for flags in ((), ("--mux",)):
            agent = self.start(Process("agent", [BIN / "agent", "expose", app.port, "--host", broker.host(False), "--subdomain",
                                                 f"printed{len(flags)}", "--print-requests", *flags]))
            agent.wait_line("your url is: ")
            self.assertEqual(agent.out.decode().splitlines()[0], f"your url is: http://printed{len(flags)}.localhost:7080")
            with Visitor(broker.http_port, f"printed{len(flags)}.{DOMAIN}") as visitor:
                visitor.get("/some/page?x=1")
            self.assertIn("GET /some/page?x=1", agent.wait_line("/some/page"))

    def test_tenfold_host_names_the_broker(self):
        broker = self.start(Broker())
        agent = self.start(Process("agent", [BIN / "agent", "expose", "9", "--json"], env={"TENFOLD_HOST": broker.host(False)}))
        agent.wait_event("ready")

    def test_control_characters_from_a_server_never_reach_the_terminal(self):
        evil = "\x1b[2J\x1b]0;owned\x07\x9b31m\x7f\r\n\x00"
        servers = [Scripted(body={"url": f"http://a{evil}", "id": f"a{evil}"}), Scripted(403, {"message": f"no{evil}", "code": f"c{evil}"}),
                   Scripted(body={"cached_url": f"http://a{evil}"}), Scripted(500, reason="\x1b[2J\x9b31m\x7f"),
                   Scripted(200, fields=("X: \x1b[2J",), body={"id": evil})]
        for server in servers:
            self.addCleanup(server.stop)
            for flags in ((), ("--mux",), ("--json",), ("--log-level", "trace")):
                agent = Process("agent", [BIN / "agent", "expose", "9", "--host", f"http://127.0.0.1:{server.port}", *flags])
                try:
                    agent.wait_for(lambda p: p.out or p.err or p.popen.poll() is not None, "word from the agent")
                    self.assert_clean(agent)
                finally:
                    agent.stop()
                self.assert_clean(agent)

    def test_control_characters_of_a_visitor_never_reach_the_terminal(self):
        broker = self.start(Process("broker", [BIN / "broker", "--http", "127.0.0.1:0", "--domain", DOMAIN, "--log-level", "trace"]))
        port = int(re.search(r":(\d+)", broker.wait_line("listening").split("listening")[1])[1])
        app = App()
        self.addCleanup(app.stop)
        for flags in ((), ("--mux",)):
            agent = self.start(Process("agent", [BIN / "agent", "expose", app.port, "--host", f"http://127.0.0.1:{port}", "--subdomain",
                                                 f"visited{len(flags)}", "--print-requests", "--log-level", "trace", *flags]))
            agent.wait_line("your url is: ")
            host = f"visited{len(flags)}.{DOMAIN}".encode()
            for raw in (b"GET /\x9b31m\xc2\x9b31m HTTP/1.1\r\nHost: %s\r\n\r\n", b"GET /ok HTTP/1.1\r\nHost: %s\r\nX: \x1b[2J\x9b\r\n\r\n",
                        b"GET /\x1b[2J HTTP/1.1\r\nHost: %s\r\n\r\n", b"\x1b[2J\x07 /x HTTP/1.1\r\nHost: %s\r\n\r\n",
                        b"GET / HTTP/1.1\r\nHost: \x1b[2J.%s\r\n\r\n", b"GET / HTTP/1.1\r\nHost: \xc2\x9b.%s\r\n\r\n"):
                with Visitor(port, host.decode()) as visitor:
                    visitor.send(raw % host)
                    visitor.answer()
            with Visitor(port, host.decode()) as visitor:
                visitor.get("/the-last-one")
            agent.wait_line("/the-last-one")
            self.assert_clean(agent)
        self.assert_clean(broker)

    def assert_clean(self, process):
        for output in (process.out, process.err):
            text = bytes(output).decode("utf-8", "surrogateescape")
            found = CONTROL.search(text)
            self.assertIsNone(found, f"{process.name} printed {text!r}")


class Tokens(E2E):
    """A token opens a broker that wants one, and is shown to nobody else."""

    short = True
    SECRET = "s3cret-token-of-mine"

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        tokens = cls.folder / "tokens"
        tokens.write_text(f"another-token-entirely\n{cls.SECRET}\n")
        cls.authority = Authority(cls.folder / "ca")
        cls.broker = cls.start(Broker("--token-file", tokens, authority=cls.authority))
        cls.app = App()
        cls.addClassCleanup(cls.app.stop)

    def agent_line(self, *flags, env=None, secure=True):
        args = [BIN / "agent", "expose", self.app.port, "--host", self.broker.host(secure), "--ca", self.authority.ca, *flags]
        return Process("agent", args, env=env)

    def test_without_a_token_and_with_a_wrong_one(self):
        for flags in ((), ("--mux",), ("--mux=require",), ("--token", "wrong"), ("--mux", "--token", "wrong")):
            with self.subTest(flags):
                agent = self.agent_line(*flags)
                self.addCleanup(agent.stop)
                self.assertEqual(agent.wait_end(), 3, agent.tail())
                self.assertIn("token", "\n".join(agent.lines()).lower())

    def test_with_the_token(self):
        for flags, env in ((("--token", self.SECRET), None), (("--mux=require", "--token", self.SECRET), None),
                           (("--mux=require",), {"TENFOLD_TOKEN": self.SECRET})):
            agent = self.agent_line(*flags, env=env)
            self.addCleanup(agent.stop)
            agent.wait_line("your url is: ")
            self.assertNotIn(self.SECRET, agent.tail())

    def test_what_a_classic_client_hears(self):
        for fields in ((), (("Authorization", "Bearer wrong"),), (("Authorization", f"Basic {self.SECRET}"),)):
            with Visitor(self.broker.http_port, DOMAIN) as visitor:
                answer = visitor.get("/?new", fields)
                self.assertIn(answer.status, (401, 403))
                self.assertTrue(json.loads(answer.text)["message"])
        self.assertNotIn(self.SECRET, self.broker.tail(1000))

    def test_an_upgrade_without_a_token(self):
        with Visitor(self.broker.http_port, DOMAIN) as visitor:
            answer = visitor.get("/?new", [("Connection", "Upgrade"), ("Upgrade", "tenfold/1")])
            self.assertEqual(answer.status, 401)
            self.assertEqual(json.loads(answer.text)["code"], "unauthorized")

    def test_a_broker_whose_certificate_does_not_verify_never_sees_it(self):
        other = Authority(self.folder / "other", "someone else")
        for name in ("IP:127.0.0.1", "DNS:elsewhere.example"):
            trusted = self.authority if name.startswith("DNS") else other
            server = Untrusted(*trusted.issue(f"untrusted-{name[:2]}", name))
            self.addCleanup(server.stop)
            for flags in ((), ("--mux",)):
                agent = Process("agent", [BIN / "agent", "expose", self.app.port, "--host", f"https://127.0.0.1:{server.port}", "--ca",
                                          self.authority.ca, "--token", self.SECRET, *flags])
                self.addCleanup(agent.stop)
                agent.wait_for(lambda p: any("certificate" in line.lower() for line in p.lines()), "word about the certificate")
                before = server.accepted
                if agent.popen.poll() is None:
                    eventually(lambda: server.accepted > before or agent.popen.poll() is not None, "another try")
                agent.stop()
                self.assertEqual(b"".join(server.heard), b"")

    def test_insecure_is_a_choice(self):
        other = Authority(self.folder / "insecure", "someone else")
        server = Untrusted(*other.issue("insecure", "IP:127.0.0.1"))
        self.addCleanup(server.stop)
        agent = Process("agent", [BIN / "agent", "expose", self.app.port, "--host", f"https://127.0.0.1:{server.port}", "--insecure",
                                  "--token", self.SECRET])
        self.addCleanup(agent.stop)
        self.assertEqual(agent.wait_end(), 3)
        self.assertIn(f"Bearer {self.SECRET}".encode(), b"".join(server.heard))

    def test_no_token_in_plaintext_but_to_loopback(self):
        done = run("agent", "expose", self.app.port, "--host", "http://tunnel.invalid", "--token", self.SECRET)
        self.assertEqual(done.returncode, 2, done)
        self.assertIn("--token", done.stderr)
        self.assertNotIn(self.SECRET, done.stderr)
        agent = self.agent_line("--token", self.SECRET, secure=False)
        self.addCleanup(agent.stop)
        agent.wait_line("your url is: ")


class Names(E2E):
    """Names that are asked for."""

    short = True

    def test_a_taken_name(self):
        broker, app = self.start(Broker()), App()
        self.addCleanup(app.stop)
        self.start(Agent(app.port, broker.host(False), "--subdomain", "mine-alone", mux="require"))
        second = Agent(app.port, broker.host(False), "--subdomain", "mine-alone", mux="require", ready=False)
        self.addCleanup(second.stop)
        self.assertEqual(second.wait_end(), 3)
        self.assertIn("mine-alone", second.tail())
        # The classic protocol knows no refusal: another name, as the reference gives.
        classic = self.start(Agent(app.port, broker.host(False), "--subdomain", "mine-alone"))
        self.assertNotEqual(classic.tunnel, "mine-alone")

    def test_a_name_that_the_broker_does_not_grant(self):
        broker = self.start(Broker())
        for mux in (False, True):
            agent = Agent(9, broker.host(False), "--subdomain", "control", mux=mux, ready=False)
            self.addCleanup(agent.stop)
            self.assertEqual(agent.wait_end(), 2, agent.tail())

    def test_a_broker_that_is_asked_under_another_name_says_which_is_its_own(self):
        broker = self.start(Broker())
        for mux in (False, True):
            agent = Agent(9, f"http://localhost:{broker.http_port}", mux=mux, ready=False)
            self.addCleanup(agent.stop)
            self.assertEqual(agent.wait_end(), 3, agent.tail())
            self.assertIn(f"This broker answers to {DOMAIN}, not to localhost.", agent.tail())


class Signals(E2E):
    short = True

    def test_a_signal_before_anything_happened(self):
        for signum in (signal.SIGTERM, signal.SIGINT):
            broker = Broker()
            agent = Agent(9, broker.host(False))
            lost = Agent(9, "http://127.0.0.1:9", ready=False)
            lost.wait_event("reconnecting")
            for process in (lost, agent, broker):
                self.assertEqual(process.stop(signum), 0, process.name)
