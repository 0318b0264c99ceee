# What the recipes share. Sourced by the builder, inside the root being built, before the recipe itself.
# Given in the environment: LAB_RELEASE, LAB_MIRROR, LAB_SECURITY_MIRROR, and the secrets of this build.
export DEBIAN_FRONTEND=noninteractive APT_LISTCHANGES_FRONTEND=none LC_ALL=C.UTF-8

apt_get() {
    apt-get -q -y --no-install-recommends -o Dpkg::Options::=--force-confold -o Dpkg::Use-Pty=0 "$@"
}

sources() { # SUITE MIRROR
    printf 'deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] %s %s main\n' "$2" "$1"
}

use_main_suite() {
    sources "$LAB_RELEASE" "$LAB_MIRROR" >/etc/apt/sources.list
}

use_all_suites() {
    use_main_suite
    sources "$LAB_RELEASE-updates" "$LAB_MIRROR" >>/etc/apt/sources.list
    sources "$LAB_RELEASE-security" "$LAB_SECURITY_MIRROR" >>/etc/apt/sources.list
}

name_host() { # NAME
    printf '%s\n' "$1" >/etc/hostname
    printf '127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n127.0.1.1\t%s\n' "$1" >/etc/hosts
}
