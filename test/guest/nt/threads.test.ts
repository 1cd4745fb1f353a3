/** Switches between threads and calls of services, found from outside, one by one against ntlet's ground truth. */
import test from 'ava';
import { findNt, type NtOs } from '../../../src/guest/nt/nt.ts';
import type { TruthRecord } from '../../../src/guest/ntlet/truth-record.ts';
import { Told, TRACES, truthOf } from './told.ts';
import { visit } from './visit.ts';

/** By thread: the call of NtTerminateThread or NtTerminateProcess in which it ended, and whether that is what ended it. */
function lastCalls(
  records: readonly TruthRecord[],
): Map<number, { name: string; arguments: readonly number[]; ends: boolean }> {
  const names = new Map(records.flatMap((r) => (r.kind === 'function' ? [[r.function, r.name]] : [])));
  const enters = new Map(records.flatMap((r) => (r.kind === 'enter' ? [[r.call, r]] : [])));
  const last = new Map<number, { name: string; arguments: readonly number[]; ends: boolean }>();
  for (const r of records) {
    if (r.kind !== 'leave' || (r.outcome !== 'noreturn' && r.outcome !== 'killed')) continue;
    const enter = enters.get(r.call)!;
    const name = names.get(enter.function)!;
    if (!/^NtTerminate(Thread|Process)$/.test(name) || last.has(enter.thread)) continue;
    last.set(enter.thread, { name, arguments: enter.arguments, ends: r.outcome === 'noreturn' });
  }
  return last;
}

for (const { file, path } of TRACES) {
  test.serial(`${file}: every switch is seen at a watch point, and who has ended before it`, (t) => {
    const records = truthOf(path);
    const told = new Told(records);
    const switches = records.filter((r) => r.kind === 'switch');
    const ended = new Map(
      records.flatMap((r) => (r.kind === 'thread-end' ? [[r.thread, r.instruction]] : [])),
    );
    const terminating = lastCalls(records);
    const asked = { yes: 0, no: 0 };
    let nt: NtOs | undefined;
    let last = 0;
    const seen: { before: number; now: number; instruction: number; ended: boolean }[] = [];
    const guest = visit(path, [], (at) => {
      const start = (): void => {
        nt ??= findNt(at.cpu);
        if (nt === undefined || last !== 0) return;
        last = nt.currentThread();
        const points = nt.watchPoints();
        t.deepEqual([...new Set(points.map(({ what }) => what))], ['switch']);
        t.true(points.length >= 1 && points.length <= 4, `${points.length}`);
        for (const { address } of points) at.arm(address, true);
      };
      return {
        interrupt: start,
        hit: (_address, instruction) => {
          const now = nt!.currentThread();
          if (now === last) return;
          const over = nt!.hasEnded(last);
          const record = switches[seen.length];
          const call = over && record?.kind === 'switch' ? terminating.get(record.before) : undefined;
          if (call !== undefined) {
            const ends = nt!.endsCaller(call.name, last, (i) => call.arguments[i]);
            t.is(ends, call.ends, `${call.name} at instruction ${instruction}`);
            asked[ends ? 'yes' : 'no']++;
          }
          seen.push({ before: last, now, instruction, ended: over });
          last = now;
        },
      };
    });
    t.is(guest.late(), 0);
    t.is(seen.length, switches.length);
    seen.forEach(({ before, now, instruction, ended: over }, i) => {
      const record = switches[i]!;
      if (record.kind !== 'switch') return;
      const ok =
        told.threads.get(record.before)!.object === before &&
        told.threads.get(record.thread)!.object === now &&
        // The record is written a moment later.
        record.instruction - instruction < 200 &&
        record.instruction > instruction &&
        over === (ended.get(record.before) ?? Number.POSITIVE_INFINITY) < instruction;
      t.true(ok, `switch ${i} at instruction ${instruction}`);
    });
    t.log(
      `${seen.length} switches; after the end: ended by their call ${asked.yes}, killed in it ${asked.no}`,
    );
  });

  test.serial(
    `${file}: at each entry of a service the caller, its stacks and its arguments are known`,
    (t) => {
      const records = truthOf(path);
      const told = new Told(records);
      const enters = records.flatMap((r) => (r.kind === 'enter' && r.function < 0x2000 ? [r] : []));
      const leaves = new Map(records.flatMap((r) => (r.kind === 'leave' ? [[r.call, r]] : [])));
      const functions = records.flatMap((r) => (r.kind === 'function' && r.function < 0x2000 ? [r] : []));
      const byNumber = new Map(functions.map((f) => [f.function, f]));
      let nt: NtOs | undefined;
      let next = 0;
      const terminations = { yes: 0, no: 0 };
      visit(
        path,
        functions.map((f) => f.address),
        ({ cpu }) => ({
          hit: (address, instruction) => {
            nt ??= findNt(cpu);
            const enter = enters[next++]!;
            const fn = byNumber.get(enter.function)!;
            const thread = told.threads.get(enter.thread)!;
            const process = told.processes.get(thread.process)!;
            const current = nt!.currentThread();
            const info = nt!.thread(current);
            const kernel = nt!.kernelStack(current);
            const words = enter.arguments.map((_, i) => cpu.memory.u32(cpu.esp + 4 + 4 * i));
            const ok =
              fn.address === address &&
              thread.object === current &&
              info?.tid === thread.threadId &&
              info.process.pid === process.processId &&
              info.process.name === process.name &&
              enter.esp === cpu.esp &&
              kernel !== undefined &&
              kernel.low < cpu.esp &&
              cpu.esp < kernel.high &&
              words.every((word, i) => word === enter.arguments[i]);
            t.true(ok, `entry ${next} at instruction ${instruction}`);
            if (fn.name !== 'NtTerminateThread' && fn.name !== 'NtTerminateProcess') return;
            const ends = nt!.endsCaller(fn.name, current, (i) => enter.arguments[i]);
            const outcome = leaves.get(enter.call)?.outcome;
            // One that is killed before it has done anything does not say what it would have done.
            if (outcome === 'killed' || outcome === undefined) return;
            t.is(ends, outcome === 'noreturn', `${fn.name} at instruction ${instruction}`);
            terminations[ends ? 'yes' : 'no']++;
          },
        }),
      );
      t.is(next, enters.length);
      const never = nt!.functions('*').filter((f) => f.neverReturns);
      t.deepEqual(never.map((f) => f.name).sort(), [
        'NtCallbackReturn',
        'NtContinue',
        'NtRaiseException',
        'NtTerminateProcess',
        'NtTerminateThread',
      ]);
      for (const call of enters) {
        if (leaves.get(call.call)?.outcome !== 'noreturn') continue;
        const { name } = byNumber.get(call.function)!;
        t.true(
          never.some((f) => f.name === name),
          name,
        );
      }
      t.log(`${next} entries; terminations of the caller ${terminations.yes}, of others ${terminations.no}`);
    },
  );
}
