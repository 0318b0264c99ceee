# The guard: it must show that it works before anything changes.

# what the owners' own tools say of the merged result
validate() {
  if ! has unshare; then
    say VALID "the merged result" "unshare is not on this host"
    return
  fi
  [ "$CANARY" = 0 ] || find_port
  # shellcheck disable=SC2086
  said=$(ask 120 unshare --mount --propagation private /bin/sh "$D/validate.sh" $port_ 2>/dev/null) ||
    said="the merged result${tab}it could not be looked at"
  IFS=$nl
  for line in $said; do
    unset IFS
    case $line in
      *"${tab}fail$tab"*)
        name=${line%%"$tab"*}
        case $nl$said in *"$nl$name${tab}before$tab"*)
          before=${said#*"$name${tab}before$tab"}
          refuse "$name refuses what this host has already, without the change: ${before%%"$nl"*}" \
            "nothing was changed, and it is not this change that is wrong: mend that first; $name shows it" ;;
        esac
        refuse "$name refuses the new files: ${line#*"${tab}fail$tab"}" "nothing was changed; mend the settings first" ;;
      *"${tab}before$tab"*) ;;
      *"$tab"*) say VALID "${line%%"$tab"*}" "${line#*"$tab"}" ;;
      *) say VALID "$line" - ;;
    esac
  done
  unset IFS
}

# the guard: a timer for the deadline, a unit for the next boot, and each must show that it can do its work
arm() {
  armed=1
  echo "$N" >"$D/rehearsal"
  if [ -w /proc/sys/kernel/panic ]; then
    cat /proc/sys/kernel/panic >"$D/panic"
    echo 10 >/proc/sys/kernel/panic
  fi 2>/dev/null
  if systemd; then
    write_units
    thrice t 60 systemctl daemon-reload || refuse "systemd does not reload" "look at: systemctl status"
    thrice t 60 systemctl start "thornwall-undo-$ID.service" "thornwall-boot-$ID.service" ||
      refuse "the units that would take the change back do not start" "look at: journalctl -u 'thornwall-*'"
  else
    write_hook
    detached /bin/sh "/var/lib/thornwall/$ID/undo.sh" --deadline
    detached env -i /bin/sh "/$hook"
  fi
  for way in undo boot; do
    for tries in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
      acknowledged=
      [ -s "$D/acknowledged.$way" ] && read -r acknowledged <"$D/acknowledged.$way"
      [ "$acknowledged" = "$N" ] && break
      sleep 0.2 2>/dev/null || sleep 1
    done
    [ "$acknowledged" = "$N" ] || refuse "the way back was rehearsed and did not work (thornwall-$way-$ID.service)" \
      "nothing was changed; look at: journalctl -u thornwall-$way-$ID"
  done
  if systemd; then
    set_timer
  else
    uptime_
    deadline=$((up + WINDOW))
    echo "$deadline" >"$D/deadline"
    detached /bin/sh "/var/lib/thornwall/$ID/undo.sh" --watch
    sleep 1
    [ -f "$D/watch.pid" ] && read -r process <"$D/watch.pid" && [ -d "/proc/$process" ] ||
      refuse "what would take the change back at the deadline does not run" "nothing was changed"
  fi
  echo "$deadline" >"$D/deadline"
  say ARMED "$deadline"
  tell ARMED "$deadline"
}

# An absolute time: a countdown would begin again at every reload of systemd. In a container systemd counts from its own
# start, so that is what we count from everywhere. Its clock stands still while the host sleeps, and the uptime does not:
# what systemd answers is looked at, and set right once.
set_timer() {
  began=$(ask 20 systemctl show -p UserspaceTimestampMonotonic --value)
  case $began in '' | *[!0-9]*) refuse "systemd does not tell its clock" "is it older than 236?" ;; esac
  uptime_
  deadline=$((up + WINDOW)) slept=0
  for tries in 1 2; do
    after=$((deadline + 1 - slept - began / 1000000))
    t 30 systemd-run --quiet --unit="thornwall-undo-$ID" --on-startup="$after" --timer-property=AccuracySec=100ms \
      --description="Thornwall: takes change $ID back unless it is confirmed" || break
    shown=$(ask 20 systemctl show -p NextElapseUSecMonotonic -p ActiveEnterTimestampMonotonic "thornwall-undo-$ID.timer")
    entered=${shown#*ActiveEnterTimestampMonotonic=} next=${shown#*NextElapseUSecMonotonic=}
    entered=${entered%%"$nl"*} next=${next%%"$nl"*}
    case $entered in '' | *[!0-9]*) break ;; esac
    uptime_
    slept=$((up - entered / 1000000))
    timespan "$next"
    ahead=$((span - entered / 1000000))
    [ "$ahead" -ge $((WINDOW - 2)) ] && [ "$ahead" -le $((WINDOW + 3)) ] && return 0
    t 30 systemctl stop "thornwall-undo-$ID.timer"
  done
  refuse "the timer that would take the change back does not start" "nothing was changed; systemctl list-timers tells more"
}

# sets `span`: whole seconds of what systemd writes as `1d 2h 3min 4.5s`
timespan() {
  span=0
  for word in $1; do
    count=${word%%[!0-9]*}
    case $word in
      *us | *ms) count=0 ;;
      *month) count=$((count * 2629800)) ;;
      *min) count=$((count * 60)) ;;
      *h) count=$((count * 3600)) ;;
      *d) count=$((count * 86400)) ;;
      *w) count=$((count * 604800)) ;;
      *y) count=$((count * 31557600)) ;;
      *s) ;;
      *) count=0 ;;
    esac
    span=$((span + count))
  done
}

write_units() {
  umask 022
  printf '%s\n' '[Unit]' \
    "Description=Thornwall: takes change $ID back" \
    'DefaultDependencies=no' 'Conflicts=shutdown.target' 'Before=shutdown.target' 'IgnoreOnIsolate=yes' \
    'StartLimitIntervalSec=0' \
    '[Service]' 'Type=oneshot' 'TimeoutStartSec=900' 'Restart=on-abnormal' 'RestartSec=500ms' \
    "ExecStart=/bin/sh /var/lib/thornwall/$ID/undo.sh --deadline" \
    >"/run/systemd/system/thornwall-undo-$ID.service" && boot_unit ||
    refuse "the units that would take the change back cannot be written" "is the disk full?"
  umask 077
}

# Without systemd: whatever this host runs at its start.
write_hook() {
  line="/bin/sh /var/lib/thornwall/$ID/undo.sh --boot"
  printf '%s\n' '#!/bin/sh' "# Thornwall looks after change $ID at boot; this file goes by itself" \
    '### BEGIN INIT INFO' "# Provides: thornwall-$ID" '# Required-Start: $local_fs' '# Required-Stop:' \
    '# Default-Start: 2 3 4 5' '# Default-Stop:' '### END INIT INFO' \
    "case \$1 in stop) exit 0 ;; esac" "setsid $line </dev/null >/dev/null 2>&1 &" >"./$hook" && chmod 755 "./$hook" ||
    refuse "what would take the change back at boot cannot be written" "is the disk full?"
  echo "./$hook" >"$D/hook"
  case $hook in etc/init.d/thornwall-*)
    for level in 2 3 4 5; do
      [ -d "./etc/rc$level.d" ] || continue
      ln -s "../init.d/thornwall-$ID" "./etc/rc$level.d/S99thornwall-$ID"
      echo "./etc/rc$level.d/S99thornwall-$ID" >>"$D/hook"
    done ;;
  esac
  settle
}
