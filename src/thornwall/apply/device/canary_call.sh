# A login under the new rules, before they hold: whoever changes this host tries it now, from where he is, and writes
# his answer as root, through that very login.
canary() {
  if ! has unshare || ! has sshd; then
    say VALID "a login under the new rules" "unshare or sshd is not on this host"
    return 0
  fi
  for tries in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
    listens "$port_" && break
    sleep 0.2 2>/dev/null || sleep 1
  done
  if ! listens "$port_"; then
    stop_process canary
    one_line "$(tail -n 2 "$D/canary.log" 2>/dev/null)"
    say VALID "a login under the new rules" "no sshd could be started for it: $text"
    return 0
  fi
  read -r key </proc/sys/kernel/random/uuid
  say CANARY "$ID" "$port_" "$key"
  answer_of_canary
  stop_process canary
  rm -f "$D/canary.log" "$D/canary.answer"
  case $answer in
    "ok $key") say VALID "a login under the new rules" - ;;
    "skip "*) say VALID "a login under the new rules" "${answer#skip }" ;;
    "no "*) refuse "a login under the new rules failed: ${answer#no }" "nothing was changed; what would shut you out is in that sentence" ;;
    *) refuse "nobody logged in under the new rules in time" "nothing was changed; does the firewall of this host count logins, and were there some just now? Then wait for half a minute, and try again" ;;
  esac
}

# a port that nobody listens on
find_port() {
  uptime_
  port_=$((20000 + (ticks + $$) % 40000))
  while listens "$port_"; do port_=$((port_ + 1)); done
}

answer_of_canary() {
  answer='' waited=0 pause=0.2
  until [ -s "$D/canary.answer" ] && read -r answer <"$D/canary.answer"; do
    waited=$((waited + 1))
    [ "$waited" -lt 5 ] || pause=0.5
    [ "$waited" -gt 240 ] && break
    sleep "$pause" 2>/dev/null || sleep 1
  done
}
