main() {
  FRAME='' CHECK='' CUT='' ROOT=/
  here=$(cd -P "${0%/*}" && pwd -P)
  ID=${here##*/} LIVE=1
  while [ $# -gt 0 ]; do
    case $1 in
      --check) CHECK=1 ;;
      --cut-off) CUT=1 ;;
      --frame) FRAME=$2 && shift ;;
      --root) ROOT=$2 && shift ;;
      --force | --bring-back-known-passwords) ;;
      *)
        echo "sh undo.sh [--check]" >&2
        exit 2
        ;;
    esac
    shift
  done
  [ "$ROOT" = / ] || trouble "packages are removed on the running system only" "start it, and run this there"
  cd / || exit 1
  setup
  [ "$here" -ef "$D" ] || trouble "$here is no record of this system" "see: thornwall history"
  # (one file that is there anyway: a full disk takes no new one)
  exec 9<"$D/undo.sh"
  flock -n 9 || trouble "somebody takes change $ID back at this moment" "wait until that is done"
  read_state
  [ "$state" != undone ] || done_
  if [ "$state" = open ]; then
    ! works || trouble "the packages of change $ID are still coming in" "wait until they are there"
    cut_off
  fi
  [ -z "$CUT" ] || exit 0
  sha256sum -c "$D/sums" >/dev/null 2>&1 || trouble "the record of change $ID is damaged" "see: sha256sum -c $D/sums"
  [ -z "$CHECK" ] || exit 0
  case $state in
    confirmed | undoing) ;;
    *) trouble "change $ID was never begun" "there is nothing to take back" ;;
  esac
  later
  journal_end
  [ "$state" = undoing ] || token confirmed undoing
  tell TAKING_BACK "it was asked for"
  event TAKING_BACK "it was asked for"
  remove
  put_back
  [ ! -f "$D/cut" ] || event LEFT "what was changed in /etc before packages were cut off"
  token undoing undone || exit 12
  rm -rf "$D/debs" "$D/was"
  tell UNDONE "$ID"
  read -r upgraded <"$D/upgraded"
  [ -z "$upgraded" ] || event LEFT "the upgrades of $upgraded: an older version is not brought back"
  accounts_left
  done_
}

# Whoever was at it was stopped, by a power cut or by force: what is half there is brought to its end, and accounted for.
# What scripts changed in /etc is not told any more from what others did since: that stays.
cut_off() {
  journal_end
  let_go
  whole || trouble "dpkg is busy, or comes to no end" "run: dpkg --configure -a; then try again"
  going='' half=''
  set +f
  for deb in "$D"/debs/*.deb; do
    [ -e "$deb" ] || continue
    deb=${deb##*/}
    going="$going ${deb%.deb}"
  done
  set -f
  for name in $going; do
    case $(state_of "$name") in 'ii ' | 'rc ' | 'un ' | '') ;; *) half="$half $name" ;; esac
  done
  # shellcheck disable=SC2086
  [ -z "$half" ] || timeout -k 60 1800 dpkg --remove $half </dev/null >>"$D/log" 2>&1 9>&- || stays $half
  active=''
  [ ! -f "$D/active" ] || read -r active <"$D/active"
  # shellcheck disable=SC2086
  [ -z "$active" ] || t 120 systemctl start -- $active 2>/dev/null # what stayed runs again
  rm -rf "$D/tree" "$D/tar" "$D/copy" "$D/was"
  [ -z "$going" ] || { : >"$D/changed" && : >"$D/etc.after" && : >"$D/cut"; }
  for file in active automatic; do [ -f "$D/$file" ] || echo >"$D/$file"; done
  reckon || trouble "the packages cannot be accounted for" "is the disk full?"
  state=confirmed
}

# (a file of theirs may lie anywhere: Debian's packages leave the accounts that they made)
accounts_left() {
  [ -f "$D/accounts.came" ] || return 0
  kept=''
  while read -r name; do
    grep -q "^$name:" ./etc/passwd && kept="$kept $name"
  done <"$D/accounts.came"
  [ -z "$kept" ] || event LEFT "accounts that packages made, and do not take along:$kept"
}

event() {
  if [ -n "$FRAME" ]; then
    printf '%s' "$FRAME"
    for field; do printf '\t%s' "$field"; done
    printf '\n'
  else
    printf '%s\n' "$*"
  fi
}

trouble() {
  event REFUSED "$1" "$2"
  exit 11
}

done_() {
  event UNDONE "$ID"
  exit 0
}

# what was changed after it stands on it
later() {
  set +f
  for other in ./var/lib/thornwall/[0-9]*; do
    [ "${other##*/}" -gt "$ID" ] || continue
    for state_ in open confirmed undoing; do
      [ -e "$other/state/$state_" ] && trouble "change ${other##*/} was made on top of it" "take that back first: thornwall undo"
    done
  done
  set -f
}

# all that came, with one call of dpkg: it refuses where something else needs one of them by now
remove() {
  installed >"$D/now"
  list=''
  read -r came <"$D/came"
  for name in $came; do
    grep -q "^$name " "$D/now" && list="$list $name"
  done
  [ -n "$list" ] || return 0
  stop_units
  # shellcheck disable=SC2086
  said=$(timeout -k 10 900 dpkg --purge $list </dev/null 2>&1 9>&-) || {
    complaint
    # shellcheck disable=SC2086
    stays $list
    token undoing confirmed
    # shellcheck disable=SC2086
    [ -z "$active" ] || t 120 systemctl start -- $active 2>/dev/null
    event STUCK "dpkg --purge: $text"
    exit 12
  }
  printf '%s\n' "$said" >>"$D/log"
  [ -d /run/systemd/system ] && t 60 systemctl daemon-reload
  installed >"$D/now"
  for name in $came; do
    grep -q "^$name " "$D/now" && event STUCK "$name is still installed" && exit 12
  done
  return 0
}
