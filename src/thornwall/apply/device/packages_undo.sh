main() {
  FRAME='' WANT=hand ROOT=/
  case $0 in */*) here=$(cd -P "${0%/*}" && pwd -P) ;; *) here=$(pwd -P) ;; esac
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
  read_state
  journal_end
  number=$seq quiet='' again=0
  case $state in
    open) may_cut_off ;;
    # (what was told before is told again: nobody else may have heard it)
    undoing | undone)
      number=$(awk -F"$tab" -v end="$seq" '$3 == "TAKING_BACK" { end = $1 - 1 } END { print end }' "$D/journal")
      ;;
  esac
  [ "$state" = undone ] || begin
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
  [ -e "$D/undo.sh" ] || last_word STUCK "its record is gone: somebody has forgotten it"
  flock -n -E 75 "$D/undo.sh" true
  if [ $? = 75 ]; then
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
  edits=''
  put_back
  remove
  [ ! -f "$D/cut" ] || tell LEFT "what was changed in /etc before packages were cut off"
  read -r upgraded <"$D/upgraded"
  [ -z "$upgraded" ] || tell LEFT "the upgrades of $upgraded: an older version is not brought back"
  accounts_left
  token undoing undone || exit 12
  rm -rf "$D/debs"
  [ -n "$edits" ] || rm -rf "$D/was"
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
  trap '' HUP INT PIPE TERM
  grep -q "${tab}TROUBLE${tab}the work on packages$tab" "$D/journal" ||
    tell TROUBLE "the work on packages" "it was cut off, by a restart of the host or by force"
  let_go
  deny_starts
  whole || {
    allow_starts
    trouble "somebody else is installing packages" "wait until that is done"
  }
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
  [ -z "$half" ] || dpkg_ 1800 --force-remove-reinstreq --remove $half || stays $half
  allow_starts
  # shellcheck disable=SC2046
  stay_off $(sed -n 's/^ *stay_off //p' "$D/work.sh")
  active=''
  [ ! -f "$D/active" ] || read -r active <"$D/active"
  # shellcheck disable=SC2086
  [ -z "$active" ] || t 120 systemctl start -- $active 2>/dev/null # what stayed runs again
  rm -rf "$D/tree" "$D/tar" "$D/copy"
  [ -z "$going" ] || nothing_changed
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

# All that came goes, with one call of dpkg: it refuses where something that came later needs one of them by now.
remove() {
  read -r came <"$D/came"
  to_go
  needed_by_now
  [ -n "$list$theirs" ] || return 0
  purge=$list list="$list $theirs"
  active_units
  list=$purge
  stop_units
  # shellcheck disable=SC2086
  { [ -z "$theirs" ] || dpkg_ 900 --force-remove-reinstreq --remove $list $theirs; } && { [ -z "$list" ] || dpkg_ 900 --force-remove-reinstreq --purge $list; } || {
    complaint
    # shellcheck disable=SC2086
    stays $list $theirs
    # shellcheck disable=SC2086
    [ -z "$active" ] || t 120 systemctl start -- $active 2>/dev/null
    give_up "dpkg --purge: $text"
  }
  printf '%s\n' "$said" >>"$D/log"
  stop_again
  to_go
  for name in $list $theirs; do
    case " $needed " in *" $name "*) ;; *) give_up "$name is still installed" ;; esac
  done
}

# Of what came, what is still there, whole or half. Sets `list`, and `theirs`: of these somebody had settings before.
to_go() {
  # shellcheck disable=SC2086
  rows=$(t 60 dpkg-query -W -f '${db:Status-Abbrev}|${binary:Package}\n' dpkg $came 2>/dev/null)
  list='' theirs=''
  case $nl$rows$nl in *"|dpkg$nl"*) ;; *) give_up "dpkg-query does not tell what is installed" ;; esac
  IFS=$nl
  for row in $rows; do
    name=${row#*|}
    case $row in ?n* | *'|dpkg') continue ;; esac
    if ! grep -q "^$name " "$D/settings"; then
      list="$list $name"
    else
      case $row in ?c*) ;; *) theirs="$theirs $name" ;; esac
    fi
  done
  unset IFS
}

# What a package of before needs since its upgrade, which is not taken back, stays. Sets `needed`.
needed_by_now() {
  needed='' was_needed=none
  while [ -n "$list$theirs" ] && [ "$needed" != "$was_needed" ]; do
    was_needed=$needed
    # shellcheck disable=SC2086
    said=$(timeout -k 10 300 dpkg --no-act --force-remove-reinstreq --remove $list $theirs </dev/null 2>&1 9>&-) && return 0
    more=''
    while read -r who what; do
      case " $needed " in
        *" $who "*) more="$more $what" ;;
        *) ! grep -q "^${who}[ :]" "$D/before" || more="$more $what" ;;
      esac
    done <<END
$(printf '%s\n' "$said" | awk '
  /^dpkg: dependency problems prevent removal of / { what = $NF; sub(/:$/, "", what) }
  /depends on / { print $1, what }')
END
    # shellcheck disable=SC2086
    without list $list
    # shellcheck disable=SC2086
    without theirs $theirs
  done
}

# without NAME PACKAGE…: sets the variable to those that are not in `more`, and tells which are
without() {
  variable=$1 rest=''
  shift
  for name; do
    case " $more " in
      *" $name "*)
        needed="$needed $name"
        tell LEFT "$name, which is needed since the upgrades"
        ;;
      *) rest="$rest $name" ;;
    esac
  done
  case $variable in list) list=$rest ;; *) theirs=$rest ;; esac
}

# it can be tried again
give_up() {
  token undoing confirmed
  tell STUCK "$1"
  exit 12
}
