# What could not be done while this system was at rest. Each step is a change with a record and a guard of its own, as any
# other; nobody is there to log in, so this looks itself whether SSH is still let in. It goes when all is done.
main() {
  LIVE=1 ID='' N=@nonce@ PORTS='@ports@' NAMES='@packages@' MORE='@more@' STEPS='@steps@' ENABLING='@enabling@'
  LEAST=300 QUIET=180
  setup
  cd / || exit 1
  J=.@folder@
  lasting || withdrawn
  uptime_
  began=$up again=3600 quiet=0
  letting_in &
  while :; do
    bring
    # (the firewall, too, lets in what listens when all is up)
    ! still_starting || [ "$again" != 3600 ] ||
      echo "waiting until nothing new has begun to listen for $((QUIET / 60)) minutes, $((LEAST / 60)) in all at least"
    wait
    [ -z "$ENABLING" ] || echo "let in with SSH, since it listens: $(sh "$J/listening.sh" | tr '\n' ' ')"
    undone=''
    for step in $STEPS; do
      [ -f "$J/$step.sh" ] || continue
      if change "$step"; then rm -f "$J/$step.sh"; else undone="$undone $step"; fi
    done
    [ ! -f "$J/packages.sh" ] || undone=" packages$undone"
    [ -n "$undone" ] || break
    # (until the firewall is there, the filter stays)
    echo "left for later:$undone; tried again in $((again / 3600)) hours"
    pause "$again"
    [ "$again" -ge 86400 ] || again=$((again * 2))
  done
  over
}

# whether what is written to / is there after the next start
lasting() {
  while read -r _ point type options _; do
    [ "$point" = / ] && root_="$type ,$options,"
  done </proc/mounts
  case $root_ in overlay\ * | tmpfs\ * | *,ro,*) return 1 ;; esac
}

# pause SECONDS: and looks meanwhile whether this is still wanted
pause() {
  left=$1
  while [ "$left" -gt 0 ]; do
    [ -f "$J/run.sh" ] || withdrawn
    sleep 5
    left=$((left - 5))
  done
}

# somebody has taken the change back that left this here, or nothing of it would stay
withdrawn() {
  filter_gone
  exit 0
}

# Until the firewall is there, a table of our own lets in SSH alone, and what begins to listen in the first minutes: a server
# that takes long to start, say. It is over when nothing new has come for a while; what listens only later is shut out.
# Whoever waits for packages, or installs them, must not keep that waiting: this runs beside.
letting_in() {
  known='' quiet=0
  while [ -f "$J/run.sh" ] && still_starting; do
    quiet=$((quiet + 5))
    for each in $(sh "$J/listening.sh"); do
      case " $known " in *" $each "*) continue ;; esac
      quiet=0 known="$known $each"
      t 10 nft add element inet thornwall_start "${each#*/}_ports" "{ ${each%/*} }" 2>/dev/null
    done
    sleep 5
  done
}

still_starting() {
  uptime_
  for_=$((up - began))
  [ "$for_" -lt 1800 ] && { [ "$for_" -lt "$LEAST" ] || [ "$quiet" -lt "$QUIET" ]; }
}

filter_gone() { t 10 nft delete table inet thornwall_start 2>/dev/null; }

# As long as there is no network there are no packages, and this waits. (The clock of a board may be years behind until
# then, for which apt refuses what it is offered; and somebody else may be installing.) What cannot be had although apt
# answers is left for later, and so are the steps that need it.
bring() {
  [ -f "$J/packages.sh" ] || return 0
  wait=15 tries_=0
  while [ "$tries_" -lt 5 ]; do
    if [ -n "$NAMES" ] && there && [ -z "$MORE" ]; then
      rm -f "$J/packages.sh"
      return 0
    fi
    if [ "$MORE" = removals ] || fetched || at_hand; then
      echo "bringing packages"
      told packages
      start_anew
      ! nothing_came || forget_it
      if brought; then
        rm -f "$J/packages.sh"
        return 0
      fi
      tries_=$((tries_ + 1))
    fi
    echo "packages cannot be had yet: tried again in $wait seconds"
    pause "$wait"
    [ "$wait" -ge 1800 ] || wait=$((wait * 2))
  done
}

# whether all of them are installed
there() {
  for name in $NAMES; do
    case $(t 20 dpkg-query -W -f '${db:Status-Abbrev}' "$name" 2>/dev/null) in ii*) ;; *) return 1 ;; esac
  done
}

# whether an archive has answered (one of several that does not keeps none of the others from being used)
fetched() { t 1800 apt-get -q update 2>/dev/null | grep -Eq '^(Hit|Get):'; }

# whether the package work that is over has done all that it was to do
brought() {
  case $said in *"${tab}BROUGHT$tab"*) ;; *) return 1 ;; esac
  ! printf '%s\n' "$said" | grep "${tab}TROUBLE$tab" | grep -qv "${tab}TROUBLE${tab}fetching the lists$tab" && there
}

at_hand() {
  [ -n "$NAMES" ] || return 1
  # shellcheck disable=SC2086
  t 10800 apt-get -q -y --no-install-recommends --download-only -o DPkg::Lock::Timeout=120 install $NAMES >/dev/null 2>&1
}

# whether the package work that is over has brought nothing: sets `ID` to its number
nothing_came() {
  case $said in *"${tab}BROUGHT$tab"*) ;; *) return 1 ;; esac
  fields=${said##*"${tab}BROUGHT$tab"}
  ID=${fields%%"$tab"*} fields=${fields#*"$tab"}
  case ${fields%%"$nl"*} in "-$tab-$tab-$tab"*) ;; *) return 1 ;; esac
}

# what was updated while it ran runs on in the version of before, until it is started anew; SSH only where it would come up
start_anew() {
  case $said in *"${tab}BROUGHT$tab"*) ;; *) return 0 ;; esac
  fields=${said##*"${tab}BROUGHT$tab"}
  fields=${fields%%"$nl"*}
  for unit in ${fields##*"$tab"}; do
    case $unit in
      *[!A-Za-z0-9@_.-]* | -*) continue ;;
      ssh.service | sshd.service) sshd -t 2>/dev/null || continue ;;
    esac
    t 90 systemctl try-restart -- "$unit" 2>/dev/null
    if t 20 systemctl is-active --quiet -- "$unit"; then
      echo "$unit was updated, and is started anew"
    else
      echo "$unit was updated, and does not start in its new version: see journalctl -u $unit"
    fi
  done
}

# a record of nothing says nothing
forget_it() {
  case $ID in [0-9][0-9][0-9][0-9]*) rm -rf "./var/lib/thornwall/$ID" ;; esac
}

# told NAME: runs a script of a change, and tells what came of it; sets `said`
told() {
  said=$(sh "$J/$1.sh" 2>&1)
  printf '%s\n' "$said" | awk -F "$tab" -v what="$1" '
    function some(names) { return names == "-" ? "none" : names }
    $2 == "BROUGHT" { print "change " $3 ": packages that came: " some($4) "; updated: " some($5) "; gone: " some($6) }
    $2 == "TROUBLE" { print "not done: " $3 ": " $4 }
    $2 == "REFUSED" { print what " cannot be done now: " $3 " (" $4 ")" }
    $2 == "FAILED" { print what " failed, and goes back: " $4 }
    $2 == "APPLIED" { print "change " $3 ": " what " is done" }'
}

# change STEP: made, and kept if SSH is still let in; else it is taken back
change() {
  case " $ENABLING " in *" $1 "*)
    if t 20 iptables -S 2>/dev/null | grep -q '^-P INPUT DROP'; then
      echo "a firewall is there already"
      return 0
    fi ;;
  esac
  for tries in 1 2 3 4 5 6 7 8 9 10 11 12; do
    listening_for_ssh
    [ -z "$heard" ] && [ -n "$PORTS" ] || break
    # (sshd is not up yet: it makes its keys, say)
    pause 5
  done
  for tries in 1 2 3; do
    listening_for_ssh
    told "$1"
    # (another change may be on its way)
    case $said in *"${tab}REFUSED$tab"*) pause 60 ;; *) break ;; esac
  done
  case $said in *"${tab}APPLIED$tab"*) ;; *) return 1 ;; esac
  ID=${said##*"${tab}APPLIED$tab"}
  ID=${ID%%"$tab"*}
  D=./var/lib/thornwall/$ID
  for port in $heard; do
    still_listens "$port" && lets_in "$port" && continue
    journal_end
    tell ASKED "nobody was let in on port $port any more"
    echo "nobody is let in on port $port any more: change $ID goes back"
    t 300 systemctl start "thornwall-undo-$ID.service"
    return 1
  done
  keep && echo "change $ID is confirmed: SSH is let in${heard:+ (port$heard)}"
}

# (the record is sealed: its own list of ports is what undo relies on, and stays as it is)
still_listens() {
  for tries in 1 2 3 4 5; do
    listens "$1" && return 0
    sleep 1
  done
  return 1
}

# sets `heard`: the ports of SSH, those that it was told, and those that sshd listens on for others
listening_for_ssh() {
  heard=''
  for port in $PORTS $(ss -Hltnp 2>/dev/null | awk '/\(\("sshd"/ && $4 !~ /^(127\.|\[::1\])/ { sub(/.*:/, "", $4); print $4 }'); do
    case " $heard " in *" $port "*) ;; *) ! listens "$port" || heard="$heard $port" ;; esac
  done
}

# whether ufw, where it refuses what no rule names, lets everybody in on this port: the first of its rules decides. A
# filter that is on and cannot be seen lets nobody in.
lets_in() {
  for v in '' 6; do
    [ -z "$v" ] || [ -e /proc/net/if_inet6 ] || continue
    has "ip${v}tables" && rules=$(t 20 "ip${v}tables" -S 2>/dev/null) || {
      ! grep -qs '^ENABLED=yes' ./etc/ufw/ufw.conf || return 1
      continue
    }
    case $rules in *'-P INPUT DROP'*) ;; *) continue ;; esac
    printf '%s\n' "$rules" | awk -v port="$1" '
      !/^-A ufw6?-user-input / || / -s / || / -d / || / -i / || / -m recent / || / --sports? / { next }
      / -p / && !/ -p tcp /{ next }
      /-j ufw6?-user-logging-input$/ { next }
      {
        here = !/ --dports? /
        for (i = 1; i < NF; i++) if ($i == "--dport" || $i == "--dports") {
          count = split($(i + 1), parts, ",")
          for (n = 1; n <= count; n++) {
            split(parts[n] ":" parts[n], ends, ":")
            if (ends[1] + 0 <= port + 0 && port + 0 <= ends[2] + 0) here = 1
          }
        }
        if (here) { print $NF; exit }
      }' | grep -Eqx 'ACCEPT|ufw6?-user-limit-accept' || return 1
  done
}

# Nothing of it stays: as it was before it was left here. (The folder goes first by its name: a power cut in between
# leaves nothing that would be taken for a job.)
over() {
  filter_gone
  mv "$J" "$J.over"
  rm -f @units@
  rm -rf "$J.over"
  rmdir "${J%/*}" 2>/dev/null
  t 60 systemctl daemon-reload
  echo "all is done: this job goes"
}
