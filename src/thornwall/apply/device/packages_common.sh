# What both halves of package work need.

# name, architecture and version of all that is there, whole or half (so undo takes nothing for new that was half there)
installed() {
  rows_of_dpkg && printf '%s\n' "$rows" | sed -n '/^not-installed /d; /^config-files /d; s/^[^ ]* //p' | sort
}

# the same of what went but for its settings, which are somebody's
settings_left() {
  rows_of_dpkg && printf '%s\n' "$rows" | sed -n 's/^config-files //p' | sort
}

# sets `rows`; a list that may be cut short is none
rows_of_dpkg() {
  rows=$(t 60 dpkg-query -W -f '${db:Status-Status} ${binary:Package} ${Version}\n') || return 1
  case $rows in *"installed dpkg "*) ;; *) return 1 ;; esac
}

# all that is in /etc but folders, a line each, and once more with its hash (but ldconfig's own, which it makes anew)
look_etc() {
  find ./etc ! -type d ! -path ./etc/ld.so.cache -printf '%y %m %U %G %T@ %l %p\n' -type f -exec sha256sum {} +
}

# sets `active`: the units of the packages in `list` that run; `patterns`: all of them
active_units() {
  active='' patterns=''
  [ -d /run/systemd/system ] || return 0
  # shellcheck disable=SC2086
  for path in $(dpkg-query -L $list 2>/dev/null); do
    case $path in
      */systemd/system/*/*) continue ;;
      */systemd/system/*.service | */systemd/system/*.socket | */systemd/system/*.timer | */systemd/system/*.path) ;;
      /etc/init.d/*) path=$path.service ;;
      *) continue ;;
    esac
    unit=${path##*/}
    # (of a template: each that was made of it)
    case $unit in *@.*) unit="${unit%@.*}@*.${unit##*.}" ;; esac
    patterns="$patterns $unit"
  done
  [ -n "$patterns" ] || return 0
  # shellcheck disable=SC2086
  for unit in $(t 30 systemctl list-units --plain --no-legend --full --state=active,activating,reloading $patterns |
    sed 's/ .*//'); do active="$active $unit"; done
}

# Nothing of a package runs on without its files: not every package stops what it has started.
stop_units() {
  # shellcheck disable=SC2086
  [ -z "$active" ] || t 120 systemctl stop -- $active 2>/dev/null
}

# Their files are gone: nothing of them runs, though one that was stopped may have called another, over D-Bus, once more.
stop_again() {
  [ -d /run/systemd/system ] || return 0
  t 60 systemctl daemon-reload
  # shellcheck disable=SC2086
  [ -z "$patterns" ] || t 120 systemctl stop -- $patterns 2>/dev/null
}

# dpkg_ SECONDS ARGUMENT…: dpkg, which does not wait for whoever else is at it, as apt does. Sets `said`.
dpkg_() {
  limit=$1
  shift
  for tries in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24; do
    said=$(timeout -k 60 "$limit" dpkg "$@" </dev/null 2>&1 9>&-) && return 0
    case $said in *' was locked by '*) ;; *) return 1 ;; esac
    sleep 5
  done
  return 1
}

# Services do not start while packages come in: they start under guard. A link into /run: after a power cut it leads
# nowhere, and invoke-rc.d takes that for no policy at all. (On /run itself, nothing may be run.)
deny_starts() {
  policy=/usr/sbin/policy-rc.d denied=''
  [ -L "$policy" ] && [ "$(readlink "$policy")" = /run/thornwall-policy-rc.d ] && rm -f "$policy"
  if [ -e "$policy" ] || [ -L "$policy" ]; then return 0; fi
  touch -r /usr/sbin "$D/sbin"
  names /usr/sbin
  programs=$entries
  # (whether something runs may be asked; of several units, only the first is named to it: all stand in the caller's call,
  # which may have a shell in between)
  {
    echo '#!/bin/sh'
    printf 'asked=/var/lib/thornwall/%s/asked\n' "$ID"
    cat <<'END'
exec 2>/dev/null
[ "$1" != --quiet ] || shift
[ "$2" != status ] || exit 104
read -r line <"/proc/$PPID/stat"
set -- "$2" "$1" ${line##*) }
{ echo "$1" "$2"; tr '\000\n' '  ' <"/proc/$PPID/cmdline"; tr '\000\n' '  ' <"/proc/$4/cmdline"; echo; } >>"$asked"
exit 101
END
  } >"$D/policy" && chmod 755 "$D/policy" &&
    ln -sfn "/var/lib/thornwall/$ID/policy" /run/thornwall-policy-rc.d && ln -s /run/thornwall-policy-rc.d "$policy" || return 1
  denied=1
  "$policy" any rehearsal >/dev/null 2>&1
  [ $? = 101 ]
}

# sets `again`: what runs, and was to be started anew since it was updated (but what sessions and the network hang on)
to_restart() {
  again=''
  [ -s "$D/asked" ] && [ -d /run/systemd/system ] || return 0
  units_=$(awk '
    function service(name) {
      if (name ~ /\.(socket|timer|path|target|mount)$/) return
      sub(/\.service$/, "", name)
      if (name ~ /^[A-Za-z0-9][A-Za-z0-9@_.-]*$/) print name ".service"
    }
    NR % 2 { action = $1; unit = $2; next }
    action !~ /^(restart|try-restart|stop|upgrade)$/ || / --user / { next }
    { service(unit) }
    / [^ ]*\/deb-systemd-invoke / { for (i = 1; i <= NF; i++) if ($i ~ /\.service$/) service($i) }' "$D/asked" | sort -u)
  for unit in $units_; do
    # (by its own name: it may have been asked for by another; and what is masked, or has no file any more, stays as it is)
    told_=$nl$(t 20 systemctl show -p Id,LoadState,SubState -- "$unit" 2>/dev/null)$nl
    case $told_ in *"${nl}LoadState=loaded$nl"*) ;; *) continue ;; esac
    case $told_ in *"${nl}SubState=running$nl"*) ;; *) continue ;; esac
    unit=${told_##*"${nl}Id="}
    unit=${unit%%"$nl"*}
    case $unit in
      dbus* | systemd-* | user@* | display-manager.* | lightdm.* | gdm* | sddm.* | greetd.*) continue ;;
      NetworkManager* | networking.* | ifup@* | dhcpcd* | wpa_supplicant* | iwd.* | connman.*) continue ;;
    esac
    case " $again " in *" $unit "*) ;; *) again="$again $unit" ;; esac
  done
}

allow_starts() {
  [ -n "$denied" ] || return 0
  rm -f /usr/sbin/policy-rc.d /run/thornwall-policy-rc.d
  denied=''
  # where nothing came or went, nothing is to be seen
  names /usr/sbin
  [ "$entries" != "$programs" ] || touch -r "$D/sbin" /usr/sbin
}

# sets `text` to what dpkg, which said `said`, complains of
complaint() {
  text=$(printf '%s\n' "$said" | grep -E '^ .*(depends|conflicts)|^dpkg: ' | head -n 4)
  [ -n "$text" ] || text=$(printf '%s\n' "$said" | tail -n 4)
  one_line "$text"
}

# What was stopped in the middle is brought to its end: no package stays half there, and the next ones can come. It fails
# only where somebody else is installing: what cannot be whole is counted as it is.
whole() {
  dpkg_ 3600 --force-confdef --force-confold --configure -a && return 0
  printf '%s\n' "$said" >>"$D/log"
  case $said in *' was locked by '*) return 1 ;; esac
  timeout -k 60 3600 apt-get -q -y --no-remove -o DPkg::Lock::Timeout=120 -o Dpkg::Options::=--force-confdef \
    -o Dpkg::Options::=--force-confold -f install </dev/null >>"$D/log" 2>&1 9>&-
  return 0
}

# state_of NAME: how dpkg has it: `ii ` where it is installed, and wanted
state_of() { dpkg-query -W -f '${db:Status-Abbrev}' "$1" 2>/dev/null; }

# stays NAME…: what dpkg refused to take away is not marked for that any more
stays() {
  for name; do
    case $(state_of "$name") in ?i*) printf '%s install\n' "$name" ;; esac
  done | dpkg --set-selections 2>/dev/null
}

# whether somebody is still at it, or about to begin
works() {
  worker=''
  if [ -f "$D/work.pid" ]; then
    read -r worker <"$D/work.pid"
  else
    read -r made _ <"$D/about"
    age=$(($(date +%s) - ${made:-0}))
    [ "$age" -lt 0 ] || [ "$age" -gt 120 ] || return 0
  fi
  case $(tr '\0' ' ' 2>/dev/null <"/proc/${worker:-none}/cmdline") in *"/$ID/work.sh"*) return 0 ;; esac
  [ -d /run/systemd/system ] && t 20 systemctl is-active --quiet "thornwall-packages-$ID.service"
}

# what kept services and timers from starting is out of the way
let_go() {
  policy=/usr/sbin/policy-rc.d
  if [ -L "$policy" ] && [ "$(readlink "$policy")" = /run/thornwall-policy-rc.d ]; then
    rm -f "$policy" /run/thornwall-policy-rc.d
  fi
  if [ -z "${timers+known}" ]; then
    timers=''
    [ ! -f "$D/timers" ] || read -r timers <"$D/timers"
  fi
  # shellcheck disable=SC2086
  [ -z "$timers" ] || t 30 systemctl start $timers
}

# What scripts changed in /etc cannot be told from what others did: undo lets it be, and says so.
nothing_changed() {
  rm -rf "$D/was"
  true >"$D/changed" && true >"$D/etc.after" && true >"$D/cut"
}

# Exactly what came, what was upgraded, and which of `going` went: from here on undo can rely on it. On a full disk it fails,
# and can be done again.
reckon() {
  installed >"$D/after" && grep -q '^dpkg ' "$D/before" || return 1
  came='' upgraded='' went=''
  while read -r name version; do
    had=''
    # shellcheck disable=SC2094
    while read -r name_ version_; do
      # (an upgrade may make a package one of several architectures, or no more)
      if [ "$name_" = "$name" ] || [ "$name_" = "${name%:*}" ] || [ "${name_%:*}" = "$name" ]; then
        had=$version_
        break
      fi
    done <"$D/before"
    case $had in
      '') came="$came $name" ;;
      "$version") ;;
      *) upgraded="$upgraded $name" ;;
    esac
  done <<END
$(diff "$D/before" "$D/after" | sed -n 's/^> //p')
END
  for name in $going; do
    case $(state_of "$name") in ?i*) ;; *) went="$went $name" ;; esac
  done
  again=''
  [ -z "$upgraded" ] || to_restart
  sed 's/:.*//' ./etc/passwd | grep -vxF -f "$D/accounts" >"$D/accounts.came"
  printf '%s\n' "${came# }" >"$D/came" && printf '%s\n' "${upgraded# }" >"$D/upgraded" &&
    printf '%s\n' "${went# }" >"$D/went" && printf '%s\n' "${again# }" >"$D/restarts" && seal || return 1
  # (its second line is what it is called)
  case $came$upgraded$went in
    *[!\ ]*) ;;
    *) sed -i '2s/.*/packages: none came or went/' "$D/about" ;;
  esac
  settle
  token open confirmed
  tell BROUGHT "$ID" "${came:--}" "${upgraded:--}" "${went:--}" "${again:--}"
  settle
}

# the hashes of all that undo relies on
seal() {
  list=''
  for file in undo.sh before settings came went changed etc.after active automatic debs was; do
    [ ! -e "$D/$file" ] || list="$list $D/$file"
  done
  # shellcheck disable=SC2086
  find $list -type f -exec sha256sum {} + >"$D/sums" && [ -s "$D/sums" ]
}

# stay_off UNIT…: what would shut somebody out under the package's own settings does not begin with the next boot, should
# no transaction follow that has better ones
stay_off() {
  [ -d /run/systemd/system ] || return 0
  for unit; do
    [ "$(t 20 systemctl is-enabled "$unit" 2>/dev/null)" != enabled ] || t 60 systemctl -q disable "$unit" || {
      tell TROUBLE "keeping $unit off until it has its settings" "look at: systemctl disable $unit"
    }
  done
}
