"""One agent that exposes several apps: each has its URL, on one link or on sockets of its own, and keeps it."""
from harness import BIN, DOMAIN, E2E, Agent, Broker, Process, StockServer
from raw_app import RawApp, hello
from visitor import Visitor


def greet(word):
    """An app that answers with its own word."""
    def answer(app, connection, _head):
        connection.sock.sendall(f"HTTP/1.1 200 OK\r\nContent-Length: {len(word)}\r\n\r\n{word}".encode())
        return True

    return RawApp({"/who": answer, "/hello": hello})


class SeveralApps(E2E):
    short = True

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.words = ("web", "api", "docs")
        cls.targets = [greet(word) for word in cls.words]
        for app in cls.targets:
            cls.addClassCleanup(app.stop)

    def expose(self, server, *flags, mux):
        agent = self.start(Agent(self.targets[0].port, server.host(False), *(app.port for app in self.targets[1:]), *flags, mux=mux))
        for app in self.targets:
            agent.wait_event("ready", target=f"http://localhost:{app.port}")
        return agent

    def check_each(self, server, names):
        for name, word in zip(names, self.words):
            with Visitor(server.http_port, f"{name}.{DOMAIN}") as visitor:
                self.assertEqual(visitor.get("/who").text, word)

    def names_of(self, agent):
        ready = [event for event in agent.events() if event["event"] == "ready"][:len(self.targets)]
        self.assertEqual([event["target"] for event in ready], [f"http://localhost:{app.port}" for app in self.targets])
        return [event["name"] for event in ready]

    def test_on_one_link(self):
        broker = self.start(Broker())
        agent = self.expose(broker, mux="require")
        names = self.names_of(agent)
        self.check_each(broker, names)
        self.assertEqual(len([event for event in broker.events() if event["event"] == "link-up"]), 1)
        broker.stop()
        seen = len(agent.events())
        again = self.start(broker.again())
        for name in names:
            agent.wait_event("ready", after=seen, name=name)
        self.check_each(again, names)

    def test_on_classic_sockets(self):
        for mux in (False, True):
            with self.subTest(mux=mux):
                server = self.start(StockServer())
                self.check_each(server, self.names_of(self.expose(server, mux=mux)))

    def test_a_name_that_is_taken_is_the_loss_of_its_app_alone(self):
        broker = self.start(Broker())
        self.start(Agent(self.targets[0].port, broker.host(False), "--subdomain", "taken", mux=True))
        for asked in (("taken", "mine", "ours"), ("mine", "taken", "ours")):
            flags = [flag for name in asked for flag in ("--subdomain", name)]
            agent = Process("agent", [BIN / "agent", "expose", *(app.port for app in self.targets), "--host", broker.host(False), "--mux",
                                      "--json", *flags])
            self.addCleanup(agent.stop)
            refused = agent.wait_event("refused")
            at = asked.index("taken")
            self.assertEqual((refused["code"], refused["target"]), ("name-taken", f"http://localhost:{self.targets[at].port}"))
            for name, word in zip(asked, self.words):
                if name != "taken":
                    agent.wait_event("ready", name=name)
                    with Visitor(broker.http_port, f"{name}.{DOMAIN}") as visitor:
                        self.assertEqual(visitor.get("/who").text, word)
            agent.stop()
            broker.wait_event("tunnel-down", name="ours")
