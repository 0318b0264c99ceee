"""The password that an account has now, before sudo begins to ask for it: it must be the right one."""

from __future__ import annotations

from collections.abc import Callable

from thornwall.apply import events
from thornwall.apply.password import password_script
from thornwall.errors import AuthenticationError, RefusedError
from thornwall.jobs.follow import Said, follow
from thornwall.jobs.link import Link
from thornwall.model.secret import Secret

_TRIES = 3


async def right_password(
    link: Link, user: str, own: Secret, again: Callable[[], Secret | None], step: Callable[[str], None]
) -> Secret:
    """`own`, or what `again` gives after it, once the host holds it for the password of `user`.

    Else nobody could become root there once sudo asks. Raises AuthenticationError, RefusedError, and the errors of
    `Transport.run`.
    """
    answer = await _matches(link, user, own, step)
    for _ in range(_TRIES - 1):
        if answer != "no" or (other := again()) is None:
            break
        own = other
        answer = await _matches(link, user, own, step)
    if answer == "no":
        raise AuthenticationError(
            f"that is not the password of {user} on {link.target}; nothing was changed",
            hint="Try again with the right one, or leave sudo as it is: --skip sudo",
        )
    if answer != "yes":
        raise RefusedError(
            f"whether that is the password of {user} could not be seen ({answer}); nothing was changed",
            hint=f"Set one on the host: passwd {user}. Or leave sudo as it is: --skip sudo",
        )
    return own


async def _matches(link: Link, user: str, own: Secret, step: Callable[[str], None]) -> str:
    """`yes`, `no`, or why it could not be seen."""
    step("checking the password")
    root = str(link.root or "/")
    said = await follow(link, lambda nonce: password_script(user, own, nonce=nonce, root=root), Said(step))
    return said.need(events.Matches).answer
