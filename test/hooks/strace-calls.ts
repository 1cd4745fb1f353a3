/** The system calls that hooks find of the threads that strace has followed, as plain data. */
import { defineHooks, type HookCall } from '../../src/hooks/api.ts';
import type { Finding } from '../../src/hooks/findings.ts';
import { type AnalysisResult, analyse } from '../../src/output/analysis.ts';

export interface Described {
  readonly text: string;
  readonly value: unknown;
}

/** One call, with all that its handlers could see. */
export interface HookedCall {
  readonly number: number;
  /** The thread and process as they were at the entry, and the thread's incarnation. */
  readonly tid: number;
  readonly pid: number;
  readonly key: number;
  readonly systemCall: number | undefined;
  readonly words: readonly number[];
  /** The words that socketcall's second argument points to. */
  readonly inner: readonly number[];
  /** Where the program goes on: its EIP that the kernel has saved. */
  readonly eip: number;
  readonly kernelAddress: number;
  readonly entered: number;
  left: number;
  /** The thread's id at the end: execve can change it. */
  endTid: number | undefined;
  endKey: number | undefined;
  endPid: number | undefined;
  name: string;
  outcome: string;
  result: number | undefined;
  /** EAX at the end, whatever it means. */
  eax: number;
  resultText: string;
  arguments: readonly Described[];
  restartOf: number | undefined;
  parent: number | undefined;
  /** Second returns. */
  readonly again: {
    readonly tid: number;
    readonly pid: number;
    readonly at: number;
    readonly result: number;
  }[];
}

export interface Hooked {
  readonly calls: readonly HookedCall[];
  /** By thread id at the entry, in order. */
  readonly byThread: ReadonlyMap<number, readonly HookedCall[]>;
  readonly findings: readonly Finding[];
  readonly analysis: AnalysisResult;
  /** Calls of all threads. */
  readonly all: number;
}

/** EIP in Linux's `struct pt_regs` of i386 (arch/x86/include/asm/ptrace.h). */
const PT_REGS_IP = 48;
const SOCKETCALL = 102;

/** Replays a trace with hooks on all system calls, and keeps those of some threads. */
export async function hookedCalls(path: string, threads: ReadonlySet<number>): Promise<Hooked> {
  const calls: HookedCall[] = [];
  const findings: Finding[] = [];
  let all = 0;
  const hooks = defineHooks('strace', ({ call, emit }) => {
    call('sys_*', {
      pre(entry) {
        all++;
        if (!threads.has(entry.thread?.tid ?? 0)) return;
        const begun = beginning(entry);
        calls.push(begun);
        entry.state = begun;
        entry.describe();
      },
      post(entry) {
        const begun = entry.state as HookedCall | undefined;
        if (begun === undefined) return;
        const { instruction, thread, process, name, outcome, result, resultText, restartOf } = entry;
        begun.left = instruction;
        begun.eax = entry.cpu.eax;
        begun.endTid = thread?.tid;
        begun.endKey = thread?.key;
        begun.endPid = process?.pid;
        begun.arguments = entry.describe().map(({ text, value }) => ({ text, value }));
        begun.restartOf = restartOf?.number;
        Object.assign(begun, { name, outcome, result, resultText });
        emit('call', { tid: begun.tid, pid: begun.pid });
      },
      again(entry) {
        const begun = entry.state as HookedCall | undefined;
        const { thread, process, instruction: at, result } = entry;
        begun?.again.push({ tid: thread?.tid ?? 0, pid: process?.pid ?? 0, at, result: result ?? -1 });
      },
    });
  });
  const analysis = await analyse(path, {
    hooks: [hooks],
    strict: true,
    onLine: (line) => {
      if (line.kind === 'finding') findings.push(line);
    },
  });
  const byThread = new Map<number, HookedCall[]>();
  for (const one of calls) byThread.set(one.tid, [...(byThread.get(one.tid) ?? []), one]);
  return { calls, byThread, findings, analysis, all };
}

function beginning(call: HookCall): HookedCall {
  const words: number[] = [];
  const inner: number[] = [];
  for (let i = 0; i < 6; i++) {
    words.push(call.word(i) ?? -1);
    if (call.systemCall === SOCKETCALL) inner.push(call.memory.u32((call.word(1) ?? 0) + 4 * i) ?? -1);
  }
  return {
    number: call.number,
    tid: call.thread?.tid ?? 0,
    pid: call.process?.pid ?? 0,
    key: call.thread?.key ?? 0,
    systemCall: call.systemCall,
    words,
    inner,
    eip: call.memory.u32(call.cpu.eax + PT_REGS_IP) ?? 0,
    kernelAddress: call.address,
    entered: call.instruction,
    left: -1,
    endTid: undefined,
    endKey: undefined,
    endPid: undefined,
    name: '',
    outcome: '',
    result: undefined,
    eax: 0,
    resultText: '',
    arguments: [],
    restartOf: undefined,
    parent: call.parent?.number,
    again: [],
  };
}
