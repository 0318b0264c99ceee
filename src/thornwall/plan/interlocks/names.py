"""The names of all interlocks, those of fixes among them."""

from __future__ import annotations

ANSWERABLE = frozenset(
    {
        "account-lock",
        "allow-users",
        "bluetooth-off",
        "camera-stream-open",
        "database-open-to-network",
        "firewall-allows-unused-port",
        "forwarding-off",
        "forwards-for-others",
        "hidepid-on",
        "login-throttle",
        "needless-service",
        "nopasswd-off",
        "others-write-here",
        "password-ageing",
        "password-login-off",
        "programs-in-tmp",
        "root-login-off",
        "samba-guest-share",
        "service-off",
        "service-stays-on",
        "setuid-needed",
        "snmp-default-community",
        "usb-disk-plugged-in",
        "usb-gadget-on",
        "usb-storage",
        "usbguard",
        "use-pam-no",
        "userns-off",
        "wifi-off",
        "wifi-on",
    }
)
"""Those that the owner may answer with 'all the same' (`--accept`), if not on every host."""

BY_DEED = frozenset(
    {
        "authorized-keys",
        "autologin-off",
        "avahi-off",
        "disk-full",
        "dpkg-locked",
        "firewall-on",
        "modeless-mount",
        "needs-running",
        "new-password-known",
        "not-exact",
        "open-folder",
        "overlay-root",
        "pending-reload",
        "read-only-mount",
        "read-only-root",
        "room-for-packages",
        "serial-console-off",
        "ssh-port",
        "transaction-open",
    }
)
"""Those that no answer unlocks."""
