# Goes on telling of packages that Thornwall brings to this host: the link of whoever asked for them broke.
main() {
  LIVE=1 ID=@id@ N=@nonce@
  setup
  cd / || exit 1
  [ "$(id -u)" = 0 ] || refuse "this needs root" "log in as root, or let sudo ask for the password"
  [ -s "$D/journal" ] && [ ! -e "$D/state/rehearsal" ] || refuse "no packages had been begun with" "try again"
  [ ! -e "$D/state/undone" ] && [ ! -e "$D/state/undoing" ] || refuse "somebody has taken them back" "see: thornwall history"
  watch
}

refuse() {
  say REFUSED "$1" "$2"
  exit 11
}
