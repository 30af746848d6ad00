# Brings the tools a suite needs, says what it fetches from where, and keeps it under tests/.cache/ where it can.
# Versions are pinned by tests/sdk/requirements.txt and tests/sdk/package-lock.json; Debian's by the release.
# shellcheck shell=bash

# debian_tool COMMAND PACKAGE: has the command, if need be by installing the package.
debian_tool() { command -v "$1" >/dev/null || { debian_package "$2" && command -v "$1" >/dev/null; }; }

# debian_package PACKAGE: installs it; its services are neither started nor enabled.
debian_package() {
    if ((EUID != 0)); then
        printf 'missing. As root: apt-get install --no-install-recommends %s\n' "$1"
        return 1
    fi
    printf 'fetching from Debian: %s\n' "$1"
    with_services_forbidden apt_install "$1"
}

apt_install() {
    export DEBIAN_FRONTEND=noninteractive
    apt-get -qq update && apt-get -qq install -y --no-install-recommends "$1" >/dev/null || return 1
    local unit
    for unit in $(dpkg -L "$1" | sed -n 's|.*/systemd/system/\([^/@]*\.service\)$|\1|p'); do
        deb-systemd-helper disable "$unit" >/dev/null 2>&1
        [[ ! -e /etc/init.d/${unit%.service} ]] || update-rc.d "${unit%.service}" disable >/dev/null 2>&1
    done
}

# 101 is Debian's word for "a service must not be started here". A subshell, so that whatever policy stood there
# before comes back even when the run is interrupted.
with_services_forbidden() (
    policy=/usr/sbin/policy-rc.d
    kept=$(mktemp -u "$policy.XXXXXX")
    [[ ! -e $policy ]] || mv "$policy" "$kept"
    trap 'rm -f "$policy"; [[ ! -e $kept ]] || mv "$kept" "$policy"' EXIT
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod 755 "$policy"
    "$@"
)

# python_env HOME REQUIREMENTS: a virtual environment, made anew when the pins change.
python_env() {
    cmp -s "$2" "$1/installed" && return 0
    python3 -c 'import ensurepip, venv' 2>/dev/null || debian_package python3-venv || return 1
    printf 'fetching from PyPI: %s\n' "$(sed -n 's/^\([a-z_-]*==[0-9.!]*\).*/\1/p' "$2" | paste -sd ' ')"
    rm -rf "$1"
    python3 -m venv "$1" && "$1/bin/pip" -q install -r "$2" && cp "$2" "$1/installed"
}

# node_packages HOME FOLDER: what the folder's package-lock.json pins, installed under HOME/node_modules.
node_packages() {
    cmp -s "$2/package-lock.json" "$1/installed" && return 0
    debian_tool node nodejs && debian_tool npm npm || return 1
    printf 'fetching from npm: what %s pins\n' "$2/package-lock.json"
    rm -rf "$1" && mkdir -p "$1" && cp "$2/package.json" "$2/package-lock.json" "$1/" || return 1
    # No install scripts: what is tested is the SDK's own code, and none of it needs building.
    npm ci --prefix "$1" --ignore-scripts --no-audit --no-fund --silent && cp "$2/package-lock.json" "$1/installed"
}
