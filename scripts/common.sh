# What every script needs; sourced, never run. The caller has `set -euo pipefail`.
# Exit codes as in docs/spec.md: 1 a check failed, 2 the input is wrong, 3 the environment cannot do it.

cd "$(dirname "${BASH_SOURCE[0]}")/.."
ROOT=$PWD
export DEBIAN_FRONTEND=noninteractive

say() { printf '%s\n' "weft: $*" >&2; }
die() {  # die CODE MESSAGE...
  local code=$1
  shift
  printf '%s\n' "weft: error: $*" >&2
  exit "$code"
}

# Prints the comment block below a script's first line: its --help.
usage() { awk 'NR > 1 { if (!/^#/) exit; sub(/^# ?/, ""); print }' "$1"; }

# quietly LOG COMMAND...: output goes to LOG, and its end is shown only when COMMAND fails.
quietly() {
  local log=$1
  shift
  mkdir -p "$(dirname "$log")"
  if ! "$@" >"$log" 2>&1 </dev/null; then
    tail -n 60 "$log" >&2
    return 1
  fi
}

# configured PRESET: its build folder exists and was made for this checkout.
configured() { grep -qsxF "CMAKE_HOME_DIRECTORY:INTERNAL=$ROOT" "build/$1/CMakeCache.txt"; }

# configure PRESET [CMAKE ARGUMENTS]. A build folder that was made for another checkout is made afresh.
configure() {
  local preset=$1 fresh=()
  shift
  if ! configured "$preset"; then fresh=(--fresh); fi
  if command -v ccache >/dev/null; then set -- "$@" -DCMAKE_CXX_COMPILER_LAUNCHER=ccache; fi
  quietly "build/$preset.configure.log" cmake --preset "$preset" "${fresh[@]}" "$@" ||
    die 3 "cannot configure preset $preset; the whole log is build/$preset.configure.log"
}

# build PRESET [TARGETS]; all targets without any.
build() {
  local preset=$1 targets=()
  shift
  if (($#)); then targets=(--target "$@"); fi
  local started=$SECONDS
  say "building ${*:-everything} (preset $preset)"
  quietly "build/$preset.build.log" cmake --build "build/$preset" "${targets[@]}" ||
    die 1 "the build failed; the whole log is build/$preset.build.log"
  say "built in $((SECONDS - started)) s"
}

# has_target PRESET TARGET. (grep reads on to the end, else pipefail would see ninja's broken pipe.)
has_target() { ninja -C "build/$1" -t targets all 2>/dev/null | grep -c "^$2: phony" >/dev/null; }

# fuzzers PRESET: names of its libFuzzer targets.
fuzzers() {
  ninja -C "build/$1" -t targets all 2>/dev/null | sed -n 's/^\(weft_fuzz_[a-z0-9_]*\): phony$/\1/p' | sort -u
}

# find_program PRESET NAME: path of the built program.
find_program() { find "build/$1" -name "$2" -type f -perm -u+x -print -quit; }

# corpus_of FUZZER: seed inputs of weft_fuzz_X, in tests/fuzz/corpus/X, else tests/fuzz/X, else tests/fuzz/corpus.
corpus_of() {
  local name=${1#weft_fuzz_} dir
  for dir in "tests/fuzz/corpus/$name" "tests/fuzz/$name" tests/fuzz/corpus; do
    if [[ -d $dir ]]; then
      printf '%s\n' "$dir"
      return
    fi
  done
}

# longest_input FUZZER: what is longer repeats itself there and only takes time.
longest_input() {
  case $1 in
    weft_fuzz_arrival) echo 512 ;;
    weft_fuzz_icmp) echo 256 ;;
    weft_fuzz_rc) echo 128 ;;
    *) echo 0 ;;  # libFuzzer decides
  esac
}

# run_fuzzer NAME WORK_FOLDER LIBFUZZER_ARGUMENTS...: new inputs go to WORK_FOLDER, the corpus is only read.
run_fuzzer() {
  local name=$1 work=$2 corpus
  shift 2
  mkdir -p "$work"
  corpus=$(corpus_of "$name")
  # Small inputs by the million: the default quarantine of 256 MiB never stays in a cache.
  ASAN_OPTIONS=${ASAN_OPTIONS:-quarantine_size_mb=8:malloc_context_size=5} \
    "$(find_program fuzz "$name")" -rss_limit_mb=4096 -max_len="$(longest_input "$name")" -timeout=60 \
    -artifact_prefix="$work/crash-" "$@" "$work" ${corpus:+"$corpus"} </dev/null
}
