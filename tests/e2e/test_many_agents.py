"""Agents that lose their broker all at once, and an agent that was stopped while its link died."""
import datetime
import secrets
import signal
import time

import harness
from apps import App
from harness import DOMAIN, E2E, Agent, Broker, Process, eventually
from visitor import Visitor

BACK = 20  # seconds for all of them
MOST = 100  # handshakes in any second


class ManyAgents(E2E):
    weight = 3
    count = 40 if harness.SANITIZED else 120

    def test_all_are_back_with_their_names_and_never_too_many_at_once(self):
        secret = self.folder / "secret"
        secret.write_text(secrets.token_urlsafe(48) + "\n")
        secret.chmod(0o600)
        flags = ("--cluster-secret-file", secret)
        broker = self.start(Broker(*flags, "--unpaced"))
        app = App()
        self.addClassCleanup(app.stop)
        agents = [self.start(Agent(app.port, broker.host(False), mux="require", ready=False)) for _ in range(self.count)]
        names = {agent.wait_event("ready")["name"] for agent in agents}
        self.assertEqual(len(names), self.count)
        seen = {agent: len(agent.events()) for agent in agents}
        Process.running.remove(broker)
        broker.popen.kill()
        broker.wait_end()
        # Each has asked in vain before it comes back, and waits by then.
        for agent in agents:
            agent.wait_event("reconnecting", after=seen[agent])
        broker = self.start(broker.again(*flags))
        begin = time.monotonic()
        again = {agent.wait_event("ready", after=seen[agent], seconds=2 * BACK)["name"] for agent in agents}
        took = time.monotonic() - begin
        self.assertEqual(again, names)
        ups = [datetime.datetime.fromisoformat(event["time"].replace("Z", "+00:00")).timestamp() for event in broker.events()
               if event["event"] == "link-up"]
        most = max(sum(1 for up in ups if first <= up < first + 1) for first in ups)
        self.measured = f"{self.count} agents back in {took:.1f} s, {most} links in the fullest second"
        self.assertLessEqual(most, MOST)
        if not harness.SANITIZED:
            self.assertLess(took, BACK)


class StoppedAgent(E2E):
    weight = 2

    def test_an_agent_that_was_stopped_while_its_link_died_serves_at_once(self):
        broker = self.start(Broker())
        app = App()
        self.addClassCleanup(app.stop)
        agent = self.start(Agent(app.port, broker.host(False), mux="require"))

        def answered():
            with Visitor(broker.http_port, f"{agent.tunnel}.{DOMAIN}", timeout=5) as visitor:
                return visitor.get("/hello").status == 200

        self.assertTrue(answered())
        seen = len(agent.events())
        agent.send_signal(signal.SIGSTOP)
        try:
            broker.wait_event("link-down", name=agent.tunnel)
        finally:
            agent.send_signal(signal.SIGCONT)
        begin = time.monotonic()
        self.assertEqual(agent.wait_event("ready", after=seen)["name"], agent.tunnel)
        eventually(answered, "the tunnel after the stop")
        self.measured = f"serves {time.monotonic() - begin:.2f} s after SIGCONT"
