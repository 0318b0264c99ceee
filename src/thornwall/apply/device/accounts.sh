# Accounts without their own tools: on a mounted root, where those need not run, and in the merged result, where they
# would write into the log that a password was changed before it is.

# edit_account N USER FIELD VALUE: one field of one line, written in place
edit_account() {
  file=shadow day=0
  case $3 in
    lock) edit='$2 = "!" $2' only='substr($2, 1, 1) != "!"' ;;
    password) edit='$2 = hash; $3 = day' only=1 day=$(($(date +%s) / 86400)) ;;
    expire-now) edit='$8 = 0' only=1 ;;
    shell) file=passwd edit='$7 = value' only=1 ;;
    max-days) edit='$5 = value' only=1 ;;
    min-days) edit='$4 = value' only=1 ;;
    warn-days) edit='$6 = value' only=1 ;;
    inactive-days) edit='$7 = value' only=1 ;;
    leave-group)
      for file in group gshadow; do
        [ -f "./etc/$file" ] || continue
        edit_lines "$4" 1 'n = split($4, all, ","); $4 = ""; for (i = 1; i <= n; i++)
          if (all[i] != user) $4 = $4 ($4 == "" ? "" : ",") all[i]' "$2" "$4" "$D/secrets/$1"
      done
      return ;;
    *) fail "nobody knows what $3 is" ;;
  esac
  edit_lines "$2" "$only" "$edit" "$2" "$4" "$D/secrets/$1"
}

# edit_lines NAME CONDITION ACTION USER VALUE SECRET: in ./etc/$file, in the lines that begin with NAME
edit_lines() {
  edited=$(awk -F: -v OFS=: -v name="$1" -v user="$4" -v value="$5" -v secret="$6" -v day="$day" '
    BEGIN { if ((getline hash < secret) > 0) sub(/^[^:]*:/, "", hash) }
    $1 == name { found = 1; if ('"$2"') { '"$3"' } }
    { print }
    END { exit !found }' "./etc/$file") || {
    fail "$1 is not in /etc/$file"
    return
  }
  printf '%s\n' "$edited" >"./etc/$file" || fail "/etc/$file cannot be written"
}
