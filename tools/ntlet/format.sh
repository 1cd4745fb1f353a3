#!/bin/sh
# Lays out the C files by .clang-format (Debian's package clang-format). Lists of macros are left as they are.
set -eu
cd "$(dirname "$0")"
find include kernel user \( -name '*.c' -o -name '*.h' \) ! -name services.h ! -name shadow.h ! -name 'exports.h' \
  ! -name program-exports.h -exec clang-format -i {} +
