#!/bin/sh
# Builds ntlet.bin from this folder's sources: build.sh [OUTPUT]; without OUTPUT it replaces the one in src/machine/ntlet/.
# Needs gcc and binutils for x86 (Debian: `apt-get install gcc binutils`). The same compiler makes the same bytes;
# the committed binary was made with the versions in compiler.txt.
set -eu
export LC_ALL=C # the order of files is that of their bytes
cd "$(dirname "$0")"
output=${1:-../../src/machine/ntlet/ntlet.bin}
case $output in /*) ;; *) output=$(pwd)/$output ;; esac
CC=${CC:-gcc}
OBJCOPY=${OBJCOPY:-objcopy}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
flags='-m32 -march=i686 -mtune=generic -std=gnu11 -Os -ffreestanding -fno-builtin -fno-pic -fno-pie -fno-stack-protector
 -fno-asynchronous-unwind-tables -fno-strict-aliasing -fcf-protection=none -fshort-wchar -fno-toplevel-reorder
 -fno-tree-loop-distribute-patterns -mpreferred-stack-boundary=2 -mgeneral-regs-only -mno-sse -mno-mmx -Wall -Wextra -Werror -Wno-unused-parameter -Iinclude'
link='-m32 -nostdlib -static -no-pie -Wl,-melf_i386 -Wl,--build-id=none -Wl,-z,noexecstack -Wl,--no-warn-rwx-segments'

# image NAME BASE SOURCES… : a flat user-mode image. All but ntdll are linked against ntdll's addresses.
image() {
  name=$1 base=$2
  shift 2
  against=
  [ "$name" = ntdll ] || against="-Wl,--just-symbols=$work/ntdll.elf"
  # shellcheck disable=SC2086
  $CC $flags $link -Wl,--defsym=IMAGE_BASE="$base" -Wl,-T,user/user.ld $against -o "$work/$name.elf" "$@"
  $OBJCOPY -O binary --only-section=.image "$work/$name.elf" "$work/$name.bin"
}
image ntdll 0x7c900000 user/ntdll/*.S user/ntdll/*.c
for program in user/programs/*.c; do
  name=$(basename "$program" .c)
  # A program with a folder of its own name has more sources there.
  more=$(ls "user/programs/$name"/*.c "user/programs/$name"/*.S 2>/dev/null || true)
  # shellcheck disable=SC2086
  image "$name" 0x400000 user/program.S "$program" $more
done
# The Zw stubs carry the services' names without Nt, which neither cpp nor gas can take off.
sed -n 's/^SERVICE(\(.*\), Nt\(.*\), \(.*\))$/ZW(\1, \2, \3)/p' include/services.h >"$work/zw.h"
# shellcheck disable=SC2086
$CC $flags $link -I"$work" -Wa,-I,"$work" -Wa,-I,disk -Wl,-T,kernel/kernel.ld -o "$work/ntlet.elf" kernel/*.S kernel/*.c
$OBJCOPY -O binary --only-section=.image "$work/ntlet.elf" "$work/ntlet.bin"
mkdir -p "$(dirname "$output")"
install -m 644 "$work/ntlet.bin" "$output"
[ -z "${KEEP:-}" ] || cp "$work"/*.elf "$KEEP"/
