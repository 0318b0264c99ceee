"""Fixes of the rules about how servers are configured."""

from __future__ import annotations

import re
from collections.abc import Iterator

from thornwall.model.change import Activate, EditLine, OwnLine, Purpose
from thornwall.model.fact import Known
from thornwall.model.finding import Finding
from thornwall.plan.fix import Fix, Hold, Situation, Want, fix
from thornwall.plan.fixes.services import FIXES_BY_RULE
from thornwall.plan.lines import edit, exact_lines, off, seen_lines, services_of

PATHS: tuple[str, ...] = (
    "/etc/nginx/*",
    "/etc/nginx/*/*",
    "/etc/apache2/*",
    "/etc/apache2/*/*",
    "/etc/httpd/conf/httpd.conf",
    "/etc/httpd/conf.d/*",
    "/etc/lighttpd/*",
    "/etc/lighttpd/*/*",
    "/etc/vsftpd.conf",
    "/etc/vsftpd/vsftpd.conf",
    "/etc/samba/smb.conf",
    "/etc/motion.conf",
    "/etc/motion/*.conf",
    "/etc/motion/conf.d/*",
)
_NGINX = "/etc/nginx/conf.d/thornwall.conf"


def _with_the_service(situation: Situation, rule: str) -> tuple[Want, ...]:
    """What switches the server off as a whole, where this plan does so anyway."""
    finding = next((each for each in situation.findings if each.rule == rule), None)
    return tuple(FIXES_BY_RULE[rule](situation, finding)) if finding else ()


def _unit(situation: Situation, *names: str) -> str:
    units = (services_of(situation).unit(name) for name in names)
    return next((unit.name for unit in units if unit is not None), "")


@fix(
    "web-directory-listing",
    step="web-listing",
    purpose=Purpose.SERVERS,
    title="List no folders on the web",
)
def listing(situation: Situation, finding: Finding) -> Iterator[Want]:
    """The line that switches it on is changed, where its file is known to the byte."""
    software = finding.subject.partition(" ")[0]
    unit = _unit(situation, software, *(("httpd",) if software == "apache2" else ()))
    change = {"nginx": _nginx_listing, "apache2": _apache_listing, "lighttpd": _lighttpd_listing}.get(software)
    edits = [
        each
        for evidence in seen_lines(finding)
        for each in (edit(situation, evidence.source, evidence.line, change) if change else ())
    ]
    if edits and unit:
        yield from edits
        yield Activate(unit)


def _nginx_listing(line: str) -> str:
    return re.sub(r"\bautoindex(\s+)on\s*;", r"autoindex\1off;", line)


def _apache_listing(line: str) -> str:
    indent, name, options = re.fullmatch(r"(\s*)(\S+)\s*(.*?)\s*", line).groups()  # type: ignore[union-attr]
    kept = [word for word in options.split() if word.lower() not in {"indexes", "+indexes"}]
    if name.lower() != "options" or len(kept) == len(options.split()):
        return line
    # without a word the line would be wrong; with signs the rest is what the folder above has
    return f"{indent}{name} {' '.join(kept or ['-Indexes' if '+' in options else 'None'])}"


def _lighttpd_listing(line: str) -> str:
    return re.sub(r"(=\s*)\"enable\"", r'\1"disable"', line)


@fix(
    "web-server-tells-version",
    step="web-version",
    purpose=Purpose.SERVERS,
    title="Keep the version of the web server to itself",
)
def version(situation: Situation, finding: Finding) -> Iterator[Want]:
    """A drop-in where nobody said anything yet; nginx takes a setting once for each block."""
    servers = situation.facts.servers
    config = servers.value.config(finding.subject) if isinstance(servers, Known) else None
    unit = _unit(situation, finding.subject, *(("httpd",) if finding.subject == "apache2" else ()))
    if not isinstance(config, Known) or not unit:
        return
    if finding.subject == "nginx":
        setting = config.value.last("server_tokens")
        main = situation.capture.files.get("/etc/nginx/nginx.conf")
        if setting is not None:
            edits = tuple(edit(situation, setting.path, setting.line, _tokens_off))
            if edits:
                yield from edits
                yield Activate(unit)
        elif main is not None and re.search(r"include\s+/etc/nginx/conf\.d/\*\.conf\s*;", main.text):
            yield OwnLine(_NGINX, "server_tokens", "server_tokens off;")
            yield Activate(unit)
    elif finding.subject == "apache2":
        folder = "/etc/apache2/conf-enabled" if config.value.path.startswith("/etc/apache2/") else "/etc/httpd/conf.d"
        # the last one wins
        yield OwnLine(f"{folder}/zz-thornwall.conf", "ServerTokens", "ServerTokens Prod")
        yield Activate(unit)


def _tokens_off(line: str) -> str:
    return re.sub(r"\bserver_tokens(\s+)[^;]+;", r"server_tokens\1off;", line)


@fix(
    "snmp-default-community",
    step="service-snmp",
    purpose=Purpose.SERVICES,
    title="Switch the SNMP agent off",
)
def snmp(situation: Situation, _finding: Finding) -> Iterator[Want]:
    """Whether something watches the device by it, only the owner knows."""
    units = tuple(off(situation, ("snmpd",)))
    if units:
        yield Hold(
            "snmp-default-community",
            "No program can see whether something watches the device by SNMP.",
            "If nothing does, say so.",
            accept=True,
        )
        yield from units


@fix(
    "samba-guest-share",
    step="service-smb",
    purpose=Purpose.SERVICES,
    title="Ask for a password on every network drive",
)
def guest(situation: Situation, finding: Finding) -> Iterator[Want]:
    """With Samba itself, if that goes; else the share asks, once the owner says that its users have a password."""
    whole = _with_the_service(situation, "smb-listening")
    if whole:
        yield from whole
        return
    edits = [
        each
        for evidence in seen_lines(finding)
        for each in edit(situation, evidence.source, evidence.line, lambda line: re.sub(r"=.*", "= no", line))
    ]
    unit = _unit(situation, "smbd", "smb")
    if edits and unit:
        why = f"No program can see who opens the share {finding.subject} without a password: they are shut out."
        unlock = "Give those who use it a password first ('sudo smbpasswd -a NAME'), then say so."
        yield Hold("samba-guest-share", why, unlock, subject=finding.subject, accept=True)
        yield from edits
        yield Activate(unit)


@fix("nfs-export-open", step="service-nfs", purpose=Purpose.SERVICES, title="Switch the NFS server off")
def export(situation: Situation, _finding: Finding) -> Iterator[Want]:
    """Only with the server as a whole: who may mount is for its owner to say."""
    yield from _with_the_service(situation, "nfs-listening")


@fix(
    "ftp-anonymous",
    step="service-plaintext",
    purpose=Purpose.SERVICES,
    title="Let nobody into the FTP server without a password",
)
def anonymous(situation: Situation, finding: Finding) -> Iterator[Want]:
    """With the FTP server itself, if that goes; else by its own switch."""
    whole = _with_the_service(situation, "ftp-listening")
    if whole:
        yield from whole
        return
    evidence = finding.evidence[0] if finding.evidence else None
    unit = _unit(situation, "vsftpd")
    if evidence is None or not unit or not exact_lines(situation, evidence.source):
        return
    if evidence.line is None:
        yield EditLine(evidence.source, 0, "", "anonymous_enable=NO")
    else:
        yield from edit(situation, evidence.source, evidence.line, lambda _: "anonymous_enable=NO")
    yield Activate(unit, "restart")


@fix(
    "vnc-without-password",
    step="service-remote-desktop",
    purpose=Purpose.SERVICES,
    title="Switch the remote desktop off",
)
def vnc(situation: Situation, _finding: Finding) -> Iterator[Want]:
    """Only with the remote desktop as a whole: its logins need keys that its own tools make."""
    yield from _with_the_service(situation, "remote-desktop-listening")


@fix(
    "camera-stream-open",
    step="camera",
    purpose=Purpose.SERVERS,
    title="Show the camera on the device alone",
)
def camera(situation: Situation, finding: Finding) -> Iterator[Want]:
    """motion's own switch; whether somebody watches from elsewhere, only the owner knows."""
    if finding.subject != "motion":
        return
    paths = {evidence.source for evidence in seen_lines(finding)}
    edits = [
        EditLine(path, number, line, re.sub(r"(off|no|false|0)\s*$", "on", line, flags=re.IGNORECASE))
        for path in sorted(paths)
        for number, line in enumerate(exact_lines(situation, path), 1)
        if re.fullmatch(r"\s*(stream|webcontrol)_localhost[\s=]+(off|no|false|0)\s*", line, re.IGNORECASE)
    ]
    unit = _unit(situation, "motion")
    if edits and unit:
        why = "No program can see whether somebody watches the picture from another machine."
        unlock = "If it is watched on the device itself, or through an SSH tunnel, say so."
        yield Hold("camera-stream-open", why, unlock, subject="motion", accept=True)
        yield from edits
        yield Activate(unit, "restart")


FIXES: tuple[Fix, ...] = (listing, version, snmp, guest, export, anonymous, vnc, camera)
