/** Where things are in what a file descriptor leads to (Linux: include/linux/fdtable.h, fs.h, dcache.h, mount.h). */
import { onlyOffset, type TaskSample } from './derive-tasks.ts';
import type { KernelMemory } from './kernel-memory.ts';
import type { KernelSymbols } from './symbols.ts';

/** Descriptors in a task's own table, before it needs a larger one (NR_OPEN_DEFAULT). */
const OWN_DESCRIPTORS = 32;
/** Open files that are looked at. */
const SAMPLE = 256;
/** Folders in a path. */
const DEEPEST = 256;
const INLINE_NAME = 40;

/**
 * `files`, and in it `fdt`, a pointer to the `struct fdtable` (max_fds, fd, …) that follows it as long as the table is
 * small: that the first task's always is.
 */
export function findFiles(
  memory: KernelMemory,
  { tasks }: TaskSample,
): { files: number; fdt: number } | undefined {
  let fdt: number | undefined;
  const files = onlyOffset((offset) => {
    const table = (task: number): number => tasks[task]?.words[offset >> 2] ?? 0;
    const own = table(0);
    if (!memory.isPointer(own)) return false;
    const place = onlyOffset(
      (f) => {
        const next = memory.u32(own + f + 8) ?? 0;
        return (
          memory.u32(own + f) === own + f + 4 &&
          memory.u32(own + f + 4) === OWN_DESCRIPTORS &&
          next > own &&
          next < own + 1024
        );
      },
      4,
      128,
    );
    if (place === undefined) return false;
    const fits = tasks.every((_task, i) => {
      if (table(i) === 0) return i > 2; // it has ended
      const its = memory.isPointer(table(i)) ? memory.u32(table(i) + place) : undefined;
      if (!memory.isPointer(its)) return false;
      const most = memory.u32(its) ?? 0;
      return most >= OWN_DESCRIPTORS && most % OWN_DESCRIPTORS === 0 && memory.isPointer(memory.u32(its + 4));
    });
    if (fits) fdt = place;
    return fits;
  });
  return files === undefined || fdt === undefined ? undefined : { files, fdt };
}

/** Some open files, each once. */
export function sampleOpenFiles(
  memory: KernelMemory,
  sample: TaskSample,
  files: number,
  fdt: number,
): number[] {
  const found = new Set<number>();
  for (const { words } of sample.tasks) {
    const table = memory.u32((words[files >> 2] ?? 0) + fdt) ?? 0;
    const array = memory.u32(table + 4) ?? 0;
    const count = Math.min(memory.u32(table) ?? 0, OWN_DESCRIPTORS);
    for (let i = 0; i < count && found.size < SAMPLE; i++) {
      const file = memory.u32(array + 4 * i);
      if (memory.isPointer(file)) found.add(file);
    }
  }
  return [...found];
}

/**
 * `d_name.name` of a dentry whose name is short: it points at the dentry itself, behind `d_inode`, and its length fits.
 */
function shortName(memory: KernelMemory, dentry: number): number | undefined {
  return onlyOffset(
    (name) => {
      if (memory.u32(dentry + name) !== dentry + name + 8) return false;
      const text = memory.bytes(dentry + name + 8, INLINE_NAME);
      return text.indexOf(0) === memory.u32(dentry + name - 4);
    },
    12,
    96,
  );
}

/** Follows `d_parent` to the dentry that is its own parent; undefined if there is none. */
function rootOf(memory: KernelMemory, dentry: number, parent: number): number | undefined {
  for (let i = 0; i < DEEPEST; i++) {
    const next = memory.u32(dentry + parent);
    if (!memory.isPointer(next)) return undefined;
    if (next === dentry) return dentry;
    dentry = next;
  }
  return undefined;
}

/** Whether a dentry's name has the length that it says. */
function nameFits(memory: KernelMemory, dentry: number, name: number): boolean {
  const length = memory.u32(dentry + name - 4) ?? 0;
  const text = memory.u32(dentry + name);
  if (!memory.isPointer(text) && !(text !== undefined && text >= memory.pageOffset)) return false;
  return length < 256 && memory.bytes(text, length + 1).indexOf(0) === length;
}

export interface FileOffsets {
  readonly path: number;
  readonly parent: number;
  readonly name: number;
  readonly inode: number;
}

/**
 * `f_path` of a file (mount and dentry), and in the dentry `d_parent`, `d_name`, `d_inode`, which follow one another. True of
 * all files: the dentry's ancestors end in a root, its name has the length that it says, it has an inode, which
 * begins with the file's type, and the mount begins with a dentry of the same tree; a pipe or socket is a tree by itself.
 */
export function findPath(memory: KernelMemory, files: readonly number[]): FileOffsets | undefined {
  if (files.length < 3) return undefined;
  let found: FileOffsets | undefined;
  const path = onlyOffset(
    (offset) => {
      const dentries = files.map((file) => memory.u32(file + offset + 4) ?? 0);
      const mounts = files.map((file) => memory.u32(file + offset) ?? 0);
      if (![...dentries, ...mounts].every((pointer) => memory.isPointer(pointer))) return false;
      const names = new Set<number>();
      for (const dentry of dentries) {
        const name = shortName(memory, dentry);
        if (name !== undefined) names.add(name);
      }
      const [name] = names;
      if (name === undefined || names.size > 1) return false;
      const parent = name - 12;
      const fits = dentries.every((dentry, i) => {
        const root = rootOf(memory, dentry, parent);
        const treeRoot = memory.u32(mounts[i] ?? 0);
        return (
          root !== undefined &&
          memory.isPointer(treeRoot) &&
          (root === dentry || rootOf(memory, treeRoot, parent) === root) &&
          nameFits(memory, dentry, name) &&
          isInode(memory, memory.u32(dentry + name + 4))
        );
      });
      if (fits) found = { path: offset, parent, name, inode: name + 4 };
      return fits;
    },
    0,
    160,
  );
  return path === undefined ? undefined : found;
}

/** Whether an inode can be at an address: `i_mode`, its first field, has a file type (include/uapi/linux/stat.h). */
export function isInode(memory: KernelMemory, address: number | undefined): boolean {
  if (!memory.isPointer(address)) return false;
  const type = (memory.u16(address) ?? 0) >> 12;
  return [1, 2, 4, 6, 8, 10, 12].includes(type) || type === 0;
}

/**
 * `i_ino`, from the kernel's code: the functions that name pipes and sockets (fs/pipe.c, net/socket.c) load `d_inode` of
 * the dentry in EAX and then `i_ino` of that. Both must say the same.
 */
export function findInodeNumber(
  memory: KernelMemory,
  symbols: KernelSymbols,
  inode: number,
): number | undefined {
  const found = ['pipefs_dname', 'sockfs_dname'].map((name) => {
    const address = symbols.address(name);
    return address === undefined ? undefined : secondLoad(memory.bytes(address, 64), inode);
  });
  return found[0] === found[1] ? found[0] : undefined;
}

/**
 * In code like `mov first(%eax), %reg; …; push second(%reg)` (or another `mov`), with displacements of one byte (Intel SDM
 * vol. 2A, 2.1.5): the second one.
 */
function secondLoad(code: Uint8Array, first: number): number | undefined {
  const EAX = 0;
  const ESP = 4;
  for (let i = 0; i + 2 < code.length; i++) {
    const modrm = code[i + 1] ?? 0;
    if (code[i] !== 0x8b || (modrm & 0xc7) !== (0x40 | EAX) || code[i + 2] !== first) continue;
    const register = (modrm >> 3) & 7;
    for (let j = i + 3; register !== ESP && j < i + 24 && j + 2 < code.length; j++) {
      const next = code[j + 1] ?? 0;
      const isPush = code[j] === 0xff && (next & 0xf8) === 0x70;
      const isMove = code[j] === 0x8b && (next & 0xc0) === 0x40;
      const displacement = code[j + 2] ?? 0x80;
      if ((isPush || isMove) && (next & 7) === register && displacement < 0x80) return displacement;
    }
    return undefined;
  }
  return undefined;
}

/** `s_type` of the super blocks behind mounts (`mnt_sb`): it begins with the file system's name. */
export function findFileSystemType(
  memory: KernelMemory,
  files: readonly number[],
  path: number,
): number | undefined {
  const blocks = new Set<number>();
  for (const file of files) blocks.add(memory.u32((memory.u32(file + path) ?? 0) + 4) ?? 0);
  if (blocks.size < 2) return undefined;
  return onlyOffset(
    (offset) =>
      [...blocks].every((block) => {
        const type = memory.isPointer(block) ? memory.u32(block + offset) : undefined;
        const name = memory.isPointer(type) ? memory.u32(type) : undefined;
        if (name === undefined || name < memory.pageOffset) return false;
        return /^[a-z][a-z0-9_.]{1,15}$/.test(memory.cString(name, 16) ?? '');
      }),
    0,
    512,
  );
}
