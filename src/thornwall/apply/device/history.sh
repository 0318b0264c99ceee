# Tells which changes of Thornwall this host knows; with WHOLE, also what taking back each that is not gone gives back.
main() {
  ID='' N=@nonce@ LIVE=@live@ WHOLE=@whole@
  setup
  cd -P @root@ || exit 1
  uptime_
  set +f
  for folder in ./var/lib/thornwall/[0-9]*; do
    [ -d "$folder/state" ] || continue
    ID=${folder##*/} D=$folder
    read_state
    title=- version=- made=- key=- window=- opens=-
    [ -f "$D/about" ] && { read -r made version; read -r title; read -r window; read -r opens; } <"$D/about"
    [ "$state" = open ] && [ -f "$D/applied" ] && read -r _ key <"$D/applied"
    left=-
    # (it is told in seconds of uptime: that of another start means nothing now)
    [ "$LIVE" = 1 ] && [ -f "$D/deadline" ] && this_start && read -r left <"$D/deadline" && left=$((left - up))
    # (the token was renamed then, and has not been touched since)
    ended=-
    [ "$state" = undone ] && ended=$(stat -c %Z "$D/state/undone" 2>/dev/null)
    why=- restarted=- stuck=-
    case $state in undoing | undone) reasons ;; esac
    again=-
    [ -e /etc/systemd/system/thornwall-boot-"$ID".service ] && [ "$LIVE" = 1 ] && again=guarded
    [ "$state" = open ] && [ "$LIVE" = 1 ] && at_work && again=working
    [ "$state" = confirmed ] && left_a_job && again=job
    known=-
    [ -f "$D/undo.sh" ] && known=$(sed -n "/^KNOWN='/{s///;s/'.*//;p;q;}" "$D/undo.sh")
    printf '%s\tCHANGE\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n' \
      "$N" "$ID" "${state:--}" "$made" "$version" "$key" "$left" "$again" "$title" "${ended:--}" "$why" "$restarted" "$stuck" "${opens:--}" "${known:--}"
    [ "$WHOLE" = 1 ] && [ "$state" != undone ] && gives_back
  done
  set -f
  printf '%s\tEND\t-\n' "$N"
}

# the words at the head of its undo.sh, line by line: a step, or a part of the step before it
gives_back() {
  [ -f "$D/undo.sh" ] || return 0
  line="$N${tab}GIVES$tab$ID$tab"
  sed -n -e '/^[^#]/q' -e "s/^#     /${line}part$tab/p" -e t -e "s/^#   /${line}step$tab/p" "$D/undo.sh"
}

# whether the change was made since the host has started
this_start() {
  read -r now </proc/sys/kernel/random/boot_id && read -r made_in <"$D/boot" && [ "$now" = "$made_in" ]
} 2>/dev/null

# whether it left a job for the first start that has not come to its end
left_a_job() {
  [ -f ./etc/thornwall/first-start/run.sh ] && grep -q ' /etc/thornwall/first-start/run\.sh$' "$D/items"
} 2>/dev/null

# whether its packages are coming in at this moment
at_work() {
  read -r worker <"$D/work.pid" && tr '\0' ' ' <"/proc/$worker/cmdline" | grep -q "/$ID/work\.sh"
} 2>/dev/null

# Sets `why` it is taken back, which what comes later of it does not change; whether the host started again for that; and
# `stuck`: what it could not take back, if that was its last word.
reasons() {
  [ -f "$D/journal" ] || return 0
  while IFS=$tab read -r _ _ event first second _; do
    case $why$event in
      -FAILED) why="$second (in the step $first)" ;;
      -ASKED | -TAKING_BACK) why=$first ;;
      *[!-]*ASKED) why="$why; $first" ;;
    esac
    stuck=-
    case $event in
      REBOOTING) restarted=restarted ;;
      STUCK) [ "$state" != undoing ] || stuck=$first ;;
    esac
  done <"$D/journal"
  : "${why:=-}" "${stuck:=-}"
}
