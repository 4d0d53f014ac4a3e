"""A storm of 5 seconds in each mode: `./dev storm` is the long one. Its seed is in what it says, and
TENFOLD_STORM_SEED=N repeats it."""
import os
import random

from harness import E2E
from storm.run import run

SECONDS = 5


class Storm(E2E):
    def storm(self, mode):
        seed = int(os.environ.get("TENFOLD_STORM_SEED") or random.SystemRandom().randrange(1 << 30))
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
