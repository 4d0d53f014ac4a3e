"""docs/OPERATING.md, "From one broker to three behind HAProxy": its ten commands, as they stand there, with the addresses
that they name in networks of this test's own."""
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import time

import harness
from apps import App
from balancers import DEPLOY, PATH
from harness import ROOT, E2E, Agent, Authority, Process, eventually
from networks import Networks
from replicas import missing
from visitor import Visitor

STAYS = re.compile(r"redis-server|haproxy|broker (?!.*--check-config)")
NEAR = ["10.0.0.4", "10.0.0.11", "10.0.0.12", "10.0.0.13"]
FAR = "10.0.0.5"


def commands():
    """{number: (where, command)}, `where` an address or None."""
    text = (ROOT / "docs/OPERATING.md").read_text()
    section = text.partition("## From one broker to three behind HAProxy\n")[2].partition("\n## ")[0]
    block = section.partition("```sh\n")[2].partition("```")[0]
    found = {}
    for part in block.strip().split("\n\n"):
        comment, command = part.split("\n", 1)
        number, where = re.match(r"# (\d+)(?:, on ([\d.]+))?", comment).groups()
        found[int(number)] = (where, command)
    return found


class ThreeBrokers(E2E):
    weight = 2

    def test_the_commands_of_the_document(self):
        if why := missing("redis-server", "haproxy", "openssl"):
            self.skipTest(why)
        found = commands()
        self.assertEqual(sorted(found), list(range(1, 11)))
        networks = Networks(self.start, NEAR, [FAR])
        authority = Authority(self.folder / "ca")
        certificate, key = authority.issue("broker", "DNS:tunnel.example", "DNS:*.tunnel.example", f"IP:{FAR}")
        shutil.copy(certificate, self.folder / "chain.pem")
        shutil.copy(key, self.folder / "key.pem")
        shutil.copy(DEPLOY / "haproxy-tcp.cfg", self.folder)
        path = {**os.environ, "PATH": f"{harness.BIN}:{PATH}"}
        running = {}
        for number, (where, command) in found.items():
            shell = ["/bin/bash", "-c", command]
            if where == FAR:
                shell = networks.far(*shell)
            if STAYS.search(command):
                running[number] = Process(f"command-{number}", shell, env={"PATH": path["PATH"]}, cwd=self.folder)
                self.addCleanup(self.end, running[number])
                if number == 4:
                    running[number].wait_line("Ready to accept")
            else:
                done = subprocess.run(shell, cwd=self.folder, env=path, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
                self.assertEqual(done.returncode, 0, f"{number}: {done.stdout}{done.stderr}")
        for number in (7, 8, 9):
            running[number].wait_line("listening")

        app = App()
        self.addCleanup(app.stop)
        begin = time.monotonic()
        agent = self.start(Agent(app.port, f"https://{FAR}", "--subdomain", "blue-fox", mux="require", ca=authority.ca, ready=False))
        self.assertEqual(agent.wait_event("ready", seconds=60)["url"], "https://blue-fox.tunnel.example")
        self.measured = f"the first name {time.monotonic() - begin:.1f} s after the agent's start"
        for port, ca in ((80, None), (443, authority.ca)):
            eventually(lambda: self.fields(port, ca) is not None, "a first visitor is served")
            for _ in range(12):
                fields = self.fields(port, ca)
                self.assertIn(fields["x-forwarded-for"], NEAR)
                self.assertEqual(fields["x-forwarded-proto"], "https" if ca else "http")
        served = [number for number in (7, 8, 9) if any(e in line for line in running[number].lines() for e in ("peer-link-up", "tunnel-up"))]
        self.assertEqual(served, [7, 8, 9])

    @staticmethod
    def fields(port, ca):
        """What the app hears of a visitor; None where he gets no 200."""
        with Visitor(port, "blue-fox.tunnel.example", ca=ca, ip=FAR) as visitor:
            answer = visitor.get("/hash")
        return {name.lower(): value for name, value in json.loads(answer.text)["fields"]} if answer.status == 200 else None

    @staticmethod
    def end(process):
        """A pipe's shell waits for what it has started."""
        children = pathlib.Path(f"/proc/{process.pid}/task/{process.pid}/children")
        if process.popen.poll() is None:
            for child in children.read_text().split():
                os.kill(int(child), signal.SIGTERM)
            process.send_signal(signal.SIGTERM)  # a broker drains; the second one ends that
        process.stop()
