/**
 * Where things are in the kernel's structures. That differs by version and configuration, so that every one of these may be
 * unknown; what is not a structure's member by name in all versions is named after what it means.
 */

/** Field, and the names that a profile may have it under: structure, then members, from outside to inside. */
export const fieldPaths = {
  'task.comm': ['task_struct', 'comm'],
  'task.tasks': ['task_struct', 'tasks'],
  'task.pid': ['task_struct', 'pid'],
  'task.tgid': ['task_struct', 'tgid'],
  'task.stack': ['task_struct', 'stack'],
  'task.sp': ['task_struct', 'thread', 'sp'],
  'task.group_leader': ['task_struct', 'group_leader'],
  'task.real_parent': ['task_struct', 'real_parent'],
  'task.cred': ['task_struct', 'cred'],
  'task.signal': ['task_struct', 'signal'],
  'task.thread_node': ['task_struct', 'thread_node'],
  'task.exit_state': ['task_struct', 'exit_state'],
  'task.start_time': ['task_struct', 'start_time'],
  'task.mm': ['task_struct', 'mm'],
  'task.files': ['task_struct', 'files'],
  'signal.thread_head': ['signal_struct', 'thread_head'],
  'cred.euid': ['cred', 'euid'],
  'mm.pgd': ['mm_struct', 'pgd'],
  'mm.arg_start': ['mm_struct', 'arg_start'],
  'mm.exe_file': ['mm_struct', 'exe_file'],
  'mm.mmap': ['mm_struct', 'mmap'],
  'mm.mm_mt': ['mm_struct', 'mm_mt'],
  'vma.vm_file': ['vm_area_struct', 'vm_file'],
  'files.fdt': ['files_struct', 'fdt'],
  'file.f_path': ['file', 'f_path'],
  'dentry.d_parent': ['dentry', 'd_parent'],
  'dentry.name': ['dentry', 'd_name', 'name'],
  'dentry.d_inode': ['dentry', 'd_inode'],
  'inode.i_ino': ['inode', 'i_ino'],
  'super_block.s_type': ['super_block', 's_type'],
} as const satisfies Record<string, readonly string[]>;

export type Field = keyof typeof fieldPaths;

/** Bytes. */
export type Offsets = { [field in Field]?: number };

/** What somebody knows of one kernel. */
export interface LinuxProfile {
  /** `linux_banner` of the kernel that it describes, if it says so. */
  readonly banner: string | undefined;
  readonly offsets: Readonly<Offsets>;
  /** Addresses as linked; under KASLR all are moved by one distance. */
  readonly symbols: ReadonlyMap<string, number>;
}

/**
 * Kernels whose headers were read, by release. Nothing more than a start: for the time of boot in which memory
 * does not show yet what can be derived from it.
 * Source: `offsetof` compiled against Debian's linux-headers of the same version.
 */
const debian61: Readonly<Offsets> = {
  'task.comm': 1412,
  'task.tasks': 968,
  'task.pid': 1108,
  'task.tgid': 1112,
  'task.stack': 20,
  'task.sp': 2204,
  'task.group_leader': 1144,
  'task.real_parent': 1120,
  'task.cred': 1404,
  'task.signal': 1468,
  'task.thread_node': 1208,
  'task.exit_state': 1036,
  'task.start_time': 1284,
  'task.mm': 1008,
  'task.files': 1456,
  'signal.thread_head': 16,
  'cred.euid': 20,
  'mm.pgd': 28,
  'mm.arg_start': 164,
  'mm.exe_file': 492,
  'mm.mm_mt': 0,
  'vma.vm_file': 56,
  'files.fdt': 20,
  'file.f_path': 8,
  'dentry.d_parent': 16,
  'dentry.name': 28,
  'dentry.d_inode': 32,
  'inode.i_ino': 40,
  'super_block.s_type': 28,
};

const shipped: ReadonlyMap<string, Readonly<Offsets>> = new Map([['6.1.0-50-686', debian61]]);

/** What is known of a kernel by its exact release (`uname -r`). */
export function shippedOffsets(release: string): Readonly<Offsets> {
  return shipped.get(release) ?? {};
}
