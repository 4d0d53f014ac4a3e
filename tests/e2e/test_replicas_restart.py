"""Replicas behind HAProxy that are restarted and killed while visitors come: nothing of it is lost, or not for long."""
import time

from apps import WebSocketEcho
from harness import DOMAIN, Agent, eventually
from load import Load, LongApp, LongOnes
from test_replicas import OnReplicas

RATE = 200  # requests a second
LONG = 6  # seconds of the long ones: they go on when the drained replica's doors have closed


class BehindHaproxy:
    """Agent and visitors come through the balancer."""

    programs = ("redis-server", "haproxy")
    flags = ("--drain-delay", "3s")
    file = "haproxy-tcp.cfg"
    weight = 5

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        pem = None
        if cls.file == "haproxy-http.cfg":
            certificate = cls.cluster.authority.folder / "broker.pem"
            pem = cls.folder / "tunnel.pem"
            pem.write_bytes(certificate.read_bytes() + certificate.with_suffix(".key").read_bytes())
        cls.front = cls.cluster.balance(cls.file, pem=pem)
        cls.app, cls.echo = LongApp(), WebSocketEcho()
        for app in (cls.app, cls.echo):
            cls.addClassCleanup(app.stop)
        cls.agent = cls.start(Agent(cls.app.port, f"https://127.0.0.1:{cls.front.https_port}", cls.echo.port, "--subdomain", "app",
                                    "--subdomain", "echo", mux="require", ca=cls.cluster.authority.ca))

    def load(self):
        return Load(self.front.http_port, f"app.{DOMAIN}", RATE)

    def long_ones(self, seconds=LONG):
        return LongOnes(self.front.http_port, f"app.{DOMAIN}", f"echo.{DOMAIN}", seconds)

    def rolling_restart(self):
        load, faults, owners, took = self.load(), [], set(), []
        for replica in list(self.cluster.replicas):
            if owner := self.cluster.owner("app"):
                owners.add(owner.replica)
            running = [self.long_ones() for _ in range(2)]
            begin = time.monotonic()
            self.assertEqual(self.cluster.restart(replica), 0)
            took.append(f"{time.monotonic() - begin:.1f}")
            for each in running:
                faults += each.wait().items()
        load.stop()
        self.measured = (f"{load.done} requests served, {len(load.failures)} failed, {load.repeated} sent again; the slowest "
                         f"{load.slowest:.2f} s; drained in {', '.join(took)} s; the agent was on {len(owners)} replicas")
        self.assertEqual((load.failures[:5], faults), ([], []))
        # Kept connections of a client end in order: a request that meets the end is rare, and harmless.
        self.assertLess(load.repeated, load.done / 200)

    def test_a_rolling_restart_of_all_loses_nothing(self):
        self.rolling_restart()


class RestartBehindTcp(BehindHaproxy, OnReplicas):
    def test_the_kill_of_the_agent_s_replica_heals(self):
        owner = eventually(lambda: self.cluster.owner("app"), "an owner")
        load = self.load()
        time.sleep(1)
        self.assertEqual(load.failures, [])
        killed = time.monotonic()
        owner.kill()
        try:
            eventually(lambda: load.failures or time.monotonic() > killed + 1, "the kill is felt")
            eventually(lambda: time.monotonic() - max([killed, *(f[1] for f in load.failures)]) > 2, "no error for 2 s", 15)
        finally:
            load.stop()
            again = self.cluster.put(owner.again())
        last = max([killed, *(ended for _, ended, _ in load.failures)])
        self.measured = (f"{len(load.failures)} of {load.done + len(load.failures)} requests failed, the last one {last - killed:.2f} s "
                         "after the kill")
        self.assertLess(last - killed, 10)
        self.assertGreater(load.answered_at, last)
        eventually(again.ready, "it is ready again")

    def test_what_runs_elsewhere_is_not_touched_by_a_kill(self):
        """Visitors and agent on r1 and r2, and r3 dies."""
        name = "elsewhere"
        agent = Agent(self.app.port, self.cluster[0].host(False), "--subdomain", name, mux="require")
        self.addCleanup(agent.stop)
        self.everywhere(name)
        host = f"{name}.{DOMAIN}"
        long_ones = [LongOnes(self.cluster[at].http_port, host, f"echo.{DOMAIN}", 4) for at in (0, 1)]
        if self.cluster.owner("echo") is self.cluster[2]:
            self.skipTest("the echo's tunnel is on it")
        dead = self.cluster[2]
        dead.kill()
        try:
            self.assertEqual([each.wait() for each in long_ones], [{}, {}])
        finally:
            self.cluster.put(dead.again())


class RestartBehindHttp(BehindHaproxy, OnReplicas):
    file, believed = "haproxy-http.cfg", "--proxy"
