"""How file systems are mounted."""

from __future__ import annotations

from collections.abc import Iterator

from thornwall.model.fact import Known
from thornwall.model.filesystem import Mount
from thornwall.model.finding import (
    Attacker,
    Consequence,
    Effort,
    Evidence,
    FaultClass,
    Fixable,
    Kind,
    Reach,
    References,
)
from thornwall.model.rule import Context, Preset, Verdict, fail, not_applicable, passed, rule, unknown
from thornwall.rules.walked import walked

_WANTED = {
    "/tmp": ("nodev", "nosuid", "noexec"),  # noqa: S108
    "/var/tmp": ("nodev", "nosuid", "noexec"),  # noqa: S108
    "/dev/shm": ("nodev", "nosuid", "noexec"),  # noqa: S108
    "/home": ("nodev", "nosuid"),
}


@rule(
    "mount-options-missing",
    "Programs and devices are allowed on a file system that needs none",
    subject="filesystem",
    kind=Kind.MISCONFIGURATION,
    fault_class=FaultClass.CONFIGURATION,
    likelihood=2,
    impact=2,
    attacker=Attacker.VIRUS,
    reach=Reach.LOCAL,
    consequence=Consequence.TAKEOVER,
    effort=Effort.TEN_MINUTES,
    fixable=Fixable.NEEDS_ANSWER,
    preset=Preset.STRICT,
    references=References(
        document=("Practical Steps to Secure IoT Devices",),
        cis_debian12=("1.1.2.1.2", "1.1.2.1.3", "1.1.2.1.4", "1.1.2.2.2", "1.1.2.2.3", "1.1.2.2.4"),
        ssg=("mount_option_tmp_nosuid", "mount_option_tmp_noexec", "mount_option_dev_shm_noexec"),
        etsi=("5.6-7",),
        cwe=(732,),
    ),
    commands=("sudoedit /etc/fstab", "sudo mount -o remount DIRECTORY"),
)
def mount_options_missing(ctx: Context) -> Iterator[Verdict]:
    """A folder that everybody may write to is mounted without nodev, nosuid or noexec.

    What:
        The mount options of the temporary folders and of /home, where they are file systems of their own: `nodev`,
        `nosuid` and, except for /home, `noexec`.

    Why:
        Everybody may write there, so that is where an intruder's first program is put. `noexec` keeps it from being
        started directly, `nosuid` from gaining rights, `nodev` from reaching hardware.

    Remedy:
        Add the options to the line of /etc/fstab, or make one. For a temporary folder that systemd mounts: `sudo
        systemctl edit tmp.mount` with `[Mount]` and `Options=mode=1777,strictatime,nosuid,nodev,noexec,size=50%`.
    Risk of the remedy:
        `noexec` breaks installers and package scripts that start programs there, among them some of apt's
        (`debconf` preconfiguration) and self-extracting archives.
    """
    seen = walked(ctx)
    host = ctx.host.host
    live = isinstance(host, Known) and host.value.live
    if live and not seen.mounts:
        yield unknown("/proc/mounts could not be read.")
        return
    judged = False
    for path, wanted in _WANTED.items():
        mount = seen.mount(path)
        if mount is None:
            continue
        judged = True
        missing = [option for option in wanted if option not in mount.options]
        if missing:
            yield fail(
                f"{path} is mounted without {', '.join(missing)}.",
                _evidence(mount),
                subject=path,
                commands=(f"sudo mount -o remount,{','.join(missing)} {path}",),
            )
        else:
            yield passed(f"{path} is mounted with {', '.join(wanted)}.", _evidence(mount), subject=path)
    if not live and not judged:
        yield unknown("/etc/fstab does not say how they are mounted.", mend="audit the running host")
    elif not judged:
        yield not_applicable("None of these folders is a file system of its own.")


def _evidence(mount: Mount) -> Evidence:
    text = f"{mount.device} {mount.path} {mount.type} {','.join(mount.options)}"
    return Evidence("/proc/mounts" if mount.line is None else "/etc/fstab", text, mount.line)


RULES = (mount_options_missing,)
