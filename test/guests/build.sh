#!/bin/sh
# Builds probe.bin, the flat multiboot image that the tests boot. Needs gcc and binutils (Debian: build-essential).
set -eu
cd "$(dirname "$0")"
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
gcc -m32 -march=i686 -Os -ffreestanding -fno-pic -fno-stack-protector -fno-asynchronous-unwind-tables -mno-sse \
  -nostdlib -static -Wl,-melf_i386 -Wl,--build-id=none -Wl,-T,probe.ld -o "$tmp/probe.elf" probe.S probe.c
objcopy -O binary "$tmp/probe.elf" probe.bin
