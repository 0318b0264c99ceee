"""What asyncssh and the operating system say when it does not work, told to a person."""

from __future__ import annotations

import errno
import re
import socket

import asyncssh

from thornwall.errors import (
    AuthenticationError,
    CountedError,
    HostAnswerError,
    HostKeyError,
    ThornwallError,
    TunnelError,
    UnreachableError,
)
from thornwall.transport.ssh_client import Client
from thornwall.transport.text import printable

_SSH_OFF = (
    "is it on, and is SSH? On a Raspberry Pi: `sudo raspi-config`, Interface Options, SSH; "
    "or an empty file named ssh on the boot partition"
)
_AGAIN = (
    "each try from this computer counts there, also those of other programs: wait for half a minute, and try again. "
    "Still so? Then its SSH server does not run: look at the device itself (`systemctl status ssh`)"
)
_NO_ROUTE = {errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EADDRNOTAVAIL, errno.ENETDOWN, errno.EHOSTDOWN}


def explain(error: Exception, client: Client, seconds: float) -> ThornwallError:
    """The error to raise for `error`, which ended the attempt that `client` belongs to."""
    settings = client.settings
    place = f"{settings.who} ({settings.host} port {settings.port})"
    if client.verdict is not None:
        return client.verdict
    if isinstance(error, asyncssh.Error):
        return _ssh_error(error, client, place)
    if isinstance(error, OSError):
        return _os_error(error, client, place, seconds)
    if isinstance(error, UnicodeDecodeError):
        return HostAnswerError(f"{place} does not speak SSH", hint="is it the right port?")
    if isinstance(error, UnicodeError):  # its labels are encoded before anybody is asked
        return UnreachableError(f"no host has the name {settings.host}", hint="is it spelled right?")
    return UnreachableError(f"no connection to {place}: {printable(str(error)) or type(error).__name__}")


def _ssh_error(error: asyncssh.Error, client: Client, place: str) -> ThornwallError:
    reason = printable(error.reason)
    match error:
        case asyncssh.HostKeyNotVerifiable():
            return HostKeyError(f"the host key of {place} is not accepted: {reason}")
        case asyncssh.PermissionDenied():
            return _denied(client)
        case asyncssh.KeyExchangeFailed():
            return HostAnswerError(
                f"no common cryptography with {place}: {reason}", hint="its SSH is very old, or very strict: update it"
            )
        case asyncssh.ChannelOpenError() if client.stage == "in":
            return HostAnswerError(
                f"{place} opens no session: {reason}", hint="is the account allowed to run commands?"
            )
        case asyncssh.ChannelOpenError():
            return TunnelError(f"{place} cannot be reached through the jump host: {reason}")
        case asyncssh.ConnectionLost():
            return _lost(client, place, reason)
        case _:
            return _disconnected(reason, client, place)


def _denied(client: Client) -> ThornwallError:
    offered = ", ".join(printable(method, 40) for method in client.offered)
    tried = ", ".join(client.tried) or "nothing"
    told = f"it offers {offered}; tried: {tried}" if offered else "it offers no way that could be tried"
    wanted = [method for method in client.offered if method in {"password", "keyboard-interactive"}]
    if client.ring.locked:
        hint = f"the key {client.ring.locked[0]} is encrypted: load it into the agent with `ssh-add` first"
    elif wanted and not any(method in client.tried for method in wanted):
        hint = "run it in a terminal to be asked, or give a key with --identity"
    elif (
        "publickey" in client.offered
        and not wanted
        and not any(method.startswith("publickey") for method in client.tried)
    ):
        hint = "it wants a key: name it with --identity, or load it with ssh-add"
    else:
        hint = "check the user's name, the password or the key; several wrong tries may lock you out for a while"
    return AuthenticationError(f"{client.settings.who} refused the login: {told}", hint=hint)


def _lost(client: Client, place: str, reason: str) -> ThornwallError:
    match client.stage:
        case "login":
            return UnreachableError(
                f"{place} closed the connection during the login: {reason}",
                hint="too many failed logins, or the link broke: wait a minute and try again",
            )
        case "in":
            return UnreachableError(f"the connection to {place} broke: {reason}", hint="try again")
        case _:
            return UnreachableError(
                f"{place} closed the connection before it said who it is",
                hint="it may be shutting you out for a while (sshd PerSourcePenalties, MaxStartups, fail2ban), "
                "or no SSH server listens there",
            )


def _disconnected(reason: str, client: Client, place: str) -> ThornwallError:
    if "authentication failures" in reason:
        return AuthenticationError(
            f"{place} ended the login: {reason}",
            hint="the agent offers more keys than the host allows: name the right one with --identity",
        )
    if client.stage in {"connect", "handshake"}:
        return HostAnswerError(f"{place} does not speak SSH as it should: {reason}", hint="is it the right port?")
    return UnreachableError(f"{place} ended the connection: {reason}")


def _os_error(error: OSError, client: Client, place: str, seconds: float) -> ThornwallError:
    host = client.settings.host
    code = error.errno
    if code is None and (codes := re.findall(r"\[Errno (\d+)\]", str(error))):
        code = int(codes[-1])  # several addresses were tried: the last one speaks for them
    if isinstance(error, socket.gaierror):
        hint = "is the name right?"
        if host.endswith(".local"):
            hint += " A .local name needs mDNS here and avahi there: try the IP address"
        return UnreachableError(f"the name {host} is not known", hint=hint)
    if isinstance(error, TimeoutError) or code == errno.ETIMEDOUT:
        return _timeout(client, place, seconds)
    if code == errno.ECONNREFUSED:
        said = f"{place} refuses the connection: nothing listens there, or its firewall counts logins, and has enough"
        if client.trust.keys:
            return CountedError(said, hint=_AGAIN)
        return UnreachableError(said, hint=f"wait for half a minute. Still so? {_SSH_OFF[0].upper()}{_SSH_OFF[1:]}")
    if code in _NO_ROUTE:
        return UnreachableError(f"there is no way to {place}", hint="is it on, and in the same network?")
    if code in {errno.ECONNRESET, errno.EPIPE}:
        return _lost(client, place, "connection reset")
    return UnreachableError(f"no connection to {place}: {printable(error.strerror or str(error))}")


def _timeout(client: Client, place: str, seconds: float) -> ThornwallError:
    match client.stage:
        case "connect":
            return UnreachableError(f"{place} does not answer within {seconds:g} s", hint=_SSH_OFF)
        case "handshake":
            return HostAnswerError(
                f"{place} accepts the connection, but does not speak SSH within {seconds:g} s",
                hint="is it the right port? Or is the host overloaded?",
            )
        case _:
            return HostAnswerError(f"{place} did not go on with the login within {seconds:g} s", hint="try again")
