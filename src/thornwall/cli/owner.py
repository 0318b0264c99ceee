"""The owner of a host at the terminal: sees a plan, says yes or no, types new passwords unseen."""

from __future__ import annotations

import stat
import sys
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from getpass import getpass, getuser
from pathlib import Path

from thornwall.cli.console import Person, err, interactive, out, printable, yes
from thornwall.errors import UsageError
from thornwall.model.passwords import SHORTEST, everybody_knows
from thornwall.model.plan import Plan, Question, Step
from thornwall.model.secret import Secret

_WORDS = "Four or five random words do."


@dataclass(frozen=True, slots=True)
class Secrets:
    """What a file of secrets holds: new passwords by account, and the one that sudo takes now."""

    passwords: Mapping[str, Secret] = field(default_factory=dict)
    sudo: Secret | None = None


def read_secrets(path: Path | None) -> Secrets:
    """TOML: `sudo = "…"` and `[passwords]` with an account a line. `-` is standard input. Raises UsageError.

    A file that others may read is refused: it holds passwords.
    """
    if path is None:
        return Secrets()
    try:
        data = tomllib.loads(sys.stdin.read() if str(path) == "-" else _kept(path))
    except OSError as error:
        raise UsageError(f"{path} could not be read: {error.strerror}.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError):
        # the error's own text may hold a piece of a password
        raise UsageError(f"{path} is no TOML.", hint='sudo = "…", then [passwords] and account = "…".') from None
    passwords, sudo = data.pop("passwords", {}), data.pop("sudo", None)
    if data or not isinstance(passwords, dict) or not isinstance(sudo, str | None):
        raise UsageError(f"{path} holds something else than sudo and [passwords].")
    for account, password in [*passwords.items(), *([("sudo", sudo)] if sudo is not None else [])]:
        if not isinstance(password, str) or not password or any(char in password for char in "\0\n\r:"):
            raise UsageError(f"{path}: the password of {account!a} is not one line of text without a colon.")
    for account, password in passwords.items():
        if everybody_knows(account, password):
            raise UsageError(
                f"{path}: the new password of {account!a} is one that everybody knows.",
                hint=f"It would be tried first. {_WORDS}",
            )
        if len(password) < SHORTEST:
            raise UsageError(
                f"{path}: the new password of {account!a} has less than {SHORTEST} characters.",
                hint=f"It would be found by trying. {_WORDS}",
            )
    return Secrets({name: Secret(text) for name, text in passwords.items()}, Secret(sudo) if sudo else None)


def _kept(path: Path) -> str:
    if path.is_dir():
        raise UsageError(f"{path} is a folder, and no file of secrets.")
    if path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise UsageError(f"{path} may be read by others.", hint=f"It holds passwords: chmod 600 {path}")
    return path.read_text(encoding="utf-8")


def tell_idle_accepts(plan: Plan) -> None:
    """A line for each word of the owner's that comes to nothing: it is no error, and perhaps not what was meant."""
    from thornwall.report.plan.accepting import idle

    for told in idle(plan):
        err.print(printable(told), markup=False, soft_wrap=True)


class Keyholder(Person):
    """The person at the terminal, if there is one, who may have written sudo's password into a file of secrets.

    `newest_first`: the account's new password is tried before the one that it had when the file was written.
    """

    def __init__(self, secrets: Secrets, *, newest_first: bool = True) -> None:
        super().__init__()
        self._secrets = secrets
        self._newest_first = newest_first
        self._until = ""
        self._tried: list[Secret] = []

    def password(self, prompt: str) -> Secret | None:
        """A password for the way in; for sudo, one from the file of secrets."""
        again = prompt.startswith("sorry, try again: ")
        asked = prompt.removeprefix("sorry, try again: ")
        if asked.startswith("password of sudo on "):
            self._tried = self._tried if again else []
            for secret in self._of(asked.removeprefix("password of sudo on ")):
                if not any(secret.reveal() == tried.reveal() for tried in self._tried):
                    self._tried.append(secret)
                    return secret
        if not interactive():
            return None
        self._say_why()
        return super().password(prompt)

    def _say_why(self) -> None:
        if self._until:
            told = f"A change is made, and waits until {self._until} for a login that works: that is what this is for."
            with self._asked():
                err.print(printable(told), markup=False, soft_wrap=True)

    def _of(self, who: str) -> list[Secret]:
        """`who`: `pi@host`, or this machine."""
        user = who.partition("@")[0] if "@" in who else getuser()
        found = [self._secrets.sudo, self._secrets.passwords.get(user)]
        return [secret for secret in (reversed(found) if self._newest_first else found) if secret is not None]

    def host_key(self, host: str, algorithm: str, fingerprint: str) -> bool | None:
        """Yes or no to a host key never seen before; None where nobody is there."""
        return super().host_key(host, algorithm, fingerprint) if interactive() else None

    def keyboard_interactive(
        self, title: str, instructions: str, prompts: Sequence[tuple[str, bool]]
    ) -> list[Secret] | None:
        """An answer for each prompt; None where nobody is there."""
        if not interactive():
            return None
        if prompts:
            self._say_why()
        return super().keyboard_interactive(title, instructions, prompts)


class Owner(Keyholder):
    """Asked by `thornwall.jobs.harden`. `assume_yes`: nobody is asked, and what would need an answer is left out."""

    def __init__(
        self, secrets: Secrets, *, assume_yes: bool, one_by_one: bool, quiet: bool, verbose: bool, window: int
    ) -> None:
        super().__init__(secrets, newest_first=False)
        self._window = window
        self._steps = 0
        self._assume_yes = assume_yes
        self._one_by_one = one_by_one
        self._quiet = quiet
        self._verbose = verbose

    def show(self, plan: Plan) -> None:
        """The plan, before anything changes."""
        from thornwall.report.plan.terminal import render_terminal

        if not self._quiet:
            render_terminal(plan, out, verbose=self._verbose, window=self._window)
        tell_idle_accepts(plan)

    def agrees(self, plan: Plan) -> bool:
        """Yes to the whole."""
        if self._assume_yes:
            return True
        from thornwall.report.text import count

        self._steps = len(plan.steps)
        target, changes = printable(plan.target), count(self._steps, "change")
        with self._asked():
            # (again: the plan may be long, and its beginning out of sight)
            self._beware(plan)
            in_full = None if self._verbose else partial(self._in_full, plan)
            if in_full:
                err.print("To see every line first, answer v.", style="dim")
            question = f"Make {changes} to {target}?"
            if self._one_by_one:
                question = f"Go through {changes} to {target} one by one? Nothing is made before a last yes to all."
            return yes(question, in_full)

    def _in_full(self, plan: Plan) -> None:
        from thornwall.report.plan.terminal import render_terminal

        render_terminal(plan, out, verbose=True, window=self._window)
        self._beware(plan)

    def wants(self, step: Step, number: int) -> bool:
        """Yes to one step, where the owner wants to be asked for each. `number`: as the plan shows it."""
        if not self._one_by_one:
            return True
        from thornwall.report.plan.terminal import render_step

        with self._asked():
            # (again: in a long plan it is out of sight)
            render_step(step, number, err, verbose=self._verbose)
            why = ", ".join(sorted({mend.rule for mend in step.mends}))
            question = f"Step {number} of {self._steps}: {printable(step.title)} ({why})?"
            return yes(question, None if self._verbose else partial(render_step, step, number, err, verbose=True))

    def agrees_to_rest(self, plan: Plan, of: Plan) -> bool:
        """The last word, where each step was asked for: once it is seen what is left."""
        if not self._one_by_one:
            return True
        from thornwall.report.plan.terminal import render_step
        from thornwall.report.text import count

        shown = {step.id: step.operations for step in of.steps}
        score = f"score {plan.before.score} now, {plan.after.score} then"
        with self._asked():
            err.print(f"Of {count(len(of.steps), 'step')} you keep {len(plan.steps)} ({score}):", markup=False)
            for number, step in enumerate(plan.steps, 1):
                err.print(printable(f"  {number}  {step.title}"), markup=False, soft_wrap=True)
            for number, step in enumerate(plan.steps, 1):
                if shown.get(step.id) != step.operations:
                    err.print("\nNot as it was shown before, for want of what you left out:", markup=False)
                    render_step(step, number, err, verbose=self._verbose)
            self._beware(plan)
            return yes(f"Make {count(len(plan.steps), 'change')} to {printable(plan.target)}?")

    def _beware(self, plan: Plan) -> None:
        from thornwall.report.plan.beware import beware

        for label, told in beware(plan):
            err.print(printable(f"{label}: {told}"), markup=False)

    def tell(self, text: str) -> None:
        """Something that he must know now."""
        with self._asked():
            err.print(printable(text), markup=False, soft_wrap=True)

    def waits_until(self, when: str) -> None:
        """A change waits until then: whoever is asked for a password or a code is told."""
        self._until = when

    def before_questions(self, questions: Sequence[Question]) -> None:
        """Say, before the first of them, for whom a new password is needed; why, each question says itself."""
        accounts = dict.fromkeys(each.account for each in questions if each.account not in self._secrets.passwords)
        names = [printable(name) for name in accounts if name]
        if self._assume_yes or not names:
            return
        with self._asked():
            err.print(
                f"Before the plan: a new password is needed for {', '.join(names)}. "
                "Nothing is changed before you have seen the plan and said yes to it.",
                markup=False,
                soft_wrap=True,
            )

    def new_password(self, account: str, why: str) -> Secret | None:
        """A new password for an account, typed twice; None: leave it as it is."""
        if account in self._secrets.passwords:
            return self._secrets.passwords[account]
        if self._assume_yes:
            return None
        with self._asked():
            err.print(printable(why), markup=False)
            for tries in (2, 1, 0):
                first = getpass(
                    f"New password for {printable(account)} (empty: leave it as it is): ", stream=sys.stderr
                )
                if not first:
                    return None
                if everybody_knows(account, first):
                    err.print("That is one that everybody knows: it would be tried first.")
                elif len(first) < SHORTEST:
                    err.print(f"That has less than {SHORTEST} characters, and would be found by trying. {_WORDS}")
                elif first == getpass("Once more: ", stream=sys.stderr):
                    return Secret(first)
                else:
                    err.print("They differ.")
                if tries:
                    err.print(f"{'Two more tries' if tries == 2 else 'One more try'}.")
            err.print("To begin again, say no at the end, or Ctrl-C.", markup=False)
            err.print(f"The password of {printable(account)} is left as it is.", markup=False)
        return None

    def own_password(self, account: str, *, again: bool = False) -> Secret | None:
        """The password that the account has now: sudo will ask for it. `again`: the one before was wrong."""
        if self._secrets.sudo is not None:
            return None if again else self._secrets.sudo
        if self._assume_yes:
            return None
        who = printable(account)
        asks = f"The plan can have sudo ask for a password. For that: the password that {who} has now "
        prompt = f"{asks}(empty: leave sudo as it is): "
        if again:
            prompt = f"That is not the password that {who} has now. Once more (empty: stop, nothing is changed): "
        with self._asked():
            typed = getpass(prompt, stream=sys.stderr)
        return Secret(typed) if typed else None
