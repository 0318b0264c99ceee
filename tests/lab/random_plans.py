"""Random changes of a planted host, made of real operations, each with what the owner's own tools say once it is made.

A change is drawn from pieces. No two pieces touch the same path, unit, setting or account field, so that any of them go
together, in any order, and one change on top of another.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random

from thornwall.model.change import (
    ABSENT,
    AccountDo,
    AccountField,
    Chmod,
    DropFile,
    Operation,
    Purpose,
    PutFile,
    PutLink,
    SysctlDo,
    Tool,
    UnitDo,
    sha256,
)
from thornwall.model.plan import Step
from thornwall.model.secret import Secret

PREPARE = r"""
set -e
mkdir /etc/odd /etc/odd/deep /etc/odd-tool
for name in list gone second third; do echo "$name" >/etc/odd/$name; done
echo reader >/etc/odd/reader.conf; echo three >/etc/odd/deep/three; echo off >/etc/odd-tool/state
ln -s list /etc/odd/link
ln /etc/odd/third /etc/odd/third-name; chmod 640 /etc/odd/list; chgrp adm /etc/odd/list
touch -d '2020-01-02 03:04:05.678901234' /etc/odd/list /etc/odd/deep /etc/sudoers.d /boot/firmware/config.txt /etc/odd
cat >/etc/systemd/system/lab-reader.service <<'END'
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/cp /etc/odd/reader.conf /run/lab-reader
[Install]
WantedBy=multi-user.target
END
cd /etc/systemd/system
printf '[Service]\nExecStart=/bin/sleep 1d\n[Install]\nWantedBy=multi-user.target\n' >lab-idle.service
cp lab-idle.service lab-off.service
printf '[Unit]\nBindsTo=lab-idle.service\nAfter=lab-idle.service\n[Service]\nExecStart=/bin/sleep 1d\n' \
  >/etc/systemd/system/lab-bound.service
mkdir /etc/systemd/system/lab-idle.service.wants
ln -s ../lab-bound.service /etc/systemd/system/lab-idle.service.wants/
systemctl daemon-reload
ln -s /etc/systemd/system/lab-idle.service multi-user.target.wants/
systemctl enable -q lab-reader.service
systemctl start lab-reader.service lab-idle.service
"""
"""Something peculiar in every place: done once to each host."""

PASSWORDS = {"webcam": Secret("correct horse battery 1")}

Check = tuple[str, str]  # a command of sh, and what it says once the change is made
Piece = Callable[[Random, Callable[[str], str]], tuple[Purpose, tuple[Operation, ...], tuple[Check, ...]]]
Made = tuple[Purpose, tuple[Operation, ...], tuple[Check, ...]]


@dataclass(frozen=True)
class Drawn:
    """A change. `checks`: a script of sh that prints what is not as the change was to make it."""

    steps: tuple[Step, ...]
    checks: str

    @property
    def words(self) -> str:
        """What it is made of, short."""
        return " ".join(step.id for step in self.steps)


def draw(rng: Random, sha: Callable[[str], str], *, changes: int = 1, most: int = 5) -> list[Drawn]:
    """One change, or several that can stand on each other. `sha`: sha256 of a path of the host."""
    names = list(PIECES)
    rng.shuffle(names)
    drawn = []
    for _ in range(changes):
        count = rng.randint(1, most)
        mine, names = names[:count], names[count:]
        made = [(name, PIECES[name](rng, sha)) for name in mine]
        # (ways in come last, as in every plan; the rest is as it comes)
        made.sort(key=lambda each: each[1][0].way_in)
        steps = tuple(Step(name, purpose, f"Piece {name}", operations) for name, (purpose, operations, _) in made)
        drawn.append(Drawn(steps, _script([check for _, (_, _, checks) in made for check in checks])))
    return drawn


def broken(rng: Random) -> Step:
    """A step that fails."""
    operation = rng.choice(
        (
            Tool("false", (("sh", "-c", "echo oh no >&2; exit 3"),), keeps=()),
            Tool("gone", (("sh", "-c", "kill -SEGV $$"),), keeps=()),
            SysctlDo("net.ipv4.tcp_rmem", "not a number"),
            SysctlDo("net.ipv4.no_such_setting", "1"),
            UnitDo("start", ("lab-nobody-has-this.service",)),
            AccountDo("nobody-has-this", AccountField.LOCK),
        )
    )
    return Step("broken", Purpose.SERVERS, "It fails", (operation,))


def slow(rng: Random) -> Step:
    """A step that takes its time."""
    seconds = f"{rng.uniform(0.2, 1.2):.2f}"
    return Step("slow", Purpose.SERVERS, "It takes its time", (Tool("sleep", (("sleep", seconds),), keeps=()),))


def _script(checks: Sequence[Check]) -> str:
    lines = (f"is {shlex.quote(command)} {shlex.quote(expected)}" for command, expected in checks)
    head = 'is() { said=$(eval "$1" 2>&1); [ "$said" = "$2" ] || echo "$1: $said, not $2"; }\n'
    return head + "\n".join(lines) + "\n"


def _content(rng: Random) -> bytes:
    words = ["# it's 100% \\ \xe2", "key = value", "", "\ttab", '$(id) `id` "quoted"', "x" * rng.randint(0, 3000)]
    return "\n".join(rng.choices(words, k=rng.randint(0, 12))).encode()


def _is_file(path: str, content: bytes, meta: str) -> tuple[Check, ...]:
    return (f"sha256sum <{path}", f"{sha256(content)}  -"), (f"stat -c '%F %a %U %G' {path}", meta)


def _kind(content: bytes) -> str:
    return "regular file" if content else "regular empty file"


def _new_file(rng: Random, _: Callable[[str], str]) -> Made:
    path, content = rng.choice(("/etc/lab-new.conf", "/etc/odd/deep/new", "/usr/local/bin/lab-new")), _content(rng)
    mode = rng.choice((0o644, 0o600, 0o755, 0o4755))
    put = PutFile(path, content, ABSENT, mode, group="adm")
    return Purpose.SERVERS, (put,), _is_file(path, content, f"{_kind(content)} {mode:o} root adm")


def _new_folder(rng: Random, _: Callable[[str], str]) -> Made:
    one, two = (_content(rng) for _ in range(2))
    puts = PutFile("/etc/lab-new.d/deep/one", one, ABSENT), PutFile("/etc/lab-new.d/two", two, ABSENT)
    checks = *_is_file(puts[0].path, one, f"{_kind(one)} 644 root root"), ("stat -c %a /etc/lab-new.d/deep", "755")
    return Purpose.LOGS, puts, checks


def _changed_file(rng: Random, sha: Callable[[str], str]) -> Made:
    content = _content(rng)
    put = PutFile("/etc/odd/list", content, sha("/etc/odd/list"), keep_meta=True)
    return Purpose.SERVERS, (put,), _is_file(put.path, content, f"{_kind(content)} 640 root adm")


def _linked_file(rng: Random, sha: Callable[[str], str]) -> Made:
    content = _content(rng)
    put = PutFile("/etc/odd/third", content, sha("/etc/odd/third"), 0o600)
    checks = (("cat /etc/odd/third-name", "third"),)
    return Purpose.SERVERS, (put,), (*_is_file(put.path, content, f"{_kind(content)} 600 root root"), *checks)


def _boot_file(rng: Random, sha: Callable[[str], str]) -> Made:
    path, content = "/boot/firmware/config.txt", _content(rng)
    put = PutFile(path, content, sha(path), keep_meta=True)
    return Purpose.BOOT, (put,), ((f"sha256sum <{path}", f"{sha256(content)}  -"),)


def _dropped_file(_: Random, sha: Callable[[str], str]) -> Made:
    return Purpose.SCHEDULE, (DropFile("/etc/odd/gone", sha("/etc/odd/gone")),), (("ls /etc/odd | grep -c gone", "0"),)


def _dropped_link(_: Random, __: Callable[[str], str]) -> Made:
    return Purpose.SCHEDULE, (DropFile("/etc/odd/link", "link:list"),), (("ls /etc/odd | grep -c link", "0"),)


def _new_link(rng: Random, sha: Callable[[str], str]) -> Made:
    path, expect = rng.choice((("/etc/lab-link", ABSENT), ("/etc/odd/second", sha("/etc/odd/second"))))
    return Purpose.SERVERS, (PutLink(path, "/dev/null", expect),), ((f"readlink {path}", "/dev/null"),)


def _modes(rng: Random, _: Callable[[str], str]) -> Made:
    mode = rng.choice((0o600, 0o640, 0o644))
    operations = Chmod("/etc/motion.conf", mode, expect_mode=0o666), Chmod("/etc/crontab", user="root", group="adm")
    return Purpose.PERMISSIONS, operations, (("stat -c '%a' /etc/motion.conf", f"{mode:o}"),)


def _home_modes(rng: Random, _: Callable[[str], str]) -> Made:
    mode = rng.choice((0o600, 0o640, 0o400))
    operations = Chmod("/home/pi/.ssh/authorized_keys", mode, owner="pi"), Chmod("/home/pi/.bashrc", mode)
    path = "/home/pi/.ssh/authorized_keys"
    return Purpose.PERMISSIONS, operations, ((f"stat -c '%a %U' {path} /home/pi/.bashrc", f"{mode:o} pi\n{mode:o} pi"),)


def _folder_mode(_: Random, __: Callable[[str], str]) -> Made:
    return Purpose.PERMISSIONS, (Chmod("/etc/odd/deep", 0o700),), (("stat -c '%a' /etc/odd/deep", "700"),)


def _shadow_mode(_: Random, __: Callable[[str], str]) -> Made:
    return Purpose.PERMISSIONS, (Chmod("/etc/shadow", 0o600),), (("stat -c '%a' /etc/shadow", "600"),)


def _masked(_: Random, __: Callable[[str], str]) -> Made:
    units = tuple(f"cups.{kind}" for kind in ("service", "socket", "path"))
    links = (PutLink(f"/etc/systemd/system/{unit}", "/dev/null") for unit in units)
    operations: tuple[Operation, ...] = (*links, UnitDo("stop", units))
    return Purpose.SERVICES, operations, (("systemctl is-active cups.service cups.socket", "inactive\ninactive"),)


def _stopped(_: Random, __: Callable[[str], str]) -> Made:
    """And with it what is bound to it."""
    link, unit = "/etc/systemd/system/multi-user.target.wants/lab-idle.service", "/etc/systemd/system/lab-idle.service"
    operations = (
        DropFile(link, f"link:{unit}"),
        UnitDo("stop", ("lab-idle.service",)),
    )
    return Purpose.SERVICES, operations, (("systemctl is-active lab-idle.service", "inactive"),)


def _enabled(_: Random, __: Callable[[str], str]) -> Made:
    operations = UnitDo("enable", ("lab-off.service",)), UnitDo("start", ("lab-off.service",))
    return Purpose.UPDATES, operations, (("systemctl is-enabled lab-off.service", "enabled"),)


def _reread(rng: Random, sha: Callable[[str], str]) -> Made:
    content = _content(rng)
    put = PutFile("/etc/odd/reader.conf", content, sha("/etc/odd/reader.conf"))
    operations = put, UnitDo("restart", ("lab-reader.service",))
    return Purpose.SERVERS, operations, (("sha256sum </run/lab-reader", f"{sha256(content)}  -"),)


def _unit_file(_: Random, __: Callable[[str], str]) -> Made:
    put = PutFile("/etc/systemd/system/cron.service.d/lab.conf", b"[Service]\nNice=5\n", ABSENT)
    checks = (("systemctl show -P Nice cron.service", "5"),)
    return Purpose.SCHEDULE, (put, UnitDo("restart", ("cron.service",))), checks


def _kernel(rng: Random, _: Callable[[str], str]) -> Made:
    chosen = rng.sample(sorted(_SETTINGS.items()), rng.randint(1, 3))
    operations = tuple(SysctlDo(key, rng.choice(values)) for key, values in chosen)
    lines = "".join(f"{each.key} = {each.value}\n" for each in operations).encode()
    put = PutFile("/etc/sysctl.d/90-lab.conf", lines, ABSENT)
    # (the kernel has tabs between numbers)
    checks = tuple((f"sysctl -n {each.key} | tr '\\t' ' '", each.value) for each in operations)
    return Purpose.KERNEL, (put, *operations), checks


# of the host's own network alone: all others are this machine's
_SETTINGS = {
    "net.ipv4.conf.all.send_redirects": ("0", "1"),
    "net.ipv4.conf.all.accept_redirects": ("0", "1"),
    "net.ipv4.conf.all.log_martians": ("0", "1"),
    "net.ipv4.conf.default.rp_filter": ("0", "1", "2"),
    "net.ipv4.tcp_syncookies": ("0", "1", "2"),
    "net.ipv4.tcp_rmem": ("4096 87380 4194304", "8192 65536 1048576"),
    "net.ipv6.conf.all.accept_redirects": ("0", "1"),
    "net.ipv6.conf.default.accept_ra": ("0", "1"),
}


def _password(rng: Random, _: Callable[[str], str]) -> Made:
    field, said = rng.choice(((AccountField.PASSWORD, "P"), (AccountField.LOCK, "L")))
    return Purpose.ACCOUNTS, (AccountDo("webcam", field),), (("passwd -S webcam | cut -d' ' -f2", said),)


def _ageing(rng: Random, _: Callable[[str], str]) -> Made:
    days = str(rng.randint(30, 400))
    operations = AccountDo("webcam", AccountField.MAX_DAYS, days), AccountDo("webcam", AccountField.INACTIVE_DAYS, "30")
    return Purpose.ACCOUNTS, operations, (("grep ^webcam: /etc/shadow | cut -d: -f5,7", f"{days}:30"),)


def _account(rng: Random, _: Callable[[str], str]) -> Made:
    do, check = rng.choice(
        (
            (AccountDo("webcam", AccountField.EXPIRE_NOW), ("grep ^webcam: /etc/shadow | cut -d: -f8", "0")),
            (
                AccountDo("webcam", AccountField.SHELL, "/usr/sbin/nologin"),
                ("getent passwd webcam | cut -d: -f7", "/usr/sbin/nologin"),
            ),
            (AccountDo("pi", AccountField.LEAVE_GROUP, "gpio"), ("id -Gn pi | grep -cw gpio", "0")),
        )
    )
    return Purpose.ACCOUNTS, (do,), (check,)


def _tool(_: Random, __: Callable[[str], str]) -> Made:
    on = "echo on >/etc/odd-tool/state; mkdir /etc/odd-tool/new; echo x >/etc/odd-tool/new/x"
    off = "echo off >/etc/odd-tool/state; rm -rf /etc/odd-tool/new"
    tool = Tool(
        "odd",
        (("sh", "-c", on),),
        keeps=("/etc/odd-tool", "/etc/never-was"),
        undo_before=(("sh", "-c", off),),
        undo_after=(("grep", "off", "/etc/odd-tool/state"),),
    )
    return Purpose.PAM, (tool,), (("cat /etc/odd-tool/state /etc/odd-tool/new/x", "on\nx"),)


def _pam(_: Random, __: Callable[[str], str]) -> Made:
    run = ("pam-auth-update", "--package", "--enable", "mkhomedir")
    tool = Tool("pam-auth-update", (run,), keeps=("/etc/pam.d", "/var/lib/pam"))
    return Purpose.PAM, (tool,), (("grep -c pam_mkhomedir /etc/pam.d/common-session", "1"),)


def _sudo(_: Random, sha: Callable[[str], str]) -> Made:
    path = "/etc/sudoers.d/010_pi-nopasswd"
    return Purpose.SUDO, (DropFile(path, sha(path)),), (("sudo -l -U pi | grep -c NOPASSWD", "0"),)


def _sshd(rng: Random, _: Callable[[str], str]) -> Made:
    put = PutFile("/etc/ssh/sshd_config.d/00-lab.conf", b"PermitRootLogin no\nMaxAuthTries 3\n", ABSENT)
    operations = put, UnitDo(rng.choice(("reload", "restart")), ("ssh.service",))
    return Purpose.SSH, operations, (("sshd -T | grep permitrootlogin", "permitrootlogin no"),)


PIECES: dict[str, Piece] = {
    "new-file": _new_file,
    "new-folder": _new_folder,
    "changed-file": _changed_file,
    "linked-file": _linked_file,
    "boot-file": _boot_file,
    "dropped-file": _dropped_file,
    "dropped-link": _dropped_link,
    "new-link": _new_link,
    "modes": _modes,
    "home-modes": _home_modes,
    "folder-mode": _folder_mode,
    "shadow-mode": _shadow_mode,
    "masked": _masked,
    "stopped": _stopped,
    "enabled": _enabled,
    "reread": _reread,
    "unit-file": _unit_file,
    "kernel": _kernel,
    "password": _password,
    "ageing": _ageing,
    "account": _account,
    "tool": _tool,
    "pam": _pam,
    "sudo": _sudo,
    "sshd": _sshd,
}
