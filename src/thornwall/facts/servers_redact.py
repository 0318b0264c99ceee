"""What of the configuration of web servers may leave the device: where they answer and with what, not what they hold.

Headers, upstreams, environments and hooks hold keys as often as not; of a directive that is not judged only the braces
are sent, so that what stands in which block stays true.
"""

from __future__ import annotations

from thornwall.facts.redact import PRIVATE_KEYS
from thornwall.model.probe import Redaction

NGINX = Redaction(
    "nginx",
    r"""
    # r_state: an open quote or `-`, then what becomes of the directive: n(one yet), k(ept), r(eturn), l(ocation), m(asked)
    if (r_state == "") r_state = "-n"
    w_q = substr(r_state, 1, 1)
    w_k = substr(r_state, 2, 1)
    w_o = ""
    while (s != "") {
        l = 1
        if (w_q != "-") {
            if (match(s, w_q == "\"" ? "^([^\"\\\\]|\\\\.)*\"" : "^([^\047\\\\]|\\\\.)*\047")) { l = RLENGTH; w = w_q; w_q = "-" }
            else { l = length(s); w = "" }
            if (w_k == "k") w_o = w_o substr(s, 1, l)
            else if (w_k == "r") w_o = w_o (s ~ /^https:\/\// ? "https://" : "x") w
        }
        else if (match(s, /^[ \t\r]+/)) { l = RLENGTH; w_o = w_o " " }
        else if (s ~ /^#/) { w_o = w_o "#"; l = length(s) }
        else if (s ~ /^[;{}]/) { w_o = w_o substr(s, 1, 1); w_k = "n" }
        else if (s ~ /^["\047]/) {
            w_q = substr(s, 1, 1)
            if (w_k == "n") { w_k = "m"; w_o = w_o "redacted" }
            if (w_k ~ /[kr]/) w_o = w_o w_q
        }
        else {
            if (match(s, /^(\\.|[$][{][^}]*[}]|[^ \t\r{};"\047#\\])+/)) l = RLENGTH
            w = substr(s, 1, l)
            if (w_k == "n") {
                w_k = "m"
                if (w ~ /^(events|http|server|stream|types|mail|listen|server_name|include|ssl|autoindex|server_tokens|fastcgi_pass|dav_methods|ssl_protocols|if|map|upstream)$/)
                    w_k = (w ~ /^(if|map|upstream|types)$/) ? "m" : "k"
                else if (w ~ /^(return|rewrite)$/) w_k = "r"
                else if (w == "location") w_k = "l"
                w_o = w_o (w_k != "m" || w ~ /^[a-z_]+$/ ? w : "redacted")
            }
            else if (w_k == "k") w_o = w_o w
            else if (w_k == "r") w_o = w_o (w ~ /^[1-5][0-9][0-9]$/ ? w : w ~ /^https:\/\// ? "https://x" : "x")
            else if (w_k == "l") w_o = w_o (w ~ /^(\/|=|~\*?|\^~|[^ ]*\/[.]well-known\/[^ ]*)$/ ? w : "/redacted")
        }
        s = substr(s, l + 1)
    }
    r_state = w_q w_k
    return w_o
""",  # noqa: E501
    strict=True,
)

APACHE = Redaction(
    "apache",
    r"""
    sub(/^[ \t]+/, "", s)
    l = tolower(s)
    gsub(/:\/\/[^ \t"]*/, "://x", s)
    if (l ~ /^<\/?(virtualhost|ifmodule|ifdefine|if|else|elseif)([ \t>]|$)/) return s
    if (l ~ /^<\/?[a-z]+/) { match(l, /^<\/?[a-z]+/); return substr(s, 1, RLENGTH) ">" }
    if (l ~ /^(listen|sslengine|include|includeoptional|servertokens|serversignature|traceenable|options|servername|sslprotocol)[ \t]/)
        return s
    if (l ~ /^redirect(match|permanent|temp)?[ \t]/) return s
    if (match(s, /^[Rr]ewrite[Rr]ule[ \t]+[^ \t]+[ \t]+/)) return "RewriteRule x " substr(s, RLENGTH + 1)
    return s == "" ? "" : "#"
""",  # noqa: E501
    strict=True,
)

LIGHTTPD = Redaction(
    "lighttpd",
    r"""
    if (s ~ /^[ \t]*#/) return "#"
    sub(/^[ \t]+/, "", s)
    gsub(/:\/\/[^ \t"]*/, "://x", s)
    if (s ~ /^(server[.](port|bind|use-ipv6)|ssl[.]engine|url[.]redirect|dir-listing[.]activate|server[.]dir-listing|include|include_shell|else)[^A-Za-z]/)
        return s
    if (s ~ /^[$](SERVER|HTTP)\["(socket|scheme)"\][ \t]*==/) return s
    gsub(/[^{}]/, "", s)
    return s
""",  # noqa: E501
    strict=True,
)

CADDY = Redaction(
    "caddy",
    r"""
    # r_state: how deep in braces
    if (s ~ /^[ \t]*(#|$)/) return ""
    l = r_state + 0
    w = s
    r_state = l + gsub(/[{]/, "", w) - gsub(/[}]/, "", w)
    if (r_state < 0) r_state = 0
    if (l == 0 && s ~ /^[ \t]*[]A-Za-z0-9:.,\/*_ \t[-]*[{][ \t]*$/) return s
    if (s ~ /^[ \t]*redir[ \t].*https:\/\//) return "redir https://x"
    gsub(/[^{}]/, "", s)
    return s
""",
    strict=True,
)

HBA = Redaction(
    "hba",
    PRIVATE_KEYS
    + r"""
    if (s ~ /^[ \t]*#/) return "#"
    # type, database, user, address, method; its options name directories and their passwords
    if (match(s, /[ \t](trust|reject|md5|password|scram-sha-256|gss|sspi|ident|peer|ldap|radius|cert|pam|bsd)([ \t]|$)/))
        return substr(s, 1, RSTART + RLENGTH - 1)
    return s == "" ? "" : "<redacted>"
""",  # noqa: E501
    strict=True,
)
"""For pg_hba.conf: who may come from where by which method."""
