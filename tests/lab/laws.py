"""The laws of a fix, tried on a booted host: what it mends stays mended by the owner's own tools, and undo is exact.

A case plants one fault and says how a tool of the host's owner shows it: sshd -T, sudo -l, systemctl, stat, a login
from outside, never a parser of ours. Cases that do not disturb each other share a host (`Trial`). Of each case:
before the fix the tool does not show it mended, after it does; the finding is there before and not after; a second
plan has nothing to do; and undo gives everything back, which the whole-system comparison and the tool's own words say.
"""

import asyncio
import os
import re
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from thornwall.apply.events import Event, TakingBack, Undone
from thornwall.jobs.agreement import Wanted
from thornwall.jobs.harden import harden
from thornwall.jobs.judging import Judging
from thornwall.jobs.link import Link, link_to
from thornwall.jobs.plan import Wishes, look
from thornwall.jobs.reach import Reaching
from thornwall.jobs.undo import Undoing, undo
from thornwall.model.finding import Finding, Report, Status
from thornwall.model.outcome import Outcome
from thornwall.model.plan import Answers, Plan, Question, Step
from thornwall.model.policy import Policy
from thornwall.model.rule import Preset
from thornwall.model.secret import Secret
from thornwall.plan.planner import Choice
from thornwall.transport.base import Nobody

from .compare import difference, snapshot
from .host import Host, start
from .thornwall import home

Seeing = Callable[[Host], str]

NEW_PASSWORD = "Tulip-9-kettle-rain"
COUNTED = re.compile("firewall counts logins")
SUDO_ASKS = re.compile("sudo asks from now on")
TODAY = "2026-01-01"  # decides about waivers alone, and there are none


@dataclass(frozen=True)
class Look:
    """How a tool of the owner's shows a rule mended: what it says, and a regular expression that then finds a match.

    `undone`: undo brings back what it said before, word for word.
    """

    see: Seeing
    mended: str
    undone: bool = True


@dataclass(frozen=True)
class Case:
    """A rule, the fault (sh, as root in the host; empty: it is there already), and how the mending is seen.

    `subject`: of the finding, where the rule has others on this host; `awaits`: the finding stays until the next start;
    `slow`: the audit may run out of time over it, and say 'unknown'; `releases`: where it can be planted.
    """

    rule: str
    plant: str
    looks: tuple[Look, ...]
    subject: str = ""
    awaits: bool = False
    slow: bool = False
    releases: frozenset[str] = frozenset({"trixie", "bookworm"})


@dataclass(frozen=True)
class Trial:
    """A host with the faults of several cases.

    `prepare` runs before their plants. `only`: rules or subjects that are mended, all where it is empty; `skip`: what
    is not; `accepts`: interlocks. `packages`: apt has what recipes/packages.sh lists. `sixth`: plan again and undo
    over IPv6, since ufw counts the connections of each address; `differs`: a pattern for what of the comparison may.
    `machine`: a virtual machine, with a kernel of its own, which takes patience, and starts anew before a look.
    """

    name: str
    cases: tuple[Case, ...]
    prepare: str = ""
    only: frozenset[str] = frozenset()
    skip: frozenset[str] = frozenset()
    accepts: frozenset[str] = frozenset()
    preset: Preset = Preset.STRICT
    packages: bool = False
    sixth: bool = False
    differs: str = "(?!)"
    machine: bool = False

    def on(self, release: str) -> tuple[Case, ...]:
        """The cases of that release."""
        return tuple(case for case in self.cases if release in case.releases)


@dataclass(frozen=True)
class Seen:
    """What came of a trial: `before`, `after`, `undone` are what each look of each case said; `second` the plan that
    followed the change, `differs` what the comparison names once it was taken back,
    `counted` whether ufw counts logins."""

    before: dict[Case, tuple[str, ...]]
    after: dict[Case, tuple[str, ...]]
    undone: dict[Case, tuple[str, ...]]
    first: Plan
    outcome: Outcome
    second: Plan
    report: Report
    differs: Sequence[str]
    back: Sequence[Event]
    counted: bool

    def failing(self, case: Case, report: Report) -> list[str]:
        """Details of the case's own findings in a report."""
        return [finding.detail for finding in report.findings if _of(case, finding)]


def _of(case: Case, finding: Finding, status: Status = Status.FAIL) -> bool:
    return finding.rule == case.rule and finding.status is status and case.subject in {"", finding.subject}


def inside(command: str) -> Seeing:
    """What a command says, run by root in the host; its errors too."""
    return lambda host: host.run(f"export LC_ALL=C PATH=/usr/sbin:/usr/bin:/sbin:/bin; {{ {command}\n}} 2>&1").stdout


def login(command: str, *methods: str, user: str = "", password: str = "") -> Seeing:
    """What a command says, run by an account that comes from outside with OpenSSH's client; and ssh's own words."""

    def see(host: Host) -> str:
        done = host.login(command, methods=methods or None, user=user or None, password=password or None)
        return done.stdout + done.stderr

    return see


def page(path: str) -> Seeing:
    """Status and Server header of a page, as a browser gets them."""

    def see(host: Host) -> str:
        try:
            with urllib.request.urlopen(f"http://{host.address}{path}", timeout=5) as answer:
                return f"{answer.status} {answer.headers['Server']}"
        except urllib.error.HTTPError as error:
            return f"{error.code} {error.headers['Server']}"

    return see


PRELUDE = r"""
set -e
cat >/usr/local/lib/stand-in <<'END'
#!/usr/bin/perl
# Listens under the name of a program that this system has no package of.
use Socket;
my ($name, @ports) = @ARGV;
$0 = $name;
for (@ports) {
    my ($proto, $port, $address) = split m{/};
    my $stream = $proto eq 'tcp';
    socket(my $socket, PF_INET, $stream ? SOCK_STREAM : SOCK_DGRAM, 0) or die;
    setsockopt($socket, SOL_SOCKET, SO_REUSEADDR, 1);
    bind($socket, sockaddr_in($port, inet_aton($address || '0.0.0.0'))) or die "$port: $!";
    listen($socket, 5) if $stream;
    push @kept, $socket;
}
sleep 3600 while 1;
END
chmod 755 /usr/local/lib/stand-in
starts=
stand_in() { # UNIT PROGRAM PROTO/PORT...
    unit=$1; shift
    printf '[Unit]\nDescription=%s\n[Service]\nExecStart=/usr/local/lib/stand-in %s\n' \
        "$unit" "$*" >/usr/lib/systemd/system/$unit.service
    printf '[Install]\nWantedBy=multi-user.target\n' >>/usr/lib/systemd/system/$unit.service
    mkdir -p /etc/systemd/system/multi-user.target.wants
    ln -sf /usr/lib/systemd/system/$unit.service /etc/systemd/system/multi-user.target.wants/$unit.service
    starts="$starts $unit.service"
}
obeys() { # UNIT LINE FOLDER ADDRESS: as the real program would, with that line in its files it binds that address alone
    sed -i "s|^ExecStart=\(.*\)|ExecStart=/bin/sh -c 'a=; grep -rqsx \"$2\" $3 \&\& a=$4; exec \1'|" \
        /usr/lib/systemd/system/$1.service
    sed -i "/^ExecStart/s:\([tu][cd]p/[0-9]*\):\1\$\$a:g" /usr/lib/systemd/system/$1.service
}
user() { # NAME PASSWORD [USERADD'S WORDS...]
    name=$1 secret=$2; shift 2
    useradd -m -s /bin/bash "$@" "$name"
    echo "$name:$secret" | chpasswd
}
"""
"""What plants begin with: `stand_in` makes a package's unit with a program that listens under the right name."""

FINISH = '\nsystemctl daemon-reload\n[ -z "$starts" ] || systemctl start $starts\n'


class Owner(Nobody):
    """Says yes, has one new password for everybody who needs one, and knows his own."""

    def __init__(self, host: Host) -> None:
        self.host = host
        self.shown: list[Plan] = []
        self.has = host.password
        self.will_have = host.password

    def show(self, plan: Plan) -> None:
        """Kept."""
        self.shown.append(plan)

    def agrees(self, plan: Plan) -> bool:
        """Yes."""
        return True

    def wants(self, step: Step, number: int) -> bool:
        """Every step."""
        return True

    def agrees_to_rest(self, plan: Plan, of: Plan) -> bool:
        """Yes."""
        return True

    def tell(self, text: str) -> None:
        """Nothing to do."""

    def waits_until(self, when: str) -> None:
        """He knows."""

    def before_questions(self, questions: Sequence[Question]) -> None:
        """He knows the questions."""

    def new_password(self, account: str, why: str) -> Secret | None:
        """One for all."""
        if account == self.host.user:
            self.will_have = NEW_PASSWORD
        return Secret(NEW_PASSWORD)

    def own_password(self, account: str, *, again: bool = False) -> Secret | None:
        """What he has."""
        return None if again else Secret(self.has)

    def password(self, prompt: str) -> Secret | None:
        """The same."""
        return Secret(self.has)


def try_laws(trial: Trial, release: str, folder: Path, said: Callable[[str], None] = lambda _: None) -> Seen:
    """Plant, harden, look, plan again, undo, look again. Raises what `harden` and `undo` raise."""
    with start(release, "planted", packages=trial.packages) as host:
        cases = trial.on(release)
        plant(host, trial, release)
        said("planted")
        owner = Owner(host)
        link = linked(host, folder, owner, host.address)
        before = _looks(cases, host)
        state = snapshot(host)
        said("hardening")
        outcome = asyncio.run(harden(link, judging(trial), owner, wanted(trial), said))
        assert outcome is not None, f"{trial.name}: nothing to do; {owner.shown[-1].held}"
        assert not outcome.failed, f"{trial.name}: {outcome.failed} {outcome.notes} {outcome.proofs}"
        after = _looks(cases, host)
        counted = re.search(r"(?m)^22\b.*LIMIT", host.run("ufw status 2>&1").stdout) is not None
        said("planning again")
        owner.has = owner.will_have
        link = linked(host, folder, owner, host.address6 if trial.sixth else host.address)
        again = asyncio.run(look(link, judging(trial), wishes(trial), said))
        said("undoing")
        back = asyncio.run(undo(Undoing(bring_back_known_passwords=True), link, said))
        # the unit that took it back ends a moment after it has said so
        host.run("for i in $(seq 50); do systemctl is-active -q 'thornwall-*' || break; sleep 0.1; done")
        differs = difference(state, snapshot(host))
        said("undone")
        undone, plan = _looks(cases, host), owner.shown[-1]
        return Seen(before, after, undone, plan, outcome, again.plan, again.report, differs, back.heard, counted)


def plant(host: Host, trial: Trial, release: str) -> None:
    """Put the faults of a trial onto the host."""
    cases = "".join(f"\n# {case.rule}\n{case.plant}\n" for case in trial.on(release))
    done = host.run(["sh", "-c", PRELUDE + trial.prepare + cases + FINISH], timeout=120)
    assert done.returncode == 0, f"{trial.name}: planting failed:\n{done.stdout[-2000:]}{done.stderr[-3000:]}"


def linked(host: Host, folder: Path, owner: Owner, address: str, *, patient: bool = False) -> Link:
    """How the host is reached by its owner, from a home of his own."""
    os.environ["HOME"] = home(host, folder)["HOME"]  # put back by whoever called
    if patient:
        (folder / ".ssh/config").write_text("ConnectTimeout 120\n")
    seconds, password_seconds = (1200, 30) if patient else (120, 1)
    reaching = Reaching(host.private_key, become="password", seconds=seconds, password_seconds=password_seconds)
    return link_to(f"ssh://{host.user}@[{address}]" if ":" in address else f"{host.user}@{address}", reaching, owner)


def judging(trial: Trial) -> Judging:
    """Judged by the preset of the trial."""
    return Judging(TODAY, Policy(trial.preset))


def _choice(trial: Trial) -> Choice:
    return Choice(only=trial.only, skip=trial.skip)


def wanted(trial: Trial) -> Wanted:
    """What the owner says of the change."""
    return Wanted(_choice(trial), trial.accepts, window=3600 if trial.machine else 90)


def wishes(trial: Trial) -> Wishes:
    """What the owner says before a plan is made."""
    return Wishes(Answers(accepts=trial.accepts), _choice(trial), password_proved=True)


def _looks(cases: Sequence[Case], host: Host) -> dict[Case, tuple[str, ...]]:
    return {case: tuple(each.see(host) for each in case.looks) for case in cases}


def broken(trial: Trial, seen: Seen, release: str) -> list[str]:
    """What of the laws does not hold, as sentences."""
    told = []
    assert seen.outcome.after is not None or seen.outcome.failed
    if not seen.outcome.stands:
        told.append(f"the change did not stand: {seen.outcome.failed} {seen.outcome.proofs}")
    for case in trial.on(release):
        told += _broken(case, seen)
    told += [f"{mend.rule} ({mend.subject}): the second plan mends it again" for mend in seen.second.mends]
    # outside of `net` the settings are those of this machine, read-only in a host: others may change them meanwhile
    left = [line for line in seen.differs if not re.match(rf"{trial.differs}|sysctl (?!net\.)", line)]
    told += [f"undo left: {line}" for line in left]
    told += [f"undo says: {event}" for event in seen.back if not isinstance(event, TakingBack | Undone)]
    expected = (COUNTED, SUDO_ASKS)
    told += [f"note: {note}" for note in seen.outcome.notes if not any(each.search(note) for each in expected)]
    if seen.counted is not any(COUNTED.search(note) for note in seen.outcome.notes):
        told.append(f"the firewall counts logins: {seen.counted}, and the owner was told: {not seen.counted}")
    return told


def _broken(case: Case, seen: Seen) -> list[str]:
    told = []
    if not seen.failing(case, seen.outcome.before):
        told.append("the fault is not found before")
    if (left := seen.failing(case, seen.report)) and not case.awaits:
        told.append(f"the fault is found after: {left}")
    if not (case.awaits or case.slow) and any(_of(case, each, Status.UNKNOWN) for each in seen.report.findings):
        told.append("whether it is mended is unknown")
    for number, each in enumerate(case.looks):
        if re.search(each.mended, seen.before[case][number], re.MULTILINE):
            told.append(f"the tool says mended before: {seen.before[case][number]!r}")
        if not re.search(each.mended, seen.after[case][number], re.MULTILINE):
            told.append(f"the tool does not say mended after: {seen.after[case][number]!r}")
        if each.undone and seen.undone[case][number] != seen.before[case][number]:
            told.append(f"undone it says {seen.undone[case][number]!r}, before {seen.before[case][number]!r}")
    held = [f"{hold.interlock}: {hold.why}" for hold in seen.first.held if hold.rule == case.rule]
    hand = ["left to a person"] * any(finding.rule == case.rule for finding in seen.first.by_hand)
    name = f"{case.rule} {case.subject}".strip()
    return [f"{name}: {text}{''.join(f' [{why}]' for why in (*held, *hand))}" for text in told]
