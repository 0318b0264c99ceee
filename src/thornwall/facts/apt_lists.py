"""What dpkg has installed and what apt's lists offer instead: two runs of awk on the device, and their parser."""

from __future__ import annotations

import calendar
import re
import time
from collections.abc import Iterator, Mapping

from thornwall.facts import apt_pins
from thornwall.facts.apt_pins import Pin, pinned, priority
from thornwall.facts.apt_sources import HIDE_TOKENS
from thornwall.facts.debversion import newer
from thornwall.model.capture import Capture
from thornwall.model.fact import Fact, Known, Unknown
from thornwall.model.probe import Run
from thornwall.model.updates import Candidate, Package, PackageLists, Suite

LISTS = "/var/lib/apt/lists"

# NAME VERSION ARCHITECTURE SOURCE WANT: what is installed, or half-way there. 127 where there is no dpkg.
_INSTALLED = r"""
[ -e ./var/lib/dpkg/status ] || exit 127
awk '
function out() {
    if (state != "" && state != "not-installed" && state != "config-files")
        print name "\t" version "\t" arch "\t" (source == "" ? name : source) "\t" want
    name = version = arch = source = want = state = ""
}
/^Package: / { out(); name = $2; next }
/^Version: / { version = $2; next }
/^Architecture: / { arch = $2; next }
/^Source: / { source = $2; next }
/^Status: / { want = $2; state = $4; next }
END { out() }
' ./var/lib/dpkg/status
"""

# T MTIME NAME, then for each Release file R FILE FIELD: VALUE, for each list L FILE, for each version of an installed
# package that is not the installed one C FILE NAME ARCHITECTURE VERSION, for each installed package of no list
# N NAME:ARCHITECTURE, for each list that cannot be read Z FILE. Lists are compressed on few hosts; apt has a program.
_OFFERED = (
    r"""
[ -d ./var/lib/apt/lists ] || exit 127
cd ./var/lib/apt || exit 1
stat -c 'T %Y %n' lists lists/partial periodic/update-success-stamp 2>/dev/null
awk=awk
command -v mawk >/dev/null 2>&1 && awk=mawk # four times faster on 50 MB
set --
packed=
unread=
for f in ./lists/*_InRelease ./lists/*_Release ./lists/*_Packages ./lists/*_Packages.*; do
    [ -f "$f" ] || continue
    case $f in
    *[!A-Za-z0-9_./@:+,%~=-]*) unread="$unread$f
" ;;
    *_InRelease | *_Release | *_Packages)
        if [ -r "$f" ]; then set -- "$@" "$f"; else unread="$unread$f
"; fi ;;
    *.diff* | *.ed | *.FAILED) ;;
    *)
        if [ -r "$f" ] && [ -x /usr/lib/apt/apt-helper ]; then packed="$packed $f"; else unread="$unread$f
"; fi ;;
    esac
done
export unread
for f in $packed; do
    printf '\001 %s\n' "$f"
    /usr/lib/apt/apt-helper cat-file "$f" 2>/dev/null || printf '\002 %s\n' "$f"
done | "$awk" '
function plain(name) {
    match(name, /[^\/_]*_/)
    a_t = substr(name, RSTART + RLENGTH)
    name = substr(name, 1, RSTART + RLENGTH - 1)
"""
    + HIDE_TOKENS
    + r"""
    return name a_o
}
function begin(name) {
    file = plain(name)
    print "L " file
    arch = file
    sub(/^.*_binary-/, "", arch)
    sub(/_Packages.*$/, "", arch)
    listing = 1
}
FNR == 1 {
    piped = (FILENAME == "-" || FILENAME == "")
    listing = want = 0
    file = piped ? "" : plain(FILENAME)
    installed = (file ~ /packages\.out$/)
    if (!piped && file ~ /_Packages$/) begin(FILENAME)
}
listing {
    if (want) {
        if (/^Version: /) {
            want = 0
            version = substr($0, 10)
            mine = ""
            if (index(have[name], " " arch "=")) mine = arch
            else if (index(have[name], " all=")) mine = "all"
            if (mine != "") {
                seen[name ":" mine] = 1
                if (!index(have[name], " " mine "=" version " ")) print "C " file " " name " " mine " " version
            }
        }
    } else if (/^Package: /) {
        name = substr($0, 10)
        want = (name in have)
    }
    if (!piped) next
}
piped {
    if (/^\001 /) begin(substr($0, 3))
    else if (/^\002 /) print "Z " plain(substr($0, 3))
    next
}
installed {
    split($0, f, "\t")
    have[f[1]] = have[f[1]] " " f[3] "=" f[2] " "
    next
}
/^(Origin|Label|Suite|Codename|Date|NotAutomatic|ButAutomaticUpgrades): / { print "R " file " " $0 }
END {
    n = split(ENVIRON["unread"], f, "\n")
    for (i = 1; i < n; i++) print "Z " plain(f[i])
    for (name in have) {
        n = split(have[name], f, " ")
        for (i = 1; i <= n; i++) {
            sub(/=.*$/, "", f[i])
            if (!((name ":" f[i]) in seen)) print "N " name ":" f[i]
        }
    }
}
' "$S/c/packages.out" "$@" -
"""
)

INSTALLED = Run("packages", _INSTALLED, shell=True, live=False, follows=("./var/lib/dpkg/status",))
OFFERED = Run(
    "package-lists",
    _OFFERED,
    seconds=20,
    shell=True,
    live=False,
    follows=("./var/lib/apt/lists", "./var/lib/apt/lists/partial", "./var/lib/apt/periodic", "./var/lib/apt/lists/*"),
)

_DATE = re.compile(r"(\d{1,2}) (\w{3}) (\d{4}) (\d\d):(\d\d):(\d\d)")
_MONTHS = {name: number for number, name in enumerate(calendar.month_abbr) if name}
_BACKPORT = "~bpo"  # what is installed from back-ports is upgraded from there


def packages(capture: Capture) -> Fact[Mapping[str, Package]]:
    """The installed packages by name; that of the machine's own architecture where there are several."""
    match capture.stdout(INSTALLED.name):
        case Known(text):
            found: dict[str, Package] = {}
            for line in text.splitlines():
                fields = line.split("\t")
                if len(fields) == 5:
                    name, version, architecture, source, want = fields
                    found.setdefault(name, Package(name, version, architecture, source, want == "hold"))
            return Known(found) if found else Unknown("dpkg's list of packages is empty")
        case other:
            return other


def lists(capture: Capture, installed: Mapping[str, Package]) -> Fact[PackageLists]:
    """What the lists offer instead of what is installed."""
    match capture.stdout(OFFERED.name):
        case Known(text):
            return Known(_lists(text, installed, apt_pins.parse(capture)))
        case other:
            return other


def _lists(text: str, installed: Mapping[str, Package], pins: tuple[Pin, ...]) -> PackageLists:
    releases: dict[str, dict[str, str]] = {}
    files: dict[str, Suite] = {}
    offers: list[list[str]] = []
    refreshed, unread, orphans = -1, [], []
    for line in text.splitlines():
        kind, _, rest = line.partition(" ")
        if kind == "C":
            offers.append(rest.split(" "))
        elif kind == "N":
            orphans.append(rest.partition(":")[0])
        elif kind == "R":
            file, _, pair = rest.partition(" ")
            name, _, value = pair.partition(": ")
            releases.setdefault(file, {}).setdefault(name, value.strip())
        elif kind == "L":
            files[rest] = pinned(_suite(rest, releases.get(_release_of(rest, releases), {})), pins)
        elif kind == "T":
            stamp = rest.partition(" ")[0]
            refreshed = max(refreshed, int(stamp) if stamp.isascii() and stamp.isdecimal() and len(stamp) < 12 else -1)
        elif kind == "Z":
            unread.append(_path(rest))
    candidates = tuple(_candidates(offers, files, installed))
    suites = tuple(pinned(_suite(file, fields), pins) for file, fields in releases.items())
    return PackageLists(
        suites=suites,
        refreshed=max([refreshed, *(suite.date for suite in suites)]) if suites else -1,
        candidates=candidates,
        pending=tuple(_pending(candidates, pins)),
        doubtful=tuple(_doubtful(candidates)),
        unread=tuple(unread),
        orphans=tuple(orphans) if files and not unread else (),
    )


def _path(file: str) -> str:
    return file.replace("./lists", LISTS, 1)


def _release_of(file: str, releases: Mapping[str, Mapping[str, str]]) -> str:
    """The Release file that a list belongs to, by what their names have in common."""
    name = file.rpartition("/")[2]
    return max((each for each in releases if name.startswith(_stem(each))), key=len, default=name)


def _stem(file: str) -> str:
    return file.rpartition("/")[2].removesuffix("InRelease").removesuffix("Release")


def _suite(file: str, fields: Mapping[str, str]) -> Suite:
    priority = 500
    if fields.get("NotAutomatic", "").lower() == "yes":
        priority = 100 if fields.get("ButAutomaticUpgrades", "").lower() == "yes" else 1
    return Suite(
        file=_path(file),
        origin=fields.get("Origin", ""),
        label=fields.get("Label", ""),
        suite=fields.get("Suite", ""),
        codename=fields.get("Codename", ""),
        site=file.rpartition("/")[2].partition("_")[0],
        date=_seconds(fields.get("Date", "")),
        priority=priority,
    )


def _seconds(text: str) -> int:
    found = _DATE.search(text)
    if found is None or found[2] not in _MONTHS:
        return -1
    day, month, year, hour, minute, second = found.groups()
    moment = (int(year), _MONTHS[month], int(day), int(hour), int(minute), int(second), 0, 0, 0)
    try:
        return calendar.timegm(time.struct_time(moment))
    except (ValueError, OverflowError):
        return -1


def _candidates(
    offers: list[list[str]], files: Mapping[str, Suite], installed: Mapping[str, Package]
) -> Iterator[Candidate]:
    for offer in offers:
        if len(offer) != 4:
            continue
        file, name, architecture, version = offer
        package, suite = installed.get(name), files.get(file)
        if package is not None and suite is not None and package.architecture == architecture:
            yield Candidate(package, version, suite)


def _pending(candidates: tuple[Candidate, ...], pins: tuple[Pin, ...]) -> Iterator[Candidate]:
    """One for each package that apt would upgrade; where a security suite has something newer, that one."""
    best: dict[str, Candidate] = {}
    for each in candidates:
        wanted = priority(each, pins)
        if wanted < 500 and not (wanted >= 100 and _BACKPORT in each.package.version):
            continue
        if not newer(each.version, each.package.version):
            continue
        other = best.get(each.package.name)
        if other is None or _rank(each, other):
            best[each.package.name] = each
    yield from best.values()


def _doubtful(candidates: tuple[Candidate, ...]) -> Iterator[Candidate]:
    for each in candidates:
        base, own, _ = each.package.version.partition("+rpt")
        if own and each.suite.security and newer(each.version, base) and not newer(each.version, each.package.version):
            yield each


def _rank(each: Candidate, other: Candidate) -> bool:
    if each.suite.security != other.suite.security:
        return each.suite.security
    return newer(each.version, other.version)
