"""How command lines are cleansed on the device: of what a job or a service runs, only words that are no secret pass.

A password stands in a command line in more ways than can be listed (`-pSECRET`, `me:SECRET@host`, `?auth=SECRET`, `echo
SECRET |`). So it is the other way round: programs, options, paths, small numbers, variables and a few words that every
shell script has pass, and everything else is masked. Line numbers stay true.
"""

from __future__ import annotations

from thornwall.facts.redact import PRIVATE_KEYS
from thornwall.model.probe import Redaction

_WRAPPERS = (
    "sudo nice ionice env nohup timeout flock chronic exec time command setsid systemd-cat run-one xargs stdbuf chrt"
    " taskset eatmydata if then elif else do while until eval source export ! . {"
    " up pre-up post-up down pre-down post-down"
)
# what may stand anywhere: words of sh, programs and the verbs by which a backup or a download is recognised
_WORDS = (
    "fi done case esac for in function return exit set true false test cd echo read sh bash dash zsh ksh ash python"
    " python3 perl php ruby node tar dd gzip xz zstd curl wget rsync ssh scp sftp borg borgmatic restic autorestic"
    " resticprofile rclone duplicity duply rsnapshot rdiff-backup tarsnap kopia timeshift btrbk btrfs zfs backupninja"
    " backup2l rpi-clone image-backup bupstash bup snapshot create backup copy copyto sync bisync save send prune check"
    " forget list info run start stop restart reload update upgrade full-upgrade dist-upgrade enable add inet ip ip6"
    " filter table chain ruleset root"
)
_SECRET = "pass|pwd|secret|token|key|auth|pin|cred|psk|session|webhook"  # noqa: S105 - names of secrets, no secret

_WRAPPER = _WRAPPERS.replace(".", "[.]").replace("{", "[{]").replace(" ", "|")
_ANYWHERE = _WORDS.replace(" ", "|")
_PATH = r"([.~]|[.][.])?\/[A-Za-z0-9_.\/@:+,%~*?-]*"

WORDS = (
    rf"""
    # from `s` to `w_o`, word by word; w_c: a program comes next, w_s: a secret does, w_g: which program this is
    w_s = w_p = w_g = w_o = ""
    while (s != "") {{
        if (match(s, /^[ \t\047";&|(){{}}<>`\\]+/)) {{
            w = substr(s, 1, RLENGTH)
            s = substr(s, RLENGTH + 1)
            w_o = w_o w
            if (w ~ /[;&|(`]/ || w ~ /[{{][ \t]/) {{ w_c = 1; w_s = w_g = "" }}
            # sh -c "…"
            if (w ~ /[\047"]/ && w_p ~ /^-[a-z]*c$/) w_c = 1
            continue
        }}
        # scheme://user:password@host/path?token=…: the host passes
        if (match(s, /^[A-Za-z][A-Za-z0-9+.-]*\\?:\/\/[^ \t\047"`<>|;)]*/)) {{
            w = substr(s, 1, RLENGTH)
            s = substr(s, RLENGTH + 1)
            match(w, /\/\//)
            w_o = w_o substr(w, 1, RSTART + 1)
            w = substr(w, RSTART + 2)
            l = w
            sub(/[\/?#].*/, "", l)
            sub(/.*@/, "<redacted>@", l)
            if (w_s != "" || l !~ /^(<redacted>@)?([A-Za-z0-9.-]+(:[0-9]*)?|\[[0-9A-Fa-f:]+\](:[0-9]*)?)?$/) l = "<redacted>"
            w_o = w_o l
            if (w ~ /[\/?#]./) w_o = w_o "/<redacted>"
            w_s = w_p = ""
            w_c = 0
            continue
        }}
        if (match(s, /^[$][{{][A-Za-z0-9_@#*!]+[}}]/)) {{
            w = substr(s, 1, RLENGTH)
            s = substr(s, RLENGTH + 1)
            w_o = w_o w
            w_s = w_p = ""
            w_c = 0
            continue
        }}
        match(s, /^[^ \t\047";&|(){{}}<>`\\]+/)
        w = substr(s, 1, RLENGTH)
        s = substr(s, RLENGTH + 1)
        l = tolower(w)
        # NAME=value
        if (w ~ /^-?-?[A-Za-z_][A-Za-z0-9_.-]*\\?=/) {{
            match(w, /=/)
            w_o = w_o substr(w, 1, RSTART)
            w_n = substr(l, 1, RSTART)
            w = substr(w, RSTART + 1)
            if (w == "" && match(s, /^("[^"]*"?|\047[^\047]*\047?)/)) {{
                w_q = substr(s, 1, 1)
                w = substr(s, 2, RLENGTH - 1)
                s = substr(s, RLENGTH + 1)
                sub(/[\047"]$/, "", w)
                w_o = w_o w_q
            }}
            else w_q = ""
            if (w_n ~ /{_SECRET}/ && w !~ /^([$][A-Za-z_(]?[A-Za-z0-9_]*)?$/) w = "<redacted>"
            else if (w !~ /^({_PATH}|[$][A-Za-z0-9_]*|[0-9]?[0-9]?[0-9]?[0-9]?[kKMGsmhd]?|[a-z]?[a-z]?[a-z]?)$/ || w ~ /^\/\//) w = "<redacted>"
            w_o = w_o w w_q
            w_s = w_p = ""
            continue
        }}
        w_n = l
        if (w_g ~ /^a?getty$/) {{
            if (w !~ /^[A-Za-z0-9_.,%$@-]*$/) w = "<redacted>"
            w_o = w_o w
            continue
        }}
        if (w ~ /^--[A-Za-z][A-Za-z0-9-]*$/ && length(w) < 32) {{
            w_s = (l ~ /{_SECRET}/ || (l == "--user" && w_g ~ /^(curl|wget)$/)) ? "long" : ""
            w_p = w
            w_o = w_o w
            continue
        }}
        if (w ~ /^-[A-Za-z]$/) {{
            w_s = (w ~ /[pPkKuUawWXAscx]/) ? "short" : ""
            w_p = w
            w_o = w_o w
            continue
        }}
        if (w ~ /^-[A-Za-z]/) {{
            if (w ~ /^-[pPuUkKaA]/ && !(w ~ /^-[A-Za-z]+$/ && length(w) < 7 && w_g ~ /^(tar|rsync|cp|mkdir|find|ls)$/))
                w = substr(w, 1, 2) "<redacted>"
            else if (w !~ /^-[A-Za-z]+$/ || (length(w) > 7 && w !~ /^-[a-z]+$/) || length(w) > 16) w = substr(w, 1, 2) "<redacted>"
            w_s = (tolower(w) ~ /{_SECRET}/) ? "long" : ""
            w_p = w
            w_o = w_o w
            continue
        }}
        w_p = ""
        if (w_s == "long") w = "<redacted>"
        else if (w ~ /^{_PATH}$/ && w !~ /^\/\//) {{
            if (w_c) {{ w_g = w; sub(/.*\//, "", w_g); w_c = w_g ~ /^({_WRAPPER})$/ }}
        }}
        else if (w ~ /^[$][A-Za-z0-9_@*#?!]*(\/[A-Za-z0-9_.\/*-]*)?$/) w_c = 0
        else if (w_c && w ~ /^[a-z[][a-z0-9_.+-]*$/ && length(w) < 24) {{
            w_g = w
            w_c = w ~ /^({_WRAPPER})$/
        }}
        else if (w_s == "short" && w !~ /^[a-z]?[a-z]?[0-9]?[0-9]?$/) w = "<redacted>"
        else if (w ~ /^({_ANYWHERE})$/) w_c = 0
        else if (w ~ /^[0-9][0-9.]?[0-9]?[0-9]?[0-9]?[smhdkKMGT%]?$/ || w !~ /[A-Za-z0-9]/ || length(w) < 3) {{ if (w == "!" || w == ".") w_c = 1 }}
        # host:/path
        else if (w_g ~ /^(rsync|scp|sftp|borg|restic|rclone|zfs)$/ && w ~ /^[A-Za-z0-9_.-]+(@[A-Za-z0-9_.-]+)?:/) {{
            match(w, /:/)
            l = substr(w, RSTART + 1)
            w = substr(w, 1, RSTART) ((l == "" || (l ~ /^{_PATH}$/ && l !~ /^\/\//)) ? l : "<redacted>")
        }}
        else {{ w = "<redacted>"; if (w_c && w_g == "") w_c = 0 }}
        w_o = w_o w
        w_s = ""
    }}
"""  # noqa: E501
).strip("\n")
"""From `s`, a command line, to `w_o`; the caller sets w_c = 1 if it begins with a program, else 0."""

CRON = Redaction(
    "cron",
    PRIVATE_KEYS
    + r"""
    if (s ~ /^[ \t]*$/) return ""
    if (s ~ /^[ \t]*#/) return "#"
    # a setting
    if (match(s, /^[ \t]*["\047]?[A-Za-z_][A-Za-z0-9_]*["\047]?[ \t]*=/)) {
        if (s ~ /^[ \t]*(PATH|SHELL|HOME|CRON_TZ|TZ|RANDOM_DELAY|START_HOURS_RANGE)[ \t]*=[ \t]*["\047]?[A-Za-z0-9_.\/:~$ -]*["\047]?[ \t]*$/)
            return s
        return substr(s, 1, RLENGTH) "<redacted>"
    }
    w_n = "[ \t]+"
    w_h = "[-0-9A-Za-z*,\\/~]+" w_n
    if (FILENAME ~ /anacrontab$/) w_h = "^[ \t]*[0-9@a-z]+" w_n "[0-9]+" w_n "[A-Za-z0-9_.-]+" w_n
    else {
        w_h = "^[ \t]*(@[a-z]+" w_n "|" w_h w_h w_h w_h w_h ")"
        if (FILENAME !~ /\/spool\//) w_h = w_h "[A-Za-z0-9_.$-]+" w_n
    }
    if (!match(s, w_h)) return "<redacted>"
    w_h = substr(s, 1, RLENGTH)
    s = substr(s, RLENGTH + 1)
    w_c = 1
"""  # noqa: E501
    + WORDS
    + r"""
    return w_h w_o
""",
    strict=True,
)
"""For crontabs: when, who, and the command without its secrets."""

SCRIPT = Redaction(
    "script",
    r"""
    # of a script only the lines by which a backup or a firewall is recognised
    if (FNR == 1 && s ~ /^#![ ]?\/[a-z\/]+[ ]?[a-z0-9.]*$/) return s
    if (s ~ /^[ \t]*#/) return "#"
    if (s !~ /(^|[^A-Za-z])(borg|restic|rclone|duplicity|duply|rsnapshot|rdiff-backup|tarsnap|kopia|timeshift|btrbk|backupninja|backup2l|rpi-clone|image-backup|proxmox-backup-client|bup|bupstash|zfs|btrfs|dd|tar|rsync|ip6?tables|nft|ufw)/)
        return ""
    w_c = 1
"""  # noqa: E501
    + WORDS
    + r"""
    return w_o
""",
    strict=True,
)
"""For shell scripts: only lines that run a program by which a backup or a firewall is recognised."""
