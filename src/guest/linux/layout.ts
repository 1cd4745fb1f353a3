/** The offsets of one kernel, as they become known: given, derived from its memory, or shipped. */
import { RebekError } from '../../base/errors.ts';
import { listAreas, treeAreas, type VirtualArea } from './areas.ts';
import { findFileSystemType, findFiles, findInodeNumber, findPath, sampleOpenFiles } from './derive-files.ts';
import { addressSpaces, findAreaFile, findAreas, findArguments, findExeFile, findMm } from './derive-mm.ts';
import {
  findComm,
  findCred,
  findExitState,
  findFamily,
  findPid,
  findSavedSp,
  findStack,
  findStartTime,
  findThreads,
  sampleTasks,
  type TaskSample,
} from './derive-tasks.ts';
import type { KernelMemory } from './kernel-memory.ts';
import { type Field, fieldPaths, type LinuxProfile, type Offsets } from './offsets.ts';
import type { KernelSymbols } from './symbols.ts';

/** With fewer tasks than the kernel's own first threads, too much can look true of all of them. */
const FEWEST_TASKS = 8;
/** Looking again and again costs: after so many requests without success at the most it is done once more. */
const PATIENCE = 1024;
/** `euid` in a `struct cred` of the form that the search for it has seen. */
const EUID = 20;

const areaFields: readonly Field[] = ['mm.mmap', 'mm.mm_mt'];

export class Layout {
  /** What is known now. One object for good: it can be kept. */
  readonly offsets: Offsets;
  private readonly memory: KernelMemory;
  private readonly symbols: KernelSymbols;
  /** What was given: nothing else takes its place. */
  private readonly given: Readonly<Offsets>;
  private readonly derived: Offsets = {};
  private readonly contradictions: string[] = [];
  private requests = 0;
  private pause = 1;
  private done = false;

  /**
   * @param shipped what is known of a kernel of this release
   * @param profile what the analyst gives
   * @throws RebekError ERR_GUEST_PROFILE if the profile is another kernel's
   */
  constructor(
    memory: KernelMemory,
    symbols: KernelSymbols,
    shipped: Readonly<Offsets>,
    profile: LinuxProfile | undefined,
  ) {
    this.memory = memory;
    this.symbols = symbols;
    this.given = profile?.offsets ?? {};
    if (!this.fits(this.given)) {
      throw new RebekError('ERR_GUEST_PROFILE', 'the profile does not fit the kernel that is in memory', {
        hint: 'Make it from the debug symbols of exactly this kernel.',
      });
    }
    this.offsets = { ...(this.fits(shipped) ? shipped : {}), ...this.given };
  }

  /** Whether the first task has its name where these offsets say. */
  private fits(offsets: Readonly<Offsets>): boolean {
    const initTask = this.symbols.address('init_task');
    const comm = offsets['task.comm'];
    if (initTask === undefined || comm === undefined) return true;
    return findComm(this.memory, initTask) === comm;
  }

  /** Looks for what is not known yet. @param now even if that was in vain not long ago */
  complete(now: boolean, current: number): void {
    if (this.done) return;
    if (!now && ++this.requests < this.pause) return;
    this.requests = 0;
    this.pause = Math.min(PATIENCE, this.pause * 2);
    this.deriveTasks(current);
    for (const [name, value] of Object.entries(this.derived) as [Field, number][]) this.adopt(name, value);
    this.done = (Object.keys(fieldPaths) as Field[]).every(
      (field) =>
        this.derived[field] !== undefined ||
        this.given[field] !== undefined ||
        (areaFields.includes(field) && areaFields.some((other) => this.get(other) !== undefined)),
    );
  }

  private adopt(field: Field, value: number): void {
    if (this.given[field] !== undefined) return;
    const before = this.offsets[field];
    if (before !== undefined && before !== value) {
      this.contradictions.push(`${fieldPaths[field].join('.')} is at ${value}, not at ${before} as shipped`);
    }
    this.offsets[field] = value;
  }

  private set(field: Field, value: number | undefined): void {
    if (value !== undefined) this.derived[field] = value;
  }

  /** The best that is known now of a field. */
  private get(field: Field): number | undefined {
    return this.given[field] ?? this.derived[field];
  }

  /** Looks for a field if neither given nor derived. */
  private find(field: Field, search: () => number | undefined): void {
    if (this.get(field) === undefined) this.set(field, search());
  }

  private deriveTasks(current: number): void {
    const { memory, symbols, derived } = this;
    const start: Offsets = { ...derived, ...this.given };
    const sample = sampleTasks(memory, symbols, start);
    if (sample === undefined || sample.tasks.length < FEWEST_TASKS) return;
    this.set('task.comm', start['task.comm']);
    this.set('task.tasks', start['task.tasks']);
    this.find('task.pid', () => findPid(sample));
    const pid = this.get('task.pid');
    if (pid !== undefined) {
      this.find('task.tgid', () => (this.given['task.pid'] === undefined ? pid + 4 : undefined));
      this.find('task.exit_state', () => findExitState(sample, pid));
    }
    this.find('task.stack', () => findStack(memory, sample));
    const stack = this.get('task.stack');
    if (stack !== undefined) this.find('task.sp', () => findSavedSp(memory, symbols, sample, stack, current));
    if (this.get('task.group_leader') === undefined) {
      const family = findFamily(memory, sample);
      this.set('task.group_leader', family?.leader);
      this.find('task.real_parent', () => family?.parent);
    }
    this.find('task.cred', () => findCred(memory, sample));
    if (derived['task.cred'] !== undefined) this.find('cred.euid', () => EUID);
    if (this.get('task.thread_node') === undefined) {
      const threads = findThreads(memory, sample);
      this.set('task.thread_node', threads?.node);
      this.set('task.signal', threads?.signal);
      this.set('signal.thread_head', threads?.head);
    }
    this.find('task.start_time', () => findStartTime(sample));
    this.deriveFiles(sample);
    this.deriveSpaces(sample);
  }

  private deriveFiles(sample: TaskSample): void {
    const { memory, symbols } = this;
    if (this.get('task.files') === undefined || this.get('files.fdt') === undefined) {
      const found = findFiles(memory, sample);
      this.set('task.files', found?.files);
      this.set('files.fdt', found?.fdt);
    }
    const [files, fdt] = [this.get('task.files'), this.get('files.fdt')];
    if (files === undefined || fdt === undefined) return;
    const open = sampleOpenFiles(memory, sample, files, fdt);
    if (this.get('file.f_path') === undefined || this.get('dentry.d_inode') === undefined) {
      const found = findPath(memory, open);
      this.set('file.f_path', found?.path);
      this.set('dentry.d_parent', found?.parent);
      this.set('dentry.name', found?.name);
      this.set('dentry.d_inode', found?.inode);
    }
    const [path, inode] = [this.get('file.f_path'), this.get('dentry.d_inode')];
    if (path === undefined || inode === undefined) return;
    this.find('inode.i_ino', () => findInodeNumber(memory, symbols, inode));
    this.find('super_block.s_type', () => findFileSystemType(memory, open, path));
  }

  private deriveSpaces(sample: TaskSample): void {
    const { memory } = this;
    if (this.get('task.mm') === undefined || this.get('mm.pgd') === undefined) {
      const found = findMm(memory, sample, this.symbols.first);
      this.set('task.mm', found?.mm);
      this.set('mm.pgd', found?.pgd);
    }
    const mm = this.get('task.mm');
    if (mm === undefined) return;
    const spaces = addressSpaces(sample, mm);
    this.find('mm.arg_start', () => findArguments(memory, spaces));
    if (areaFields.every((field) => this.get(field) === undefined)) {
      const found = findAreas(memory, spaces);
      if (found !== undefined && 'tree' in found) this.set('mm.mm_mt', found.tree);
      else this.set('mm.mmap', found?.list);
    }
    const [path, inode] = [this.get('file.f_path'), this.get('dentry.d_inode')];
    if (path === undefined || inode === undefined) return;
    this.find('mm.exe_file', () => findExeFile(memory, spaces, path, inode));
    const exe = this.get('mm.exe_file');
    if (exe === undefined) return;
    this.find('vma.vm_file', () => {
      const all = spaces.map((space) => ({
        areas: this.areas(space) ?? [],
        exe: memory.u32(space + exe) ?? 0,
      }));
      return all.every(({ areas }) => areas.length > 0) ? findAreaFile(memory, all, path, inode) : undefined;
    });
  }

  /** The areas of an address space (an mm_struct); undefined if they cannot be read. */
  areas(space: number): readonly VirtualArea[] | undefined {
    const { memory, offsets } = this;
    const tree = this.get('mm.mm_mt') ?? offsets['mm.mm_mt'];
    if (tree !== undefined) return treeAreas(memory, space + tree);
    const list = this.get('mm.mmap') ?? offsets['mm.mmap'];
    return list === undefined ? undefined : listAreas(memory, space + list);
  }

  /** What is missing, for people. */
  get notes(): readonly string[] {
    const found = [...this.contradictions];
    for (const [consequence, fields] of consequences) {
      const missing = fields.filter((field) => this.offsets[field] === undefined);
      if (missing.length > 0) {
        const names = missing.map((field) => fieldPaths[field].join('.')).join(', ');
        found.push(`${consequence}: not known where this kernel keeps ${names}`);
      }
    }
    if (areaFields.every((field) => this.offsets[field] === undefined)) {
      found.push("no process's modules: not known where this kernel keeps the areas of an address space");
    }
    return found;
  }
}

const consequences: readonly (readonly [string, readonly Field[]])[] = [
  ['no threads and processes', ['task.comm', 'task.tasks', 'task.pid', 'task.tgid', 'task.group_leader']],
  ['no parents of processes', ['task.real_parent']],
  ['no users of processes', ['task.cred', 'cred.euid']],
  ['only the first thread of each process', ['task.signal', 'task.thread_node', 'signal.thread_head']],
  ['no kernel stacks', ['task.stack']],
  ['no stack pointers of threads that wait', ['task.sp']],
  ['a thread that reuses another one by its pid alone', ['task.start_time']],
  ['threads that have ended look alive', ['task.exit_state']],
  ['no address spaces of processes', ['task.mm', 'mm.pgd']],
  ['no command lines and environments', ['mm.arg_start']],
  ['no paths of programs', ['mm.exe_file']],
  ["no process's modules", ['vma.vm_file']],
  ['nothing behind descriptors', ['task.files', 'files.fdt', 'file.f_path']],
  ['no paths', ['dentry.d_parent', 'dentry.name', 'dentry.d_inode']],
  ['no numbers of inodes', ['inode.i_ino']],
  ['no kinds of file systems', ['super_block.s_type']],
];
