#!/usr/bin/env bash
# get-sources.sh DIR: the sources of lwIP 2.2 and Mbed TLS 3.6, as Debian trixie has them, in DIR/lwip and DIR/mbedtls.
#
# They come from the mirror that this system's apt is set to (or from $DEBIAN_MIRROR), with an apt state of our own: the
# system's is left alone and nothing is installed. apt checks the archive's signature and each file's hash before
# anything is unpacked. What is there and complete is not fetched again: DIR/.fetched names it.
set -euo pipefail

suite=trixie
keyring=/usr/share/keyrings/debian-archive-keyring.gpg
# What we build against, and the file without which an unpacked source is not whole.
packages=(lwip mbedtls)
declare -A version=([lwip]='2.2.*' [mbedtls]='3.6.*')
declare -A proof=([lwip]=src/apps/altcp_tls/altcp_tls_mbedtls.c [mbedtls]=library/ssl_tls13_client.c)

fail() {  # what happened, what to type next
  printf 'get-sources: %s\nNext: %s\n' "$1" "$2" >&2
  exit 1
}

complete() {
  local package
  [ -s .fetched ] || return 1
  for package in "${packages[@]}"; do
    [ -f "$package/${proof[$package]}" ] || return 1
  done
}

# The archive from which this system installs its own release, as apt itself understands its configuration.
system_mirror() {
  local codename
  codename=$(. /etc/os-release && printf '%s' "${VERSION_CODENAME:-}")
  apt-get indextargets --format '$(REPO_URI) $(RELEASE) $(COMPONENT)' |
    awk -v codename="$codename" '($2 == codename || $2 == "stable") && $3 == "main" && !seen++ { print $1 }'
}

private_apt() {
  apt-get -qq \
    -o Dir::Etc::sourcelist="$state/sources.list" -o Dir::Etc::sourceparts=/dev/null \
    -o Dir::Etc::preferences=/dev/null -o Dir::Etc::preferencesparts=/dev/null \
    -o Dir::State="$state" -o Dir::State::lists="$state/lists" -o Dir::State::status="$state/status" \
    -o Dir::Cache="$state/cache" -o Acquire::Retries=3 -o Acquire::AllowInsecureRepositories=false \
    -o APT::Get::AllowUnauthenticated=false "$@"
}

fetch() {  # package
  local package=$1 unpacked
  rm -rf "$state/unpack" && mkdir "$state/unpack"
  (cd "$state/unpack" && private_apt -o APT::Sandbox::User="$(id -un)" source "$package") ||
    fail "$package could not be fetched from $mirror" "look at the lines above; then run this again"
  unpacked=$(find "$state/unpack" -mindepth 1 -maxdepth 1 -type d -name "$package-${version[$package]}")
  [ -n "$unpacked" ] ||
    fail "$suite no longer has $package ${version[$package]}" "adapt the versions in $0, and the firmware to them"
  [ -f "$unpacked/${proof[$package]}" ] ||
    fail "$package came without ${proof[$package]}" "look into $unpacked"
  rm -rf "$package"
  mv "$unpacked" "$package"
  (cd "$state/unpack" && ls -1 -- *.dsc) >>"$state/fetched"
}

[ $# -eq 1 ] || { sed -n '2,6s/^# //p' "$0" >&2; exit 2; }
mkdir -p "$1"
cd "$1"
exec 9>.lock
flock 9  # two that build at once: one fetches, the other finds it done
complete && exit 0

for tool in apt-get dpkg-source; do
  command -v "$tool" >/dev/null ||
    fail "the sources come as Debian's packages, and $tool is missing" "on Debian: sudo apt install dpkg-dev"
done
[ -r "$keyring" ] ||
  fail "the keys that sign Debian's archive are missing ($keyring)" "sudo apt install debian-archive-keyring"
mirror=${DEBIAN_MIRROR:-$(system_mirror)}
[ -n "$mirror" ] ||
  fail "apt on this system is not set to any mirror of Debian" "DEBIAN_MIRROR=URI $0 $1"

state=$PWD/.apt
rm -rf "$state"
mkdir -p "$state/lists/partial" "$state/cache/archives/partial"
trap 'rm -rf "$state"' EXIT
printf 'deb-src [signed-by=%s] %s %s main\n' "$keyring" "$mirror" "$suite" >"$state/sources.list"
: >"$state/status"
private_apt update ||
  fail "the list of $suite's source packages could not be fetched from $mirror" \
    "check the network; another mirror: DEBIAN_MIRROR=URI $0 $1"
for package in "${packages[@]}"; do
  fetch "$package"
done
mv "$state/fetched" .fetched
printf 'fetched into %s: %s\n' "$PWD" "$(paste -sd ' ' .fetched)"
