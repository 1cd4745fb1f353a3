/** Threads and processes of ntlet as they are read from its memory, against its own ground truth, at hundreds of moments. */
import test, { type ExecutionContext } from 'ava';
import { findNt, type NtOs } from '../../../src/guest/nt/nt.ts';
import { Told, TRACES, truthOf } from './told.ts';
import { visit } from './visit.ts';

/** Instructions within which a change that is told of is made. */
const MARGIN = 200;

function compare(t: ExecutionContext, nt: NtOs, told: Told, at: string): void {
  const current = told.threads.get(told.current)!;
  t.is(nt.currentThread(), current.object, `${at}: current thread`);
  const threads = [...told.alive.threads].map((g) => told.threads.get(g)!);
  const processes = [...told.alive.processes].map((g) => told.processes.get(g)!);
  const listed = nt.processes();
  const byAddress = <T extends { address: number }>(a: T, b: T) => a.address - b.address;
  t.deepEqual(
    listed.map(({ address, pid, ppid, name, asid }) => ({ address, pid, ppid, name, asid })).sort(byAddress),
    processes
      .map((p) => ({
        address: p.object,
        pid: p.processId,
        ppid: told.processes.get(p.parent)?.processId ?? 0,
        name: p.name,
        asid: p.cr3,
      }))
      .sort(byAddress),
    `${at}: processes`,
  );
  t.deepEqual(
    nt
      .threads()
      .map(({ address, tid, process }) => ({ address, tid, pid: process.pid, name: process.name }))
      .sort(byAddress),
    threads
      .map((thread) => {
        const process = told.processes.get(thread.process)!;
        return { address: thread.object, tid: thread.threadId, pid: process.processId, name: process.name };
      })
      .sort(byAddress),
    `${at}: threads`,
  );
  const idle = nt.threads()[0]!.address;
  for (const thread of threads) {
    t.false(nt.hasEnded(thread.object));
    const stack = nt.kernelStack(thread.object)!;
    t.true(stack.high > stack.low && stack.high - stack.low <= 0xf000);
    t.is(nt.kernelStack(thread.object), stack, 'the same object as long as it is the same');
    const esp = nt.savedKernelEsp(thread.object);
    if (thread === current) t.is(esp, undefined);
    else if (thread.object !== idle || esp !== undefined)
      t.true(esp! > stack.low && esp! <= stack.high, `${at}: ESP 0x${esp?.toString(16)}`);
    const user = nt.userStack(thread.object);
    if (thread.teb !== 0) t.true(user !== undefined && user.high > user.low && user.high < 0x8000_0000, at);
    else t.is(user, undefined);
  }
}

for (const { file, path } of TRACES) {
  test.serial(`${file}: who runs, and who is there`, (t) => {
    const records = truthOf(path);
    const told = new Told(records);
    const functions = records.flatMap((r) =>
      r.kind === 'function' && r.function < 0x20000 ? [r.address] : [],
    );
    const started = records.find((r) => r.kind === 'process-start' && r.name === 'System')!.instruction;
    let nt: NtOs | undefined;
    let moments = 0;
    let compared = 0;
    let foundAt = 0;
    visit(path, functions, ({ cpu }) => {
      t.is(findNt(cpu), undefined, 'before the first instruction');
      const look = (instruction: number): void => {
        told.advance(instruction);
        if (nt === undefined) {
          nt = findNt(cpu);
          t.is(nt !== undefined, instruction > started, `asked at instruction ${instruction}`);
          if (nt === undefined) return;
          foundAt = instruction;
          t.is(nt.version, 'NT 5.1 build 2600');
          t.deepEqual(nt.notes, []);
        }
        // All early moments, and some of the later ones.
        if (moments++ > 300 && moments % 200 !== 0) return;
        if (!told.quiet(instruction - MARGIN, instruction + MARGIN)) return;
        compare(t, nt, told, `instruction ${instruction}`);
        compared++;
      };
      return { hit: (_address, instruction) => look(instruction), interrupt: look };
    });
    t.true(compared > 200, `${compared}`);
    t.log(`${compared} moments compared, the first at instruction ${foundAt}; System began at ${started}`);
  });
}
