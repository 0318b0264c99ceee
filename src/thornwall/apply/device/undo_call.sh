# Takes a change of Thornwall back: the script that does it lies on the host, beside the originals.
main() {
  ID='' N=@nonce@ WANTED=@id@ THEN=@then@ KEEP=@unless_confirmed@
  LIVE=@live@
  setup
  cd -P @root@ || refuse "@root_text@ is no folder" "give the folder where the system is mounted"
  set +f
  for folder in ./var/lib/thornwall/[0-9]*; do
    other=${folder##*/}
    [ -f "$folder/undo.sh" ] || continue
    if [ -n "$WANTED" ]; then
      [ "$other" = "$WANTED" ] && ID=$other
    elif [ ! -e "$folder/state/undone" ] && [ ! -e "$folder/state/rehearsal" ]; then
      { [ -z "$ID" ] || [ "$other" -gt "$ID" ]; } && ID=$other
    fi
  done
  set -f
  [ -n "$ID" ] || refuse "there is no such change on this host" "see: thornwall history"
  D=./var/lib/thornwall/$ID why=@why@
  if [ -e "$D/state/confirmed" ]; then
    [ "$KEEP" = 0 ] || refuse "somebody has confirmed change $ID meanwhile" "to take it back all the same: thornwall undo"
    why='' # (then it is the owner's wish)
  fi
  [ ! -e "$D/state/open" ] || asked
  if [ -n "$THEN" ]; then
    /bin/sh "$PWD/var/lib/thornwall/$ID/undo.sh" --frame "$N" @options@ || exit
    ID=$THEN
  fi
  /bin/sh "$PWD/var/lib/thornwall/$ID/undo.sh" --frame "$N" @options@
  status=$?
  # (who asks may have been unable to log in before the device did it by itself; what goes on meanwhile has the journal)
  [ ! -e "$D/state/undone" ] || [ -e "$D/vaults" ] || asked
  exit "$status"
}

# for what it is asked, once
asked() {
  [ -n "$why" ] && [ -d "$D" ] && ! grep -q "${tab}ASKED$tab" "$D/journal" || return 0
  journal_end
  tell ASKED "$why"
}

refuse() {
  printf '%s\tREFUSED\t%s\t%s\n' "$N" "$1" "$2"
  exit 11
}
