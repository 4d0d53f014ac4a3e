"""--mux where no link comes up at once: a classic server's own word leads to the classic sockets, and nothing else does."""
import pathlib
import stat

import harness
from apps import App
from fakes import BadWay, Scripted
from harness import DOMAIN, E2E, Agent, Authority, Broker, Nginx, StockClient, StockServer, eventually
from visitor import Visitor


class Proxy(Nginx):
    """nginx in front of a broker. `lines` make the difference: what it does with an Upgrade, what it adds."""

    PASSES = ("proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; "
              "proxy_set_header Connection $http_connection;")
    WITHOUT_FIELDS = "proxy_http_version 1.1;"
    BY_DEFAULT = ""

    def __init__(self, folder, behind, lines, port=None):
        self.behind, self.lines = behind, lines
        super().__init__(folder, port)

    def _configuration(self, folder):
        return f"""
            daemon off; master_process off; pid {folder}/nginx.pid;
            events {{ worker_connections 1024; }}
            http {{
                access_log off;
                client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
                uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
                server {{
                    listen 127.0.0.1:{self.port};
                    location / {{ proxy_pass http://127.0.0.1:{self.behind}; {self.lines}
                                  proxy_set_header Host $http_host; proxy_read_timeout 1h; }}
                }}
            }}"""

    def url(self):
        return f"http://127.0.0.1:{self.port}"


class WithApp(E2E):
    short = True

    def setUp(self):
        self.app = App()
        self.addCleanup(self.app.stop)

    def works(self, server, name):
        with Visitor(server.http_port, f"{name}.{DOMAIN}:{server.http_port}") as visitor:
            self.assertEqual(visitor.get("/hello").text, "hello\n")

    def kinds(self, broker):
        """Of the tunnels that stood at this broker."""
        return {event["kind"] for event in broker.events() if event["event"] == "tunnel-up"}


class Fallback(WithApp):
    def test_a_stock_server(self):
        server = self.start(StockServer())
        agent = self.start(Agent(self.app.port, server.host(), mux=True))
        self.assertEqual(agent.mode, "classic")
        agent.wait_event("fallback")
        self.works(server, agent.tunnel)

    def test_a_stock_server_that_leaves_the_upgrade_open(self):
        server = self.start(StockServer(cuts_upgrades=False))
        agent = self.start(Agent(self.app.port, server.host(), mux=True))
        self.assertEqual(agent.mode, "classic")
        agent.wait_event("fallback")
        self.works(server, agent.tunnel)

    def test_a_stock_server_when_mux_is_required(self):
        for cuts_upgrades in (True, False):
            server = self.start(StockServer(cuts_upgrades))
            agent = Agent(self.app.port, server.host(), mux="require", ready=False)
            self.addCleanup(agent.stop)
            self.assertEqual(agent.wait_end(), 3, agent.tail())

    def test_a_proxy_that_takes_the_upgrade_away(self):
        for number, (flags, lines) in enumerate((((), Proxy.WITHOUT_FIELDS), (("--classic", "off"), Proxy.WITHOUT_FIELDS),
                                                 ((), Proxy.BY_DEFAULT), (("--classic", "off"), Proxy.BY_DEFAULT))):
            with self.subTest(flags=flags, lines=lines):
                broker = self.start(Broker(*flags))
                proxy = self.start(Proxy(self.folder / f"without-{number}", broker.http_port, lines))
                agents = [self.start(Agent(self.app.port, proxy.url(), mux=mux, ready=False)) for mux in (True, "require")]
                for agent in agents:
                    agent.wait_line("proxy_http_version 1.1")
                    agent.wait_line("run without --mux")
                    self.assertIsNone(agent.popen.poll())
                self.assertEqual(self.kinds(broker), set())
                # Who wants the classic sockets has them, where there are any.
                if not flags:
                    self.works(broker, self.start(Agent(self.app.port, proxy.url())).tunnel)
                # Once the proxy is put right the agents have their links, without a hand being laid on them.
                proxy.stop()
                self.start(Proxy(self.folder / f"with-{number}", broker.http_port, Proxy.PASSES, proxy.port))
                for agent in agents:
                    agent.read_ready(agent.wait_event("ready"))
                    self.assertEqual(agent.mode, "mux")
                    self.works(broker, agent.tunnel)

    def test_a_proxy_that_passes_the_upgrade(self):
        broker = self.start(Broker())
        proxy = self.start(Proxy(self.folder / "with", broker.http_port, Proxy.PASSES))
        agent = self.start(Agent(self.app.port, proxy.url(), mux="require"))
        self.assertEqual(agent.mode, "mux")
        self.works(broker, agent.tunnel)

    def test_a_proxy_whose_broker_is_away_at_the_first_start(self):
        port = harness.free_port()
        proxy = self.start(Proxy(self.folder / "early", port, Proxy.PASSES))
        agents = [self.start(Agent(self.app.port, proxy.url(), mux=mux, ready=False)) for mux in (True, "require")]
        for agent in agents:
            agent.wait_event("reconnecting")
        broker = self.start(Broker(http_port=port))
        for agent in agents:
            agent.read_ready(agent.wait_event("ready"))
            self.assertEqual(agent.mode, "mux")
            self.works(broker, agent.tunnel)

    def test_a_broker_without_the_classic_pool(self):
        broker = self.start(Broker("--classic", "off"))
        with Visitor(broker.http_port, DOMAIN) as visitor:
            self.assertEqual(visitor.get("/?new").status, 426)
        agent = self.start(Agent(self.app.port, broker.host(False), mux=True))
        self.assertEqual(agent.mode, "mux")
        self.works(broker, agent.tunnel)

    def test_max_conn_is_honoured_by_both(self):
        broker = self.start(Broker("--max-conn", "3"))
        for client in (Agent(self.app.port, broker.host(False)), StockClient(self.app.port, broker.host(False))):
            self.start(client)
            self.works(broker, client.tunnel)

            def sockets():
                with Visitor(broker.http_port, DOMAIN) as visitor:
                    return visitor.get(f"/api/tunnels/{client.tunnel}/status").text

            eventually(lambda: '"connected_sockets":3' in sockets().replace(" ", ""), "three sockets")


class BadWays(WithApp):
    """Connections to a broker that are cut, silent or late: the link is had all the same, and never in plaintext."""

    weight = 4

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.authority = Authority(cls.folder / "ca")
        cls.brokers = [cls.start(Broker(*flags, authority=cls.authority)) for flags in ((), ("--classic", "off"))]

    def reach(self, fault, mux=True, secure=True):
        """An agent's link over a bad way, to each broker."""
        for broker in self.brokers:
            # Over TLS the client's second piece is what stands behind its handshake: the request.
            way = BadWay(broker.https_port if secure else broker.http_port, fault, after=2 if secure else 1)
            self.addCleanup(way.stop)
            scheme = "https" if secure else "http"
            agent = self.start(Agent(self.app.port, f"{scheme}://127.0.0.1:{way.port}", mux=mux, ca=broker.ca))
            self.assertEqual(agent.mode, "mux")
            self.assertEqual([e for e in agent.events() if e["event"] == "fallback"], [])
            self.assertEqual(self.kinds(broker), {"mux"})
            self.works(broker, agent.tunnel)
            agent.stop()

    def test_the_first_connection_is_reset(self):
        for secure in (True, False):
            for mux in (True, "require"):
                self.reach(lambda number: "reset" if number == 0 else None, mux, secure)

    def test_the_first_connection_is_silent(self):
        self.reach(lambda number: "silence" if number == 0 else None)
        self.reach(lambda number: "silence" if number == 0 else None, "require", secure=False)

    def test_the_first_connections_are_reset_and_silent_in_turn(self):
        self.reach(lambda number: ("reset", "silence", "reset", "reset")[number] if number < 4 else None)

    def test_only_every_second_connection_gets_through(self):
        # What is cut is the Upgrade, each time at first: the second question gets through.
        self.reach(lambda number: "reset" if number in (0, 2, 4) else None)

    def test_a_late_answer_counts(self):
        for broker in self.brokers:
            way = BadWay(broker.http_port, lambda number: 2.5 if number == 0 else "silence")
            self.addCleanup(way.stop)
            agent = self.start(Agent(self.app.port, f"http://127.0.0.1:{way.port}", mux=True))
            self.assertEqual(agent.mode, "mux")
            self.assertEqual(way.seen, 2)
            agent.stop()


    def test_a_name_that_a_lost_grant_holds_is_had_at_once(self):
        for broker in self.brokers:
            way = BadWay(broker.http_port, lambda number: "deaf" if number == 0 else None)
            self.addCleanup(way.stop)
            agent = self.start(Agent(self.app.port, f"http://127.0.0.1:{way.port}", "--subdomain", "blue-fox", mux=True))
            self.assertEqual((agent.mode, agent.tunnel), ("mux", "blue-fox"))
            # It stood on the first connection: the agent that asked there is this one.
            self.assertNotIn("is in use", "\n".join(agent.lines()))
            self.works(broker, "blue-fox")
            agent.stop()


class Restarted(WithApp):
    """What an agent knows of its former life: which brokers have spoken tenfold/1."""

    def setUp(self):
        super().setUp()
        self.state = harness.state_dir()

    def agent(self, host, mux, **options):
        return self.start(Agent(self.app.port, host, mux=mux, env={"TENFOLD_STATE_DIR": str(self.state)}, **options))

    def known_broker(self):
        """The port of a broker that an agent had a link to, with a classic server in its place now."""
        broker = self.start(Broker())
        agent = self.agent(broker.host(False), True)
        self.assertEqual(agent.mode, "mux")
        agent.stop()
        broker.stop()
        server = Scripted(port=broker.http_port)
        self.addCleanup(server.stop)
        server.pool.settimeout(0.1)
        return server

    def accepted(self, server):
        try:
            server.pool.accept()[0].close()
        except TimeoutError:
            return False
        return True

    def test_the_classic_sockets_are_not_taken_where_a_link_was(self):
        server = self.known_broker()
        host = f"http://127.0.0.1:{server.port}"
        for mux in (True, "require"):
            agent = self.agent(host, mux, ready=False)
            agent.wait_line("has spoken tenfold/1 before")
            agent.wait_line("run without --mux")
            asked = server.accepted
            eventually(lambda: server.accepted > asked + 1, "asked again")
            self.assertIsNone(agent.popen.poll())
            self.assertFalse(self.accepted(server))
            agent.stop()
        # A broker is its scheme, host and port.
        self.agent(f"http://localhost:{server.port}", True, ready=False)
        eventually(lambda: self.accepted(server), "a classic socket of another broker's")

    def test_a_user_who_wants_the_classic_sockets_has_them(self):
        server = self.known_broker()
        self.agent(f"http://127.0.0.1:{server.port}", False, ready=False)
        eventually(lambda: self.accepted(server), "a classic socket")

    def test_a_fallback_is_not_kept(self):
        server = self.start(StockServer())
        self.assertEqual(self.agent(server.host(), True).mode, "classic")
        self.assertFalse((self.state / "brokers").exists())

    def test_the_file_is_its_owners_alone_and_names_brokers_alone(self):
        server = self.known_broker()
        files = sorted(self.state.iterdir())
        self.assertEqual([file.name for file in files], ["brokers", "instance"])
        self.assertEqual(stat.S_IMODE(files[1].stat().st_mode), 0o600)
        self.assertEqual(files[1].stat().st_size, 32)
        self.assertEqual(stat.S_IMODE(files[0].stat().st_mode), 0o600)
        self.assertEqual(stat.S_IMODE(self.state.stat().st_mode), 0o700)
        lines = [line for line in files[0].read_text().splitlines() if not line.startswith("#")]
        self.assertEqual(lines, [f"http://127.0.0.1:{server.port}"])

    def test_garbage_is_one_warning(self):
        self.state.mkdir()
        (self.state / "brokers").write_bytes(b"\0\xff\nnonsense\n" * 20)
        broker = self.start(Broker())
        agent = self.agent(broker.host(False), True)
        self.assertEqual(agent.mode, "mux")
        self.assertEqual(len([line for line in agent.lines() if "state-ignored" in line]), 1)
        self.works(broker, agent.tunnel)

    def test_a_place_where_nothing_can_be_kept_is_no_error(self):
        broker = self.start(Broker())
        blocked = pathlib.Path(self.folder / "a-file")
        blocked.write_text("")
        for env in ({"TENFOLD_STATE_DIR": str(blocked)}, {"TENFOLD_STATE_DIR": "/proc/no-such-place"},
                    {"TENFOLD_STATE_DIR": "", "XDG_STATE_HOME": "", "HOME": ""}):
            agent = self.start(Agent(self.app.port, broker.host(False), mux=True, env=env))
            self.assertEqual(agent.mode, "mux")
            self.assertEqual(bytes(agent.err), b"")
            agent.stop()


class OneOffice(WithApp):
    """Agents behind one address, which has limits: this machine itself has none, so it is a proxy that names it."""

    def behind(self, broker, name, port=None):
        return self.start(Proxy(self.folder / name, broker.http_port,
                                f"{Proxy.PASSES} proxy_set_header X-Forwarded-For 203.0.113.7;", port))

    def test_all_its_agents_come_back_at_once(self):
        broker = self.start(Broker("--proxy", "127.0.0.1", "--tunnels-per-ip", "5", "--creates-per-ip", "5"))
        proxy = self.behind(broker, "office-0")
        agents = [self.start(Agent(self.app.port, proxy.url(), mux="require")) for _ in range(5)]
        names = [agent.tunnel for agent in agents]
        for again in (1, 2):
            heard = [len(agent.events()) for agent in agents]
            proxy.stop()
            proxy = self.behind(broker, f"office-{again}", proxy.port)
            for agent, after in zip(agents, heard):
                agent.read_ready(agent.wait_event("ready", after=after))
            self.assertEqual([agent.tunnel for agent in agents], names)
        # The limits hold for a new agent.
        sixth = self.start(Agent(self.app.port, proxy.url(), mux="require", ready=False))
        sixth.wait_line("Too many tunnels")
        self.works(broker, names[0])
