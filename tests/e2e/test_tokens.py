"""The operator's tokens: made, listed and revoked by `broker token`, and what a broker lets their holders have."""
import signal
import stat
import subprocess

from apps import App
from harness import BIN, DOMAIN, E2E, Agent, Broker, Process, StockClient, eventually
from visitor import Visitor


def token(*args):
    return subprocess.run([BIN / "broker", "token", *map(str, args)], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=30)


class TokenCommand(E2E):
    """`broker token` and its file."""

    short = True

    def setUp(self):
        self.file = self.folder / f"{self.id().rpartition('.')[2]}.tokens"

    def test_a_new_token_is_printed_once_and_kept_as_a_hash(self):
        done = token("new", "--file", self.file, "--name", "team-a", "--names", "team-a-*,demo", "--tunnels", 20, "--kinds", "http", "--reserve")
        self.assertEqual(done.returncode, 0, done.stderr)
        secret = done.stdout.strip()
        self.assertRegex(secret, r"^tf_[A-Za-z0-9_-]{43}$")
        self.assertNotIn(secret, done.stderr)
        self.assertEqual(stat.S_IMODE(self.file.stat().st_mode), 0o600)
        self.assertRegex(self.file.read_text(), r"^team-a sha256:[A-Za-z0-9+/]{43}= names=team-a-\*,demo tunnels=20 kinds=http reserve\n$")
        listed = token("list", "--file", self.file)
        self.assertEqual(listed.returncode, 0)
        self.assertRegex(listed.stdout, r"team-a +team-a-\*,demo +20 +http +reserved\n")
        self.assertNotIn("sha256", listed.stdout)

    def test_a_revoked_token_is_gone_and_the_others_stay(self):
        for name in ("one", "two"):
            self.assertEqual(token("new", "--file", self.file, "--name", name).returncode, 0)
        self.assertEqual(token("revoke", "--file", self.file, "one").returncode, 0)
        self.assertTrue(self.file.read_text().startswith("two sha256:"))
        again = token("revoke", "--file", self.file, "one")
        self.assertEqual((again.returncode, again.stdout), (2, ""))
        self.assertIn("no token one", again.stderr)

    def test_what_is_wrong_is_said_in_one_line_and_changes_nothing(self):
        self.file.write_text("s3cret ann\n")
        for args in (("new", "--name", "ann"), ("new", "--name", "a b"), ("new", "--name", "b", "--names", "Team"),
                     ("new", "--name", "b", "--tunnels", "0"), ("new", "--name", "b", "--kinds", "carrier-pigeon"),
                     ("new", "--name", "b", "--reserve"), ("new",), ("revoke",), ("frob",), ()):
            with self.subTest(args):
                done = token(*args[:1], *(("--file", self.file) if args else ()), *args[1:])
                self.assertEqual((done.returncode, done.stdout), (2, ""))
                self.assertEqual(done.stderr.count("\n"), 1, done.stderr)
                self.assertEqual(self.file.read_text(), "s3cret ann\n")

    def test_plain_secrets_are_hashed_in_place(self):
        self.file.write_text("# mine\ns3cret-of-ann ann\n")
        self.assertEqual(token("hash", "--file", self.file).returncode, 0)
        self.assertRegex(self.file.read_text(), r"^# mine\nann sha256:\S{44}\n$")
        broker = self.start(Broker("--token-file", self.file))
        app = App()
        self.addCleanup(app.stop)
        agent = Agent(app.port, broker.host(False), mux=True, env={"TENFOLD_TOKEN": "s3cret-of-ann"})
        self.assertEqual(agent.stop(), 0)
        self.assertEqual([e for e in broker.events() if e["event"] == "token-plain"], [])


class Holders(E2E):
    """What the holder of a token gets."""

    short = True

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.file = cls.folder / "tokens"
        cls.file.write_text("s3cret-of-ann ann\n")
        made = token("new", "--file", cls.file, "--name", "team-a", "--names", "team-a-*", "--reserve")
        cls.secret = made.stdout.strip()
        cls.broker = cls.start(Broker("--token-file", cls.file, "--log-level", "trace"))
        cls.app = App()
        cls.addClassCleanup(cls.app.stop)

    def agent(self, *flags, secret=None, **options):
        options.setdefault("mux", True)
        agent = Agent(self.app.port, self.broker.host(False), *flags, env={"TENFOLD_TOKEN": secret or self.secret}, **options)
        self.addCleanup(agent.stop)
        return agent

    def serves(self, name):
        with Visitor(self.broker.http_port, f"{name}.{DOMAIN}") as visitor:
            return visitor.get("/").status == 200

    def test_its_names_by_chance_and_by_wish(self):
        self.assertTrue(self.agent().tunnel.startswith("team-a-"))
        self.assertEqual(self.agent("--subdomain", "team-a-web").tunnel, "team-a-web")

    def test_no_other_name_and_nobody_else_that_name(self):
        for secret, name in ((self.secret, "other"), ("s3cret-of-ann", "team-a-x")):
            for mux in (True, False):
                with self.subTest(name=name, mux=mux):
                    agent = self.agent("--subdomain", name, secret=secret, ready=False, mux=mux)
                    refused = agent.wait_event("refused")
                    self.assertEqual(refused["code"], "forbidden")
                    self.assertIn("does not allow this name", refused["message"])
                    self.assertEqual(agent.wait_end(), 3)

    def test_a_restart_after_a_kill_has_its_name_again(self):
        first = self.agent("--subdomain", "team-a-again")
        first.stop(signal.SIGKILL)
        self.assertEqual(self.agent("--subdomain", "team-a-again").tunnel, "team-a-again")

    def test_a_stock_client_shows_it_in_three_ways(self):
        host = self.broker.host(False)
        ways = ((host.replace("://", f"://any:{self.secret}@"), "team-a-stock"), (f"{host}/{self.secret}", "team-a-stock"),
                (host, f"team-a-stock?token={self.secret}"), (f"{host}/{self.secret}", None))
        for where, name in ways:
            with self.subTest(where=where.replace(self.secret, "SECRET")):
                client = StockClient(self.app.port, where, name)
                self.addCleanup(client.stop)
                self.assertTrue(client.tunnel.startswith("team-a-stock" if name else "team-a-"))
                self.assertTrue(self.serves(client.tunnel))
                self.assertNotIn(self.secret, client.url)
                client.stop()

    def test_the_log_holds_no_secret_and_says_which_file_does(self):
        with Visitor(self.broker.http_port, DOMAIN) as visitor:
            for target in (f"/{self.secret}/No_Name", f"/{self.secret}/x/y", f"/{self.secret}", f"/team-a-x/?token={self.secret}",
                           f"/other?token={self.secret}"):
                answer = visitor.get(target)
                self.assertIn(answer.status, (403, 404))
                self.assertNotIn(self.secret, answer.text)
        self.assertNotIn(self.secret, self.broker.tail(10000))
        self.assertNotIn("s3cret-of-ann", self.broker.tail(10000))
        plain = self.broker.wait_event("token-plain")
        self.assertEqual(plain["tokens"], 1)
        self.assertIn("broker token hash", plain["detail"])


class Number(E2E):
    """How many tunnels a token may have at once."""

    short = True

    def test_two_of_three_stand_and_one_that_ends_makes_room(self):
        tokens = self.folder / "tokens"
        secret = token("new", "--file", tokens, "--name", "two", "--tunnels", 2).stdout.strip()
        broker = self.start(Broker("--token-file", tokens))
        app = App()
        self.addCleanup(app.stop)
        agents = [Agent(app.port, broker.host(False), mux=True, env={"TENFOLD_TOKEN": secret}) for _ in range(2)]
        for agent in agents:
            self.addCleanup(agent.stop)
        third = Agent(app.port, broker.host(False), mux=True, ready=False, env={"TENFOLD_TOKEN": secret})
        self.addCleanup(third.stop)
        self.assertIn("Too many tunnels", third.wait_event("reconnecting")["cause"])
        with Visitor(broker.http_port, DOMAIN) as visitor:
            self.assertEqual(visitor.get(f"/{secret}/?new").status, 429)
        agents[0].stop()
        third.wait_event("ready")


class ClassicDoors(E2E):
    """--classic: with a token, open, or off."""

    short = True

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.file = cls.folder / "tokens"
        cls.file.write_text("s3cret ann\n")

    def status(self, *flags):
        broker = self.start(Broker(*flags))
        with Visitor(broker.http_port, DOMAIN) as visitor:
            return visitor.get("/?new").status, visitor.get("/?new&token=s3cret").status

    def test_each(self):
        with_tokens = ("--token-file", self.file)
        self.assertEqual(self.status(), (200, 200))
        self.assertEqual(self.status("--classic", "open"), (200, 200))
        self.assertEqual(self.status(*with_tokens), (401, 200))
        self.assertEqual(self.status(*with_tokens, "--classic", "on"), (401, 200))
        self.assertEqual(self.status(*with_tokens, "--classic", "token"), (401, 200))
        self.assertEqual(self.status(*with_tokens, "--classic", "open"), (200, 200))
        self.assertEqual(self.status(*with_tokens, "--classic", "off"), (426, 426))

    def test_a_token_that_nobody_can_have(self):
        broker = self.start(Process("broker", [BIN / "broker", "--http", "127.0.0.1:0", "--classic", "token"]))
        self.assertEqual(broker.wait_end(), 2)
        self.assertIn("--token-file", broker.tail())
