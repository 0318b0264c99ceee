"""Everything that can go wrong in a way that a person can mend.

Each error says what happened and has a `hint` (what to do) and an exit code. They are rendered in one place, the
command line; nothing else prints them.
"""

from __future__ import annotations

from enum import IntEnum
from typing import ClassVar


class Exit(IntEnum):
    """Exit codes of the command line; documented in the README and `thornwall audit --help`."""

    OK = 0  # nothing at or above --fail-on
    FINDINGS = 1  # something at or above --fail-on
    USAGE = 2  # wrong usage: arguments, policy, profile, a capture that is none
    UNKNOWN = 3  # what could not be read might hide something at or above --fail-on
    UNREACHABLE = 4  # no connection, or it was cut
    AUTHENTICATION = 5  # the host refused the login, or sudo the password
    HOST_KEY = 6  # the host key is unknown and was not accepted, or has changed
    REFUSED = 7  # the host may not be changed now: what is in the way is named
    TAKEN_BACK = 8  # a proof failed, and the host is back as it was
    UNSURE = 9  # a proof failed, and whether the host is back could not be seen; or not all could be put back
    INTERNAL = 70  # a fault of thornwall's own (sysexits EX_SOFTWARE)
    INTERRUPTED = 130


class ThornwallError(Exception):
    """Base of all errors that are shown without a traceback.

    `message` is one or two sentences for a person; `hint` says what to do next, and may be empty.
    """

    exit_code: ClassVar[Exit] = Exit.INTERNAL

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UsageError(ThornwallError):
    """Wrong arguments, or a file of the user's (policy, profile, capture) that cannot be used."""

    exit_code = Exit.USAGE


class CaptureError(UsageError):
    """A capture, or the stream of a host, that is truncated, corrupt, too large or hostile."""


class UnreachableError(ThornwallError):
    """No connection to the host, or it broke before everything had arrived."""

    exit_code = Exit.UNREACHABLE


class CountedError(UnreachableError):
    """A host whose key is known here refuses a connection at once, as a firewall does that has counted enough."""


class LinkBrokeError(UnreachableError):
    """The login had worked, and the connection broke before the answer had ended."""


class TunnelError(UnreachableError):
    """A host that was logged in to does not pass a connection on: the port is closed there, or forwarding is off."""


class LoopbackError(TunnelError):
    """Neither its SSH server nor a program passes a connection on to the loopback of a host that was logged in to."""


class HostAnswerError(UnreachableError):
    """The host is reachable and answers, but with something that is no evidence: garbage, too much, too slowly."""


class AuthenticationError(ThornwallError):
    """The host refused every login that was tried, or sudo refused the password."""

    exit_code = Exit.AUTHENTICATION


class UnansweredError(AuthenticationError):
    """There was nobody to answer what the host asks for."""


class NotRootError(AuthenticationError):
    """The login worked, and did not lead to root: sudo refused, or is not there, or a password must be changed."""


class HostKeyError(ThornwallError):
    """The host's key is not the one that is known, or nobody vouched for it."""

    exit_code = Exit.HOST_KEY


class RefusedError(ThornwallError):
    """Nothing was changed: the host is in no state for it, or what was planned is no longer true of it."""

    exit_code = Exit.REFUSED


class StoppedError(ThornwallError):
    """The person stopped it when something had begun on the host; the message says what goes on there."""

    exit_code = Exit.INTERRUPTED
