main() {
  FRAME='' WANT=hand ROOT=/
  here=$(cd -P "${0%/*}" && pwd -P)
  ID=${here##*/} LIVE=1
  while [ $# -gt 0 ]; do
    case $1 in
      --check | --cut-off | --run) WANT=${1#--} ;;
      --frame) FRAME=$2 && shift ;;
      --root) ROOT=$2 && shift ;;
      --force | --bring-back-known-passwords) ;;
      *)
        echo "sh undo.sh [--check] [--run]" >&2
        exit 2
        ;;
    esac
    shift
  done
  cd / || exit 1
  setup
  [ "$ROOT" = / ] || trouble "packages are removed on the running system only" "start it, and run this there"
  [ "$here" -ef "$D" ] || trouble "$here is no record of this system" "see: thornwall history"
  case $WANT in
    check) check ;;
    cut-off)
      alone 10
      [ "$state" != open ] || works || cut_off
      ;;
    run) now ;;
    *) by_hand ;;
  esac
}

# one at a time (by a file that is there anyway: a full disk takes no new one)
alone() {
  exec 9<"$D/undo.sh"
  flock ${1:+-w "$1"} 9 || trouble "somebody takes change $ID back at this moment" "wait until that is done"
  read_state
  journal_end
}

# what is done with is not kept any more
check() {
  sha256sum -c "$D/sums" >/dev/null 2>&1 && return 0
  read_state
  case $state in
    open | undone) ;;
    *) trouble "the record of change $ID is damaged" "see: sha256sum -c $D/sums" ;;
  esac
}

# in a unit of its own where there is one: a link that breaks must not stop dpkg half-way
by_hand() {
  journal_end
  number=$seq quiet='' again=0
  read_state
  [ "$state" != undone ] || last_word UNDONE "$ID"
  [ "$state" != open ] || may_cut_off
  begin
  follow show_hand "$number" still_going
  ended $?
}

last_word() {
  event=$1 fields=$2
  show_hand
  ended $?
}

# ended STATUS: of show_hand
ended() {
  [ "$1" != 100 ] || exit 0
  exit "$1"
}

# whoever comes second follows the first
begin() {
  if ! systemd; then
    detached /bin/sh "$D/undo.sh" --run
    return
  fi
  thrice run_unit false "thornwall-back-$ID" \
    -p Restart=on-abnormal -p RestartSec=500ms -p StartLimitIntervalSec=0 --description="Thornwall: takes change $ID back" \
    /bin/sh "/var/lib/thornwall/$ID/undo.sh" --run ||
    trouble "systemd-run does not start it${text:+: $text}" "try: sh /var/lib/thornwall/$ID/undo.sh --run"
}

# Where twice in a row nobody is at it, it is begun anew: whoever was may have been killed. What a full disk keeps out of
# the journal is not waited for.
still_going() {
  if ! flock -n "$D/undo.sh" true; then
    quiet=''
    return
  fi
  if [ -n "$quiet" ]; then
    read_state
    [ "$state" != undone ] || last_word UNDONE "$ID"
    again=$((again + 1))
    [ "$again" -lt 4 ] || last_word STUCK "it ends too soon, and nobody tells why: is the disk full?"
    begin
  fi
  quiet=1
}

show_hand() {
  out "$event" "$fields"
  case $event in
    UNDONE) return 100 ;;
    REFUSED) return 11 ;;
    STUCK) return 12 ;;
  esac
}

# out EVENT FIELDS: framed for a program, or words for a person
out() {
  if [ -n "$FRAME" ]; then
    printf '%s\t%s\t%s\n' "$FRAME" "$1" "$2"
    return
  fi
  case $1 in
    UNDONE) echo "Change $ID is taken back: what came is gone, and what went is there again." ;;
    LEFT) echo "Left as it is: $2" ;;
    STUCK) echo "Not everything could be taken back: $2" ;;
    *) echo "$1 $2" ;;
  esac
}

# takes it back, here and now
now() {
  alone
  if [ "$state" = open ]; then
    may_cut_off
    cut_off
  fi
  [ "$state" != undone ] || undone_
  check
  case $state in
    confirmed | undoing) ;;
    *) trouble "change $ID was never begun" "there is nothing to take back" ;;
  esac
  later
  [ "$state" = undoing ] || token confirmed undoing
  tell TAKING_BACK "it was asked for"
  remove
  put_back
  [ ! -f "$D/cut" ] || tell LEFT "what was changed in /etc before packages were cut off"
  read -r upgraded <"$D/upgraded"
  [ -z "$upgraded" ] || tell LEFT "the upgrades of $upgraded: an older version is not brought back"
  accounts_left
  token undoing undone || exit 12
  rm -rf "$D/debs" "$D/was"
  undone_
}

undone_() {
  tell UNDONE "$ID"
  exit 0
}

may_cut_off() {
  ! works || trouble "the packages of change $ID are still coming in" "wait until they are there"
}

# who takes it back tells the journal, who asks for that tells whoever asked
trouble() {
  if [ "$WANT" = run ]; then
    tell REFUSED "$1" "$2"
  else
    one_line "$1"
    why=$text
    one_line "$2"
    out REFUSED "$why$tab$text"
  fi
  exit 11
}

# Whoever was at it was stopped, by a power cut or by force: what is half there is brought to its end, and accounted for.
# What scripts changed in /etc is not told any more from what others did since: that stays.
cut_off() {
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
  [ -z "$kept" ] || tell LEFT "accounts that packages made, and do not take along:$kept"
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
    tell STUCK "dpkg --purge: $text"
    exit 12
  }
  printf '%s\n' "$said" >>"$D/log"
  stop_again
  installed >"$D/now"
  for name in $came; do
    grep -q "^$name " "$D/now" && tell STUCK "$name is still installed" && exit 12
  done
  return 0
}
