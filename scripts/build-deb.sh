#!/bin/sh
# Builds build/flowlogd_VERSION_ARCH.deb from a clone that is set up (npm run setup): the compiled agent, its addon and the npm
# packages of the lock file below /usr/lib/flowlogd, the unit, the example configuration, the manual.
#
#     scripts/build-deb.sh [VERSION]       the version of package.json, unless another is given
#
# FLOWLOGD_DEB_FAST=1 compresses less, for a package that only a test installs. Downloads nothing. Needs dpkg-dev. The same
# sources give the same bytes (SOURCE_DATE_EPOCH, else the last commit's time).
set -eu
cd "$(dirname "$0")/.."
umask 022

version=${1:-$(node -p 'require("./package.json").version')}
architecture=$(dpkg --print-architecture)
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}
export SOURCE_DATE_EPOCH
package=build/flowlogd_${version}_$architecture.deb
root=build/deb
home=$root/usr/lib/flowlogd
maintainer='The flowlogd maintainers <flowlogd@example.org>'

say() { printf 'build-deb: %s\n' "$*" >&2; }

# What the agent imports at run time, and not the engine cap: where this package installs, libpcap works.
modules() {
  npm ls --omit=dev --all --parseable 2>/dev/null | sed -n "s#^$PWD/##p" | grep -v -e '^node_modules/cap$' -e '^node_modules/nan$'
}

copy_program() {
  mkdir -p "$home/analyses" "$home/dist" "$home/agent/native/build/Release"
  cp analyses/*.yaml "$home/analyses/"
  cp -R dist/agent dist/logservice "$home/dist/"
  find "$home/dist" -name '*.map' -delete
  chmod 755 "$home/dist/agent/main.js"
  cp -R proto "$home/"
  sed "s/^  \"version\": .*/  \"version\": \"$version\",/" package.json >"$home/package.json"
  cp agent/native/build/Release/capture.node "$home/agent/native/build/Release/"
  strip --strip-unneeded "$home/agent/native/build/Release/capture.node"
  modules | while read -r folder; do
    mkdir -p "$home/$(dirname "$folder")"
    cp -RL "$folder" "$home/$folder"
    # A package inside a package comes in its own turn.
    rm -rf "$home/$folder/node_modules"
  done
  # What is only for who works on those packages.
  find "$home/node_modules" \( -name '*.map' -o -name '*.d.ts' -o -name '*.d.mts' -o -name '*.d.cts' -o -name '*.md' -o -name '*.html' -o -name '.*' \) -type f -delete
  find "$home/node_modules" -type d \( -name test -o -name tests -o -name docs -o -name benchmarks -o -name .github \) -prune -exec rm -rf {} +
  find "$home" -type f ! -name main.js -exec chmod 644 {} +
  mkdir -p "$root/usr/bin"
  ln -s ../lib/flowlogd/dist/agent/main.js "$root/usr/bin/flowlogd"
}

copy_files() {
  install -D -m 644 systemd/flowlogd.service "$root/lib/systemd/system/flowlogd.service"
  install -D -m 644 systemd/flowlogd.yaml "$root/etc/flowlogd/flowlogd.yaml"
  docs=$root/usr/share/doc/flowlogd
  install -D -m 644 -t "$docs/examples" systemd/flowlogd.service.d/*.conf docs/examples/*.yaml
  { sed -n 's/^Copyright (c)/Copyright:/p' LICENSE | cat packaging/debian/copyright - && license; } >"$docs/copyright"
  gzip -9n <CHANGELOG.md >"$docs/NEWS.md.gz"
  debian_changelog | gzip -9n >"$docs/changelog.gz"
  mkdir -p "$root/usr/share/man/man8"
  node scripts/render-manual.mjs "$version" | gzip -9n >"$root/usr/share/man/man8/flowlogd.8.gz"
  install -D -m 644 packaging/debian/lintian-overrides "$root/usr/share/lintian/overrides/flowlogd"
}

# The text of the licence as a field of Debian's copyright file: an empty line there is a dot.
license() {
  printf 'License: MIT\n'
  sed -n '5,$p' LICENSE | sed -e 's/^$/./' -e 's/^/ /'
}

debian_changelog() {
  cat <<CHANGELOG
flowlogd ($version) unstable; urgency=medium

  * See NEWS.md.gz.

 -- $maintainer  $(date -R -u -d "@$SOURCE_DATE_EPOCH")
CHANGELOG
}

# The libraries that the binaries are linked with, in the versions that they need.
libraries() {
  mkdir -p build/shlibs/debian
  : >build/shlibs/debian/control
  (cd build/shlibs && find ../deb -name '*.node' -exec dpkg-shlibdeps -O --warnings=0 {} + 2>/dev/null) | sed -n 's/^shlibs:Depends=//p'
}

write_control() {
  mkdir -p "$root/DEBIAN"
  install -m 755 packaging/debian/postinst packaging/debian/prerm packaging/debian/postrm "$root/DEBIAN/"
  echo /etc/flowlogd/flowlogd.yaml >"$root/DEBIAN/conffiles"
  (cd "$root" && find usr lib -type f -exec md5sum {} +) >"$root/DEBIAN/md5sums"
  cat >"$root/DEBIAN/control" <<CONTROL
Package: flowlogd
Version: $version
Architecture: $architecture
Maintainer: $maintainer
Installed-Size: $(du -sk --exclude=DEBIAN "$root" | cut -f 1)
Depends: nodejs (>= 20), passwd, $(libraries)
Section: net
Priority: optional
Description: flow logs of any Linux host, from its packets
 flowlogd captures on network interfaces, counts packets and bytes per flow
 and time window, and ships the records to a log service: Tencent Cloud Log
 Service, what speaks its protocol, or the one that comes with it.
 .
 It counts every packet and samples none, says what it missed, and needs no
 more than CAP_NET_RAW. On releases with an older Node.js, install nodejs from
 NodeSource first.
CONTROL
}

[ -f dist/agent/main.js ] && [ -f agent/native/build/Release/capture.node ] || {
  say 'nothing is built here; run: npm run setup'
  exit 69
}
rm -rf build/deb build/shlibs
copy_program
copy_files
write_control
find "$root" -newermt "@$SOURCE_DATE_EPOCH" -exec touch --no-dereference --date="@$SOURCE_DATE_EPOCH" {} +
dpkg-deb --root-owner-group -Zxz ${FLOWLOGD_DEB_FAST:+-z0} --build "$root" "$package" >/dev/null
say "$package, $(du -k "$package" | cut -f 1) KiB"
