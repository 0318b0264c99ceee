"""How files are cleansed on the device before a line of them is sent: the general filters.

Files that exist to hold secrets (shadow, Wi-Fi networks, first-boot seeds, keys) have strict filters of their own, in
the file of their subject: there only what is known to be harmless passes.
"""

from __future__ import annotations

from thornwall.model.probe import Redaction

MASK = "<redacted>"

PLAIN = Redaction("plain", "return s")
"""For what the kernel or the distribution writes and nobody puts a secret into (/proc, os-release)."""

TEXT = Redaction(
    "text",
    r"""
    # a PEM block or an OpenSSH private key: from its first line to its last
    if (s ~ /-----BEGIN [A-Z ]*PRIVATE KEY/) { r_state = "key"; return "<redacted>" }
    if (r_state == "key") { if (s ~ /-----END/) r_state = ""; return "<redacted>" }
    # crypt(3) hashes, anywhere
    gsub(/\$[0-9a-z]+\$[^:" \t,;]*/, "<redacted>", s)
    # scheme://user:password@host
    gsub(/:\/\/[^\/@ \t]*:[^\/@ \t]*@/, "://<redacted>@", s)
    # a word that names a secret, then = or : or (some words) blanks, then its value to the end of the line
    l = tolower(s)
    w = "passw(or)?d|passphrase|secret|token|api[_-]?key|private[_-]?key|credentials?|psk|authorization|bearer"
    if (match(l, "(" w ")[\"\047]?[ \t]*[=:][ \t]*"))
        return substr(s, 1, RSTART + RLENGTH - 1) "<redacted>"
    if (match(l, /(^|[ \t])(wpa-psk|psk|passphrase|requirepass|masterauth|passwd|password|secret|token)[ \t]+/))
        return substr(s, 1, RSTART + RLENGTH - 1) "<redacted>"
    # curl -u user:password, --password value, sshpass -p value
    if (match(l, /(^|[ \t])--?(password|passwd|pass|token|secret|user)[= \t]+/))
        return substr(s, 1, RSTART + RLENGTH - 1) "<redacted>"
    if (match(l, /(^|[ \t\/])((sshpass|mysql|mysqldump)[ \t]+-p|(curl|wget)[^#]*[ \t]-u)[ \t]*/))
        return substr(s, 1, RSTART + RLENGTH - 1) "<redacted>"
    return s
""",
)
"""For configuration that people write: what looks like a secret is masked, the rest passes."""
