"""What is written to the host: a first command line that every shell understands, and the sh that it leads to.

    login shell --exec--> /bin/sh: says hello, reads one line (`choose`)
      root, or no sudo wanted ----------------------------------.
      sudo -n works, or sudo takes the password --> /bin/sh ----+--> says 'ready UID', reads one line (`load`) and
                                                                     then the script: exactly so many bytes

Each part is sent only when the one before has announced itself with two nonces that never stand next to each other in
what was sent, so a shell that echoes its input announces nothing. `read` takes one byte at a time, so nothing that
follows a line is swallowed; `head -c` may swallow more than it is asked for, but nothing is sent after the script.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field

from thornwall.transport.base import Become

# The system comes first: what somebody put into /usr/local must not answer in its place.
_PATH = "/usr/sbin:/usr/bin:/sbin:/bin:/run/wrappers/bin:/usr/local/sbin:/usr/local/bin"
_CLEAN = f"LC_ALL=C PATH={_PATH}; export LC_ALL PATH; unset ENV BASH_ENV CDPATH"
# The group may be killed as a whole only if this shell leads it; then it holds nothing but our own processes.
_OWN_GROUP = 'g=; read -r s 2>/dev/null </proc/$$/stat && set -- ${s##*")"} && [ "$3" = $$ ] && g=0'
_FIND_SUDO = (
    "S=; for p in /run/wrappers/bin /usr/bin /bin /usr/local/bin; do [ -x $p/sudo ] && S=$p/sudo && break; done"
)
_NEXT = 'IFS= read -r x && eval "$x"'
# The script and all of its session below it, by who started whom: `timeout` has a group of its own, and a shell that
# waits for it does not hear a signal before it has ended. What has a session of its own is to outlive the script. (Of
# /proc/PID/stat behind the name, $2 is the parent and $4 the session.)
_TREE = (
    'of() { read -r s </proc/$1/stat && set -- ${s##*")"} && o="$2 $4"; }; '
    'tree() { t=" $p " n=; of $p; l=${o#* }; while [ "$t" != "$n" ]; do n=$t; for f in /proc/[0-9]*; do q=${f#/proc/}; '
    'of $q && [ "${o#* }" = "$l" ] || continue; case $t in *" $q "*) ;; *" ${o% *} "*) t="$t$q " ;; esac; done; done; }'
)
# sets `t`: what is below the script. All of it stands still, for each may start others before its signal comes; the
# script comes last, for with its end the watcher ends.
_STILL = (
    'still() { kill -STOP $p; tree; u=; while [ "$t" != "$u" ]; do u=$t; kill -STOP $t; tree; done; t=${t#" $p "}; }'
)
# stdin stays open for as long as we are interested: when it ends, the watcher stops the script and what it started.
# (The whole group only then, when it is killed: a signal to it as well would stop what cleans up after the first.)
_RUN = (
    f'{_TREE}; {_STILL}; exec 3<&0 </dev/null; (exec 3<&-; eval "$x") & p=$!; '
    '(trap "" TERM HUP PIPE; read -r y <&3; still; kill -TERM $t $p; kill -CONT $t; kill -CONT $p; sleep 2; still; '
    "kill -KILL $t ${g:-$p}) "
    ">/dev/null 2>&1 & w=$!; exec 3<&-; wait $p; s=$?; exec 2>/dev/null; kill -KILL $w; exit $s"
)
_INNER = '-- /bin/sh -c "a=$a b=$b g=$g; $i"'
_SUDO = {
    "never": ":",
    "if-possible": (
        'if [ -z "$S" ]; then e="sudo is not installed"; '
        f"else e=$($S -n -- /bin/sh -c : 2>&1 </dev/null) && exec $S -n {_INNER}; fi; "
        'printf "%s\\n" "$a refused $e $b"'
    ),
    "password": (
        f'[ -n "$S" ] || {{ printf "%s\\n" "$a nosudo $b"; exit 1; }}; exec $S -k -S -p "$a password $b" {_INNER}'
    ),
}


def _nonce() -> str:
    return secrets.token_hex(12)


@dataclass(frozen=True, slots=True)
class Wire:
    """The texts of one run. `a` and `b` are its nonces; every announcement is `a WORD… b`."""

    become: Become
    script: bytes
    a: str = field(default_factory=_nonce)
    b: str = field(default_factory=_nonce)

    def __post_init__(self) -> None:
        if b"\0" in self.script:
            raise ValueError("a script holds no NUL")

    @property
    def command(self) -> str:
        """The command line for the login shell: what it quotes is plain text to bash, zsh, fish, csh."""
        return f"exec /bin/sh -c '{self.argv[-1]}'"

    @property
    def argv(self) -> list[str]:
        """The same without a login shell, for this machine."""
        return ["/bin/sh", "-c", f'a={self.a} b={self.b}; echo "$a hello $b"; {_NEXT}']

    @property
    def choose(self) -> bytes:
        """The line that becomes root, or says why not, and announces `a ready UID b`."""
        inner = f'i=\'printf "%s\\n" "$a ready $(id -u) $b"; {_NEXT}\''
        become = f'[ "$(id -u)" = 0 ] || {{ {_FIND_SUDO}; {_SUDO[self.become.mode]}; }}'
        return f'{_CLEAN}; {_OWN_GROUP}; {inner}; {become}; eval "$i"\n'.encode()

    @property
    def load(self) -> bytes:
        """The line that reads the script, the script, and the mark without which nothing is run."""
        mark = f"# {self.b}"
        body = self.script + b"\n" + mark.encode()
        check = f'x=$(head -c {len(body)}); case $x in *"{mark}") ;; *) echo "$a truncated $b" >&2; exit 1 ;; esac'
        return f"{_CLEAN}; set --; {check}; {_RUN}\n".encode() + body
