"""HTTP/1.1 as the visitor and the local app see it: what must pass, what must stop at the broker, and what a failure of
the app looks like. The app is the test's own, so that both ends are in sight."""
import json
import threading

from apps import App, data_of, digest
from visitor import Cut
from ways import CLASSIC, MUX, MUX_HTTPS, STOCK, STOCK_CLIENT, STOCK_SERVER, Tunnelled, over


class OneApp:
    @classmethod
    def apps(cls):
        cls.app = App()
        return {"app": cls.app}

    def seen(self, answer):
        """What /hash told."""
        self.assertEqual(answer.status, 200, answer)
        return json.loads(answer.text)


@over(MUX, CLASSIC, MUX_HTTPS, STOCK_CLIENT)
class Http(OneApp):
    short = True

    def test_many_requests_on_one_connection(self):
        with self.visitor() as visitor:
            for number in range(100):
                body = data_of(number * 10)
                seen = self.seen(visitor.request("POST", f"/hash/{number}", body=body))
                self.assertEqual(seen["sha256"], digest(body))
                self.assertTrue(seen["line"].startswith(f"POST /hash/{number} HTTP/1."))

    def test_pipelined_requests_are_answered_in_order(self):
        sizes = [100000, 1, 0, 5000, 7, 300000, 2, 1] * 4
        with self.visitor() as visitor:
            visitor.send(b"".join(visitor.head("GET", f"/bytes/{size}") for size in sizes))
            for size in sizes:
                answer = visitor.answer()
                self.assertEqual((answer.status, answer.length, answer.sha256), (200, size, digest(data_of(size))))

    def test_pipelined_requests_with_bodies(self):
        with self.visitor() as visitor:
            for number in range(20):
                visitor.send(visitor.head("POST", "/hash", [("Content-Length", "3")]) + b"%03d" % number)
            for number in range(20):
                self.assertEqual(self.seen(visitor.answer())["sha256"], digest(b"%03d" % number))

    def test_an_http_1_0_visitor_gets_no_chunks(self):
        with self.visitor() as visitor:
            visitor.send(visitor.head("GET", "/chunked/50000", version="HTTP/1.0"))
            answer = visitor.answer()
            self.assertEqual((answer.status, answer.framing, answer.sha256), (200, "close", digest(data_of(50000))))

    def test_an_http_1_0_visitor_may_keep_the_connection(self):
        with self.visitor() as visitor:
            for _ in range(2):
                visitor.send(visitor.head("GET", "/bytes/10", [("Connection", "keep-alive")], version="HTTP/1.0"))
                answer = visitor.answer()
                self.assertEqual((answer.status, answer.length), (200, 10))
                self.assertEqual(answer.get("Connection").lower(), "keep-alive")

    def test_connection_close_is_obeyed(self):
        with self.visitor() as visitor:
            answer = visitor.get("/hello", [("Connection", "close")])
            self.assertEqual((answer.status, answer.get("Connection")), (200, "close"))
            self.assertTrue(visitor.at_end())

    def test_a_body_until_close_ends_well(self):
        with self.visitor() as visitor:
            answer = visitor.get("/until_close/200000")
            self.assertEqual((answer.status, answer.sha256), (200, digest(data_of(200000))))

    def test_expect_100_continue(self):
        with self.visitor() as visitor:
            visitor.send(visitor.head("POST", "/continue", [("Expect", "100-continue"), ("Content-Length", "5")]))
            interim = visitor.answer_head()
            self.assertEqual((interim.status, interim.version), (100, "HTTP/1.1"))
            visitor.send(b"12345")
            answer = visitor.answer()
            self.assertLessEqual(len(answer.interim), 1)
            self.assertEqual(self.seen(answer)["sha256"], digest(b"12345"))
            self.assertEqual(visitor.get("/hello").status, 200)

    def test_an_answer_before_the_body(self):
        with self.visitor() as visitor:
            visitor.send(visitor.head("POST", "/refuse", [("Expect", "100-continue"), ("Content-Length", "100000000")]))
            answer = visitor.answer()
            self.assertEqual(answer.status, 413)

    def test_early_hints_pass(self):
        with self.visitor() as visitor:
            answer = visitor.get("/hints")
            self.assertEqual((answer.status, bytes(answer.body)), (200, b"after hints"))
            self.assertEqual([i.status for i in answer.interim], [103])
            self.assertEqual(answer.interim[0].get("Link"), "</a.css>; rel=preload")

    def test_trailers_pass_without_what_frames(self):
        with self.visitor() as visitor:
            answer = visitor.get("/trailers", [("TE", "trailers")])
            self.assertEqual((answer.status, bytes(answer.body)), (200, b"body"))
            self.assertEqual(answer.trailers, [("X-Sum", "42")])
            visitor.send(visitor.head("POST", "/hash", [("Transfer-Encoding", "chunked"), ("Trailer", "X-Sum")])
                         + b"3\r\nabc\r\n0\r\nX-Sum: 7\r\nHost: evil.example\r\nContent-Length: 4\r\n\r\n")
            seen = self.seen(visitor.answer())
            self.assertEqual((seen["sha256"], seen["trailers"]), (digest(b"abc"), [["X-Sum", "7"]]))

    def test_head_204_and_304_have_no_body_and_the_connection_goes_on(self):
        with self.visitor() as visitor:
            head = visitor.request("HEAD", "/head")
            self.assertEqual((head.status, head.get("Content-Length")), (200, "1000000"))
            for status in (204, 304, 204):
                answer = visitor.get(f"/status/{status}")
                self.assertEqual((answer.status, answer.get("ETag"), answer.length), (status, '"tag"', 0))
            self.assertEqual(visitor.get("/hello").text, "hello\n")

    def test_the_app_learns_who_visits_and_forged_fields_are_replaced(self):
        forged = [("X-Forwarded-For", "203.0.113.9"), ("X-Forwarded-Proto", "gopher"), ("X-Forwarded-Host", "evil.example"),
                  ("X-Real-IP", "203.0.113.9"), ("Forwarded", "for=203.0.113.9")]
        with self.visitor() as visitor:
            seen = self.seen(visitor.get("/hash", forged))
            fields = {}
            for name, value in seen["fields"]:
                fields.setdefault(name.lower(), []).append(value)
            self.assertEqual(fields["x-forwarded-for"], ["127.0.0.1"])
            self.assertEqual(fields["x-forwarded-proto"], ["https" if self.way.visitors_tls else "http"])
            self.assertEqual(fields["x-forwarded-host"], [visitor.host])
            self.assertEqual(fields["host"], [visitor.host])
            self.assertNotIn("203.0.113.9", json.dumps(seen))

    def test_hop_by_hop_fields_stop_here(self):
        with self.visitor() as visitor:
            answer = visitor.get("/hop")
            self.assertEqual((answer.all("X-Private"), answer.all("Keep-Alive"), answer.get("X-Public")), ([], ["timeout=75"], "1"))
            seen = self.seen(visitor.get("/hash", [("Connection", "keep-alive, X-Secret"), ("X-Secret", "1"),
                                                   ("Keep-Alive", "timeout=9"), ("Proxy-Connection", "keep-alive"), ("X-Kept", "1")]))
            names = [name.lower() for name, _ in seen["fields"]]
            self.assertIn("x-kept", names)
            for name in ("x-secret", "keep-alive", "proxy-connection"):
                self.assertNotIn(name, names)

    def test_connection_cannot_name_away_what_frames_or_routes(self):
        body = b"GET /stolen HTTP/1.1\r\nHost: x\r\n\r\n"
        for option in ("Content-Length", "Host", "close, hOST", "Transfer-Encoding"):
            with self.visitor() as visitor:
                answer = visitor.request("POST", "/hash?named", [("Connection", option)], body=body)
                self.assertEqual(answer.status, 400, option)
        self.assertEqual(self.app.seen("/hash?named"), [])
        with self.visitor() as visitor:
            seen = self.seen(visitor.request("POST", "/hash", [("Connection", "X-Forwarded-For, Via")], body=body))
            self.assertEqual(seen["sha256"], digest(body))
            self.assertIn("x-forwarded-for", [name.lower() for name, _ in seen["fields"]])
        self.assertEqual(self.app.seen("/stolen"), [])

    def test_the_path_passes_byte_for_byte(self):
        for target in ("/hash/a/../b//c/./%2e%2e/%2F", "/hash?x=1&&y=%00&z=a+b%20c", "/hash/%C3%A9~!$&'()*+,;=:@", "/hash??", "/hash/\\|^`{}"):
            with self.visitor() as visitor:
                answer = visitor.get(target)
                if answer.status == 400 and any(c in target for c in "\\|^`{}"):
                    continue  # refusing what no URI may have is as good
                self.assertEqual(self.seen(answer)["line"].split(" ")[1], target)

    def test_fields_keep_their_order_and_their_bytes(self):
        sent = [("X-A", "1"), ("Cookie", "a=1"), ("X-a", "2"), ("X-Latin", "caf\xe9"), ("X-Empty", ""), ("x-A", "3")]
        with self.visitor() as visitor:
            seen = self.seen(visitor.get("/hash", sent))
        ours = [(n, v) for n, v in map(tuple, seen["fields"]) if n.lower() in ("x-a", "cookie", "x-latin", "x-empty")]
        self.assertEqual([(n.lower(), v) for n, v in ours], [(n.lower(), v) for n, v in sent])

    def test_a_body_echoed_while_it_comes(self):
        data = data_of(4 << 20)
        with self.visitor() as visitor:
            visitor.send(visitor.head("POST", "/echo", [("Content-Length", str(len(data)))]))
            sender = threading.Thread(target=visitor.send, args=(data,))
            sender.start()
            answer = visitor.answer()
            sender.join()
            self.assertEqual((answer.length, answer.sha256), (len(data), digest(data)))

    def test_an_answer_cut_short_is_a_visible_cut(self):
        for target in ("/cut_length", "/cut_chunked"):
            with self.subTest(target), self.visitor() as visitor, self.assertRaises(Cut):
                visitor.get(target)
        with self.visitor() as visitor:
            self.assertEqual(visitor.get("/hello").status, 200)

    def test_an_app_that_speaks_no_http_is_a_502(self):
        for target in ("/garbage", "/unasked_101"):
            with self.subTest(target), self.visitor() as visitor:
                self.assertEqual(visitor.get(target).status, 502)

    def test_a_visitor_who_does_not_read_stops_nobody(self):
        with self.visitor() as stalled:
            stalled.send(stalled.head("GET", "/endless"))
            with self.visitor() as visitor:
                for _ in range(50):
                    self.assertEqual(visitor.get("/bytes/10000").sha256, digest(data_of(10000)))
            stalled.abort()


@over(MUX, CLASSIC, STOCK_CLIENT, STOCK_SERVER, STOCK)
class Events(OneApp):
    short = True

    def test_events_arrive_one_by_one(self):
        with self.visitor() as visitor:
            visitor.send(visitor.head("GET", "/sse", [("Accept", "text/event-stream")]))
            if self.way.server == "stock":
                self.app.events.put(b"first")  # Node keeps the head until the first bytes after it
            answer = visitor.answer_head()
            self.assertEqual((answer.status, answer.get("Content-Type")), (200, "text/event-stream"))
            pieces, got = visitor.body(answer), b""
            for number in range(20):
                # The app sends this one only now, after all before it have been seen.
                self.app.events.put(b"%d" % number)
                wanted = b"data: %d\n\n" % number
                while not got.endswith(wanted):
                    got += next(pieces)
            self.app.events.put(None)
            self.assertEqual(list(pieces), [])


@over(MUX, CLASSIC)
class Upstreams(OneApp):
    """Connections to the local app are opened when needed and used again."""

    def test_one_visitor_needs_few_connections(self):
        self.assertEqual(self.app.open_connections(), 0, "dialled before anybody asked")
        with self.visitor() as visitor:
            for _ in range(30):
                visitor.get("/hello")
        with self.visitor() as visitor:
            visitor.get("/hello")
        self.assertLessEqual(self.app.open_connections(), 2)


class LocalHost(OneApp, Tunnelled):
    """--local-host rewrites the Host of each request, not of the first alone."""

    way = CLASSIC

    @classmethod
    def client(cls, port, *flags, **options):
        return super().client(port, "--local-host", "localhost", "--print-requests", *flags, **options)

    def test_a_request_as_large_as_it_may_be_passes(self):
        for count, size in ((99, 10), (2, 32 * 1024 - 200)):
            with self.visitor() as visitor:
                fields = [(f"X-{n}", "y" * (size // (count - 1))) for n in range(1, count)]
                self.assertEqual(self.seen(visitor.get("/hash", fields))["fields"][-1][0].lower(), "via")

    def test_each_request_has_the_local_host(self):
        with self.visitor() as visitor:
            for _ in range(3):
                seen = self.seen(visitor.get("/hash"))
                hosts = [value for name, value in seen["fields"] if name.lower() == "host"]
                self.assertEqual([h.partition(":")[0] for h in hosts], ["localhost"])
