# What both halves of package work need.

# name, architecture and version of all that is installed
installed() {
  t 60 dpkg-query -W -f '${db:Status-Status} ${binary:Package} ${Version}\n' | sed -n 's/^installed //p' | sort
}

# all that is in /etc but folders, a line each, and once more with its hash (but ldconfig's own, which it makes anew)
look_etc() {
  find ./etc ! -type d ! -path ./etc/ld.so.cache -printf '%y %m %U %G %T@ %l %p\n' -type f -exec sha256sum {} +
}

# sets `active`: the units of the packages in `list` that run
active_units() {
  active=''
  [ -d /run/systemd/system ] || return 0
  patterns=''
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

# Nothing of a package runs on without its files: not every package stops what it has started. Sets `active`.
stop_units() {
  active_units
  # shellcheck disable=SC2086
  [ -z "$active" ] || t 120 systemctl stop -- $active 2>/dev/null
}

# sets `text` to what dpkg, which said `said`, complains of
complaint() {
  text=$(printf '%s\n' "$said" | grep -E '^ .*(depends|conflicts)|^dpkg: ' | head -n 4)
  [ -n "$text" ] || text=$(printf '%s\n' "$said" | tail -n 4)
  one_line "$text"
}

# What was stopped in the middle is brought to its end: no package stays half there, and the next ones can come.
whole() {
  timeout -k 60 3600 dpkg --force-confdef --force-confold --configure -a </dev/null >>"$D/log" 2>&1 || :
}

# what their scripts changed in /etc stays as it was, in `was`
keep_changed() {
  look_etc >"$D/etc.after"
  grep -vxF -f "$D/etc.after" "$D/etc.before" | sed 's|.* \./etc/|./etc/|' | sort -u >"$D/changed"
  mkdir -p "$D/was"
  while IFS= read -r path; do
    mkdir -p "$D/was/${path%/*}" && cp -a "$D/copy/$path" "$D/was/${path%/*}/"
  done <"$D/changed"
  rm -rf "$D/copy"
}

# whether somebody is still at it
works() {
  worker=''
  [ ! -f "$D/work.pid" ] || read -r worker <"$D/work.pid"
  case $(tr '\0' ' ' 2>/dev/null <"/proc/${worker:-none}/cmdline") in *"/$ID/work.sh"*) return 0 ;; esac
  [ -d /run/systemd/system ] && t 20 systemctl is-active --quiet "thornwall-packages-$ID.service"
}

# what kept services and timers from starting is out of the way
let_go() {
  policy=/usr/sbin/policy-rc.d
  if [ -L "$policy" ] && [ "$(readlink "$policy")" = /run/thornwall-policy-rc.d ]; then
    rm -f "$policy" /run/thornwall-policy-rc.d
  fi
  timers=''
  [ ! -f "$D/timers" ] || read -r timers <"$D/timers"
  # shellcheck disable=SC2086
  [ -z "$timers" ] || t 30 systemctl start $timers
}

# exactly what came, what was upgraded, and which of `going` went: from here on undo can rely on it
reckon() {
  installed >"$D/after"
  came='' upgraded='' went=''
  while read -r name version; do
    had=''
    # shellcheck disable=SC2094
    while read -r name_ version_; do
      [ "$name_" = "$name" ] && had=$version_ && break
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
    grep -q "^${name}[ :]" "$D/after" || went="$went $name"
  done
  printf '%s\n' "${came# }" >"$D/came"
  printf '%s\n' "${upgraded# }" >"$D/upgraded"
  printf '%s\n' "${went# }" >"$D/went"
  sed 's/:.*//' ./etc/passwd | grep -vxF -f "$D/accounts" >"$D/accounts.came"
  find "$D" -maxdepth 2 -type f \( -name undo.sh -o -name came -o -name went -o -name '*.deb' \) -exec sha256sum {} + >"$D/sums"
  token open confirmed
  tell BROUGHT "$ID" "${came:--}" "${upgraded:--}" "${went:--}"
  settle
}
