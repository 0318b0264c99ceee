# One change at a time, with a number of its own. Needs `refuse`; sets `locked` once LOCK is to be removed again.

# what is open, or goes back, comes to its end first
none_open() {
  [ -d ./var/lib/thornwall ] || return 0
  set +f
  for other in ./var/lib/thornwall/[0-9]*/state/open ./var/lib/thornwall/[0-9]*/state/undoing; do
    after_a_cut "${other%/state/*}"
    [ -e "$other" ] || continue
    other=${other%/state/*}
    refuse "change ${other##*/} is still open on this host" "confirm it, or undo it: thornwall status tells"
  done
  set -f
}

take_lock() {
  LOCK=/run/thornwall.lock
  [ "$LIVE" = 1 ] || LOCK=./var/lib/thornwall/lock
  if [ ! -d ./var/lib/thornwall ]; then
    # (the folder around it does not show that it came)
    reference=$(mktemp -d) && touch -r ./var/lib "$reference" && mkdir -m 700 ./var/lib/thornwall ||
      refuse "/var/lib cannot be written" "is the disk full, or broken?"
    touch -r "$reference" ./var/lib
    rmdir "$reference"
  fi
  for tries in 1 2; do
    if mkdir "$LOCK" 2>/dev/null; then
      locked=1
      echo $$ >"$LOCK/pid"
      # (another may have come and gone since the first look)
      none_open
      return 0
    fi
    # (it may have been made a moment ago)
    [ -s "$LOCK/pid" ] || sleep 1
    holder=
    [ -f "$LOCK/pid" ] && read -r holder <"$LOCK/pid"
    if [ -n "$holder" ] && [ -d "/proc/$holder" ]; then break; fi
    rm -rf "$LOCK"
  done
  refuse "another thornwall prepares a change on this host now (process $holder)" "wait for it"
}

# a number of its own, one more than any before: the clock may be wrong
number() {
  last=0
  [ -f ./var/lib/thornwall/last ] && read -r last <./var/lib/thornwall/last
  case $last in '' | *[!0-9]*) last=0 ;; esac
  set +f
  for other in ./var/lib/thornwall/[0-9]*; do
    [ -d "$other" ] || continue
    # a change that never got further than this: its shell was killed
    if [ -e "$other/state/rehearsal" ] || [ -e "$other/state/never" ]; then abandon "${other##*/}"; fi
    other=${other##*/}
    while :; do case $other in 0?*) other=${other#0} ;; *) break ;; esac; done
    case $other in *[!0-9]*) continue ;; esac
    [ "$other" -gt "$last" ] && last=$other
  done
  set -f
  last=$((last + 1))
  ID=$last
  while [ ${#ID} -lt 4 ]; do ID=0$ID; done
  D=./var/lib/thornwall/$ID
  mkdir -p "$D/state" && true >"$D/state/rehearsal" && echo "$last" >./var/lib/thornwall/last ||
    refuse "/var/lib/thornwall cannot be written" "is the disk full, or broken?"
}

abandon() {
  old=$ID ID=$1
  D=./var/lib/thornwall/$ID
  disarm
  [ -f "$D/vaults" ] && while read -r vault; do [ "$vault" = "$D" ] || rm -rf "$vault"; done <"$D/vaults"
  [ ! -f "$D/mtimes" ] || mtimes_back
  rm -rf "$D"
  ID=$old
}
