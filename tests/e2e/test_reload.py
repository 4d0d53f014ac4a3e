"""The configuration file, and SIGHUP: what a running broker takes from it and what it does not."""
import signal
import socket
import ssl
import subprocess

from apps import App
from harness import BIN, DOMAIN, E2E, Agent, Authority, Broker, StockClient
from visitor import Visitor


def broker_once(*args):
    return subprocess.run([BIN / "broker", *map(str, args)], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=30)


def token(*args):
    done = broker_once("token", *args)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


class Checked(E2E):
    """--check-config."""

    short = True

    def check(self, text, *flags):
        file = self.folder / "broker.toml"
        file.write_text(text)
        return broker_once("--config", file, "--check-config", *flags)

    def test_a_good_one_is_one_line_and_starts_nothing(self):
        with socket.create_server(("127.0.0.1", 0)) as taken:
            done = self.check(f'http = ["127.0.0.1:{taken.getsockname()[1]}"]\ndomain = "{DOMAIN}"\n')
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "the configuration is good\n", ""))

    def test_what_a_start_would_read_is_read(self):
        (self.folder / "tokens").write_text("one\nt w o\n")
        (self.folder / "junk").write_text("junk")
        for text, line, words in (('\nfrobnicate = 1\n', 2, "frobnicate"), ('domain = "a b"\n', 1, "domain a b"),
                                  (f'token-file = "{self.folder}/tokens"\n', 1, "tokens:2:"), ('proxy = [\n"10.0.0.1",\n"x"]\n', 3, "proxy x"),
                                  (f'https = "127.0.0.1:0"\ntls-cert = "{self.folder}/junk"\ntls-key = "{self.folder}/tokens"\n', 2, "junk"),
                                  (f'https = "127.0.0.1:0"\ntls-cert = "{self.folder}/junk"\ntls-key = "/none"\n', 3, "tls-key: key /none")):
            with self.subTest(text):
                done = self.check(text, "--http", "127.0.0.1:0")
                self.assertEqual((done.returncode, done.stdout), (2, ""))
                self.assertTrue(done.stderr.startswith(f"broker: {self.folder}/broker.toml:{line}: "), done.stderr)
                self.assertIn(words, done.stderr)
                self.assertEqual(done.stderr.count("\n"), 1)

    def test_a_start_says_the_same(self):
        file = self.folder / "broken.toml"
        file.write_text('http = ["127.0.0.1:0"]\ndrain-timeout = "5x"\n')
        done = broker_once("--config", file)
        self.assertEqual(done.returncode, 2)
        self.assertTrue(done.stderr.startswith(f"broker: {file}:2: drain-timeout 5x: "), done.stderr)


class Reloaded(E2E):
    """A broker that is told to read its files again."""

    short = True

    def setUp(self):
        self.app = App()
        self.addCleanup(self.app.stop)
        self.file = self.folder / f"{self.id().rpartition('.')[2]}.toml"

    def configured(self, text, *flags, **options):
        self.file.write_text(text)
        broker = Broker("--config", self.file, *flags, **options)
        self.addCleanup(self._stop, broker)
        return broker

    def reload(self, broker, event="reloaded"):
        """The line in which the broker says what came of it."""
        seen = len(broker.events())
        broker.send_signal(signal.SIGHUP)
        return broker.wait_event(event, after=seen)

    def status(self, broker, target="/?new", fields=()):
        with Visitor(broker.http_port, DOMAIN) as visitor:
            return visitor.get(target, fields).status

    def test_a_proxy_that_is_named_then_counts(self):
        broker = self.configured("")

        def url():
            with Visitor(broker.http_port, DOMAIN) as visitor:
                return visitor.get("/?new", [("X-Forwarded-Proto", "https"), ("X-Forwarded-For", "192.0.2.7")]).text

        self.assertIn('"http://', url())
        self.file.write_text('proxy = ["127.0.0.1"]\n')
        self.assertEqual(self.reload(broker)["changed"], "proxy")
        self.assertIn('"https://', url())

    def test_a_fault_changes_nothing_and_is_told_with_its_line(self):
        (self.folder / "some-tokens").write_text("s3cret a\n")
        good = f'token-file = "{self.folder}/some-tokens"\n'
        broker = self.configured(good)
        for text, said in (('\nfrob = 1\n', f"{self.file}:2: frob: unknown key"), (good + 'proxy = "x"\n', f"{self.file}:2: proxy x: "),
                           ('token-file = "/none"\n', f"{self.file}:1: token-file: cannot read"), ("domain = x\n", f"{self.file}:1: ")):
            self.file.write_text(text)
            failed = self.reload(broker, "reload-failed")
            self.assertTrue(failed["detail"].startswith(said), failed)
            self.assertEqual((self.status(broker), self.status(broker, "/?new&token=s3cret")), (401, 200))
        self.file.write_text(good)
        (self.folder / "some-tokens").write_text("s3cret a\nt w o\n")
        self.assertIn("some-tokens:2: ", self.reload(broker, "reload-failed")["detail"])
        (self.folder / "some-tokens").write_text("s3cret a\nother b\n")
        self.assertEqual(self.reload(broker)["changed"], "tokens (1 new)")
        self.assertEqual(self.status(broker, "/?new&token=other"), 200)

    def test_what_needs_a_restart_is_named(self):
        broker = self.configured("max-conn = 3\n")
        self.file.write_text('max-conn = 4\nclassic = "off"\ndrain-timeout = "2s"\n')
        self.assertEqual(self.reload(broker)["changed"], "drain-timeout")
        named = [e["flag"] for e in broker.events() if e["event"] == "restart-needed"]
        self.assertEqual(named, ["--classic", "--max-conn"])
        self.assertEqual(self.status(broker), 200)

    def test_a_renewed_certificate_is_for_new_connections(self):
        authority = Authority(self.folder / "ca")
        broker = self.configured("", authority=authority)

        def serial_of(tls):
            return tls.getpeercert()["serialNumber"]

        def connect():
            context = ssl.create_default_context(cafile=str(authority.ca))
            return context.wrap_socket(socket.create_connection(("127.0.0.1", broker.https_port), 10), server_hostname=DOMAIN)

        def asks(tls):
            tls.sendall(f"GET /api/status HTTP/1.1\r\nHost: {DOMAIN}\r\n\r\n".encode())
            return tls.recv(65536)

        with connect() as before:
            self.assertIn(b"200 OK", asks(before))
            authority.issue("broker", "IP:127.0.0.1", f"DNS:{DOMAIN}", f"DNS:*.{DOMAIN}")
            self.assertEqual(self.reload(broker)["changed"], "certificate")
            self.assertIn(b"200 OK", asks(before))
            with connect() as after:
                self.assertNotEqual(serial_of(after), serial_of(before))
                renewed = serial_of(after)
                self.assertIn(b"200 OK", asks(after))
            (authority.folder / "broker.key").write_text("junk")
            self.assertIn("broker.key", self.reload(broker, "reload-failed")["detail"])
            with connect() as still:
                self.assertEqual(serial_of(still), renewed)

    def test_a_revoked_token_ends_its_links_and_no_others(self):
        tokens = self.folder / "team-tokens"
        secrets = {name: token("new", "--file", tokens, "--name", name) for name in ("gone", "stays")}
        broker = self.configured(f'token-file = "{tokens}"\n')
        agents = {name: Agent(self.app.port, broker.host(False), "--subdomain", f"app-{name}", mux=True, env={"TENFOLD_TOKEN": secret})
                  for name, secret in secrets.items()}
        for agent in agents.values():
            self.addCleanup(agent.stop)
        stock = StockClient(self.app.port, f"{broker.host(False)}/{secrets['gone']}", "stock-gone")
        self.addCleanup(stock.stop)
        token("revoke", "--file", tokens, "gone")
        said = self.reload(broker)
        self.assertEqual((said["changed"], said["ended"]), ("tokens (1 revoked)", 2))
        self.assertEqual(agents["gone"].wait_end(), 3, agents["gone"].tail())
        told = agents["gone"].wait_event("refused")
        self.assertEqual((told["code"], told["message"]), ("revoked", "The token of this name is missing, or not valid any more."))
        for name, status in (("app-gone", 404), ("stock-gone", 404), ("app-stays", 200)):
            with Visitor(broker.http_port, f"{name}.{DOMAIN}") as visitor:
                self.assertEqual(visitor.get("/").status, status, name)
        self.assertIsNone(agents["stays"].popen.poll())
        for secret in secrets.values():
            self.assertNotIn(secret, broker.tail(1000))

    def test_a_token_file_that_comes_later_ends_what_was_made_without(self):
        tokens = self.folder / "late-tokens"
        token("new", "--file", tokens, "--name", "late")
        broker = self.configured("")
        agent = Agent(self.app.port, broker.host(False), mux=True)
        self.addCleanup(agent.stop)
        self.file.write_text(f'token-file = "{tokens}"\n')
        self.assertEqual(self.reload(broker)["ended"], 1)
        self.assertEqual(agent.wait_end(), 3)

    def test_nothing_is_lost_meanwhile(self):
        broker = self.configured("")
        agent = Agent(self.app.port, broker.host(False), mux=True)
        self.addCleanup(agent.stop)
        with Visitor(broker.http_port, f"{agent.tunnel}.{DOMAIN}") as visitor:
            for _ in range(20):
                broker.send_signal(signal.SIGHUP)
                self.assertEqual(visitor.get("/hello").text, "hello\n")
        self.assertFalse([e for e in broker.events() if e["event"] in ("link-down", "tunnel-down", "reload-failed")])
