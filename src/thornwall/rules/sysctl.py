"""How rules ask for kernel settings: what runs, or for a folder what systemd-sysctl will set."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from thornwall.model.fact import Absent, Known, Unknown
from thornwall.model.finding import Evidence
from thornwall.model.kernel import Kernel, own_of_a_container, proc_path
from thornwall.model.rule import Context, Verdict, fail, not_applicable, passed, unknown

_NONE = "nothing is known of the kernel"


def set_commands(rule_id: str, *lines: str) -> tuple[str, ...]:
    """The commands that set the lines for good: a file of the rule's own, whose name sorts behind 99-sysctl.conf."""
    words = " ".join(f"'{line}'" for line in lines)
    file = f"/etc/sysctl.d/99-thornwall-{rule_id}.conf"
    return (rf"printf '%s\n' {words} | sudo tee {file}", "sudo sysctl --system")


def kernel(ctx: Context) -> Kernel:
    """What is known of the kernel, or the end of the rule."""
    return ctx.known(ctx.host.kernel, absent=_NONE)


def contained(ctx: Context) -> bool:
    """Whether we are in a container: its kernel is that of the machine around it."""
    host = ctx.host.host
    return isinstance(host, Known) and bool(host.value.container)


def demand(ctx: Context, wanted: Mapping[str, tuple[str, ...]], detail: str, good: str) -> Iterator[Verdict]:
    """Fail with `detail` where one of the settings has a value that is not among those wanted, else pass with `good`.

    Settings that this kernel does not have are left out. Those of the network are a container's own; of the others
    only what its files say is.
    """
    facts = kernel(ctx)
    if contained(ctx) and not all(own_of_a_container(name) for name in wanted):
        # what runs is the machine's; what the files want is this host's, as in a folder
        facts = replace(facts, running={})
        if not all(facts.configured(name) for name in wanted):
            yield not_applicable("Kernel settings belong to the machine around this container.")
            return
        good += " (By this host's files; what runs belongs to the machine around this container.)"
    judged = [_judge(facts, name, values) for name, values in wanted.items()]
    wrong = [evidence for ok, evidence, _ in judged if ok is False]
    open_ = [reason for ok, _, reason in judged if ok is None and reason is not None]
    right = [evidence for ok, evidence, _ in judged if ok]
    if wrong:
        yield fail(detail, *(evidence for each in wrong for evidence in each))
    elif open_:
        yield unknown(open_[0].reason, mend=open_[0].mend)
    elif not right:
        yield not_applicable("This kernel has no such setting.")
    else:
        yield passed(good, *(evidence for each in right for evidence in each[:1]))


def _judge(facts: Kernel, name: str, values: tuple[str, ...]) -> tuple[bool | None, list[Evidence], Unknown | None]:
    """Whether the value is one of those wanted (None: there is none, or it cannot be told: why); where it stands."""
    line = facts.configured(name)
    said = [Evidence(line.path, f"{line.name} = {line.value}", line.line)] if line else []
    match facts.running.get(name):
        case Known(value):
            shown = Evidence(proc_path(name), value, 1)
            return value in values, [shown, *said], None
        case Absent():
            return None, [], None
        case Unknown() as why:
            return None, [], why
        case _:
            if line is not None:
                return line.value in values, said, None
            reason = f"no file of sysctl.d sets {name}, and the kernel's own default is not in a folder"
            return None, [], Unknown(reason, "audit the running host")
