"""What thornwall keeps for the person, under the XDG folders: profiles (configuration) and attestations (state)."""

from __future__ import annotations

import os
import re
from dataclasses import replace
from pathlib import Path

from thornwall.errors import UsageError
from thornwall.jobs.judging import Judging
from thornwall.jobs.named import host_of
from thornwall.model.capture import Manifest
from thornwall.model.policy import Attestation, Policy
from thornwall.model.profile import Profile
from thornwall.model.typed import HERE
from thornwall.rules.settings import (
    attestation_text,
    parse_attestations,
    parse_policy,
    parse_preset,
    parse_profile,
)
from thornwall.transport.target import DirectoryTarget, LocalTarget, SshTarget, parse_target


def key(target: str) -> str:
    """What a target is kept under: who logs in makes no difference, nor how a path is written."""
    match parse_target(target):
        case SshTarget() as host:
            return key_of(host)
        case LocalTarget():
            return HERE
        case DirectoryTarget(path):
            return str(path.resolve())
        case other:
            return str(other.path.resolve())


def key_of(host: SshTarget) -> str:
    """What a host is kept under: its name, and its port where that is not SSH's own."""
    name = host.host.lower()
    return f"{name}:{host.port}" if host.port not in {0, 22} else name


def attestations_path() -> Path:
    """$XDG_STATE_HOME/thornwall/attestations.toml, by default below ~/.local/state."""
    return state_folder() / "attestations.toml"


def state_folder() -> Path:
    """$XDG_STATE_HOME/thornwall, by default below ~/.local/state."""
    return _folder("XDG_STATE_HOME", ".local/state")


def profile_path(target: str) -> Path:
    """$XDG_CONFIG_HOME/thornwall/profiles/TARGET.toml, by default below ~/.config."""
    return _profiles() / _profile_name(key(target))


def _profiles() -> Path:
    return _folder("XDG_CONFIG_HOME", ".config") / "profiles"


def _profile_name(key: str) -> str:
    name = re.sub(r"[^A-Za-z0-9_.:-]+", "-", key).strip("-.") or "root"
    return f"{name}.toml"


def _folder(variable: str, default: str) -> Path:
    named = os.environ.get(variable)
    base = Path(named) if named and Path(named).is_absolute() else Path.home() / default
    return base / "thornwall"


def policy(path: Path | None, preset: str | None) -> Policy:
    """The policy of a file (or none), with the preset of the command line before the file's own. Raises UsageError."""
    chosen = None if preset is None else parse_preset(preset)
    if path is not None:
        from thornwall.rules.registry import RULES  # noqa: PLC0415 - most runs judge by no file

        return parse_policy(read_text(path), str(path), RULES, chosen)
    return Policy() if chosen is None else Policy(preset=chosen)


def profile(path: Path | None, target: str) -> Profile:
    """The profile in a file, else the one kept for the target, else the default. Raises UsageError."""
    path = path or profile_path(target)
    kept = path.exists() or path != profile_path(target)
    return parse_profile(read_text(path), str(path)) if kept else Profile()


def attestations(path: Path, target: str) -> tuple[Attestation, ...]:
    """What was attested for the target; later answers to the same rule replace earlier ones."""
    return parse_attestations(read_text(path), str(path), target) if path.exists() else ()


def with_host(judging: Judging, manifest: Manifest) -> Judging:
    """How to judge a capture: also by what is kept for the host that it names. What was said of itself goes before.

    The name is that of whoever sent the capture: a file is looked for among those that are there, and no path is made.
    """
    host = host_of(manifest)
    if host is None:
        return judging
    name = key_of(host)
    answers = tuple(answer for answer in attestations(attestations_path(), name) if answer.until >= judging.today)
    kept = (path for path in _profiles().glob("*.toml") if path.name == _profile_name(name))
    path = None if judging.profile_told else next(kept, None)
    used = [what for what, there in (("profile", path), ("answers", answers)) if there]
    if not used:
        return judging
    return replace(
        judging,
        profile=judging.profile if path is None else parse_profile(read_text(path), str(path)),
        profile_told=judging.profile_told or path is not None,
        attestations=(*answers, *judging.attestations),
        notes=(*judging.notes, f"Judged by the {' and the '.join(used)} kept for {name}, which the capture names."),
    )


def attest(path: Path, target: str, attestation: Attestation) -> None:
    """Append one answer. Raises UsageError if the file cannot be written, or is broken."""
    attestations(path, target)
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with path.open("a", encoding="utf-8") as file:
            file.write(attestation_text(target, attestation))
    except OSError as error:
        raise UsageError(f"{path} could not be written: {error.strerror}.") from error


def read_text(path: Path) -> str:
    """A small text file of the person's. Raises UsageError."""
    try:
        if path.stat().st_size > 1 << 20:
            raise UsageError(f"{path} is larger than 1 MiB; that is no policy, profile or list of attestations.")
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise UsageError(f"{path} is not text in UTF-8.") from error
    except OSError as error:
        raise UsageError(f"{path} could not be read: {error.strerror}.") from error
