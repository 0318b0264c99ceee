"""What to know before saying yes: what becomes of ways in, what waits for a restart, what stays, and the guard."""

from __future__ import annotations

import re
from collections.abc import Collection

from thornwall.model.change import AccountDo, AccountField, Operation, Packages, Purpose, PutFile, Tool, UnitDo
from thornwall.model.finding import Risk
from thornwall.model.plan import Mend, Plan, Step, Undoing
from thornwall.report.plan.operations import masked
from thornwall.report.plan.words import PURPOSES
from thornwall.report.text import count, line

UNPRIVILEGED = (
    "The host was read without root's rights, so most of what is wrong is not known, nor planned for. "
    "Let thornwall use sudo: --ask-sudo-pass (-K)."
)
_GUARD = (
    "Everything but packages is one transaction. The device itself takes it back after {}, if it must with a restart, "
    "unless fresh logins, over new connections and under the new rules, have proved by then that you can still get in "
    "and still become root. If you are shut out before, or the connection breaks, do nothing: it goes back. {}Once the "
    "logins have proved it, mostly within half a minute (a whole one where a firewall counts logins), the change is "
    "confirmed and stays: what shuts you out only later does not take it back. At any time: thornwall undo."
)
_AT_REST = (
    "It is one transaction, in place at once: nobody can log in to a system that does not run, to prove it. "
    "To go back, also once it runs: thornwall undo, or the undo.sh that it leaves there."
)
_FIRST_FIREWALL = (
    " Before that start has a network, a filter lets in SSH alone, then also what listens. The firewall takes its "
    "place five minutes later or more (leave it on), with what listens by then; it is kept only if it lets SSH in. "
    "Nobody is asked."
)
_JOB_WAITS = (
    "The job of its first start is not done yet, and what is left to it may be in this plan too: better wait until "
    "'thornwall history' speaks of it no more. On the host: sudo journalctl -u thornwall-first-start"
)
_YOURS = "When that is, you decide: nothing restarts the host now, but to take the change back."
_HEALTH = (
    "Should SSH not listen after that one, the device takes the change back by itself; a device that does not start at "
    "all needs its card in another computer."
)
_NEAR = " The kernel or the firmware starts with other settings then ({}): have somebody near it, or leave that out: {}"
_EMERGENCY = (
    "root's password is locked: the emergency shell of a host that does not start asks for it, and is closed then. "
    "To keep it: --skip root-password-usable"
)
_NO_KEY = (
    "No key was found of {}: SSH will no longer let them in. "
    "To keep that: a key for each before (ssh-copy-id), or --skip ssh-password-login."
)
ENDS = {
    "usb-storage-allowed": "USB sticks and disks",
    "usb-devices-allowed": "USB devices that are not plugged in now",
    "bluetooth-on": "Bluetooth, keyboards too",
    "wifi-on": "Wi-Fi",
    "cups-listening": "printing by it",
    "telnet-listening": "telnet",
    "rsh-listening": "rsh",
    "ftp-listening": "its FTP server",
    "tftp-listening": "its TFTP server, by which others start",
    "remote-desktop-listening": "the remote desktop",
    "remote-console-listening": "the console in the browser",
    "upnp-listening": "music and films by UPnP",
    "nfs-listening": "its NFS shares",
    "smb-listening": "its Windows shares",
    "rsync-listening": "copies into its rsync server",
    "autologin-desktop": "a desktop that opens without a password",
    "autologin-console": "a console that opens without a password",
    "ssh-forwarding": "SSH tunnels (-L, -R, -D), jumps through it (-J), VS Code's remote windows, agents that are lent",
    "ssh-x11-forwarding": "windows over SSH (-X)",
    "rpcbind-listening": "NFS before version 4",
    "root-password-usable": "su to root",
    "mount-options-missing": "programs that start from a folder for temporary files (some installers)",
}
"""What somebody who uses the device may miss, by the rule that ends it."""
DAILY = {
    "sudo-timestamp-timeout": "sudo asks again after {} minutes",
    "no-login-throttle": "five wrong passwords, sudo's too, shut an account out for ten minutes",
    "no-password-quality": "a new password needs {} characters, and is refused where it is easily guessed",
    "shell-never-idles-out": "a shell in which nothing is typed for {} seconds ends",
    "shell-umask-open": "other accounts cannot read new files, which the web server may have to",
    "no-automatic-updates": "security updates install themselves, and services start anew for them at night",
    "su-unrestricted": "su is for the group that administrates",
}
"""What somebody who works at the device meets from then on, by the rule that brings it; with the value that is set."""
_VALUES = {
    "sudo-timestamp-timeout": re.compile(rb"timestamp_timeout=(\d+)$", re.MULTILINE),
    "no-password-quality": re.compile(rb"^minlen = (\d+)$", re.MULTILINE),
    "shell-never-idles-out": re.compile(rb"\bTMOUT=(\d+)$", re.MULTILINE),
}
_UNSAID = {"no-password-quality": "a new password that is short, or easily guessed, is refused"}
_UNCONFIRMED = " (a change that nobody confirms goes back whole, with that)"
_ROOT = frozenset({"ssh-root-login", "ssh-root-key-login"})
_GRAVE = (Risk.EXTREME, Risk.HIGH)
_NAMED = 3  # of those that stay
_PACKAGES = (
    "Packages that came stay then, and upgrades: thornwall undo removes the packages, and puts back those that went. "
)


def guard(plan: Plan, window: int | None = None) -> str:
    """How it goes back by itself. `window`: the seconds of --confirm-within, where they are known."""
    if plan.way_in.kind == "offline":
        return _AT_REST
    after = "three minutes (or those of --confirm-within)" if window is None else f"{window} seconds"
    packages = any(step.purpose.packages for step in plan.steps)
    return _GUARD.format(after, _PACKAGES if packages else "")


def beware(plan: Plan) -> list[tuple[str, str]]:
    """(label, sentence) of each."""
    steps = plan.steps
    ways = list(dict.fromkeys(PURPOSES[step.purpose] for step in steps if step.purpose.way_in))
    told = [] if plan.as_root else [("not root", UNPRIVILEGED)]
    if ways:
        told.append(("ways in", f"{', '.join(ways)} change, last of all; read these steps."))
    told += _packages(plan) + _ports(plan) + _ends(plan) + _daily(plan) + _name(plan) + _you(plan) + _passwords(plan)
    if any(mend.rule in _ROOT for mend in plan.mends):
        told.append(("root", "SSH lets root in no longer, neither by password nor by key."))
    if _locks_root(plan):
        told.append(("emergency", _EMERGENCY))
    if alone := _listed(plan):
        # (a certificate, or a command that gives keys, is not read: who has just come in by one has no need of it)
        came = plan.way_in.user if plan.way_in.key_proved else ""
        keyless = {line(name) for name in plan.keyless if name != came} if _keys_alone(plan) else set()
        let_in = [f"{name} (no key of theirs was found)" if name in keyless else name for name in alone]
        told.append(("users", f"SSH lets in {', '.join(let_in)}, and nobody else."))
    if plan.shut_out:
        # (a key that lies elsewhere, or in a certificate, is not read)
        names = ", ".join(map(line, plan.shut_out))
        told.append(("no key", _NO_KEY.format(names)))
    at_rest = plan.way_in.kind == "offline"
    told += _first_start(plan)
    if plan.job_waits:
        told.append(("first start", _JOB_WAITS))
    if not at_rest and (waiting := [number for number, step in enumerate(steps, 1) if step.awaits_reboot]):
        effect = f"{_numbered(waiting)} {_have(waiting)} full effect from the next restart on."
        told.append(("restart", f"{effect} {_YOURS} {_HEALTH}{_near(plan)}"))
    if stays := _stays(plan):
        told.append(("stays", f"Undo does not bring back {'; nor '.join(stays)}."))
    return told + _left(plan)


def _near(plan: Plan) -> str:
    """A mistake in these files could keep the board from starting: which steps, and how to leave them out."""
    found = [
        (number, step)
        for number, step in enumerate(plan.steps, 1)
        if step.awaits_reboot and not step.first_start and any(map(_boots, step.operations))
    ]
    skips = dict.fromkeys(f"--skip {line(mend.rule)}" for _, step in found for mend in step.mends)
    return _NEAR.format(_numbered([number for number, _ in found]).lower(), " ".join(skips)) if found else ""


def _boots(operation: Operation) -> bool:
    return isinstance(operation, PutFile) and operation.path.endswith(("/cmdline.txt", "/config.txt"))


def _locks_root(plan: Plan) -> bool:
    operations = (each for step in plan.steps for each in step.operations if isinstance(each, AccountDo))
    return any(each.user == "root" and each.field is AccountField.LOCK for each in operations)


def _listed(plan: Plan) -> list[str]:
    """Whom SSH lets in by the list that the plan makes, without those of whom another line says that it does not."""
    out = {*map(line, plan.shut_out), *("root" for mend in plan.mends if mend.rule in _ROOT)}
    names = _named_alone(plan)
    return [name for name in names if name not in out] or names


def _named_alone(plan: Plan) -> list[str]:
    steps = (step for step in plan.steps if any(mend.rule == "ssh-no-user-restriction" for mend in step.mends))
    files = (each for step in steps for each in step.operations if isinstance(each, PutFile))
    words = (said.split() for file in files for said in file.content.decode(errors="replace").splitlines())
    return [line(name) for said in words if said[:1] == ["AllowUsers"] for name in said[1:]]


def _ports(plan: Plan) -> list[tuple[str, str]]:
    """What answers from outside, and what will not any more."""
    if not plan.steps:
        return []
    tcp, udp, kept = (", ".join(map(str, ports)) for ports in (plan.closes, plan.closes_udp, plan.keeps))
    answers = "answers" if len(plan.keeps) == 1 else "answer"
    told = [f"tcp {tcp} will not answer any more"] * bool(tcp) + [f"tcp {kept} {answers} on"] * bool(kept)
    rows = [("ports", "; ".join(told) + ".")] if told else []
    return rows + ([("udp", f"UDP ports {udp} close with their services.")] if udp else [])


def _ends(plan: Plan) -> list[tuple[str, str]]:
    """What whoever uses it will miss."""
    mended = {mend.rule for mend in plan.mends}
    ended = [what for rule, what in ENDS.items() if rule in mended]
    return [("ends", f"These will work no longer: {'; '.join(ended)}.")] if ended else []


def _daily(plan: Plan) -> list[tuple[str, str]]:
    """What is another thing from then on for whoever works there."""
    met = []
    for rule, what in DAILY.items():
        steps = [step for step in plan.steps if any(mend.rule == rule for mend in step.mends)]
        files = [each.content for step in steps for each in step.operations if isinstance(each, PutFile)]
        found = [said[1].decode() for text in files if rule in _VALUES and (said := _VALUES[rule].search(text))]
        # (our own file is the last of them)
        told = what.format(found[-1]) if found else _UNSAID.get(rule, what.format("some"))
        told = told.replace("again after 0 minutes", "each time")
        if rule == "sudo-timestamp-timeout" and any(mend.rule == "sudo-nopasswd" for mend in plan.grave):
            told += ", where it asks at all"
        met += [told] * bool(steps)
    operations = [each for step in plan.steps for each in step.operations]
    if any("limit" in argv for each in operations if isinstance(each, Tool) for argv in each.run):
        met.append("the sixth SSH connection within half a minute is refused, and those that follow for as long")
    aged = [each for each in operations if isinstance(each, AccountDo) and each.field is AccountField.MAX_DAYS]
    for days in dict.fromkeys(each.value for each in aged):
        dates = {line(user): date for user, date in plan.ageing}
        names = [line(each.user) for each in aged if each.value == days]
        dated = ", ".join(f"{name} ({dates[name]})" if name in dates else name for name in names)
        met.append(f"{days} days after its last change the password of {dated} must be changed, at logins by key too")
    return [("daily", f"From now on: {'; '.join(met)}.")] if met else []


def _name(plan: Plan) -> list[tuple[str, str]]:
    """That nobody finds it by its `.local` name any more."""
    stopped = {
        unit
        for step in plan.steps
        for each in step.operations
        if isinstance(each, UnitDo) and each.action == "stop"
        for unit in each.units
    }
    stopped |= {masked(each) for step in plan.steps for each in step.operations}
    if "avahi-daemon.service" not in stopped:
        return []
    name = f"{line(plan.host.hostname)}.local" if plan.host.hostname else "Its .local name"
    return [("name", f"{name} leads to it no longer: note its address.")]


def _left(plan: Plan) -> list[tuple[str, str]]:
    """How much of what is grave stays all the same."""
    after = plan.after.summary
    grave = [count(number, f"{risk} finding") for risk in _GRAVE if (number := after.get(str(risk), 0))]
    if not plan.steps or not grave:
        return []
    named = [line(each.title or each.rule) for each in plan.grave]
    more = f"; and {len(named) - _NAMED} more" if len(named) > _NAMED else ""
    which = f" ({'; '.join(named[:_NAMED])}{more})" if named else ""
    return [("left", f"{' and '.join(grave)} will be there still{which}: held back, left to you, or left out by you.")]


def _you(plan: Plan) -> list[tuple[str, str]]:
    """How whoever is connected gets in afterwards, where a key has just done it."""
    way = plan.way_in
    if way.kind != "ssh" or not way.key_proved or not any(step.purpose.way_in for step in plan.steps):
        return []
    asks = ", and sudo asks for its password" if Mend("sudo-nopasswd", way.user) in plan.mends else ""
    return [("you", f"{line(way.user)} logs in with the same key as now{asks}.")]


def _packages(plan: Plan) -> list[tuple[str, str]]:
    """What comes and goes before all else, and is not taken back with the rest."""
    now = [step for step in plan.steps if not step.first_start]
    work = [each for step in now for each in step.operations if isinstance(each, Packages)]
    come = {name for each in work for name in each.install}
    go = {name for each in work for name in each.remove}
    told = [f"{count(len(come), 'package')} {_are(come)} installed, with what is needed"] * bool(come)
    told += [f"{count(len(go), 'package')} {_are(go)} removed"] * bool(go)
    told += ["every update is installed"] if any(each.upgrade for each in work) else []
    if not told:
        return []
    gone = f"{', '.join(map(line, sorted(go)))}, until you undo it: that puts back what went."
    return [
        ("packages", f"Before all else {', '.join(told)}; that stays should the rest be taken back."),
        *([("removed", gone)] if go else []),
        *([("missing", _WITHOUT)] if come else []),
    ]


_WITHOUT = "A package that does not come is left out, with what needs it (the firewall, say), and the rest is done."


def _first_start(plan: Plan) -> list[tuple[str, str]]:
    """What is left to a job, which nobody watches."""
    waiting = [number for number, step in enumerate(plan.steps, 1) if step.first_start]
    if not waiting:
        return []
    packages = any(step.purpose.packages for step in plan.steps if step.first_start)
    told = f"{_numbered(waiting)} {_have(waiting)} to wait for its first start, when a job does it that is left on it"
    told += ", once it gets its packages from the network." if packages else "."
    if any(step.purpose is Purpose.FIREWALL for step in plan.steps if step.first_start):
        told += _FIRST_FIREWALL
    return [("first start", told)]


def _are(names: Collection[str]) -> str:
    return "is" if len(names) == 1 else "are"


def _stays(plan: Plan) -> list[str]:
    """What undo leaves, which is a part of its step at most."""
    kept = [(number, step) for number, step in enumerate(plan.steps, 1) if step.undoing is Undoing.KEEPS]
    updates = [number for number, step in kept if any(isinstance(each, Packages) for each in step.operations)]
    known = [line(name) for name in plan.known_passwords]
    told = [f"the older versions of what is updated ({_numbered(updates).lower()})"] if updates else []
    if known:
        confirming = "" if plan.way_in.kind == "offline" else _UNCONFIRMED
        told.append(f"the password of {', '.join(known)} that everybody knows{confirming}")
    others = [number for number, step in kept if number not in updates and not _of_accounts(step)]
    return told + ([f"what {_numbered(others).lower()} {'does' if len(others) == 1 else 'do'}"] if others else [])


def _of_accounts(step: Step) -> bool:
    return any(isinstance(each, AccountDo) and each.known_default for each in step.operations)


def _have(numbers: list[int]) -> str:
    return "has" if len(numbers) == 1 else "have"


def _passwords(plan: Plan) -> list[tuple[str, str]]:
    """Who gets a new one, and whether SSH still asks for any."""
    names = [
        line(operation.user)
        for step in plan.steps
        for operation in step.operations
        if isinstance(operation, AccountDo) and operation.field is AccountField.PASSWORD
    ]
    told = []
    if names:
        what = "for the console and su, and for sudo where it is allowed" if _keys_alone(plan) else "to log in with"
        gets = "gets" if len(names) == 1 else "get"
        told.append(f"{', '.join(names)} {gets} the new password that you give, {what}.")
    if _refuses_passwords(plan):
        told.append("SSH takes keys alone, and no password any more.")
    said = any(", and sudo asks" in text for _, text in _you(plan))
    if not said and any(mend.rule == "sudo-nopasswd" for mend in plan.mends):
        told.append("sudo asks for a password from now on.")
    return [("password", " ".join(told))] if told else []


def _refuses_passwords(plan: Plan) -> bool:
    return any(mend.rule == "ssh-password-login" for mend in plan.mends)


def _keys_alone(plan: Plan) -> bool:
    """Whether SSH takes keys alone once all is done, or does so already."""
    return plan.keys_alone or _refuses_passwords(plan)


def _numbered(numbers: list[int]) -> str:
    words = ", ".join(map(str, numbers))
    return f"Step {words}" if len(numbers) == 1 else f"Steps {words}"
