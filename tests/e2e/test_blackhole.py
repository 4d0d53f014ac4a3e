"""A path that swallows packets in one direction, without a word to either side: nft in network namespaces of this test's
own, which end with its processes."""
import contextlib
import time
import unittest

from harness import DOMAIN, E2E, Agent, Authority, Broker, Process, eventually
from networks import Networks
from replicas import missing
from visitor import Visitor

HERE, THERE = "10.213.0.1", "10.213.0.2"  # the broker's side, the agent's
NOTICED = 17.0  # seconds: two PINGs without an answer, and what TCP adds
SERVES = 5.0  # seconds after it has healed
SLACK = 5.0  # of a busy machine


class Blackhole(E2E):
    weight = 3

    @classmethod
    def setUpClass(cls):
        if why := missing("nft"):
            raise unittest.SkipTest(why)
        super().setUpClass()
        cls.networks = Networks(cls.start, [HERE], [THERE])
        authority = Authority(cls.folder / "ca")
        authority.issue("broker", f"IP:{HERE}", f"DNS:{DOMAIN}")
        cls.broker = cls.start(Broker("--https", f"{HERE}:7443", authority=authority))
        cls.app = cls.app_there()
        cls.agent = cls.start(cls.networks.start_far("agent", lambda: Agent(
            cls.app, f"https://{HERE}:7443", "--subdomain", "hole", mux="require", ca=authority.ca)))

    @classmethod
    def app_there(cls):
        """The app's port, in the agent's network."""
        folder = cls.folder / "www"
        folder.mkdir()
        (folder / "hello").write_text("hello\n")
        cls.start(Process("app", cls.networks.far("/usr/bin/python3", "-m", "http.server", "8000", "--bind", "127.0.0.1",
                                                  "--directory", folder))).wait_line("Serving")
        return 8000

    def serves(self, timeout=2.0):
        with contextlib.suppress(Exception):  # no answer in time, a 503
            with Visitor(self.broker.http_port, f"hole.{DOMAIN}", timeout=timeout) as visitor:
                return visitor.get("/hello").text == "hello\n"
        return False

    def losses(self):
        return sum(event["event"] == "reconnecting" for event in self.agent.events())

    def swallow(self, hook):
        eventually(self.serves, "the tunnel serves")
        losses, brokers = self.losses(), len(self.broker.events())
        way = "iifname" if hook == "input" else "oifname"
        self.networks.run_far("nft", f"add table inet hole; add chain inet hole packets {{ type filter hook {hook} priority 0; }}; "
                           f"add rule inet hole packets {way} far drop")
        begin = time.monotonic()
        try:
            self.agent.wait_for(lambda _: self.losses() > losses, "word of the lost link", NOTICED + SLACK)
            agent = time.monotonic() - begin
            self.broker.wait_event("link-down", after=brokers, seconds=NOTICED + SLACK)
            broker = time.monotonic() - begin
            time.sleep(3)
        finally:
            self.networks.run_far("nft", "delete table inet hole")
        begin = time.monotonic()
        eventually(self.serves, "it serves again", SERVES + SLACK)
        self.measured = f"noticed by the agent after {agent:.1f} s, by the broker after {broker:.1f} s; served {time.monotonic() - begin:.1f} s after it healed"

    def test_what_the_broker_says_is_lost(self):
        self.swallow("input")

    def test_what_the_agent_says_is_lost(self):
        self.swallow("output")
