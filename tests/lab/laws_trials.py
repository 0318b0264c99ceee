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
