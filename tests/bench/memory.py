"""The figures of the link without sockets, from the micro-benchmarks and the guard's program."""
import json
import subprocess

from subjects import Subject, Tree

GIB = 1 << 30


def micro(program, name, quick):
    """The cpu seconds of one iteration of a micro-benchmark, and its counters."""
    run = subprocess.run([program, f"--benchmark_filter=^{name}$", "--benchmark_format=json",
                          f"--benchmark_min_time={0.2 if quick else 1}"], capture_output=True, text=True, check=True)
    found = json.loads(run.stdout)["benchmarks"]
    if not found:
        raise RuntimeError(f"no micro-benchmark {name}")
    return found[0]["cpu_time"] * {"ns": 1e-9, "us": 1e-6, "ms": 1e-3, "s": 1}[found[0]["time_unit"]], found[0]


def bulk(program, name, quick):
    seconds, found = micro(program, name, quick)
    return seconds * GIB / found["bytes"]


def streams(program, name, quick):
    seconds, found = micro(program, name, quick)
    return found["streams"] / seconds


def subjects(folder, say):
    """Those for which this build has the program."""
    link, guard = folder / "micro_link", folder / "guard_core"
    found = []

    def add(label, kind, measure):
        found.append(Subject(label, 0, "", Tree(), kind=kind, extra={"measure": measure}))

    if link.exists():
        add("bare OpenSSL", "openssl", lambda quick: {"cpu_gib": bulk(link, "bulk_bare_openssl", quick)})
        add("bare nghttp2 over OpenSSL", "nghttp2", lambda quick: {"cpu_gib": bulk(link, "bulk_bare_nghttp2", quick),
                                                                    "streams": streams(link, "streams_bare_nghttp2", quick)})
        add("link over TLS", "link", lambda quick: {"cpu_gib": bulk(link, "bulk_link_tls", quick),
                                                     "streams": streams(link, "streams_link_tls", quick)})
        add("link, plain", "link-plain", lambda quick: {"cpu_gib": bulk(link, "bulk_link", quick),
                                                         "streams": streams(link, "streams_link", quick)})
    else:
        say("without the link in memory: Google Benchmark was not there when this was built")
    add("1,000,000 cancelled streams", "cancelled", lambda quick: cancelled(guard, 100_000 if quick else 1_000_000))
    return found


def cancelled(program, count):
    run = subprocess.run([program, "cancelled", str(count)], capture_output=True, text=True, check=True)
    return {"heap": json.loads(run.stdout)["heap_growth"] / 1024}
