# What undo does for somebody who asks, and what it tells him.

# by hand: in a unit of its own where there is one, for this session may end when sshd starts again
by_hand() {
  case $state in
    rehearsal | '') refuse "change $ID was never made" "there is nothing to take back" ;;
    undone) ;;
    *)
      check 2>/dev/null || [ -n "$FORCE" ] || refuse "the record of change $ID is damaged" \
        "see: sha256sum -c /var/lib/thornwall/$ID/sums; with --force what can be given back is given back"
      ;;
  esac
  journal_end
  number=$seq
  # (it may be going on already, and may end any moment: what it tells from here on is heard)
  read_state
  if all_done; then
    out UNDONE "$ID"
    exit 0
  fi
  if [ "$state" = confirmed ]; then
    in_the_way
    conflicts
  fi
  if systemd; then begin_unit; else now & fi
  follow show_hand "$number" still_going
  status=$?
  [ "$status" = 100 ] && exit 0
  exit "$status"
}

# whether it is taken back, and all that was there for it is cleared away
all_done() { [ "$state" = undone ] && [ ! -e "$D/vaults" ]; }

# a unit that takes it back, if there is none yet: whoever comes second follows the first
begin_unit() {
  options=''
  [ -z "$FORCE" ] || options="$options --force"
  [ -z "$BRING" ] || options="$options --bring-back-known-passwords"
  # shellcheck disable=SC2086
  thrice run_unit over_already "thornwall-back-$ID" \
    -p Restart=on-abnormal -p RestartSec=500ms -p StartLimitIntervalSec=0 --description="Thornwall: takes change $ID back" \
    /bin/sh "/var/lib/thornwall/$ID/undo.sh" --run $options && return 0
  refuse "systemd-run does not start it${text:+: $text}" "try: sh undo.sh --here"
}

over_already() {
  read_state
  all_done
}

# Whoever took it back may have been stopped: then it is begun anew.
still_going() {
  systemd || return 0
  case $(ask 20 systemctl is-active "thornwall-back-$ID.service" "thornwall-undo-$ID.service" "thornwall-boot-$ID.service") in
    *activ*ing* | active* | *"${nl}active"*) return 0 ;;
  esac
  read_state
  all_done || begin_unit
}

show_hand() {
  out "$event" "$fields"
  case $event in
    UNDONE) return 100 ;;
    REFUSED) return 11 ;;
    STUCK) return 12 ;;
    REBOOTING) return 13 ;;
  esac
}

# out EVENT FIELDS: framed for a program, or words for a person
out() {
  if [ -n "$FRAME" ]; then
    printf '%s\t%s\t%s\n' "$FRAME" "$1" "$2"
    return
  fi
  case $1 in
    UNDONE) echo "Change $ID is taken back: the host is as it was before." ;;
    DIFFERS) echo "Not as it was left: $2" ;;
    STUCK) echo "Not everything could be taken back: $2" ;;
    *) echo "$1 $2" ;;
  esac
}

refuse() {
  one_line "$1"
  why=$text
  one_line "$2"
  out REFUSED "$why$tab$text"
  exit 11
}

# the order of a stack: what came later may stand on this
in_the_way() {
  later=''
  set +f
  for other in ./var/lib/thornwall/[0-9]*/state; do
    [ -e "$other/confirmed" ] || [ -e "$other/open" ] || [ -e "$other/undoing" ] || continue
    other=${other%/state}
    other=${other##*/}
    [ "$other" -gt "$ID" ] && later="$later $other"
  done
  set -f
  [ -z "$later" ] || [ -n "$FORCE" ] || refuse "later changes are in the way:$later" "undo those first, the latest one before the others"
}
