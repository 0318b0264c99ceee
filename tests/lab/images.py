"""Roots built from recipes. An image is a read-only snapshot, named by the hash of all that it was made from."""

import hashlib
import json
import secrets
import shlex
import shutil
import subprocess
import sys
import time
import zlib
from base64 import b32encode
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from . import cgroups
from .errors import LabError
from .mirror import read_mirror
from .pool import create, delete, in_use, pool, snapshot
from .settings import RECIPES, lab_dir
from .tools import locked, run

# What each stage is built on top of, and the recipe files that it is made from.
_PARENT = {"stock": "base", "planted": "base", "hardened": "planted", "vm": "planted"}
_SOURCES = {
    "base": ("base.txt",),
    "stock": ("lib.sh", "stock.sh"),
    "planted": ("lib.sh", "planted.sh", "files/planted"),
    "hardened": ("lib.sh", "hardened.sh", "files/hardened"),
    "vm": ("lib.sh", "vm.sh"),
}
# The factory password of Raspberry Pi OS until 2022: the weakness that everything else waits for.
_FACTORY_PASSWORD = "raspberry"
_KEY_COMMENT = "lab-admin@workstation"


@dataclass(frozen=True)
class Secrets:
    """What only the lab knows of one image. Random in every build, except a password that is a planted weakness."""

    user: str
    user_password: str = field(repr=False)
    root_password: str | None = field(default=None, repr=False)
    webcam_password: str | None = field(default=None, repr=False)
    totp_secret: str | None = field(default=None, repr=False)
    backup_password: str | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Image:
    """A root that hosts are copied from. `private_key` opens the account of `secrets.user`, or is None."""

    name: str
    root: Path
    secrets: Secrets
    private_key: Path | None


def image(release: str, variant: str) -> Image:
    """The image of a variant, built first when the cache has none of this recipe: that takes minutes."""
    with in_use(), locked(lab_dir() / f"build-{release}.lock"):
        return _load(_ensure(release, variant))


def _load(folder: Path) -> Image:
    key = folder / "id_ed25519"
    known = Secrets(**json.loads((folder / "secrets.json").read_text()))
    return Image(folder.name, folder / "root", known, key if key.exists() else None)


def _ensure(release: str, stage: str) -> Path:
    folder = pool() / "images" / f"{release}-{stage}-{recipe_hash(stage)}"
    if folder.exists():
        return folder
    work = pool() / "work" / f"{release}-{stage}"
    cgroups.kill(_group(work))  # of a builder that was killed itself
    discard(work)
    parent = _ensure(release, _PARENT[stage]) if stage in _PARENT else None
    started = time.monotonic()
    print(f"lab: building {release} {stage}", file=sys.stderr, flush=True)
    work.mkdir()
    if parent is None:
        _bootstrap(release, work)
    else:
        _derive(release, stage, parent, work)
    work.rename(folder)
    for older in folder.parent.glob(f"{release}-{stage}-*"):
        if older != folder:
            discard(older)
    print(f"lab: built {folder.name} in {time.monotonic() - started:.0f} s", file=sys.stderr, flush=True)
    return folder


def _group(work: Path) -> str:
    """The control group of a build: another cache folder on the same machine has another."""
    return f"build-{work.name}-{zlib.crc32(str(lab_dir()).encode()):08x}"


def recipe_hash(stage: str) -> str:
    """The hash of all recipe files that a stage, and what it is built on, are made from."""
    digest = hashlib.sha256()
    if stage in _PARENT:
        digest.update(recipe_hash(_PARENT[stage]).encode())
    for source in _SOURCES[stage]:
        top = RECIPES / source
        for path in sorted(p for p in [top, *top.rglob("*")] if p.is_file()):
            digest.update(f"{path.relative_to(RECIPES)}\0{path.stat().st_size}\0".encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


def discard(folder: Path) -> None:
    """Remove a folder of the pool, and the root in it."""
    delete(folder / "root")
    shutil.rmtree(folder, ignore_errors=True)


def _bootstrap(release: str, work: Path) -> None:
    mirror = read_mirror()
    lines = (RECIPES / "base.txt").read_text().splitlines()
    packages = [line for line in lines if line and not line.startswith("#")]
    create(work / "root")
    _logged(
        work,
        [
            "mmdebstrap",
            "--mode=root",
            "--variant=important",
            "--components=main",
            f"--include={','.join(packages)}",
            *(f"--aptopt={option}" for option in mirror.options),
            release,
            str(work / "root"),
            mirror.main,
        ],
    )
    (work / "root/etc/apt/apt.conf.d/99mmdebstrap").unlink(missing_ok=True)


def _derive(release: str, stage: str, parent: Path, work: Path) -> None:
    """Copy the parent, and run the recipe of a stage inside the copy."""
    root = work / "root"
    snapshot(parent / "root", root)
    known = _make_secrets(stage, parent, work)
    environment = {name.upper(): value for name, value in asdict(known).items() if value is not None}
    if (work / "id_ed25519.pub").exists():
        environment["AUTHORIZED_KEY"] = (work / "id_ed25519.pub").read_text().strip()
    run_inside(work, release, stage, environment)
    _finish(root)
    (work / "secrets.json").touch(mode=0o600)
    (work / "secrets.json").write_text(json.dumps(asdict(known), indent=1))


def run_inside(work: Path, release: str, recipe: str, environment: dict[str, str], binds: Sequence[str] = ()) -> None:
    """Run recipes/RECIPE.sh inside WORK/root, which is not booted, with this machine's network.

    `work` is a folder in the pool's own 'work'. `binds` are options of systemd-nspawn.
    """
    root = work / "root"
    mirror = read_mirror()
    known = {
        "LAB_RELEASE": release,
        "LAB_RECIPES": "/run/lab/recipes",
        "LAB_MIRROR": mirror.main,
        "LAB_SECURITY_MIRROR": mirror.security,
    } | environment
    secret_file = work / "environment"
    secret_file.touch(mode=0o600)
    secret_file.write_text("".join(f"export {name}={shlex.quote(value)}\n" for name, value in known.items()))
    apt = root / "etc/apt/apt.conf.d/99lab"
    apt.write_text("".join(f"{option}\n" for option in mirror.options) + 'Acquire::Languages "none";\n')
    archives = lab_dir() / "archives" / release
    (archives / "partial").mkdir(parents=True, exist_ok=True)
    script = f". /run/lab/environment && . /run/lab/recipes/lib.sh && . /run/lab/recipes/{recipe}.sh"
    _logged(
        work,
        [
            "systemd-nspawn",
            "--quiet",
            "--register=no",
            "--keep-unit",
            "--as-pid2",
            f"--machine={_group(work)}",
            f"--directory={root}",
            "--suppress-sync=yes",
            "--resolv-conf=replace-host",
            "--timezone=off",
            "--link-journal=no",
            "--console=pipe",
            f"--bind-ro={RECIPES}:/run/lab/recipes",
            f"--bind-ro={secret_file}:/run/lab/environment",
            f"--bind={archives}:/var/cache/apt/archives",
            *binds,
            "sh",
            "-euc",
            script,
        ],
    )
    apt.unlink()
    secret_file.unlink()


def _make_secrets(stage: str, parent: Path, work: Path) -> Secrets:
    def password() -> str:
        return secrets.token_urlsafe(18)

    if stage == "stock":
        return Secrets(user="debian", user_password=password())
    if stage == "planted":
        run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", _KEY_COMMENT, "-f", work / "id_ed25519"])
        return Secrets("pi", _FACTORY_PASSWORD, root_password=password(), webcam_password=password())
    for name in ("id_ed25519", "id_ed25519.pub"):
        shutil.copy(parent / name, work / name)
    if stage == "vm":
        return Secrets(**json.loads((parent / "secrets.json").read_text()))
    return Secrets(
        "pi",
        password(),
        webcam_password=password(),
        totp_secret=b32encode(secrets.token_bytes(20)).decode(),
        backup_password=password(),
    )


def _finish(root: Path) -> None:
    """What makes a root boot quickly, and as if it had booted before."""
    for key in (root / "etc/ssh").glob("ssh_host_*"):
        key.unlink()
    run(["ssh-keygen", "-q", "-A", "-f", root])
    for key in (root / "etc/ssh").glob("ssh_host_*.pub"):
        text = key.read_text().split()
        key.write_text(f"{text[0]} {text[1]} root@{(root / 'etc/hostname').read_text().strip()}\n")
    (root / "etc/resolv.conf").unlink(missing_ok=True)
    (root / "etc/resolv.conf").touch()
    # A folder in the place where systemd would make a btrfs subvolume at boot.
    for folder in ("machines", "portables"):
        (root / "var/lib" / folder).mkdir(mode=0o700, exist_ok=True)
    for stamp in ("etc/.updated", "var/.updated"):
        (root / stamp).touch()


def _logged(work: Path, command: Sequence[str]) -> None:
    """Run one step of a build in a control group of its own, its output in a log that an error names."""
    log = lab_dir() / "logs" / f"{work.name}.log"
    log.parent.mkdir(exist_ok=True)
    group = _group(work)
    argv = [*cgroups.UNSHARE, cgroups.ENTER + 'shift\nexec "$@"', "sh", group, *command]
    try:
        with log.open("w") as output:
            result = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=output, stderr=output, check=False)
    finally:
        cgroups.kill(group)
    if result.returncode != 0:
        last = "\n".join(log.read_text(errors="replace").splitlines()[-15:])
        raise LabError(f"building {work.name} failed with status {result.returncode}; {log} ends in:\n{last}")
