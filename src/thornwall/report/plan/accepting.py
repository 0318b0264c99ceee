"""What unlocks what is held, the owner's word for it (`--accept`), and what became of that."""

from __future__ import annotations

import shlex
from collections.abc import Iterator

from thornwall.model.plan import Held, Mend, Plan
from thornwall.report.text import line


def unlocked_by(plan: Plan, held: Held, mends: tuple[Mend, ...]) -> Iterator[tuple[str, str]]:
    """What there is to say beside `unlock`, each with its label: how to say so, and what else holds the same findings.

    Where `unlock` only asks for the owner's word, the option is that word, and no second way.
    """
    if held.accept:
        asked = any(words in held.unlock.lower() for words in ("say so", "say that"))
        label = "to say so" if asked else "or all the same"
        yield label, f"--accept {shlex.quote(line(held.accept))}"
    others = {each.interlock for each in plan.held if Mend(each.rule, each.subject) in mends} - {held.interlock}
    if others:
        yield "besides", f"{' and '.join(sorted(map(line, others)))} holds this too: each has to be unlocked."


def idle(plan: Plan) -> Iterator[str]:
    """A sentence for each that no interlock asked about, and for each new password of nobody's."""
    for name in plan.nobodies:
        yield line(f"There is no account {name}: the new password for it is not used.", 500)
    if plan.idle_passwords:
        yield line(f"No step of this plan sets the new password at hand for {', '.join(plan.idle_passwords)}.", 500)
    for name in plan.idle_accepts:
        interlock = name.partition(":")[0]
        held = [each for each in plan.held if each.interlock == interlock]
        if answers := sorted({each.accept for each in held if each.accept}):
            why = f"what it holds back here is {', '.join(answers)}."
        elif held:
            why = "what it holds back here, no answer unlocks: see 'unlock' in the plan."
        else:
            why = "it holds nothing back in this plan."
        yield line(f"--accept {name} comes to nothing: {why}", 500)
