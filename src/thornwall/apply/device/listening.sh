# listening.sh [PORT[:LAST]/PROTOCOL…]: what others can reach here now, a `port/protocol` a line, but for these (`any`: all).
# DHCP and multicast DNS have rules of every firewall's own; a port that its program just happened to get is answered without
# one; and what listens for containers of this very host alone is nobody else's.
main() {
  heard=$(ss -Hltunp) || exit 1
  inside=$(ip -o addr 2>/dev/null | awk '$2 ~ /^(docker|br-|virbr|lxc|lxd|incus|podman|cni|veth|ve-|vb-)/ {
    sub(/\/.*/, "", $4)
    print $4
  }' | tr '\n' ' ')
  printf '%s\n' "$heard" | awk -v known="$*" -v inside=" $inside " '
    BEGIN { total_known = split(known, names, " ") }
    function told(key, port, n, parts, ends) {
      for (n = 1; n <= total_known; n++) {
        split(names[n], parts, "/")
        if (parts[2] != "any" && parts[2] != substr(key, index(key, "/") + 1)) continue
        if (parts[1] == "any") return 1
        split(parts[1] ":" parts[1], ends, ":")
        if (ends[1] + 0 <= port && port <= ends[2] + 0) return 1
      }
      return 0
    }
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
      plain = address
      gsub(/[][]|%.*/, "", plain)
      if (index(inside, " " plain " ")) next
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
        if (!told(key, port)) print key
      }
    }'
}

main "$@"
