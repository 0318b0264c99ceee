"""What the person typed for one login, used for the next ones of the same action."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from thornwall.model.secret import Secret
from thornwall.transport.base import Asker, Nobody

_AGAIN = "sorry, try again: "
_OF_A_KEY = "passphrase of "  # each hop of one login may need it
_CODE = re.compile(r"(?i)one.?time|\botp\b|oath|code|token|&")


class Remembering:
    """Asks the person once for what several connections of one action need; each takes a `login` of its own.

    Passwords alone: a one-time code is good for one login. What did not lead to a login is forgotten. `codes`: a login
    wanted more than passwords, so that none can be made without the person.
    """

    def __init__(self, asker: Asker, typed: Mapping[str, Secret] | None = None) -> None:
        self.codes = False
        self._muted = False
        self._asker = asker
        self._typed = dict(typed or {})
        self._kept = dict(self._typed)

    def login(self) -> Asker:
        """For one login: others may be under way at the same time."""
        return _OneLogin(self)

    def known(self, prompt: str) -> Secret | None:
        """What led to a login before."""
        return self._kept.get(prompt)

    def refused(self, prompt: str) -> None:
        """What was known is not right, or no more: it is not given again. (A host that goes back may take it later.)"""
        if not self._muted:
            self._kept.pop(prompt, None)

    def password(self, prompt: str) -> Secret | None:
        """What the person types now."""
        secret = self._asker.password(prompt)
        if secret is not None:
            self._typed[prompt.removeprefix(_AGAIN)] = secret
        return secret

    def host_key(self, host: str, algorithm: str, fingerprint: str) -> bool | None:
        """As the person says."""
        return self._asker.host_key(host, algorithm, fingerprint)

    def keyboard_interactive(
        self, title: str, instructions: str, prompts: Sequence[tuple[str, bool]]
    ) -> list[Secret] | None:
        """As the person says; a lone password is remembered."""
        name = lone_password(title, prompts)
        self.codes = self.codes or (not name and bool(prompts))
        answers = self._asker.keyboard_interactive(title, instructions, prompts)
        if name and answers:
            self._typed[name] = answers[0]
        return answers

    def with_password(self, password: Secret, who: str) -> Remembering:
        """The same, once an account has another password, which replaces what was typed for it.

        `who`: the account as prompts name it (`pi@host`); what jump hosts want is theirs. Empty: of this machine.
        """
        typed = {
            prompt: password if _is_of(prompt, who) else secret  # (what is no password of that account stays)
            for prompt, secret in self._typed.items()
        }
        return self._copy(self._asker, typed)

    def muted(self) -> Remembering:
        """The same, but nobody is asked for what is not known."""
        silent = self._copy(Nobody(), self._typed)
        silent._muted = True  # noqa: SLF001 - one of its own
        return silent

    def succeeded(self) -> None:
        """The login worked: what was typed for it is good."""
        self._kept |= self._typed

    def _copy(self, asker: Asker, typed: Mapping[str, Secret]) -> Remembering:
        copy = Remembering(asker, typed)
        copy.codes = self.codes
        return copy


class _OneLogin:
    """What is known is given once: asked for again, it was refused, and the person is asked."""

    def __init__(self, shared: Remembering) -> None:
        self._shared = shared
        self._given: set[str] = set()

    def password(self, prompt: str) -> Secret | None:
        return self._known(prompt) or self._shared.password(prompt)

    def host_key(self, host: str, algorithm: str, fingerprint: str) -> bool | None:
        return self._shared.host_key(host, algorithm, fingerprint)

    def keyboard_interactive(
        self, title: str, instructions: str, prompts: Sequence[tuple[str, bool]]
    ) -> list[Secret] | None:
        known = self._known(lone_password(title, prompts))
        return [known] if known is not None else self._shared.keyboard_interactive(title, instructions, prompts)

    def _known(self, prompt: str) -> Secret | None:
        name = prompt.removeprefix(_AGAIN)
        if name.startswith(_OF_A_KEY):
            return self._shared.known(name)
        if name in self._given:
            self._shared.refused(name)
            return None
        self._given.add(name)
        return self._shared.known(name)


def _is_of(prompt: str, who: str) -> bool:
    """Whether it is asked for as a password of that account."""
    if not who:
        return not prompt.startswith(_OF_A_KEY)
    return prompt in {f"password of {who}", f"password of sudo on {who}"} or prompt.startswith((f"{who}:", f"{who} "))


def lone_password(title: str, prompts: Sequence[tuple[str, bool]]) -> str:
    """What a password is kept as, where it is all that is asked for, and no code of one time; else empty."""
    if len(prompts) != 1 or "password" not in prompts[0][0].lower() or _CODE.search(prompts[0][0]):
        return ""
    return f"{title} {prompts[0][0]}"
