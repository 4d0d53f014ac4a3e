#!/usr/bin/env python3
"""One storm: visitors that come and go as they like, an app that misbehaves, a broker and an agent that are stopped,
drained and killed; and then the judge, and a look at what is left.

    run.py [--seconds N] [--seed N] [--mode mux-tls|mux|classic]     without a mode: all three in turn
"""
import argparse
import asyncio
import collections
import dataclasses
import os
import pathlib
import random
import signal
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

import harness
from storm.app import App
from storm.judge import Judge, grouped
from storm.records import Storm
from storm.visitors import Visitors
from storm.weather import NAME, Weather, World
from ways import CLASSIC, MUX, MUX_PLAIN

VISITORS = 30
PATIENCE = 60.0  # of a visitor after the storm; then it hangs
SETTLING = 45.0  # until nothing is left: a FIN behind a request is noticed after 5 s, a kept pipe after 30
MODES = {"mux-tls": MUX, "mux": MUX_PLAIN, "classic": CLASSIC}
LOCAL_HOST = "app.internal:8080"
FLAGS = ((), ("--print-requests",), ("--local-host", LOCAL_HOST), ("--local-host", LOCAL_HOST, "--print-requests"))


def flags_of(seed, mode):
    """The agent's flags: each combination comes in turn, another one in each mode."""
    return FLAGS[(seed + list(MODES).index(mode)) % len(FLAGS)]


def sockets_of(pid):
    """The queues of a process's TCP sockets, by inode: proc(5), /proc/net/tcp."""
    mine = set()
    for name in os.listdir(f"/proc/{pid}/fd"):
        try:
            target = os.readlink(f"/proc/{pid}/fd/{name}")
        except OSError:
            continue
        if target.startswith("socket:["):
            mine.add(target[8:-1])
    for table in ("tcp", "tcp6"):
        path = pathlib.Path(f"/proc/{pid}/net/{table}")
        for line in path.read_text().splitlines()[1:] if path.exists() else ():
            parts = line.split()
            if parts[9] in mine:
                yield parts[1], parts[2], parts[4]


@dataclasses.dataclass
class Idle:
    """What broker and agent hold while nobody comes."""

    broker: int  # descriptors
    agent: int
    connected: int  # as /api/tunnels/NAME/status says

    @classmethod
    async def now(cls, world):
        status, body = await world.ask(f"/api/tunnels/{NAME}/status", "127.0.0.1") or (0, b"")
        connected = int(body.partition(b":")[2].strip(b" }\r\n")) if status == 200 else -1
        return cls(world.broker.fds(), world.agent.fds(), connected)

    @classmethod
    async def when_steady(cls, world, app):
        before, since = None, time.monotonic()
        while before is None or time.monotonic() - since < 1:
            await asyncio.sleep(0.1)
            seen = await cls.now(world), len(app.serving)
            if seen != before or seen[1]:
                before, since = seen, time.monotonic()
        return before[0]


class Whole:
    """A storm from its beginning to its end."""

    def __init__(self, seed, mode, seconds, folder):
        self.seed, self.mode, self.seconds = seed, mode, seconds
        self.flags = flags_of(seed, mode)
        self.folder = folder
        self.storm = Storm(mux=MODES[mode].mux)
        self.left = []  # what is still there afterwards

    @property
    def title(self):
        return f"storm --seed {self.seed} --mode {self.mode} --seconds {self.seconds:g} (agent {' '.join(self.flags) or 'without flags'})"

    async def go(self):
        """All findings."""
        requests = {}
        app = App(self.storm, requests, LOCAL_HOST if "--local-host" in self.flags else None)
        self.world = world = World(MODES[self.mode], self.flags, app.port, self.folder)
        try:
            await asyncio.to_thread(world.start_broker)
            await asyncio.to_thread(world.start_agent)
            # Once round, so that what is made at the first use is there.
            await world.back()
            app.end_idle()
            idle = await Idle.when_steady(world, app)
            visitors = Visitors(self.seed, self.storm, requests, world)
            weather = Weather(self.seed, self.seconds, world, app, self.storm)
            self.storm.begun = time.monotonic()
            until = self.storm.begun + self.seconds
            await asyncio.gather(visitors.run(VISITORS, self.seconds, PATIENCE), weather.broker_and_agent(until), weather.door(until))
            await world.back()
            await self.settle(idle, app)
        finally:
            await asyncio.to_thread(world.shut_down)
            await app.stop()
        return world.faults + self.left + Judge(self.storm).findings()

    async def settle(self, idle, app):
        """Until everything is as it was before."""
        deadline = time.monotonic() + SETTLING
        while True:
            app.end_idle()
            self.left = await self.leftovers(idle, app)
            if not self.left or time.monotonic() > deadline:
                return
            await asyncio.sleep(0.2)

    async def leftovers(self, idle, app):
        world, found = self.world, []
        if app.serving:
            waiting = [sighting.id for sighting in self.storm.sightings if not sighting.ended]
            found.append(f"left: {len(app.serving)} connections at the app, with the requests {waiting}")
        seen = await Idle.now(world)
        for who in ("broker", "agent"):
            before, after = getattr(idle, who), getattr(seen, who)
            if after > before:
                found.append(f"left: {after} descriptors of the {who}, {before} before")
        if seen.connected != idle.connected:
            found.append(f"left: connected_sockets is {seen.connected}, {idle.connected} before")
        for process in (world.broker, world.agent):
            found += [f"left: in a queue of the {process.name}: {mine} {theirs} {queues}"
                      for mine, theirs, queues in sockets_of(process.pid) if queues != "00000000:00000000"]
        return found

    def summary(self):
        outcomes = collections.Counter(told.outcome + (f" {told.code or told.status}" if told.status >= 400 and not told.ids else "")
                                       for told in self.storm.told)
        lines = [f"{len(self.storm.told)} requests: " + ", ".join(f"{count} {what}" for what, count in outcomes.most_common()),
                 f"{len(self.storm.sightings)} reached the app", *Judge(self.storm).weather()]
        return "\n".join("  " + line for line in lines)


def run(seed, mode, seconds, folder):
    """(title, summary, findings) of one storm. One that carried nothing is a finding, too."""
    whole = Whole(seed, mode, seconds, folder)
    print(whole.title, flush=True)
    findings = asyncio.run(whole.go())
    if not any(told.outcome == "whole" and told.ids for told in whole.storm.told):
        findings.append("no answer of the app came through")
    return whole.title, whole.summary(), list(grouped(findings))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--mode", choices=MODES, action="append")
    args = parser.parse_args()
    seed = random.SystemRandom().randrange(1 << 30) if args.seed is None else args.seed
    bad = 0
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    for mode in args.mode or MODES:
        with tempfile.TemporaryDirectory() as folder:
            title, summary, findings = run(seed, mode, args.seconds, pathlib.Path(folder))
        print(summary)
        for finding in findings:
            print(f"  FOUND {finding}")
        print(f"{title}: {'bad' if findings else 'good'}", flush=True)
        bad += bool(findings)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
