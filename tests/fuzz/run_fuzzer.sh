#!/usr/bin/env bash
# Builds the fuzzers with clang's libFuzzer, ASan and UBSan in build/fuzz, and runs one until stopped: run_fuzzer.sh NAME [SEED]
# The corpus grows in build/fuzz/corpus/NAME; findings are left in build/fuzz as crash-*. ./dev fuzz calls this.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

if [[ ! -f build/fuzz/build.ninja ]]; then
  cmake -S . -B build/fuzz -G Ninja -DCMAKE_BUILD_TYPE=Release -DCMAKE_C_COMPILER=clang-16 -DCMAKE_CXX_COMPILER=clang++-16 \
    -DBRAZIER_SANITIZE=address -DBRAZIER_LIBFUZZER=ON -DCMAKE_CXX_FLAGS=-fsanitize=fuzzer-no-link >build/fuzz.configure.log 2>&1 || {
    cat build/fuzz.configure.log >&2
    exit 1
  }
fi
ninja -C build/fuzz -j "${BRAZIER_BUILD_JOBS:-2}" brazier_libfuzzer brazier_fuzzers

if [[ $# -eq 0 ]]; then
  build/fuzz/tests/fuzz/brazier_fuzzers list
  exit 0
fi
name="$1"
seed="${2:-$RANDOM}"
corpus="build/fuzz/corpus/$name"
mkdir -p "$corpus"
echo "fuzzing $name, seed $seed"
BRAZIER_FUZZER="$name" BRAZIER_FUZZ_CORPUS="$corpus" ASAN_OPTIONS=detect_leaks=1 exec build/fuzz/tests/fuzz/brazier_libfuzzer \
  -seed="$seed" -artifact_prefix=build/fuzz/ -rss_limit_mb=2048 -timeout=10 ${BRAZIER_FUZZ_SECONDS:+-max_total_time=$BRAZIER_FUZZ_SECONDS} "$corpus"
