/** What ntlet's ground truth tells of the sample trace's calls, and two hook files that look at the same. */
import type { ExecutionContext } from 'ava';
import type { TruthRecord, TruthRecordOf } from '../../src/guest/ntlet/truth-record.ts';
import { defineHooks, type HookCall } from '../../src/hooks/api.ts';
import { describeTrace } from '../../src/trace/info.ts';
import { truthOf } from '../guest/nt/told.ts';
import { ATTACK, type Ran, runHooks } from './run.ts';

/** Made once, when it is first asked for. */
export function once<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined;
  return () => {
    made ??= make();
    return made;
  };
}

export interface TruthCall extends TruthRecordOf<'enter'> {
  readonly name: string;
  readonly tid: number;
  readonly parentName: string | undefined;
  readonly end: TruthRecordOf<'leave'> | undefined;
}

/** The calls of the kernel's functions that the guest tells of. */
export function callsOf(records: readonly TruthRecord[]): readonly TruthCall[] {
  const names = new Map<number, string>();
  const tids = new Map<number, number>();
  const ends = new Map<number, TruthRecordOf<'leave'>>();
  for (const r of records) if (r.kind === 'leave') ends.set(r.call, r);
  const calls = new Map<number, TruthCall>();
  for (const r of records) {
    if (r.kind === 'function' && r.function < 0x2_0000) names.set(r.function, r.name);
    else if (r.kind === 'thread-start') tids.set(r.thread, r.threadId);
    else if (r.kind === 'enter' && r.function < 0x2_0000) {
      const parentName = calls.get(r.parent)?.name;
      const [name, tid] = [names.get(r.function)!, tids.get(r.thread)!];
      calls.set(r.call, { ...r, name, tid, parentName, end: ends.get(r.call) });
    }
  }
  return [...calls.values()];
}

const truth = callsOf(truthOf(ATTACK));
/** Calls whose function has such a name. */
export const named = (pattern: RegExp): readonly TruthCall[] =>
  truth.filter(({ name }) => pattern.test(name));
export const reads = named(/^NtReadFile$/);
/** Where a function of the kernel begins. */
export function addressOf(name: string): number {
  for (const r of truthOf(ATTACK)) if (r.kind === 'function' && r.name === name) return r.address;
  throw new Error(`${name} is not told of`);
}

/** The replay has ended as the recording has. */
export function sameState(t: ExecutionContext, path: string, { result, end }: Ran): void {
  const { summary } = describeTrace(path);
  t.true(result.replay.finalChecked);
  t.true(result.replay.complete && end.complete);
  t.deepEqual(result.replay.final, summary!.final!);
  t.is(end.instructions, summary!.instructions);
}

/** Everything about each read of a file, by hooks of two hook files on the same function. */
export const reading = defineHooks('reading', ({ call, emit }) => {
  call('NtReadFile', {
    pre(read) {
      const { args, number, entered, instruction, outcome, result, systemCall, parent } = read;
      const other = { outcome, hasResult: result !== undefined, hasState: read.state !== undefined };
      const words = [0, 8, 9].map((i) => read.word(i));
      emit('pre', {
        args,
        words,
        number,
        same: entered === instruction,
        systemCall,
        parent: parent && `${parent.module}!${parent.name}`,
        ...other,
      });
      read.state = { buffer: args['Buffer'], number };
    },
    post(read) {
      const { buffer, number } = read.state as { buffer: number; number: number };
      const iosb = read.args['IoStatusBlock']!;
      const bytes = read.outcome === 'returned' ? (read.memory.u32(iosb + 4) ?? 0) : 0;
      const mine = number === read.number;
      emit('post', {
        outcome: read.outcome,
        result: read.result,
        mine,
        text: read.memory.cString(buffer, bytes),
      });
    },
  });
});
export const counting = defineHooks('counting', ({ call, emit, end }) => {
  const counts: Record<string, number> = {};
  const tids: number[] = [];
  const count = (key: string) => ({
    pre(one: HookCall) {
      counts[key] = (counts[key] ?? 0) + 1;
      if (key === 'NtReadFile') tids.push(one.thread!.tid);
      one.state = key;
    },
    post(one: HookCall) {
      if (one.state !== key) throw new Error(`another hook's state: ${one.state}`);
    },
  });
  const places = ['NtReadFile', 'nt!NtReadFile', 'ntoskrnl.exe!NtReadFile', 'nt!Nt*File', 'Nt*'];
  for (const where of [...places, 'ntdll.dll!NtReadFile', 'NtReadFil', 'kernel32.dll!*'])
    call(where, count(where));
  call(addressOf('NtReadFile'), count('address'));
  call(addressOf('NtReadFile') | 0, count('negative address'));
  end((where) => emit('counts', { counts, tids, instruction: where.instruction, tid: where.thread?.tid }));
});
export const attack = once(() => runHooks(ATTACK, [reading, counting]));
