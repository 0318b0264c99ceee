"""What apt and dpkg say of a host, against apt and dpkg themselves, and against whatever a host may answer."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.casefolder import CASES, load
from thornwall.facts import apt_conf, apt_lists, apt_sources, updates
from thornwall.model.capture import Capture, CommandResult, FileRecord, Manifest
from thornwall.model.fact import Known
from thornwall.model.probe import Read
from thornwall.model.updates import AptConfig

READS = tuple(probe.pattern for probe in updates.PROBES if isinstance(probe, Read))
REAL = CASES / "updates" / "updates-waiting-on-a-real-host"
PARTS = "/etc/apt/apt.conf.d"


def capture(files: dict[str, bytes], commands: dict[str, bytes] | None = None) -> Capture:
    records = {path: FileRecord(path, "read", content, 0o644, 0, 0) for path, content in files.items()}
    results = {name: CommandResult(name, out, b"", 0) for name, out in (commands or {}).items()}
    return Capture(Manifest("host", "ssh", 0, 1_763_800_000, reads=READS), records, results)


def config(files: dict[str, bytes]) -> AptConfig:
    match apt_conf.parse(capture(files)):
        case Known(value):
            return value
        case _:
            return AptConfig()


def test_the_updates_are_those_that_apt_lists() -> None:
    listed = re.findall(
        r"^([^/\n]+)/\S+ (\S+) \S+ \[upgradable from: ([^]]+)\]",
        (REAL / "apt-list-upgradable.txt").read_text(),
        re.MULTILINE,
    )
    match updates.parse(load(REAL)):
        case Known(value):
            ours = [(each.package.name, each.version, each.package.version) for each in value.pending(security=False)]
        case other:
            pytest.fail(f"{other}")
    assert sorted(ours) == sorted(listed)
    assert len(listed) > 30


@pytest.mark.parametrize(
    ("preferences", "count", "among"),  # what `apt list --upgradable` says of the real host with these preferences
    [
        ("Package: *\nPin: release l=Debian-Security\nPin-Priority: 90\n", 1, "tzdata"),
        (
            (
                "Explanation: mine\nPackage: curl\nPin: release o=Debian\nPin-Priority: -1\n\n"
                "Package: apt apt-*\nPin: version *\nPin-Priority: -10\n"
            ),
            31,
            "tzdata",
        ),
        (
            (
                "Package: *\nPin: release n=trixie-security, o=Debian\nPin-Priority: 50\n\n"
                "Package: curl\nPin: release n=trixie-security\nPin-Priority: 700\n"
            ),
            2,
            "curl",
        ),
        ('Package: *\nPin: origin "deb.debian.example"\nPin-Priority: 20\n', 0, ""),
        ("Package: *\nPin: release a=testing\nPin-Priority: -1\n", 34, "curl"),
    ],
)
def test_pins_count_as_they_do_for_apt(preferences: str, count: int, among: str) -> None:
    real = load(REAL)
    path = "/etc/apt/preferences"
    pinned = Capture(real.manifest, {**real.files, path: FileRecord(path, "read", preferences.encode())}, real.commands)
    match updates.parse(pinned):
        case Known(value):
            names = {each.package.name for each in value.pending(security=False)}
        case other:
            pytest.fail(f"{other}")
    assert len(names) == count
    assert not among or among in names


NAMES = st.sampled_from(["Test", "Test::One", "Test::List", "test::ONE", "Test::List::", "Other::Two"])
VALUES = st.sampled_from(["1", "a b", "origin=Debian,codename=${distro_codename}", "", "//no"])
STATEMENTS = st.one_of(
    st.builds('{0} "{1}";'.format, NAMES, VALUES),
    st.builds('{0} {{ "{1}"; "{2}"; }};'.format, st.sampled_from(["Test::List", "Other::List"]), VALUES, VALUES),
    st.builds('Test {{ One "{0}"; List {{ "{1}"; }}; }};'.format, VALUES, VALUES),
    st.builds("#clear {0};".format, st.sampled_from(["Test", "Test::List", "Other::Two"])),
    st.sampled_from(['// Test::One "no";', '# Test::One "no";', '/* Test::One "no"; */', ""]),
)
FILES = st.dictionaries(
    st.sampled_from(["10a", "20b.conf", "30c.bak", "40d~", "a.b.conf", "50e"]),
    st.lists(STATEMENTS, max_size=5).map("\n".join),
    max_size=4,
)


@pytest.mark.skipif(not shutil.which("apt-config"), reason="needs apt to compare with")
@settings(max_examples=60, deadline=None)
@given(FILES)
def test_configuration_means_what_it_means_to_apt(
    tmp_path_factory: pytest.TempPathFactory, files: dict[str, str]
) -> None:
    folder = tmp_path_factory.mktemp("apt")
    for name, text in files.items():
        (folder / name).write_text(text + "\n")
    command = ["apt-config", "dump", "--format", '%F "%v"%n']
    (folder.parent / "only").write_text(f'Dir::Etc::parts "{folder}";\nDir::Etc::main "/dev/null";\n')
    said = subprocess.run(
        command,
        check=False,
        capture_output=True,
        text=True,
        env={"PATH": os.defpath, "APT_CONFIG": str(folder.parent / "only"), "LC_ALL": "C"},
    )
    shutil.rmtree(folder)
    assert said.returncode == 0, said.stderr
    lines = re.findall(r'^((?:Test|Other)\S*) "(.*)"$', said.stdout, re.MULTILINE | re.IGNORECASE)
    singles = {name.lower(): value for name, value in lines if not name.endswith("::") and value}
    lists: dict[str, list[str]] = {}
    for name, value in lines:
        if name.endswith("::"):
            lists.setdefault(name[:-2].lower(), []).append(value)
    ours = config({f"{PARTS}/{name}": f"{text}\n".encode() for name, text in files.items()})
    assert {name: value.value for name, value in ours.single.items() if value.value} == singles
    assert {name: [each.value for each in values] for name, values in ours.lists.items()} == lists


@pytest.mark.parametrize("awk", [name for name in ("mawk", "gawk", "busybox") if shutil.which(name)])
def test_clear_passes_the_filter_and_proxies_keep_their_passwords(awk: str) -> None:
    program = f"function cleanse(s,  r_state, l, w, t) {{ {apt_conf.APT.awk} }}\n{{ print cleanse($0) }}"
    lines = ["#clear Unattended-Upgrade::Origins-Pattern;", 'Acquire::http::Proxy "http://me:hunter2@proxy:3128";']
    said = subprocess.run(
        [awk, *(["awk"] if awk == "busybox" else []), program],
        input="\n".join(lines),
        check=True,
        capture_output=True,
        text=True,
    )
    assert said.stdout.splitlines()[0] == lines[0]
    assert "hunter2" not in said.stdout
    assert len(said.stdout.splitlines()) == len(lines)


@given(st.dictionaries(st.sampled_from([f"{PARTS}/10a", "/etc/apt/apt.conf"]), st.text().map(str.encode)))
def test_no_configuration_raises(files: dict[str, bytes]) -> None:
    apt_conf.parse(capture(files))


@given(st.text(alphabet="Package: *\nPin-Prority:release ao=n,1").map(str.encode))
def test_no_preference_raises(preferences: bytes) -> None:
    updates.parse(capture({"/etc/apt/preferences": preferences}, {"packages": b"", "package-lists": b""}))


SOURCE_FILES = ["/etc/apt/sources.list", "/etc/apt/sources.list.d/a.list", "/etc/apt/sources.list.d/b.sources"]


@given(
    st.dictionaries(
        st.sampled_from(SOURCE_FILES), st.text(alphabet="deb [trusted=yes]\n:URIsTypSut/#\x00é ").map(str.encode)
    )
)
def test_no_source_raises(files: dict[str, bytes]) -> None:
    apt_sources.parse(capture(files))


@given(st.text(), st.text(alphabet="TRLCNZ ./_:~\n0129abc-InReleasePackages"))
def test_no_answer_raises(installed: str, offered: str) -> None:
    updates.parse(capture({}, {"packages": installed.encode(), "package-lists": offered.encode()}))


@pytest.mark.parametrize(
    "path", [*SOURCE_FILES, "/etc/dnf/automatic.conf", "/proc/version", "/etc/default/rpi-eeprom-update"]
)
def test_a_megabyte_is_read_in_time(path: str) -> None:
    for text in (b"deb [" * 200_000, b"[" * 1_000_000, b"Types: deb\n" + b" a\n" * 300_000, b"a: b\n" * 200_000):
        updates.parse(capture({path: text}))


LINE = """deb [arch=arm64 trusted=yes] http://a.example/debian/ trixie main # comment
# deb http://b.example x main
deb-src http://src.example/debian/ x main
"""
STANZA = """# first
Types: deb deb-src
URIs: http://a.example/debian/
 http://b.example/debian/
Suites: trixie trixie-updates
Components: main
Signed-By:
 -----BEGIN PGP PUBLIC KEY BLOCK-----
 .
 mQINBF
Trusted: yes

Types: deb
Enabled: no
URIs: http://off.example/debian/
Suites: trixie
Components: main

Types: deb-src
URIs: http://src.example/debian/
Suites: trixie
Components: main
"""


@pytest.mark.parametrize(("path", "text"), [(SOURCE_FILES[0], LINE), (SOURCE_FILES[2], STANZA)])
@pytest.mark.skipif(not shutil.which("apt-get"), reason="needs apt to compare with")
def test_sources_are_those_that_apt_knows(tmp_path: Path, path: str, text: str) -> None:
    here = tmp_path / Path(path).name
    here.write_text(text)
    parts = "/dev/null" if path.endswith("sources.list") else str(tmp_path)
    options = [
        f"Dir::Etc::sourcelist={here if parts == '/dev/null' else '/dev/null'}",
        f"Dir::Etc::sourceparts={parts}",
    ]
    options += ["APT::Architecture=arm64", "APT::Architectures::=arm64", f"Dir::State::lists={tmp_path}/lists"]
    (tmp_path / "lists" / "partial").mkdir(parents=True)
    command = ["apt-get", "update", "--print-uris", *(word for option in options for word in ("-o", option))]
    said = subprocess.run(command, check=False, capture_output=True, text=True, env={"PATH": os.defpath, "LC_ALL": "C"})
    assert said.returncode == 0, said.stderr
    theirs = set(re.findall(r"'(\S+)dists/(\S+)/InRelease'", said.stdout))
    found, gap = apt_sources.parse(capture({path: text.encode()}))
    assert gap is None
    assert {(source.uri, source.suite) for source in found} == {pair for pair in theirs if "src" not in pair[0]}
    assert all(source.yes("trusted") for source in found)


AWKS = [name for name in ("mawk", "gawk", "busybox") if shutil.which(name)]


@pytest.mark.parametrize("awk", AWKS)
def test_lists_are_read_alike_by_every_awk(tmp_path: Path, awk: str) -> None:
    root, scratch, programs = tmp_path / "root", tmp_path / "scratch" / "c", tmp_path / "bin"
    lists = root / "var/lib/apt/lists"
    (lists / "partial").mkdir(parents=True)
    (root / "var/lib/dpkg").mkdir(parents=True)
    scratch.mkdir(parents=True)
    programs.mkdir()
    for name in {"mawk", "awk"} if awk != "busybox" else {"awk"}:
        (programs / name).symlink_to(shutil.which(awk) or awk)
    (root / "var/lib/dpkg/status").write_text(STATUS)
    (lists / "a.example_debian_dists_trixie-security_InRelease").write_text(RELEASE)
    (lists / "a.example_debian_dists_trixie-security_main_binary-arm64_Packages").write_text(PACKAGES)
    (lists / PACKED).write_bytes(b"no xz")
    (lists / f"b.example_{TOKEN}_debian_dists_x_InRelease").write_text(RELEASE)
    (lists / f"b.example_{TOKEN}_debian_dists_x_main_binary-arm64_Packages").write_text(PACKAGES)
    (lists / f"b.example_{TOKEN}_debian_dists_y_main_binary-arm64_Packages.xz").write_bytes(b"no xz")
    (lists / "a=b.example_x_Packages").write_text("")
    environment = {"PATH": f"{programs}:{os.defpath}", "S": str(scratch.parent), "LC_ALL": "C"}
    if awk == "busybox":
        for name in ("sh", "stat"):
            (programs / name).symlink_to(shutil.which(awk) or awk)
        environment["PATH"] = str(programs)
    for probe in (apt_lists.INSTALLED, apt_lists.OFFERED):
        said = subprocess.run(
            [str(programs / "sh") if awk == "busybox" else "sh", "-c", probe.line],
            check=False,
            capture_output=True,
            cwd=root,
            env=environment,
        )
        assert said.stderr == b""
        assert TOKEN.encode() not in said.stdout
        (scratch / f"{probe.name}.out").write_bytes(said.stdout)
    results = {name: (scratch / f"{name}.out").read_bytes() for name in ("packages", "package-lists")}
    match updates.parse(capture({}, results)):
        case Known(value):
            assert isinstance(value.packages, Known)
            assert set(value.packages.value) == {"kept", "libx", "old", "docs", "mine"}
            assert value.packages.value["kept"].held
            assert [(each.package.name, each.version) for each in value.pending(security=True)] == [
                ("libx", "2:1.0-1+deb13u2"),
                ("docs", "1.1"),
            ]
            assert isinstance(value.lists, Known)
            assert value.lists.value.suites[0].label == "Debian-Security"
            hidden = "b.example_<redacted>_debian_dists_y_main_binary-arm64_Packages.xz"
            assert sorted(value.lists.value.unread) == [f"{apt_lists.LISTS}/{name}" for name in (PACKED, hidden)]
            assert value.lists.value.orphans == ()  # what is packed may have it
        case other:
            pytest.fail(f"{other}")


TOKEN = "0f3aB81c04d29e77"
PACKED = "a.example_debian_dists_trixie-security_main_binary-armhf_Packages.xz"
STATUS = """Package: kept
Status: hold ok installed
Architecture: arm64
Version: 1.0

Package: libx
Status: install ok installed
Architecture: arm64
Source: x (2.0)
Version: 2:1.0-1+deb13u1
Description: words
 Version: 9

Package: libx
Status: install ok installed
Architecture: armhf
Version: 2:1.0-1+deb13u1

Package: gone
Status: deinstall ok config-files
Architecture: arm64
Version: 1.0

Package: old
Status: install ok half-configured
Architecture: arm64
Version: 3.0

Package: docs
Status: install ok installed
Architecture: all
Version: 1.0

Package: mine
Status: install ok installed
Architecture: arm64
Version: 1
"""
RELEASE = """-----BEGIN PGP SIGNED MESSAGE-----
Hash: SHA256

Origin: Debian
Label: Debian-Security
Suite: stable-security
Codename: trixie-security
Date: Sat, 21 Nov 2025 00:53:03 UTC
SHA256:
 e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855 0 Label: none
"""
PACKAGES = """Package: kept
Version: 1.0
Architecture: arm64

Package: libx
Source: x
Version: 2:1.0-1+deb13u2
Architecture: arm64
Description: words
 Package: trap
 Version: 99

Package: gone
Version: 2.0
Architecture: arm64

Package: old
Version: 2.9
Architecture: arm64

Package: docs
Version: 1.1
Architecture: all
"""
