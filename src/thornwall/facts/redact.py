"""How files are cleansed on the device before a line of them is sent: the general filters.

Files that exist to hold secrets (shadow, Wi-Fi networks, first-boot seeds, keys) have strict filters of their own, in
the file of their subject: there only what is known to be harmless passes.
"""

from __future__ import annotations

from thornwall.model.probe import Redaction

MASK = "<redacted>"

PLAIN = Redaction("plain", "return s")
"""For what the kernel or the distribution writes and nobody puts a secret into (/proc, os-release)."""

PRIVATE_KEYS = r"""
    # a private key (PEM, OpenSSH, PuTTY, PGP): from its first line to its last
    l = tolower(s)
    if (l ~ /begin [a-z0-9 ]*(private|secret) key/) { r_state = "key"; return "<redacted>" }
    if (l ~ /^putty-user-key-file/ || l ~ /encrypted secret key/) { r_state = "keys"; return "<redacted>" }
    if (r_state == "key") { if (s ~ /----[- ]*END/) r_state = ""; return "<redacted>" }
    if (r_state == "keys") return "<redacted>"
    # a line of nothing but base64 or hex, as long as a key
    if (length(s) > 30 && s ~ /^[ \t#]*[A-Za-z0-9+\/_-]+=*[ \t]*$/ && s ~ /[0-9]/ && l ~ /[a-z]/ && s !~ /^[ \t]*\//)
        return "<redacted>"
"""
"""The first lines of a filter: no line of a private key passes, however the file came to hold one."""

VALUES = r"""
    # crypt(3) hashes, anywhere
    gsub(/[$][0-9a-z-]+[$][^:" \t,;]*/, "<redacted>", s)
    # what the makers of tokens put before them
    gsub(/(gh[pousr]_|github_pat_|glpat-|xox[abprs]-|sk_live_|AKIA|AGE-SECRET-KEY-|tskey-)[A-Za-z0-9_-]+/, "<redacted>", s)
    # scheme://user:password@host, and //token@host
    gsub(/\/\/[^\/ \t"\047]*@/, "//<redacted>@", s)
    gsub(/hooks[.]slack[.]com\/[^ \t"\047]*/, "hooks.slack.com/<redacted>", s)
    # a word that names a secret, then = or : or (some words) blanks, then its value to the end of the line
    l = tolower(s)
    w = "passw(or)?d|passphrase|secrets?|token|api[_-]?key|private[_-]?key|credentials?|psk|authorization|bearer"
    if (match(l, "(" w ")[\"\047]?[ \t]*[=:][ \t]*"))
        return substr(s, 1, RSTART + RLENGTH - 1) "<redacted>"
    # the same for shorter words, unless what follows is a path, a number or a switch
    w = "(^|[^a-z])(pass|passwd|pwd|pw|pin|auth|key|session|webhook)[\"\047]?[ \t]*[=:][ \t]*"
    if (match(l, w) && substr(l, RSTART + RLENGTH) !~ /^["\047]?(\/|(yes|no|on|off|true|false|none|[0-9]?[0-9]?[0-9]?)["\047]?[;,)]*([ \t]|$))/)
        return substr(s, 1, RSTART + RLENGTH - 1) "<redacted>"
    if (match(l, /(^|[ \t:])((wpa-)?(psk|password|passphrase)|wireless-key[0-9]?|requirepass|masterauth|passwd|secret|token)[ \t]+/))
        return substr(s, 1, RSTART + RLENGTH - 1) "<redacted>"
    # sshd_config: environments and forced commands; rsyslog: databases, tokens of services
    if (match(l, /^[ \t]*(setenv|forcecommand[ \t]+[^ \t]+|authorizedkeyscommand[ \t]+[^ \t]+)[ \t=]+/))
        return substr(s, 1, RSTART + RLENGTH - 1) "<redacted>"
    if (match(l, /:om[a-z]+:/)) return substr(s, 1, RSTART + RLENGTH - 1) "<redacted>"
    gsub(/[[][^] \t@]+@[0-9]+/, "[<redacted>", s)
    # fstab: user=name%password
    gsub(/user=[^ \t,%]*%[^ \t,]*/, "user=<redacted>", s)
    # options of programs
    if (match(l, /(^|[ \t\047"])--?(password|passwd|pass|passphrase|token|secret|user|pin|auth-?key|api-?key|key|x-[a-z-]*)[= \t]+/))
        return substr(s, 1, RSTART + RLENGTH - 1) "<redacted>"
    if (match(l, /(^|[ \t\/])((sshpass|mysql|mysqldump)[ \t]+-p|(curl|wget)[^#]*[ \t]-[uh])[ \t]*/))
        return substr(s, 1, RSTART + RLENGTH - 1) "<redacted>"
    return s
"""  # noqa: E501
"""The last lines of a filter: what looks like the value of a secret is masked."""

TEXT = Redaction(
    "text",
    PRIVATE_KEYS
    + r"""
    # comments: what people note down there, nothing judges
    if (s ~ /^[ \t]*[#;]/ && s !~ /^#!\// && l !~ /do not edit/) return substr(s, match(s, /[#;]/), 1)
    sub(/[ \t]#[ \t].*$/, " #", s)
"""
    + VALUES,
)
"""For configuration that people write: what looks like a secret is masked, comments stay behind, the rest passes."""
