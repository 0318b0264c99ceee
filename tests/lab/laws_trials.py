"""The hosts on which the laws are tried. See laws.py."""

from thornwall.model.rule import Preset

from . import laws_apart, laws_services, laws_settings, laws_system
from .laws import Case, Trial

ACCEPTS = frozenset(
    {
        *("account-lock", "bluetooth-off", "camera-stream-open", "database-open-to-network", "nopasswd-off"),
        *("firewall-allows-unused-port", "forwarding-off", "forwards-for-others", "needless-service"),
        *("others-write-here", "password-ageing", "programs-in-tmp", "samba-guest-share", "service-off"),
        *("setuid-needed", "snmp-default-community", "usb-disk-plugged-in", "usb-gadget-on", "wifi-on"),
    }
)

INSTALL = (
    "export DEBIAN_FRONTEND=noninteractive; apt-get install -qq -y -o Dpkg::Use-Pty=0 {} >/dev/null 2>&1 </dev/null\n"
)
# what brings packages, or removes them
_PACKAGES = frozenset({"firewall", "updates", "tools", "no-password-quality", "needless-service-installed"})

MAIN = Trial(
    "main",
    (*laws_settings.CASES, *laws_services.CASES, *laws_system.CASES),
    skip=_PACKAGES | {"no-mac"},
    accepts=ACCEPTS,
)

OTHER = Trial(
    "other",
    laws_apart.OTHER,
    skip=_PACKAGES | {"radios", "no-login-throttle", "no-mac"},
    accepts=ACCEPTS,
)


def _firewall(
    name: str, cases: tuple[Case, ...], *more: str, preset: Preset = Preset.STRICT, differs: str = "(?!)"
) -> Trial:
    return Trial(
        name,
        cases,
        prepare=INSTALL.format("ufw"),
        only=frozenset({"firewall", *more}),
        accepts=ACCEPTS,
        preset=preset,
        differs=differs,
        packages=True,
        sixth=preset is Preset.STRICT,  # which counts connections
    )


TRIALS = (
    MAIN,
    OTHER,
    _firewall("firewall-off", laws_apart.OFF, "ssh-use-pam-no", "journal-uncapped", "sensitive-file-mode"),
    # ufw told to leave IPv6 alone lets none of it in, once it has started again
    _firewall("firewall-half", laws_apart.HALF, preset=Preset.RECOMMENDED, differs="nft table ip6 filter: "),
    _firewall("firewall-open", laws_apart.OPEN),
    # the same rules, in another order of chains; and a target that was never needed before
    _firewall("firewall-gone", laws_apart.GONE, differs=r"nft table ip6? filter: |unit network-pre\.target"),
    _firewall("firewall-idle", laws_apart.IDLE),
)


# an archive on the host itself, which apt reaches without a network, with an update that is none for security
_ARCHIVE = """
mkdir -p /srv/archive/frame/DEBIAN
cd /srv/archive
for version in 1 2; do
    printf 'Package: frame\\nVersion: %s\\nArchitecture: all\\nMaintainer: nobody\\nDescription: pictures\\n' $version \
        >frame/DEBIAN/control
    dpkg-deb --root-owner-group -b frame frame_$version.deb >/dev/null
done
dpkg -i frame_1.deb >/dev/null
{
    cat frame/DEBIAN/control
    printf 'Filename: ./frame_2.deb\\nSize: %s\\n' "$(stat -c %s frame_2.deb)"
    printf 'SHA256: %s\\n' "$(sha256sum frame_2.deb | cut -d' ' -f1)"
} >Packages
printf '%s: %s\\n' Origin Frames Label Frames Suite stable Codename trixie >Release
rm -r frame frame_1.deb
rm -f /etc/apt/sources.list /etc/apt/sources.list.d/*
echo 'deb [trusted=yes] file:/srv/archive ./' >/etc/apt/sources.list.d/frames.list
apt-get -qq update
cd /
"""
_LONG_AGO = "find /var/lib/apt/lists /var/lib/apt/periodic -exec touch -d -90days {} +\n"
_SERVED = frozenset({"avahi-listening", "cups-listening", "rpcbind-listening", "telnet-listening"})
_TOOLS = frozenset({"no-file-integrity-check", "package-files-unchecked", "updates-leave-old-code-running"})

RECORDED = (
    *TRIALS,
    Trial(
        "packages",
        (),
        only=_SERVED
        | _TOOLS
        | {"needless-service-installed", "no-password-quality", "pending-security-updates", "update-news-untold"},
        accepts=ACCEPTS,
        packages=True,
    ),
    Trial("lists", (), prepare=_ARCHIVE + _LONG_AGO, only=frozenset({"stale-package-lists"})),
    Trial("archive", (), prepare=_ARCHIVE, only=frozenset({"pending-updates"})),
    Trial(
        "machine",
        (),
        prepare="systemctl disable -q --now systemd-timesyncd.service\n",
        only=frozenset({"no-auditd", "no-mac", "no-time-sync", "usb-devices-allowed"}),
        accepts=ACCEPTS,
        machine=True,
    ),
    Trial(
        "machine-audited",
        (),
        prepare="DEBIAN_FRONTEND=noninteractive apt-get -qq install auditd >&2\n",
        only=frozenset({"no-audit-rules"}),
        machine=True,
    ),
)
"""Those that are captured before and after, for the laws in memory: see laws_captures.py."""
