# keep: the change stays. It fails where the deadline was faster.
keep() {
  journal_end
  token open confirmed || return 1
  tell CONFIRMED "$ID"
  # The unit of the boot stays, and looks once whether the host is still reachable after its next start.
  t 30 systemctl stop "thornwall-undo-$ID.timer" 2>/dev/null
  rm -f "/run/systemd/system/thornwall-undo-$ID.service"
  stop_process standby TERM
  panic_back
  settle
}
