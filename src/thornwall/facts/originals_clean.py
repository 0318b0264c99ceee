"""Which files hold no secret: those alone are sent whole, so that they can be edited to the byte."""

from __future__ import annotations

from thornwall.facts.redact import PRIVATE_KEYS, VALUES

LIMIT = 262_144
_NAME = "(passw(or)?d|requirepass|masterauth|passphrase|secret|token|psk|community)"

CLEAN = f"""
function cleansed(s, l, w) {{
{PRIVATE_KEYS}
{VALUES}
}}
""" + r"""
function is_switch(s) {
    return tolower(s) ~ /[ \t](yes|no|on|off|true|false|none)[ \t]*;?$/
}
# whether the line gives a secret away; r_state is of the private keys
function secret(s, l) {
    # words that name passwords without being followed by one
    if (path ~ /\/sudoers/) gsub(/(NO)?PASSWD:/, "", s)
    if (path ~ /\/pam[.]d\//) sub(/^-?password[ \t]/, "", s)
    if (path ~ /\/smb[.]conf$/ && s ~ /^[ \t]*passwd (program|chat) =/) return 0
    l = tolower(s)
    if (l ~ /begin [a-z0-9 ]*(private|secret) key|putty-user-key-file/) return 1
    # motion: name:password
    if (l ~ /(userpass|_authentication)[ \t=]+[^ \t:]+:/ && l !~ /username:password/) return 1
    if (s ~ /^[ \t]*[#;]/) {
        # prose may speak of passwords: there only what is set to something counts, or a directive that was switched off
        sub(/^[ \t#;]+/, "", s)
        if (tolower(s) ~ /^[a-z_.-]*@name@[ \t]+[^ \t]+$/ && !is_switch(s)) return 1
        gsub(/[ \t]+/, "~", s)
    }
    # a directive whose name ends so, then its value; a header with a login
    else if (l ~ /^[ \t]*[a-z_.-]*@name@[ \t]+[^ \t=]/)
        return !is_switch(s)
    else if (l ~ /authorization["\047]?[ \t]+["\047]?(basic|bearer|token|digest)/) return 1
    return cleansed(s) != s
}
BEGIN {
    for (i = 1; i < ARGC; i++) {
        path = ARGV[i]
        r_state = ""
        size = found = 0
        while (!found && (got = (getline line < path)) > 0) {
            size += length(line) + 1
            found = size > @limit@ || secret(line)
        }
        close(path)
        if (!found && got == 0) print path
    }
}
""".replace("@name@", _NAME).replace("@limit@", str(LIMIT)).replace("'", r"\047")
"""An awk program: of the files that are its arguments, it prints the paths of those without a secret."""
