"""Everything that comes and goes: the local app, the broker, the agent; and how each stops when asked."""
import contextlib
import json
import pathlib
import signal
import socket
import threading
import time

import harness
from apps import App, data_of, digest
from fakes import Scripted
from harness import DOMAIN, E2E, Agent, Broker, eventually
from visitor import Cut, Visitor
from ways import CLASSIC, MUX, STOCK_CLIENT, Tunnelled, over


class OneApp:
    @classmethod
    def apps(cls):
        cls.app = App()
        return {"app": cls.app}

    def works(self):
        """Whether the page comes, now."""
        with contextlib.suppress(Cut, OSError, AssertionError), self.visitor(timeout=5) as visitor:
            return visitor.get("/hello").text == "hello\n"
        return False

    def refused(self, port):
        try:
            socket.create_connection(("127.0.0.1", port), 5).close()
        except OSError:
            return True
        return False


@over(MUX, CLASSIC)
class AppComesAndGoes(OneApp):
    short = True

    def test_down_is_a_502_and_up_again_a_200(self):
        self.assertTrue(self.works())
        port = self.app.port
        for _ in range(3):
            self.app.stop()
            eventually(lambda: self.refused(port), "the app down")
            with self.visitor() as visitor:
                answer = visitor.get("/hello")
                self.assertEqual(answer.status, 502)
            self.app = App(port)
            self.addCleanup(self.app.stop)
            with self.visitor() as visitor:
                self.assertEqual(visitor.get("/hello").status, 200)

    def test_an_idle_connection_that_the_app_closed_hurts_nobody(self):
        for _ in range(20):
            with self.visitor() as visitor:
                self.assertEqual(visitor.get("/hello").status, 200)
                with self.app._lock:
                    idle = list(self.app._open)
                for sock in idle:
                    with contextlib.suppress(OSError):
                        sock.shutdown(socket.SHUT_RDWR)
                # Even in the very moment: a request without side effects is tried once more.
                self.assertEqual(visitor.get("/hello").status, 200)


@over(MUX, CLASSIC)
class BrokerComesAndGoes(OneApp):
    weight = 4

    def restart(self, *, signum):
        """The broker ends and a new one takes its ports."""
        old = type(self).server
        old.send_signal(signum)
        old.wait_end()
        authority = None
        if self.way.tls:
            authority = harness.Authority.__new__(harness.Authority)
            authority.folder, authority.ca = self.folder / "ca", old.ca
        type(self).server = self.start(old.again(authority=authority))

    def test_the_same_name_again(self):
        for signum in (signal.SIGKILL, signal.SIGTERM):
            self.restart(signum=signum)
            eventually(self.works, f"the same name after {signum.name}")
            self.assertIsNone(self.clients["app"].popen.poll())

    def test_the_agent_waits_for_a_broker(self):
        port = harness.free_port()
        agent = self.start(Agent(self.app.port, f"http://127.0.0.1:{port}", "--subdomain", "early-bird", ready=False,
                                 mux=self.way.mux))
        agent.wait_event("reconnecting")
        self.start(Broker(http_port=port))
        agent.wait_event("ready")

        def works():
            with Visitor(port, f"early-bird.{DOMAIN}") as visitor:
                return visitor.get("/hello").status == 200

        eventually(works, "the tunnel once the broker is there")


@over(MUX, CLASSIC, STOCK_CLIENT)
class BrokerStops(OneApp):
    short = True

    def half(self):
        """A visitor with half of an answer."""
        visitor = self.visitor()
        visitor.send(visitor.head("GET", "/wait"))
        answer = visitor.answer_head()
        pieces = visitor.body(answer)
        self.assertEqual(next(pieces), b"half")
        return visitor, pieces

    def test_1_sigterm_finishes_what_runs_and_takes_nothing_new(self):
        visitor, pieces = self.half()
        self.server.send_signal(signal.SIGTERM)
        eventually(lambda: self.refused(self.server.http_port), "no new visitor")
        self.assertIsNone(self.server.popen.poll())
        self.app.events.put(b"done")
        self.assertEqual(b"".join(pieces), b"done")
        visitor.close()
        self.assertEqual(self.server.wait_end(10), 0)

    def test_2_a_second_signal_ends_at_once(self):
        type(self).server = self.start(Broker())
        client = self.start(self.client_of(self.server))
        self.tunnels["app"] = client.tunnel
        visitor, _ = self.half()
        self.server.send_signal(signal.SIGTERM)
        eventually(lambda: self.refused(self.server.http_port), "no new visitor")
        begin = time.monotonic()
        self.server.send_signal(signal.SIGTERM)
        self.server.wait_end(10)
        self.assertLess(time.monotonic() - begin, 5)
        visitor.close()
        self.app.events.put(b"done")

    def client_of(self, server):
        if self.way.client == "stock":
            return harness.StockClient(self.app.port, server.host(False))
        return Agent(self.app.port, server.host(False), mux="require" if self.way.mux else False)


@over(MUX, CLASSIC)
class AgentStops(OneApp):
    def test_it_says_goodbye_and_its_name_is_free_for_the_next(self):
        # Without a link there is no goodbye: the broker waits for sockets before it tells a visitor.
        for _ in range(3 if self.way.mux else 1):
            agent = self.client(self.app.port, subdomain="my-own-name")
            self.assertEqual(agent.tunnel, "my-own-name")
            with self.visitor(tunnel="my-own-name") as visitor:
                self.assertEqual(visitor.get("/hello").status, 200)
            agent.send_signal(signal.SIGINT)
            self.assertEqual(agent.wait_end(10), 0)
            agent.stop()

            def gone():
                with self.visitor(tunnel="my-own-name") as visitor:
                    return visitor.get("/hello").status in (404, 503)

            eventually(gone, "the tunnel gone with its agent")

    def test_it_finishes_what_runs(self):
        agent = self.start(self.client(self.app.port, subdomain="last-word"))
        with self.visitor(tunnel="last-word") as visitor:
            visitor.send(visitor.head("GET", "/wait"))
            pieces = visitor.body(visitor.answer_head())
            self.assertEqual(next(pieces), b"half")
            agent.send_signal(signal.SIGTERM)
            # It has heard the signal once it says so, or once no new visitor gets through.
            self.app.events.put(b"done")
            self.assertEqual(b"".join(pieces), b"done")
        self.assertEqual(agent.wait_end(10), 0)

    def test_a_killed_agent_leaves_an_answer(self):
        agent = self.start(self.client(self.app.port, subdomain="gone-away"))
        with self.visitor(tunnel="gone-away") as visitor:
            self.assertEqual(visitor.get("/hello").status, 200)
        with self.visitor(tunnel="gone-away") as waiting:
            waiting.send(waiting.head("GET", "/wait"))
            pieces = waiting.body(waiting.answer_head())
            self.assertEqual(next(pieces), b"half")
            agent.send_signal(signal.SIGKILL)
            agent.wait_end()
            with self.assertRaises(Cut):
                list(pieces)
        with self.visitor(tunnel="gone-away") as visitor:
            self.assertIn(visitor.get("/hello").status, (404, 502, 503))
        self.app.events.put(b"")


class AgentRestarts(E2E):
    """Who kills an agent and starts it again has the name at once, whatever the two speak."""

    short = True

    def test_the_name_of_a_killed_agent(self):
        broker, app = self.start(Broker()), App()
        self.addCleanup(app.stop)
        old = self.start(Agent(app.port, broker.host(False), "--subdomain", "my-project", mux="require"))
        for mux in ("require", False, False, "require"):
            old.send_signal(signal.SIGKILL)
            old.wait_end()
            old = self.start(Agent(app.port, broker.host(False), "--subdomain", "my-project", mux=mux))
            self.assertEqual(old.tunnel, "my-project")
            with Visitor(broker.http_port, f"my-project.{DOMAIN}") as visitor:
                self.assertEqual(visitor.get("/hello").status, 200)


def probed(port, other=None):
    """Whether the kernel runs a keepalive timer for every established connection from `port` (to `other`), of which
    there must be one: proc(5), /proc/net/tcp."""
    timers = []
    for line in pathlib.Path("/proc/net/tcp").read_text().splitlines()[1:]:
        _, mine, theirs, state, _, timer = line.split()[:6]
        if state == "01" and int(mine[9:], 16) == port and (other is None or int(theirs[9:], 16) == other):
            timers.append(timer[:2])
    return timers and set(timers) == {"02"}


class Idle(E2E):
    """Sockets that lie idle are kept in the memory of whatever NAT is on their way."""

    short = True

    def test_both_ends_of_a_pooled_socket(self):
        broker, app = self.start(Broker()), App()
        self.addCleanup(app.stop)
        with Visitor(broker.http_port, f"127.0.0.1:{broker.http_port}") as visitor:
            port = json.loads(visitor.get("/by-hand").text)["port"]
        with socket.create_connection(("127.0.0.1", port), 10):
            eventually(lambda: probed(port), "the broker's end probes")
        server = Scripted()
        self.addCleanup(server.stop)
        agent = self.start(Agent(app.port, f"http://127.0.0.1:{server.port}"))
        socket_, (_, ours) = server.pool.accept()
        with socket_:
            self.assertTrue(probed(ours), "the agent's end probes")
        agent.stop()


class TwoTunnels(Tunnelled):
    """Tunnels of one broker keep apart, and a broken one hurts no other."""

    way = MUX
    short = True

    @classmethod
    def apps(cls):
        cls.one, cls.two = App(), App()
        return {"one": cls.one, "two": cls.two}

    def test_a_flood_through_one_leaves_the_other_alone(self):
        stalled = [self.visitor("one") for _ in range(20)]
        for visitor in stalled:
            visitor.send(visitor.head("GET", "/endless"))
        with self.visitor("two") as visitor:
            for size in (1, 1000, 100000):
                self.assertEqual(visitor.get(f"/bytes/{size}").sha256, digest(data_of(size)))
        with self.visitor("one") as visitor:
            self.assertEqual(visitor.get("/bytes/1000").sha256, digest(data_of(1000)))
        for visitor in stalled:
            visitor.abort()

    def test_a_killed_agent_leaves_the_other_alone(self):
        extra = self.start(self.client(self.one.port))
        errors = []

        def visit():
            try:
                with self.visitor("two") as visitor:
                    for _ in range(300):
                        assert visitor.get("/hello").status == 200
            except Exception as error:  # noqa: told below
                errors.append(error)

        thread = threading.Thread(target=visit)
        thread.start()
        extra.send_signal(signal.SIGKILL)
        extra.wait_end()
        thread.join()
        self.assertEqual(errors, [])
