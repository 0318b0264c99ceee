"""As much of an MQTT 3.1.1 client as a sensor and a display need (OASIS standard, sections 2 and 3), quality 0."""

import contextlib
import os
import socket
import struct
from types import TracebackType
from typing import Self

_CONNECT, _PUBLISH, _SUBSCRIBE, _PING = 0x10, 0x30, 0x82, 0xC0
_CONNACK, _SUBACK, _PONG = 0x20, 0x90, 0xD0
_KEEP_ALIVE = 0  # seconds; 0: the broker never drops a silent client


class Client:
    """One connection to a broker. OSError when it cannot be reached, refuses, or is silent for `timeout` seconds."""

    def __init__(self, address: str, port: int = 1883, timeout: float = 3) -> None:
        self._socket = socket.create_connection((address, port), timeout)
        self._unread: list[tuple[int, bytes]] = []
        name = f"lab-{os.urandom(4).hex()}"
        self._send(_CONNECT, _text("MQTT") + bytes([4, 2]) + struct.pack(">H", _KEEP_ALIVE) + _text(name))
        if self._receive(_CONNACK)[1] != 0:
            raise ConnectionRefusedError("the broker refuses")

    def subscribe(self, topic: str) -> None:
        """Ask for what is published under a topic."""
        self._send(_SUBSCRIBE, struct.pack(">H", 1) + _text(topic) + b"\0")
        self._receive(_SUBACK)

    def publish(self, topic: str, message: str) -> None:
        """Publish, and wait until the broker has read it."""
        self._send(_PUBLISH, _text(topic) + message.encode())
        self._send(_PING, b"")
        self._receive(_PONG)

    def message(self) -> tuple[str, str]:
        """The next message that comes: topic and text."""
        body = self._receive(_PUBLISH)
        length = struct.unpack(">H", body[:2])[0]
        return body[2 : 2 + length].decode(), body[2 + length :].decode()

    def close(self) -> None:
        """Hang up."""
        with contextlib.suppress(OSError):
            self._socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def _send(self, kind: int, body: bytes) -> None:
        length, left = b"", len(body)
        while True:
            left, digit = divmod(left, 128)
            length += bytes([digit | (0x80 if left else 0)])
            if not left:
                break
        self._socket.sendall(bytes([kind]) + length + body)

    def _receive(self, kind: int) -> bytes:
        """The body of the next packet of a kind; what comes before it is kept for later."""
        for index, (found, body) in enumerate(self._unread):
            if found == kind:
                del self._unread[index]
                return body
        while True:
            found, body = self._packet()
            if found == kind:
                return body
            self._unread.append((found, body))

    def _packet(self) -> tuple[int, bytes]:
        kind = self._exactly(1)[0] & 0xF0  # the lower bits are flags
        length = shift = 0
        while True:
            digit = self._exactly(1)[0]
            length |= (digit & 0x7F) << shift
            shift += 7
            if not digit & 0x80:
                return kind, self._exactly(length)

    def _exactly(self, size: int) -> bytes:
        data = b""
        while len(data) < size:
            block = self._socket.recv(size - len(data))
            if not block:
                raise ConnectionResetError("the broker hung up")
            data += block
        return data


def _text(text: str) -> bytes:
    return struct.pack(">H", len(text.encode())) + text.encode()
