"""The public side against what is malformed, hostile or merely odd: refused, one line in the log, nothing reaches the
app, and the next visitor notices nothing. RFC 9112 and docs/PROTOCOL.md say what is malformed."""
import json
import socket
import time

import harness
from apps import App
from harness import DOMAIN, eventually
from visitor import Cut, Visitor
from ways import CLASSIC, MUX, MUX_HTTPS, over

# Refused before anything reaches the app: name -> (bytes, the statuses that will do). HOST stands for the tunnel's.
# A second request always follows in the same write; it must never be seen.
HEADS = {
    "bare LF": (b"GET /bad HTTP/1.1\nHost: HOST\n\n", {400}),
    "bare LF after a field": (b"GET /bad HTTP/1.1\r\nHost: HOST\nX: 1\r\n\r\n", {400}),
    "bare CR in a value": (b"GET /bad HTTP/1.1\r\nHost: HOST\r\nX: a\rb\r\n\r\n", {400}),
    "NUL in a value": (b"GET /bad HTTP/1.1\r\nHost: HOST\r\nX: a\0b\r\n\r\n", {400}),
    "obs-fold": (b"GET /bad HTTP/1.1\r\nHost: HOST\r\nX: a\r\n b\r\n\r\n", {400}),
    "fold before the first field": (b"GET /bad HTTP/1.1\r\n Host: HOST\r\n\r\n", {400}),
    "space before the colon": (b"GET /bad HTTP/1.1\r\nHost: HOST\r\nX : 1\r\n\r\n", {400}),
    "space before a length's colon": (b"POST /bad HTTP/1.1\r\nHost: HOST\r\nContent-Length : 5\r\n\r\nhello", {400}),
    "empty name": (b"GET /bad HTTP/1.1\r\nHost: HOST\r\n: 1\r\n\r\n", {400}),
    "no colon": (b"GET /bad HTTP/1.1\r\nHost: HOST\r\nX\r\n\r\n", {400}),
    "odd name": (b"GET /bad HTTP/1.1\r\nHost: HOST\r\nX(y): 1\r\n\r\n", {400}),
    "version 2.0": (b"GET /bad HTTP/2.0\r\nHost: HOST\r\n\r\n", {400, 505}),
    "version 1.10": (b"GET /bad HTTP/1.10\r\nHost: HOST\r\n\r\n", {400, 505}),
    "lower-case version": (b"GET /bad http/1.1\r\nHost: HOST\r\n\r\n", {400}),
    "no version": (b"GET /bad\r\nHost: HOST\r\n\r\n", {400}),
    "two spaces": (b"GET  /bad HTTP/1.1\r\nHost: HOST\r\n\r\n", {400}),
    "a space at the line's end": (b"GET /bad HTTP/1.1 \r\nHost: HOST\r\n\r\n", {400}),
    "a tab in the line": (b"GET\t/bad HTTP/1.1\r\nHost: HOST\r\n\r\n", {400}),
    "odd method": (b"GE(T /bad HTTP/1.1\r\nHost: HOST\r\n\r\n", {400, 501}),
    "control character in the target": (b"GET /b\x01ad HTTP/1.1\r\nHost: HOST\r\n\r\n", {400}),
    "userinfo in the target": (b"GET http://u:p@HOST/bad HTTP/1.1\r\nHost: HOST\r\n\r\n", {400}),
    "a fragment in the target": (b"GET /bad#b HTTP/1.1\r\nHost: HOST\r\n\r\n", {400}),
    "another scheme": (b"GET ftp://HOST/bad HTTP/1.1\r\nHost: HOST\r\n\r\n", {400}),
    "another host in the target": (b"GET http://x.HOST/bad HTTP/1.1\r\nHost: HOST\r\n\r\n", {400}),
    "Connection: Host": (b"GET /bad HTTP/1.1\r\nHost: HOST\r\nConnection: Host\r\n\r\n", {400}),
    "Connection: Content-Length": (b"POST /bad HTTP/1.1\r\nHost: HOST\r\nContent-Length: 1\r\nConnection: Content-Length\r\n\r\nx", {400}),
    "CONNECT": (b"CONNECT example.com:443 HTTP/1.1\r\nHost: HOST\r\n\r\n", {400, 405, 501}),
    "length and chunked": (b"POST /bad HTTP/1.1\r\nHost: HOST\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", {400}),
    "chunked and length": (b"POST /bad HTTP/1.1\r\nHost: HOST\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n", {400}),
    "two lengths": (b"POST /bad HTTP/1.1\r\nHost: HOST\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello", {400}),
    "a list of lengths": (b"POST /bad HTTP/1.1\r\nHost: HOST\r\nContent-Length: 5, 6\r\n\r\nhello", {400}),
    "signed length": (b"POST /bad HTTP/1.1\r\nHost: HOST\r\nContent-Length: +5\r\n\r\nhello", {400}),
    "negative length": (b"POST /bad HTTP/1.1\r\nHost: HOST\r\nContent-Length: -1\r\n\r\n", {400}),
    "hexadecimal length": (b"POST /bad HTTP/1.1\r\nHost: HOST\r\nContent-Length: 0x5\r\n\r\nhello", {400}),
    "empty length": (b"POST /bad HTTP/1.1\r\nHost: HOST\r\nContent-Length: \r\n\r\n", {400}),
    "length past 64 bits": (b"POST /bad HTTP/1.1\r\nHost: HOST\r\nContent-Length: 18446744073709551621\r\n\r\nhello", {400, 413}),
    "chunked in 1.0": (b"POST /bad HTTP/1.0\r\nHost: HOST\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", {400}),
    "an unknown coding": (b"POST /bad HTTP/1.1\r\nHost: HOST\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", {400, 501}),
    "gzip, chunked": (b"POST /bad HTTP/1.1\r\nHost: HOST\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", {400, 501}),
    "chunked, identity": (b"POST /bad HTTP/1.1\r\nHost: HOST\r\nTransfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n", {400, 501}),
    "chunked twice": (b"POST /bad HTTP/1.1\r\nHost: HOST\r\nTransfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n", {400, 501}),
    "two codings": (b"POST /bad HTTP/1.1\r\nHost: HOST\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n", {400, 501}),
    "a vertical tab before chunked": (b"POST /bad HTTP/1.1\r\nHost: HOST\r\nTransfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n", {400, 501}),
    "no Host": (b"GET /bad HTTP/1.1\r\n\r\n", {400}),
    "two Hosts": (b"GET /bad HTTP/1.1\r\nHost: HOST\r\nHost: HOST\r\n\r\n", {400}),
    "a space in Host": (b"GET /bad HTTP/1.1\r\nHost: a HOST\r\n\r\n", {400}),
    "a slash in Host": (b"GET /bad HTTP/1.1\r\nHost: HOST/x\r\n\r\n", {400}),
    "userinfo in Host": (b"GET /bad HTTP/1.1\r\nHost: u@HOST\r\n\r\n", {400}),
    "a comma in Host": (b"GET /bad HTTP/1.1\r\nHost: HOST,HOST\r\n\r\n", {400}),
    "an odd port in Host": (b"GET /bad HTTP/1.1\r\nHost: HOSTNAME:80a\r\n\r\n", {400}),
    "port 99999 in Host": (b"GET /bad HTTP/1.1\r\nHost: HOSTNAME:99999\r\n\r\n", {400}),
    "port 0 in Host": (b"GET /bad HTTP/1.1\r\nHost: HOSTNAME:0\r\n\r\n", {400}),
    "port 99999 in the target": (b"GET http://HOSTNAME:99999/bad HTTP/1.1\r\nHost: HOSTNAME:99999\r\n\r\n", {400}),
    "an IPv6 literal that is none": (b"GET /bad HTTP/1.1\r\nHost: [1:2]\r\n\r\n", {400}),
    "an empty label in Host": (b"GET /bad HTTP/1.1\r\nHost: HOSTNAME..:80\r\n\r\n", {400}),
    "a long line": (b"GET /bad" + b"x" * 17000 + b" HTTP/1.1\r\nHost: HOST\r\n\r\n", {414}),
    "a large head": (b"GET /bad HTTP/1.1\r\nHost: HOST\r\n" + b"".join(b"X-%d: %s\r\n" % (n, b"y" * 1000) for n in range(40)) + b"\r\n", {431}),
    "many fields": (b"GET /bad HTTP/1.1\r\nHost: HOST\r\n" + b"X: 1\r\n" * 101 + b"\r\n", {431}),
    "HTTP/2 to a plain port": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", {400, 505}),
    "TLS to a plain port": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(range(64)), {400}),
    "noise": (bytes(range(1, 256)) * 4, {400}),
}

# Refused in the body: its head may have reached the app, the end of the request never does.
BODIES = {
    "no size": b"\r\nhello\r\n0\r\n\r\n",
    "an odd size": b"5x\r\nhello\r\n0\r\n\r\n",
    "a signed size": b"+5\r\nhello\r\n0\r\n\r\n",
    "0x": b"0x5\r\nhello\r\n0\r\n\r\n",
    "a space before the size": b" 5\r\nhello\r\n0\r\n\r\n",
    "a size past 64 bits": b"10000000000000005\r\nhello\r\n0\r\n\r\n",
    "no CRLF after the data": b"5\r\nhelloX0\r\n\r\n",
    "bare LF after the size": b"5\nhello\r\n0\r\n\r\n",
    "bare LF after the data": b"5\r\nhello\n0\r\n\r\n",
    "bare CR in an extension": b"5;a\rb\r\nhello\r\n0\r\n\r\n",
    "bare LF in an extension": b"5;a\nb\r\nhello\r\n0\r\n\r\n",
    "a long extension": b"5;" + b"a" * 5000 + b"\r\nhello\r\n0\r\n\r\n",
    "an odd trailer": b"5\r\nhello\r\n0\r\nX : 1\r\n\r\n",
    "a folded trailer": b"5\r\nhello\r\n0\r\nX: 1\r\n y\r\n\r\n",
    "endless trailers": b"5\r\nhello\r\n0\r\n" + b"X: yyyyyyyyyyyyyyyyyyyy\r\n" * 1000 + b"\r\n",
}


def fill(raw, visitor):
    return raw.replace(b"HOSTNAME", visitor.host.partition(":")[0].encode()).replace(b"HOST", visitor.host.encode())


class OneApp:
    @classmethod
    def apps(cls):
        cls.app = App()
        return {"app": cls.app}

    def expect_hello(self):
        with self.visitor() as visitor:
            self.assertEqual(visitor.get("/hello").text, "hello\n")


@over(MUX, MUX_HTTPS, CLASSIC)
class Malformed(OneApp):
    short = True

    def refusals(self, visitor):
        return [event for event in self.server.events() if event.get("event") == "reject" and event["peer"] == visitor.address]

    def reached(self):
        """Requests at the app, less the broken bodies of another test, which it may count late."""
        return self.app.count() - len(self.app.seen("/hash"))

    def test_malformed_heads_are_refused_and_nothing_reaches_the_app(self):
        for name, (raw, statuses) in HEADS.items():
            with self.subTest(name):
                before = self.reached()
                with self.visitor() as visitor:
                    visitor.send(fill(raw, visitor) + visitor.head("GET", "/smuggled"))
                    answer = visitor.answer()
                    self.assertIn(answer.status, statuses)
                    self.assertEqual(answer.get("Connection"), "close")
                    self.assertTrue(visitor.at_end(), "something came after the refusal")
                eventually(lambda: self.refusals(visitor), "a line in the log")
                self.assertEqual(len(self.refusals(visitor)), 1, self.refusals(visitor))
                self.assertTrue(self.refusals(visitor)[0].get("reason"))
                self.expect_hello()
                self.assertEqual(self.reached(), before + 1)

    def test_a_malformed_request_behind_a_good_one(self):
        for gap in (False, True):
            with self.subTest(gap=gap), self.visitor() as visitor:
                good, bad = visitor.head("GET", "/hello"), fill(HEADS["no colon"][0], visitor)
                if gap:
                    visitor.send(good)
                    self.assertEqual(visitor.answer().text, "hello\n")
                    visitor.send(bad)
                else:
                    visitor.send(good + bad)
                    self.assertEqual(visitor.answer().text, "hello\n")
                self.assertEqual(visitor.answer().status, 400)
                self.assertTrue(visitor.at_end())

    def test_malformed_bodies_never_end_well(self):
        for name, raw in BODIES.items():
            with self.subTest(name):
                with self.visitor() as visitor:
                    visitor.send(visitor.head("POST", "/hash", [("Transfer-Encoding", "chunked")]) + raw
                                 + visitor.head("GET", "/smuggled"))
                    try:
                        answer = visitor.answer()
                        self.assertIn(answer.status, (400, 431))
                        self.assertTrue(visitor.at_end(), "something came after the refusal")
                    except Cut:
                        pass
                self.expect_hello()
                self.assertEqual(self.app.seen("/smuggled"), [])
        eventually(lambda: self.app.open_connections() <= 2, "broken requests' connections closed at the app")

    def test_a_refused_body_is_not_read_for_long(self):
        with self.visitor() as visitor:
            visitor.send(fill(HEADS["two Hosts"][0], visitor))
            self.assertEqual(visitor.answer().status, 400)
            piece, deadline = b"x" * 65536, time.monotonic() + 15
            with self.assertRaises(OSError):
                while time.monotonic() < deadline:
                    visitor.send(piece)


# Served though odd: name -> (the head, the target that the app sees).
ODD_HEADS = {
    "raw UTF-8": (b"GET /hash/caf\xc3\xa9?\xff HTTP/1.1\r\nHost: HOST\r\n\r\n", "/hash/caf\xc3\xa9?\xff"),
    "an absolute target without a Host": (b"GET http://HOST/hash HTTP/1.0\r\n\r\n", "/hash"),
    "an absolute target with no path": (b"GET http://HOST?q HTTP/1.1\r\nHost: HOST\r\n\r\n", "/?q"),
    "a usual port in the target": (b"GET http://HOSTNAME:80/hash HTTP/1.1\r\nHost: HOSTNAME\r\n\r\n", "/hash"),
    "version 1.2": (b"GET /hash HTTP/1.2\r\nHost: HOST\r\n\r\n", "/hash"),
    "a tab behind a length": (b"POST /hash HTTP/1.1\r\nHost: HOST\r\nContent-Length: 0\t\r\n\r\n", "/hash"),
    "a line of 16 KiB": (b"GET /hash?" + b"x" * (16384 - 19) + b" HTTP/1.1\r\nHost: HOST\r\n\r\n", "/hash?" + "x" * (16384 - 19)),
}


@over(MUX, CLASSIC)
class Odd(OneApp):
    short = True

    def test_odd_heads_reach_the_app(self):
        for name, (raw, target) in ODD_HEADS.items():
            with self.subTest(name), self.visitor() as visitor:
                before = self.app.count()
                visitor.send(fill(raw, visitor))
                visitor.answer()
                self.assertEqual(self.app.count(), before + 1)
                heard = self.app.requests[-1]
                self.assertEqual(heard.target, target)

    def test_answers_of_the_broker_have_a_date_and_a_405_an_allow(self):
        with self.visitor() as visitor:
            visitor.send(b"CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n")
            answer = visitor.answer()
            self.assertEqual(answer.status, 405)
            self.assertRegex(answer.get("Date"), r"^[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT$")
            self.assertIn("GET", answer.get("Allow"))

    def test_a_refused_head_has_no_body(self):
        with self.visitor() as visitor:
            visitor.send(b"HEAD / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n")
            self.assertEqual(visitor.answer("HEAD").status, 400)
            self.assertTrue(visitor.at_end(), "a body came")


@over(MUX)
class Hosts(OneApp):
    short = True

    def ask(self, host, target="/hello"):
        with Visitor(self.server.http_port, host) as visitor:
            return visitor.get(target)

    def test_a_name_in_any_case_and_with_any_port(self):
        name = self.tunnels["app"]
        for host in (f"{name}.{DOMAIN}", f"{name.upper()}.{DOMAIN.title()}:1", f"{name}.{DOMAIN}:65535"):
            with self.subTest(host):
                self.assertEqual(self.ask(host).text, "hello\n")

    def test_unknown_names_get_a_404_at_once(self):
        for name in ("constructor", "__proto__", "tostring", "toString", "hasOwnProperty", "nobody", "x", "a" * 63, "-", "a.b.c",
                     f"deep.{self.tunnels['app']}", "xn--bcher-kva"):
            with self.subTest(name):
                self.assertIn(self.ask(f"{name}.{DOMAIN}").status, (400, 404))

    def test_odd_hosts_do_no_harm(self):
        for host in (f".{DOMAIN}", f"{self.tunnels['app']}.{DOMAIN}.", "[::1]", "[::1", "127.0.0.1", "localhost", "256.1.1.1", "a" * 300,
                     f"{'a' * 64}.{DOMAIN}", f"{self.tunnels['app']}.{DOMAIN}.evil.example", f"evil{DOMAIN}", "%00", "é"):
            with self.subTest(host):
                self.assertIn(self.ask(host.encode().decode("latin-1")).status, (200, 302, 400, 404, 421))
        self.assertEqual(self.app.seen("/evil"), [])
        self.expect_hello()

    def test_an_absolute_target_counts_instead_of_the_host(self):
        # RFC 9112 3.2.2: "the origin server MUST ignore the received Host header field (if any) and instead use the host information of the request-target."
        name = f"{self.tunnels['app']}.{DOMAIN}:{self.server.http_port}"
        with self.visitor() as visitor:
            answer = visitor.get(f"http://{name}/hash?x=1")
            self.assertEqual(answer.status, 200)
            seen = json.loads(answer.text)
            self.assertEqual(seen["line"].split(" ")[1], "/hash?x=1")
            self.assertEqual([v for n, v in seen["fields"] if n.lower() == "host"], [name])

    def test_each_request_goes_by_its_own_host(self):
        with self.visitor() as visitor:
            self.assertEqual(visitor.get("/hello").status, 200)
            self.assertEqual(visitor.get("/hello", [("Host", f"nobody.{DOMAIN}")]).status, 404)
            self.assertEqual(visitor.get("/hello").status, 200)

    def test_a_404_suits_who_asks(self):
        host = f"nobody.{DOMAIN}"
        for accept, kind in (("text/html,application/xhtml+xml,*/*;q=0.8", "text/html"), ("application/json", "application/json"),
                             ("*/*", "text/plain")):
            with self.subTest(accept), Visitor(self.server.http_port, host) as visitor:
                answer = visitor.get("/<script>alert(1)</script>", [("Accept", accept)])
                self.assertEqual(answer.status, 404)
                self.assertTrue(answer.get("Content-Type").startswith(kind), answer)
                self.assertNotIn("<script>alert", answer.text)


@over(MUX, CLASSIC)
class OwnSite(OneApp):
    """The broker's own domain: where tunnels are made and their state is told."""

    short = True

    def ask(self, target, fields=()):
        with Visitor(self.server.http_port, DOMAIN) as visitor:
            return visitor.get(target, fields)

    def test_status(self):
        status = self.ask("/api/status")
        self.assertEqual(status.status, 200)
        self.assertGreaterEqual(json.loads(status.text)["tunnels"], 1)
        self.assertIn("mem", json.loads(status.text))
        tunnel = self.ask(f"/api/tunnels/{self.tunnels['app']}/status")
        self.assertEqual(tunnel.status, 200)
        self.assertGreaterEqual(json.loads(tunnel.text)["connected_sockets"], 1)
        for name in ("nobody", "constructor", "__proto__"):
            self.assertEqual(self.ask(f"/api/tunnels/{name}/status").status, 404)

    def test_the_classic_handshake(self):
        new = json.loads(self.ask("/?new").text)
        self.assertEqual(new["max_conn_count"], 10)
        self.assertTrue(new["url"].startswith(f"http://{new['id']}."))
        socket.create_connection(("127.0.0.1", new["port"]), 5).close()
        asked = json.loads(self.ask("/a-name-of-mine").text)
        self.assertEqual(asked["id"], "a-name-of-mine")

    def test_bad_names_get_the_reference_s_answer(self):
        message = "Invalid subdomain: a name has 1 to 63 of a-z, 0-9 and -, with no - first or last, and is not control."
        for name in ("control", "UPPER", "under_score", "a" * 64, "-dash", "dash-"):
            with self.subTest(name):
                answer = self.ask(f"/{name}")
                self.assertEqual((answer.status, json.loads(answer.text)["message"]), (403, message))

    def test_a_taken_name_becomes_another(self):
        answer = json.loads(self.ask(f"/{self.tunnels['app']}").text)
        self.assertNotEqual(answer["id"], self.tunnels["app"])
        self.expect_hello()

    def test_other_paths(self):
        self.assertIn(self.ask("/").status, (200, 302))
        self.assertEqual(self.ask("/no/such/page").status, 404)


class Landing(harness.E2E):
    def test_the_root_leads_to_the_landing_page(self):
        broker = self.start(harness.Broker("--landing", "https://example.test/welcome"))
        with Visitor(broker.http_port, DOMAIN) as visitor:
            answer = visitor.get("/")
            self.assertEqual((answer.status, answer.get("Location")), (302, "https://example.test/welcome"))


class Slow(harness.E2E):
    """Who sends a head byte by byte is told, and let go."""

    weight = 3

    def test_a_head_that_does_not_end_gets_a_408(self):
        broker = self.start(harness.Broker())
        with Visitor(broker.http_port, DOMAIN) as visitor:
            visitor.send(b"GET / HTTP/1.1\r\nHost: x\r\n")
            self.assertEqual(visitor.answer().status, 408)
            self.assertTrue(visitor.at_end())


class Limits(harness.E2E):
    """What one address may have."""

    def ask(self, broker, target, client=None):
        with Visitor(broker.http_port, DOMAIN) as visitor:
            return visitor.get(target, [] if client is None else [("X-Forwarded-For", client)])

    def test_tunnels_and_creates_of_one_address(self):
        # This machine's own addresses have no limit: a listed proxy tells of others.
        broker = self.start(harness.Broker("--creates-per-ip", "3", "--proxy", "127.0.0.1"))
        for _ in range(3):
            self.assertEqual(self.ask(broker, "/?new", "203.0.113.1").status, 200)
        answer = self.ask(broker, "/?new", "203.0.113.1")
        self.assertEqual(answer.status, 429)
        self.assertTrue(answer.get("Retry-After"))
        self.assertEqual(self.ask(broker, "/?new", "203.0.113.2").status, 200)
        # With a port it is the same address.
        self.assertEqual(self.ask(broker, "/?new", "203.0.113.1:40001").status, 429)
        few = self.start(harness.Broker("--tunnels-per-ip", "2", "--proxy", "127.0.0.1"))
        statuses = [self.ask(few, "/?new", "203.0.113.1").status for _ in range(3)]
        self.assertEqual(statuses[:2], [200, 200])
        self.assertIn(statuses[2], (403, 429))

    def test_clients_that_a_listed_proxy_does_not_name_are_limited_together(self):
        broker = self.start(harness.Broker("--creates-per-ip", "3", "--proxy", "127.0.0.1"))
        for client in (None, "unknown", "203.0.113.1, _hidden"):
            self.assertEqual(self.ask(broker, "/?new", client).status, 200)
        for client in (None, "", "unknown", '"203.0.113.1"', "[2001:db8::1", "fe80::1%eth0"):
            with self.subTest(client):
                self.assertEqual(self.ask(broker, "/?new", client).status, 429)
        self.assertEqual(self.ask(broker, "/?new", "[2001:db8::1]:443").status, 200)


class ListedProxy(harness.E2E):
    """What reaches the app of what a listed proxy says."""

    def test_the_app_gets_only_what_can_be_read(self):
        broker, app = self.start(harness.Broker("--proxy", "127.0.0.1")), App()
        self.addCleanup(app.stop)
        agent = self.start(harness.Agent(app.port, broker.host(False), mux="require"))
        host = f"{agent.tunnel}.{DOMAIN}"
        junk = {"X-Forwarded-For": "\"x\"<script>, 203.0.113.1:40001", "X-Forwarded-Proto": "javascript", "X-Forwarded-Host": 'a"b/c'}
        good = {"X-Forwarded-For": "203.0.113.1", "X-Forwarded-Proto": "HTTPS", "X-Forwarded-Host": "public.example:8443"}
        for sent, expected in ((junk, ("203.0.113.1, 127.0.0.1", "http", host)),
                               (good, ("203.0.113.1, 127.0.0.1", "https", "public.example:8443"))):
            with Visitor(broker.http_port, host) as visitor:
                fields = dict(json.loads(visitor.get("/hash", list(sent.items())).text)["fields"])
                self.assertEqual(tuple(fields[name] for name in sent), expected)
