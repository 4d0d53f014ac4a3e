#!/usr/bin/env python3
"""The page that `./dev demo` puts on a public URL: a server of its own on a port of 127.0.0.1 that the system
chooses, printed as `listening PORT`. It shows how the visit looks from behind the tunnel, and a stream of events
that would stutter if anything on the way held bytes back."""
import html
import http.server
import pathlib
import time

PAGE = pathlib.Path(__file__).with_name("page.html").read_text(encoding="utf-8")
SHOWN = ("Host", "X-Forwarded-For", "X-Forwarded-Proto", "User-Agent")


class Page(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        if self.path == "/ticks":
            return self.ticks()
        if self.path != "/":
            return self.answer(404, "text/plain; charset=utf-8", "no such page\n")
        rows = "".join(
            f"<tr><th>{name}</th><td>{html.escape(self.headers[name])}</td></tr>"
            for name in SHOWN
            if self.headers[name]
        )
        return self.answer(200, "text/html; charset=utf-8", PAGE.replace("<!-- rows -->", rows))

    def answer(self, status, kind, text):
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def ticks(self):
        """One event a tenth of a second, until the visitor leaves."""
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Cache-Control", "no-store")
        self.send_header("Connection", "close")
        self.end_headers()
        self.close_connection = True
        try:
            while True:
                self.wfile.write(b"data: %d\n\n" % (time.time() * 1000))
                time.sleep(0.1)
        except OSError:
            pass

    def log_message(self, *_):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Page)
server.daemon_threads = True
print(f"listening {server.server_address[1]}", flush=True)
try:
    server.serve_forever()
except KeyboardInterrupt:
    pass
