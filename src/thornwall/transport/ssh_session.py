"""Carries the bytes between a channel and the exchange."""

from __future__ import annotations

import signal

import asyncssh

from thornwall.transport.exchange import Exchange
from thornwall.transport.text import printable


class Session(asyncssh.SSHClientSession[bytes]):
    """The one session channel of a run."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._status: int | None = None

    def connection_made(self, chan: asyncssh.SSHClientChannel[bytes]) -> None:
        """The channel is open."""
        self._exchange.opened(chan)

    def data_received(self, data: bytes, datatype: int | None) -> None:
        """stdout or stderr."""
        if datatype == asyncssh.EXTENDED_DATA_STDERR:
            self._exchange.stderr(data)
        else:
            self._exchange.stdout(data)

    def eof_received(self) -> bool:
        """The host will print no more; stdin stays open, for it is what keeps the script alive."""
        return True

    def exit_status_received(self, status: int) -> None:
        """The command ended by itself."""
        self._status = status

    def exit_signal_received(self, signal: str, core_dumped: bool, msg: str, lang: str) -> None:  # noqa: ARG002
        """The command was killed."""
        self._status = 128 + _number(signal)

    def connection_lost(self, exc: Exception | None) -> None:
        """The channel is closed: the end if there is a status, else a break."""
        if exc is None and self._status is not None:
            self._exchange.ended(self._status)
        else:
            self._exchange.broken(printable(str(exc)) if exc else "no exit status")


def _number(name: str) -> int:
    try:
        return signal.Signals[f"SIG{name}"].value
    except KeyError:
        return 127
