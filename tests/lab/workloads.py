"""What owners run on their hosts, put onto one, and looked at from outside: does it still work?

    work = Workloads(host)
    work.start()
    …
    assert all(work.working().values())

web (port 80, the planted page), service (the owner's own unit, port 8090), mqtt (mosquitto, port 1883), published (a
container behind a bridge, rules of its own, port 8080).
"""

import contextlib
import secrets
import socket
import time
import urllib.request
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Self

from .errors import LabError
from .host import Host
from .images import image
from .mqtt import Client
from .packages import put
from .settings import RECIPES
from .vm import VM

_FILES = RECIPES / "files/workloads"
_UNITS = "nginx.service weather.service mosquitto.service docker.service"
_SECONDS = 3.0
_TOPIC = "house/garden/temperature"


class Workloads:
    """The workloads of one host. They come back after a reboot of it."""

    def __init__(self, host: Host | VM) -> None:
        self.host = host
        self._display: Client | None = None

    def start(self) -> None:
        """Install and start all, connect a client to the broker, and wait until all work. Takes some seconds."""
        # As Docker needs it; a host that has it needs no packages.
        if self.host.run("command -v iptables").returncode != 0:
            if isinstance(self.host, Host):  # a VM has packages at hand
                put(image(self.host.release, self.host.variant), self.host.root)
            command = "DEBIAN_FRONTEND=noninteractive apt-get -qq -y --no-install-recommends install iptables"
            self.host.run(command, timeout=300, check=True)
        for file in sorted(path for path in _FILES.rglob("*") if path.is_file()):
            mode = "0755" if file.parent.parent.name == "opt" else "0644"
            target = f"/{file.relative_to(_FILES)}"
            self.host.run(["install", "-D", "-m", mode, "/dev/stdin", target], input=file.read_text(), check=True)
        self.host.run(f"systemctl daemon-reload && systemctl enable --now {_UNITS}", timeout=120, check=True)
        self.host.run("systemctl restart mosquitto.service", check=True)
        self._display = self._subscribed()
        broken = [name for name, works in self.working(within=10).items() if not works]
        if broken:
            raise LabError(f"{self.host.name} does not run {', '.join(broken)}")

    def working(self, within: float = 0) -> dict[str, bool]:
        """What works, seen from outside, by new connections and the one kept open; looked at again for some seconds.

        A look takes 0.1 s, and up to 10 where packets are dropped. 'mqtt connection' is the client that has been
        connected since start(); after a reboot reconnect() has to renew it.
        """
        deadline = time.monotonic() + within
        while not all((works := self._look()).values()) and time.monotonic() < deadline:
            time.sleep(0.1)
        return works

    def _look(self) -> dict[str, bool]:
        checks = {
            "web": lambda: all("Camera" in self._get(address, 80) for address in self._addresses),
            "service": lambda: all(self._get(address, 8090) == "21.5\n" for address in self._addresses),
            "mqtt": lambda: all(self._passes_on(address) for address in self._addresses),
            "mqtt connection": self._still_connected,
            "published": lambda: self._get(self.host.address, 8080) == "hello from the container\n",
            "container out": self._reaches_out,
        }
        with ThreadPoolExecutor(len(checks)) as threads:
            return dict(zip(checks, threads.map(_holds, checks.values()), strict=True))

    def reconnect(self) -> None:
        """Connect the client anew, as it would by itself after the host was rebooted."""
        self.close()
        self._display = self._subscribed()

    def close(self) -> None:
        """Hang up the client."""
        if self._display is not None:
            self._display.close()
            self._display = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    @property
    def _addresses(self) -> tuple[str, str]:
        return self.host.address, self.host.address6

    def _get(self, address: str, port: int, path: str = "/") -> str:
        where = f"[{address}]" if ":" in address else address
        with urllib.request.urlopen(f"http://{where}:{port}{path}", timeout=_SECONDS) as response:
            text: str = response.read().decode()
            return text

    def _subscribed(self) -> Client:
        client = Client(self.host.address)
        client.subscribe(_TOPIC)
        return client

    def _passes_on(self, address: str) -> bool:
        topic = f"house/{secrets.token_hex(4)}"
        with Client(address) as display, Client(address) as sensor:
            display.subscribe(topic)
            sensor.publish(topic, "21.5")
            return display.message() == (topic, "21.5")

    def _still_connected(self) -> bool:
        if self._display is None:
            return False
        # It publishes to itself: the connection has to carry both ways.
        message = secrets.token_hex(4)
        self._display.publish(_TOPIC, message)
        return self._display.message() == (_TOPIC, message)

    def _reaches_out(self) -> bool:
        with socket.create_server((self.host.controller, 0)) as server:
            path = f"/out/{self.host.controller}/{server.getsockname()[1]}"
            return self._get(self.host.address, 8080, path) == "connected\n"


def _holds(check: Callable[[], bool]) -> bool:
    with contextlib.suppress(OSError):  # urllib's errors are OSErrors too
        return check()
    return False
