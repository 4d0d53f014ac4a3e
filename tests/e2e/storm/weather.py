"""What is done to broker and agent while visitors come: stopped, continued, drained, killed, started again; and to the
app's door. All from one seed; what was done and when is kept for the judge."""
import asyncio
import contextlib
import random
import signal
import socket
import time

import harness
from storm.app import PROBE
from storm.records import Disturbance
from storm.wire import Gone, Odd, Wire, framing_of, head

NAME = "storm"
DRAIN_SECONDS = 60  # 30 by default; what runs here ends within a few
BACK_SECONDS = 90  # until the tunnel serves again
TRIES = 5
now = time.monotonic


class Hold:
    """A port that the system chose and that stays ours while its server is away."""

    def __init__(self):
        self.sock = socket.socket()
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.sock.bind(("127.0.0.1", 0))
        self.port = self.sock.getsockname()[1]


class World:
    """Broker and agent, whichever processes they are at the moment."""

    def __init__(self, way, flags, app_port, folder):
        self.way, self.flags, self.app_port = way, flags, app_port
        self.authority = harness.Authority(folder / "ca") if way.tls else None
        self.http, self.https = Hold(), Hold()
        self.name = f"{NAME}.{harness.DOMAIN}"
        self.broker = self.agent = None
        self.ended, self.faults = [], []  # processes that are no more; what they did wrong

    # ---- Starting and stopping: these block, and run beside the loop

    def start_broker(self):
        self.broker = harness.Broker(authority=self.authority, http_port=self.http.port, https_port=self.https.port)

    def start_agent(self):
        """With the name of the one before it, which is a fault where it does not get that at once."""
        for _ in range(TRIES):
            self.agent = harness.Agent(self.app_port, self.broker.host(self.way.tls), "--subdomain", NAME, *self.flags,
                                       mux="require" if self.way.mux else False, ca=self.authority.ca if self.authority else None,
                                       ready=False)
            try:
                self.agent.read_ready(self.agent.wait_event("ready", BACK_SECONDS))
                if self.agent.tunnel == NAME:
                    return
                self.faults.append(f"an agent that was started again got the name {self.agent.tunnel}")
            except AssertionError as error:
                self.faults.append(f"an agent that was started again: {error}\n{self.agent.tail(10)}")
            self.agent.stop()
            time.sleep(1)
        raise AssertionError("no agent gets the name: " + "; ".join(self.faults[-TRIES:]))

    def end(self, process, signum):
        """Ends it; by force and with a fault when it takes too long."""
        process.send_signal(signum)
        try:
            code = process.wait_end(DRAIN_SECONDS)
        except AssertionError:
            self.faults.append(f"{process.name}: still runs {DRAIN_SECONDS} s after {signum.name}\n{process.tail(10)}")
            process.send_signal(signal.SIGKILL)
            code = None
        process.stop()
        self.look_at(process, code, signum)

    def look_at(self, process, code, signum=None):
        self.ended.append(process)
        if report := process.sanitizer_report():
            self.faults.append(f"{process.name}: {report[max(0, report.find('====')):][:6000]}")
        elif code is not None and code != (0 if signum == signal.SIGTERM else -signal.SIGKILL):
            how = f"after {signum.name}" if signum else "by itself"
            self.faults.append(f"{process.name} ended {how} with {code}\n{process.tail(10)}")

    def dead(self):
        """The name of one that ended by itself, which is a fault; it is to be started again."""
        for process in (self.broker, self.agent):
            if process.popen.poll() is not None:
                self.look_at(process, process.wait_end())
                process.stop()
                return process.name
        return None

    def shut_down(self):
        for process in (self.agent, self.broker):
            if process is not None and process not in self.ended:
                process.send_signal(signal.SIGCONT)
                self.end(process, signal.SIGTERM)
        self.http.sock.close()
        self.https.sock.close()

    # ---- Asking, from the loop

    async def ask(self, target, host):
        """(status, body) of one request, or None where there is no whole answer."""
        loop, wire = asyncio.get_running_loop(), None
        with contextlib.suppress(Gone, Odd, OSError, TimeoutError):
            async with asyncio.timeout(5):
                try:
                    sock = socket.socket()
                    wire = Wire(sock)
                    await loop.sock_connect(sock, ("127.0.0.1", self.http.port))
                    await wire.send(head(f"GET {target} HTTP/1.1", [("Host", host), ("Connection", "close")]))
                    status = int((await wire.line()).split(" ")[1])
                    framing, length = framing_of(await wire.fields(), "close")
                    return status, b"".join([piece async for piece in wire.body(framing, length)])
                finally:
                    wire.close()
        return None

    async def serves(self):
        return (await self.ask(PROBE, self.name) or (0,))[0] == 200

    async def back(self):
        """Waits until the tunnel serves."""
        deadline = now() + BACK_SECONDS
        while not await self.serves():
            if now() > deadline:
                self.faults.append(f"the tunnel does not serve {BACK_SECONDS} s after it could\n{self.agent.tail(10)}")
                return
            await asyncio.sleep(0.05)


class Weather:
    def __init__(self, seed, seconds, world, app, storm):
        self.seed, self.short, self.world, self.app, self.storm = seed, seconds < 20, world, app, storm

    def plan(self, what):
        return random.Random(f"{self.seed}/{what}")

    async def broker_and_agent(self, until):
        """One thing after the other, each kind before one comes again; at times a process stands still beside it."""
        kinds = ("stop agent", "stop broker", "drain agent", "drain broker", "kill agent", "kill broker")
        choose, deck, rounds, world = self.plan("weather"), [], 0, self.world
        while now() < until:
            await asyncio.sleep(choose.uniform(0.1, 0.7 if self.short else 5))
            if not deck:
                deck = choose.sample(kinds, len(kinds))
                rounds += 1
                if rounds == 2:
                    deck.append(choose.choice(("stop agent", "stop broker")) + " long")
            if now() >= until:
                return
            if dead := await asyncio.to_thread(world.dead):
                await self.disturb("kill", dead, dead=True)
                continue
            kind, who, *how_long = deck.pop().split(" ")
            together = [self.disturb(kind, who, bool(how_long))]
            # Not a broker that stands still while an agent is killed: that one's name is free once the broker knows.
            if (kind, who) in (("drain", "agent"), ("drain", "broker"), ("kill", "broker")) and choose.random() < 0.3:
                together.append(self.disturb("stop", "agent" if who == "broker" else "broker"))
            await asyncio.gather(*together)

    async def disturb(self, kind, who, long=False, dead=False):
        world = self.world
        process = world.agent if who == "agent" else world.broker
        choose = self.plan(f"disturbance {len(self.storm.disturbances)}")
        disturbance = Disturbance(who, kind, now())
        self.storm.disturbances.append(disturbance)
        if kind == "stop":
            process.send_signal(signal.SIGSTOP)
            try:
                # Longer than two heartbeats: the link is lost.
                await asyncio.sleep(20 if long else choose.choice((0.05, 0.5, 2)) * choose.uniform(0.5, 1))
            finally:
                process.send_signal(signal.SIGCONT)
            disturbance.gone = now()
        else:
            if not dead:
                await asyncio.to_thread(world.end, process, signal.SIGTERM if kind == "drain" else signal.SIGKILL)
            disturbance.gone = now()
            await asyncio.sleep(choose.choice((0, choose.uniform(0, 1))))
            await asyncio.to_thread(world.start_agent if who == "agent" else world.start_broker)
        await world.back()
        disturbance.ended = now()

    async def door(self, until):
        """The app by itself: nobody at the door, one connection at a time, idle connections closed."""
        choose = self.plan("door")
        while now() < until:
            await asyncio.sleep(choose.uniform(0.2, 1.5 if self.short else 5))
            what = choose.choice(("down", "single", "idle", "idle"))
            if now() >= until:
                return
            if what == "down":
                await self.app.down(choose.uniform(0.05, 0.5))
            elif what == "single":
                await self.app.one_at_a_time(choose.uniform(0.2, 1.5 if self.short else 5))
            else:
                self.app.end_idle()
