"""The boot partition and logins without a password. Files are those of Raspberry Pi OS and raspi-config."""

from __future__ import annotations

import pytest

from thornwall.model.boot import Autologin, Boot, ConfigLine, ConfigTxt, Seed, SeedSecret
from thornwall.model.change import EditLine, EditWords, PutFile, RemoveFile, SetMode, UnitsOff, Wish, WriteFile
from thornwall.model.fact import Known
from thornwall.model.filesystem import FileSystem, Mount
from thornwall.model.services import Setting, Unit
from thornwall.plan.files import operations
from thornwall.plan.fix import Hold

from .small_host import SSH, Host, unit, wants

CMDLINE = "/boot/firmware/cmdline.txt"
SHIPPED = "console=serial0,115200 console=tty1 root=PARTUUID=5a1c7e09-02 rootfstype=ext4 fsck.repair=yes rootwait"
CONFIG = ConfigTxt("/boot/firmware/config.txt", (ConfigLine("enable_uart", "1", "/boot/firmware/config.txt", 1),))


def told(line: str, *units: Unit, seeds: tuple[Seed, ...] = ()) -> Host:
    words = tuple(line.split())
    boot = Boot(config=Known(CONFIG), cmdline=Known(words), cmdline_path=CMDLINE, running=Known(words), seeds=seeds)
    return Host(files={CMDLINE: line + "\n"}, units=units, boot=boot)


def content(host: Host, path: str, *wishes: Wish) -> str:
    (put,) = operations(host.situation(), path, wishes)
    assert isinstance(put, PutFile)
    return put.content.decode()


def test_the_serial_console_leaves_one_line() -> None:
    host = told(SHIPPED, unit("serial-getty@ttyAMA0.service"))
    words, off = wants(host, "serial-console-open")
    assert isinstance(words, EditWords)
    assert words == EditWords(CMDLINE, remove=("console=serial0,115200",))
    assert off == UnitsOff(("serial-getty@ttyAMA0.service",))
    assert content(host, CMDLINE, words) == SHIPPED.removeprefix("console=serial0,115200 ") + "\n"


def test_a_root_shell_goes_from_the_kernels_words() -> None:
    host = told(f"{SHIPPED} init=/bin/sh", unit("debug-shell.service"))
    # once for the file and once for the kernel that runs with it
    word, off = EditWords(CMDLINE, remove=("init=/bin/sh",)), UnitsOff(("debug-shell.service",))
    found = wants(host, "root-shell-at-boot")
    assert (found.count(word), found.count(off), len(found)) == (2, 1, 3)
    host.boot = Boot(cmdline=Known(()), cmdline_path=CMDLINE, running=Known(("init=/bin/sh",)))
    assert wants(host, "root-shell-at-boot") == [UnitsOff(("debug-shell.service",))]  # grub's, say


@pytest.mark.parametrize(
    ("interface", "accept"),
    [("wlan0", True), ("usb0", False)],
)
def test_a_usb_gadget_goes_unless_it_is_the_way_in(interface: str, accept: bool) -> None:
    host = told(f"{SHIPPED} modules-load=dwc2,g_ether,i2c-dev")
    host.way_in = type(SSH)("ssh", interface=interface, port=22)
    hold, words = wants(host, "usb-gadget-on")
    assert isinstance(hold, Hold)
    assert hold.accept is accept
    assert words == EditWords(CMDLINE, remove=("modules-load=dwc2,g_ether,i2c-dev",), add=("modules-load=i2c-dev",))


def seeds(path: str, **files: str) -> Host:
    host = told(SHIPPED, seeds=(Seed(path, {1: SeedSecret.PASSWORD}),))
    host.seen = {path: "password\n", **{name.replace("__", "/"): text for name, text in files.items()}}
    return host


def test_a_seed_goes_though_nobody_reads_its_secret() -> None:
    path = "/boot/firmware/userconf.txt"
    assert wants(seeds(path), "boot-seed-secrets-left") == [RemoveFile(path)]


def test_cloud_init_is_off_before_its_seeds_go() -> None:
    path = "/boot/firmware/user-data"
    off = "/etc/cloud/cloud-init.disabled"
    assert wants(seeds(path), "boot-seed-secrets-left") == [WriteFile(off, b""), RemoveFile(path)]
    already = seeds(path)
    already.files[off] = ""
    assert wants(already, "boot-seed-secrets-left") == [RemoveFile(path)]


def test_seeds_of_a_first_boot_to_come_stay() -> None:
    path = "/boot/firmware/custom.toml"
    host = told(f"{SHIPPED} init=/usr/lib/raspberrypi-sys-mods/firstboot", seeds=(Seed(path, {1: SeedSecret.WIFI}),))
    host.seen = {path: "wifi key\n"}
    assert wants(host, "boot-seed-secrets-left") == []


def test_no_file_on_the_card_switches_ssh_on() -> None:
    assert wants(told(SHIPPED, unit("sshswitch.service")), "ssh-boot-flag") == [UnitsOff(("sshswitch.service",))]


FSTAB = (
    "proc            /proc           proc    defaults          0       0\n"
    "PARTUUID=5a1c7e09-01  /boot/firmware  vfat    defaults,umask=000,uid=1000  0       2\n"
)


def test_the_boot_partition_is_roots_by_fstab() -> None:
    rows = {"/boot/firmware": "C d 0777 1000 1000 512 0 ./boot/firmware\t"}
    mount = Mount("/dev/mmcblk0p1", "/boot/firmware", "vfat", ("rw", "umask=0000"))
    host = Host(files={"/etc/fstab": FSTAB}, filesystem=FileSystem(rows, {1000: "pi"}, {}, mounts=(mount,)))
    (edit,) = wants(host, "boot-partition-open")
    assert isinstance(edit, EditLine)
    assert content(host, "/etc/fstab", edit) == FSTAB.replace(
        "defaults,umask=000,uid=1000  0", "defaults,umask=0022  0"
    )
    host.filesystem = FileSystem(rows, {1000: "pi"}, {})
    assert wants(host, "boot-partition-open") == [SetMode("/boot/firmware", clear=0o022, user="root")]


DROP_IN = "/etc/systemd/system/getty@tty1.service.d/autologin.conf"
AUTOLOGIN = "[Service]\nExecStart=\nExecStart=-/sbin/agetty --autologin pi --noclear %I $TERM\n"


@pytest.mark.parametrize(("more", "expected"), [("", [RemoveFile(DROP_IN)]), ("Environment=A=b\n", [])])
def test_the_drop_in_of_raspi_config_goes_if_it_does_nothing_else(more: str, expected: list[Wish]) -> None:
    command = AUTOLOGIN.splitlines()[2].partition("=")[2]
    settings = (Setting("Service", "ExecStart", "", DROP_IN, 2), Setting("Service", "ExecStart", command, DROP_IN, 3))
    getty = Unit("getty@tty1.service", "/usr/lib/systemd/system/getty@.service", "enabled", ("x",), "active", settings)
    host = Host(files={DROP_IN: AUTOLOGIN + more}, units=(getty,))
    assert wants(host, "autologin-console") == expected


@pytest.mark.parametrize(
    ("manager", "path", "text", "line", "after"),
    [
        (
            "lightdm",
            "/etc/lightdm/lightdm.conf",
            "[Seat:*]\n#user-session=default\nautologin-user=pi\n[Seat:1]\nautologin-user=kid\n",
            3,
            "[Seat:*]\n#user-session=default\n#autologin-user=pi\n[Seat:1]\n#autologin-user=kid\n",
        ),
        (
            "gdm",
            "/etc/gdm3/daemon.conf",
            "[daemon]\nAutomaticLoginEnable=true\nAutomaticLogin=pi\n",
            3,
            "[daemon]\nAutomaticLoginEnable=true\n#AutomaticLogin=pi\n",
        ),
        (
            "greetd",
            "/etc/greetd/config.toml",
            '[default_session]\ncommand = "x"\n\n[initial_session]\ncommand = "labwc"\nuser = "pi"\n',
            6,
            '[default_session]\ncommand = "x"\n\n#[initial_session]\n#command = "labwc"\n#user = "pi"\n',
        ),
    ],
)
def test_the_desktop_asks(manager: str, path: str, text: str, line: int, after: str) -> None:
    login = Autologin(manager, "pi", path, line, text.splitlines()[line - 1])
    host = Host(files={path: text}, boot=Boot(desktop=(login,)))
    edits = [want for want in wants(host, "autologin-desktop") if isinstance(want, EditLine)]
    assert content(host, path, *edits) == after
    host = Host(seen={path: text}, boot=Boot(desktop=(login,)))
    assert wants(host, "autologin-desktop") == []
