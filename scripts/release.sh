#!/bin/sh
# Makes a release of the commit at hand: checks it, runs .ci/run, and builds build/release/VERSION with the npm tarball, the Debian
# package, the container images and SHA256SUMS; then tags the commit. Publishes nothing, and prints the command that does.
#
#     scripts/release.sh VERSION [--dry-run] [--skip-ci]
#
# --dry-run checks, and prints what would be done. May be repeated: what is there of this commit is not made again, and a tag that is
# elsewhere is never moved. Needs dpkg-dev for the Debian package, and Docker with BuildKit for the images; a part whose tool is missing
# is skipped, which is printed. Exit codes after sysexits(3).
set -eu
cd "$(dirname "$0")/.."

say() { printf 'release: %s\n' "$*"; }

# refuse EXIT_CODE SENTENCE
refuse() {
  printf 'release: %s\n' "$2" >&2
  exit "$1"
}

version='' dry_run='' skip_ci=''
for word in "$@"; do
  case $word in
  --dry-run) dry_run=yes ;;
  --skip-ci) skip_ci=yes ;;
  -*) refuse 64 "unknown option $word" ;;
  *) version=$word ;;
  esac
done
printf '%s\n' "$version" | grep -Eqx '[0-9]+\.[0-9]+\.[0-9]+(-[0-9A-Za-z.]+)?' ||
  refuse 64 "invalid version '$version': expected three numbers, as in 1.2.3. Usage: scripts/release.sh VERSION [--dry-run] [--skip-ci]"
tag=v$version
folder=build/release/$version

check_clone() {
  branch=$(git branch --show-current)
  [ "$branch" = main ] || refuse 78 "a release is made from the branch main, and this is '$branch'. Run: git switch main"
  [ -z "$(git status --porcelain)" ] || refuse 78 'the clone has uncommitted changes. Commit or remove them: git status'
}

check_version() {
  found=$(node -p "const { version } = require('./package.json'); const lock = require('./package-lock.json');
    [...new Set([version, lock.version, lock.packages[''].version])].join(' and ')")
  [ "$found" = "$version" ] ||
    refuse 78 "package.json and its lock file have version $found. Run: npm version --no-git-tag-version $version, and commit"
  heading=$(sed -n 's/^## //p' CHANGELOG.md | head -n 1)
  printf '%s\n' "$heading" | grep -Eqx "$version \([0-9]{4}-[0-9]{2}-[0-9]{2}\)" ||
    refuse 78 "CHANGELOG.md begins with '## $heading'. Date the section, and commit: ## $version ($(date -u +%F))"
}

# A tag on this commit is that of a run before, one elsewhere is a release that exists.
check_tag() {
  commit=$(git rev-parse HEAD)
  tagged=$(git rev-parse -q --verify "refs/tags/$tag^{commit}") || return 0
  [ "$tagged" = "$commit" ] ||
    refuse 78 "the tag $tag is on another commit, $(git rev-parse --short "$tagged"). A release is never changed; choose a new version"
}

# What another commit left is not of this release.
begin() {
  left=yes
  [ "$(cat "$folder/.commit" 2>/dev/null)" = "$commit" ] || left=
  [ -z "$dry_run" ] || return 0
  [ -n "$left" ] || rm -rf "$folder"
  mkdir -p "$folder"
  echo "$commit" >"$folder/.commit"
  sh scripts/setup.sh
}

# step NAME FILE COMMAND...: makes a file of the release unless a run before did.
step() {
  name=$1
  file=$2
  shift 2
  if [ -n "$left" ] && [ -e "$folder/$file" ]; then
    say "$name: done before"
  elif [ -n "$dry_run" ]; then
    say "$name: would make $folder/$file"
  else
    say "$name"
    "$@"
  fi
}

run_ci() {
  bash .ci/run >"$folder/ci.log" 2>&1 || {
    tail -n 30 "$folder/ci.log" >&2
    refuse 70 "the checks failed, see above; all of it is in $folder/ci.log"
  }
  touch "$folder/.ci-passed"
}

make_tarball() {
  npm pack --silent --pack-destination "$folder" >/dev/null || refuse 70 'npm pack failed, see above'
}

make_deb() {
  sh scripts/build-deb.sh || refuse 70 'the Debian package could not be built, see above'
  mv "build/$deb" "$folder/"
}

make_images() {
  for target in agent logservice; do
    docker build -f container/Dockerfile --target "$target" -t "flowlogd-$target:$version" . || refuse 70 'an image could not be built, see above'
  done
  docker save -o "$folder/$images.partial" "flowlogd-agent:$version" "flowlogd-logservice:$version"
  mv "$folder/$images.partial" "$folder/$images"
}

# Of all that is there now, each time: a part may have come since.
write_checksums() {
  [ -z "$dry_run" ] || return 0
  say 'checksums'
  (cd "$folder" && rm -f SHA256SUMS && sha256sum -- flowlogd* >../SHA256SUMS.partial && mv ../SHA256SUMS.partial SHA256SUMS && cat SHA256SUMS)
}

set_tag() {
  if git rev-parse -q --verify "refs/tags/$tag" >/dev/null; then
    say "tag $tag: done before"
  elif [ -n "$dry_run" ]; then
    say "tag $tag: would tag $(git rev-parse --short HEAD)"
  else
    say "tag $tag"
    git tag -a "$tag" -m "flowlogd $version"
  fi
}

check_clone
check_version
check_tag
begin
if [ -n "$skip_ci" ]; then say 'checks: skipped, as asked for'; else step 'checks (.ci/run)' .ci-passed run_ci; fi
step 'npm tarball' "flowlogd-$version.tgz" make_tarball
if command -v dpkg-shlibdeps >/dev/null 2>&1; then
  deb=flowlogd_${version}_$(dpkg --print-architecture).deb
  step 'Debian package' "$deb" make_deb
else
  say 'Debian package: skipped, there is no dpkg-shlibdeps here (package dpkg-dev)'
fi
if docker info >/dev/null 2>&1; then
  images=flowlogd-$version-images-$(uname -m).tar
  step 'container images' "$images" make_images
else
  say 'container images: skipped, no Docker engine answers here'
fi
write_checksums
set_tag
say "publish with: git push origin main $tag, and npm publish $folder/flowlogd-$version.tgz"
