"""A browser opens NAME.localhost as it is. Skipped where no Chromium is installed."""
import pathlib
import shutil
import subprocess
import sys

from harness import ROOT, Process
from ways import MUX_PLAIN, Tunnelled

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


class DemoPage(Process):
    """What ./dev demo shows."""

    def __init__(self):
        super().__init__("page", [sys.executable, "-u", pathlib.Path(ROOT) / "docs/demo/page.py"])
        self.port = int(self.wait_line("listening ").split()[1])


class Browser(Tunnelled):
    way = MUX_PLAIN

    @classmethod
    def apps(cls):
        return {"page": DemoPage()}

    def test_the_demo_s_page_and_its_events(self):
        if not CHROMIUM:
            self.skipTest("no Chromium here")
        url = f"http://{self.tunnels['page']}.tunnel.localhost:{self.server.http_port}/"
        # The page's own events advance its virtual time; the dump shows how many came.
        done = subprocess.run([CHROMIUM, "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--timeout=3000",
                               f"--user-data-dir={self.folder}/profile", "--dump-dom", url],
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=90)
        self.assertIn("Hello from your own machine", done.stdout, done.stderr[-2000:])
        ticks = int(done.stdout.split('id="ticks">')[1].split("<")[0])
        self.assertGreater(ticks, 0)
