"""The cases. Each says whom it measures and what one measurement is; run.py goes round, a measurement of each subject in
turn, so that a machine's moods meet all of them alike."""
import contextlib
import dataclasses
import functools
import random
import time

import load
from subjects import Subject, used_cpu
from ways import BIG, BIG_BYTES, MIDDLE, PAGE

MIB = 1 << 20


class Case:
    name = title = note = ""
    columns = ()  # of figures.COLUMNS
    kinds = quick_kinds = None  # of ways; None: all
    floor = False  # whether the bare relays run as well
    rounds, quick_rounds = 5, 2
    seconds, quick_seconds = 2, 1

    def __init__(self, bench):
        self.bench, self.quick = bench, bench.quick

    @property
    def how_long(self):
        return self.quick_seconds if self.quick else self.seconds

    @property
    def how_often(self):
        return self.quick_rounds if self.quick else self.rounds

    @contextlib.contextmanager
    def subjects(self):
        """Everything that is measured, standing."""
        yield [s for s in self.bench.ways() if self.wants(s.kind)]

    def wants(self, kind):
        kinds = (self.quick_kinds if self.quick else None) or self.kinds
        if kind in ("bare", "bare_pool"):
            return self.floor
        return kinds is None or kind in kinds

    def measure(self, subject):
        """One measurement: metric -> value."""
        raise NotImplementedError


def per_request(told, used):
    """What a run of wrk and the cpu of the tunnel's processes come to."""
    if told["failed"]:
        raise RuntimeError(f"{told['failed']} requests failed")
    found = {"rps": told["requests"] / told["seconds"], "p50": told["p50"], "p99": told["p99"]}
    if used["peak"]:
        found |= {"cpu_us": used["cpu"] / told["requests"] * 1e6, "peak": used["peak"] / MIB}
    return found


# ---- Many small requests -----------------------------------------------------------


class Requests(Case):
    columns = ("rps", "cpu_us", "p50", "p99", "peak")
    path, visitors, load = PAGE, 0, staticmethod(load.wrk)

    def measure(self, subject):
        used = {}
        with used_cpu(subject.tree, used):
            told = self.load(subject, self.path, self.visitors, self.how_long)
        return per_request(told, used)


class Requests1(Requests):
    name, title, visitors = "requests-1", "1 KiB, 1 visitor, keep-alive", 1
    quick_rounds = 1


class Requests10(Requests):
    name, title, visitors = "requests-10", "1 KiB, 10 visitors, keep-alive", 10
    quick_rounds, floor = 1, True


class Requests50(Requests):
    name, title, visitors = "requests-50", "1 KiB, 50 visitors, keep-alive", 50
    rounds, seconds, floor = 7, 3, True


class Requests200(Requests):
    name, title, visitors = "requests-200", "1 KiB, 200 visitors, keep-alive", 200
    floor = True
    quick_rounds = 1


class Connections(Requests):
    name, title, visitors = "connections", "1 KiB, 50 visitors, a new connection for each request", 50
    quick_rounds = 1
    load = staticmethod(functools.partial(load.wrk, close=True))


class Secure(Requests):
    name, title, visitors = "requests-tls", "1 KiB, 50 visitors over TLS, keep-alive (h2load)", 50
    kinds, quick_kinds = ("direct", "mux", "haproxy"), ("direct", "mux")
    quick_rounds = 1
    load = staticmethod(load.h2load)


class Middle(Requests):
    name, title, visitors, path = "64k", "64 KiB, 50 visitors, keep-alive", 50, MIDDLE
    quick_rounds = 1


# ---- Large transfers ----------------------------------------------------------------


class Transfer(Case):
    columns = ("mbps", "cpu_gb", "peak")
    quick_rounds = 1

    def transfer(self, subject):
        raise NotImplementedError

    def measure(self, subject):
        used = {}
        with used_cpu(subject.tree, used):
            size, seconds = self.transfer(subject)
        found = {"mbps": size / seconds / 1e6}
        if subject.tunnelled:
            found |= {"cpu_gb": used["cpu"] / size * 1e9, "peak": used["peak"] / MIB}
        return found


class Down(Transfer):
    name, title = "down", "100 MB down"

    def transfer(self, subject):
        return load.download(subject, BIG)[:2]


class Up(Transfer):
    name, title = "up", "100 MB up"

    def transfer(self, subject):
        return load.upload(subject, "/sink/100m", BIG_BYTES)


# ---- Many at once, and unlike each other ------------------------------------------------


class Slow(Case):
    name, title = "slow", "1,000 downloads of 64 KiB at once, 16 KiB/s each (3 to 4 s alone)"
    note = "Classic pools have ten sockets, so they are left out."
    columns = ("whole", "p50s", "p99s", "cpu_ms", "peak")
    kinds, quick_kinds = ("direct", "mux", "haproxy", "ssh", "frp", "rathole", "chisel"), ("direct", "mux")
    rounds, quick_rounds = 3, 1

    def measure(self, subject):
        used, count = {}, 200 if self.quick else 1000
        with used_cpu(subject.tree, used):
            whole, took = load.slow_downloads(subject, "/slow/64k", count, 20)
        if not took:
            raise RuntimeError("not one came whole")
        found = {"whole": whole / count * 100, "p50s": took[len(took) // 2], "p99s": took[min(len(took) - 1, len(took) * 99 // 100)]}
        if subject.tunnelled:
            found |= {"cpu_ms": used["cpu"] / count * 1e3, "peak": used["peak"] / MIB}
        return found


class Beside(Case):
    name, title = "beside", "1 KiB, 10 visitors, alone and beside one endless download"
    columns = ("p50", "p50_beside", "p99", "p99_beside", "factor", "rps_beside", "mbps_beside")
    quick_kinds = ("direct", "mux", "classic", "haproxy")
    seconds, quick_rounds = 3, 1

    def measure(self, subject):
        alone = load.wrk(subject, PAGE, 10, self.how_long)
        with load.Bulk(subject, BIG) as bulk:
            time.sleep(0.3)
            before, begin = bulk.moved, time.perf_counter()
            beside = load.wrk(subject, PAGE, 10, self.how_long)
            rate = (bulk.moved - before) / (time.perf_counter() - begin)
        return {"p50": alone["p50"], "p99": alone["p99"], "p50_beside": beside["p50"], "p99_beside": beside["p99"],
                "factor": beside["p99"] / alone["p99"], "rps_beside": beside["requests"] / beside["seconds"],
                "mbps_beside": rate / 1e6}


# ---- Tunnels and visitors by the thousand -------------------------------------------------


class Tunnels(Case):
    """Load that goes round all tunnels of a broker. What answers is bench_many_links, so that the broker is measured."""

    name, title = "tunnels", "1 KiB, 50 visitors, going round so many tunnels (broker alone; the agent answers by itself)"
    columns = ("rps", "cpu_us", "p50", "p99", "peak")
    seconds, quick_rounds = 3, 1
    plan = ((1, 1), (1, 100), (50, 1), (50, 100))  # links, tunnels on each
    quick_plan = ((1, 1), (1, 100), (10, 100))

    @contextlib.contextmanager
    def subjects(self):
        with self.bench.new_ways() as ways:
            found = []
            for links, names in self.quick_plan if self.quick else self.plan:
                broker, _ = self.bench.fleet(ways, links, names)
                count = links * names
                hosts = tuple(f"t{i:04}-{j:02}.{self.bench.domain}" for i in range(links) for j in range(names))
                found.append(Subject(f"{count:,} tunnel{'s' if count > 1 else ''} on {links} link{'s' if links > 1 else ''}",
                                     broker.http_port, hosts[0], self.bench.tree(broker), kind=f"{count}",
                                     # Wrk turns to its script for each request also where there is one tunnel.
                                     hosts=hosts if count > 1 else hosts * 2))
            # The same tunnels, and each request goes to another link than the one before.
            last = found[-1]
            mixed = random.Random(5).sample(last.hosts, len(last.hosts))
            found.append(dataclasses.replace(last, label=f"{last.label}, in random order", kind=f"{last.kind}-mixed", hosts=tuple(mixed)))
            for subject in found:
                load.wrk(subject, PAGE, 50, 1)
            yield found

    def measure(self, subject):
        used = {}
        with used_cpu(subject.tree, used):
            told = load.wrk(subject, PAGE, 50, self.how_long)
        return per_request(told, used)


class IdleTunnels(Case):
    name, title = "idle-tunnels", "1,000 idle tunnels, a link each: the broker's memory"
    columns = ("each", "count")
    rounds = quick_rounds = 1  # a second one would meet the memory of the first

    @contextlib.contextmanager
    def subjects(self):
        with self.bench.new_ways() as ways:
            broker = ways.broker()
            yield [Subject("tenfold, mux over TLS", broker.http_port, "", self.bench.tree(broker), kind="mux",
                           extra={"ways": ways, "broker": broker})]

    def measure(self, subject):
        count = 200 if self.quick else 1000
        before = subject.tree.resident()
        self.bench.fleet(subject.extra["ways"], count, 1, subject.extra["broker"])
        time.sleep(1)
        return {"each": (subject.tree.resident() - before) / count / 1024, "count": count}


class IdleVisitors(Case):
    name, title = "idle-visitors", "10,000 idle visitors, each after one request: memory of what they are connected to"
    note = "As many as the limit of open files here allows: a broker takes half of it for visitors."
    columns = ("each", "count")
    rounds = quick_rounds = 1

    @contextlib.contextmanager
    def subjects(self):
        with self.bench.new_ways() as ways:
            found = []
            for secure in (False, True):
                mux = ways.mux(label=f"tenfold, {'TLS' if secure else 'plain'}")
                broker = ways.last_broker
                mux.extra = {"ca": broker.ca if secure else None, "name": mux.host.partition(":")[0]}
                mux.port = broker.https_port if secure else broker.http_port
                mux.tree = self.bench.tree(broker)
                mux.kind = "tls" if secure else "plain"
                found.append(mux)
            yield found

    def measure(self, subject):
        count = min(1000 if self.quick else 10_000, self.bench.most_visitors)
        before = subject.tree.resident()
        socks = load.waiting_visitors(subject, count, subject.extra["ca"], subject.extra["name"])
        time.sleep(1)
        each = (subject.tree.resident() - before) / count / 1024
        for sock in socks:
            sock.close()
        return {"each": each, "count": count}


# ---- A long path -----------------------------------------------------------------------


class Delay(Case):
    """Broker and agent (or the two haproxies) on the two ends of a path with delay, the visitor beside the broker; plain
    TCP goes over the same path straight to nginx."""

    columns = ("mbps", "mbps_grown", "p50")
    quick_kinds = ("direct", "mux")
    milliseconds = 0  # there and back
    rate = 100e6  # bytes a second
    rounds, quick_rounds = 3, 1
    note = "A path of 800 Mbit/s. `grown`: the later half of a second download, when windows are as large as they get."

    @contextlib.contextmanager
    def subjects(self):
        with self.bench.new_ways() as ways:
            def path(port):
                return self.bench.relay(ways, port, self.milliseconds / 2, self.rate)

            plain = ways.direct()
            plain.port, plain.label = path(ways.site.port), "plain TCP"
            found = [plain, ways.mux(through=path)]
            if "haproxy" in self.bench.kinds and self.wants("haproxy"):
                found.append(ways.haproxy(through=path))
            yield found

    def measure(self, subject):
        small = load.wrk(subject, PAGE, 10, 1)
        patience = 2 if self.quick else 8
        size, seconds, _ = load.download(subject, BIG, patience)
        _, _, grown = load.download(subject, BIG, patience)
        return {"mbps": size / seconds / 1e6, "mbps_grown": grown / 1e6, "p50": small["p50"]}


class Delay25(Delay):
    name, title, milliseconds = "delay-25", "100 MB down (8 s at most) and small requests, 25 ms there and back", 25


class Delay100(Delay):
    name, title, milliseconds = "delay-100", "100 MB down (8 s at most) and small requests, 100 ms there and back", 100


# ---- In memory ----------------------------------------------------------------------------


class Memory(Case):
    """The link and TLS without sockets, by the micro-benchmarks."""

    name, title = "link", "A link in memory, both ends on one core"
    columns = ("cpu_gib", "streams")
    rounds, quick_rounds = 9, 1

    @contextlib.contextmanager
    def subjects(self):
        yield self.bench.micro_subjects()

    def measure(self, subject):
        return subject.extra["measure"]()


class Cancelled(Case):
    """By the guard's program: the heap is counted, so once is enough."""

    name, title = "cancelled", "A million cancelled streams on one link"
    columns = ("heap",)
    rounds = quick_rounds = 1

    @contextlib.contextmanager
    def subjects(self):
        yield [self.bench.cancelled_subject()]

    def measure(self, subject):
        return subject.extra["measure"]()


ALL = (Requests1, Requests10, Requests50, Requests200, Secure, Connections, Middle, Down, Up, Slow, Beside, Tunnels, IdleTunnels,
       IdleVisitors, Delay25, Delay100, Memory, Cancelled)
