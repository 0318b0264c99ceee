"""Findings to a plan: asks each fix, each interlock, and merges what is left into steps."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from thornwall.model.change import (
    Account,
    AccountDo,
    AccountField,
    Activate,
    Firewall,
    Operation,
    OwnLine,
    Packages,
    Sysctl,
    SysctlDo,
    Tool,
    UnitDo,
    UnitsOff,
    UnitsOn,
    Wish,
)
from thornwall.model.fact import Known
from thornwall.model.finding import Finding, Status
from thornwall.model.plan import Held, Mend, Plan, Question, Step, Undoing
from thornwall.model.rule import Preset
from thornwall.plan import files, first_start, units
from thornwall.plan.drafts import SYSCTLS, Draft, add, joined
from thornwall.plan.firewall_tools import commands as firewall_commands
from thornwall.plan.fix import Ask, Fix, Hold, Interlock, Situation
from thornwall.plan.interlocks.host import refusals
from thornwall.plan.ways_in import ageing, idle_passwords, keyless, nobodies, opens_to_all, shut_out


@dataclass(frozen=True, slots=True)
class Choice:
    """What the user wants of it: rules or subjects alone (`only`; empty: all), and not these (`skip`); steps left out
    by id (`not_steps`), as answered one by one; findings that turned out not to be mendable (`not_mends`).
    """

    only: frozenset[str] = frozenset()
    skip: frozenset[str] = frozenset()
    not_steps: frozenset[str] = frozenset()
    not_mends: frozenset[Mend] = frozenset()

    def takes(self, finding: Finding, subject: str) -> bool:
        """Whether the finding is to be mended."""
        names = {finding.rule, subject}
        wanted = not names & self.skip and (not self.only or bool(names & self.only))
        return wanted and Mend(finding.rule, finding.subject) not in self.not_mends

    def titled(self, preset: Preset, accepts: Collection[str] = ()) -> str:
        """What a change of this choice is called in the host's history."""
        words = ["harden", preset.name.lower()]
        words += [f"--only {name}" for name in sorted(self.only)] + [f"--skip {name}" for name in sorted(self.skip)]
        words += [f"--accept {name}" for name in sorted(accepts)]
        return " ".join(words) + ", some steps left out" * bool(self.not_steps)


def make_plan(
    situation: Situation,
    fixes: Mapping[str, Fix],
    interlocks: Sequence[Interlock],
    subjects: Mapping[str, str],
    choice: Choice | None = None,
) -> Plan:
    """The plan for what `situation.findings` holds, in the order in which it will be done.

    `subjects`: by rule, what it is about (`ssh`). `before` and `after` are left to whoever can judge.
    """
    choice = choice or Choice()
    # what is not to be mended is not to be reckoned with either: a port of a service that stays must stay open
    chosen = (each for each in situation.findings if choice.takes(each, subjects.get(each.rule, "")))
    situation = replace(situation, findings=tuple(chosen))
    drafts: dict[str, Draft] = {}
    held: list[Held] = []
    questions: list[Question] = []
    by_hand: list[Finding] = []
    met: list[Hold] = []
    for finding in situation.findings:
        if finding.status is not Status.FAIL:
            continue
        fix = fixes.get(finding.rule)
        wants = tuple(fix.make(situation, finding)) if fix else ()
        if fix is None or not wants:
            by_hand.append(finding)
            continue
        met_here, asks, wishes = _sorted_out(situation, interlocks, wants)
        met += met_here
        holds = [hold for hold in met_here if not _accepted(situation, hold)]
        if holds:
            held += [_held(hold, finding) for hold in holds]
        elif asks:
            questions += [Question(finding.rule, finding.subject, ask.text, ask.account) for ask in asks]
        elif (done := _alone(situation, wishes)) is None or isinstance(done, Hold):
            held += [_held(done, finding)] if done else []
            by_hand += [] if done else [finding]
        else:
            now, later = first_start.by_time(situation, wishes)
            add(drafts, fix, finding, now, first_start=False)
            add(drafts, fix, finding, later, first_start=True)
    steps = _steps(situation, joined(drafts.values()), choice, held)
    return Plan(
        target=situation.capture.manifest.target,
        steps=steps,
        held=tuple(dict.fromkeys(held)),
        questions=tuple(dict.fromkeys(questions)),
        by_hand=tuple(by_hand),
        preset=situation.preset,
        refused=tuple(_held(hold, None) for hold in refusals(situation)),
        way_in=situation.way_in,
        idle_accepts=_idle_accepts(situation, met),
        shut_out=shut_out(situation, steps),
        ageing=ageing(situation, steps),
        keyless=keyless(situation),
        nobodies=nobodies(situation),
        idle_passwords=idle_passwords(situation, steps, questions),
    )


def _sorted_out(
    situation: Situation, interlocks: Sequence[Interlock], wants: Iterable[object]
) -> tuple[list[Hold], list[Ask], list[Wish]]:
    holds = [want for want in wants if isinstance(want, Hold)]
    asks = [want for want in wants if isinstance(want, Ask)]
    wishes: list[Wish] = [want for want in wants if not isinstance(want, Hold | Ask)]  # type: ignore[misc]
    holds += [hold for wish in wishes for lock in interlocks if (hold := lock(situation, wish)) is not None]
    return holds, asks, wishes


def _accepted(situation: Situation, hold: Hold) -> bool:
    return hold.accept and situation.answers.accepted(hold.interlock, hold.subject)


def _idle_accepts(situation: Situation, met: Sequence[Hold]) -> tuple[str, ...]:
    """What the owner accepts, and no interlock asks about."""
    asked = {name for hold in met if hold.accept for name in (hold.interlock, f"{hold.interlock}:{hold.subject}")}
    if situation.preset is Preset.DOCUMENTS:
        asked.add("use-pam-no")  # a wish of its own: `UsePAM no` is written only where it was named
    return tuple(sorted(situation.answers.accepts - asked))


def _held(hold: Hold, finding: Finding | None) -> Held:
    accept = ":".join(filter(None, [hold.interlock, hold.subject])) if hold.accept else ""
    rule, subject = (finding.rule, finding.subject) if finding else ("", "host")
    return Held(hold.interlock, rule, subject, hold.why, hold.unlock, accept)


def _alone(situation: Situation, wishes: Sequence[Wish]) -> Hold | tuple[Operation, ...] | None:
    """What these wishes come to by themselves: a Hold where one cannot be made exact, None where nothing would be done.

    A fix that has nothing to do for a finding does not mend it.
    """
    now, later = first_start.by_time(situation, wishes)
    try:
        return _operations(situation, now) + _operations(first_start.started(situation), later) or None
    except files.ConflictError as conflict:
        return _not_exact(situation, conflict)


def _not_exact(situation: Situation, conflict: files.ConflictError) -> Hold:
    unlock = "Mend it by hand: 'thornwall explain RULE' says how."
    if situation.capture.manifest.uid != 0:  # what root alone may read is not known yet
        unlock = "Let thornwall read the host as root: 'harden' does, 'plan' with --ask-sudo-pass (-K)."
    return Hold("not-exact", f"{conflict}.", unlock)


def _steps(situation: Situation, drafts: Iterable[Draft], choice: Choice, held: list[Held]) -> tuple[Step, ...]:
    steps = []
    for draft in drafts:
        if draft.name in choice.not_steps:
            continue
        reckoned = first_start.started(situation) if draft.first_start else situation
        try:
            operations = _operations(reckoned, list(draft.wishes))
        except files.ConflictError as conflict:
            hold = _not_exact(situation, conflict)
            held += [Held(hold.interlock, mend.rule, mend.subject, hold.why, hold.unlock) for mend in draft.mends]
            continue
        if operations:
            steps.append(
                Step(
                    id=draft.name,
                    purpose=draft.purpose,
                    title="; ".join(draft.titles),
                    operations=operations,
                    mends=tuple(draft.mends),
                    may_break=tuple(draft.may_break),
                    undoing=Undoing.KEEPS if any(map(_known, operations)) else draft.undoing,
                    awaits_reboot=draft.awaits_reboot,
                    after=tuple(draft.after),
                    first_start=draft.first_start,
                    rereads=() if reckoned.capture.live else _rereads(draft.wishes),
                )
            )
    return _once(sorted(steps, key=lambda step: (step.first_start, step.purpose)))


def _known(operation: Operation) -> bool:
    return isinstance(operation, AccountDo) and operation.known_default


def _operations(situation: Situation, wishes: Sequence[Wish]) -> tuple[Operation, ...]:
    """Files first, then tools and accounts, then what is stopped and set now, at last what reads its files again."""
    wishes = _without_firewall(situation, wishes)
    by_path: dict[str, list[Wish]] = {}
    for wish in wishes:
        if isinstance(wish, Sysctl):
            key = wish.pattern or wish.key
            line = OwnLine(SYSCTLS, key, f"{key} = {wish.value}")
            by_path.setdefault(SYSCTLS, []).append(line)
        elif path := files.path_of(wish):
            by_path.setdefault(path, []).append(wish)
    done: list[Operation] = []
    for path, those in by_path.items():
        done += files.operations(situation, path, those)
    live = situation.capture.live
    done += _packages([wish for wish in wishes if isinstance(wish, Packages)])
    done += [wish for wish in wishes if isinstance(wish, Tool)]
    done += [_account(situation, wish) for wish in wishes if isinstance(wish, Account)]
    for wish in sorted(wishes, key=_resets_others, reverse=True):
        if isinstance(wish, UnitsOff):
            done += units.switched_off(situation, wish.units)
        elif isinstance(wish, UnitsOn):
            done += units.switched_on(situation, wish.units)
        elif isinstance(wish, Sysctl) and live:
            done.append(SysctlDo(wish.key, wish.value, _running(situation, wish.key)))
    done += _rereads(wishes) if live else ()
    return tuple(dict.fromkeys(done))


def _resets_others(wish: Wish) -> bool:
    """Whether the kernel sets other settings anew with it: accept_redirects, with forwarding."""
    return isinstance(wish, Sysctl) and wish.key.endswith(("forward", ".forwarding"))


def _rereads(wishes: Iterable[Wish]) -> tuple[UnitDo, ...]:
    """What reads its files again; a restart stands for a reload."""
    wanted = sorted((wish for wish in wishes if isinstance(wish, Activate)), key=lambda each: each.how)
    hows = {wish.unit: wish.how for wish in wanted}
    return tuple(UnitDo(how, (unit,)) for unit, how in hows.items())


def _without_firewall(situation: Situation, wishes: Sequence[Wish]) -> list[Wish]:
    """The one firewall that all of them want, as commands of its own tool."""
    wanted = [wish for wish in wishes if isinstance(wish, Firewall)]
    rest: list[Wish] = [wish for wish in wishes if not isinstance(wish, Firewall)]
    if not wanted:
        return rest
    merged = Firewall(
        enable=any(wish.enable for wish in wanted),
        allow=tuple(dict.fromkeys(port for wish in wanted for port in wish.allow)),
        limit=tuple(dict.fromkeys(port for wish in wanted for port in wish.limit)),
        log=any(wish.log for wish in wanted),
        ipv6=any(wish.ipv6 for wish in wanted),
    )
    merged = replace(merged, allow=tuple(port for port in merged.allow if port not in merged.limit))
    return [*rest, *firewall_commands(situation, merged)]


def _packages(wishes: Sequence[Packages]) -> list[Operation]:
    if not wishes:
        return []
    names = tuple(sorted({name for wish in wishes for name in wish.install}))
    gone = tuple(sorted({name for wish in wishes for name in wish.remove}))
    off = tuple(sorted({name for wish in wishes for name in wish.off}))
    waiting = tuple(dict.fromkeys(name for wish in wishes for name in wish.waiting))
    upgrade, refresh = any(wish.upgrade for wish in wishes), any(wish.refresh for wish in wishes)
    return [Packages(names, upgrade, refresh, gone, off, waiting)]


def _account(situation: Situation, wish: Account) -> AccountDo:
    replaced = wish.field in {AccountField.PASSWORD, AccountField.LOCK}
    # (by the facts: whether its finding is among those to be mended makes no difference)
    return AccountDo(wish.user, wish.field, wish.value, replaced and opens_to_all(situation, wish.user))


def _running(situation: Situation, key: str) -> str:
    match situation.facts.kernel:
        case Known(kernel):
            found = kernel.running.get(key)
            return found.value if isinstance(found, Known) else ""
        case _:
            return ""


def _once(steps: Sequence[Step]) -> tuple[Step, ...]:
    """A unit reads its files again once, in the last step that wants it: each restart counts against its limit."""
    last: dict[str, int] = {}
    for number, step in enumerate(steps):
        for operation in step.operations:
            if isinstance(operation, UnitDo) and operation.action in {"reload", "restart"}:
                last[operation.units[0]] = number

    def kept(number: int, operation: Operation) -> bool:
        again = isinstance(operation, UnitDo) and operation.action in {"reload", "restart"}
        return not again or (isinstance(operation, UnitDo) and last[operation.units[0]] == number)

    return tuple(
        replace(step, operations=tuple(each for each in step.operations if kept(number, each)))
        for number, step in enumerate(steps)
    )


def secrets_needed(plan: Plan) -> tuple[str, ...]:
    """The accounts whose new password the transaction must bring along."""
    return tuple(
        operation.user
        for step in plan.steps
        for operation in step.operations
        if isinstance(operation, AccountDo) and operation.field is AccountField.PASSWORD
    )
