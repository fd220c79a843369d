#!/usr/bin/env bash
# Installs the Debian 12 packages that building (and with "test": testing) needs.
#
#   tools/install_packages.sh build|test|fuzz
#
# Asks dpkg first: when everything is there it returns at once and never touches the network. Runs apt-get as root, or
# through sudo. A tool that is already on the PATH in a usable version (cargo, node) is left alone.
set -euo pipefail

purpose="${1:-build}"

build_packages=(
  build-essential ca-certificates cmake ninja-build ccache mold pkg-config git curl python3
  libthrift-dev thrift-compiler librocksdb-dev libzmq3-dev libmsgpack-cxx-dev libboost-dev
  libdeflate-dev libzstd-dev libxxhash-dev libprotobuf-dev protobuf-compiler
  libspdlog-dev libfmt-dev libyaml-cpp-dev libcli11-dev nlohmann-json3-dev
  libgtest-dev libbenchmark-dev libre2-dev libssl-dev zlib1g-dev libmimalloc-dev
)
test_packages=(python3-thrift python3-zmq python3-msgpack python3-protobuf)
fuzz_packages=(clang-16 libclang-rt-16-dev llvm-16)

# True when `cargo` is there and at least 1.75.
has_cargo() {
  local version
  version="$(cargo --version 2>/dev/null | awk '{print $2}')" || return 1
  [[ -n "$version" ]] && printf '1.75.0\n%s\n' "${version%%-*}" | sort -V -C
}

wanted=("${build_packages[@]}")
has_cargo || wanted+=(rustc-web cargo-web)
case "$purpose" in
  build) ;;
  test)
    wanted+=("${test_packages[@]}")
    command -v node >/dev/null || wanted+=(nodejs)
    command -v npm >/dev/null || wanted+=(npm)
    command -v chromium >/dev/null || wanted+=(chromium)
    ;;
  fuzz) wanted+=("${fuzz_packages[@]}") ;;
  *) echo "install_packages.sh: unknown purpose '$purpose' (build, test, fuzz)" >&2; exit 2 ;;
esac

# One dpkg-query for all; it prints a line per package it knows and complains about the others.
installed="$(dpkg-query -W -f '${db:Status-Status} ${Package}\n' "${wanted[@]}" 2>/dev/null || true)"
missing=()
for package in "${wanted[@]}"; do
  grep -qx "installed $package" <<<"$installed" || missing+=("$package")
done
if (( ${#missing[@]} == 0 )); then
  exit 0
fi

as_root=()
if [[ "$(id -u)" != 0 ]]; then
  command -v sudo >/dev/null || {
    echo "install_packages.sh: these packages are missing and there is neither root nor sudo: ${missing[*]}" >&2
    exit 1
  }
  as_root=(sudo)
fi
echo "installing: ${missing[*]}"
"${as_root[@]}" apt-get update -qq
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
  apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
