/** The packs that come with Rebek: hook files like those that an analyst writes. */
import type { HookFile } from '../api.ts';
import { processes } from './processes.ts';
import { sebek } from './sebek.ts';
import { seed } from './seed.ts';
import { syscalls } from './syscalls.ts';

export interface Pack {
  readonly hooks: HookFile;
  /** One line on what it finds. */
  readonly about: string;
}

export const packs: readonly Pack[] = [
  {
    hooks: sebek,
    about: 'what an intruder does: keystrokes, reads, writes, opens, sockets, forks, started programs',
  },
  { hooks: syscalls, about: 'every system call with arguments and result, in the manner of strace' },
  { hooks: processes, about: 'processes with their command lines, from birth to death, and their tree' },
  {
    hooks: seed,
    about: "the article's demonstration: NtReadFile, or sys_read, with its buffer before and after",
  },
];
