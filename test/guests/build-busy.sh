#!/bin/sh
# Builds busy.bin, the static Linux program that the strace tests run. Needs gcc and binutils (Debian: build-essential).
set -eu
cd "$(dirname "$0")"
gcc -m32 -march=i686 -Os -ffreestanding -fno-pic -fno-stack-protector -fno-asynchronous-unwind-tables -mno-sse \
  -fno-strict-aliasing -Wall -Wextra -nostdlib -static -Wl,-melf_i386 -Wl,--build-id=none -Wl,-z,noexecstack \
  -Wl,-z,noseparate-code -Wl,-z,max-page-size=4096 -o busy.bin \
  busy.S busy.c busy-files.c busy-processes.c busy-signals.c busy-sockets.c
