#!/usr/bin/env python3
"""The Python agent of conformance/peers with one fault of choice: proof that the suite can fail.

    toy_agent.py FAULT PORT --host URL

Each fault is a method of the good agent put in a bad one's place.
"""
import base64
import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "conformance" / "peers"))
import agent  # noqa: E402

Link, Agent = agent.Link, agent.Agent


def any_name():
    """Serves streams of every name."""
    good = Link.on_request
    Link.on_request = lambda self, number, head: good(
        self, number, head if number == 1 else {**head, ":authority": self.agent.name})


def no_credit():
    """Returns no credit to the connection."""
    good = Link.credit
    Link.credit = lambda self, size, number: good(self, size, number) if number is not None else None


def fin_ends_both():
    """Closes the application's connection when the broker ends its own side."""
    good = Link.pump_out

    def bad(self, stream, padding=0):
        good(self, stream, padding)
        if stream.fin_sent and stream.number in self.streams:
            self.h2.end_stream(stream.number)
            self.forget(stream)
    Link.pump_out = bad


def no_resume():
    """Forgets its resume token."""
    Agent.token = property(lambda self: None, lambda self, value: None)


def padded_token():
    """Sends its resume token with padding."""
    agent.base64 = type("padded", (), {"urlsafe_b64encode": staticmethod(lambda data: base64.b64encode(data) + b"-")})


def asks_on():
    """Takes every refusal for one that heals."""
    good = Agent.judge

    def bad(self, *args):
        try:
            good(self, *args)
        except agent.Refused as refused:
            raise OSError(str(refused))
    Agent.judge = bad


def impatient():
    """Does not wait for Retry-After."""
    class Clock:
        monotonic = staticmethod(time.monotonic)
        sleep = staticmethod(lambda seconds: time.sleep(min(seconds, 0.1)))
    agent.time = Clock


def no_drain():
    """Does not dial again at a Drain."""
    Link.drain = lambda self: None


def any_length():
    """Takes control messages of every length."""
    good = agent.read_varint
    agent.read_varint = lambda data, at, most=10: (
        lambda value, end: (min(value, 65536) if value is not None and most == 5 else value, end))(*good(data, at, 10))


def says_200():
    """Answers 200 before it knows whether the application is there."""
    good = Link.on_request

    def bad(self, number, head):
        good(self, number, head)
        if number in self.streams:
            self.h2.send_headers(number, [(":status", "200")])
            send = self.h2.send_headers
            self.h2.send_headers = lambda n, *args, **kw: None if n in self.streams else send(n, *args, **kw)
    Link.on_request = bad


def no_hello():
    """Says Goodbye for Hello."""
    good = agent.message
    agent.message = lambda kind, body: good(19 if kind == 16 else kind, body)


def hurried():
    """Gives up an Upgrade that is not answered within a second."""
    good = Agent.dial

    def bad(self):
        dial = agent.socket.create_connection
        agent.socket.create_connection = lambda address, timeout: dial(address, timeout=1)
        try:
            return good(self)
        finally:
            agent.socket.create_connection = dial
    Agent.dial = bad


def ends_at_502():
    """Takes a proxy's page for a server's refusal."""
    good = Agent.judge

    def bad(self, *args):
        try:
            good(self, *args)
        except OSError as fault:
            raise agent.Refused(str(fault))
    Agent.judge = bad


FAULTS = {each.__name__.replace("_", "-"): each for each in (
    any_name, no_credit, fin_ends_both, no_resume, padded_token, asks_on, impatient, no_drain, any_length, says_200,
    no_hello, hurried, ends_at_502)}

if __name__ == "__main__":
    fault = sys.argv.pop(1)
    if fault != "none":
        FAULTS[fault]()
    agent.main()
