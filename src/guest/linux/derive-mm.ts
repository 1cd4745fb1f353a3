/** Where things are in `mm_struct` and `vm_area_struct` (Linux: include/linux/mm_types.h). */

import { listAreas, treeAreas, type VirtualArea } from './areas.ts';
import { isInode } from './derive-files.ts';
import { onlyOffset, smallestGap, type TaskSample } from './derive-tasks.ts';
import type { KernelMemory } from './kernel-memory.ts';

/** Bytes of an mm_struct that are searched. */
const MM_BYTES = 1024;
const AREA_BYTES = 160;
const S_IFREG = 8;
const CR4_PAE = 0x20;

/** Up to where an mm_struct is searched: before the next one. */
const mmEnd = (spaces: readonly number[]): number => Math.min(MM_BYTES, smallestGap(spaces));

/** Whether a page directory maps the kernel as the one in use does. */
function mapsKernel(memory: KernelMemory, directory: number, image: number): boolean {
  // Intel SDM vol. 3A, 4.3 and 4.4: with PAE, CR3 need not point at the beginning of a page.
  const alignment = (memory.cpu.cr4 & CR4_PAE) !== 0 ? 32 : 4096;
  if (!memory.cpu.paging || directory % alignment !== 0 || !memory.isPointer(directory)) return false;
  const space = memory.space(directory);
  return [image, image + (1 << 20), memory.pageOffset + (16 << 20)].every(
    (address) => space.translate(address) === address - memory.pageOffset,
  );
}

/** Every address space that a task of the sample has. */
export function addressSpaces({ tasks }: TaskSample, mm: number): number[] {
  const found = new Set<number>();
  for (const { words } of tasks) found.add(words[mm >> 2] ?? 0);
  found.delete(0);
  return [...found];
}

/**
 * `mm`, which threads of the kernel do not have and where `active_mm` is the same for all others; and in it `pgd`, the one
 * pointer to a page directory that maps the kernel. Undefined before there is a process with a program.
 */
export function findMm(
  memory: KernelMemory,
  sample: TaskSample,
  image: number,
): { mm: number; pgd: number } | undefined {
  const { tasks } = sample;
  let pgd: number | undefined;
  const mm = onlyOffset((offset) => {
    const own = tasks.map(({ words }) => words[offset >> 2] ?? 0);
    const active = tasks.map(({ words }) => words[(offset >> 2) + 1] ?? 0);
    if (own[0] !== 0 || own[2] !== 0) return false;
    if (!own.every((its, i) => its === 0 || (its === active[i] && memory.isPointer(its)))) return false;
    const spaces = addressSpaces(sample, offset);
    if (spaces.length === 0) return false;
    const place = onlyOffset(
      (p) => {
        const directories = spaces.map((space) => memory.u32(space + p) ?? 0);
        return (
          directories.every((directory) => mapsKernel(memory, directory, image)) &&
          new Set(directories).size === directories.length
        );
      },
      0,
      256,
    );
    if (place !== undefined) pgd = place;
    return place !== undefined;
  });
  return mm === undefined || pgd === undefined ? undefined : { mm, pgd };
}

/**
 * `arg_start`, the eighth of eleven addresses of a program: start_code, end_code, start_data, end_data, start_brk, brk,
 * start_stack, arg_start, arg_end, env_start, env_end.
 */
export function findArguments(memory: KernelMemory, spaces: readonly number[]): number | undefined {
  const user = (address: number): boolean => address > 0 && address < memory.pageOffset;
  return onlyOffset(
    (offset) => {
      let complete = 0;
      const fits = spaces.every((space) => {
        const words = memory.words(space + offset - 28, 11);
        if (words.every((word) => word === 0)) return true; // a program that is being started
        const [code = 0, codeEnd = 0, data = 0, dataEnd = 0, heap = 0, heapEnd = 0, stack = 0] = words;
        const [args = 0, argsEnd = 0, env = 0, envEnd = 0] = words.subarray(7);
        complete++;
        return (
          words.every(user) &&
          code < codeEnd &&
          data <= dataEnd &&
          heap <= heapEnd &&
          stack <= args &&
          args - stack < 1 << 22 &&
          args < argsEnd &&
          argsEnd <= env &&
          env <= envEnd
        );
      });
      return fits && complete > 0;
    },
    28,
    mmEnd(spaces),
  );
}

/** Whether a regular, open file is at an address. */
function isRegularFile(memory: KernelMemory, file: number, path: number, inode: number): boolean {
  if (!memory.isPointer(file)) return false;
  const dentry = memory.u32(file + path + 4);
  const mount = memory.u32(file + path);
  if (!memory.isPointer(dentry) || !memory.isPointer(mount) || !memory.isPointer(memory.u32(mount)))
    return false;
  const its = memory.u32(dentry + inode);
  return isInode(memory, its) && (memory.u16(its!) ?? 0) >> 12 === S_IFREG;
}

/** `exe_file`: the only file that all address spaces lead to. */
export function findExeFile(
  memory: KernelMemory,
  spaces: readonly number[],
  path: number,
  inode: number,
): number | undefined {
  if (spaces.length === 0) return undefined;
  return onlyOffset(
    (offset) => spaces.every((space) => isRegularFile(memory, memory.u32(space + offset) ?? 0, path, inode)),
    0,
    mmEnd(spaces),
  );
}

/** `mmap`, the list of areas up to 6.0, or `mm_mt`, the tree since 6.1: the first member of mm_struct, or near. */
export function findAreas(
  memory: KernelMemory,
  spaces: readonly number[],
): { list: number } | { tree: number } | undefined {
  const fits = (areas: (space: number) => readonly VirtualArea[] | undefined): boolean =>
    spaces.length > 0 && spaces.every((space) => (areas(space)?.length ?? 0) > 0);
  const tree = onlyOffset((offset) => fits((space) => treeAreas(memory, space + offset)), 0, 64);
  const list = onlyOffset((offset) => fits((space) => listAreas(memory, space + offset)), 0, 16);
  if (tree !== undefined) return list === undefined ? { tree } : undefined;
  return list === undefined ? undefined : { list };
}

/** `vm_file` of an area: nothing or a file in all of them, and in each address space once the program itself. */
export function findAreaFile(
  memory: KernelMemory,
  spaces: readonly { readonly areas: readonly VirtualArea[]; readonly exe: number }[],
  path: number,
  inode: number,
): number | undefined {
  if (spaces.length === 0) return undefined;
  const end = smallestGap(spaces.flatMap(({ areas }) => areas.map(({ address }) => address)));
  return onlyOffset(
    (offset) =>
      spaces.every(({ areas, exe }) => {
        const files = areas.map(({ address }) => memory.u32(address + offset) ?? 0);
        const program = memory.u32((memory.u32(exe + path + 4) ?? 0) + inode);
        const isOwn = (file: number): boolean =>
          memory.u32((memory.u32(file + path + 4) ?? 0) + inode) === program;
        return (
          files.every((file) => file === 0 || isFile(memory, file, path, inode)) &&
          files.some((file) => file !== 0 && isOwn(file))
        );
      }),
    8,
    Math.min(AREA_BYTES, end),
  );
}

function isFile(memory: KernelMemory, file: number, path: number, inode: number): boolean {
  if (!memory.isPointer(file)) return false;
  const dentry = memory.u32(file + path + 4);
  return memory.isPointer(dentry) && isInode(memory, memory.u32(dentry + inode));
}
