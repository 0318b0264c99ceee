"""What the rules on packet filters ask of the facts."""

from __future__ import annotations

from thornwall.model.fact import Known
from thornwall.model.finding import Evidence
from thornwall.model.firewall import Firewall, Ruleset
from thornwall.model.network import Network, Socket
from thornwall.model.rule import Context, UnansweredError, not_applicable
from thornwall.rules.exposure import published

BLOCK = "Block a Port or IP"
STEPS = "Practical Steps to Secure IoT Devices"
_INSTALL = ("sudo apt-get install ufw", "sudo ufw default deny incoming", "sudo ufw default allow outgoing")
# one line: where SSH cannot be allowed, nothing is switched on
UFW = (*_INSTALL, "sudo ufw allow 22/tcp && sudo ufw --force enable")


def ufw(ctx: Context) -> tuple[str, ...]:
    """The commands that set ufw up, with the ports that this host's sshd has let in first."""
    ssh = ctx.host.ssh
    ports = [setting.value for setting in ssh.value.values("port")] if isinstance(ssh, Known) else []
    allowed = [f"sudo ufw allow {port}/tcp" for port in dict.fromkeys(ports) if port.isdecimal()]
    return (*_INSTALL, " && ".join((*allowed, "sudo ufw --force enable"))) if allowed else UFW


def firewall(ctx: Context) -> Firewall:
    """The fact; ends the rule where it was not read."""
    return ctx.known(ctx.host.firewall, absent="there is no packet filter")


def ask(ctx: Context) -> Ruleset:
    """What filters: running, else set up at boot. Ends the rule where nothing filters at all."""
    found = firewall(ctx)
    ruleset = ctx.known(found.ruleset, absent="there is no packet filter")
    if not any(ruleset.filters(family) for family in ("ip", "ip6")):
        raise UnansweredError(not_applicable("there is no firewall"))
    return ruleset


def basis(found: Firewall) -> tuple[Evidence, ...]:
    """What sets the filter up at boot."""
    return tuple(
        Evidence(keeper.path, keeper.text or f"{keeper.name} is started at boot", keeper.line)
        for keeper in found.enabled
    )


def strangers(network: Network) -> tuple[Socket, ...]:
    """Ports of containers that Docker opened beyond loopback, one socket a port."""
    found = {socket.name: socket for socket in network.sockets if published(socket) and not socket.loopback}
    return tuple(found.values())
