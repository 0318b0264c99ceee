# listening.sh [PORT/PROTOCOL…]: what others can reach here now, a `port/protocol` a line, but for these. DHCP and multicast
# DNS have rules of every firewall's own; and a port that its program just happened to get is answered without one.
main() {
  heard=$(ss -Hltunp) || exit 1
  printf '%s\n' "$heard" | awk -v known=" $* " '
    {
      count = split($5, parts, ":")
      port = parts[count]
      address = substr($5, 1, length($5) - length(port) - 1)
      program = $7
      if (!sub(/^users:\(\("/, "", program)) program = ""
      sub(/".*/, "", program)
      if (!((program, port) in had)) ports[program]++
      had[program, port]
      if (address ~ /^(127\.|\[::1\]|\[::ffff:127\.)/ || address ~ /%lo\]?$/) next
      if ($1 == "udp" && (port == 68 || port == 546 || port == 5353)) next
      if (program ~ /^rpc\./ && port != 2049) next
      key = port "/" $1
      if (key in seen) next
      seen[key] = 1
      order[++total] = key
      by[key] = program
    }
    END {
      for (i = 1; i <= total; i++) {
        key = order[i]
        port = key + 0
        picked = key ~ /udp$/ && port >= 32768 && port < 61000 && by[key] != "" && ports[by[key]] > 1
        if (picked && !((port "/tcp") in seen)) continue
        if (index(known, " " key " ") == 0) print key
      }
    }'
}

main "$@"
