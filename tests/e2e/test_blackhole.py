"""A path that swallows packets in one direction, without a word to either side: nft in network namespaces of this test's
own, which end with its processes."""
import contextlib
import ctypes
import os
import pathlib
import shutil
import subprocess
import tempfile
import time
import unittest
import unittest.mock

import harness
from harness import DOMAIN, E2E, Agent, Authority, Broker, Process, eventually
from replicas import PATH, missing
from visitor import Visitor

NEW_NETWORK = 0x40000000  # CLONE_NEWNET
HERE, THERE = "10.213.0.1", "10.213.0.2"  # the broker's side, the agent's
NOTICED = 17.0  # seconds: two PINGs without an answer, and what TCP adds
SERVES = 5.0  # seconds after it has healed
SLACK = 5.0  # of a busy machine


def run(*args):
    subprocess.run(args, check=True, timeout=30, env={**os.environ, "PATH": PATH})


class Blackhole(E2E):
    weight = 3

    @classmethod
    def setUpClass(cls):
        why = "not root" if os.geteuid() != 0 else missing("ip", "nft", "nsenter", "unshare")
        if why:
            raise unittest.SkipTest(why)
        super().setUpClass()
        # This thread and all that it starts from now on are in a network of their own.
        if ctypes.CDLL(None, use_errno=True).unshare(NEW_NETWORK) != 0:
            raise unittest.SkipTest(f"no network namespace: {os.strerror(ctypes.get_errno())}")
        cls.far = cls.start(Process("far", [shutil.which("unshare"), "--net", "sleep", "infinity"]))
        eventually(lambda: os.readlink(f"/proc/{cls.far.pid}/ns/net") != os.readlink("/proc/thread-self/ns/net"), "the agent's network")
        run("ip", "link", "set", "lo", "up")
        run("ip", "link", "add", "near", "type", "veth", "peer", "name", "far", "netns", str(cls.far.pid))
        run("ip", "address", "add", f"{HERE}/30", "dev", "near")
        run("ip", "link", "set", "near", "up")
        for line in ("link set lo up", f"address add {THERE}/30 dev far", "link set far up"):
            cls.in_far("ip", *line.split())
        authority = Authority(cls.folder / "ca")
        authority.issue("broker", f"IP:{HERE}", f"DNS:{DOMAIN}")
        cls.broker = cls.start(Broker("--https", f"{HERE}:7443", authority=authority))
        cls.app = cls.app_there()
        with tempfile.TemporaryDirectory(dir=harness.WORK) as folder:
            script = pathlib.Path(folder) / "agent"
            script.write_text(f'#!/bin/sh\nexec nsenter -t {cls.far.pid} -n "{harness.BIN}/agent" "$@"\n')
            script.chmod(0o755)
            with unittest.mock.patch.object(harness, "BIN", script.parent):
                cls.agent = cls.start(Agent(cls.app, f"https://{HERE}:7443", "--subdomain", "hole", mux="require", ca=authority.ca))

    @classmethod
    def in_far(cls, *args):
        run("nsenter", "-t", str(cls.far.pid), "-n", *args)

    @classmethod
    def app_there(cls):
        """The app's port, in the agent's network."""
        folder = cls.folder / "www"
        folder.mkdir()
        (folder / "hello").write_text("hello\n")
        cls.start(Process("app", ["nsenter", "-t", str(cls.far.pid), "-n", "/usr/bin/python3", "-m", "http.server", "8000", "--bind",
                                  "127.0.0.1", "--directory", folder])).wait_line("Serving")
        return 8000

    def serves(self, timeout=2.0):
        with contextlib.suppress(Exception):  # no answer in time, a 503
            with Visitor(self.broker.http_port, f"hole.{DOMAIN}", timeout=timeout) as visitor:
                return visitor.get("/hello").text == "hello\n"
        return False

    def swallow(self, hook):
        eventually(self.serves, "the tunnel serves")
        agents, brokers = len(self.agent.events()), len(self.broker.events())
        way = "iifname" if hook == "input" else "oifname"
        self.in_far("nft", f"add table inet hole; add chain inet hole packets {{ type filter hook {hook} priority 0; }}; "
                           f"add rule inet hole packets {way} far drop")
        begin = time.monotonic()
        try:
            self.agent.wait_event("reconnecting", after=agents, seconds=NOTICED + SLACK)
            agent = time.monotonic() - begin
            self.broker.wait_event("link-down", after=brokers, seconds=NOTICED + SLACK)
            broker = time.monotonic() - begin
            time.sleep(3)
        finally:
            self.in_far("nft", "delete table inet hole")
        begin = time.monotonic()
        eventually(self.serves, "it serves again", SERVES + SLACK)
        self.measured = f"noticed by the agent after {agent:.1f} s, by the broker after {broker:.1f} s; served {time.monotonic() - begin:.1f} s after it healed"

    def test_what_the_broker_says_is_lost(self):
        self.swallow("input")

    def test_what_the_agent_says_is_lost(self):
        self.swallow("output")
