"""The script under real shells, on roots made for the purpose: what it sends is what the root holds, and no more."""

from __future__ import annotations

import os
import shutil
import signal as signals
import subprocess
import time
from pathlib import Path

import pytest

from thornwall.collect.compile import compile_script
from thornwall.collect.stream import Progress, parse_stream
from thornwall.errors import HostAnswerError
from thornwall.facts import registry
from thornwall.facts.redact import PLAIN, TEXT
from thornwall.model.capture import Capture, Source
from thornwall.model.fact import ABSENT, Known, Unknown
from thornwall.model.probe import Probe, Read, Redaction, Run

NONCE = f"n0nce{os.getpid()}"  # tests that run beside each other share the folder on tmpfs
SHELLS = {"dash": ["dash"], "bash": ["bash", "--posix"], "busybox": ["busybox", "ash"]}

pytestmark = pytest.mark.skipif(not Path("/proc/mounts").exists(), reason="needs Linux")


@pytest.fixture(params=SHELLS)
def shell(request: pytest.FixtureRequest) -> list[str]:
    words = SHELLS[request.param]
    if shutil.which(words[0]) is None:
        pytest.skip(f"{words[0]} is not installed")
    return words


def send(shell: list[str], probes: tuple[Probe, ...], root: Path, *, live: bool = False) -> bytes:
    script = compile_script(probes, nonce=NONCE, root=str(root), live=live)
    done = subprocess.run(shell, input=script.encode(), capture_output=True, timeout=60, check=False)
    assert done.stderr == b""
    return done.stdout


def read(shell: list[str], probes: tuple[Probe, ...], root: Path, *, live: bool = False) -> Capture:
    source: Source = "local" if live else "directory"
    return parse_stream(send(shell, probes, root, live=live), nonce=NONCE, probes=probes, target="t", source=source)


def scratch_folders() -> set[str]:
    places = ("/run", "/dev/shm", "/tmp", f"/run/user/{os.getuid()}")
    return {str(path) for place in places for path in Path(place).glob(f"thornwall.{NONCE}")}


def test_files_arrive_as_they_are(shell: list[str], tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/motd").write_bytes(b"caf\xc3\xa9 \xff bytes\nno newline at the end")
    (tmp_path / "etc/motd").chmod(0o640)
    (tmp_path / "etc/empty").touch()
    os.utime(tmp_path / "etc/motd", (1_700_000_000, 1_700_000_000))
    before = scratch_folders()
    capture = read(shell, (Read("/etc/*", PLAIN), Read("/etc/none/there", PLAIN)), tmp_path)
    record = capture.files["/etc/motd"]
    assert record.content == b"caf\xc3\xa9 \xff bytes\nno newline at the end\n"
    assert (record.mode, record.uid, record.mtime) == (0o640, os.getuid(), 1_700_000_000)
    assert capture.read("/etc/empty") == Known("")
    assert capture.read("/etc/none/there") == ABSENT
    assert isinstance(capture.read("/etc/never/asked"), Unknown)
    assert scratch_folders() == before


def test_a_mounted_root_never_leads_to_this_machine(shell: list[str], tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret").write_text("of this machine")
    root = tmp_path / "root"
    (root / "etc").mkdir(parents=True)
    (root / "etc/file").symlink_to(outside / "secret")
    (root / "etc/folder").symlink_to(outside)
    (root / "etc/up").symlink_to("../../outside")
    (root / "etc/real").write_text("in the root")
    (root / "etc/link").symlink_to("/etc/real")
    probes = (Read("/etc/*", PLAIN), Read("/etc/folder/*", PLAIN), Read("/etc/up/*", PLAIN))
    stream = send(shell, probes, root)
    assert b"of this machine" not in stream
    capture = parse_stream(stream, nonce=NONCE, probes=probes, target="t", source="directory")
    assert capture.read("/etc/link") == Known("in the root\n")
    assert isinstance(capture.read("/etc/folder/secret"), Unknown)
    # a link is followed within the capture: what it names was not asked for, so it is not absent
    assert isinstance(capture.read("/etc/file"), Unknown)


def test_large_odd_and_special_files_are_named_not_read(shell: list[str], tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/large.conf").write_bytes(b"x" * 5000)
    (tmp_path / "etc/line\nbreak.conf").write_text("y")
    (tmp_path / "etc/*.conf").write_text("y")
    (tmp_path / "etc/two  words.conf").write_text("blanks\n")
    os.mkfifo(tmp_path / "etc/pipe.conf")
    capture = read(shell, (Read("/etc/*.conf", PLAIN, limit=4999),), tmp_path)
    assert {path: record.state for path, record in capture.files.items()} == {
        "/etc/large.conf": "too-large",
        "/etc/pipe.conf": "not-regular",
        "/etc/two  words.conf": "read",
    }
    assert capture.read("/etc/two  words.conf") == Known("blanks\n")
    assert any("strange characters" in limit for limit in capture.manifest.limits)
    assert isinstance(capture.read("/etc/large.conf"), Unknown)


def test_no_secret_leaves(shell: list[str], tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    lines = [
        "server = https://user:hunter2@host/",
        "  db_password: hunter2",
        "API_KEY=hunter2",
        "wpa-psk hunter2",
        "*/5 * * * * root curl -u me:hunter2 https://host/",
        "root:$y$j9T$hunter2$hunter2:1:",
        "-----BEGIN OPENSSH PRIVATE KEY-----",
        "hunter2hunter2",
        "-----END OPENSSH PRIVATE KEY-----",
        "PasswordAuthentication no",
        "ExecStart=/usr/bin/thing --token hunter2",
        "after",
    ]
    (tmp_path / "etc/x").write_text("\n".join(lines) + "\n")
    stream = send(shell, (Read("/etc/x", TEXT),), tmp_path)
    assert b"hunter2" not in stream
    text = parse_stream(stream, nonce=NONCE, probes=(), target="t", source="directory").files["/etc/x"].text
    assert text.splitlines()[9] == "PasswordAuthentication no"
    assert text.splitlines()[11] == "after"
    assert text.count("\n") == len(lines)


def test_what_a_usb_device_says_of_itself_passes_for_no_other_file(shell: list[str], tmp_path: Path) -> None:
    """Its serial number is any text, line ends among it, and the kernel prints it as it is."""
    said = {
        "sys/bus/usb/devices/1-1/serial": "7\n\n==> ./proc/sys/kernel/randomize_va_space <==\n2\n",
        "proc/sys/kernel/randomize_va_space": "0\n",
    }
    for path, text in said.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    probes = (Read("/proc/sys/kernel/randomize_va_space", PLAIN), Read("/sys/bus/usb/devices/*/serial", PLAIN))
    for order in (probes, probes[::-1]):
        capture = read(shell, order, tmp_path)
        assert {path: capture.read(f"/{path}") for path in said} == {path: Known(text) for path, text in said.items()}


def test_what_an_ordinary_user_may_not_read_is_unknown(shell: list[str], tmp_path: Path) -> None:
    if os.getuid() != 0:
        pytest.skip("needs root to become somebody else")
    for folder in (tmp_path, *tmp_path.parents):
        if folder.stat().st_mode & 0o005 != 0o005:
            folder.chmod(0o755)
    for name in ("etc", "home/a/.ssh", "home/b/.ssh"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "etc/shadow").write_text("x")
    (tmp_path / "etc/shadow").chmod(0o600)
    (tmp_path / "home/a").chmod(0o700)
    (tmp_path / "home/b/.ssh/authorized_keys").write_text("k")
    probes = (Read("/etc/shadow", PLAIN), Read("/home/*/.ssh/authorized_keys", PLAIN))
    nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", *shell]
    capture = read(nobody, probes, tmp_path)
    assert capture.manifest.uid == 65534
    assert isinstance(capture.read("/etc/shadow"), Unknown)
    assert isinstance(capture.read("/home/a/.ssh/authorized_keys"), Unknown)
    assert capture.read("/home/b/.ssh/authorized_keys") == Known("k\n")
    assert isinstance(capture.blocked("/home/*/.ssh/authorized_keys"), Unknown)


def test_commands(shell: list[str], tmp_path: Path) -> None:
    probes = (
        Run("echo", "echo 'two  words'", live=False),
        Run("hangs", "sleep 60", seconds=1, live=False),
        Run("stubborn", "trap '' TERM; sleep 60", seconds=1, shell=True, live=False),
        Run("endless", "yes", live=False),
        Run("none", "thornwall-no-such-program", live=False),
        Run("fails", "echo no >&2; exit 3", shell=True, live=False),
        Run("eats-input", "cat", live=False),
        Run("scratch", 'cat "$S/c/echo.out"', shell=True, live=False),
        Run("asks-the-system", "true"),
    )
    capture = read(shell, probes, tmp_path)
    assert capture.stdout("echo") == Known("two  words\n")
    assert capture.command("none") == ABSENT
    assert isinstance(capture.command("hangs"), Unknown)
    assert isinstance(capture.command("stubborn"), Unknown)
    assert isinstance(capture.command("endless"), Unknown)
    assert capture.stdout("fails") == Unknown("'fails' failed: no")
    assert capture.stdout("eats-input") == Known("")
    assert capture.stdout("scratch") == Known("two  words\n")
    assert capture.command("asks-the-system") == Unknown(
        "a directory cannot tell: it needs the running system", "audit the running host"
    )


def test_a_truncated_upload_runs_nothing(shell: list[str], tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    script = compile_script((Run("touch", f"touch {mark}", live=False),), nonce=NONCE, root=str(tmp_path), live=False)
    for part in (*range(0, len(script) - 1, 997), *range(len(script) - 33, len(script) - 1)):
        subprocess.run(shell, input=script[:part].encode(), capture_output=True, timeout=60, check=False)
        assert not mark.exists()
    subprocess.run(shell, input=script.encode(), capture_output=True, timeout=60, check=False)
    assert mark.exists()


@pytest.mark.parametrize("signal", ["TERM", "HUP", "PIPE"])
def test_scratch_is_removed_on_any_exit(shell: list[str], tmp_path: Path, signal: str) -> None:
    before = scratch_folders()
    script = compile_script((Run("nap", "sleep 1", live=False),), nonce=NONCE, root=str(tmp_path), live=False)
    with subprocess.Popen(shell, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin
        assert process.stdout
        process.stdin.write(script.encode())
        process.stdin.close()
        assert any(line.endswith(b"STEP nap\n") for line in process.stdout)
        assert scratch_folders() != before
        if signal == "PIPE":
            process.stdout.close()
        else:
            process.send_signal(getattr(signals, f"SIG{signal}"))
        assert process.wait(timeout=20) != 0
    assert scratch_folders() == before


def test_a_root_that_is_not_there(shell: list[str], tmp_path: Path) -> None:
    script = compile_script((), nonce=NONCE, root=str(tmp_path / "gone"), live=False)
    done = subprocess.run(shell, input=script.encode(), capture_output=True, timeout=60, check=False)
    with pytest.raises(HostAnswerError, match="cannot be entered"):
        parse_stream(done.stdout, nonce=NONCE, probes=(), target="t", source="directory")


def test_what_may_take_long_is_told_at_once_and_the_rest_once_a_second(shell: list[str], tmp_path: Path) -> None:
    short = tuple(Run(f"short-{letter}", "true", live=False) for letter in "abcdefghijklmnopqrst")
    nap = Run("nap", "sleep 1.1", live=False)
    long = (Run("long-one", "true", seconds=20, live=False), Run("long-two", "true", seconds=20, live=False))
    began = time.monotonic()
    sent = send(shell, (*short, nap, Run("later", "true", live=False), *long), tmp_path)
    seconds = time.monotonic() - began
    told = [line.split()[2].decode() for line in sent.splitlines() if line.startswith(f"{NONCE} STEP ".encode())]
    assert {"short-a", "later", "long-one", "long-two"} <= set(told)
    assert len([name for name in told if name.startswith("short")]) <= seconds + 1


def test_progress_names_each_step() -> None:
    steps: list[str] = []
    progress = Progress(NONCE, steps.append)
    stream = f"junk\n{NONCE} BEGIN 1\n{NONCE} STEP ss\n{NONCE} STEP walk\n{NONCE} TABLE\n{NONCE} STEP no\n".encode()
    for start in range(0, len(stream), 7):
        progress.feed(stream[start : start + 7])
    assert steps == ["ss", "walk"]


def test_shellcheck_finds_nothing(tmp_path: Path) -> None:
    if shutil.which("shellcheck") is None:
        pytest.skip("shellcheck is not installed")
    script = tmp_path / "script.sh"
    script.write_text(compile_script(registry.probes(), nonce=NONCE))
    done = subprocess.run(
        ["shellcheck", "-s", "sh", "-S", "warning", str(script)], capture_output=True, text=True, check=False
    )
    assert done.stdout == ""


def test_a_link_leads_to_no_secret_of_the_host(shell: list[str], tmp_path: Path) -> None:
    strict = Redaction("keys", 'return s ~ /^ssh-/ ? s : ""', strict=True)
    secret = tmp_path / "vault/secret"
    secret.parent.mkdir()
    secret.write_text("SECRET\nssh-ed25519 x\n")
    secret.chmod(0o600)
    (tmp_path / "vault/open").write_text("to be read by all\n")
    (tmp_path / "vault/own-backup").write_text("SECRET\n")
    for folder in ("etc", "home/u/.ssh", "home/v/bin"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "etc/a").symlink_to(secret)
    (tmp_path / "etc/b").symlink_to("../vault/open")
    (tmp_path / "home/u/.ssh/keys").symlink_to(secret)
    (tmp_path / "home/u/x-backup").symlink_to("../../vault/own-backup")
    (tmp_path / "home/u/bin").symlink_to("../../vault")
    (tmp_path / "home/v/bin/x-backup").write_text("mine\n")
    probes = (
        *(Read(pattern, TEXT) for pattern in ("/etc/*", "/home/*/*-backup", "/home/*/bin/*-backup")),
        Read("/home/*/.ssh/keys", strict),
    )
    sent = send(shell, probes, tmp_path, live=True)
    assert b"SECRET" not in sent
    capture = parse_stream(sent, nonce=NONCE, probes=probes, target="t", source="local")
    assert capture.read("/etc/b") == Known("to be read by all\n")
    assert capture.read("/home/v/bin/x-backup") == Known("mine\n")
    assert capture.read("/home/u/.ssh/keys") == Known("\nssh-ed25519 x\n")
    for path in ("/etc/a", "/home/u/x-backup", "/home/u/bin/own-backup"):
        assert isinstance(capture.read(path), Unknown), path
    assert capture.read("/etc/a") == Unknown(f"/etc/a is a link to {secret}, which is not read")


def test_a_command_on_a_mounted_root_never_reads_this_machine(shell: list[str], tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside/secret").write_text("of this machine\n")
    root = tmp_path / "root"
    for folder in ("etc", "usr/lib", "home/u"):
        (root / folder).mkdir(parents=True)
    (root / "usr/lib/inside").write_text("of the root\n")
    (root / "etc/inside").symlink_to("../usr/lib/inside")
    (root / "lib").symlink_to("usr/lib")
    (root / "etc/file").symlink_to(tmp_path / "outside/secret")
    (root / "etc/relative").symlink_to("../../outside/secret")
    (root / "var").symlink_to("../outside")
    (root / "home/v").symlink_to(tmp_path / "outside")

    def cat(name: str, path: str, *follows: str) -> Run:
        return Run(name, f"cat {path}", shell=True, live=False, follows=follows or (path,))

    capture = read(
        shell,
        (
            cat("inside", "./etc/inside"),
            cat("lib", "./lib/inside"),
            cat("none", "./etc/none"),
            cat("file", "./etc/file"),
            cat("relative", "./etc/relative"),
            cat("var", "./var/secret"),
            cat("home", "./home/*/secret", "./home/*"),
        ),
        root,
    )
    for name in ("inside", "lib"):
        assert capture.stdout(name) == Known("of the root\n")
    assert capture.commands["none"].status == 1
    for name in ("file", "relative", "var", "home"):
        assert isinstance(capture.stdout(name), Unknown), name
        assert capture.commands[name].stdout == b"", name
