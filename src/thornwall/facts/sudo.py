"""Who may become whom through sudo or doas."""

from __future__ import annotations

import fnmatch
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice

from thornwall.facts import sudoers
from thornwall.facts.accounts import local_accounts
from thornwall.facts.pam_modules import MODULES, installed_program
from thornwall.facts.redact import PLAIN
from thornwall.facts.sudoers import Answer, Command, Item, Spec, Statements
from thornwall.model.accounts import Accounts
from thornwall.model.capture import Capture
from thornwall.model.fact import ABSENT, Fact, Known, Unknown
from thornwall.model.probe import Probe, Read, Redaction, Run
from thornwall.model.sudo import DoasRule, Grant, OwnListing, Place, Policy, Sudo, SudoersFile

# The general filter would take NOPASSWD: for the name of a secret and mask the rest of the line, grants and all: here
# only the word goes that follows a name of a secret, so that what stands behind it is still judged.
SUDOERS = Redaction(
    "sudoers",
    r"""
    # comments, but not `#include` and `#1000`
    if (s ~ /^[ \t]*#([ \t#]|$)/) return "#"
    gsub(/[$][0-9a-z]+[$][^" \t,;]*/, "<redacted>", s)
    gsub(/\/\/[^\/ \t"]*@/, "//<redacted>@", s)
    gsub(/[?&][A-Za-z_-]*\\?=[^ \t,"&]*/, "?<redacted>", s)
    gsub(/[Bb](earer|asic)[ \t]+[^" \t,]+/, "Bearer <redacted>", s)
    # behind a command: -pSECRET, -p SECRET, -u me\:SECRET
    if (match(s, /\/[A-Za-z0-9_.\/-]*[ \t]/)) {
        w_h = substr(s, 1, RSTART - 1)
        s = substr(s, RSTART)
        gsub(/[ \t]-[pPuUaAkKwWX][ \t]+[^-\/ \t,"][^ \t,]*/, " -p <redacted>", s)
        gsub(/[ \t]-[pPuUaAkKwWX][^ \t,=-][^ \t,]*/, " -p<redacted>", s)
        s = w_h s
    }
    # what follows --password, -secret=, TOKEN= in the arguments of a command
    w_t = "--?[A-Za-z-]*(passw(or)?d|pass|passphrase|secret|token|key)(\\\\?=|[ \t]+)"
    if (s !~ /^[ \t]*(Defaults|[A-Za-z]+_Alias)/)
        w_t = "(" w_t "|[ \t\047\"][A-Za-z_]*(PASSW(OR)?D|PASS|SECRET|TOKEN|KEY|passw(or)?d|secret|token)\\\\?=)"
    w_o = ""
    while (match(s, w_t)) {
        w_o = w_o substr(s, 1, RSTART + RLENGTH - 1)
        s = substr(s, RSTART + RLENGTH)
        sub(/^[^ \t,":=\047][^ \t,"\047]*/, "<redacted>", s)
    }
    return w_o s
""",
)

# what sudo lists, it lists with the secrets that stand in the sudoers file
_OWN_SUDO = f"""
[ -r ./etc/sudoers ] && exit 0
listed=$(sudo -n -l) || exit
printf '%s\\n' "$listed" | awk 'function cleanse(s) {{
{SUDOERS.awk}
}}
{{ print cleanse($0) }}'
"""

PROBES: tuple[Probe, ...] = (
    Read("/etc/sudoers", SUDOERS),
    Read("/etc/sudoers.d/*", SUDOERS),
    Read("/etc/doas.conf", SUDOERS),
    Read("/etc/nsswitch.conf", PLAIN),
    Read("/etc/hostname", PLAIN),
    Read("/proc/sys/kernel/hostname", PLAIN),
    MODULES,
    Run("own-sudo", _OWN_SUDO, shell=True),
)

_LOCAL = {"files", "compat", "db", "systemd", "mymachines", "cache"}

MAX_GRANTS = 50_000
MAX_ITEMS = 1_000  # of one alias, resolved
MAX_STRANGERS = 100  # who are named; more are no more to anybody

_OWN = re.compile(r"^User (\S+) may run the following commands", re.MULTILINE)
_OWN_GRANT = re.compile(r"^ {4,}\(([^)]*)\) (?:[A-Z_]+: )*NOPASSWD: (?:[A-Z_]+: )*(.+)$", re.MULTILINE)
_ADDRESS = re.compile(r"[0-9.]+(?:/[0-9.]+)?|[0-9A-Fa-f:.]*:[0-9A-Fa-f:./]*")
_WORD = re.compile(r'"[^"]*"|[^\s"]+')


def parse(capture: Capture) -> Fact[Sudo]:
    """Absent where neither sudo nor doas is set up."""
    # a package that was removed leaves its configuration behind
    policy = ABSENT if installed_program(capture, "sudo") == Known(value=False) else _policy(capture)
    doas = ABSENT if installed_program(capture, "doas") == Known(value=False) else _doas(capture)
    if policy is ABSENT and doas is ABSENT:
        return ABSENT
    return Known(Sudo(policy, doas, _own(capture)))


def _policy(capture: Capture) -> Fact[Policy]:
    main = capture.read("/etc/sudoers")
    if not isinstance(main, Known):
        return main
    host = _hostname(capture)
    statements = sudoers.read(
        "/etc/sudoers", main, capture.read, lambda path: _listed(capture, path), host.partition(".")[0]
    )
    accounts = local_accounts(capture)
    return Known(
        Policy(
            grants=_grants(statements, accounts, host),
            defaults=tuple(statements.defaults),
            files=tuple(_with_modes(capture, statements)),
            skipped=tuple(statements.skipped),
            unread=statements.unread,
            bad=tuple(statements.bad),
            strangers=_strangers(statements, accounts, host) if _has_directory(capture) else {},
        )
    )


def _hostname(capture: Capture) -> str:
    for path in ("/proc/sys/kernel/hostname", "/etc/hostname"):
        match capture.read(path):
            case Known(text) if text.strip():
                return text.strip().lower()
            case _:
                pass
    return ""


def _listed(capture: Capture, directory: str) -> Fact[list[str]]:
    if directory != "/etc/sudoers.d":
        return Unknown(f"{directory}, which sudo includes, was not asked for")
    blocked = capture.blocked(f"{directory}/x")
    return blocked or Known([path for path, _ in capture.glob(f"{directory}/*")])


def _with_modes(capture: Capture, statements: Statements) -> Iterator[SudoersFile]:
    for path in (*statements.files, *statements.skipped, *statements.unread):
        match capture.files.get(path):
            case None:
                pass
            case record:
                yield SudoersFile(path, record.mode, record.uid, record.gid)


def _grants(statements: Statements, accounts: Accounts, host: str) -> dict[str, tuple[Grant, ...]]:
    """Every specification as it stands for each account, aliases resolved."""
    found: dict[str, list[Grant]] = defaultdict(list)
    total = 0
    for spec in statements.specs:
        on_host = sudoers.ask(spec.hosts, statements.aliases["Host"], lambda text: _is_host(text, host))
        if on_host in {Answer.DENY, Answer.SILENT}:
            continue
        commands = list(_commands(statements, spec, accounts))
        for name, who, sure in _users(statements, spec, accounts):
            total += len(commands)
            if total > MAX_GRANTS:
                statements.unread["/etc/sudoers"] = Unknown("sudoers grants more than is judged")
                return {}
            maybe = not sure or on_host is Answer.MAYBE
            found[name].extend(
                _grant(command, users, (who, spec.place), as_root=as_root, maybe=maybe)
                for command, users, as_root in commands
            )
    return {name: tuple(grants) for name, grants in found.items()}


def _has_directory(capture: Capture) -> bool:
    """Whether accounts come from elsewhere too: LDAP, SSSD, winbind (nsswitch.conf(5))."""
    match capture.read("/etc/nsswitch.conf"):
        case Known(text):
            lines = re.findall(r"^[ \t]*(?:passwd|group):([^#\n]*)", text, re.MULTILINE)
            return bool({word for line in lines for word in re.sub(r"\[[^]]*\]", " ", line).split()} - _LOCAL)
        case _:
            return False


def _strangers(statements: Statements, accounts: Accounts, host: str) -> dict[str, Place]:
    """Names that no file of this host explains, perhaps those of the directory; the last entry of each decides."""
    known = {"ALL", *accounts.by_name, *(f"%{group.name}" for group in accounts.groups)}
    found: dict[str, Place] = {}
    for spec in statements.specs:
        on_host = sudoers.ask(spec.hosts, statements.aliases["Host"], lambda text: _is_host(text, host))
        if on_host in {Answer.DENY, Answer.SILENT}:
            continue
        free = any(command.nopasswd and not command.negated for command in spec.commands)
        for negated, text in islice(_expand(spec.users, statements.aliases["User"]), MAX_ITEMS):
            if negated or text in known or text.startswith(("#", "+", "%#", "%:")):
                continue
            found.pop(text, None)
            if free and len(found) < MAX_STRANGERS:
                found[text] = spec.place
    return found


def _grant(command: Command, users: tuple[str, ...], place: tuple[str, Place], *, as_root: bool, maybe: bool) -> Grant:
    return Grant(
        command=command.command,
        place=place[1],
        who=place[0],
        users=users,
        as_root=as_root,
        nopasswd=command.nopasswd,
        negated=command.negated,
        maybe=maybe,
    )


def _is_host(text: str, host: str) -> bool | None:
    if text == "ALL":
        return True
    if text.startswith("+") or _ADDRESS.fullmatch(text) or not host:
        return None
    pattern = text.lower()
    return fnmatch.fnmatchcase(host if "." in pattern else host.partition(".")[0], pattern)


def _users(statements: Statements, spec: Spec, accounts: Accounts) -> Iterator[tuple[str, str, bool]]:
    """(account, the text that names it, whether that is sure)."""
    who = ", ".join("!" * negated + text for negated, text in spec.users)
    for name in _candidates(spec.users, statements, accounts):
        answer = sudoers.ask(
            spec.users,
            statements.aliases["User"],
            lambda text, name=name: _is_user(text, name, accounts),  # type: ignore[misc]
        )
        if answer in {Answer.ALLOW, Answer.MAYBE}:
            yield name, who, answer is Answer.ALLOW


def _candidates(items: tuple[Item, ...], statements: Statements, accounts: Accounts) -> Iterable[str]:
    """The accounts that a list may be about: a list of plain names needs no look at the others."""
    if any(text[:1] in "%#+" or text == "ALL" or text in statements.aliases["User"] for _, text in items):
        return accounts.by_name
    return dict.fromkeys(text for _, text in items if text in accounts.by_name)


def _is_user(text: str, name: str, accounts: Accounts) -> bool | None:
    if text in {"ALL", name}:
        return True
    if text.startswith("#"):
        return text[1:].isdecimal() and int(text[1:]) == accounts.by_name[name].uid
    if text.startswith("%#"):
        gid = int(text[2:]) if text[2:].isdecimal() else -1
        groups = accounts.groups_of.get(name, frozenset())
        return accounts.by_name[name].gid == gid or any(g.gid == gid and g.name in groups for g in accounts.groups)
    if text.startswith(("%:", "+")):
        return None
    return text.startswith("%") and text[1:] in accounts.groups_of.get(name, frozenset())


def _commands(
    statements: Statements, spec: Spec, accounts: Accounts
) -> Iterator[tuple[Command, tuple[str, ...], bool]]:
    """(command, whom it may be run as, whether as root), aliases resolved."""
    for command in spec.commands:
        users: tuple[str, ...] = ("root",)
        as_root = True
        if command.users is not None:
            items = islice(_expand(command.users, statements.aliases["Runas"]), MAX_ITEMS)
            users = tuple("!" * negated + text for negated, text in items)
            answer = sudoers.ask(command.users, statements.aliases["Runas"], lambda text: _is_root(text, accounts))
            as_root = answer in {Answer.ALLOW, Answer.MAYBE}
        for count, (negated, text) in enumerate(
            _expand(((command.negated, command.command),), statements.aliases["Cmd"])
        ):
            if count > MAX_ITEMS:
                statements.unread[spec.place.file] = Unknown("its aliases name each other too often")
                return
            yield Command(text, negated, command.users, command.nopasswd), users, as_root


def _is_root(text: str, accounts: Accounts) -> bool | None:
    return text in {"ALL", "root", "#0"} or ("root" in accounts.by_name and _is_user(text, "root", accounts))


def _expand(items: tuple[Item, ...], aliases: Mapping[str, tuple[Item, ...]], depth: int = 0) -> Iterator[Item]:
    for negated, text in items:
        members = aliases.get(text) if depth < 8 else None
        if members is None:
            yield negated, text
        else:
            for inner, member in _expand(members, aliases, depth + 1):
                yield inner != negated, member


def _doas(capture: Capture) -> Fact[tuple[DoasRule, ...]]:
    match capture.read("/etc/doas.conf"):
        case Known(text):
            return Known(tuple(filter(None, (_doas_rule(n, line) for n, line in enumerate(text.split("\n"), 1)))))
        case Unknown() as unknown:
            return unknown
        case _:
            return ABSENT


def _doas_rule(number: int, line: str) -> DoasRule | None:
    words = _WORD.findall(line.partition("#")[0])
    if not words or words[0] not in {"permit", "deny"}:
        return None
    options = set[str]()
    rest = iter(words[1:])
    identity = target = command = ""
    inside = False
    for word in rest:
        if inside:
            inside = word != "}"
        elif word == "{":
            inside = True
        elif not identity and word in {"nopass", "persist", "keepenv", "nolog", "setenv"}:
            options.add(word)
        elif not identity:
            identity = word
        elif word == "as":
            target = next(rest, "")
        elif word == "cmd":
            command = " ".join(rest)
    if not identity:
        return None
    place = Place("/etc/doas.conf", number, line.strip())
    permit = words[0] == "permit"
    return DoasRule(permit, identity, place, "nopass" in options, "persist" in options, target, command)


def _own(capture: Capture) -> Fact[OwnListing]:
    match capture.command("own-sudo"):
        case Known(result) if match := _OWN.search(result.text):
            # an entry that is too long for the terminal goes on in a line with more blanks
            text = re.sub(r"\n {8,}", " ", result.text[match.end() :])
            return Known(OwnListing(match[1], tuple(_OWN_GRANT.findall(text))))
        case Known(result) if b"password is required" in result.stderr:
            return Known(OwnListing("", ()))
        case Unknown() as unknown:
            return unknown
        case _:
            return ABSENT
