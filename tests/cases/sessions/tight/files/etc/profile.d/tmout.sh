typeset -xr TMOUT=600
