# Prints each file that may be read, cleansed by the filter of its class, behind a line that names it.
function cleanse(class, s) {
@dispatch@
  return "<redacted>"
}
@functions@
BEGIN {
  while ((getline line < (S "/meta")) > 0) {
    split(line, f, " ")
    size[substr(line, index(line, " ./") + 1)] = f[6]
  }
  skip = after != ""
  while ((getline line < (S "/list")) > 0) {
    if (split(line, f, " ") != 4 || f[1] != "R") continue
    path = f[4]
    if (skip) {
      if (path == after) skip = 0
      continue
    }
    if (path in size && size[path] + 0 > f[3] + 0) {
      printf "\001%s T %s\n", N, path
      continue
    }
    printf "\001%s F %s\n", N, path
    fflush()
    r_state = ""
    FNR = 0
    FILENAME = path
    while ((getline s < path) > 0) {
      FNR++
      print cleanse(f[2], s)
    }
    close(path)
  }
  printf "\001%s E .\n", N
  exit 0
}
