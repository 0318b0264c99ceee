"""The lab's command line: python -m tests.lab build|start|stop|list|shell|clean."""

import argparse
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

from .errors import LabError
from .host import Host, clean, hosts, start
from .images import image
from .settings import RELEASES, VARIANTS
from .tools import missing


def main() -> int:
    """Exit status: 0 done, 1 the lab could not, 2 wrong usage."""
    arguments = _parser().parse_args()
    reason = missing()
    if reason:
        print(f"lab: {reason}", file=sys.stderr)
        return 1
    try:
        status: int = arguments.act(arguments)
    except LabError as error:
        print(f"lab: {error}", file=sys.stderr)
        return 1
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.lab", description="Debian hosts that really boot.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    build = commands.add_parser("build", help="build the roots that the cache does not have")
    build.add_argument("release", nargs="*", choices=[*RELEASES, []], help=f"{' or '.join(RELEASES)} (all)")
    build.set_defaults(act=_build)
    begin = commands.add_parser("start", help="boot a clean host that runs until it is stopped")
    begin.add_argument("release", choices=RELEASES)
    begin.add_argument("variant", choices=VARIANTS)
    begin.add_argument("--packages", action="store_true", help="with packages at hand that it may be asked to install")
    begin.set_defaults(act=_start)
    stop = commands.add_parser("stop", help="stop hosts and remove their files")
    stop.add_argument("name", nargs="*", help="as 'list' names them (all)")
    stop.set_defaults(act=_stop)
    commands.add_parser("list", help="the hosts that run").set_defaults(act=_list)
    shell = commands.add_parser("shell", help="a root shell in a host, or a command")
    shell.add_argument("name")
    shell.add_argument("command", nargs=argparse.REMAINDER)
    shell.set_defaults(act=_shell)
    commands.add_parser("clean", help="stop all, and remove the cache").set_defaults(act=_clean)
    return parser


def _build(arguments: argparse.Namespace) -> int:
    def every_variant(release: str) -> None:
        for variant in VARIANTS:
            image(release, variant)

    with ThreadPoolExecutor() as threads:
        list(threads.map(every_variant, arguments.release or RELEASES))
    return 0


def _start(arguments: argparse.Namespace) -> int:
    _show(start(arguments.release, arguments.variant, keep=True, packages=arguments.packages))
    return 0


def _list(_: argparse.Namespace) -> int:
    for host in hosts():
        _show(host)
    return 0


def _show(host: Host) -> None:
    print(f"{host.name}  ssh {host.user}@{host.address} (or {host.address6})  password {host.password}")
    print(f"  root {host.root}")
    print(f"  known_hosts {host.known_hosts}")
    if host.private_key:
        print(f"  key {host.private_key}")
    if host.secrets.totp_secret:
        print(f"  code {host.totp()} (secret {host.secrets.totp_secret})")


def _stop(arguments: argparse.Namespace) -> int:
    for host in [_named(name) for name in arguments.name] or hosts():
        host.stop()
    return 0


def _shell(arguments: argparse.Namespace) -> int:
    host = _named(arguments.name)
    command = [*host.machine.enter(), *(arguments.command or ["su", "-"])]
    return subprocess.run(command, check=False).returncode


def _named(name: str) -> Host:
    for host in hosts():
        if host.name == name:
            return host
    raise LabError(f"no host {name} is running; 'list' shows those that are")


def _clean(_: argparse.Namespace) -> int:
    clean()
    return 0


if __name__ == "__main__":
    sys.exit(main())
