"""What the programs say when nobody reads it, and what they do at each signal."""
import contextlib
import json
import os
import pathlib
import pty
import select
import signal
import subprocess
import threading

import harness
from apps import App
from harness import BIN, DOMAIN, E2E, Agent, Broker, Process, eventually
from visitor import Visitor

PIPE_FULL = 30000  # a pipe has 16 pages, and what finds no room in one goes into the next: each is half full at least
FLOOD = 480000  # bytes of lines: what a pipe, its reader's last look and the program's queue hold, and as much again
SOON = 20  # seconds in which a program that is asked to stop has stopped; it is by far less


def taken_by(broker, name):
    """Whether a visitor of the tunnel gets the page, now."""
    with contextlib.suppress(OSError, AssertionError), Visitor(broker.http_port, f"{name}.{DOMAIN}", timeout=5) as visitor:
        return visitor.get("/hello").status == 200
    return False


class Unread(E2E):
    """A reader that stalls costs lines, never a visitor, a tunnel or the end of the program."""

    short = True
    weight = 4

    def setUp(self):
        self.app = App()
        self.addCleanup(self.app.stop)

    def ends_soon(self, process):
        process.send_signal(signal.SIGTERM)
        self.assertEqual(process.popen.wait(SOON), 0)

    def served(self, broker, name):
        with Visitor(broker.http_port, f"{name}.{DOMAIN}") as visitor:
            self.assertEqual(visitor.get("/hello").status, 200)

    def flood_of_refusals(self, port, line_bytes):
        """Requests that no tunnel gets, one a connection, each a line of the broker's log."""
        for _ in range(FLOOD // line_bytes):
            with Visitor(port, DOMAIN) as visitor:
                visitor.send(b"GET / HTTP/1.1\nHost: x\n\n")
                self.assertEqual(visitor.answer().status, 400)

    def flood(self, broker, name, line_bytes, status, target="/hello"):
        """Requests until FLOOD bytes of lines were made of them, at `line_bytes` a request at least."""
        with Visitor(broker.http_port, f"{name}.{DOMAIN}") as visitor:
            for _ in range(FLOOD // line_bytes):
                answer = visitor.get(target)
                self.assertEqual(answer.status, status)

    def test_the_broker_s_log(self):
        for mux in ("require", False):
            broker = self.start(Broker("--log-level", "debug"))
            agent = self.start(Agent(self.app.port, broker.host(False), mux=mux))
            broker.stall()
            self.flood_of_refusals(broker.http_port, 110)
            self.assertGreater(broker.unread(broker.popen.stderr), PIPE_FULL)
            self.served(broker, agent.tunnel)
            # The reader is back, and learns how much it missed.
            broker.read_on()
            missed = broker.wait_event("log-dropped")
            self.assertGreater(missed["n"], 0)
            self.assertEqual(missed["level"], "warn")
            with Visitor(broker.http_port, DOMAIN) as visitor:
                self.assertEqual(visitor.get("/", [("Host", "bad host")]).status, 400)
            broker.wait_event("reject", reason="bad-host")
            # ... and away again.
            broker.stall()
            self.flood_of_refusals(broker.http_port, 110)
            self.assertGreater(broker.unread(broker.popen.stderr), PIPE_FULL)
            self.ends_soon(broker)

    def test_the_broker_s_log_as_text(self):
        port = harness.free_port()
        broker = self.start(Process("broker", [BIN / "broker", "--domain", DOMAIN, "--http", f"127.0.0.1:{port}"]))
        broker.wait_line("listening")
        broker.stall()
        self.flood_of_refusals(port, 80)
        broker.read_on()
        self.assertRegex(broker.wait_line("log-dropped"), r"^[0-9TZ:.-]+ warn log-dropped n=[0-9]+$")

    def test_a_second_signal_to_a_broker_whose_log_is_stuck(self):
        broker = self.start(Broker())
        agent = self.start(Agent(self.app.port, broker.host(False), mux="require"))
        with Visitor(broker.http_port, f"{agent.tunnel}.{DOMAIN}") as waiting:
            waiting.send(waiting.head("GET", "/wait"))
            self.assertEqual(next(waiting.body(waiting.answer_head())), b"half")
            broker.stall()
            self.flood_of_refusals(broker.http_port, 110)
            broker.send_signal(signal.SIGTERM)
            self.assertRaises(subprocess.TimeoutExpired, broker.popen.wait, 0.5)
            self.ends_soon(broker)
        self.app.events.put(b"")

    def test_the_agent_s_log(self):
        for mux in ("require", False):
            broker = self.start(Broker())
            agent = self.start(Agent(self.app.port, broker.host(False), "--log-level", "debug", mux=mux))
            agent.stall()
            port = self.app.port
            self.app.stop()
            self.flood(broker, agent.tunnel, 90, 502)
            self.assertGreater(agent.unread(agent.popen.stderr), PIPE_FULL)
            self.app = App(port)
            self.addCleanup(self.app.stop)
            self.served(broker, agent.tunnel)
            agent.read_on()
            self.assertGreater(agent.wait_event("log-dropped")["n"], 0)
            self.served(broker, agent.tunnel)

    def test_the_agent_s_events(self):
        for mux in ("require", False):
            broker = self.start(Broker())
            agent = self.start(Agent(self.app.port, broker.host(False), "--print-requests", "--subdomain", "unread", mux=mux))
            agent.stall()
            self.flood(broker, "unread", 400, 200, target="/hello?" + "x" * 350)
            self.assertGreater(agent.unread(agent.popen.stdout), PIPE_FULL)
            # What comes in the flood's middle and is no request is not lost in it.
            broker.stop(signal.SIGKILL)
            again = self.start(broker.again())
            eventually(lambda: taken_by(again, "unread"), "the tunnel up again")
            agent.read_on()
            self.assertGreater(agent.wait_event("dropped")["n"], 0)
            agent.wait_for(lambda p: len([e for e in p.events() if e["event"] == "ready"]) == 2, "second ready")
            agent.stall()
            self.flood(again, "unread", 400, 200, target="/hello?" + "x" * 350)
            self.assertGreater(agent.unread(agent.popen.stdout), PIPE_FULL)
            self.ends_soon(agent)

    def test_the_agent_s_lines(self):
        for mux in ("--mux=require", "--mux"):
            broker = self.start(Broker())
            agent = self.start(Process("agent", [BIN / "agent", "expose", self.app.port, "--host", broker.host(False),
                                                 "--subdomain", "unread", "--print-requests", mux]))
            self.assertEqual(agent.wait_line("your url is: "), f"your url is: http://unread.{DOMAIN}:{broker.http_port}")
            agent.stall()
            self.flood(broker, "unread", 400, 200, target="/hello?" + "x" * 350)
            self.assertGreater(agent.unread(agent.popen.stdout), PIPE_FULL)
            self.served(broker, "unread")
            agent.read_on()
            self.assertRegex(agent.wait_line("log-dropped"), r" warn log-dropped n=[0-9]+$")

    def test_everything_is_said_before_the_end(self):
        # Faster than anybody reads, to the last line.
        broker = self.start(Broker("--log-level", "debug"))
        for _ in range(200):
            with Visitor(broker.http_port, DOMAIN) as visitor:
                visitor.send(b"GET / HTTP/1.1\nHost: x\n\n")
                self.assertEqual(visitor.answer().status, 400)
        self.ends_soon(broker)
        broker.wait_end()
        events = [event["event"] for event in broker.events()]
        self.assertEqual(events.count("reject"), 200)
        self.assertEqual(events[-1], "draining")


class NoStreams(E2E):
    """Programs that are started with closed streams: nothing else gets their numbers."""

    short = True

    def test_closed_streams_lead_nowhere(self):
        app = App()
        self.addCleanup(app.stop)
        port = harness.free_port()
        closed = ["sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh"]
        broker = self.start(Process("broker", [*closed, BIN / "broker", "--http", f"127.0.0.1:{port}", "--domain", DOMAIN]))
        agent = self.start(Process("agent", [*closed, BIN / "agent", "expose", app.port, "--host", f"http://127.0.0.1:{port}",
                                             "--subdomain", "silent", "--print-requests", "--log-level", "trace"]))

        def works():
            with contextlib.suppress(OSError, AssertionError), Visitor(port, f"silent.{DOMAIN}", timeout=5) as visitor:
                return visitor.get("/hello").text == "hello\n"
            return False

        eventually(works, "the tunnel")
        for process in (agent, broker):
            for fd in (0, 1, 2):
                self.assertEqual(os.readlink(f"/proc/{process.pid}/fd/{fd}"), "/dev/null")
            self.assertEqual(process.stop(), 0)


class Signals(E2E):
    short = True

    def setUp(self):
        self.app = App()
        self.addCleanup(self.app.stop)
        self.broker = self.start(Broker())

    def agent(self, name, *flags):
        return self.start(Agent(self.app.port, self.broker.host(False), "--subdomain", name, *flags, mux="require"))

    def half(self, name):
        """A visitor with half of an answer, and the iterator that gives the rest."""
        visitor = Visitor(self.broker.http_port, f"{name}.{DOMAIN}")
        self.addCleanup(visitor.close)
        visitor.send(visitor.head("GET", "/wait"))
        pieces = visitor.body(visitor.answer_head())
        self.assertEqual(next(pieces), b"half")
        return pieces

    def test_the_broker_goes_on_and_says_so(self):
        self.agent("steady")
        for signum in (signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2, signal.SIGHUP):
            self.broker.send_signal(signum)
            self.assertTrue(taken_by(self.broker, "steady"))
        self.assertEqual(self.broker.wait_event("reloaded")["changed"], "nothing")
        for name in ("SIGUSR1", "SIGUSR2"):
            self.broker.wait_event("signal", name=name)
        self.assertEqual(self.broker.stop(), 0)

    def test_a_broker_takes_a_signal_at_its_first_line(self):
        for signum in (signal.SIGHUP, signal.SIGTERM):
            broker = self.start(Broker())
            broker.send_signal(signum)
            self.assertEqual(broker.stop(), 0)

    def test_an_agent_finishes_what_runs_when_its_terminal_closes(self):
        agent = self.agent("hung-up")
        pieces = self.half("hung-up")
        # The shell says it, and the kernel says it once more.
        agent.send_signal(signal.SIGHUP)
        agent.wait_event("stopping")
        agent.send_signal(signal.SIGHUP)
        eventually(lambda: not taken_by(self.broker, "hung-up"), "the name given back")
        self.app.events.put(b"done")
        self.assertEqual(b"".join(pieces), b"done")
        self.assertEqual(agent.wait_end(SOON), 0)
        self.assertEqual(agent.events()[-1]["event"], "stopped")
        self.broker.wait_event("tunnel-down", cause="goodbye")

    def test_sigterm_behind_sighup_ends_at_once(self):
        agent = self.agent("impatient")
        self.half("impatient")
        agent.send_signal(signal.SIGHUP)
        agent.wait_event("stopping")
        agent.send_signal(signal.SIGTERM)
        self.assertEqual(agent.wait_end(SOON), 0)
        self.app.events.put(b"")

    def test_nohup_counts(self):
        agent = self.start(Process("agent", ["sh", "-c", 'trap "" HUP; exec "$@"', "sh", BIN / "agent", "expose", self.app.port, "--host",
                                             self.broker.host(False), "--subdomain", "nohup", "--json", "--mux"]))
        agent.wait_event("ready")
        ignored = pathlib.Path(f"/proc/{agent.pid}/status").read_text().split("SigIgn:")[1].split()[0]
        self.assertTrue(int(ignored, 16) & 1 << (signal.SIGHUP - 1))
        agent.send_signal(signal.SIGHUP)
        self.assertTrue(taken_by(self.broker, "nohup"))
        self.assertIsNone(agent.popen.poll())

    def test_an_agent_leaves_sigusr_alone(self):
        agent = self.agent("user-signals", "--log-level", "info")
        for name in ("SIGUSR1", "SIGUSR2"):
            agent.send_signal(getattr(signal, name))
            agent.wait_event("signal", name=name)
        self.assertTrue(taken_by(self.broker, "user-signals"))


class Terminals(E2E):
    """An agent on a terminal of its own: one that is closed, and one that stops what writes from the background."""

    short = True

    def setUp(self):
        self.app = App()
        self.addCleanup(self.app.stop)
        self.broker = self.start(Broker())

    def on_terminal(self, *args):
        """(process id, the terminal's other end)"""
        pid, master = pty.fork()
        if pid == 0:
            try:
                os.execv(args[0], [str(arg) for arg in args])
            finally:
                os._exit(127)
        return pid, master

    def expose(self, name):
        return [str(BIN / "agent"), "expose", str(self.app.port), "--host", self.broker.host(False), "--subdomain", name,
                "--print-requests", "--mux=require"]

    def said(self, master, what):
        """Reads from the terminal until it has `what`, and returns all."""
        text = bytearray()

        def has():
            if select.select([master], [], [], 0.1)[0]:
                text.extend(os.read(master, 4096))
            return what in text

        eventually(has, lambda: f"{what} in {text}")
        return bytes(text)

    def ended(self, pid):
        """Its exit code, once it has one."""
        ended, status = eventually(lambda: (lambda got: got if got[0] else None)(os.waitpid(pid, os.WNOHANG)), "its end")
        self.assertEqual(ended, pid)
        return os.waitstatus_to_exitcode(status)

    def test_a_terminal_that_is_closed_lets_an_agent_say_goodbye(self):
        pid, master = self.on_terminal(*self.expose("closed-window"))
        self.said(master, b"your url is: ")
        with Visitor(self.broker.http_port, f"closed-window.{DOMAIN}") as visitor:
            visitor.send(visitor.head("GET", "/wait"))
            pieces = visitor.body(visitor.answer_head())
            self.assertEqual(next(pieces), b"half")
            os.close(master)
            # It says so to a terminal that is gone, and to its broker.
            self.broker.wait_event("tunnel-down", cause="goodbye")
            self.app.events.put(b"done")
            self.assertEqual(b"".join(pieces), b"done")
        self.assertEqual(self.ended(pid), 0)

    def test_the_url_comes_before_what_is_said_of_it(self):
        pid, master = self.on_terminal(*self.expose("in-order"))
        text = self.said(master, b"forwarding to")
        self.assertLess(text.index(b"your url is: "), text.index(b"forwarding to"))
        os.kill(pid, signal.SIGTERM)
        self.said(master, b"stopping")
        self.assertEqual(self.ended(pid), 0)
        os.close(master)

    def test_a_terminal_that_stops_background_output_does_not_stop_an_agent(self):
        shell, master = self.on_terminal("/bin/sh", "-c", 'set -m; stty tostop; "$@" & echo "agent $!."; wait $!', "sh",
                                         *self.expose("background"))
        agent = int(self.said(master, b".\r\n").partition(b"agent ")[2].partition(b".")[0])
        self.said(master, b"your url is: ")
        for _ in range(3):
            self.assertTrue(taken_by(self.broker, "background"))
        self.said(master, b"GET /hello")
        os.kill(agent, signal.SIGTERM)
        self.assertEqual(self.ended(shell), 0)
        os.close(master)


class NoResolver(E2E):
    """A resolver that never answers: what is looked up has a deadline, and an agent that is asked to stop does not wait
    for the look-up. The C library reads $HOSTALIASES on the way to a server: from a pipe that nobody writes to."""

    short = True

    def setUp(self):
        self.aliases = self.folder / "aliases"
        if not self.aliases.exists():
            os.mkfifo(self.aliases)

    def test_an_agent_that_looks_for_its_broker(self):
        agent = self.start(Agent(1, "http://nowhere:1", ready=False, env={"HOSTALIASES": str(self.aliases)}))
        eventually(lambda: len(os.listdir(f"/proc/{agent.pid}/task")) > 3, "the resolver's threads")
        agent.send_signal(signal.SIGTERM)
        self.assertEqual(agent.popen.wait(SOON), 0)

    def test_an_agent_that_looks_for_its_app(self):
        broker = self.start(Broker())
        agent = self.start(Agent("nowhere:1", broker.host(False), mux="require", env={"HOSTALIASES": str(self.aliases)}))
        answers = []

        def visit():
            with Visitor(broker.http_port, f"{agent.tunnel}.{DOMAIN}") as visitor:
                answers.append(visitor.get("/").status)

        visitors = [threading.Thread(target=visit) for _ in range(8)]
        for visitor in visitors:
            visitor.start()
        for visitor in visitors:
            visitor.join()
        self.assertEqual(set(answers) - {502, 504}, set())
        agent.send_signal(signal.SIGTERM)
        self.assertEqual(agent.popen.wait(SOON), 0)
