"""What each visitor of a storm does, and what the app does to him: an endless row of visits, all from one seed. The same
seed is the same row, whatever the timing."""
import random

from storm.records import Act, Leave, Request, Visit

KiB = 1 << 10


def visits(seed, visitor):
    """All visits of one visitor."""
    choose = random.Random(f"{seed}/{visitor}")
    number = 0
    while True:
        yield visit(choose, f"{seed}.{visitor}.{number}")
        number += 1


def size(choose):
    """Mostly small, seldom more than any buffer on the way."""
    most = choose.choices((0, 2 * KiB, 64 * KiB, 400 * KiB, 2048 * KiB), (10, 55, 25, 9, 1))[0]
    return choose.randint(0, most)


def seconds(choose, often):
    """A pause: none, short, or seldom more than a second."""
    if choose.random() >= often:
        return 0.0
    return round(choose.choice((choose.uniform(0, 0.05), choose.uniform(0, 0.3), choose.uniform(0, 1.5))), 3)


def visit(choose, name):
    pipelined = choose.random() < 0.12
    version = "HTTP/1.0" if choose.random() < 0.08 else "HTTP/1.1"
    slow = choose.random() < 0.08
    count = min(8, 1 + int(choose.expovariate(0.6))) + (2 if pipelined else 0)
    requests = [request(choose, f"{name}.{index}", version, pipelined, slow) for index in range(count)]
    leave = None
    if choose.random() < 0.2:
        index = choose.randrange(count)
        at = "sent" if pipelined else choose.choice(("connect", "head", "body", "sent", "sent", "answer", "answer"))
        leave = Leave(index, at, choose.choice(("fin", "rst")), seconds(choose, 0.7))
        if at in ("sent", "answer") and not pipelined and choose.random() < 0.4:
            # An app that would never have gone on: only the visitor's end can end it.
            requests[index] = replace_act(requests[index], Act("silent", framing="chunked", size=4 * KiB,
                                                               at="answer-body" if at == "answer" else "request"))
        if at == "body" and requests[index].upload == "none":
            requests[index] = upload(choose, requests[index], 100 * KiB)
    if leave is None and version == "HTTP/1.1" and not pipelined and choose.random() < 0.15:
        requests[-1], leave = upgrade(choose, f"{name}.{count - 1}", count - 1)
    half_close = leave is None and not requests[-1].upgrade and choose.random() < 0.1
    secure = choose.random() < 0.3
    return Visit(tuple(requests), pipelined, secure, slow, half_close, leave, rest=seconds(choose, 0.6), gap=seconds(choose, 0.3))


def request(choose, name, version, pipelined, slow):
    method = choose.choices(("GET", "POST", "PUT", "HEAD"), (50, 32, 6, 12))[0]
    plain = Request(name, method, version)
    if method in ("POST", "PUT"):
        plain = upload(choose, plain, 2 * KiB if pipelined else size(choose))
    pauses = []
    if not pipelined and choose.random() < 0.06:
        pauses.append(("head", seconds(choose, 1)))
    if not pipelined and plain.upload != "none" and choose.random() < 0.1:
        pauses.append(("body", seconds(choose, 1)))
    expect = plain.upload != "none" and version == "HTTP/1.1" and not pipelined and choose.random() < 0.1
    act = act_for(choose, plain, slow)
    if act.kind == "early" and choose.random() < 0.5:
        plain = Request(name, method, version, plain.upload, choose.randint(200 * KiB, 3000 * KiB))
    return Request(name, method, version, plain.upload, plain.upload_size, tuple(pauses), expect, act=act)


def upload(choose, plain, most):
    kind = "length" if plain.version == "HTTP/1.0" else choose.choice(("length", "chunked"))
    return Request(plain.id, "POST" if plain.safe else plain.method, plain.version, kind, choose.randint(0, most), act=plain.act)


def replace_act(plain, act):
    return Request(plain.id, plain.method, plain.version, plain.upload, plain.upload_size, plain.pauses, plain.expect, act=act)


def act_for(choose, plain, slow):
    head = plain.method == "HEAD"
    length = 0 if head else (choose.randint(0, 200 * KiB) if slow else size(choose))
    framing = choose.choices(("length", "chunked", "close"), (60, 30, 10))[0]
    after = choose.choices(("keep", "announce", "fin", "rst"), (55, 12, 25, 8))[0]
    idle = 0.0 if choose.random() < 0.4 else round(choose.uniform(0, 1), 3)
    if framing == "close" or (after == "rst" and length > 4 * KiB):
        after = "fin"
    common = {"framing": framing, "size": length, "pause": seconds(choose, 0.15), "gap": seconds(choose, 0.1), "after": after,
              "idle": 0.0 if framing == "close" else idle}
    kinds = {"answer": 76, "break": 12, "garbage": 2, "careless": 3}
    if plain.upload != "none":
        kinds |= {"early": 14, "eager": 6}
    kind = choose.choices(tuple(kinds), tuple(kinds.values()))[0]
    if kind == "answer":
        status = choose.choices((200, 404, 500), (90, 6, 4))[0]
        return Act("answer", status, **common)
    if kind == "early":
        # Small: all of it is with the agent before the reset is.
        return Act("early", 413, size=choose.randint(0, 4 * KiB), after="announce")
    if kind == "eager":
        return Act("eager", **{**common, "framing": "length", "size": min(length, 4 * KiB)})
    if kind == "careless":
        return Act("careless", 200 if head else 204, size=choose.randint(1, 2 * KiB))
    if kind == "garbage":
        return Act("garbage")
    points = ["head", "request", "request", "answer-head"] + ["body"] * (plain.upload != "none") + ["answer-body"] * 2 * (not head)
    at = choose.choice(points)
    # A FIN is the good end of an answer without a length.
    by = "reset" if framing == "close" else choose.choice(("close", "reset"))
    return Act("break", framing=framing, size=max(1, length), pause=common["pause"], at=at, by=by)


def upgrade(choose, name, index):
    """The last request of a visit: another protocol, and how it ends."""
    end = choose.choice(("quit", "fin", "leave"))
    broken = "echo" if choose.random() < 0.15 else ""
    act = Act("echo", 101, size=choose.randint(1, 200 * KiB), pause=seconds(choose, 0.1), gap=seconds(choose, 0.3), at=broken,
              by=choose.choice(("close", "reset")))
    other = choose.random()
    if other < 0.1:
        act = Act("answer", 400, size=choose.randint(0, KiB))
    elif other < 0.15:
        act = Act("break", at="head", by="reset")
    leave = Leave(index, "echo", choose.choice(("fin", "rst")), seconds(choose, 0.7)) if end == "leave" and act.kind == "echo" else None
    return Request(name, upgrade=True, echo_end="quit" if end == "leave" else end, act=act), leave
