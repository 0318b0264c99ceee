"""What the rules on logs have in common."""

from __future__ import annotations

from collections.abc import Mapping

from thornwall.model.fact import Known, Unknown
from thornwall.model.finding import (
    Evidence,
)
from thornwall.model.logs import JournalSetting, LogFile, Logs
from thornwall.model.rule import (
    Context,
    UnansweredError,
    unknown,
)
from thornwall.model.services import Services, Unit

LOGGING = ("Enable Logging", "Practical Steps to Secure IoT Devices")
AWARE = ("Cybersecurity State Awareness",)
BLIND = ("A09:2021",)
_SYSLOGS = ("rsyslog", "syslog-ng", "syslogd", "inetutils-syslogd", "busybox-syslogd")


def logs(ctx: Context) -> Logs:
    """The facts of the subject."""
    return ctx.known(ctx.host.logs, absent="nothing is logged here")


def shown(setting: JournalSetting) -> Evidence:
    """Where a setting of journald stands."""
    if setting.file:
        return Evidence(setting.file, f"{setting.name}={setting.value}", setting.line)
    return Evidence("/etc/systemd/journald.conf", f"{setting.name} is not set: the default is {setting.value}")


def services(ctx: Context) -> Services:
    """What starts at boot; ends the rule where no unit at all was seen."""
    found = ctx.known(ctx.host.services, absent="nothing starts services here")
    if not found.units:
        raise UnansweredError(unknown("no unit of systemd was seen: what starts at boot is not known"))
    return found


def syslog(ctx: Context) -> Unit | None:
    """The system log daemon that starts at boot, if any."""
    found = services(ctx).starting(*_SYSLOGS)
    return next((unit for unit in found if unit.name.endswith(".service")), None)


def files_of(found: Logs) -> Mapping[str, LogFile]:
    """The logs that are there; ends the rule where that was not told."""
    match found.files:
        case Known(value):
            return value
        case Unknown(reason, mend):
            raise UnansweredError(unknown(reason, mend=mend))
        case _:
            return {}
