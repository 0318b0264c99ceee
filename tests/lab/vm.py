"""The planted host as a virtual machine: a kernel, a disk and a power plug of its own.

    with vm.start("trixie") as machine:
        machine.run("id")            # as root inside
        machine.login("id")          # from outside
        machine.power_cut()          # what was not synced is lost
        machine.power_on()
        machine.wait_ssh()

QEMU emulates the processor, so that all takes about thirty times as long as in a lab host, and nothing is shared with
this machine: not the kernel's settings, nor its clock.
"""

import json
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from .compare_walk import Facts
from .errors import LabError
from .images import Secrets
from .login import login
from .network import Wire, connect_tap, disconnect, reserve
from .settings import RELEASES, lab_dir
from .tools import locked, missing, process_started
from .vm_agent import Agent
from .vm_disk import Disk, disk
from .vm_files import files

PACKAGES = Path(__file__).with_name("vm-packages.txt")
_TOOLS = {
    "mcopy": "mtools",
    "mkfs.ext4": "e2fsprogs",
    "mkfs.vfat": "dosfstools",
    "qemu-img": "qemu-utils",
    "qemu-system-x86_64": "qemu-system-x86",
    "sfdisk": "fdisk",
}
_BOOT_SECONDS = 1200.0
_MEMORY = "1024"
# A plain one: what a newer one can do in one instruction is slow to emulate, and has drivers that try themselves first.
_PROCESSOR = "qemu64"
# What costs an emulated processor much time: mitigations, which guard nothing here; logins from the machine below it,
# by vsock; systemd's own program in the kernel (hence a list of lsm without bpf); to say that it was kept waiting.
_FASTER = (
    "mitigations=off systemd.ssh_auto=no lsm=landlock,lockdown,yama,loadpin,safesetid,integrity,apparmor"
    " cryptomgr.notests nowatchdog rcupdate.rcu_cpu_stall_suppress=1"
)
# $1 is a file for the process id; the rest is QEMU's command line. When the owner is gone, standard input ends.
_SUPERVISE = """
pidfile=$1
shift
exec 3<&0 </dev/null
setpriv --pdeathsig KILL "$@" 3<&- &
echo $! >"$pidfile"
qemu=$!
(read -r _ <&3; kill -KILL "$qemu" 2>/dev/null) &
exec 3<&-
wait "$qemu"
"""


def missing_for_vm() -> str | None:
    """Why virtual machines cannot run here, in one line; None when they can."""
    reason = missing()
    if reason:
        return reason
    absent = sorted({package for tool, package in _TOOLS.items() if shutil.which(tool) is None})
    if absent:
        return f"virtual machines need these Debian packages: {' '.join(absent)}"
    if os.uname().machine != "x86_64":
        return "virtual machines are made for x86_64 alone"
    if not Path("/dev/net/tun").exists():
        return "virtual machines need /dev/net/tun"
    return None


@dataclass(frozen=True)
class VM:
    """A machine, and what a person who owns it would know of it: as Host, where the names are the same.

    `console` is a file with all that its serial console has said, over all its boots.
    """

    name: str
    release: str
    index: int
    secrets: Secrets
    private_key: Path
    disk: Disk = field(repr=False)
    words: str = ""  # that its kernel is started with, besides those of the lab

    variant = "planted"
    port = 22

    @property
    def user(self) -> str:
        """The account that its owner logs in with."""
        return self.secrets.user

    @property
    def password(self) -> str:
        """The password of that account."""
        return self.secrets.user_password

    @property
    def sudo_password(self) -> str:
        """What sudo would ask that account for."""
        return self.secrets.user_password

    @property
    def address(self) -> str:
        """IPv4 address."""
        return Wire(self.index).address

    @property
    def address6(self) -> str:
        """IPv6 address."""
        return Wire(self.index).address6

    @property
    def controller(self) -> str:
        """IPv4 address of this machine on the wire."""
        return Wire(self.index).controller

    @property
    def controller6(self) -> str:
        """IPv6 address of this machine on the wire."""
        return Wire(self.index).controller6

    @property
    def known_hosts(self) -> Path:
        """A known_hosts file with its true keys, for both addresses."""
        return self._folder / "known_hosts"

    @property
    def console(self) -> Path:
        """All that its serial console has said."""
        return self._folder / "console.log"

    @property
    def _folder(self) -> Path:
        return _runs() / self.name

    def run(
        self,
        command: str | Sequence[str],
        *,
        input: str | None = None,  # noqa: A002 - as in Host
        timeout: float = 300,
        check: bool = False,
    ) -> subprocess.CompletedProcess[str]:
        """Run a command (a string: by sh) as root inside, whatever sshd, sudo and the firewall do.

        subprocess.TimeoutExpired after `timeout` seconds; with `check`, subprocess.CalledProcessError on failure.
        """
        argv = ["sh", "-c", command] if isinstance(command, str) else list(command)
        result = Agent(self._folder / "agent.sock").run(argv, input, timeout)
        if check:
            result.check_returncode()
        return result

    def login(
        self,
        command: str,
        *,
        methods: Sequence[str] = ("publickey",),
        user: str | None = None,
        password: str | None = None,
        ipv6: bool = False,
        timeout: float = 180,
    ) -> subprocess.CompletedProcess[str]:
        """Log in from outside with OpenSSH's client, as the owner would unless told otherwise, and run a command."""
        return login(
            f"{user or self.user}@{self.address6 if ipv6 else self.address}",
            command,
            known_hosts=self.known_hosts,
            methods=methods,
            private_key=self.private_key,
            password=self.password if password is None else password,
            timeout=timeout,
        )

    def files(self, excluded: str) -> dict[str, Facts]:
        """All that lies on its disk now, as `compare_walk.walk` has it."""
        agent = Agent(self._folder / "agent.sock")
        return files(self.release, self._folder / "disk.qcow2", agent, excluded, self.disk.contents)

    def power_on(self) -> None:
        """Switch it on; it boots from its disk as that is. LabError when it is on."""
        if self.is_on():
            raise LabError(f"{self.name} is on")
        with (self._folder / "qemu.log").open("ab") as log:
            process = subprocess.Popen(
                ["sh", "-c", _SUPERVISE, "sh", str(self._pidfile), *self._qemu()],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        _plugs[self.name] = process

    def power_cut(self) -> None:
        """Pull the plug: QEMU is killed, and what the guest has not made its disk flush is lost, as far as can be.

        Its disk is opened without this machine's cache, and tells the guest that it has one of its own.
        """
        process = _plugs.pop(self.name, None)
        if process is None:
            return
        if self._pidfile.exists() and process.poll() is None:
            os.kill(int(self._pidfile.read_text()), signal.SIGKILL)
        assert process.stdin is not None
        process.stdin.close()
        process.wait()

    def plug_in(self, name: str, driver: str, **properties: str) -> None:
        """Plug something into USB, as QEMU's `device_add` has it (`usb-kbd`). LabError when it cannot."""
        self._monitor("device_add", id=name, driver=driver, bus="usb.0", **properties)

    def plug_in_disk(self, name: str) -> None:
        """An empty one of 64 MiB; plugged in again it is empty again."""
        file = self._folder / f"{name}.img"
        file.touch()
        os.truncate(file, 64 << 20)
        self._monitor("blockdev-add", driver="file", filename=str(file), **{"node-name": name})
        self.plug_in(name, "usb-storage", drive=name)

    def plug_in_network(self, name: str) -> None:
        """An adapter, at a cable that leads nowhere."""
        self._monitor("netdev_add", type="hubport", id=f"{name}-cable", hubid=0)
        self.plug_in(name, "usb-net", netdev=f"{name}-cable")

    def unplug(self, name: str) -> None:
        """Pull it out again; `keyboard` is plugged in from the beginning."""
        self._monitor("device_del", id=name)

    def _monitor(self, command: str, **arguments: str | int) -> None:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(30)
            connection.connect(str(self._folder / "monitor.sock"))
            file = connection.makefile("rb")
            for each in ({"execute": "qmp_capabilities"}, {"execute": command, "arguments": arguments}):
                connection.sendall(json.dumps(each).encode() + b"\n")
                answer = next(said for line in file if {"return", "error"} & (said := json.loads(line)).keys())
                if "error" in answer:
                    raise LabError(f"{self.name}: {command} {arguments}: {answer['error'].get('desc')}")

    def is_on(self) -> bool:
        """Whether it runs."""
        return self.name in _plugs and _plugs[self.name].poll() is None

    def wait_ssh(self, seconds: float = _BOOT_SECONDS) -> None:
        """Wait until the owner's key opens it, and all that starts at boot has started. LabError with the console."""
        deadline = time.monotonic() + seconds
        agent = Agent(self._folder / "agent.sock")
        while time.monotonic() < deadline and self.is_on():
            up = agent.ping()
            if up and self._opens():
                left = max(deadline - time.monotonic(), 1)
                self.run(["systemctl", "is-system-running", "--wait"], timeout=left)
                return
            time.sleep(7 if up else 1)  # a firewall that counts logins lets in one in six seconds
        state = f"no login within {seconds:.0f} s" if self.is_on() else "it is off"
        said = [line for path in (self.console, self._folder / "qemu.log") for line in _last(path)]
        raise LabError("\n".join([f"{self.name}: {state}; its console ends in:", *said]))

    def _opens(self) -> bool:
        try:
            return self.login("true").returncode == 0
        except subprocess.TimeoutExpired:
            return False

    def boot_id(self) -> str:
        """What tells one boot from the next."""
        return self.run(["cat", "/proc/sys/kernel/random/boot_id"], check=True).stdout.strip()

    def reboot(self) -> None:
        """Reboot in an orderly way, and wait until it is up again."""
        before = self.boot_id()
        self.run("systemd-run --quiet --on-active=0.5 systemctl reboot", check=True)
        deadline = time.monotonic() + _BOOT_SECONDS
        while time.monotonic() < deadline:
            time.sleep(2)
            with suppress(OSError, subprocess.SubprocessError):  # it may go down while it is asked
                self.wait_ssh(max(deadline - time.monotonic(), 1))
                if self.boot_id() != before:
                    return
        raise LabError(f"{self.name} did not reboot")

    def stop(self) -> None:
        """Pull the plug, and remove all that it was. Harmless when that was done before."""
        self.power_cut()
        if self._folder.exists():
            disconnect(Wire(self.index))
            shutil.rmtree(self._folder)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def _pidfile(self) -> Path:
        return self._folder / "pid"

    def _qemu(self) -> list[str]:
        wire = Wire(self.index)
        words = f"lab.address={wire.address}/24 lab.address={wire.address6}/64 {self.words}"
        # Accelerators, the best first. KVM only where asked for: in a virtual machine it may open and then fail.
        accelerator = os.environ.get("THORNWALL_VM_ACCEL", "tcg,thread=multi")
        return [
            *("qemu-system-x86_64", "-nodefaults", "-no-user-config", "-display", "none"),
            *("-machine", "q35", "-accel", accelerator, "-cpu", _PROCESSOR, "-smp", "2", "-m", _MEMORY),
            *("-kernel", str(self.disk.kernel), "-initrd", str(self.disk.initrd)),
            *("-append", f"root=PARTUUID=5a1c7e09-02 ro net.ifnames=0 console=ttyS0 {_FASTER} {words}"),
            *("-drive", f"file={self._folder / 'disk.qcow2'},if=virtio,format=qcow2,cache=none,aio=threads"),
            *("-netdev", f"tap,id=net0,ifname={wire.interface},script=no,downscript=no"),
            *("-device", f"virtio-net-pci,netdev=net0,mac=02:00:00:00:00:{self.index:02x}"),
            *("-device", "virtio-rng-pci", "-device", "virtio-serial-pci", "-device", "qemu-xhci,id=usb,p2=8,p3=8"),
            *("-device", "usb-kbd,id=keyboard,bus=usb.0"),
            *("-qmp", f"unix:{self._folder / 'monitor.sock'},server=on,wait=off"),
            *("-chardev", f"socket,path={self._folder / 'agent.sock'},server=on,wait=off,id=agent"),
            *("-device", "virtserialport,chardev=agent,name=org.qemu.guest_agent.0"),
            *("-chardev", f"file,id=console,path={self.console},append=on", "-serial", "chardev:console"),
        ]


# The supervisor of each machine that is on; the end of its standard input switches it off.
_plugs: dict[str, subprocess.Popen[bytes]] = {}


def start(release: str = "trixie", *, wait: bool = True, words: str = "") -> VM:
    """Switch a clean machine on, and wait until its owner can log in: a minute or two. It dies with this process.

    `words`: for its kernel. The first one of a release takes two minutes more. LabError where none can be.
    """
    if release not in RELEASES:
        raise LabError(f"no such release: {release}; there are {', '.join(RELEASES)}")
    if reason := missing_for_vm():
        raise LabError(reason)
    source = disk(release)
    with locked(lab_dir() / "hosts.lock"):
        _remove_leftovers()
        wire = reserve()
        name = f"{release}-vm-{wire.index}"
        folder = _runs() / name
        folder.mkdir(parents=True, mode=0o700)
        (folder / "owner").write_text(json.dumps([os.getpid(), process_started(os.getpid()), wire.index]))
    key = folder / "id_ed25519"
    machine = VM(name, release, wire.index, source.source.secrets, key, source, words)
    try:
        if source.source.private_key is not None:
            shutil.copy(source.source.private_key, key)
        _write_known_hosts(machine)
        backing = ["-b", str(source.path), "-F", "raw"]
        subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", *backing, str(folder / "disk.qcow2")], check=True)
        connect_tap(wire)
        machine.power_on()
        if wait:
            machine.wait_ssh()
    except BaseException:
        machine.stop()
        raise
    return machine


def _write_known_hosts(machine: VM) -> None:
    files = sorted((machine.disk.source.root / "etc/ssh").glob("ssh_host_*.pub"))
    keys = [" ".join(file.read_text().split()[:2]) for file in files]
    machine.known_hosts.write_text("".join(f"{machine.address},{machine.address6} {key}\n" for key in keys))


def _runs() -> Path:
    return lab_dir() / "vm-run"


def _remove_leftovers() -> None:
    """Remove the machines whose owner has died without stopping them; they died with it."""
    for note in _runs().glob("*/owner"):
        pid, started, index = json.loads(note.read_text())
        if process_started(pid) != started:
            disconnect(Wire(index))
            shutil.rmtree(note.parent)


def _last(path: Path) -> list[str]:
    return path.read_text(errors="replace").splitlines()[-15:] if path.exists() else []
