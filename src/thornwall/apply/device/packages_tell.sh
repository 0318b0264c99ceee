# What whoever watches is told of packages on their way.

say() {
  printf '%s' "$N"
  for field; do printf '\t%s' "$field"; done
  printf '\n'
}

# Whoever is at it may be stopped by force: then it is accounted for all the same. (So it may be in the last moment; and a
# full disk may have kept the last line out of the journal.)
still_working() {
  works && return 0
  if [ ! -e "$D/state/open" ]; then
    ! grep -q "${tab}BROUGHT$tab" "$D/journal" || return 0
    read -r came <"$D/came"
    read -r upgraded <"$D/upgraded"
    read -r went <"$D/went"
    read -r again <"$D/restarts"
    say BROUGHT "$ID" "${came:--}" "${upgraded:--}" "${went:--}" "${again:--}"
    exit 0
  fi
  # (another one does it already, and dpkg may take its time)
  flock -n -E 75 "$D/undo.sh" true
  [ $? != 75 ] || return 0
  said=$(sh "$D/undo.sh" --frame "$N" --cut-off 2>/dev/null)
  attempts=$((${attempts:-0} + 1))
  [ ! -e "$D/state/open" ] || [ "$attempts" -lt 3 ] || {
    case $said in
      *"$N${tab}REFUSED$tab"*) printf '%s\n' "$said" ;;
      *) say REFUSED "the packages cannot be accounted for" "is the disk full? Afterwards: thornwall undo" ;;
    esac
    exit 11
  }
}

show() {
  printf '%s\t%s\t%s\n' "$N" "$event" "$fields"
  case $event in BROUGHT) return 100 ;; esac
}

# all that the journal of change ID holds, and what comes to it, until all is accounted for; the exit status
watch() {
  follow show 0 still_working
  status=$?
  [ "$status" = 100 ] && status=0
  exit "$status"
}
