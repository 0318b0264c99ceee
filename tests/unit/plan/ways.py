"""Hosts written by hand for the fixes of ways in: what is found on them, what a fix wants, and what comes of it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from thornwall.facts.registry import probes, snapshot
from thornwall.jobs.audit import assess
from thornwall.jobs.judging import Judging
from thornwall.model.capture import Capture, CommandResult, FileRecord, Manifest
from thornwall.model.change import Chmod, DropFile, PutFile, Wish, sha256
from thornwall.model.finding import Finding
from thornwall.model.originals import Originals
from thornwall.model.plan import Answers, WayIn
from thornwall.model.policy import Policy
from thornwall.model.probe import Read
from thornwall.model.rule import Preset
from thornwall.plan import files
from thornwall.plan.fix import Hold, Situation, Want
from thornwall.plan.registry import FIXES, INTERLOCKS
from thornwall.rules.registry import RULES

NOW = 1_795_392_000  # 2026-11-23, day 20780

PASSWD = """\
root:x:0:0:root:/root:/bin/bash
daemon:x:1:1:daemon:/usr/sbin:/usr/sbin/nologin
pi:x:1000:1000::/home/pi:/bin/bash
"""
SHADOW = """\
root:locked:20700:0:99999:7:::
daemon:locked:20700:0:99999:7:::
pi:yescrypt:20700:0:99999:7:::
"""
GROUP = """\
root:x:0:
daemon:x:1:
sudo:x:27:pi
pi:x:1000:
"""
SUDOERS = """\
Defaults	env_reset
Defaults	use_pty
root	ALL=(ALL:ALL) ALL
%sudo	ALL=(ALL:ALL) ALL
@includedir /etc/sudoers.d
"""
SSHD = """\
# This is the sshd server system-wide configuration file.

Include /etc/ssh/sshd_config.d/*.conf

#PermitRootLogin prohibit-password
KbdInteractiveAuthentication no
UsePAM yes
X11Forwarding yes
Subsystem\tsftp\t/usr/lib/openssh/sftp-server
"""
ED25519 = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIG2OuIiw1Snk1bCisqOusnFAfQ0E1zuaVEmunP1KL1PM lab-admin@workstation\n"
BASE = {
    "/etc/passwd": PASSWD,
    "/etc/shadow": SHADOW,
    "/etc/group": GROUP,
    "/etc/sudoers": SUDOERS,
    "/etc/ssh/sshd_config": SSHD,
    "/usr/sbin/sshd": "",
    "/home/pi/.ssh/authorized_keys": ED25519,
    "/etc/hostname": "raspberrypi\n",
}
META = {
    "/home/pi/.ssh/authorized_keys": (0o600, "pi"),
    "/etc/sudoers": (0o440, "root"),
    "/etc/shadow": (0o640, "root"),
}
IDS = {"root": 0, "pi": 1000, "webcam": 1001}
COMMANDS = {"login-programs": "./usr/bin/sudo\n", "known-passwords": "pi\tnone\t48\t48\t\n"}
OVER_SSH = WayIn("ssh", user="pi", name="raspberrypi", address="192.0.2.10", port=22, peer="192.0.2.20")
PROVED = replace(OVER_SSH, methods=("publickey",), key_proved=True, password_proved=True)


def walk(*entries: str) -> str:
    """An answer of the walk: `d 755 1000 1000 ./home/pi`, by root's rights."""
    names = "".join(f"{kind} {number} {name}\0" for name, number in IDS.items() for kind in "ug")
    lines = "".join(
        f"l {kind} {mode} {uid} {gid} 4096 {NOW} {path}\t\0"
        for kind, mode, uid, gid, path in (entry.split() for entry in entries)
    )
    return f"! gnu\0{names}{lines}\0! end\0"


@dataclass(frozen=True)
class Host:
    """A host, who came in and how, and what he said. `files`: None takes one of the base away."""

    files: dict[str, str | None] = field(default_factory=dict)
    commands: dict[str, str] = field(default_factory=dict)
    modes: dict[str, tuple[int, str]] = field(default_factory=dict)
    way_in: WayIn = PROVED
    answers: Answers = field(default_factory=Answers)
    preset: Preset = Preset.STRICT
    hidden: frozenset[str] = frozenset()  # files that hold a secret: their bytes are not proven

    @property
    def contents(self) -> dict[str, bytes]:
        return {path: text.encode() for path, text in (BASE | self.files).items() if text is not None}

    @property
    def capture(self) -> Capture:
        records = {}
        for path, text in self.contents.items():
            mode, user = (META | self.modes).get(path, (0o644, "root"))
            uid = IDS[user]
            records[path] = FileRecord(path, "read", text, mode, uid, uid, user, user, len(text))
        reads = tuple(probe.pattern for probe in probes() if isinstance(probe, Read))
        results = {
            name: CommandResult(name, text.encode(), b"", 0) for name, text in (COMMANDS | self.commands).items()
        }
        return Capture(Manifest("host", "ssh", 0, NOW, reads=reads), records, results)

    def findings(self) -> tuple[Finding, ...]:
        return assess(self.capture, Judging("2026-11-23", Policy(self.preset))).failed()

    def situation(self) -> Situation:
        policy = Policy(self.preset)
        return Situation(
            facts=snapshot(self.capture),
            capture=self.capture,
            originals=Originals(
                {path: "0" * 64 if path in self.hidden else sha256(text) for path, text in self.contents.items()},
                asked=("/etc/*", "/etc/*/*", "/etc/*/*/*"),
            ),
            way_in=self.way_in,
            answers=self.answers,
            preset=self.preset,
            values={rule.id: policy.values_of(rule) for rule in RULES},
            findings=self.findings(),
        )

    def wants(self, rule: str, subject: str = "") -> tuple[Want, ...]:
        """What the fix wants for the findings of the rule (of one subject)."""
        situation = self.situation()
        found = [each for each in situation.findings if each.rule == rule and subject in {"", each.subject}]
        assert found, f"{rule} finds nothing {subject}: {[each.rule for each in situation.findings]}"
        return tuple(dict.fromkeys(want for each in found for want in FIXES[rule].make(situation, each)))

    def holds(self, *wishes: Wish) -> tuple[Hold, ...]:
        """What the interlocks say of wishes."""
        situation = self.situation()
        return tuple(dict.fromkeys(hold for wish in wishes for lock in INTERLOCKS if (hold := lock(situation, wish))))

    def after(self, *wants: Want) -> Host:
        """The host with files and modes as the wishes have them."""
        situation = self.situation()
        by_path: dict[str, list[Wish]] = {}
        for want in wants:
            assert not isinstance(want, Hold)
            if path := files.path_of(want):  # type: ignore[arg-type]
                by_path.setdefault(path, []).append(want)  # type: ignore[arg-type]
        changed, modes = dict(self.files), dict(self.modes)
        for path, wishes in by_path.items():
            for operation in files.operations(situation, path, wishes):
                match operation:
                    case PutFile(content=content):
                        changed[path] = content.decode()
                        modes.setdefault(path, (operation.mode, operation.user))
                    case DropFile():
                        changed[path] = None
                    case Chmod(mode=mode, user=user):
                        was = (META | modes).get(path, (0o644, "root"))
                        modes[path] = (was[0] if mode is None else mode, user or was[1])
                    case _:
                        raise AssertionError(operation)
        return replace(self, files=changed, modes=modes)

    def mended(self, rule: str) -> Host:
        """The host after the rule's fix, which it then passes."""
        then = self.after(*self.wants(rule))
        left = [each for each in then.findings() if each.rule == rule]
        assert not left, left
        return then
