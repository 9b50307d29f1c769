#!/usr/bin/env bash
# Vendors the front-end files that vendor.lock pins, and writes the icon template from icons.txt.
# Needs npm (pack runs no script of a package), openssl and python3; refuses a tarball whose sha512 is not the pinned one.
set -euo pipefail
cd "$(dirname "$0")"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Downloads a package and prints the name of its tarball.
pack() {
    npm pack --silent --ignore-scripts --pack-destination "$work" "$1" | tail -n 1
}

# The folder carries the version, so that a file in it may be cached for ever.
folder_of() {
    local name=${1#@}
    name=${name//\//-}
    echo "${name/@/-}"
}

copy_license() {
    local from=$1 to=$2
    cp "$from"/LICENSE* "$to/" 2>/dev/null && return
    echo "no license file in $from" >&2
    exit 1
}

while read -r package pinned files; do
    [[ -z $package || $package == \#* ]] && continue

    tarball=$(pack "$package")
    found="sha512-$(openssl dgst -sha512 -binary "$work/$tarball" | base64 -w0)"
    if [[ $pinned == - ]]; then
        echo "$package $found $files"
        continue
    fi
    if [[ $found != "$pinned" ]]; then
        echo "$package: the tarball's checksum is $found, pinned is $pinned" >&2
        exit 1
    fi

    folder=$(folder_of "$package")
    rm -rf "$work/unpacked" "${folder%-*}"-[0-9]*
    mkdir -p "$work/unpacked" "$folder"
    tar xzf "$work/$tarball" -C "$work/unpacked" --strip-components=1
    copy_license "$work/unpacked" "$folder"

    if [[ $files == icons.txt ]]; then
        grep -v '^#' icons.txt | while read -r icon; do
            install -m 644 "$work/unpacked/icons/outline/$icon.svg" "$folder/"
        done
        python3 write_icons.py "$folder" ../../../templates/shell/icons.html
    else
        for file in ${files//,/ }; do
            install -m 644 "$work/unpacked/$file" "$folder/"
        done
    fi
done < vendor.lock

find . -mindepth 2 -type f | LC_ALL=C sort | xargs sha256sum > SHA256SUMS
echo "vendored $(wc -l < SHA256SUMS) files"
