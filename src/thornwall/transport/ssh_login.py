"""From a target to a connection that is logged in, hop by hop."""

from __future__ import annotations

import asyncio
import socket
from typing import Any, cast

import asyncssh

from thornwall.errors import (
    HostAnswerError,
    LinkBrokeError,
    LoopbackError,
    TunnelError,
    UnreachableError,
    UsageError,
)
from thornwall.transport.base import Asker
from thornwall.transport.exchange import Exchange
from thornwall.transport.ssh import Access
from thornwall.transport.ssh_client import Client, Patience
from thornwall.transport.ssh_errors import explain
from thornwall.transport.ssh_relay import relay
from thornwall.transport.ssh_session import Session
from thornwall.transport.ssh_settings import Settings, resolve
from thornwall.transport.target import SshTarget

CONNECT_SECONDS = 10.0
_UNANSWERED = 18  # questions whether a busy host is there, one each ten seconds
_GOODBYE = 2.0  # seconds for an orderly end; then the connection is dropped
_MAX_JUMPS = 8
_EYEBALLS = 0.25  # seconds before the next address is tried as well (RFC 8305)
# What this program insists on, whatever the configuration says: nothing of ours is lent to the host.
_INSIST: dict[str, Any] = {
    "agent_forwarding": False,
    "x11_forwarding": False,
    "request_pty": False,
    "send_env": None,
    "env": None,
    "compression_algs": ["none"],
    "client_keys": None,  # the key ring of the client offers them
    "host_based_auth": False,
    "gss_host": None,
    "gss_auth": False,
    "gss_kex": False,
    "x509_trusted_certs": None,
    "x509_trusted_cert_paths": [],
    "connect_timeout": None,  # ours does not count the time a person needs
    "login_timeout": 3600,
    "keepalive_interval": 10,
    "keepalive_count_max": 3,
    "encoding": None,
}


class Login:
    """Makes the connections of one run, and ends them all with `close`."""

    def __init__(self, asker: Asker, access: Access) -> None:
        self.who = ""
        self._asker = asker
        self._access = access
        self._hops: list[tuple[Client, asyncssh.SSHClientConnection]] = []

    async def connect(self, target: SshTarget) -> asyncssh.SSHClientConnection:
        """Log in to `target`, through its jump hosts. Raises the errors of `Transport.run`."""
        only = {"preferred_auth": ",".join(self._access.methods)} if self._access.methods else {}
        settings = resolve(target, identity=self._access.identity, keywords=_INSIST | only)
        tunnel = None
        for jump in self._jumps(settings):
            tunnel = await self._hop(resolve(jump, identity=None, keywords=_INSIST), tunnel)
        self.who = settings.who
        conn = await self._hop(settings, tunnel)
        if self._access.canary_port:
            inner = resolve(target, identity=self._access.identity, keywords=_INSIST | only | {"proxy_command": ()})
            asker = self._access.canary_asker or self._asker
            return await self._to_loopback(inner.at_loopback(self._access.canary_port), conn, asker)
        return conn

    async def _to_loopback(
        self, settings: Settings, conn: asyncssh.SSHClientConnection, asker: Asker
    ) -> asyncssh.SSHClientConnection:
        """LoopbackError where nothing leads there; LinkBrokeError for what breaks once something does."""
        try:
            try:
                return await self._hop(settings, conn, asker)
            except TunnelError:
                return await self._hop(settings, None, asker, await relay(conn, self._access.canary_port))
        except (LoopbackError, HostAnswerError):
            raise
        except UnreachableError as error:
            raise LinkBrokeError(error.message, hint=error.hint) from error

    async def open(self, conn: asyncssh.SSHClientConnection, exchange: Exchange) -> None:
        """Start the command line of `exchange` on the one channel of `conn`."""
        client, _ = self._hops[-1]
        patience = Patience(self._limit(client.settings))
        try:
            async with patience.start():
                await conn.create_session(lambda: Session(exchange), exchange.wire.command)
        except (asyncssh.Error, OSError, ValueError) as error:
            raise explain(error, client, patience.seconds) from error

    def address(self, conn: asyncssh.SSHClientConnection) -> str:
        """The IP address at the other end; empty where a jump host or a ProxyCommand hides it."""
        peer = conn.get_extra_info("peername") if len(self._hops) == 1 else None
        return str(peer[0]) if isinstance(peer, tuple) else ""

    def bear_silence(self) -> None:
        """Let minutes pass before the connections count as broken."""
        for _, conn in self._hops:
            conn.set_keepalive(count_max=_UNANSWERED)

    @property
    def user(self) -> str:
        """Whose login it is."""
        return self._hops[-1][0].settings.user if self._hops else ""

    @property
    def method(self) -> str:
        """What completed the login: `publickey`, `password`, `keyboard-interactive`."""
        tried = self._hops[-1][0].tried if self._hops else []
        return tried[-1].partition(" ")[0] if tried else ""

    async def close(self) -> None:
        """End every connection, the farthest first."""
        for client, conn in reversed(self._hops):
            client.ring.close()
            conn.close()
            try:
                async with asyncio.timeout(_GOODBYE):
                    await conn.wait_closed()
            except TimeoutError:
                conn.abort()
            except asyncio.CancelledError:
                for _, each in self._hops:
                    each.abort()
                raise

    def _limit(self, settings: Settings) -> float:
        return self._access.connect_seconds or settings.connect_seconds or CONNECT_SECONDS

    def _jumps(self, settings: Settings) -> list[SshTarget]:
        """ProxyJump of the target; before it, ProxyJump of the nearest jump host, and so on."""
        jumps = settings.jumps
        first = jumps
        while first:
            if len(jumps) > _MAX_JUMPS:
                raise UsageError(f"ProxyJump of {settings.alias} goes round in circles, or through too many hosts")
            first = resolve(first[0], identity=None, keywords=_INSIST).jumps
            jumps = first + jumps
        return jumps

    async def _hop(
        self,
        settings: Settings,
        tunnel: asyncssh.SSHClientConnection | None,
        asker: Asker | None = None,
        sock: socket.socket | None = None,
    ) -> asyncssh.SSHClientConnection:
        """Over a connection of its own, one through `tunnel`, or one that is there (`sock`)."""
        patience = Patience(self._limit(settings))
        client = Client(settings, asker or self._asker, accept_new=self._access.accept_new, extend=patience.extend)
        keywords: dict[str, Any] = {"sock": sock}
        if settings.options.config.get("HostKeyAlgorithms") is None:
            keywords["server_host_key_algs"] = client.host_key_algorithms()
        if settings.options.config.get("Ciphers") is None:
            # asyncssh decrypts a packet in one call with these, and in four with ChaCha, its first choice
            keywords["encryption_algs"] = "^aes128-gcm@openssh.com,aes256-gcm@openssh.com"
        try:
            async with patience.start():
                if tunnel is None and sock is None:
                    keywords["sock"] = await _dial(settings.options)
                conn = await asyncssh.connect(
                    *settings.place,
                    tunnel=tunnel,
                    options=settings.options,
                    config=None,
                    username=settings.user,
                    known_hosts=client.trusted,
                    client_factory=lambda: client,
                    **keywords,
                )
        except BaseException as error:
            client.ring.close()
            if keywords["sock"]:
                keywords["sock"].close()
            if isinstance(error, asyncssh.Error | OSError | ValueError):
                raise explain(error, client, patience.seconds) from error
            raise
        self._hops.append((client, conn))
        return conn


class _Knock(asyncio.Protocol):
    """Reads nothing: the greeting is for whoever takes the socket over."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        cast("asyncio.ReadTransport", transport).pause_reading()


async def _dial(options: asyncssh.SSHClientConnectionOptions) -> socket.socket | None:
    """A connected socket, so that an IPv6 address that nobody answers does not use up the time of the IPv4 one.

    None where the way is not simply TCP to that name: asyncssh goes it.
    """
    if options.proxy_command or options.canonicalize_hostname:
        return None
    knock, _ = await asyncio.get_running_loop().create_connection(
        _Knock,
        options.host,
        options.port,
        family=options.family,
        local_addr=options.local_addr,
        happy_eyeballs_delay=_EYEBALLS,
    )
    try:
        sock: socket.socket = knock.get_extra_info("socket").dup()
        sock.setblocking(False)
        return sock
    finally:
        knock.abort()
