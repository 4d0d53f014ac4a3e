"""What gets measured: a way from a visitor to nginx, and the processes that it is made of. cpu and memory of these are
read from /proc, children included."""
import collections
import contextlib
import dataclasses
import os
import pathlib

TICK = os.sysconf("SC_CLK_TCK")


def children_of():
    """Process id -> its children's, of all processes now."""
    found = collections.defaultdict(list)
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            with contextlib.suppress(OSError):
                found[int(stat_of(int(entry))[1])].append(int(entry))
    return found


def stat_of(pid):
    """The fields of /proc/PID/stat from `state` on: the name before it may have blanks in it."""
    return pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


class Tree:
    """Some processes and all that they started."""

    def __init__(self, *processes):
        self.roots = [p.pid for p in processes]

    def pids(self):
        children, found, look = children_of(), [], list(self.roots)
        while look:
            pid = look.pop()
            found.append(pid)
            look += children[pid]
        return found

    def cpu(self):
        """Seconds of user and system time so far."""
        ticks = 0
        for pid in self.pids():
            with contextlib.suppress(OSError):
                fields = stat_of(pid)
                ticks += int(fields[11]) + int(fields[12])
        return ticks / TICK

    def _status(self, name):
        total = 0
        for pid in self.pids():
            with contextlib.suppress(OSError):
                for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
                    if line.startswith(name):
                        total += int(line.split()[1]) * 1024
        return total

    def resident(self):
        return self._status("VmRSS:")

    def peak(self):
        """Bytes, the highest since forget_peak()."""
        return self._status("VmHWM:")

    def forget_peak(self):
        for pid in self.pids():
            with contextlib.suppress(OSError):
                pathlib.Path(f"/proc/{pid}/clear_refs").write_text("5")


@dataclasses.dataclass
class Subject:
    """One row of a case's table."""

    label: str
    port: int
    host: str  # the Host field
    tree: Tree  # empty: nothing between visitor and nginx
    kind: str = ""  # which way it is, where a label says more
    hosts: tuple = ()  # several tunnels: requests go round
    https_port: int = 0  # where visitors come over TLS; 0: nowhere
    extra: dict = dataclasses.field(default_factory=dict)  # what a case's own setup wants to remember

    @property
    def tunnelled(self):
        return bool(self.tree.roots)


@contextlib.contextmanager
def used_cpu(tree, into):
    """cpu seconds of the tree within the block, as into["cpu"]; its peak memory as into["peak"]."""
    tree.forget_peak()
    before = tree.cpu()
    yield
    into["cpu"] = tree.cpu() - before
    into["peak"] = tree.peak()
