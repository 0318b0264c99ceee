"""After a failed proof: the device takes the change back, and whether it has done so is what was seen, never hoped."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from thornwall.apply import events
from thornwall.apply.compile import back_script
from thornwall.errors import AuthenticationError, HostKeyError, ThornwallError, UnreachableError
from thornwall.jobs.follow import Said, follow
from thornwall.jobs.proving import PAUSE, Proving, not_held
from thornwall.jobs.undo import history
from thornwall.jobs.unsaid import REBOOT, clock
from thornwall.model.outcome import STARTED_AGAIN, Outcome
from thornwall.prove.ports import open_ports

_NO_RECORD = "The host that answers there keeps no record of change"
_RESTARTED = "The device started again for that."
_BY_ANOTHER = "Somebody has confirmed it meanwhile, and it stays: see whether you can log in."
_TAKES_AGAIN = "Once it is back, SSH takes passwords again, should your key not open it any more."
"""So begins what a device says that has lost its power, say, while a change waited."""
STILL_THERE = "the change was still there to be confirmed"
_A_WORD = 40.0  # seconds that the device has for it
_CERTAIN = 2  # looks that find that it does not try again, one after the other: it may have been about to


async def back(proving: Proving, outcome: Outcome, why: str, *, applied: bool = True) -> Outcome:
    """Have it taken back now if a login is still possible, else by the deadline; and see that it was.

    The device does it by itself in any case. A host whose key is another one now is not talked to. `applied`: the
    device has told that it was made, so that it must have a record of it.
    """
    proving.step("the device takes it back")
    proving.link.ask_nobody()
    proving.change, proving.until = outcome.transaction, proving.until or time.time() + proving.window
    outcome = replace(outcome, failed=outcome.failed or why, taken_back=True, by=clock(proving.until))
    if outcome.verified:
        proving.forget()
        return await _afterwards(proving, outcome)
    proving.remember(_news(outcome))
    _tell_waiting(proving, outcome)
    patience, pause, given_up, told = time.monotonic() + proving.window + REBOOT, PAUSE, 0, False
    while time.monotonic() < patience:
        outcome, over = await _looked_after(proving, outcome, applied=applied)
        given_up = given_up + 1 if outcome.gave_up else 0
        if over or given_up == _CERTAIN:
            return await _afterwards(proving, outcome)
        why = outcome.stuck or proving.missed
        if time.time() > proving.until and not told:
            told = True
            proving.tell(f"Its time is up, and it was not seen to be back yet: {why or 'the device is at it'}.")
        proving.step(f"the device takes it back; {why[:100]}" if why else "the device takes it back")
        proving.link.other_password()
        await asyncio.sleep(pause)
        if outcome.refused:  # (what counts wrong passwords there, such as pam_faillock, is not to shut the owner out)
            pause = min(2 * pause, REBOOT / 3)
    return await _afterwards(proving, replace(outcome, late=True))


def _tell_waiting(proving: Proving, outcome: Outcome) -> None:
    """While it is waited for: what failed, by when it is back, and that nobody need stay."""
    why = _lost(outcome)
    if _it_told(outcome):
        proving.tell(f"The change is not kept; {why}. This looks whether all of it is back.")
        return
    until = clock(time.time() + proving.window + REBOOT)
    by = f"by {outcome.by} or with a restart soon after" if time.time() < proving.until else "or has done so by now"
    proving.tell(
        f"The change is not kept; {why}. {outcome.target} takes it back by itself, {by}; without power, when it "
        f"starts. Until {until} this looks whether it is back; to stop it changes nothing there."
    )


def _it_told(outcome: Outcome) -> bool:
    """Whether it is the device that has told why the change goes back."""
    return any(proof.name == STILL_THERE for proof in outcome.proofs)


def _news(outcome: Outcome) -> str:
    """What the device does not know of why it was not confirmed."""
    return "" if _it_told(outcome) else _lost(outcome)


def _lost(outcome: Outcome) -> str:
    """What kept it from being confirmed."""
    return not_held(outcome.proofs) or outcome.failed


async def _afterwards(proving: Proving, outcome: Outcome) -> Outcome:
    """What else is as before, or may not be: the ports that answered, and passwords that everybody knows."""
    known = ", ".join(proving.plan.known_passwords)
    if outcome.restarted:
        outcome = _noted(outcome, _RESTARTED)
    if outcome.late and proving.claims.password_refused:
        outcome = _noted(outcome, _TAKES_AGAIN)
    if known and outcome.begun:
        holds = "holds" if outcome.verified else "may hold"
        outcome = _noted(outcome, f"The password of {known} that everybody knows {holds} again: change it.")
    if proving.broke and outcome.verified and outcome.begun:
        why = await device_says(proving, proving.change)
        outcome = _noted(outcome, f"The device says: {why}.") if STARTED_AGAIN in why else outcome
    ports = proving.open_before & set(proving.claims.kept)
    if not outcome.verified or not ports:
        return outcome
    still = await open_ports(proving.plan.host.address, ports)
    lost = ", ".join(map(str, sorted(ports - still)))
    names = ", ".join(map(str, sorted(ports)))
    return _noted(
        outcome, f"tcp {lost} does not answer now." if lost else f"What answered before does so again (tcp {names})."
    )


async def _looked_after(proving: Proving, outcome: Outcome, *, applied: bool) -> tuple[Outcome, bool]:
    """One attempt to take it back, or to see it back if it did not go at once; and whether that is the last word."""
    said, outcome, proving.missed = Said(proving.step), replace(outcome, refused="", gave_up=False), ""
    try:
        if not outcome.stuck:  # (the device tries that again at the deadline, and then with a restart)
            await follow(proving.link, partial(_script, proving, outcome), said)
        if said.first(events.Undone):
            proving.forget()
            return replace(outcome, verified=True), True
        if stuck := said.first(events.Stuck):
            proving.tell(
                f"Not everything goes back at once: {stuck.why}. The device tries that again when its time is up, and "
                "then restarts for it if it must."
            )
            return replace(outcome, stuck=stuck.why), False
        changes = await history(proving.link, proving.step)
        if not proving.asked and any((each.id, each.state) == (outcome.transaction, "confirmed") for each in changes):
            proving.forget()
            return _noted(replace(outcome, taken_back=False), _BY_ANOTHER), True
        return _of_record(proving, outcome, changes, applied=applied)
    except HostKeyError:
        return _noted(outcome, "Its key is another one now: nothing more was said to it."), True
    except (UnreachableError, AuthenticationError) as error:
        undone, proving.missed = said.first(events.Undone) is not None, error.message
        refused = error.message if isinstance(error, AuthenticationError) else ""
        return replace(outcome, verified=undone, refused=refused), undone


async def device_says(proving: Proving, change: str) -> str:
    """Why it has taken the change back; empty where it does not tell that."""
    try:
        async with asyncio.timeout(_A_WORD):
            known = await history(proving.link, proving.step)
    except (ThornwallError, TimeoutError):
        return ""
    return next((f"it was taken back, since {each.why}" for each in known if each.id == change and each.why), "")


def _script(proving: Proving, outcome: Outcome, nonce: str) -> str:
    """What this program itself has asked to be confirmed, and was not told that it is, is taken back all the same."""
    return back_script(outcome.transaction, nonce=nonce, why=_news(outcome), unless_confirmed=not proving.asked)


def _of_record(
    proving: Proving, outcome: Outcome, changes: Sequence[events.Change], *, applied: bool
) -> tuple[Outcome, bool]:
    """What it had not begun when the link broke, the device forgets; what it had made, it never does."""
    change = next((each for each in changes if each.id == outcome.transaction), None)
    if change is not None and change.state == "undone":
        return replace(outcome, verified=True, restarted=change.restarted), True
    if change is not None:  # it refuses while it is at it
        stuck = change.stuck or outcome.stuck
        return replace(outcome, stuck=stuck, gave_up=change.gave_up, restarted=change.restarted), False
    if not applied:
        proving.forget()
        return replace(outcome, verified=True, begun=False), True
    return _noted(outcome, f"{_NO_RECORD} {outcome.transaction}, which it had made: is it the same machine?"), True


def _noted(outcome: Outcome, note: str) -> Outcome:
    return replace(outcome, notes=(*outcome.notes, note))
