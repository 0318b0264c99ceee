"""What of the account files may leave the device: never a hash, only its method; of keys only public ones."""

from __future__ import annotations

from thornwall.model.probe import Redaction

# Names as crypt(5) has them. w_h holds the field without the `!` or `*` that locks it, w_m its method.
_METHOD = r"""
    w_l = ""
    if (w_h ~ /^[!*]/) { w_l = "locked"; sub(/^[!*]+/, "", w_h) }
    if (w_h == "") w_m = w_l == "" ? "empty" : ""
    else if (w_h ~ /^[$]y[$]./) w_m = "yescrypt"
    else if (w_h ~ /^[$]gy[$]./) w_m = "gost-yescrypt"
    else if (w_h ~ /^[$]7[$]./) w_m = "scrypt"
    else if (w_h ~ /^[$]6[$]./) w_m = "sha512crypt"
    else if (w_h ~ /^[$]5[$]./) w_m = "sha256crypt"
    else if (w_h ~ /^[$]2x[$]./) w_m = "bcrypt-x"
    else if (w_h ~ /^[$]2[aby]?[$]./) w_m = "bcrypt"
    else if (w_h ~ /^[$]1[$]./) w_m = "md5crypt"
    else if (w_h ~ /^[$]sha1[$]./) w_m = "sha1crypt"
    else if (w_h ~ /^[$]md5[$,]./) w_m = "sunmd5"
    else if (w_h ~ /^[$]3[$]./) w_m = "nt"
    else if (w_h ~ /^_[.\/0-9A-Za-z]+$/ && length(w_h) == 20) w_m = "bsdicrypt"
    else if (w_h ~ /^[.\/0-9A-Za-z]+$/ && length(w_h) == 13) w_m = "descrypt"
    else if (w_h ~ /^[.\/0-9A-Za-z]+$/ && length(w_h) > 13 && length(w_h) % 11 == 2) w_m = "bigcrypt"
    else w_m = w_l == "" ? "unknown" : ""
    w_m = w_l == "" ? w_m : (w_m == "" ? w_l : w_l ":" w_m)
"""

SHADOW = Redaction(
    "shadow",
    r"""
    if (s == "") return ""
    w_n = split(s, w_f, ":")
    if (w_n < 2 || length(w_f[1]) > 32 || w_f[1] !~ /^[A-Za-z0-9_.][A-Za-z0-9_.@-]*[$]?$/) return "<redacted>"
    w_h = w_f[2]
"""
    + _METHOD
    + r"""
    gsub(/:/, ",", w_m)
    w_o = w_f[1] ":" w_m
    # the fields of password ageing: days, nothing else
    for (w_i = 3; w_i <= 8; w_i++)
        w_o = w_o ":" (w_i <= w_n && length(w_f[w_i]) < 8 && w_f[w_i] ~ /^-?[0-9]+$/ ? w_f[w_i] : "")
    return w_o ":"
""",
    strict=True,
)
"""For shadow(5): `pi:yescrypt:19800:0:99999:7:::`, `games:locked:…`, `old:locked,md5crypt:…`."""

PASSWD = Redaction(
    "passwd",
    r"""
    if (s == "") return ""
    w_n = split(s, w_f, ":")
    if (w_n < 2) return "<redacted>"
    w_h = w_f[2]
    if (w_h == "x") w_m = "x"
    else {
"""
    + _METHOD
    + r"""
    }
    gsub(/:/, ",", w_m)
    w_o = w_f[1] ":" w_m
    for (w_i = 3; w_i <= w_n; w_i++) {
        # a hash that slipped into another field
        gsub(/[$][0-9a-z]+[$].*/, "<redacted>", w_f[w_i])
        w_o = w_o ":" w_f[w_i]
    }
    if (w_o ~ /^[^:]*[$][0-9a-z]+[$]/) return "<redacted>"
    return w_o
""",
)
"""For passwd(5) and group(5): the password field gives way to `x` or the method of the hash; the rest passes."""

KEYS = Redaction(
    "authorized_keys",
    r"""
    sub(/^[ \t]+/, "", s)
    if (s == "") return ""
    if (s ~ /^#/) return "#"
    if (length(s) > 16384) return "<redacted>"
    w_o = ""
    w_t = "^(ssh-(rsa|dss|ed25519|ed448|xmss@openssh[.]com)|ecdsa-sha2-nistp(256|384|521)|" \
          "sk-(ssh-ed25519|ecdsa-sha2-nistp256)@openssh[.]com)[ \t]+AAAA[A-Za-z0-9+/]+=*([ \t]|$)"
    if (s !~ w_t) {
        # options stand before the key, up to the first blank outside quotes
        if (!match(s, /^([^" \t]|"([^"\\]|\\.)*")+[ \t]+/)) return "<redacted>"
        w_h = substr(s, 1, RLENGTH)
        s = substr(s, RLENGTH + 1)
        if (s !~ w_t) return "<redacted>"
        sub(/[ \t]+$/, "", w_h)
        while (w_h != "") {
            if (!match(w_h, /^[A-Za-z0-9-]+(=("([^"\\]|\\.)*"|[^,"]*))?(,|$)/)) return "<redacted>"
            w_i = substr(w_h, 1, RLENGTH)
            w_h = substr(w_h, RLENGTH + 1)
            sub(/,$/, "", w_i)
            # values may hold anything, a password in a command too: only addresses, dates and ports pass
            w_l = w_i
            sub(/^[^=]*=/, "", w_l)
            if (w_i ~ /=/ && (tolower(w_i) !~ /^(from|expiry-time|permitopen|permitlisten|tunnel)=/ ||
                              w_l !~ "^\"[]A-Za-z0-9.:,*?!/[_-]*\"$"))
                sub(/=.*/, "=\"<redacted>\"", w_i)
            w_o = w_o (w_o == "" ? "" : ",") w_i
        }
        w_o = w_o " "
    }
    gsub(/[$][0-9a-z]+[$][^ \t]*/, "<redacted>", s)
    return w_o substr(s, 1, 8192)
""",
    strict=True,
)
"""For authorized_keys: only lines that are public keys pass, because its owner can make it a link to any file."""
