"""What an operator sees: health, readiness and metrics at one door, the page and the API at another, the access log."""
import contextlib
import http.client
import json
import os
import re
import shutil
import signal
import subprocess

from apps import App
from harness import BIN, DOMAIN, E2E, ROOT, Agent, Broker, Process, eventually
from visitor import Cut, Visitor


def ask(port, target, method="GET", headers=(), body=None):
    """(status, headers, text) of one request to a door of the operator."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    with contextlib.closing(connection):
        connection.request(method, target, body=body, headers=dict(headers))
        answer = connection.getresponse()
        return answer.status, dict(answer.getheaders()), answer.read().decode()


class Operated(E2E):
    """A broker with an agent, and its doors."""

    short = True
    flags = ()

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.app = App()
        cls.addClassCleanup(cls.app.stop)
        cls.broker = cls.start(Broker("--health", "127.0.0.1:0", *cls.flags))
        cls.health = cls.broker._port("health")

    def visit(self, agent, target="/hello"):
        with Visitor(self.broker.http_port, f"{agent.tunnel}.{DOMAIN}") as visitor:
            return visitor.get(target)


class Health(Operated):
    def test_1_a_broker_that_runs_is_healthy_and_ready(self):
        self.assertEqual(ask(self.health, "/healthz")[::2], (200, "ok\n"))
        status, _, text = ask(self.health, "/readyz")
        self.assertEqual((status, text.splitlines()[0]), (200, "ready"))
        status, headers, text = ask(self.health, "/readyz", headers={"Accept": "application/json"})
        self.assertEqual(json.loads(text)["ready"], True)
        self.assertEqual(headers["Cache-Control"], "no-store")

    def test_2_head_405_404_and_a_body(self):
        self.assertEqual(ask(self.health, "/healthz", "HEAD")[::2], (200, ""))
        status, headers, _ = ask(self.health, "/healthz", "DELETE")
        self.assertEqual((status, headers["Allow"]), (405, "GET, HEAD"))
        self.assertEqual(ask(self.health, "/api/tunnels")[0], 404)
        self.assertEqual(ask(self.health, "/healthz", body="x" * 5000)[0], 413)

    def test_3_connections_beyond_the_cap_are_closed_and_the_door_goes_on(self):
        held = []
        with contextlib.ExitStack() as stack:
            for _ in range(64):
                held.append(stack.enter_context(contextlib.closing(http.client.HTTPConnection("127.0.0.1", self.health, timeout=20))))
                held[-1].request("GET", "/healthz")
                self.assertEqual(held[-1].getresponse().read(), b"ok\n")
            with self.assertRaises((ConnectionError, http.client.HTTPException)):
                ask(self.health, "/healthz")

        def answers():
            with contextlib.suppress(ConnectionError, http.client.HTTPException):
                return ask(self.health, "/healthz")[0] == 200

        eventually(answers, "the door takes connections again")

    def test_9_who_drains_is_healthy_and_not_ready(self):
        agent = self.start(Agent(self.app.port, self.broker.host(False), mux="require"))
        with Visitor(self.broker.http_port, f"{agent.tunnel}.{DOMAIN}") as visitor:
            visitor.send(f"GET /sse HTTP/1.1\r\nHost: {agent.tunnel}.{DOMAIN}\r\n\r\n".encode())
            eventually(lambda: self.app.seen("/sse"), "the request at the app")
            self.broker.send_signal(signal.SIGTERM)
            self.broker.wait_event("draining")
            status, _, text = ask(self.health, "/readyz")
            self.assertEqual(status, 503)
            self.assertIn("draining: failing: ", text)
            self.assertEqual(ask(self.health, "/healthz")[0], 200)
            self.app.events.put(None)
        self.assertEqual(self.broker.wait_end(), 0)


class Flags(E2E):
    """What is refused at the start."""

    short = True

    def refused(self, *flags):
        process = self.start(Process("broker", [BIN / "broker", "--http", "127.0.0.1:0", *flags]))
        self.assertEqual(process.wait_end(), 2)
        return process.lines()[-1]

    def test_a_port_that_cannot_be_had_is_named(self):
        taken = self.start(Broker("--health", "127.0.0.1:0"))
        port = taken._port("health")
        self.assertIn(f"--health: 127.0.0.1:{port}: ", self.refused("--health", f"127.0.0.1:{port}"))

    def test_an_admin_door_beyond_loopback_needs_a_token(self):
        self.assertIn("beyond loopback it needs --admin-token-file", self.refused("--admin", "0.0.0.0:0"))


PROMTOOL = shutil.which("promtool")
DEPLOY = ROOT / "docs/deploy"


def values_of(text):
    """{'name{label="value"}': number} of a scrape."""
    return {key: float(value) for key, _, value in (line.rpartition(" ") for line in text.splitlines() if not line.startswith("#"))}


def names_of(text):
    """Every metric of a scrape, and of a histogram what it is asked for by."""
    names = set()
    for _, _, name, kind in (line.split(" ", 3) for line in text.splitlines() if line.startswith("# TYPE ")):
        names |= {name} if kind != "histogram" else {name, name + "_bucket", name + "_sum", name + "_count"}
    return names


class Metrics(Operated):
    """A broker to which everything has happened that it counts."""

    flags = ("--access-log", "-")

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.mux = cls.start(Agent(cls.app.port, cls.broker.host(False), mux="require"))
        cls.classic = cls.start(Agent(cls.app.port, cls.broker.host(False)))
        for agent in (cls.mux, cls.classic):
            with Visitor(cls.broker.http_port, f"{agent.tunnel}.{DOMAIN}") as visitor:
                for target in ("/hello", "/bytes/5000", "/cut_length"):
                    with contextlib.suppress(Cut, OSError):
                        visitor.get(target)
        with Visitor(cls.broker.http_port, DOMAIN) as visitor:
            visitor.send(b"GET / HTTP/1.1\nHost: x\n\n")
            visitor.answer()
        with Visitor(cls.broker.http_port, f"nobody.{DOMAIN}") as visitor:
            visitor.get("/")
        with Visitor(cls.broker.http_port, DOMAIN) as visitor:
            visitor.get("/control")  # no name
        cls.text = ask(cls.health, "/metrics")[2]

    def test_the_scrape_has_no_complaint(self):
        if not PROMTOOL:
            self.skipTest("no promtool here")
        done = subprocess.run([PROMTOOL, "check", "metrics"], input=self.text, capture_output=True, text=True, timeout=60)
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "", ""))

    def test_what_happened_is_counted_once(self):
        values = values_of(self.text)
        self.assertEqual(values['tenfold_tunnels{kind="mux"}'], 1)
        self.assertEqual(values['tenfold_tunnels{kind="classic"}'], 1)
        self.assertEqual(values["tenfold_links"], 1)
        self.assertEqual(values['tenfold_requests_total{outcome="failed",origin="registry"}'], 1)
        self.assertEqual(values['tenfold_requests_total{outcome="linked",origin="broker"}'], 1)
        self.assertGreaterEqual(values['tenfold_requests_total{outcome="served",origin="app"}'], 4)
        self.assertEqual(values['tenfold_failures_total{code="no-such-tunnel",origin="registry"}'], 1)
        self.assertEqual(values['tenfold_rejects_total{reason="bare-lf"}'], 1)
        self.assertEqual(values['tenfold_handshake_refusals_total{code="bad-name"}'], 1)
        self.assertGreaterEqual(values["tenfold_response_body_bytes_total"], 10000)
        self.assertGreaterEqual(values["tenfold_link_streams_opened_total"], 1)
        for phase in ("edge", "wait", "link", "app"):
            self.assertGreaterEqual(values[f'tenfold_request_phase_seconds_count{{phase="{phase}"}}'], 4, phase)
        self.assertGreater(values["process_resident_memory_bytes"], 1e6)
        self.assertLess(abs(values["process_open_fds"] - len(os.listdir(f"/proc/{self.broker.pid}/fd"))), 8)  # connections come and go

    def test_no_label_names_a_tunnel_or_an_address(self):
        for word in (self.mux.tunnel, self.classic.tunnel, "127.0.0.1", "nobody"):
            self.assertNotIn(word, self.text)

    def test_the_operator_s_page_lists_each_metric_and_no_other(self):
        page = (ROOT / "docs/OPERATING.md").read_text()
        listed = set(re.findall(r"^\| `((?:tenfold|process)_\w+)`", page, re.MULTILINE))
        self.assertEqual(listed, {line.split()[2] for line in self.text.splitlines() if line.startswith("# TYPE ")})

    def test_the_rules_and_the_dashboard_ask_for_what_there_is(self):
        names = names_of(self.text)
        rules = DEPLOY / "alerts.yml"
        dashboard = json.loads((DEPLOY / "grafana-dashboard.json").read_text())
        asked = [target["expr"] for panel in dashboard["panels"] for target in panel.get("targets", ())]
        self.assertGreater(len(asked), 10)
        for text in (rules.read_text(), *asked):
            for name in re.findall(r"\b(?:tenfold|process)_\w+", text):
                self.assertIn(name, names)
        self.assertEqual(rules.read_text().count("- alert: "), 5)
        if not PROMTOOL:
            self.skipTest("no promtool here")
        done = subprocess.run([PROMTOOL, "check", "rules", rules], capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("SUCCESS: 5 rules found", done.stdout)


class AccessLog(Operated):
    def started(self, *flags):
        broker = self.start(Broker("--access-log", self.folder / "access.log", *flags))
        agent = self.start(Agent(self.app.port, broker.host(False), mux="require"))
        return broker, agent

    def lines(self, name="access.log"):
        with contextlib.suppress(FileNotFoundError):
            return [json.loads(line) for line in (self.folder / name).read_text().splitlines()]
        return []

    def line_of(self, path, name="access.log"):
        return eventually(lambda: next((line for line in self.lines(name) if line.get("path") == path), None), f"a line for {path}")

    def test_a_line_for_each_request_with_its_times(self):
        broker, agent = self.started()
        with Visitor(broker.http_port, f"{agent.tunnel}.{DOMAIN}") as visitor:
            answer = visitor.get("/bytes/5000?secret=1")
        line = self.line_of("/bytes/5000?secret=1")
        self.assertEqual({key: line[key] for key in ("tunnel", "method", "status", "out", "outcome", "origin")},
                         {"tunnel": agent.tunnel, "method": "GET", "status": 200, "out": answer.length, "outcome": "served", "origin": "app"})
        self.assertLessEqual(line["edge_us"] + line["wait_us"] + line["link_us"] + line["app_us"], line["total_us"] + 5)
        self.assertRegex(line["time"], r"^20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d\d\dZ$")
        self.assertTrue(line["request"] and line["peer"].startswith("127.0.0.1:"))

    def test_paths_without_their_query(self):
        broker, agent = self.started("--access-log-query", "off")
        with Visitor(broker.http_port, f"{agent.tunnel}.{DOMAIN}") as visitor:
            visitor.get("/hello?secret=1")
        self.line_of("/hello")

    def test_stdout_has_the_lines_and_nothing_else(self):
        broker = self.start(Broker("--access-log", "-"))
        with Visitor(broker.http_port, f"nobody.{DOMAIN}") as visitor:
            visitor.get("/x")
        broker.wait_for(lambda b: b"\n" in b.out, "a line on stdout")
        line = json.loads(bytes(broker.out))
        self.assertEqual((line["outcome"], line["origin"], line["code"], line["status"]), ("failed", "registry", "no-such-tunnel", 404))

    def test_a_full_disk_costs_lines_which_are_counted_and_nothing_else(self):
        broker = self.start(Broker("--access-log", "/dev/full", "--health", "127.0.0.1:0"))
        agent = self.start(Agent(self.app.port, broker.host(False), mux="require"))
        health = broker._port("health")

        def dropped():
            with Visitor(broker.http_port, f"{agent.tunnel}.{DOMAIN}") as visitor:
                self.assertEqual(visitor.get("/hello").status, 200)
            return values_of(ask(health, "/metrics")[2])["tenfold_access_log_dropped_total"] >= 3

        eventually(dropped, "three lines dropped")
        broker.wait_event("access-log-dropped", file="/dev/full")

    def test_a_reload_opens_the_file_again_and_keeps_the_old_one_where_it_cannot(self):
        broker, agent = self.started()

        def visit(path):
            with Visitor(broker.http_port, f"{agent.tunnel}.{DOMAIN}") as visitor:
                self.assertEqual(visitor.get(path).status, 200)

        visit("/before")
        self.line_of("/before")
        (self.folder / "access.log").rename(self.folder / "access.log.1")
        broker.send_signal(signal.SIGHUP)
        broker.wait_event("reloaded")
        visit("/after")
        self.line_of("/after")
        self.assertNotIn("/before", [line["path"] for line in self.lines()])
        (self.folder / "access.log").rename(self.folder / "access.log.2")
        (self.folder / "access.log").mkdir()
        broker.send_signal(signal.SIGHUP)
        self.assertIn("access.log: ", broker.wait_event("reload-failed")["detail"])
        visit("/still")
        self.line_of("/still", "access.log.2")
        (self.folder / "access.log").rmdir()

    def test_a_file_that_cannot_be_had_is_named_at_the_start(self):
        process = self.start(Process("broker", [BIN / "broker", "--http", "127.0.0.1:0", "--access-log", self.folder / "none/x"]))
        self.assertEqual(process.wait_end(), 2)
        self.assertIn("--access-log: ", process.lines()[-1])


class Admin(Operated):
    flags = ("--admin", "127.0.0.1:0")

    def setUp(self):
        self.admin = self.broker._port("admin")

    def test_1_tunnels_links_and_peers(self):
        agent = self.start(Agent(self.app.port, self.broker.host(False), mux="require"))
        self.visit(agent)
        found = json.loads(ask(self.admin, "/api/tunnels")[2])
        tunnel = next(each for each in found["tunnels"] if each["name"] == agent.tunnel)
        self.assertEqual((tunnel["kind"], tunnel["requests"], tunnel["guarded"]), ("mux", 1, False))
        self.assertTrue(tunnel["agent"].startswith("127.0.0.1:"))
        detail = json.loads(ask(self.admin, f"/api/tunnels/{agent.tunnel}")[2])
        self.assertEqual(len(detail["members"]), 1)
        self.assertEqual(json.loads(ask(self.admin, "/api/tunnels?q=no-such-part")[2]), {"total": 0, "tunnels": []})
        links = json.loads(ask(self.admin, "/api/links")[2])["links"]
        self.assertIn([agent.tunnel], [link["tunnels"] for link in links])
        self.assertEqual(json.loads(ask(self.admin, "/api/peers")[2]), {"peers": []})
        summary = json.loads(ask(self.admin, "/api/summary")[2])
        self.assertEqual((summary["ready"], summary["requests"]["served"] >= 1), (True, True))

    def test_2_methods_names_and_values(self):
        for method, target, status, allow in (
                ("GET", "/api/nothing", 404, None), ("POST", "/api/tunnels", 405, "GET, HEAD"), ("PUT", "/api/tunnels/x", 405, "GET, HEAD, DELETE"),
                ("DELETE", "/", 405, "GET, HEAD"), ("GET", "/api/tunnels/nobody", 404, None), ("DELETE", "/api/tunnels/nobody", 404, None),
                ("DELETE", "/api/tunnels/nobody?ban=x", 400, None), ("DELETE", "/api/tunnels/nobody?ban=99999999", 400, None),
                ("GET", "/api/tunnels?limit=5000", 400, None), ("GET", "/api/tunnels/%2e%2e", 404, None)):
            with self.subTest(f"{method} {target}"):
                got, headers, text = ask(self.admin, target, method)
                self.assertEqual((got, headers.get("Allow")), (status, allow))
                self.assertIn("code", json.loads(text))
        status, _, text = ask(self.admin, "/api/tunnels", "HEAD")
        self.assertEqual((status, text), (200, ""))

    def test_3_a_rebound_name_and_a_page_of_another_site_get_nothing(self):
        for target in ("/", "/api/tunnels"):
            self.assertEqual(ask(self.admin, target, headers={"Host": "rebound.example"})[0], 421)
        agent = self.start(Agent(self.app.port, self.broker.host(False), mux="require"))
        for headers in ({"Origin": "http://evil.example"}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"}):
            self.assertEqual(ask(self.admin, f"/api/tunnels/{agent.tunnel}", "DELETE", headers)[0], 403)
        self.assertEqual(self.visit(agent).status, 200)

    def test_4_the_page_is_whole_and_strict(self):
        status, headers, text = ask(self.admin, "/")
        self.assertEqual(status, 200)
        policy = headers["Content-Security-Policy"]
        self.assertIn("default-src 'none'", policy)
        nonce = re.search(r"script-src 'nonce-(\w{32})'", policy)[1]
        self.assertEqual(text.count(f'nonce="{nonce}"'), 2)
        self.assertNotIn("{{", text)
        self.assertNotRegex(text, r"(?:src|href)=.?(?:https?:)?//|\son\w+=|style=")
        self.assertNotEqual(ask(self.admin, "/")[1]["Content-Security-Policy"], policy)

    def test_5_the_kill_switch_ends_a_tunnel_and_its_requests_and_bans_its_name(self):
        for mux in ("require", False):
            with self.subTest(mux=mux):
                agent = self.start(Agent(self.app.port, self.broker.host(False), mux=mux))
                name = agent.tunnel
                with Visitor(self.broker.http_port, f"{name}.{DOMAIN}") as visitor:
                    visitor.send(f"GET /sse HTTP/1.1\r\nHost: {name}.{DOMAIN}\r\n\r\n".encode())
                    visitor.answer_head()
                    status, _, text = ask(self.admin, f"/api/tunnels/{name}?ban=600", "DELETE", {"Origin": f"http://127.0.0.1:{self.admin}"})
                    self.assertEqual((status, json.loads(text)["banned_seconds"]), (200, 600))
                    with self.assertRaises((Cut, OSError)):
                        visitor.take(1 << 20)
                self.app.events.put(None)
                self.broker.wait_event("tunnel-down", name=name, cause="banned")
                self.assertEqual(self.visit(agent).status, 404)
                self.assertEqual(ask(self.admin, f"/api/tunnels/{name}")[0], 404)
                with Visitor(self.broker.http_port, DOMAIN) as visitor:
                    refused = visitor.get(f"/{name}", [("Connection", "upgrade"), ("Upgrade", "tenfold/1")])
                self.assertEqual((refused.status, json.loads(refused.text)["code"]), (403, "banned"))

    def test_6_a_killed_name_without_a_ban_is_free(self):
        agent = self.start(Agent(self.app.port, self.broker.host(False), mux="require"))
        self.assertEqual(ask(self.admin, f"/api/tunnels/{agent.tunnel}", "DELETE")[0], 200)
        self.assertEqual(self.visit(agent).status, 404)
        another = self.start(Agent(self.app.port, self.broker.host(False), "--subdomain", agent.tunnel, mux="require"))
        self.assertEqual(another.tunnel, agent.tunnel)
        self.assertEqual(self.visit(another).status, 200)


class AdminToken(Operated):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        (cls.folder / "token").write_text("0123456789abcdef\n")
        cls.guarded = cls.start(Broker("--admin", "0.0.0.0:0", "--admin-token-file", cls.folder / "token"))
        cls.admin = cls.guarded._port("admin")

    def test_the_api_is_for_who_shows_the_token(self):
        self.assertEqual(ask(self.admin, "/")[0], 200)
        for shown in ({}, {"Authorization": "Bearer 0123456789abcdeF"}, {"Authorization": "Basic 0123456789abcdef"}, {"Authorization": "Bearer "}):
            status, headers, _ = ask(self.admin, "/api/tunnels", headers=shown)
            self.assertEqual((status, headers["WWW-Authenticate"]), (401, 'Bearer realm="tenfold"'))
            self.assertEqual(ask(self.admin, "/api/tunnels/x", "DELETE", shown)[0], 401)
        self.assertEqual(ask(self.admin, "/api/tunnels", headers={"Authorization": "bearer 0123456789abcdef"})[0], 200)

    def test_a_short_token_is_refused(self):
        (self.folder / "short").write_text("0123456789\n")
        process = self.start(Process("broker", [BIN / "broker", "--http", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--admin-token-file", self.folder / "short"]))
        self.assertEqual(process.wait_end(), 2)
        self.assertIn("16 letters at least", process.lines()[-1])
