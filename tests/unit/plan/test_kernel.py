"""Fixes about the kernel. Values are those of its own sysctl documents; what wins was tried on a booted Debian.

There `sysctl --system` (procps 4.0.4) took /etc/sysctl.d/99-zz.conf over 99-thornwall.conf, and /etc/sysctl.conf over
both; systemd-sysctl took 99-zz.conf too, and did not read /etc/sysctl.conf.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from thornwall.model.change import EditLine, EditWords, OwnLine, Packages, PutFile, Sysctl, SysctlDo
from thornwall.model.fact import Known
from thornwall.model.plan import Undoing
from thornwall.plan.fix import Hold, Want
from thornwall.plan.fixes import kernel
from thornwall.plan.planner import make_plan
from thornwall.plan.registry import FIXES

from .ways import Host

OURS = "/etc/sysctl.d/99-thornwall.conf"


def proc(**values: str) -> dict[str, str | None]:
    """`kernel__kptr_restrict="0"` -> the file of /proc/sys."""
    return {f"/proc/sys/{name.replace('__', '/')}": f"{value}\n" for name, value in values.items()}


def with_settings(host: Host, wants: tuple[Want, ...]) -> Host:
    """The host once the settings hold, now and at boot."""
    settings = [want for want in wants if isinstance(want, Sysctl)]
    rest = [want for want in wants if not isinstance(want, Sysctl | Hold)]
    then = host.after(*rest)
    running = {f"/proc/sys/{each.key.replace('.', '/')}": f"{each.value}\n" for each in settings}
    ours = then.files.get(OURS) or ""
    return replace(
        then, files=then.files | running | {OURS: ours + "".join(f"{s.key} = {s.value}\n" for s in settings)}
    )


CASES = [
    ("rp-filter-off", proc(net__ipv4__conf__all__rp_filter="0", net__ipv4__conf__default__rp_filter="0"),
     {"net.ipv4.conf.all.rp_filter": "2"}),
    ("icmp-redirects-accepted",
     proc(net__ipv4__conf__all__accept_redirects="1", net__ipv4__conf__default__accept_redirects="0"),
     {"net.ipv4.conf.all.accept_redirects": "0"}),
    ("source-routing-accepted",
     proc(net__ipv4__conf__all__accept_source_route="1", net__ipv6__conf__all__accept_source_route="-1"),
     {"net.ipv4.conf.all.accept_source_route": "0"}),
    ("syncookies-off", proc(net__ipv4__tcp_syncookies="0"), {"net.ipv4.tcp_syncookies": "1"}),
    ("broadcast-pings-answered", proc(net__ipv4__icmp_echo_ignore_broadcasts="0"),
     {"net.ipv4.icmp_echo_ignore_broadcasts": "1"}),
    ("martians-unlogged", proc(net__ipv4__conf__all__log_martians="0", net__ipv4__conf__default__log_martians="0"),
     {"net.ipv4.conf.all.log_martians": "1", "net.ipv4.conf.default.log_martians": "1"}),
    ("kernel-pointers-shown", proc(kernel__kptr_restrict="0"), {"kernel.kptr_restrict": "1"}),
    ("kernel-log-open", proc(kernel__dmesg_restrict="0"), {"kernel.dmesg_restrict": "1"}),
    ("ptrace-open", proc(kernel__yama__ptrace_scope="0"), {"kernel.yama.ptrace_scope": "1"}),
    ("aslr-off", proc(kernel__randomize_va_space="1"), {"kernel.randomize_va_space": "2"}),
    ("setuid-core-dumps", proc(fs__suid_dumpable="1"), {"fs.suid_dumpable": "0"}),
    ("protected-links-off", proc(fs__protected_hardlinks="0", fs__protected_symlinks="1"),
     {"fs.protected_hardlinks": "1"}),
    ("unprivileged-bpf", proc(kernel__unprivileged_bpf_disabled="0"), {"kernel.unprivileged_bpf_disabled": "2"}),
    ("line-disciplines-autoload", proc(dev__tty__ldisc_autoload="1"), {"dev.tty.ldisc_autoload": "0"}),
    ("sysrq-keys-answered", proc(kernel__sysrq="438"), {"kernel.sysrq": "0"}),
    ("bpf-code-predictable", proc(net__core__bpf_jit_harden="0"), {"net.core.bpf_jit_harden": "2"}),
    ("kexec-allowed", proc(kernel__kexec_load_disabled="0"), {"kernel.kexec_load_disabled": "1"}),
]  # fmt: skip


@pytest.mark.parametrize(("rule", "files", "expected"), CASES, ids=[case[0] for case in CASES])
def test_only_settings_that_this_kernel_has_are_set(
    rule: str, files: dict[str, str | None], expected: dict[str, str]
) -> None:
    host = Host(files)
    wants = host.wants(rule)
    assert {want.key: want.value for want in wants if isinstance(want, Sysctl)} == expected
    assert all(isinstance(want, Sysctl) or (isinstance(want, OwnLine) and "*" in want.key) for want in wants)
    assert rule not in {each.rule for each in with_settings(host, wants).findings()}


V4, V6 = "net.ipv4.conf.*.accept_redirects", "net.ipv6.conf.*.accept_redirects"
LINES = (OwnLine(OURS, V4, f"{V4} = 0"), OwnLine(OURS, V6, f"{V6} = 0"))


def redirects(**interfaces: str) -> dict[str, str | None]:
    """accept_redirects of `all` and `default` off, for `ipv6_eth0="1"` those of interfaces; nothing is forwarded."""
    said = {f"ipv{version}_{each}": "0" for version in "46" for each in ("all", "default")} | interfaces
    folders = {f"net__{name.replace('_', '__conf__')}": value for name, value in said.items()}
    values = {f"{folder}__accept_redirects": value for folder, value in folders.items()}
    return proc(**values, **{f"{folder}__forwarding": "0" for folder in folders})


def test_what_the_end_of_forwarding_sets_anew_is_set_again() -> None:
    """Tried on Debian 12: with ip_forward from 1 to 0, accept_redirects of every interface goes from 0 to 1."""
    forwards = proc(net__ipv4__ip_forward="1", net__ipv4__conf__all__forwarding="1")
    host = Host(redirects(ipv4_eth0="0", ipv6_all="1") | forwards)
    assert "ip-forwarding-on" in {each.rule for each in host.findings()}
    settings = {want.key for want in host.wants("icmp-redirects-accepted") if isinstance(want, Sysctl)}
    assert {f"net.ipv4.conf.{each}.accept_redirects" for each in ("all", "default", "eth0")} <= settings


def test_interfaces_that_are_there_already_are_set_now_and_at_boot() -> None:
    """Tried on Debian 12 and 13: `all` and `default` of IPv6 leave them as they are, a line with `*` does not."""
    host = Host(redirects(ipv6_eth0="1", ipv6_wlan0="0", ipv4_eth0="1", ipv6_lo="1", ipv6_veth12="1"))
    wants = host.wants("icmp-redirects-accepted")
    assert wants == (
        Sysctl("net.ipv4.conf.eth0.accept_redirects", "0", V4),
        Sysctl("net.ipv6.conf.eth0.accept_redirects", "0", V6),
        *LINES,
    )
    rest = with_settings(host, wants).findings()
    assert "icmp-redirects-accepted" not in {each.rule for each in rest}
    (step,) = make_plan(host.situation(), {"icmp-redirects-accepted": FIXES["icmp-redirects-accepted"]}, (), {}).steps
    file, *now = step.operations
    assert isinstance(file, PutFile)
    assert [line for line in file.content.decode().splitlines() if line[0] != "#"] == [f"{V4} = 0", f"{V6} = 0"]
    assert now == [
        SysctlDo("net.ipv4.conf.eth0.accept_redirects", "0", "1"),
        SysctlDo("net.ipv6.conf.eth0.accept_redirects", "0", "1"),
    ]


def test_a_line_for_one_interface_gives_way_to_one_for_it() -> None:
    mine: dict[str, str | None] = {"/etc/sysctl.d/50-mine.conf": "net.ipv6.conf.eth0.accept_redirects = 1\n"}
    wants = Host(redirects(ipv6_eth0="1") | mine).wants("icmp-redirects-accepted")
    assert wants == (Sysctl("net.ipv6.conf.eth0.accept_redirects", "0"), *LINES)


def test_a_later_line_for_all_interfaces_is_left_to_its_author() -> None:
    mine: dict[str, str | None] = {"/etc/sysctl.d/zz.conf": "net.ipv6.conf.*.accept_redirects = 1\n"}
    assert Host(redirects(ipv6_eth0="1") | mine).wants("icmp-redirects-accepted") == ()


def test_what_cannot_be_taken_back_says_so() -> None:
    one_way = {rule for rule, fix in FIXES.items() if fix.step == "kernel-settings" and fix.undoing is Undoing.REBOOT}
    assert one_way == {"kexec-allowed", "ip-forwarding-on"}


def test_a_file_that_is_read_later_is_edited_too() -> None:
    files: dict[str, str | None] = {
        "/etc/sysctl.d/99-zz.conf": "# mine\nkernel/kptr_restrict = 0\nkernel.sysrq = 1\n",
        "/etc/sysctl.conf": "kernel.kptr_restrict=0\n",
    }
    host = Host(files | proc(kernel__kptr_restrict="0"))
    wants = host.wants("kernel-pointers-shown")
    assert set(wants) == {
        EditLine("/etc/sysctl.d/99-zz.conf", 2, "kernel/kptr_restrict = 0", "kernel/kptr_restrict=1"),
        EditLine("/etc/sysctl.conf", 1, "kernel.kptr_restrict=0", "kernel.kptr_restrict=1"),
        Sysctl("kernel.kptr_restrict", "1"),
    }
    assert not [each for each in with_settings(host, wants).findings() if each.rule == "kernel-pointers-shown"]


@pytest.mark.parametrize("path", ["/etc/sysctl.d/10-mine.conf", "/etc/sysctl.d/99-sysctl.conf", OURS])
def test_a_file_that_is_read_before_stays(path: str) -> None:
    host = Host(proc(kernel__kptr_restrict="0") | {path: "kernel.kptr_restrict = 0\n"})
    assert host.wants("kernel-pointers-shown") == (Sysctl("kernel.kptr_restrict", "1"),)


def test_where_the_last_word_cannot_be_edited_nothing_is_done() -> None:
    vendor: dict[str, str | None] = {"/usr/lib/sysctl.d/zz-vendor.conf": "kernel.kptr_restrict = 0\n"}
    assert Host(proc(kernel__kptr_restrict="0") | vendor).wants("kernel-pointers-shown") == ()
    mine: dict[str, str | None] = {"/etc/sysctl.d/zz.conf": "kernel.kptr_restrict = 0\n"}
    hidden = Host(proc(kernel__kptr_restrict="0") | mine, hidden=frozenset({"/etc/sysctl.d/zz.conf"}))
    assert hidden.wants("kernel-pointers-shown") == ()


def test_ufw_sets_its_own_whenever_it_starts() -> None:
    files = proc(net__ipv4__conf__all__log_martians="0") | {
        "/etc/ufw/sysctl.conf": "net/ipv4/conf/all/log_martians=0\n"
    }
    edit = EditLine("/etc/ufw/sysctl.conf", 1, "net/ipv4/conf/all/log_martians=0", "net/ipv4/conf/all/log_martians=1")
    assert edit in Host(files).wants("martians-unlogged")


def test_a_container_sets_in_files_what_is_its_machines() -> None:
    files: dict[str, str | None] = {
        "/run/systemd/container": "systemd-nspawn\n",
        "/etc/sysctl.d/10-x.conf": "kernel.kptr_restrict=0\n",
    }
    host = Host(files | proc(kernel__kptr_restrict="0"))
    assert host.wants("kernel-pointers-shown") == (OwnLine(OURS, "kernel.kptr_restrict", "kernel.kptr_restrict = 1"),)
    host.mended("kernel-pointers-shown")


def test_forwarding_is_asked_about() -> None:
    host = Host(proc(net__ipv4__ip_forward="1", net__ipv6__conf__all__forwarding="0"))
    setting, hold = host.wants("ip-forwarding-on")
    assert setting == Sysctl("net.ipv4.ip_forward", "0")
    assert isinstance(hold, Hold)
    assert hold.accept


USB = ("usb-storage", "uas")


def test_usb_storage_is_refused() -> None:
    host = Host()
    assert host.wants("usb-storage-allowed") == tuple(
        OwnLine(kernel.MODULES, f"install {name}", f"install {name} /bin/false") for name in USB
    )
    host.mended("usb-storage-allowed")


def test_a_stick_that_is_plugged_in_is_asked_about() -> None:
    situation = Host().situation()
    facts = situation.facts.kernel
    assert isinstance(facts, Known)
    disk = Known(replace(facts.value, usb_disks=frozenset({"sda"})))
    plugged = replace(situation, facts=replace(situation.facts, kernel=disk))
    (finding,) = [each for each in situation.findings if each.rule == "usb-storage-allowed"]
    hold = next(iter(FIXES["usb-storage-allowed"].make(plugged, finding)))
    assert isinstance(hold, Hold)
    assert (hold.interlock, hold.accept) == ("usb-disk-plugged-in", True)


def test_a_driver_that_is_built_in_is_left_to_udev() -> None:
    built: dict[str, str | None] = {
        "/proc/sys/kernel/osrelease": "6.12.25+rpt-rpi-v8\n",
        "/lib/modules/6.12.25+rpt-rpi-v8/modules.builtin": "kernel/drivers/usb/storage/usb-storage.ko\n",
    }
    host = Host(built)
    (want,) = host.wants("usb-storage-allowed")
    assert isinstance(want, OwnLine)
    assert want.path == "/etc/udev/rules.d/60-thornwall.rules"
    host.mended("usb-storage-allowed")


@pytest.mark.parametrize(
    ("rule", "names"),
    [
        ("rare-network-protocols", ["dccp", "rds", "tipc", "atm", "can"]),
        ("rare-filesystems", ["cramfs", "freevxfs", "hfs", "jffs2", "hfsplus", "udf"]),
        ("firewire-allowed", ["firewire-core"]),
    ],
)
def test_rare_modules_are_refused(rule: str, names: list[str]) -> None:
    host = Host({"/etc/modprobe.d/mine.conf": "blacklist sctp\n"})
    assert [want.line for want in host.wants(rule) if isinstance(want, OwnLine)] == [
        f"install {name} /bin/false" for name in names
    ]
    host.mended(rule)


def test_a_bus_that_is_used_is_not_refused() -> None:
    host = Host({"/proc/modules": "can 24576 0 - Live 0x0000000000000000\n"})
    refused = {want.key.removeprefix("install ") for want in host.wants("rare-network-protocols")}  # type: ignore[union-attr]
    assert refused == {"dccp", "sctp", "rds", "tipc", "atm"}
    host.mended("rare-network-protocols")


def test_what_is_right_is_written_down_as_it_is() -> None:
    host = Host(
        {
            "/proc/sys/kernel/kptr_restrict": "2\n",
            "/proc/sys/net/ipv4/tcp_syncookies": "1\n",
            "/proc/sys/kernel/randomize_va_space": "2\n",
            "/etc/sysctl.d/10-own.conf": "kernel.randomize_va_space = 2\n",
            "/proc/sys/net/ipv4/conf/all/send_redirects": "1\n",
        }
    )
    assert {want.line for want in host.wants("kernel-settings-unpinned") if isinstance(want, OwnLine)} == {
        "kernel.kptr_restrict = 2",
        "net.ipv4.tcp_syncookies = 1",
    }
    host.mended("kernel-settings-unpinned")


def test_an_install_line_of_somebody_is_left_to_him() -> None:
    host = Host({"/etc/modprobe.d/mine.conf": "install sctp /usr/local/bin/load-sctp\n"})
    assert host.wants("rare-network-protocols") == ()


PI: dict[str, str | None] = {
    "/proc/device-tree/model": "Raspberry Pi 5 Model B Rev 1.0\0",
    "/boot/firmware/config.txt": "[all]\n",
    "/boot/firmware/cmdline.txt": "console=tty1 root=PARTUUID=5a1c7e09-02 rootwait\n",
}
PACKAGES = {"packages": "bash\t5.2.37-2\tarm64\tbash\tinstall\n"}


@pytest.mark.parametrize(
    ("running", "line", "expected"),
    [
        ("capability", "", EditWords("/boot/firmware/cmdline.txt", (), ("lsm=apparmor",))),
        ("capability,yama,landlock", "", EditWords("/boot/firmware/cmdline.txt", (), ("lsm=yama,landlock,apparmor",))),
        ("capability", " lsm=yama", EditWords("/boot/firmware/cmdline.txt", ("lsm=yama",), ("lsm=yama,apparmor",))),
        ("capability", " apparmor=0", EditWords("/boot/firmware/cmdline.txt", ("apparmor=0",), ("lsm=apparmor",))),
    ],
)
def test_apparmor_on_a_pi(running: str, line: str, expected: EditWords) -> None:
    cmdline = (PI["/boot/firmware/cmdline.txt"] or "").rstrip() + line + "\n"
    host = Host(PI | {"/boot/firmware/cmdline.txt": cmdline, "/sys/kernel/security/lsm": running}, PACKAGES)
    assert host.wants("no-mac") == (Packages(("apparmor", "apparmor-profiles", "apparmor-utils")), expected)
    assert FIXES["no-mac"].awaits_reboot


@pytest.mark.parametrize("word", ["sysrq_always_enabled", "sysrq_always_enabled=1", "quiet"])
def test_a_kernel_that_takes_no_other_value_is_left_alone(word: str) -> None:
    host = Host({**proc(kernel__sysrq="1"), "/proc/cmdline": f"root=/dev/mmcblk0p2 {word}\n"})
    assert bool(host.wants("sysrq-keys-answered")) is (word == "quiet")
