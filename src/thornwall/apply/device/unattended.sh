# What undo does where nobody asks for it: at the deadline, and at the next boots.

same_boot() {
  [ "$(cat /proc/sys/kernel/random/boot_id)" = "$(cat "$D/boot")" ]
}

# before anything starts, the units show that they could
rehearse() {
  check || exit 1
  read -r nonce <"$D/rehearsal" && echo "$nonce" >"$D/acknowledged.$1"
}

deadline() {
  if [ "$state" = rehearsal ]; then
    # (when the time is up, whoever prepared it is dead)
    over || { rehearse undo && exit 0; }
    never
    off 0
  fi
  alone
  case $state in
    open | undoing) ;;
    undone)
      clear_away
      leave 0
      ;;
    confirmed)
      panic_back
      leave 0
      ;;
    *) leave 0 ;;
  esac
  journal_end
  if [ "$state" = open ]; then
    # who was faster has confirmed it
    token open undoing || leave 0
    why="it did not come to its end"
    [ ! -f "$D/applied" ] || why="nobody confirmed it in time"
    tell TAKING_BACK "$why"
  fi
  set_how
  for tries in 1 2 3; do
    told_back && leave 0
    [ -z "$hung" ] || answers || break
    sleep 2
  done
  [ -e "$D/rebooted" ] || with_a_restart
  tell STUCK "$problems"
  leave 1
}

# takes it back, and says so where the host keeps what its units say
told_back() {
  take_back "$how" || return 1
  echo "change $ID is taken back${why:+, since $why}: the host is as it was before it"
}

# without systemd: waits for the deadline
watch() {
  echo $$ >"$D/watch.pid"
  read -r until_ <"$D/deadline"
  while uptime_ && [ "$up" -lt "$until_" ]; do
    sleep 1
    read_state
    case $state in open | rehearsal) ;; *) exit 0 ;; esac
  done
  deadline
}

# The second hand at the deadline: systemd may have crashed by then, or answer nobody. This was begun before the change,
# and needs nothing of it. (it is rehearsed before there is a deadline; and a process a second would be one too many)
stand_by() {
  { read -r _ && read -r _ && read -r window; } <"$D/about"
  until [ -s "$D/deadline" ]; do
    [ -d "$D" ] || exit 0
    sleep "${window:-60}"
  done
  read -r until_ <"$D/deadline"
  until_=$((until_ + GRACE))
  while uptime_ && [ "$up" -lt "$until_" ]; do sleep $((until_ - up)); done
  rm -f "$D/standby.pid"
  [ -d "$D" ] || exit 0
  read_state
  case $state in open | rehearsal) ;; *) exit 0 ;; esac
  ! answers || deadline
  [ "$state" = open ] || exit 0
  hung=1
  alone
  journal_end
  token open undoing || leave 0
  tell TAKING_BACK "nobody confirmed it in time, and systemd does not answer"
  stop_apply
  set_how
  files_first
  tell REBOOTING "the files are back; without systemd nothing can be started anew with them"
  reboot_
  leave 1
}

# whether there is a deadline, and it has come
over() {
  [ -s "$D/deadline" ] && read -r until_ <"$D/deadline" && uptime_ && [ "$up" -ge "$until_" ]
}

# The preparation of a change that came to no end: it never was. Who prepares it finds that out by the same rename.
never() {
  token rehearsal never || return 0
  drop_links
  disarm
  holder=''
  [ -f /run/thornwall.lock/pid ] && read -r holder </run/thornwall.lock/pid
  [ -d "/proc/${holder:-none}" ] || rm -rf /run/thornwall.lock
  rm -rf "$D"
}

at_boot() {
  case $state in
    rehearsal)
      same_boot || { never; off 0; }
      ! systemd || echo $$ >"$D/standby.pid"
      rehearse boot
      # (elsewhere a process of its own keeps the deadline)
      ! systemd || stand_by
      exit
      ;;
    confirmed) health ;;
    open)
      # (it was killed, and is begun anew)
      if systemd && same_boot; then
        echo $$ >"$D/standby.pid"
        stand_by
      fi
      ;;
    undoing)
      # (it was killed as the second hand)
      ! systemd || ! same_boot || [ -e "$D/rebooted" ] || deadline
      ;;
    undone)
      alone
      journal_end
      # (taken back while it was mounted elsewhere)
      [ -e "$D/vaults" ] || disarm
      clear_away
      leave 0
      ;;
    *)
      disarm
      off 0
      ;;
  esac
  journal_end
  if [ "$state" = open ]; then
    token open undoing || exit 1
    why="the host started again before anybody had confirmed it"
    tell TAKING_BACK "$why"
  fi
  alone
  set_how
  if [ ! -e "$D/rebooted" ]; then
    files_first
    # what has been started meanwhile has read the files as they were: once more, from the beginning
    if [ -n "$changed" ]; then
      tell REBOOTING "the files are back; once more, so that everything starts with them"
      settle
      reboot_ && leave 0
    fi
  fi
  systemd && t 300 systemctl is-system-running --wait >/dev/null
  for tries in 1 2 3; do
    told_back && leave 0
    sleep 5
  done
  tell STUCK "$problems"
  leave 1
}

# After the confirmation: the first boot must still let people in. Only what the change can have broken counts.
health() {
  if systemd; then t 300 systemctl is-system-running --wait >/dev/null; else sleep 60; fi
  journal_end
  for tries in 1 2 3 4 5 6 7 8 9 10 11 12; do
    if ways_in_listen || moved; then
      # (whoever takes it back meanwhile needs the unit of the boot)
      read_state
      [ "$state" = confirmed ] || exit 0
      tell HEALTHY
      disarm
      off 0
    fi
    sleep 10
  done
  from_now_later
  token confirmed undoing || exit 1
  tell TAKING_BACK "after the boot nothing listened on port$deaf"
  set_how
  alone
  files_first
  reboot_
  leave 0
}

# whether sshd listens wherever it is told to by now: an owner who has moved it since is not shut out
moved() {
  told=$(t 20 sshd -T 2>/dev/null | awk '$1 == "port" { print $2 }')
  [ -n "$told" ] || return 1
  for each in $told; do listens "$each" || return 1; done
}
