"""What a host says, on one line."""

from __future__ import annotations

import pytest

from thornwall.transport.text import of_sudo


@pytest.mark.parametrize(
    ("said", "told"),
    [
        # sudo 1.9.13 and 1.9.16, with `account requisite pam_deny.so`, for the right password
        (
            b"sudo: account validation failure, is your account locked?\nsudo: a password is required\n",
            "sudo: account validation failure, is your account locked?",
        ),
        (b"sudo: a password is required\n", "sudo: a password is required"),
        (
            b"Sorry, user pi is not allowed to execute '/bin/sh -c a=1; printf \\'x\\'' as root on raspberrypi.\n",
            "Sorry, user pi is not allowed to execute this as root on raspberrypi.",
        ),
        (b"pi is not in the sudoers file.\r\n", "pi is not in the sudoers file."),
        (b"one\ntwo\n\nthree\n", "two; three"),
        (b"\x1b[2J\xff\n", "?[2J\N{REPLACEMENT CHARACTER}"),
        (b"", ""),
    ],
)
def test_why_sudo_refuses_is_not_the_line_that_it_always_ends_with(said: bytes, told: str) -> None:
    assert of_sudo(said) == told
