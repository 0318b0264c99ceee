"""What a report is judged by. Apart from the judging itself, whose modules are imported while the host answers."""

from __future__ import annotations

from dataclasses import dataclass, field

from thornwall.model.policy import Attestation, Policy
from thornwall.model.profile import Profile


@dataclass(frozen=True, slots=True)
class Judging:
    """How to judge. `today`: ISO date that decides which waivers and attestations still hold.

    `profile_told`: somebody said what the device is for. `notes`: what a reader must know of all this, as sentences.
    """

    today: str
    policy: Policy = field(default_factory=Policy)
    profile: Profile = field(default_factory=Profile)
    profile_told: bool = False
    attestations: tuple[Attestation, ...] = ()
    notes: tuple[str, ...] = ()
