"""A storm of 5 seconds in each mode, always of the same plan: `./dev storm` is the long one, of a new plan each time.
TENFOLD_STORM_SEED=N takes another."""
import os

from harness import E2E
from storm.run import run

SECONDS = 5


class Storm(E2E):
    def storm(self, mode):
        seed = int(os.environ.get("TENFOLD_STORM_SEED") or 1)
        title, summary, findings = run(seed, mode, SECONDS, self.folder)
        if findings:
            self.fail("\n".join(["", title, summary, *findings]))


class StormMuxTls(Storm):
    weight = 6

    def test_storm(self):
        self.storm("mux-tls")


class StormMux(Storm):
    weight = 6

    def test_storm(self):
        self.storm("mux")


class StormClassic(Storm):
    weight = 6

    def test_storm(self):
        self.storm("classic")
