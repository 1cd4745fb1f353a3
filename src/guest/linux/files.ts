/** What a descriptor leads to: paths through dentries and mounts, pipes, sockets (Linux: fs/d_path.c, fs/pipe.c). */
import type { OpenObject } from '../os.ts';
import type { KernelMemory } from './kernel-memory.ts';
import type { Offsets } from './offsets.ts';

/** Descriptors of a process at the most (fs.nr_open can be no larger on 32 bits). */
const MOST_DESCRIPTORS = 1 << 26;
/** Parts of a path, and mounts on the way. */
const DEEPEST = 512;
const LONGEST_NAME = 255;
/**
 * `struct mount` (fs/mount.h): two words of a hash list, `mnt_parent`, `mnt_mountpoint`, and then the vfsmount that files
 * point to, which begins with `mnt_root` and `mnt_sb` (include/linux/mount.h). So since 3.3.
 */
const MOUNT_TO_VFSMOUNT = 16;
const PARENT = -8;
const MOUNTPOINT = -4;
const SUPER_BLOCK = 4;

/** File types in the four upper bits of `i_mode` (include/uapi/linux/stat.h). */
const kinds: Readonly<Record<number, OpenObject['kind']>> = {
  1: 'pipe',
  2: 'device',
  4: 'file',
  6: 'device',
  8: 'file',
  10: 'file',
  12: 'socket',
};

export class Files {
  private readonly memory: KernelMemory;
  private readonly offsets: Readonly<Offsets>;

  constructor(memory: KernelMemory, offsets: Readonly<Offsets>) {
    this.memory = memory;
    this.offsets = offsets;
  }

  private pointer(at: number): number | undefined {
    const value = this.memory.u32(at);
    return this.memory.isPointer(value) ? value : undefined;
  }

  /** The `struct file` behind a descriptor of a task; undefined if it is not open. */
  open(task: number, descriptor: number): number | undefined {
    const { 'task.files': filesAt, 'files.fdt': fdtAt } = this.offsets;
    if (filesAt === undefined || fdtAt === undefined) return undefined;
    const files = this.pointer(task + filesAt);
    const table = files === undefined ? undefined : this.pointer(files + fdtAt);
    if (table === undefined) return undefined;
    const count = Math.min(this.memory.u32(table) ?? 0, MOST_DESCRIPTORS);
    if (!Number.isInteger(descriptor) || descriptor < 0 || descriptor >= count) return undefined;
    const array = this.pointer(table + 4);
    return array === undefined ? undefined : this.pointer(array + 4 * descriptor);
  }

  /** The address of a file's inode. */
  inode(file: number): number | undefined {
    const { 'file.f_path': pathAt, 'dentry.d_inode': inodeAt } = this.offsets;
    if (pathAt === undefined || inodeAt === undefined) return undefined;
    const dentry = this.pointer(file + pathAt + 4);
    return dentry === undefined ? undefined : this.pointer(dentry + inodeAt);
  }

  /** What a file is, for people and for comparisons. */
  describe(file: number): OpenObject | undefined {
    const { 'file.f_path': pathAt, 'inode.i_ino': numberAt } = this.offsets;
    if (pathAt === undefined) return undefined;
    const mount = this.pointer(file + pathAt);
    const dentry = this.pointer(file + pathAt + 4);
    const inode = this.inode(file);
    if (mount === undefined || dentry === undefined || inode === undefined) return undefined;
    const kind = kinds[(this.memory.u16(inode) ?? 0) >> 12] ?? 'other';
    const number = numberAt === undefined ? undefined : this.memory.u32(inode + numberAt);
    const type = this.fileSystem(mount);
    const nameless = type === 'pipefs' ? 'pipe' : type === 'sockfs' ? 'socket' : undefined;
    if (nameless !== undefined) {
      return { kind, name: number === undefined ? undefined : `${nameless}:[${number}]`, inode: number };
    }
    if (type === undefined && kind !== 'file') return { kind, name: undefined, inode: number };
    // Its files are not in folders either: `anon_inode:[eventpoll]`.
    const name = type === 'anon_inodefs' ? `anon_inode:${this.name(dentry)}` : this.path(file);
    return { kind, name, inode: number };
  }

  /** The name of the type of file system that a mount is of: `proc`, `tmpfs`, … */
  private fileSystem(mount: number): string | undefined {
    const typeAt = this.offsets['super_block.s_type'];
    const block = this.pointer(mount + SUPER_BLOCK);
    const type = block === undefined || typeAt === undefined ? undefined : this.pointer(block + typeAt);
    const name = type === undefined ? undefined : this.memory.u32(type);
    return name === undefined ? undefined : this.memory.cString(name, 32);
  }

  private name(dentry: number): string | undefined {
    const at = this.offsets['dentry.name'];
    if (at === undefined) return undefined;
    const length = this.memory.u32(dentry + at - 4);
    const text = this.memory.u32(dentry + at);
    if (length === undefined || length > LONGEST_NAME || text === undefined || text < this.memory.pageOffset)
      return undefined;
    const bytes = this.memory.bytes(text, length);
    return bytes.length === length && !bytes.includes(0) ? new TextDecoder().decode(bytes) : undefined;
  }

  /**
   * The path of a file from the root of its mounts: what /proc says, unless the process that asks has another root.
   * One that was deleted ends in ` (deleted)`.
   */
  path(file: number): string | undefined {
    const { 'file.f_path': pathAt, 'dentry.d_parent': parentAt } = this.offsets;
    if (pathAt === undefined || parentAt === undefined) return undefined;
    let mount = this.pointer(file + pathAt);
    let dentry = this.pointer(file + pathAt + 4);
    // `d_hash.pprev`, in front of `d_parent`: nothing once it is deleted.
    const isRoot = dentry !== undefined && this.memory.u32(dentry + parentAt) === dentry;
    const isDeleted = dentry !== undefined && !isRoot && this.memory.u32(dentry + parentAt - 4) === 0;
    const parts: string[] = [];
    for (let i = 0; i < DEEPEST && mount !== undefined && dentry !== undefined; i++) {
      const parent = this.pointer(dentry + parentAt);
      if (dentry === this.pointer(mount)) {
        const above: number | undefined = this.pointer(mount + PARENT);
        if (above === undefined) return undefined;
        if (above + MOUNT_TO_VFSMOUNT === mount)
          return `/${parts.reverse().join('/')}${isDeleted ? ' (deleted)' : ''}`;
        dentry = this.pointer(mount + MOUNTPOINT);
        mount = above + MOUNT_TO_VFSMOUNT;
        continue;
      }
      const name = this.name(dentry);
      if (name === undefined || name === '' || parent === dentry) return undefined;
      parts.push(name);
      dentry = parent;
    }
    return undefined;
  }
}
