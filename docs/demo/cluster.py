#!/usr/bin/env python3
"""What `./dev cluster` runs: Redis, three brokers that are replicas of one, HAProxy in front of them, an agent and its app,
all on ports of this machine that the system chooses, until Ctrl-C. A replica that ends is started again, as a supervisor
would. With --once: a rolling restart of all three under load, then the kill of the replica that has the agent's link, and
what of it visitors noticed. What starts and asks these programs is the end-to-end tests' (tests/e2e/replicas.py, load.py)."""
import os
import pathlib
import shutil
import signal
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
WORK = ROOT / "build/cluster"
os.environ.setdefault("TENFOLD_WORK", str(WORK))
sys.path.insert(0, str(ROOT / "tests/e2e"))

from apps import WebSocketEcho  # noqa: E402
from harness import BIN, DOMAIN, Agent, Process, free_port  # noqa: E402
from load import Load, LongApp, LongOnes  # noqa: E402
from replicas import Cluster, Replica, missing  # noqa: E402

NAME = "demo"
HOST = f"{NAME}.{DOMAIN}"
RATE = 200  # requests a second
LONG = 9  # seconds of the long ones in each restart: longer than --drain-delay
HEALED_IN = 3.0  # seconds after a kill


def say(text=""):
    print(text, flush=True)


class Stage:
    """Everything that runs, in the order of its start; stopped in the reverse one."""

    def __init__(self):
        self.processes = []

    def start(self, process):
        self.processes.append(process)
        return process

    def stop(self):
        for process in reversed(self.processes):
            process.send_signal(signal.SIGTERM)
            if isinstance(process, Replica):
                time.sleep(0.05)
                process.send_signal(signal.SIGTERM)  # the second one: its drain ends at once
        for process in reversed(self.processes):
            process.stop(seconds=10)


def start_cluster(stage, folder):
    """The cluster behind its balancer, ready for new names. A Redis that was empty keeps these waiting for one lease, so
    that agents of before could have theirs first."""
    say("cluster: Redis, three brokers and HAProxy start")
    ports = free_port(), free_port()
    cluster = Cluster(folder, "--public-url", f"http://{DOMAIN}:{ports[0]}", start=stage.start, calm=False)
    cluster.balance(ports=ports)
    while cluster.redis.command("EXISTS", "tenfold:warming") == b":1":
        left = max(0, int(cluster.redis.command("PTTL", "tenfold:warming")[1:])) / 1000
        say(f"cluster: the registry is new and gives no name for one lease: {left:.0f} s more")
        time.sleep(min(2.0, left + 0.1))
    return cluster


def start_agent(stage, cluster, *targets):
    names = [NAME, f"{NAME}-echo"][:len(targets)]
    flags = [flag for name in names for flag in ("--subdomain", name)]
    agent = stage.start(Agent(targets[0], f"https://127.0.0.1:{cluster.front.https_port}", *targets[1:], *flags, mux="require",
                              ca=cluster.authority.ca, ready=False))
    for name in names:
        agent.wait_event("ready", name=name)
    return agent


# ---- For a person ----------------------------------------------------------------


def serve(stage, folder):
    cluster = start_cluster(stage, folder)
    page = stage.start(Process("page", [sys.executable, "-u", ROOT / "docs/demo/page.py"]))
    port = int(page.wait_line("listening ").split()[1])
    agent = start_agent(stage, cluster, port)
    say()
    say(f"  Site     http://{HOST}:{cluster.front.http_port}/   (HAProxy, before all three)")
    say(f"           https://{HOST}:{cluster.front.https_port}/  (authority: {cluster.authority.ca})")
    for replica in cluster.replicas:
        say(f"  {replica.replica}       admin page http://127.0.0.1:{replica.ports['admin']}/   itself http://127.0.0.1:{replica.http_port}/   "
            f"health http://127.0.0.1:{replica.ports['health']}/readyz   process {replica.pid}")
    say(f"  Redis    127.0.0.1:{cluster.redis.port}, process {cluster.redis.pid}      HAProxy: process {cluster.front.pid}")
    say()
    say("  Try, in another terminal, with the site open or in a loop of curl:")
    say(f"    curl --resolve {HOST}:{cluster.front.http_port}:127.0.0.1 http://{HOST}:{cluster.front.http_port}/")
    say(f"    kill -TERM {cluster[0].pid}      r1 drains: its agents and visitors move, nobody loses a request")
    say(f"    kill -9 {cluster[0].pid}         r1 is gone at once: who was on it has an error, and the site serves within 3 s")
    say(f"    {os.path.relpath(BIN)}/agent expose 3000 --mux --host https://127.0.0.1:{cluster.front.https_port} --ca {os.path.relpath(cluster.authority.ca)}")
    say()
    say("  A replica that ended is started again. Ctrl-C stops everything.")
    say()
    had = None
    while True:
        time.sleep(0.5)
        for replica in list(cluster.replicas):
            if (code := replica.popen.poll()) is not None:
                stage.processes.remove(replica)
                Process.running.remove(replica)
                why = f"by signal {-code}" if code < 0 else f"with exit code {code}"
                say(f"cluster: {replica.replica} ended {why}; it is started again")
                time.sleep(1)
                again = cluster.put(replica.again())
                say(f"cluster: {again.replica} runs, process {again.pid}")
        for process in (cluster.redis, cluster.front, page, agent):
            if process.popen.poll() is not None:
                say(f"cluster: {process.name} ended by itself:\n{process.tail(5)}")
                return 1
        owner = cluster.owner(NAME)
        if owner and owner.replica != had:
            had = owner.replica
            say(f"cluster: the agent's link is on {had}")


# ---- Before one's eyes -----------------------------------------------------------


def play(stage, folder):
    cluster = start_cluster(stage, folder)
    app, echo = LongApp(), WebSocketEcho()
    start_agent(stage, cluster, app.port, echo.port)
    say(f"cluster: http://{HOST}:{cluster.front.http_port}/ leads to the agent")
    nothing_lost = restart_all(cluster)
    return 0 if kill_owner(stage, cluster) and nothing_lost else 1


def restart_all(cluster):
    """Whether nothing was lost."""
    port = cluster.front.http_port
    say(f"\nRolling restart of all three, at {RATE} requests a second")
    begin, load, lost, long_ones = time.monotonic(), Load(port, HOST, RATE), [], 0
    for replica in list(cluster.replicas):
        with_agent = " (the agent's link is here)" if cluster.owner(NAME) is replica else ""
        running = [LongOnes(port, HOST, f"{NAME}-echo.{DOMAIN}", LONG) for _ in range(2)]
        long_ones += len(running) * len(LongOnes.KINDS)
        say(f"  {replica.replica}: SIGTERM{with_agent}, while two downloads, uploads, WebSockets and event streams run")
        at = time.monotonic()
        code = cluster.restart(replica)
        say(f"  {replica.replica}: ended with {code} and is back after {time.monotonic() - at:.1f} s; {load.done} requests served, "
            f"{len(load.failures)} failed")
        if code != 0:
            lost.append(f"{replica.replica} ended with {code}")
        for each in running:
            lost += [f"{kind}: {what}" for kind, what in each.wait().items()]
    load.stop()
    say(f"  {time.monotonic() - begin:.0f} s: {load.done} requests served, {len(load.failures)} failed; the slowest took {load.slowest:.2f} s; "
        f"{load.repeated} met a kept connection's end and were sent again")
    say(f"  {long_ones - len(lost)} of {long_ones} long ones came through whole")
    lost += [f"request: {what}" for _, _, what in load.failures]
    for what in lost[:20]:
        say(f"    lost: {what}")
    return not lost


def kill_owner(stage, cluster):
    """Whether it healed in time."""
    owner = cluster.owner(NAME)
    say(f"\nkill -9 of {owner.replica}, which has the agent's link, at {RATE} requests a second")
    load = Load(cluster.front.http_port, HOST, RATE)
    time.sleep(1)
    stage.processes.remove(owner)
    killed = time.monotonic()
    owner.kill()
    time.sleep(8)
    load.stop()
    last = max((ended for _, ended, _ in load.failures), default=killed)
    healed = load.answered_at > last
    say(f"  {len(load.failures)} of {load.done + len(load.failures)} requests failed, the last one {last - killed:.2f} s after the kill")
    where = cluster.owner(NAME)
    say(f"  the URL {'serves without an error since then' if healed else 'does not serve'}; the agent's link is on "
        f"{where.replica if where else 'no replica'}")
    return healed and last - killed <= HEALED_IN


def main():
    if sys.argv[1:] not in ([], ["--once"]):
        print(f"cluster: unknown option {' '.join(sys.argv[1:])} (there is --once)", file=sys.stderr)
        return 2
    if why := missing("redis-server", "haproxy", "openssl"):
        print(f"cluster: {why}", file=sys.stderr)
        return 1
    for signum in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(signum, signal.default_int_handler)
    stage, folder = Stage(), pathlib.Path(tempfile.mkdtemp(prefix="run-", dir=WORK))
    try:
        return (play if sys.argv[1:] else serve)(stage, folder)
    except KeyboardInterrupt:
        return 0
    except AssertionError as fault:
        say(f"cluster: {fault}\n" + "\n".join(process.tail(5) for process in stage.processes))
        return 1
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        stage.stop()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
