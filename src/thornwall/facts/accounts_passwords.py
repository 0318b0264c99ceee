"""Trying known passwords on the device: hashes stay there, and so does which password it was."""

from __future__ import annotations

import re
from collections.abc import Mapping

from thornwall.model.accounts import Trial
from thornwall.model.capture import Capture
from thornwall.model.fact import Absent, Fact, Known, Unknown
from thornwall.model.passwords import LIKELY, WORMS
from thornwall.model.probe import Run

# Both programs: cheap hashes and the two likeliest of every account first, then one candidate after another on all
# accounts, one at a time, since a try of yescrypt takes 16 MiB; an account whose next try would not fit the CPU time is
# left as `partial`. A match says no number of tries, which would tell the password. The output of a line is `account,
# outcome, tried, total, kind` between tabs.
_PERL = r"""
$b = shift; $b = 60 if $b > 60; @c = qw(@likely@); $m = @c; push @c, qw(@worms@);
$cheap = qr/^(\$1\$|[^\$])/; # md5crypt, descrypt: others cost a thousand times more
open F, "<", "./etc/shadow" or exit 3;
while (<F>) {
  chomp; ($n, $h) = split /:/;
  push @a, [$n, $h, 0, 0] if $n =~ /^[A-Za-z0-9_.][A-Za-z0-9_.@-]*$/ && $h =~ /^[^!*:]{13,}$/;
}
close F;
sub cpu { my ($u, $s) = times; $u + $s }
sub try {
  my ($a, $c) = @_; my ($n, $h, $i, $cost, $end) = @$a;
  return if $end || $i > $c;
  if (cpu() + $cost > $b) { $a->[4] = "partial"; return }
  my $p = $c[$i] eq "\@name\@" ? $n : $c[$i];
  my $t = cpu(); my $r = crypt($p, $h); $t = cpu() - $t;
  if (!defined $r || $r =~ /^[*]/ || length $r < 13) { $a->[4] = "unsupported"; return }
  $a->[3] = $t if $t > $cost; $a->[2]++;
  return if $r ne $h;
  $a->[4] = "match";
  $a->[5] = $p eq $n ? "name" : $c[$i] eq "P\@ssw0rd!" ? "document" : "default";
}
for $c (0, 1) { try($_, $c) for @a }
for $a (grep { $_->[1] =~ /$cheap/ } @a) { try($a, $_) for 2 .. $#c }
for $c (2 .. $m - 1) { try($_, $c) for @a }
for (@a) {
  my $of = $_->[1] =~ /$cheap/ ? @c : $m; $_->[2] = $of if $_->[4] eq "match" || $_->[2] > $of;
  $_->[4] ||= $_->[2] == $of ? "none" : "partial";
  print join("\t", $_->[0], $_->[4], $_->[2], $of, $_->[5] || ""), "\n";
}
"""
_PYTHON = r"""
import ctypes, re, sys, time
b = min(float(sys.argv[1]), 60); m = "@likely@".split(); c = m + "@worms@".split()
for so in ("libcrypt.so.1", "libcrypt.so.2", "libcrypt.so"):
    try: crypt = ctypes.CDLL(so).crypt; break
    except (OSError, AttributeError): pass
else: sys.exit(127)
cheap = re.compile(r"\$1\$|[^$]").match
crypt.restype = ctypes.c_char_p; crypt.argtypes = [ctypes.c_char_p] * 2
a = []
for l in open("./etc/shadow", "rb"):
    f = l.decode("latin-1").rstrip("\n").split(":")
    if len(f) > 1 and re.match(r"[A-Za-z0-9_.][A-Za-z0-9_.@-]*$", f[0]) and re.match("[^!*]{13,}$", f[1]):
        a.append([f[0], f[1], 0, 0, "", ""])
def attempt(x, n):
    if x[4] or x[2] > n: return
    t = time.process_time()
    if t + x[3] > b: x[4] = "partial"; return
    p = x[0] if c[x[2]] == "@" + "name@" else c[x[2]]
    r = (crypt(p.encode("latin-1"), x[1].encode("latin-1")) or b"*").decode("latin-1")
    x[3] = max(x[3], time.process_time() - t)
    if r[0] == "*" or len(r) < 13: x[4] = "unsupported"; return
    was = c[x[2]]; x[2] += 1
    if r == x[1]:
        x[4] = "match"
        x[5] = "name" if p == x[0] else "document" if was == "P@ssw0rd!" else "default"
for n in (0, 1):
    for x in a: attempt(x, n)
for x in a:
    if cheap(x[1]):
        for n in range(2, len(c)): attempt(x, n)
for n in range(2, len(m)):
    for x in a: attempt(x, n)
for x in a:
    of = len(c) if cheap(x[1]) else len(m)
    if x[4] == "match" or x[2] > of: x[2] = of
    print(x[0], x[4] or ("none" if x[2] == of else "partial"), x[2], of, x[5], sep="\t")
"""


def _script() -> str:
    words = {"@likely@": " ".join(LIKELY), "@worms@": " ".join(WORMS)}
    perl, python = (re.sub("@(likely|worms)@", lambda match: words[match[0]], text) for text in (_PERL, _PYTHON))
    return (
        't=${THORNWALL_PASSWORD_SECONDS:-3}\n[ "$t" = 0 ] && exit 4\n'
        "if command -v perl >/dev/null 2>&1; then\n"
        f"exec perl -X - \"$t\" <<'EOF'{perl}EOF\n"
        "elif command -v python3 >/dev/null 2>&1; then\n"
        f"exec python3 -I - \"$t\" <<'EOF'{python}EOF\n"
        "fi\nexit 127"
    )


PROBE = Run(
    "known-passwords",
    _script(),
    seconds=90,
    shell=True,
    live=False,
    root=True,
    beside=True,
    follows=("./etc/shadow",),
)


def parse(capture: Capture) -> Fact[Mapping[str, Trial]]:
    """What came of it, by account name: accounts that are locked or have no password are not in it."""
    match capture.command(PROBE.name):
        case Known(result) if result.status == 0:
            return Known(dict(filter(None, map(_trial, result.text.splitlines()))))
        case Known(result) if result.status == 4:
            return Unknown("known passwords were not tried: the time for it is set to 0")
        case Known():
            return Unknown("known passwords could not be tried: the host's crypt failed")
        case Absent():
            return Unknown("known passwords could not be tried: the host has neither perl nor python3")
        case unknown if not capture.root:
            return Unknown("known passwords can be tried only against /etc/shadow, which only root reads", unknown.mend)
        case unknown:
            return unknown


def _trial(line: str) -> tuple[str, Trial] | None:
    words = line.split("\t")
    if len(words) != 5 or words[1] not in {"match", "none", "partial", "unsupported"}:
        return None
    name, outcome, tried, total, kind = words
    if not (tried.isdecimal() and total.isdecimal() and len(tried) < 6 and len(total) < 6):
        return None
    return name, Trial(outcome, int(tried), int(total), kind)
