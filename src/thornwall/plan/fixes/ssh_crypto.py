"""Fixes of the rules about what sshd encrypts and signs with: the list that holds, without what is weak.

Where nobody wrote a list, or nothing of it would be left, OpenSSH's own list without the weak (`-a,b`): it names only
what that sshd has.
"""

from __future__ import annotations

from functools import partial

from thornwall.model.change import Purpose, Wish
from thornwall.model.finding import Finding
from thornwall.model.ssh import SshServer
from thornwall.plan import sshd
from thornwall.plan.fix import Fix, Situation, fix
from thornwall.plan.sshd import Wanted, settle

# an RSA key signs with SHA-2 as well: whoever has one is not shut out with SHA-1
_INSTEAD = {
    "ssh-rsa": ("rsa-sha2-512", "rsa-sha2-256"),
    "ssh-rsa-cert-v01@openssh.com": ("rsa-sha2-512-cert-v01@openssh.com", "rsa-sha2-256-cert-v01@openssh.com"),
}
_HYBRID = (
    ((9, 9), "mlkem768x25519-sha256"),
    ((8, 5), "sntrup761x25519-sha512@openssh.com"),
)
_SIGNS = {
    "ssh-rsa": ("rsa-sha2-512", "rsa-sha2-256"),
    "ssh-ed25519": ("ssh-ed25519",),
    **{f"ecdsa-sha2-nistp{bits}": (f"ecdsa-sha2-nistp{bits}",) for bits in (256, 384, 521)},
}
"""What a host key can prove itself with, of what is not weak."""


def _weak(situation: Situation, rule: str) -> tuple[str, ...]:
    value = situation.values.get(rule, {}).get("weak")
    return value if isinstance(value, tuple) else ()


def without(offered: str, weak: tuple[str, ...]) -> str:
    """The list without what is weak, as sshd_config has it."""
    taken = f"-{','.join(weak)}"
    if not offered or offered[0] in "+^-":
        return taken
    kept: dict[str, None] = {}
    for name in offered.split(","):
        kept |= dict.fromkeys(_INSTEAD.get(name, ()) if name in weak else (name,))
    # what stands for a weak one may be weak by the policy, too
    left = [name for name in kept if name not in weak]
    return ",".join(left) or taken


def _list(situation: Situation, keyword: str, rule: str) -> Wanted | None:
    found = sshd.server(situation)
    weak = _weak(situation, rule)
    setting = found.setting(keyword) if found else None
    if found is None or setting is None or not weak:
        return None
    value = without(setting.value, weak)
    if keyword == "HostKeyAlgorithms" and not _proves(found, value):
        return None
    if keyword == "KexAlgorithms":
        value = _with_hybrid(found, value)
    return Wanted(keyword, value, lambda offered: any(name in weak for name in offered.lstrip("+^").split(",")))


def _proves(found: SshServer, algorithms: str) -> bool:
    """Whether a host key is left that the server can prove itself with."""
    able = {name for key in found.host_keys for name in _SIGNS.get(key.kind, ())}
    if algorithms.startswith("-"):
        return bool(able - set(algorithms[1:].split(",")))
    return bool(able & set(algorithms.split(",")))


def _make(situation: Situation, finding: Finding, *, keywords: tuple[str, ...]) -> tuple[Wish, ...]:
    keyword = next((each for each in keywords if each.lower() == finding.subject.lower()), None)
    wanted = _list(situation, keyword, finding.rule) if keyword else None
    return settle(situation, wanted) if wanted else ()


def _with_hybrid(found: SshServer, value: str) -> str:
    """The methods that withstand quantum computers in front, as far as that sshd has them."""
    if value[0] in "+^-":
        return value  # OpenSSH's own list has them where it can
    names = value.split(",")
    if any(name.startswith(("sntrup761", "mlkem768")) for name in names):
        return value
    return ",".join([*(name for since, name in _HYBRID if found.version >= since), *names])


@fix(
    "ssh-no-post-quantum-key-exchange",
    step="ssh-settings",
    purpose=Purpose.SSH,
    title="Offer a key exchange that withstands quantum computers",
)
def post_quantum(situation: Situation, _: Finding) -> tuple[Wish, ...]:
    """Before what the list has; nothing where that sshd knows no such method."""
    found = sshd.server(situation)
    setting = found.setting("kexalgorithms") if found else None
    if found is None or setting is None or not setting.value or setting.value[0] in "+^-":
        return ()
    weak = _weak(situation, "ssh-weak-key-exchange")
    value = _with_hybrid(found, without(setting.value, weak))
    if not any(name in value.split(",") for _, name in _HYBRID):
        return ()
    return settle(situation, Wanted("KexAlgorithms", value, lambda offered: offered != value))


def _fix(rule: str, title: str, *keywords: str) -> Fix:
    return fix(rule, step="ssh-settings", purpose=Purpose.SSH, title=title)(partial(_make, keywords=keywords))


FIXES: tuple[Fix, ...] = (
    _fix("ssh-weak-ciphers", "Offer no weak cipher", "Ciphers"),
    _fix("ssh-weak-macs", "Offer no weak message authentication code", "MACs"),
    _fix("ssh-weak-key-exchange", "Offer no weak key exchange", "KexAlgorithms"),
    _fix("ssh-weak-signatures", "Accept no weak signature", "HostKeyAlgorithms", "PubkeyAcceptedAlgorithms"),
    post_quantum,
)
