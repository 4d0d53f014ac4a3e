"""The registry killed, emptied, frozen, full, or something else in its place: what replicas know serves on, and everything
heals without a restart."""
import contextlib
import json
import signal
import socket
import time

from fakes import Server
from harness import DOMAIN, Agent, eventually
from replicas import Passage, Redis
from test_replicas import OnReplicas
from visitor import Visitor

PAUSE = 12.0  # seconds: longer than a lease


class Garbage(Server):
    """Answers whatever is said with bytes that are no answer."""

    def serve(self, sock):
        while sock.recv(65536):
            sock.sendall(b"$-7\r\n*9999999999\r\n\xff\xfe\0 no redis at all\r\n")


class RegistryTrouble:
    """One cluster; each test has the registry in order again at its end."""

    weight = 4

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.redis = cls.cluster.redis

    def setUp(self):
        eventually(self.is_in_order, "the registry answers all replicas")
        self.name = self.id().rpartition(".")[2].replace("_", "-")[5:45].strip("-")
        self.first = self.agent(0, "--subdomain", self.name)
        self.everywhere(self.name)

    def is_in_order(self):
        return all("warning" not in (replica.ready() or "warning") for replica in self.cluster.replicas)

    def restart_redis(self, *flags):
        type(self).redis = self.cluster.redis = self.start(Redis(self.folder, self.cluster.redis_port, *flags))

    def known_serves_on(self, seconds):
        """Every replica, all of this time."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            self.assertEqual([self.status(at, self.name) for at in range(3)], [200] * 3)
            time.sleep(0.1)

    def new_names_wait(self):
        """A new name is 503 registry-away; an agent asks again until it has it. That agent."""
        for at in range(3):
            with Visitor(self.cluster[at].http_port, DOMAIN) as visitor:
                answer = visitor.get(f"/{self.name[:30]}-{at}")
                self.assertEqual((answer.status, json.loads(answer.text)["code"]), (503, "registry-away"))
        agent = self.agent(1, "--subdomain", self.name[:30] + "-new", ready=False)
        self.assertIn("cannot look up", agent.wait_event("reconnecting")["cause"])
        return agent

    def heals(self, *agents):
        for agent in agents:
            agent.wait_event("ready")
        eventually(self.is_in_order, "every replica says that the registry is back")
        self.everywhere(self.name)
        late = self.agent(2, "--subdomain", self.name[:30] + "-late")
        self.everywhere(late.tunnel)


class RegistryGone(RegistryTrouble, OnReplicas):
    def test_killed_and_back_with_nothing_in_it(self):
        self.redis.kill()
        waiting = self.new_names_wait()
        self.known_serves_on(2)
        begin = time.monotonic()
        self.restart_redis()
        self.heals(waiting)
        self.measured = f"a new name {time.monotonic() - begin:.1f} s after the empty one came"

    def test_emptied_while_it_runs(self):
        self.redis.command("FLUSHALL")
        self.known_serves_on(5)
        self.heals()

    def test_garbage_in_its_place(self):
        self.redis.kill()
        garbage = Garbage(self.cluster.redis_port)
        try:
            waiting = self.new_names_wait()
            self.known_serves_on(3)
        finally:
            garbage.stop()
        eventually(self.is_free, "the port is free")
        self.restart_redis()
        self.heals(waiting)

    def is_free(self):
        with contextlib.suppress(OSError):
            socket.create_server(("127.0.0.1", self.cluster.redis_port)).close()
            return True
        return False

    def test_an_agent_moves_by_its_token_alone(self):
        """Its link breaks while the registry is away, and another replica takes it."""
        way = Passage(self.cluster[0].http_port)
        self.addCleanup(way.close)
        agent = Agent(self.app.port, f"http://127.0.0.1:{way.port}", "--subdomain", "moves", mux="require")
        self.addCleanup(agent.stop)
        self.everywhere("moves")
        self.redis.kill()
        try:
            eventually(lambda: not self.is_in_order(), "they know that it is away")
            way.behind = self.cluster[1].http_port
            way.close()
            way.open()
            eventually(lambda: "moves" in self.cluster[1].tunnels(), "it is on r2")
            self.assertEqual(self.status(1, "moves"), 200)
        finally:
            self.restart_redis()
        self.everywhere("moves")
        self.heals()


class RegistryWithoutAnswers(RegistryTrouble, OnReplicas):
    def test_frozen(self):
        self.redis.send_signal(signal.SIGSTOP)
        try:
            waiting = self.new_names_wait()
            self.known_serves_on(PAUSE)
        finally:
            self.redis.send_signal(signal.SIGCONT)
        self.known_serves_on(2)
        self.heals(waiting)

    def test_full(self):
        self.redis.command("CONFIG", "SET", "maxmemory-policy", "noeviction")
        self.redis.command("CONFIG", "SET", "maxmemory", "1")
        try:
            waiting = self.new_names_wait()
            self.known_serves_on(PAUSE)  # a lease that is there needs no memory
        finally:
            self.redis.command("CONFIG", "SET", "maxmemory", "0")
        self.heals(waiting)
