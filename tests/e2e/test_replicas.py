"""Three brokers that are one: a visitor reaches every tunnel at each of them, names have one owner, the operator's word
counts on all. Real brokers and a real Redis."""
import asyncio
import base64
import json
import signal
import time
import unittest

import websockets

from apps import App, WebSocketEcho, data_of, digest
from harness import DOMAIN, E2E, Agent, StockClient, eventually
from link_agent import LinkAgent, policy
from replicas import Cluster, Replica, missing
from test_tokens import token
from visitor import Visitor

MB = 1_000_000


class OnReplicas(E2E):
    """A cluster, an app, and what tests ask of them."""

    flags = ()
    own_flags = None
    programs = ("redis-server",)
    believed = "--proxy-protocol-from"

    @classmethod
    def setUpClass(cls):
        if why := missing(*cls.programs):
            raise unittest.SkipTest(why)
        super().setUpClass()
        cls.cluster = Cluster(cls.folder, *cls.cluster_flags(), start=cls.start, own_flags=cls.own_flags,
                              believed=cls.believed)
        cls.app = App()
        cls.addClassCleanup(cls.app.stop)

    @classmethod
    def cluster_flags(cls):
        return cls.flags

    @classmethod
    def _stop(cls, process):
        """A replica that a test has stopped or killed has its end; at the end of all there is nobody to take over, and a
        second signal ends the drain."""
        if process.popen.poll() is not None:
            return
        if not isinstance(process, Replica):
            return super()._stop(process)
        process.send_signal(signal.SIGTERM)
        process.wait_event("draining")
        process.stop()
        assert not process.sanitizer_report(), process.sanitizer_report()

    def agent(self, at, *flags, target=None, **options):
        """One on replica AT."""
        agent = Agent(target or self.app.port, self.cluster[at].host(False), *flags, mux="require", **options)
        self.addCleanup(agent.stop)
        return agent

    def visitor(self, at, name, **options):
        return Visitor(self.cluster[at].http_port, f"{name}.{DOMAIN}", **options)

    def answer(self, at, name, target="/hello", fields=(), **options):
        with self.visitor(at, name, **options) as visitor:
            return visitor.get(target, [*fields, ("Accept", "application/json")])

    def status(self, at, name, *args, **options):
        return self.answer(at, name, *args, **options).status

    def code(self, at, name):
        """Of a refusal; an answer's status where it is none."""
        answer = self.answer(at, name)
        return json.loads(answer.text)["code"] if answer.get("Content-Type") == "application/json" else answer.status

    def everywhere(self, name, status=200, seconds=30.0):
        """Waits until it is so on every replica."""
        replicas = range(len(self.cluster.replicas))
        return eventually(lambda: all(self.status(at, name) == status for at in replicas),
                          lambda: f"{status} of {name}: {[self.status(at, name) for at in replicas]}", seconds)


class Crossing(OnReplicas):
    """The agent is on r1; visitors come to all three."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.echo = WebSocketEcho()
        cls.addClassCleanup(cls.echo.stop)
        cls.start(Agent(cls.app.port, cls.cluster[0].host(False), cls.echo.port, "--subdomain", "app", "--subdomain", "echo", mux="require"))

    def test_a_request(self):
        for at in range(3):
            with self.subTest(at), self.visitor(at, "app") as visitor:
                for _ in range(3):
                    self.assertEqual(visitor.get("/hello").text, "hello\n")

    def test_bodies_of_20_mb_in_both_directions(self):
        for at in (0, 1, 2):
            with self.subTest(at), self.visitor(at, "app") as visitor:
                self.assertEqual(visitor.get(f"/bytes/{20 * MB}").sha256, digest(data_of(20 * MB)))
                seen = json.loads(visitor.request("POST", "/hash", body=data_of(20 * MB)).text)
                self.assertEqual((seen["length"], seen["sha256"]), (20 * MB, digest(data_of(20 * MB))))

    def test_a_websocket(self):
        async def talk(port):
            async with websockets.connect(f"ws://echo.{DOMAIN}:{port}/greet", host="127.0.0.1", port=port, max_size=None) as socket_:
                self.assertEqual(await socket_.recv(), "welcome")
                for message in ("text", b"bytes", bytes(MB)):
                    await socket_.send(message)
                    self.assertEqual(await socket_.recv(), message)

        for at in range(3):
            asyncio.run(talk(self.cluster[at].http_port))

    def test_the_app_hears_who_asks(self):
        for at in range(3):
            with self.subTest(at):
                said = [("X-Forwarded-For", "7.7.7.7"), ("Tenfold-Hop", "1"), ("Tenfold-Peer", "7.7.7.7:1")]
                found = json.loads(self.answer(at, "app", "/hash", said, source="127.0.0.3").text)["fields"]
                fields = {name.lower(): value for name, value in found}
                self.assertEqual(fields["x-forwarded-for"], "127.0.0.3")
                self.assertEqual(fields["host"], f"app.{DOMAIN}")
                self.assertNotIn("7.7.7.7:1", [value for name, value in found if name.lower() == "x-forwarded-for"])

    def test_events_come_as_they_are_sent(self):
        with self.visitor(2, "app") as visitor:
            visitor.send(visitor.head("GET", "/sse"))
            pieces = visitor.body(visitor.answer_head())
            for event in (b"one", b"two"):
                self.app.events.put(event)
                heard = b""
                while b"\n\n" not in heard:
                    heard += next(pieces)
                self.assertEqual(heard, b"data: " + event + b"\n\n")
            self.app.events.put(None)
            self.assertEqual(b"".join(pieces), b"")

    def test_a_name_that_nobody_has_is_404_everywhere(self):
        self.assertEqual([self.status(at, "nobody") for at in range(3)], [404] * 3)

    def test_a_tunnel_s_rules_hold_at_every_replica(self):
        for name, rules in (("guarded", policy(logins=[("ann", "s3cret")])), ("closed", policy(deny=["127.0.0.3"]))):
            agent = LinkAgent(self.cluster[1].http_port, DOMAIN, name, rules)
            self.addCleanup(agent.stop)
        self.everywhere("guarded", 401)
        right, wrong = (("Authorization", "Basic " + base64.b64encode(text).decode()) for text in (b"ann:s3cret", b"ann:guess"))
        for at in range(3):
            with self.subTest(at):
                self.assertEqual(self.status(at, "guarded", fields=[wrong]), 401)
                self.assertEqual(self.answer(at, "guarded", fields=[right]).text, "hand\n")
                self.assertEqual(self.status(at, "closed", source="127.0.0.3"), 403)
                self.assertEqual(self.answer(at, "closed", source="127.0.0.4").text, "hand\n")


class Names(OnReplicas):
    """Who has a name, when replicas are asked for it at once."""

    @classmethod
    def cluster_flags(cls):
        file = cls.folder / "tokens"
        cls.secrets = {name: token("new", "--file", file, "--name", name).stdout.strip() for name in ("ann", "bob")}
        return (*cls.flags, "--token-file", file)

    def of(self, owner, at, *flags, **options):
        return self.agent(at, *flags, env={"TENFOLD_TOKEN": self.secrets[owner]}, **options)

    def test_two_agents_with_the_same_token_and_name_on_two_replicas(self):
        first = self.of("ann", 0, "--subdomain", "twice")
        self.everywhere("twice")
        second = self.of("ann", 1, "--subdomain", "twice")
        told = first.wait_event("refused")
        self.assertEqual(told["code"], "replaced")
        self.assertTrue(told["message"])
        self.assertEqual(first.wait_end(), 3)
        self.everywhere("twice")
        self.assertEqual(self.cluster.owner("twice").replica, "r2")
        self.assertIsNone(second.popen.poll())

    def test_two_agents_at_the_same_moment(self):
        """One of them is the second, and has it."""
        both = [self.of("ann", at, "--subdomain", "race", ready=False) for at in (0, 2)]
        ended = eventually(lambda: [agent for agent in both if agent.popen.poll() is not None], "one of them is told")
        self.assertEqual([agent.wait_end() for agent in ended], [3])
        self.assertEqual(ended[0].wait_event("refused")["code"], "replaced")
        self.everywhere("race")
        self.assertEqual(sum("race" in replica.tunnels() for replica in self.cluster.replicas), 1)

    def test_a_stranger_is_told_that_the_name_is_taken(self):
        self.of("ann", 0, "--subdomain", "hers")
        for at in range(3):
            stranger = self.of("bob", at, "--subdomain", "hers", ready=False)
            self.assertEqual(stranger.wait_event("refused")["code"], "name-taken")
            self.assertEqual(stranger.wait_end(), 3)
        self.everywhere("hers")

    def test_an_agent_that_was_killed_has_its_name_at_once_from_elsewhere(self):
        self.of("ann", 0, "--subdomain", "again").stop(signal.SIGKILL)
        begin = time.monotonic()
        agent = self.of("ann", 2, "--subdomain", "again")
        self.assertEqual(agent.tunnel, "again")
        self.assertEqual(agent.events()[0]["event"], "ready", agent.tail())
        self.assertLess(time.monotonic() - begin, 10)
        self.everywhere("again")

    def test_a_name_is_kept_for_its_owner(self):
        self.of("ann", 0, "--subdomain", "kept").stop(signal.SIGKILL)
        stranger = self.of("bob", 1, "--subdomain", "kept", ready=False)
        self.assertEqual(stranger.wait_event("refused")["code"], "name-taken")

    def test_an_agent_that_says_goodbye_frees_its_name_everywhere(self):
        self.of("ann", 0, "--subdomain", "freed").stop()
        eventually(lambda: [self.status(at, "freed") for at in range(3)] == [404] * 3, "404 everywhere")
        self.assertEqual(self.of("bob", 1, "--subdomain", "freed").tunnel, "freed")

    def test_the_kill_switch_of_any_replica_ends_the_tunnel_on_all_and_its_ban_holds(self):
        for name, asked in (("ended-a", 0), ("ended-b", 2)):
            with self.subTest(asked=asked):
                agent = self.of("ann", 1, "--subdomain", name)
                self.everywhere(name)
                begin = time.monotonic()
                self.cluster[asked].api(f"tunnels/{name}?ban=600", "DELETE")
                eventually(lambda: all(self.status(at, name) in (403, 404) for at in range(3)), "gone everywhere", 5)
                self.assertIn(agent.wait_event("refused", seconds=5)["code"], ("killed", "banned"))
                self.measured = f"ended on all replicas after {time.monotonic() - begin:.2f} s"
                for at in range(3):
                    refused = self.of("ann", at, "--subdomain", name, ready=False)
                    self.assertEqual(refused.wait_event("refused")["code"], "banned")
                    self.assertEqual(refused.wait_end(), 3)


class Classic(OnReplicas):
    """Stock clients: their sockets go to the replica whose --classic-address the JSON gave, where alone they are taken."""

    programs = ("redis-server", "node")
    own_flags = [("--classic-address", f"127.0.0.1{n}", "--classic-bind", f"127.0.0.1{n}") for n in range(1, 4)]
    own_flags = dict(enumerate(own_flags))

    def test_each_is_reached_from_every_replica(self):
        clients = [StockClient(self.app.port, self.cluster[at].host(False), f"stock-{at}") for at in range(3)]
        for at, client in enumerate(clients):
            self.addCleanup(client.stop)
            self.everywhere(client.tunnel)
            self.assertIn(client.tunnel, self.cluster[at].tunnels())
            for asked in range(3):
                with self.visitor(asked, client.tunnel) as visitor:
                    self.assertEqual(visitor.get(f"/bytes/{3 * MB}").sha256, digest(data_of(3 * MB)))
                    seen = json.loads(visitor.request("POST", "/hash", body=data_of(MB)).text)
                    self.assertEqual(seen["sha256"], digest(data_of(MB)))

    def test_a_name_that_another_replica_s_client_has_is_not_given(self):
        first = StockClient(self.app.port, self.cluster[0].host(False), "wanted")
        self.addCleanup(first.stop)
        second = StockClient(self.app.port, self.cluster[1].host(False), "wanted")
        self.addCleanup(second.stop)
        self.assertEqual(first.tunnel, "wanted")
        self.assertNotEqual(second.tunnel, "wanted")
