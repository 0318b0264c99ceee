if true; then
    umask 0027
fi
