# Taking back: paths, units, kernel settings, as they were.
take_back() {
  problems='' trees_found='' hung='' locked_=''
  stop_apply
  # (what a tool changes on its own way back is nobody's edit)
  [ "$1" != later ] || [ ! -f "$D/keeps" ] || trees_found=$nl$(trees)$nl
  # (what is mounted here from another machine has files to be given back, and nothing that runs)
  [ "$LIVE" = 0 ] || [ -e "$D/rebooted" ] || tools_before
  files_back
  kept_back "$1"
  folders_back
  settle
  if [ "$LIVE" = 1 ]; then
    # (asking one that hangs for each unit would take longer than anybody waits)
    [ -n "$hung" ] || ! systemd || persist 60 systemctl daemon-reload || answers || hung=1
    [ -e "$D/rebooted" ] || sysctls_back "$1"
  fi
  if [ -n "$hung" ]; then
    problem "systemd does not answer"
  else
    runtime_back
    systemd && units_back
  fi
  verify_back
  [ -z "$problems" ] || { tell NOT_YET "$problems"; return 1; }
  settle
  [ "$LIVE" = 0 ] || [ -f "$D/units" ] || ! systemd || left_till_start
  [ "$LIVE" = 0 ] || [ -e "$D/rebooted" ] || same_boot || started_with
  [ -z "$locked_" ] || tell LEFT "what the kernel gives back with the next start of the host alone:$locked_"
  token undoing undone || return 1
  clear_away
}

# what a change of a system at rest had done without systemd, and so has its effect at the next start alone
left_till_start() {
  names_='' settings_=''
  while read -r line_; do
    case ${line_##* } in
      /etc/systemd/system/*.d/* | */thornwall-*) ;;
      /etc/systemd/system/*.service | /etc/systemd/system/*.socket | /etc/systemd/system/*.timer | /etc/systemd/system/*.path)
        path_=${line_##*/}
        case "$names_, " in *" $path_, "*) ;; *) names_="$names_${names_:+,} $path_" ;; esac
        ;;
      /etc/sysctl.d/* | /etc/modprobe.d/*) settings_=1 ;;
    esac
  done <"$D/items"
  [ -z "$names_" ] || tell LEFT "what is on again, and does not run before the next start of the host:$names_"
  [ -z "$settings_" ] || tell LEFT "settings of the kernel, which hold until the next start of the host"
}

# what the host has started with since
started_with() {
  names_=''
  while read -r line_; do
    path_=${line_##* }
    case $line_ in M*) continue ;; esac
    case $path_ in
      /etc/fstab | */cmdline.txt | */config.txt | /etc/systemd/system/*.mount.d/*) names_="$names_${names_:+,} $path_" ;;
    esac
  done <"$D/items"
  [ -z "$names_" ] || tell LEFT "what the host has started with, until its next start:$names_"
}

# what was there to take it back goes; where that is cut short, it is done by whoever comes next
clear_away() {
  [ -f "$D/vaults" ] || return 0
  drop_links
  disarm
  rm -f "$D/vaults"
  tell UNDONE "$ID"
  settle
  return 0
}

problem() { problems="$problems${problems:+; }$1"; }

stop_apply() {
  [ "$LIVE" = 1 ] || return 0
  stop_process standby TERM
  stop_process apply
  systemd && [ -z "$hung" ] || return 0
  t 20 systemctl kill -s KILL "thornwall-apply-$ID.service" 2>/dev/null
  # (what is not done in time)
  [ $? != 124 ] || answers || hung=1
  [ -n "$hung" ] || t 20 systemctl stop "thornwall-apply-$ID.service" 2>/dev/null
}

# every path as it was: the original is renamed back, so that it is the very inode. Needs no room on the disk.
files_back() {
  pending='' target='' gone='' changed=''
  walk back_one
  back_pending
  # shellcheck disable=SC2086
  [ -z "$gone" ] || rm -f -- $gone || problem "cannot remove$gone"
}

back_one() {
  if [ "$kind $mode_ $uid $gid $what" = "$okind $omode $ouid $ogid $owhat" ]; then
    [ "$op" = M ] || [ "$okind" = - ] || [ "$ino" = "$oino" ] && return 0
    [ -e "$V/vault$path" ] || [ -L "$V/vault$path" ] || return 0
  fi
  changed=1
  if [ "$op" = M ]; then
    back_meta
    return 0
  fi
  if [ "$kind" != - ] && [ "$what" != "$new" ] && [ "$what" != "$owhat" ]; then set_aside; fi
  if [ "$okind" = - ]; then
    gone="$gone .$path"
  elif [ -e "$V/vault$path" ] || [ -L "$V/vault$path" ]; then
    if [ "$V ${path%/*}" != "$target" ]; then
      back_pending
      target="$V ${path%/*}"
    fi
    pending="$pending $V/vault$path"
  else
    problem "what $path was is not in the record any more"
  fi
}

back_pending() {
  [ -n "$pending" ] || return 0
  folder=.${target#* }
  [ -d "$folder" ] || mkdir -p "$folder"
  # shellcheck disable=SC2086
  mv -f -- $pending "$folder/" || problem "cannot put back$pending"
  pending=''
}

# somebody else's work of the meantime is kept
set_aside() {
  mkdir -p "$V/aside${path%/*}"
  rm -f "$V/aside$path"
  ln -- ".$path" "$V/aside$path" 2>/dev/null || cp -a -- ".$path" "$V/aside$path" 2>/dev/null
  tell ASIDE "$path" "${V#.}/aside$path"
}

back_meta() {
  case $kind in f | d) ;; *) return 0 ;; esac
  if [ "$V" = fd ] || [ "$owner" != - ]; then
    who=$ouid:$ogid
    [ "$owner" = - ] || [ "$uid:$gid" != "$who" ] || who=-
    meta "$V" "$owner" "$omode" "$who" ".$path" "$kind $mode_ $uid $gid $oino" || problem "cannot set the mode of $path"
  else
    chown "$ouid:$ogid" ".$path" && chmod "$omode" ".$path" || problem "cannot set the mode of $path"
  fi
}

# folders that came with the change go, if nobody uses them
folders_back() {
  [ -s "$D/made" ] || return 0
  reversed=''
  while read -r path; do reversed="$path $reversed"; done <"$D/made"
  for path in $reversed; do
    [ -d "$path" ] || continue
    rmdir "$path" 2>/dev/null || tell LEFT "${path#.}: something else is in it by now"
  done
}

# originals that never left their place have one link less again
drop_links() {
  while read -r vault; do
    rm -rf "$vault/vault" "$vault/new" "$vault/kept"
    [ "$vault" = "$D" ] || rmdir "$vault" 2>/dev/null
  done <"$D/vaults"
  rm -rf "$D/secrets"
  return 0
}

# sysctls_back HOW
sysctls_back() {
  [ -s "$D/sysctls" ] || return 0
  files=''
  while IFS=: read -r file _; do files="$files $file"; done <"$D/sysctls"
  # shellcheck disable=SC2086
  now_=$nl$(grep -H '' $files 2>/dev/null)$nl
  while IFS= read -r line; do
    case $now_ in *"$nl$line$nl"*) continue ;; esac
    printf '%s\n' "${line#*:}" 2>/dev/null >"${line%%:*}" && continue
    case $1$line in
      # (no kernel gives that back while it runs; what nobody has confirmed goes back whole, with a restart)
      later*/kernel/kexec_load_disabled:*) locked_="$locked_ kernel.kexec_load_disabled" ;;
      *) problem "the kernel does not take ${line%%:*} back" ;;
    esac
  done <"$D/sysctls"
}

# reread UNIT…: what read the files of the change reads those of before
reread() {
  for unit; do
    t 20 systemctl reset-failed -- "$unit" 2>/dev/null
    persist 20 systemctl is-active --quiet -- "$unit" || continue
    [ "$action" = reload ] && t 90 systemctl try-reload-or-restart -- "$unit" 2>/dev/null && continue
    t 90 systemctl try-restart -- "$unit" 2>/dev/null || problem "$unit does not restart"
  done
}

back_units() {
  [ "$LIVE" = 0 ] || [ -e "$D/rebooted" ] && return 0
  action=$1
  shift
  case $action in
    restart | reload) reread "$@" ;;
    start)
      for unit; do
        was_active "$unit" && continue
        # (a timer whose file has gone with the change has failed for systemd)
        t 90 systemctl stop -- "$unit" && { t 20 systemctl reset-failed -- "$unit" 2>/dev/null; continue; }
        # (one that is not there, since the change failed before it came, does not run either)
        case $(ask 20 systemctl is-active -- "$unit") in
          inactive | failed | unknown) ;;
          *) problem "$unit does not stop" ;;
        esac
      done
      ;;
  esac
}

was_active() {
  while read -r name _ active _; do
    [ "$name" = "$1" ] && [ "$active" = active ] && return 0
  done <"$D/units"
  return 1
}

# tool_begins N: whether what is to be told to a tool before its files come back still is: once it has taken it, it is not
# told again. Renames need no room.
tool_begins() {
  interrupted='' problems_=$problems
  [ ! -e "$D/tool.$1.going" ] || interrupted=1
  [ -n "$interrupted" ] || mv "$D/tool.$1" "$D/tool.$1.going" 2>/dev/null
}

# tool_ends N: a try that was cut short may have gone far enough for the next one to fail. The look at the end decides.
tool_ends() {
  [ -z "$interrupted" ] || problems=$problems_
  if [ "$problems" = "$problems_" ]; then
    mv "$D/tool.$1.going" "$D/tool.$1.gone"
  else
    mv "$D/tool.$1.going" "$D/tool.$1"
  fi
}

# tool_ran N: whether the change had it run
tool_ran() { [ -e "$D/tool.$1" ] || [ -e "$D/tool.$1.going" ] || [ -e "$D/tool.$1.gone" ]; }

# runs SECONDS PROGRAM ARGUMENT…: a tool's own way back
runs() {
  [ "$LIVE" = 1 ] || return 0
  t "$@" >/dev/null 2>&1 && return 0
  shift
  problem "$* fails"
}

# what ran before the change and does not now is started again
units_back() {
  now_=$nl$(ask 30 systemctl list-units --plain --no-legend --full --state=active \
    --type=service,socket,timer,path,mount,automount,swap)$nl
  lost=''
  while read -r unit _ active _; do
    [ "$active" = active ] || continue
    case $unit in
      thornwall-* | user@* | user-runtime-dir@* | ssh@* | sshd@* | sshd-session@* | run-* | packagekit.service) continue ;;
      systemd-hostnamed.service | systemd-localed.service | systemd-timedated.service | dev-*) continue ;;
    esac
    case $now_ in *"$nl$unit "*) ;; *) lost="$lost $unit" ;; esac
  done <"$D/units"
  [ -z "$lost" ] || not_by_itself
  [ -n "$lost" ] || return 0
  # shellcheck disable=SC2086
  t 20 systemctl reset-failed -- $lost 2>/dev/null
  # shellcheck disable=SC2086
  t 120 systemctl start -- $lost 2>/dev/null
  for unit in $lost; do
    t 20 systemctl is-active --quiet -- "$unit" && continue
    # (its program was updated before the change, and stays so: no undo heals it)
    grep -qsxF -- "$unit" "$D/renewed" && tell LEFT "$unit, which does not start in its new version" && continue
    # (what was made for one run, by systemd-run or a generator, is gone when that is over: nothing of the change's)
    [ "$(ask 20 systemctl show -p LoadState --value -- "$unit")" = not-found ] && ! has_file "$unit" && continue
    problem "$unit ran before and does not now"
  done
}

# whether a unit has a file: systemd may have read the folders before it was back
has_file() {
  template=$1
  case $1 in *@*) template=${1%%@*}@.${1##*.} ;; esac
  for folder in etc run lib usr/lib usr/local/lib; do
    for each in "$1" "$template"; do
      [ ! -e "./$folder/systemd/system/$each" ] || return 0
    done
  done
  [ -e "./etc/init.d/${1%.service}" ]
}

# Takes out of `lost` what came to its end by itself and well, by the last two things that systemd has written down of it:
# it started, and it was over. What was stopped is `stopped` at its end. (systemd itself forgets a unit that is over.)
not_by_itself() {
  has journalctl && has awk || return 0
  started=39f53479d3a045ac8e11786248231fbf well=7ad2d189f7e94e70a38c781354912448
  stopping=de5b426a63be47a7b6ac3eaac82e2f6f stopped=9d1aaa27d60140bd96365438aad20286
  asked=''
  for unit in $lost; do
    case $unit in *.service) asked="$asked UNIT=$unit" ;; esac
  done
  [ -n "$asked" ] || return 0
  # shellcheck disable=SC2086
  well=$(t 20 journalctl -b -q --no-pager -n 2000 -o export --output-fields=UNIT,MESSAGE_ID $asked "MESSAGE_ID=$started" \
    "MESSAGE_ID=$well" "MESSAGE_ID=$stopping" "MESSAGE_ID=$stopped" 2>/dev/null | awk -F= -v started="$started" -v well="$well" '
    $1 == "UNIT" { unit = $2 }
    $1 == "MESSAGE_ID" { told = $2 }
    unit != "" && told != "" { before[unit] = last[unit]; last[unit] = told; unit = told = "" }
    END { for (each in last) if (before[each] == started && last[each] == well) printf " %s", each }')
  still=''
  for unit in $lost; do
    case "$well " in *" $unit "*) ;; *) still="$still $unit" ;; esac
  done
  lost=$still
}

# taken back means: seen to be
verify_back() {
  walk look_back
  if [ "$LIVE" = 1 ]; then ways_in_listen || problem "nothing listens on port$deaf"; fi
}

look_back() {
  [ "$kind $mode_ $uid $gid $what" = "$okind $omode $ouid $ogid $owhat" ] && return 0
  [ "$op" = M ] && [ "$kind" = - ] && return 0
  problem "$path is not as it was"
}
