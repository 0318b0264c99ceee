"""sysctl.d and modprobe.d in their order, and parsers on anything."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thornwall.facts.kernel import PROBES, parse
from thornwall.model.capture import Capture, FileRecord, Manifest
from thornwall.model.fact import Known
from thornwall.model.kernel import Kernel, proc_path
from thornwall.model.probe import Read

READS = tuple(probe.pattern for probe in PROBES if isinstance(probe, Read))


def kernel(**files: str) -> Kernel:
    records = {path: FileRecord(path, content=text.encode()) for path, text in files.items()}
    fact = parse(Capture(Manifest("t", "directory", 0, reads=READS), records))
    assert isinstance(fact, Known)
    return fact.value


# the order and the wildcards: sysctl.d(5)
@pytest.mark.parametrize(
    ("files", "name", "value"),
    [
        ({"/usr/lib/sysctl.d/50-a.conf": "a.b=1", "/etc/sysctl.d/10-a.conf": "a.b=2"}, "a.b", "1"),
        ({"/usr/lib/sysctl.d/50-a.conf": "a.b=1", "/etc/sysctl.d/50-a.conf": "#"}, "a.b", None),
        ({"/run/sysctl.d/50-a.conf": "a.b=1", "/usr/local/lib/sysctl.d/50-a.conf": "a.b=2"}, "a.b", "1"),
        ({"/etc/sysctl.d/a.conf": "a.b = 1\na.b= 2"}, "a.b", "2"),
        ({"/etc/sysctl.d/a.conf": "a/b.c/d=1"}, "a.b/c.d", "1"),
        ({"/etc/sysctl.d/a.conf": "-a.b=1"}, "a.b", "1"),
        ({"/etc/sysctl.d/a.conf": "a.b=1", "/etc/sysctl.d/z.conf": "a.*=2"}, "a.b", "1"),
        ({"/etc/sysctl.d/a.conf": "a.*=1\na.*=2"}, "a.b", "2"),
        ({"/etc/sysctl.d/a.conf": "a.*=1\n-a.b"}, "a.b", None),
        ({"/etc/sysctl.d/a.txt": "a.b=1", "/etc/sysctl.conf": "a.b=1"}, "a.b", None),
    ],
)
def test_the_last_word_counts(files: dict[str, str], name: str, value: str | None) -> None:
    found = kernel(**files).configured(name)
    assert (found.value if found else None) == value


# modprobe.d(5): names with - and _ are one, lines may go on
@pytest.mark.parametrize(
    ("text", "refused"),
    [
        ("install usb-storage /bin/false", True),
        ("install usb_storage /usr/bin/true", True),
        ("install usb-storage \\\n /bin/false", True),
        ("install usb-storage /sbin/modprobe --ignore-install usb-storage", False),
        ("#install usb-storage /bin/false", False),
        ("blacklist usb-storage", False),
        ("install usb-storage /bin/false\ninstall usb-storage /bin/echo", False),
        ("install usb-storage", False),
    ],
)
def test_what_modprobe_refuses(text: str, refused: bool) -> None:
    assert (kernel(**{"/etc/modprobe.d/a.conf": text}).refused("usb-storage") is not None) is refused


@pytest.mark.parametrize(
    ("there", "loaded", "replaced"),
    [
        (("6.12.20", "6.12.25"), "bcm2835_codec 40960 0\n", False),
        (("6.12.25",), "bcm2835_codec 40960 0\n", True),  # one package for all versions: Armbian's, raspberrypi-kernel
        (("6.12.25",), "", False),  # it never loaded one: all it needs is in itself
        ((), "bcm2835_codec 40960 0\n", False),
    ],
)
def test_an_update_takes_the_modules_of_the_running_kernel(there: tuple[str, ...], loaded: str, replaced: bool) -> None:
    files = {f"/lib/modules/{name}/modules.builtin": b"" for name in there}
    files |= {"/proc/sys/kernel/osrelease": b"6.12.20\n", "/proc/modules": loaded.encode()}
    records = {path: FileRecord(path, content=content) for path, content in files.items()}
    fact = parse(Capture(Manifest("t", "ssh", 0, reads=READS), records))
    assert isinstance(fact, Known)
    assert fact.value.replaced is replaced


SYS = "/proc/sys/net"


def live(**values: str) -> Kernel:
    """`ipv6__conf__eth0__forwarding="1"` -> the kernel of a running host."""
    records = {}
    for name, value in values.items():
        path = f"{SYS}/{name.replace('__', '/')}"
        records[path] = FileRecord(path, content=f"{value}\n".encode())
    fact = parse(Capture(Manifest("t", "ssh", 0, reads=READS), records))
    assert isinstance(fact, Known)
    return fact.value


# the kernel's ip-sysctl.rst, and IN_DEV_RX_REDIRECTS of its inetdevice.h: OR where nothing is forwarded, else AND
def test_on_which_interfaces_redirects_count() -> None:
    found = live(
        ipv4__conf__eth0__accept_redirects="1", ipv4__conf__eth0__forwarding="0",
        ipv4__conf__br0__accept_redirects="1", ipv4__conf__br0__forwarding="1",
        ipv6__conf__eth0__accept_redirects="0", ipv6__conf__eth0__forwarding="0",
        ipv6__conf__br0__accept_redirects="1", ipv6__conf__br0__forwarding="1",
        ipv6__conf__all__accept_redirects="1", ipv6__conf__lo__accept_redirects="1",
    )  # fmt: skip
    assert found.redirects() == {
        "net.ipv4.conf.eth0.accept_redirects": "1",
        "net.ipv6.conf.eth0.accept_redirects": "0",
    }


def test_an_interface_with_a_dot_in_its_name() -> None:
    """As `sysctl -a` names it: net.ipv6.conf.eth0/5.forwarding."""
    found = live(**{"ipv6__conf__eth0.5__accept_redirects": "1"})
    assert found.redirects() == {"net.ipv6.conf.eth0/5.accept_redirects": "1"}
    assert proc_path("net.ipv6.conf.eth0/5.accept_redirects") == f"{SYS}/ipv6/conf/eth0.5/accept_redirects"


PATHS = st.sampled_from(
    [
        "/etc/sysctl.d/a.conf",
        "/usr/lib/sysctl.d/a.conf",
        "/etc/modprobe.d/a.conf",
        "/proc/modules",
        "/proc/sys/kernel/kptr_restrict",
        "/sys/kernel/security/lsm",
        "/sys/kernel/security/apparmor/profiles",
        "/sys/fs/selinux/enforce",
        "/etc/selinux/config",
        "/lib/modules/6/modules.builtin",
        "/sys/block/sda",
    ]
)


@given(st.dictionaries(PATHS, st.binary(max_size=120) | st.text("ab.*/-= \n\\#[", max_size=60).map(str.encode)))
def test_anything_is_taken(files: dict[str, bytes]) -> None:
    records = {path: FileRecord(path, content=content) for path, content in files.items()}
    for source in ("ssh", "directory"):
        fact = parse(Capture(Manifest("t", source, 0, reads=READS), records))
        assert isinstance(fact, Known)
        for name in ("a.b", "kernel.kptr_restrict", ""):
            fact.value.configured(name)
            fact.value.refused(name)
