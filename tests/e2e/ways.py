"""The ways from a visitor to a local app: which server, which client, over what. A case written once runs over several,
and over the stock pair as well, so that what it asks for is what the classic protocol's own parts do."""
import dataclasses
import sys

import harness
from visitor import Visitor


@dataclasses.dataclass(frozen=True)
class Way:
    name: str
    server: str = "ours"  # or stock
    client: str = "ours"
    mux: bool = False
    tls: bool = False  # between agent and broker
    flags: tuple = ()  # of our agent
    visitors_tls: bool = False


MUX = Way("Mux", mux=True, tls=True)
MUX_PLAIN = Way("MuxPlain", mux=True)
MUX_HTTPS = Way("MuxHttps", mux=True, tls=True, visitors_tls=True)
CLASSIC = Way("Classic")
CLASSIC_HTTPS = Way("ClassicHttps", tls=True, visitors_tls=True)
STOCK_CLIENT = Way("StockClient", client="stock")
STOCK_SERVER = Way("StockServer", server="stock")
STOCK = Way("Stock", server="stock", client="stock")

OURS = (MUX, CLASSIC)
# Both modes, with all that the agent may do to the bytes on their way.
EVERY = (MUX, CLASSIC, *(dataclasses.replace(way, name=way.name + name, flags=flags) for way in OURS
                         for name, flags in (("LocalHost", ("--local-host", "app.local")), ("Print", ("--print-requests",)))))
ALL = (MUX, MUX_PLAIN, MUX_HTTPS, CLASSIC, CLASSIC_HTTPS, STOCK_CLIENT, STOCK_SERVER, STOCK)


class Tunnelled(harness.E2E):
    """A server and the tunnels of a class's local apps. A case sets `way` (see over) and, in apps(), what to expose."""

    way = MUX
    broker_flags = ()

    @classmethod
    def apps(cls):
        """Local apps by the name under which a test visits them; each has .port and .stop()."""
        raise NotImplementedError

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        way = cls.way
        if way.server == "stock":
            cls.server = cls.start(harness.StockServer())
        else:
            authority = harness.Authority(cls.folder / "ca") if way.tls or way.visitors_tls else None
            cls.server = cls.start(harness.Broker(*cls.broker_flags, authority=authority))
        cls.tunnels, cls.clients = {}, {}
        for name, app in cls.apps().items():
            cls.addClassCleanup(app.stop)
            cls.clients[name] = cls.start(cls.client(app.port))
            cls.tunnels[name] = cls.clients[name].tunnel

    @classmethod
    def client(cls, port, *flags, subdomain=None):
        way = cls.way
        if way.client == "stock":
            return harness.StockClient(port, cls.server.host(way.tls), subdomain, ca=cls.server.ca)
        if subdomain:
            flags = (*flags, "--subdomain", subdomain)
        return harness.Agent(port, cls.server.host(way.tls), *way.flags, *flags, mux="require" if way.mux else False,
                             ca=cls.server.ca if way.tls else None)

    def visitor(self, app=None, tunnel=None, **options):
        """A new visitor of an app's public address; without a name: of the only app."""
        if tunnel is None:
            tunnel = self.tunnels[app] if app else next(iter(self.tunnels.values()))
        port = self.server.https_port if self.way.visitors_tls else self.server.http_port
        ca = self.server.ca if self.way.visitors_tls else None
        return Visitor(port, f"{tunnel}.{harness.DOMAIN}:{port}", ca=ca, **options)


def over(*ways):
    """Makes one test class a way of a class of cases: BodiesMux, BodiesClassic, …"""

    def decorate(cases):
        module = sys.modules[cases.__module__]
        for way in ways:
            name = cases.__name__ + way.name
            setattr(module, name, type(name, (cases, Tunnelled), {"way": way, "__module__": cases.__module__}))
        return cases

    return decorate
