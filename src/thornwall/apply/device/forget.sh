# Removes the record of a change of Thornwall, with the originals that it keeps: it can then not be undone any more.
main() {
  ID=@id@ N=@nonce@ LIVE=@live@
  setup
  cd -P @root@ || exit 1
  [ -d "$D" ] || refuse "there is no change $ID on this host" "see: thornwall history"
  read_state
  case $state in
    open | undoing) refuse "change $ID is still open" "confirm it, or undo it, first" ;;
  esac
  disarm
  [ -f "$D/vaults" ] && while read -r vault; do
    case $vault in */.thornwall-"$ID") rm -rf "$vault" ;; esac
  done <"$D/vaults"
  rm -rf "$D"
  printf '%s\tFORGOTTEN\t%s\n' "$N" "$ID"
}

refuse() {
  printf '%s\tREFUSED\t%s\t%s\n' "$N" "$1" "$2"
  exit 11
}
