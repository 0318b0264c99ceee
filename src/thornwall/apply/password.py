"""Whether a password is an account's own, asked of the device: before sudo begins to ask for it."""

from __future__ import annotations

import shlex

from thornwall.apply.text import fill, nonce_of, template
from thornwall.errors import UsageError
from thornwall.model.secret import Secret


def password_script(user: str, password: Secret, *, nonce: str, root: str = "/") -> str:
    """The script that answers with one `Matches` event. Nothing is changed, nothing is logged, nobody is locked out.

    `root`: where the system is mounted that the account is of.

    The text of the script holds the password: it goes to the standard input of a shell, and nowhere else.
    """
    text = password.reveal()
    if not user or any(char in user + text for char in "\0\n\r"):
        raise UsageError("a password is one line of text")
    values = {
        "nonce": nonce_of(nonce),
        "shadow": shlex.quote(f"{root.rstrip('/')}/etc/shadow"),
        "user": shlex.quote(user),
        "password": shlex.quote(text),
    }
    return fill(template("password.sh"), values)
