"""Fixes of the rules about sudo: asking for the password again, and its settings."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from thornwall.model.accounts import Accounts
from thornwall.model.change import Account, AccountField, EditLine, OwnLine, Purpose, RemoveFile, SetMode, Wish
from thornwall.model.fact import Known
from thornwall.model.finding import Evidence, Finding
from thornwall.model.sudo import Default, Grant, Policy
from thornwall.plan import sudoers
from thornwall.plan.fix import Ask, Fix, Situation, Want, fix
from thornwall.plan.lines import edit
from thornwall.plan.sudoers import DROP_IN, overrules, scoped, without_nopasswd, without_parameter
from thornwall.plan.ways_in import accounts_of, password, policy_of

PATHS = (*sudoers.PATHS, "/etc/doas.conf")

_ACCOUNT = re.compile(r"[a-z_][a-z0-9_-]*")


def own_line(key: str, line: str) -> OwnLine:
    """A line of our own file, which sudo reads last."""
    return OwnLine(DROP_IN, key, line, mode=sudoers.MODE)


@fix(
    "sudo-nopasswd",
    step="sudo-asks",
    purpose=Purpose.SUDO,
    title="Let sudo ask for the password",
    may_break=("Programs that call sudo unattended (cron jobs of an account, Ansible) must be given the password.",),
)
def nopasswd(situation: Situation, finding: Finding) -> Iterator[Want]:
    """A file of nothing but such grants goes; elsewhere the tag is taken out, or a later line overrules it."""
    policy, accounts = policy_of(situation), accounts_of(situation)
    if policy is None or accounts is None:
        return
    # those that a later one of the same kind overrules come into force with it gone
    hidden = (
        Evidence(grant.place.file, "", grant.place.line)
        for grant in policy.grants.get(finding.subject, ())
        if grant.nopasswd and grant.everything
    )
    places = {(each.source, each.line): each for each in (*finding.evidence, *hidden)}
    wishes: list[Want] = []
    for place in places.values():
        found = _asked(situation, policy, accounts, place)
        if not found:
            return  # half of it is no fix
        wishes += found
    if wishes:
        yield from _password_first(situation, accounts, finding.subject)
        yield from wishes


def _password_first(situation: Situation, accounts: Accounts, name: str) -> Iterator[Want]:
    """A person without a password that works needs one before sudo asks for it."""
    account = accounts.by_name.get(name)
    match password(situation, name):
        case Known(found) if account in accounts.people() and not found.accepted:
            if name in situation.answers.passwords:
                yield Account(name, AccountField.PASSWORD)
            else:
                yield Ask(f"{name} has no password, and sudo will ask for it. Which one shall it have?", name)
        case _:
            pass


def _asked(situation: Situation, policy: Policy, accounts: Accounts, place: Evidence) -> list[Want]:
    if place.line is None:
        return []
    if place.source == "/etc/doas.conf":
        return list(edit(situation, place.source, place.line, _without_nopass))
    grants = [
        (name, grant)
        for name, each in policy.grants.items()
        for grant in each
        if grant.place.file == place.source and name in accounts.by_name
    ]
    if _nothing_else(situation, policy, place.source, [grant for _, grant in grants]):
        wishes: list[Want] = [RemoveFile(place.source)]
        for name in dict.fromkeys(name for name, _ in grants):
            if not _otherwise(policy, name, place.source):
                if not _ACCOUNT.fullmatch(name):
                    return []
                wishes.append(own_line(name, f"{name} ALL=(ALL:ALL) ALL"))
        return wishes
    edits = edit(situation, place.source, place.line, lambda line: without_nopasswd(line) or line)
    if changed := list(edits):
        return list(changed)
    here = next((grant.place for _, grant in grants if grant.place.line == place.line), None)
    line = without_nopasswd(here.text) if here else None
    if here is None or line is None or not overrules(situation, policy, here):
        return []
    return [own_line(line, line)]


def _nothing_else(situation: Situation, policy: Policy, path: str, grants: list[Grant]) -> bool:
    """Whether a drop-in has nothing but grants of every command without a password, to accounts that are there."""
    if not path.startswith(sudoers.FOLDER) or any(default.place.file == path for default in policy.defaults):
        return False
    match situation.capture.read(path):
        case Known(text):
            lines = {
                number
                for number, line in enumerate(text.split("\n"), 1)
                if line.strip() and not re.match(r"[ \t]*#(?!include|\d)", line)
            }
        case _:
            return False
    whole = all(grant.nopasswd and grant.everything and not grant.maybe for grant in grants)
    by_name = all(_ACCOUNT.fullmatch(grant.who) for grant in grants)
    return bool(grants) and whole and by_name and lines == {grant.place.line for grant in grants}


def _otherwise(policy: Policy, name: str, path: str) -> bool:
    """Whether the account may run everything by other files, and is asked there (grants without that may go too)."""
    others = [grant for grant in policy.grants.get(name, ()) if grant.place.file != path]
    asked = any(grant.everything and not grant.maybe and not grant.nopasswd for grant in others)
    return asked and not any(grant.negated for grant in others)


def _without_nopass(line: str) -> str:
    """doas.conf(5): the option `nopass` goes; `persist` would remember the answer, and stays as it is."""
    return re.sub(r"\bnopass\b[ \t]*", "", line, count=1)


def _default(
    situation: Situation, finding: Finding, names: tuple[str, ...], line: Callable[[str], str]
) -> Iterator[Wish]:
    """Overrule the setting that the finding is about, for whom it holds; where it stands behind ours, take it out too.

    `names`: of the setting, and of what it was called before. `line` makes ours of its beginning (`Defaults:pi`).
    """
    policy = policy_of(situation)
    if policy is None:
        return
    default = _at(policy, finding, *names)
    start = scoped(default) if default else "Defaults"
    ours = default is None or default.place.file == DROP_IN
    if default is not None and not ours and (start is None or not overrules(situation, policy, default.place)):
        edits = list(_taken_out(situation, default, default.name))
        if not edits:
            return
        yield from edits
    if start is not None and sudoers.reads_ours(situation):
        yield own_line(f"{start} {names[0]}", line(start))
    elif start is not None:
        yield EditLine("/etc/sudoers", 0, "", line(start))


def _taken_out(situation: Situation, default: Default, name: str) -> Iterator[EditLine]:
    def change(old: str) -> str | None:
        new = without_parameter(old, name)
        return old if new is None else new or None

    yield from edit(situation, default.place.file, default.place.line, change)


def _at(policy: Policy, finding: Finding, *names: str) -> Default | None:
    """The setting at the place of the finding."""
    places = {(each.source, each.line) for each in finding.evidence}
    found = [default for default in policy.defaults if default.name in names]
    return next((default for default in found if (default.place.file, default.place.line) in places), None)


@fix(
    "sudo-authenticate-disabled",
    step="sudo-asks",
    purpose=Purpose.SUDO,
    title="Let sudo ask for the password",
)
def authenticate(situation: Situation, finding: Finding) -> Iterator[Wish]:
    """`!authenticate` and `exempt_group`, which may stand in one line, are overruled for whom they hold.

    A finding about the first is about a file, one about the second about the members of the group.
    """
    name, word = "authenticate", "authenticate"
    if not finding.subject.startswith("/"):
        name, word = "exempt_group", "!exempt_group"
    policy = policy_of(situation)
    if policy is not None and _at(policy, finding, name) is not None:
        yield from _default(situation, finding, (name,), lambda start: f"{start} {word}")


@fix(
    "sudo-timestamp-timeout",
    step="sudo-settings",
    purpose=Purpose.SUDO,
    title="Let sudo forget the password sooner",
)
def timestamp_timeout(situation: Situation, finding: Finding) -> Iterator[Wish]:
    """What the policy allows at most. One for some accounts alone is taken out of its line: the general one holds."""
    policy = policy_of(situation)
    default = _at(policy, finding, "timestamp_timeout") if policy else None
    if default is not None and default.scope:
        yield from _taken_out(situation, default, "timestamp_timeout")
        return
    minutes = situation.values.get("sudo-timestamp-timeout", {}).get("minutes")
    if isinstance(minutes, int) and minutes >= 0:
        line = f"timestamp_timeout={minutes}"
        yield from _default(situation, finding, ("timestamp_timeout",), lambda start: f"{start} {line}")


@fix(
    "sudo-global-timestamp",
    step="sudo-settings",
    purpose=Purpose.SUDO,
    title="Let one answer to sudo unlock one terminal",
)
def global_timestamp(situation: Situation, finding: Finding) -> Iterator[Wish]:
    """Overruled: the file that brings it is the distribution's, and would come back."""
    names = ("timestamp_type", "tty_tickets")
    yield from _default(situation, finding, names, lambda start: f"{start} timestamp_type=tty")


@fix(
    "sudo-env-dangerous",
    step="sudo-settings",
    purpose=Purpose.SUDO,
    title="Keep the caller's environment out of what sudo runs",
)
def env_dangerous(situation: Situation, finding: Finding) -> Iterator[Wish]:
    """`!env_reset` is overruled; the words that env_keep lets through are taken out of its line."""
    policy = policy_of(situation)
    kept = " lets " in finding.detail  # both may stand in one line
    default = _at(policy, finding, "env_keep" if kept else "env_reset") if policy else None
    if default is None:
        return
    if default.name == "env_reset" and not default.scope:
        yield from _default(situation, finding, ("env_reset",), lambda start: f"{start} env_reset")
    elif default.name == "env_reset":
        yield from _taken_out(situation, default, "env_reset")
    else:
        dangerous = set(re.findall(r"[A-Z0-9_*]+", finding.detail.partition(" lets ")[2]))
        yield from edit(situation, default.place.file, default.place.line, lambda line: _less_kept(line, dangerous))


def _less_kept(line: str, words: set[str]) -> str | None:
    """An `env_keep` line without these variables; None where none is left."""
    found = re.search(r'env_keep[ \t]*(?:\+?=)[ \t]*(?:"([^"]*)"|([^\s,"]+))', line)
    if found is None:
        return line
    kept = [word for word in (found[1] or found[2]).split() if word.partition("=")[0] not in words]
    if not kept:
        rest = without_parameter(line, "env_keep")
        return line if rest is None else rest or None
    quote = '"' if found[1] is not None else ""
    start = line.index(found[1] or found[2], found.start())
    end = start + len(found[1] or found[2])
    return f"{line[: start - len(quote)]}{quote}{' '.join(kept)}{quote}{line[end + len(quote) :]}"


@fix(
    "sudo-use-pty",
    step="sudo-settings",
    purpose=Purpose.SUDO,
    title="Give what sudo runs a terminal of its own",
)
def use_pty(situation: Situation, finding: Finding) -> Iterator[Wish]:
    """Debian 12 has the very line in /etc/sudoers."""
    yield from _default(situation, finding, ("use_pty",), lambda start: f"{start} use_pty")


@fix(
    "sudo-log-file",
    step="sudo-settings",
    purpose=Purpose.SUDO,
    title="Write down what sudo runs",
)
def log_file(situation: Situation, finding: Finding) -> Iterator[Wish]:
    """The file is root's alone (sudo makes it 0600)."""
    yield from _default(situation, finding, ("logfile",), lambda start: f"{start} logfile=/var/log/sudo.log")


@fix(
    "sudo-file-permissions",
    step="sudo-modes",
    purpose=Purpose.SUDO,
    title="Let only root change what sudo allows",
)
def file_permissions(situation: Situation, finding: Finding) -> Iterator[Wish]:
    """As sudo's own packages have them: 0440, and 0750 for the folder."""
    path = finding.subject
    match situation.facts.filesystem:
        case Known(tree):
            folder = (entry := tree.entry(path)) is not None and entry.type == "d"
        case _:
            folder = False
    if path in {"/etc/sudoers", sudoers.FOLDER.rstrip("/")} or path.startswith(sudoers.FOLDER):
        yield SetMode(path, 0o750 if folder else 0o440, user="root", group="root")


FIXES: tuple[Fix, ...] = (
    nopasswd,
    authenticate,
    timestamp_timeout,
    global_timestamp,
    env_dangerous,
    use_pty,
    log_file,
    file_permissions,
)
