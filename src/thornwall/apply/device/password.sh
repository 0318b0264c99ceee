# Tells whether a password is the one that an account has now. It comes through a pipe, and leaves no trace.
main() {
  N=@nonce@ SHADOW=@shadow@
  LC_ALL=C PATH=/usr/sbin:/usr/bin:/sbin:/bin
  export LC_ALL PATH
  unset PERL5LIB PERL5OPT PYTHONPATH PYTHONHOME LD_PRELOAD LD_LIBRARY_PATH
  answer=unknown
  if command -v perl >/dev/null 2>&1; then
    answer=$(typed | timeout -k 2 30 perl -e '
      my ($user, $p) = (scalar <STDIN>, scalar <STDIN>); chomp($user, $p);
      my $h = (getpwnam($user))[1];
      if ($ARGV[0] ne "/etc/shadow") {
        $h = undef;
        open(my $f, "<", $ARGV[0]) or exit 1;
        while (<$f>) { my @l = split /:/; $h = $l[1] if $l[0] eq $user }
      }
      if (!defined $h || $h !~ /^[\$A-Za-z0-9.\/_]/ || $h eq "x") { print "locked"; exit }
      my $c = crypt($p, $h); print defined $c && $c eq $h ? "yes" : "no"' "$SHADOW" 2>/dev/null)
  elif command -v python3 >/dev/null 2>&1; then
    answer=$(typed | timeout -k 2 30 python3 -I -c '
import ctypes, ctypes.util, sys
user, typed = sys.stdin.buffer.read().split(b"\n")[:2]
hashes = [line.split(b":")[1] for line in open(sys.argv[1], "rb") if line.startswith(user + b":")]
if not hashes or hashes[0][:1] in (b"", b"!", b"*"):
    print("locked")
else:
    crypt = ctypes.CDLL(ctypes.util.find_library("crypt") or "libcrypt.so.1").crypt
    crypt.restype = ctypes.c_char_p
    print("yes" if crypt(typed, hashes[0]) == hashes[0] else "no")' "$SHADOW" 2>/dev/null)
  fi
  printf '%s\tPASSWORD\t%s\n' "$N" "${answer:-unknown}"
}

typed() {
  printf '%s\n%s\n' @user@ @password@
}

{ main </dev/null; }
