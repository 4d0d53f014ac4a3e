"""--mux where the far side does not know it: the classic sockets, at once and said aloud; or, with --mux=require, a no."""
import harness
from apps import App
from harness import DOMAIN, E2E, Agent, Broker, Nginx, StockClient, StockServer
from visitor import Visitor


class Proxy(Nginx):
    """nginx in front of a broker; passes an Upgrade on, or takes it away."""

    def __init__(self, folder, port, upgrade):
        self.behind, self.upgrade = port, upgrade
        super().__init__(folder)

    def _configuration(self, folder):
        upgrade = "proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection $http_connection;" if self.upgrade else ""
        return f"""
            daemon off; master_process off; pid {folder}/nginx.pid;
            events {{ worker_connections 1024; }}
            http {{
                access_log off;
                client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
                uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
                server {{
                    listen 127.0.0.1:{self.port};
                    location / {{ proxy_pass http://127.0.0.1:{self.behind}; proxy_http_version 1.1; {upgrade}
                                  proxy_set_header Host $http_host; proxy_read_timeout 1h; }}
                }}
            }}"""


class Fallback(E2E):
    short = True

    def setUp(self):
        self.app = App()
        self.addCleanup(self.app.stop)

    def works(self, server, name):
        with Visitor(server.http_port, f"{name}.{DOMAIN}:{server.http_port}") as visitor:
            self.assertEqual(visitor.get("/hello").text, "hello\n")

    def test_a_stock_server(self):
        server = self.start(StockServer())
        agent = self.start(Agent(self.app.port, server.host(), mux=True))
        self.assertEqual(agent.mode, "classic")
        agent.wait_event("fallback")
        self.works(server, agent.tunnel)

    def test_a_stock_server_when_mux_is_required(self):
        server = self.start(StockServer())
        agent = Agent(self.app.port, server.host(), mux="require", ready=False)
        self.addCleanup(agent.stop)
        self.assertEqual(agent.wait_end(), 3, agent.tail())

    def test_a_proxy_that_takes_the_upgrade_away(self):
        broker = self.start(Broker())
        proxy = self.start(Proxy(self.folder / "without", broker.http_port, upgrade=False))
        agent = self.start(Agent(self.app.port, f"http://127.0.0.1:{proxy.port}", mux=True))
        self.assertEqual(agent.mode, "classic")
        self.works(broker, agent.tunnel)

    def test_a_proxy_that_passes_the_upgrade(self):
        broker = self.start(Broker())
        proxy = self.start(Proxy(self.folder / "with", broker.http_port, upgrade=True))
        agent = self.start(Agent(self.app.port, f"http://127.0.0.1:{proxy.port}", mux="require"))
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

            harness.eventually(lambda: '"connected_sockets":3' in sockets().replace(" ", ""), "three sockets")
