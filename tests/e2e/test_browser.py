"""A browser opens NAME.localhost as it is, and hears events one by one. Skipped where no Chromium is installed."""
import shutil

from apps import App
from harness import DOMAIN, Process, eventually
from ways import CLASSIC, MUX_PLAIN, over

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


@over(MUX_PLAIN, CLASSIC)
class Browser:
    @classmethod
    def apps(cls):
        cls.app = App()
        return {"app": cls.app}

    def chromium(self, *args):
        return [CHROMIUM, "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
                "--disable-background-networking", "--no-proxy-server", f"--user-data-dir={self.folder}/profile", *args]

    def test_a_page_and_its_events(self):
        if not CHROMIUM:
            self.skipTest("no Chromium here")
        url = f"http://{self.tunnels['app']}.{DOMAIN}:{self.server.http_port}/browser"
        self.start(Process("chromium", self.chromium("--remote-debugging-port=0", url)))
        for number in range(3):
            # The next event only once the page has said that it heard the one before.
            self.app.events.put(b"%d" % number)
            eventually(lambda: self.app.seen(f"/heard/{number}"), f"word from the page about event {number}", 60)
        self.app.events.put(None)
