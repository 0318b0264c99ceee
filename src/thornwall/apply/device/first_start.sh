# What could not be done while this system was at rest. Each step is a change with a record and a guard of its own, as any
# other; nobody is there to log in, so this looks itself whether SSH is still let in. It goes when it is over.
main() {
  LIVE=1 ID='' N=@nonce@ PORTS='@ports@' NAMES='@packages@' STEPS='@steps@'
  setup
  cd / || exit 1
  J=.@folder@
  let_in
  # (what is started last listens a moment later)
  pause 20
  let_in
  bring
  for step in $STEPS; do change "$step"; done
  over
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

# somebody has taken the change back that left this here
withdrawn() {
  filter_gone
  exit 0
}

# Until the firewall is there, a table of our own lets in SSH alone; by now also what has begun to listen.
let_in() {
  t 10 nft list table inet thornwall_start >/dev/null 2>&1 || return 0
  for each in $(sh "$J/listening.sh"); do
    t 10 nft add element inet thornwall_start "${each#*/}_ports" "{ ${each%/*} }"
  done
}

filter_gone() { t 10 nft delete table inet thornwall_start 2>/dev/null; }

# As long as there is no network there are no packages, and this waits. (The clock of a board may be years behind until
# then, for which apt refuses what it is offered.)
bring() {
  [ -f "$J/packages.sh" ] && ! there || return 0
  wait=15
  until fetched || at_hand; do
    echo "packages cannot be had yet: tried again in $wait seconds"
    pause "$wait"
    let_in
    [ "$wait" -ge 1800 ] || wait=$((wait * 2))
  done
  told packages
}

# whether somebody has brought them meanwhile (where they are all that is wanted)
there() {
  [ -z '@upgrade@' ] && [ -n "$NAMES" ] || return 1
  for name in $NAMES; do
    case $(t 20 dpkg-query -W -f '${db:Status-Abbrev}' "$name" 2>/dev/null) in ii*) ;; *) return 1 ;; esac
  done
}

fetched() { t 1800 apt-get -q -o APT::Update::Error-Mode=any update >/dev/null 2>&1; }

at_hand() {
  [ -n "$NAMES" ] || return 1
  # shellcheck disable=SC2086
  t 10800 apt-get -q -y --no-install-recommends --download-only -o DPkg::Lock::Timeout=120 install $NAMES >/dev/null 2>&1
}

# told NAME: runs a script of a change, for the journal without what only a program reads; sets `said`
told() {
  said=$(sh "$J/$1.sh" 2>&1)
  printf '%s\n' "$said" | sed "s/^$N$tab//"
}

# change STEP: made, and kept if SSH is still let in; else it is taken back
change() {
  [ -f "$J/$1.sh" ] || return 0
  case $1 in
    firewall-*) ! t 20 iptables -S 2>/dev/null | grep -q '^-P INPUT DROP' || { echo "a firewall is there already" && return 0; } ;;
  esac
  for tries in 1 2 3 4 5 6 7 8 9 10; do
    heard=''
    for port in $PORTS; do listens "$port" && heard="$heard $port"; done
    told "$1"
    # (another change may be on its way)
    case $said in *"${tab}REFUSED$tab"*) pause 60 ;; *) break ;; esac
  done
  case $said in *"${tab}APPLIED$tab"*) ;; *) return 1 ;; esac
  ID=${said##*"${tab}APPLIED$tab"}
  ID=${ID%%"$tab"*}
  D=./var/lib/thornwall/$ID
  for port in $heard; do
    listens "$port" && lets_in "$port" && continue
    journal_end
    tell ASKED "nobody was let in on port $port any more"
    echo "nobody is let in on port $port any more: change $ID goes back"
    t 300 systemctl start "thornwall-undo-$ID.service"
    return 1
  done
  keep && echo "change $ID is confirmed"
}

# whether ufw, where it refuses what no rule names, has a rule that lets this port in for everybody
lets_in() {
  for v in '' 6; do
    has "ip${v}tables" || continue
    rules=$(t 20 "ip${v}tables" -S) || return 1
    case $rules in
      *'-P INPUT DROP'*)
        printf '%s\n' "$rules" |
          grep -Eq -e "^-A ufw6?-user-input (-p tcp -m tcp )?--dport $1 .*-j (ACCEPT|ufw6?-user-limit-accept)$" || return 1 ;;
    esac
  done
}

# nothing of it stays: as it was before it was left here
over() {
  filter_gone
  rm -f @units@
  rm -rf "$J"
  rmdir "${J%/*}" 2>/dev/null
  t 60 systemctl daemon-reload
}
