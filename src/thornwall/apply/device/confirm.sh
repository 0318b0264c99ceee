# Confirms a change of Thornwall: this login shows that there is still a way in.
main() {
  LIVE=1 ID=@id@ N=@nonce@ KEY=@key@ SUDO=@sudo@
  setup
  cd / || exit 1
  [ -d "$D" ] || refuse "there is no change $ID on this host" "see: thornwall history"
  read_state
  case $state in
    open) ;;
    confirmed)
      say CONFIRMED "$ID"
      exit 0
      ;;
    undoing | undone)
      say TAKEN_BACK "the device has taken it back, or does so now"
      exit 10
      ;;
    *) refuse "change $ID was never made" "make it again" ;;
  esac
  [ -f "$D/applied" ] || refuse "change $ID is not done yet" "wait until it is"
  read -r applied key <"$D/applied"
  [ "$key" = "$KEY" ] || refuse "this is not the key of change $ID" "confirm it from where it was made"
  new_session
  names_found || refuse "names are not found there any more: $name was before" "look at /etc/resolv.conf and the firewall"
  keep || {
    say TAKEN_BACK "the deadline was faster"
    exit 10
  }
  say CONFIRMED "$ID"
}

say() {
  printf '%s' "$N"
  for field; do printf '\t%s' "$field"; done
  printf '\n'
}

refuse() {
  say REFUSED "$1" "$2"
  exit 11
}

# This login must have begun after the change was done: an old one proves nothing. What started it all is the child of
# sshd (or of login at a terminal); sshd itself may be older, and so may what survives a login (tmux).
new_session() {
  process=$$ started='' name='' asked=''
  while [ "$process" -gt 1 ]; do
    read -r line <"/proc/$process/stat" || break
    name=${line#*(}
    name=${name%)*}
    line=${line##*)}
    # shellcheck disable=SC2086
    set -- $line
    if [ "$2" -le 1 ]; then
      case $name in sshd | sshd-session | sshd-auth | dropbear | login | systemd) break ;; esac
    fi
    if [ "$name" = sudo ]; then
      case " $(tr '\0' ' ' <"/proc/$process/cmdline") " in *" -k "*) asked=1 ;; esac
    fi
    process=$2
    started=${20}
  done
  [ -n "$started" ] && [ "$started" -gt "$applied" ] ||
    refuse "this login is older than the change: it does not prove that a new one works" "log in anew, and confirm from there"
  [ "$SUDO" = 0 ] || [ -n "$asked" ] ||
    refuse "sudo was not asked anew on this login" "confirm with a login that goes through sudo -k"
}
