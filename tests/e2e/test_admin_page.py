"""The operator's page in a real browser: it shows what runs, in light and in dark, and ends a tunnel. Skipped where no
Chromium is installed."""
import asyncio
import contextlib
import http.client
import json
import re

import websockets

from harness import DOMAIN, Agent, Process, eventually
from test_browser import CHROMIUM
from test_operations import Operated
from visitor import Visitor


class Page:
    """The page of a Chromium that is led by its DevTools protocol."""

    def __init__(self, port):
        self._runner = asyncio.Runner()
        self._next = 0
        self.complaints = []  # exceptions, and errors of the console: a policy that forbids something, say
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        with contextlib.closing(connection):
            connection.request("GET", "/json")
            pages = json.loads(connection.getresponse().read())
        url = next(page["webSocketDebuggerUrl"] for page in pages if page["type"] == "page")
        self._socket = self._runner.run(self._open(url))
        self.do("Runtime.enable")
        self.do("Log.enable")

    @staticmethod
    async def _open(url):
        return await websockets.connect(url, max_size=None)

    def close(self):
        self._runner.run(self._socket.close())
        self._runner.close()

    def do(self, method, **parameters):
        return self._runner.run(self._do(method, parameters))

    async def _do(self, method, parameters):
        self._next += 1
        await self._socket.send(json.dumps({"id": self._next, "method": method, "params": parameters}))
        while True:
            message = json.loads(await asyncio.wait_for(self._socket.recv(), 30))
            if message.get("id") == self._next:
                assert "error" not in message, message
                return message["result"]
            entry = message.get("params", {}).get("entry", {})
            if message["method"] == "Runtime.exceptionThrown" or entry.get("level") == "error":
                self.complaints.append(message["params"])

    def value(self, expression):
        return self.do("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)["result"].get("value")

    def text(self, element):
        return self.value(f"document.getElementById({element!r}).textContent")


def luminance(color):
    """Of rgb(r, g, b), by WCAG 2.1."""
    parts = [int(part) / 255 for part in re.findall(r"\d+", color)[:3]]
    r, g, b = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * r + 0.7152 * g + 0.0722 * b


def contrast(one, other):
    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


class AdminPage(Operated):
    flags = ("--admin", "127.0.0.1:0")
    short = False

    def open_page(self):
        if not CHROMIUM:
            self.skipTest("no Chromium here")
        url = f"http://127.0.0.1:{self.broker._port('admin')}/"
        browser = self.start(Process("chromium", [CHROMIUM, "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
                                                  "--no-first-run", "--disable-background-networking", "--no-proxy-server",
                                                  f"--user-data-dir={self.folder}/profile", "--remote-debugging-port=0", url]))
        port = int(re.search(r"ws://[^/:]+:(\d+)/", browser.wait_line("DevTools listening on ", 60))[1])
        page = Page(port)
        self.addCleanup(page.close)
        return page

    def test_it_shows_what_runs_and_ends_it(self):
        agent = self.start(Agent(self.app.port, self.broker.host(False), mux="require"))
        page = self.open_page()
        eventually(lambda: page.text("state") == "ready", lambda: f"ready: {page.text('state')!r}", 60)
        eventually(lambda: agent.tunnel in page.text("tunnel-rows"), "the tunnel's row")
        self.assertIn("tenfold-agent", page.text("link-rows"))
        self.assertIn("this one alone", page.text("peer-rows"))
        with Visitor(self.broker.http_port, f"{agent.tunnel}.{DOMAIN}") as visitor:
            for _ in range(20):
                visitor.get("/hello")
        eventually(lambda: page.text("p50") != "-" and page.text("p99") != "-", "percentiles")

        with self.subTest("light and dark"):
            papers = set()
            for scheme in ("light", "dark"):
                page.do("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
                paper = page.value("getComputedStyle(document.body).backgroundColor")
                card = page.value("getComputedStyle(document.querySelector('dl div')).backgroundColor")
                papers.add(paper)
                for selector, behind in (("body", paper), (".soft", paper), ("#state", paper), ("th[scope=col]", paper), ("dt", card), ("button.end", card)):
                    ink = page.value(f"getComputedStyle(document.querySelector({selector!r})).color")
                    self.assertGreaterEqual(contrast(ink, behind), 4.5, f"{selector} in {scheme}")
            self.assertEqual(len(papers), 2)

        with self.subTest("names for who does not see it"):
            self.assertEqual(page.value("document.documentElement.lang"), "en")
            self.assertEqual(page.value("[...document.querySelectorAll('input')].filter((each) => each.labels.length !== 1).length"), 0)
            self.assertEqual(page.value("[...document.querySelectorAll('th')].filter((each) => !each.scope).length"), 0)
            self.assertEqual(page.value("document.querySelector('#tunnel-rows button').getAttribute('aria-label')"), f"End {agent.tunnel}")

        page.value("document.querySelector('#tunnel-rows button').click()")
        self.assertEqual((page.value("document.getElementById('ask').open"), page.text("ask-name")), (True, agent.tunnel))
        page.value("document.getElementById('ask-no').click()")
        self.assertFalse(page.value("document.getElementById('ask').open"))
        page.value("document.querySelector('#tunnel-rows button').click(); document.getElementById('ban').value = '60'; document.getElementById('ask-yes').click()")
        self.broker.wait_event("killed", name=agent.tunnel, ban_seconds=60)
        eventually(lambda: agent.tunnel not in page.text("tunnel-rows"), "the row is gone")
        self.assertEqual(page.complaints, [])
