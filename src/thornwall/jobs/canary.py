"""A login under the new rules while the old ones still hold: nothing begins unless it works."""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable

from thornwall.apply import events
from thornwall.apply.compile import canary_script
from thornwall.errors import HostAnswerError, LinkBrokeError, LoopbackError, ThornwallError, UnreachableError
from thornwall.jobs.follow import Said
from thornwall.jobs.link import Link
from thornwall.jobs.patience import patiently
from thornwall.model.secret import Secret
from thornwall.transport.base import Ran

_NO_WAY = (
    "it could not be reached: SSH forwards no connection to the device itself, nor does bash or nc there; the guard "
    "watches all the same"
)


async def answer_canary(link: Link, said: Said, password: Secret | None) -> None:
    """Wait for the canary, log in to it, become root there, and answer as root. Ends by being cancelled, or answered.

    A login that does not work to its end stops the change. Where the canary cannot be reached at all (no forwarding of
    TCP), the change goes on without it: the guard is still there.
    """
    await said.canary.wait()
    canary = said.need(events.Canary)

    async def say(answer: str) -> None:
        script = canary_script(canary.id, key=canary.key, answer=answer)
        with contextlib.suppress(ThornwallError):  # the device does not wait for ever
            await _patient(lambda: link.run(script, feed=lambda _: None), said)

    try:
        script = canary_script(canary.id, key=canary.key)
        await _patient(lambda: link.run_canary(canary.port, script, password), said)
    except LoopbackError:
        await say(f"skip {_NO_WAY}")
    except ThornwallError as error:
        await say(f"no {error.message}")


async def _patient(login: Callable[[], Awaitable[Ran]], said: Said) -> Ran:
    """Once more, where no connection comes about: a firewall that counts may have been reached by somebody else too."""
    return await patiently(login, said.step, of=UnreachableError, but=(LoopbackError, LinkBrokeError, HostAnswerError))
