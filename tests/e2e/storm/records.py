"""The words of the storm: what a visitor means to do, what the app does with it, what each of them saw, and what was
done to broker and agent meanwhile. Values only: the judge needs nothing else. Times are seconds of one monotonic clock."""
import dataclasses
import hashlib
import json


def filler(name, size):
    """The same bytes for the same name."""
    return hashlib.shake_128(name.encode()).digest(size)


def digest(data):
    return hashlib.sha256(data).hexdigest()


# ---- What is planned -----------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Act:
    """What the app does with a request.

    answer    a whole answer        early   a whole 413 before the body was read, then close() with unread bytes
    eager     a whole answer before the body was read, which is read on
    break     reset or closed at a point: head, body, request, answer-head, answer-body
    garbage   bytes that are no HTTP      careless   a HEAD or a 204 with a body behind it
    silent    not a byte more, until the other side leaves      echo   a 101, then every byte comes back, then `bye`
    """

    kind: str = "answer"
    status: int = 200
    framing: str = "length"  # or chunked, or close
    size: int = 0  # of the answer's body behind its first line; of an echo: bytes each way
    pause: float = 0.0  # before the answer
    gap: float = 0.0  # in the middle of it
    at: str = ""  # of break and silent; of an echo: "" or `echo`, where it breaks
    by: str = "close"  # or reset
    after: str = "keep"  # or announce, fin, rst: what becomes of the connection...
    idle: float = 0.0  # ... so long after the answer


@dataclasses.dataclass(frozen=True)
class Request:
    id: str
    method: str = "GET"
    version: str = "HTTP/1.1"
    upload: str = "none"  # or length, chunked
    upload_size: int = 0
    pauses: tuple = ()  # (where: head or body, seconds), each once
    expect: bool = False
    upgrade: bool = False
    echo_end: str = ""  # quit: the app ends first; fin: the visitor
    act: Act = Act()

    @property
    def target(self):
        return f"/{self.id}?{self.act.kind}{'-' if self.act.at else ''}{self.act.at}"

    @property
    def body(self):
        return filler(self.id + "/up", self.upload_size) if self.upload != "none" else b""

    @property
    def safe(self):
        return self.method in ("GET", "HEAD")

    @property
    def reads_body(self):
        """Whether the app reads the whole request before it answers."""
        return self.act.kind not in ("early", "eager")


@dataclasses.dataclass(frozen=True)
class Leave:
    """A visitor who goes away: at a request, at a point of it (connect, head, body, sent, answer, echo)."""

    index: int
    at: str
    how: str  # fin or rst
    delay: float


@dataclasses.dataclass(frozen=True)
class Visit:
    """One connection."""

    requests: tuple
    pipelined: bool = False
    secure: bool = False  # over TLS, where the broker has it
    slow: bool = False  # reads little at a time
    half_close: bool = False  # FIN behind the last request
    leave: Leave = None
    rest: float = 0.0  # before the next connection
    gap: float = 0.0  # between two requests


def answer_body(request, attempt, upload_digest):
    """What the app answers to the `attempt`-th sighting of a request."""
    line = {"id": request.id, "method": request.method, "target": request.target, "attempt": attempt, "upload": upload_digest}
    return json.dumps(line).encode() + b"\n" + filler(request.id, request.act.size)


def echo_bytes(request):
    return filler(request.id + "/echo", request.act.size)


# ---- What was seen ----------------------------------------------------------------


@dataclasses.dataclass
class Told:
    """One request as its visitor saw it end.

    whole   an answer, whole by its own framing      cut       an answer that began and broke off
    closed  the connection ended before an answer    refused   nobody took the connection
    left    the visitor went away himself            unserved  an answer before it ended the connection
    hung    nothing, until long after the storm
    """

    request: Request
    begun: float
    first: bool = True  # on its connection
    outcome: str = ""
    ended: float = 0.0
    head_sent: bool = False
    whole_sent: bool = False
    silence_head: float = 0.0  # the visitor's own, from the first byte to the end of the head
    silence_body: float = 0.0  # the longest between two parts of the body
    half_closed: float = 0.0  # when the FIN went out, 0: never
    heard: float = 0.0  # when the last byte of an answer came, 0: never
    status: int = 0
    framing: str = ""  # of the answer, as it came
    ids: tuple = ()  # (id, attempt) as the app's answer names them; empty: not the app's answer
    code: str = None  # of an answer that is the broker's
    message: str = ""
    retry_after: bool = False
    body_digest: str = ""
    body_length: int = 0
    sample: str = ""


@dataclasses.dataclass
class Sighting:
    """One request as it reached the app, its head whole.

    reading  not yet answered   answered  whole      broke   ended by the app before an answer's head was whole
    garbage  as planned         cut       ended by the app in the middle of an answer      left   the peer went away
    """

    id: str
    attempt: int
    connection: int
    nth: int  # request on that connection, from 1
    at: float
    did: str = "reading"
    began: bool = False  # a byte of an answer was written
    body: str = "none"  # none, reading, whole
    body_digest: str = ""
    ended: float = 0.0


@dataclasses.dataclass
class Closing:
    """The app ended a connection on which no request was, or its door was shut with connections before it."""

    at: float


@dataclasses.dataclass
class Disturbance:
    """What was done to broker or agent.

    stop   SIGSTOP from `begun` to `gone`      drain  SIGTERM, the process ended at `gone`      kill  SIGKILL at `begun`

    `ended`: when the tunnel served again; 0 while it does not.
    """

    who: str
    kind: str
    begun: float
    gone: float = 0.0
    ended: float = 0.0


@dataclasses.dataclass
class Storm:
    """All that the judge looks at."""

    mux: bool
    begun: float = 0.0
    told: list = dataclasses.field(default_factory=list)
    sightings: list = dataclasses.field(default_factory=list)
    closings: list = dataclasses.field(default_factory=list)
    downs: list = dataclasses.field(default_factory=list)  # (from, to): nobody listens at the app's port
    disturbances: list = dataclasses.field(default_factory=list)
    mangled: list = dataclasses.field(default_factory=list)  # what reached the app and is no request of ours
