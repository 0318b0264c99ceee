"""The typed facts of one host: what rules see."""

from __future__ import annotations

from thornwall.model.accounts import Accounts
from thornwall.model.backup import Backup
from thornwall.model.boot import Boot
from thornwall.model.fact import Fact, Unknown
from thornwall.model.filesystem import FileSystem
from thornwall.model.firewall import Firewall
from thornwall.model.host import Host
from thornwall.model.kernel import Kernel
from thornwall.model.logs import Logs
from thornwall.model.network import Network
from thornwall.model.pam import Pam
from thornwall.model.radios import Radios
from thornwall.model.record import record
from thornwall.model.schedule import Schedule
from thornwall.model.servers import Servers
from thornwall.model.services import Services
from thornwall.model.sessions import Sessions
from thornwall.model.ssh import SshServer
from thornwall.model.sudo import Sudo
from thornwall.model.updates import Updates
from thornwall.model.usb import Usb

NOT_READ = Unknown("it was not read")


@record
class Snapshot:
    """One field a subject; each is built by the file of the same name in `thornwall.facts`."""

    host: Fact[Host] = NOT_READ
    accounts: Fact[Accounts] = NOT_READ
    sudo: Fact[Sudo] = NOT_READ
    pam: Fact[Pam] = NOT_READ
    sessions: Fact[Sessions] = NOT_READ
    ssh: Fact[SshServer] = NOT_READ
    network: Fact[Network] = NOT_READ
    firewall: Fact[Firewall] = NOT_READ
    services: Fact[Services] = NOT_READ
    servers: Fact[Servers] = NOT_READ
    updates: Fact[Updates] = NOT_READ
    logs: Fact[Logs] = NOT_READ
    schedule: Fact[Schedule] = NOT_READ
    filesystem: Fact[FileSystem] = NOT_READ
    boot: Fact[Boot] = NOT_READ
    radios: Fact[Radios] = NOT_READ
    kernel: Fact[Kernel] = NOT_READ
    usb: Fact[Usb] = NOT_READ
    backup: Fact[Backup] = NOT_READ
