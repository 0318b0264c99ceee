"""A login under the new rules while the old ones still hold: nothing begins unless it works."""

from __future__ import annotations

import contextlib

from thornwall.apply import events
from thornwall.apply.compile import canary_script
from thornwall.errors import ThornwallError, TunnelError
from thornwall.jobs.follow import Said
from thornwall.jobs.link import Link
from thornwall.model.secret import Secret

_NO_WAY = "it could not be reached: SSH forwards no connection to the device itself; the guard watches all the same"


async def answer_canary(link: Link, said: Said, password: Secret | None) -> None:
    """Wait for the canary, log in to it, become root there, and answer as root. Ends by being cancelled, or answered.

    A login that does not work to its end stops the change. Where the canary cannot be reached at all (no forwarding of
    TCP), the change goes on without it: the guard is still there.
    """
    await said.canary.wait()
    canary = said.need(events.Canary)
    try:
        await link.run_canary(canary.port, canary_script(canary.id, key=canary.key), password)
    except TunnelError:
        await _say(link, canary, f"skip {_NO_WAY}")
    except ThornwallError as error:
        await _say(link, canary, f"no {error.message}")


async def _say(link: Link, canary: events.Canary, answer: str) -> None:
    with contextlib.suppress(ThornwallError):  # the device does not wait for ever
        await link.run(canary_script(canary.id, key=canary.key, answer=answer), feed=lambda _: None)
