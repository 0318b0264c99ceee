main() {
  FORCE='' BRING='' FRAME='' WANT=hand GRACE=60 hung='' own='' why=''
  case $0 in */*) here=$(cd -P "${0%/*}" && pwd -P) ;; *) here=$(pwd -P) ;; esac
  ID=${here##*/} ROOT=${here%/var/lib/thornwall/*}
  while [ $# -gt 0 ]; do
    case $1 in
      --check | --deadline | --boot | --run | --here | --watch) WANT=${1#--} ;;
      --force) FORCE=1 ;;
      --bring-back-known-passwords) BRING=1 ;;
      --root) ROOT=$2 && shift ;;
      --frame) FRAME=$2 && shift ;;
      -*) usage ;;
      *) ROOT=$1 ;;
    esac
    shift
  done
  cd -P "${ROOT:-/}" || exit 1
  LIVE=0
  [ "$PWD" = / ] && LIVE=1
  setup
  [ -d "$D" ] || { echo "there is no $PWD/var/lib/thornwall/$ID" >&2; exit 1; }
  read_state
  case $WANT in
    check) check && echo "the record of change $ID is whole" ;;
    deadline) own=undo && deadline ;;
    boot) own=boot && at_boot ;;
    watch) watch ;;
    run | here) now ;;
    *) by_hand ;;
  esac
}

usage() {
  echo "sh undo.sh [--check] [--root FOLDER] [--force] [--bring-back-known-passwords] [--here]" >&2
  exit 2
}

# Whether all that undo relies on is whole. Somebody may begin to take it back meanwhile: what goes then is not missing.
check() {
  for tries in 1 2 3; do
    [ -s "$D/sums" ] && sha256sum -c "$D/sums" >/dev/null 2>&1 && return 0
    read_state
    case $state in
      undone) return 0 ;;
      undoing) rest_is_whole && return 0 ;;
      *) break ;;
    esac
    sleep 1
  done
  echo "the record of change $ID is damaged: see sha256sum -c $PWD/var/lib/thornwall/$ID/sums" >&2
  return 1
}

# what was given back already is not in the record any more; all else is as it was
rest_is_whole() {
  rest=''
  while read -r sum file; do
    case $file in
      */vault/* | */kept/*) [ -e "$file" ] || continue ;;
    esac
    rest="$rest$sum  $file$nl"
  done <"$D/sums"
  [ -n "$rest" ] && printf %s "$rest" | sha256sum -c >/dev/null 2>&1
}

# sets `how`: inside its window a change goes whatever has come on top; later others have to be asked
set_how() {
  how=window
  [ -e "$D/later" ] && how=later
  return 0
}

# (a rename needs no room; and whoever goes on with it must know)
from_now_later() { mv "$D/window" "$D/later" 2>/dev/null || true >"$D/later"; }

# Only one at a time takes it back; whoever comes second waits for the first. A link is made in one piece, holds the
# number of its maker, and needs no room on the disk.
alone() {
  BUSY=/run/thornwall-$ID.busy broke='' tries=0
  [ "$LIVE" = 1 ] || BUSY=$D/busy
  while :; do
    if ln -s "pid-$$" "$BUSY" 2>/dev/null; then
      [ -n "$broke" ] || break
      # (two may have seen that the one before is dead, and the second may have removed what the first had made)
      sleep 1
      broke=''
    fi
    holder=$(readlink "$BUSY" 2>/dev/null) || holder=''
    case $holder in
      "pid-$$") break ;;
      '')
        # neither there nor to be made: rather together than not at all
        tries=$((tries + 1))
        [ "$tries" -lt 20 ] || break
        ;;
    esac
    case $(tr '\0' ' ' 2>/dev/null <"/proc/${holder#pid-}/cmdline") in
      *undo.sh*) sleep 1 ;;
      *) rm -rf "$BUSY" && broke=1 ;;
    esac
  done
  read_state
}

leave() {
  rm -rf "$BUSY"
  off "$1"
}

# off STATUS: the end of this, and of the unit that it runs in
off() {
  [ -z "$own" ] || [ "$1" != 0 ] || rm -f "/run/systemd/system/thornwall-$own-$ID.service"
  exit "$1"
}

# (what was given back is on the disk: a systemd that does not answer is not waited for)
reboot_() {
  if ! systemd; then
    t 60 reboot
  elif answers; then
    persist 60 systemctl --no-block reboot
  else
    settle
    t 60 systemctl reboot -ff
  fi
}

# the last resort, and only once
with_a_restart() {
  tell REBOOTING "what could not be taken back at once is taken back at boot"
  true >"$D/rebooted"
  settle
  reboot_
  leave 1
}

# at boot: the files, before all else; and only one reboot ever
files_first() {
  problems=''
  files_back
  kept_back "$how"
  folders_back
  true >"$D/rebooted"
  settle
}

# the unit of the boot goes with the first boot after the confirmation: it is needed again
arm_again() {
  systemd || return 0
  [ ! -L "/etc/systemd/system/sysinit.target.wants/thornwall-boot-$ID.service" ] || return 0
  # (cut short between the two, it knows these times already)
  if [ ! -e "/etc/systemd/system/thornwall-boot-$ID.service" ]; then
    touch -r /etc/systemd/system "$D/armed.system"
    if [ -d /etc/systemd/system/sysinit.target.wants ]; then
      touch -r /etc/systemd/system/sysinit.target.wants "$D/armed.wants"
    else
      mkdir -m 755 /etc/systemd/system/sysinit.target.wants && echo /etc/systemd/system/sysinit.target.wants >>"$D/made.armed"
    fi
  fi
  boot_unit
} 2>/dev/null

# claims the change and takes it back, here and now
now() {
  alone
  journal_end
  case $state in open | confirmed | undoing) arm_again ;; esac
  case $state in
    open) token open undoing || leave 1 ;;
    confirmed)
      from_now_later
      token confirmed undoing || leave 1
      ;;
    undoing) ;;
    undone)
      clear_away
      leave 0
      ;;
    *) leave 0 ;;
  esac
  tell TAKING_BACK "it was asked for"
  set_how
  for tries in 1 2 3; do
    take_back "$how" && leave 0
    sleep 1
  done
  # (nobody else is left to do it: the second hand has gone with the first try)
  [ -z "$hung" ] || [ "$how" = later ] || [ -e "$D/rebooted" ] || with_a_restart
  tell STUCK "$problems"
  leave 1
}

tools_before() {
  :
@tools_before@
}

runtime_back() {
  :
@runtime_back@
}

KNOWN='@known@'
