/**
 * The diff of two matchers names exactly the calls that the weaker one got wrong, as ntlet's ground truth has it: the other
 * one, thread-stack, gets all of them right.
 */
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { readTruth } from '../../../src/guest/ntlet/truth.ts';
import type { Finding } from '../../../src/hooks/findings.ts';
import { syscalls } from '../../../src/hooks/packs/syscalls.ts';
import { analyse } from '../../../src/output/analysis.ts';
import type { CheckedCall } from '../../../src/output/check/compare.ts';
import { TruthCalls } from '../../../src/output/check/truth-calls.ts';
import { FindingsWriter } from '../../../src/output/findings-file.ts';
import { root, temporaryFolder } from '../../support/probe.ts';
import { diffFiles } from './made.ts';

/** A call that there was, and when its function said that it was over. */
interface Told {
  readonly call: CheckedCall;
  left: number;
}

/** What the guest told: calls by thread and function, in order, and all that each thread told, by instruction count. */
class Truth {
  readonly calls = new Map<string, Told[]>();
  private readonly jumped = new Set<number>();
  private readonly told = new Map<number, { at: number; call: number }[]>();

  constructor(path: string) {
    const open = new Map<number, Told>();
    let at = 0;
    const note = (call: CheckedCall): void => {
      const list = this.told.get(call.threadId!) ?? [];
      list.push({ at, call: call.number });
      this.told.set(call.threadId!, list);
    };
    const calls = new TruthCalls({
      entered: (call) => {
        const told = { call, left: Infinity };
        open.set(call.number, told);
        const key = `${call.threadId} ${call.function}`;
        this.calls.set(key, [...(this.calls.get(key) ?? []), told]);
        note(call);
      },
      left: (call) => {
        open.get(call.number)!.left = at;
        note(call);
      },
      again: () => {},
    });
    for (const record of readTruth(path)) {
      if (record.kind === 'enter' && record.door === 'jump') this.jumped.add(record.call);
      at = record.instruction;
      calls.follow(record);
    }
  }

  /** Whether a finding of a call says how it ended, and when: its thread told nothing else between its own word and that. */
  isRight({ call, left }: Told, { instruction, call: found }: Finding): boolean {
    if (found!.outcome !== call.outcome) return false;
    if (call.outcome === 'open') return true;
    const returned = call.outcome === 'returned' || call.outcome === 'pending';
    if (!returned) return true;
    if (found!.result !== call.result || found!.caller !== undefined) return false;
    const [from, to] = [Math.min(left, instruction), Math.max(left, instruction)];
    // A call that its caller has jumped to returns where the caller does (TRUTH.md, door 4): both are over at once.
    const shared = this.jumped.has(call.number) ? call.parent : call.number;
    const others = this.told
      .get(call.threadId!)!
      .filter((one) => one.call !== call.number && one.call !== shared);
    return !others.some((one) => one.at > from && one.at < to);
  }
}

async function findings(t: ExecutionContext, trace: string, matcher: string): Promise<[string, Finding[]]> {
  const path = join(temporaryFolder(t), `${matcher}.jsonl`);
  const writer = new FindingsWriter(path);
  const found: Finding[] = [];
  await analyse(trace, {
    hooks: [syscalls],
    matcher,
    onLine: (line) => {
      writer.line(line);
      if (line.kind === 'finding') found.push(line);
    },
  });
  writer.finish(true);
  return [path, found];
}

/** Each call's truth, by the instruction of its entry: in a thread a function's calls are in the same order on both sides. */
function paired(t: ExecutionContext, truth: Truth, found: readonly Finding[]): Map<number, Told> {
  const pairs = new Map<number, Told>();
  const next = new Map<string, number>();
  for (const { call, thread } of found.toSorted((a, b) => a.call!.entered - b.call!.entered)) {
    const key = `${(call!.caller ?? thread)!.tid} ${call!.name}`;
    const index = next.get(key) ?? 0;
    next.set(key, index + 1);
    const told = truth.calls.get(key)?.[index];
    if (told === undefined) t.fail(`no truth about call ${index} of ${key}`);
    else pairs.set(call!.entered, told);
  }
  return pairs;
}

for (const [name, calls] of [
  ['ntlet-attack', 484],
  ['ntlet-stress', 9019],
] as const) {
  test.serial(`${name}: what the weaker matchers get wrong`, async (t) => {
    t.timeout(300_000);
    const trace = join(root, `traces/${name}.rebek`);
    const truth = new Truth(trace);
    const [a, good] = await findings(t, trace, 'thread-stack');
    t.is(good.length, calls);
    const pairs = paired(t, truth, good);
    t.is(pairs.size, calls);
    for (const one of good)
      t.true(truth.isRight(pairs.get(one.call!.entered)!, one), JSON.stringify(one.call));
    for (const matcher of ['single-slot', 'return-address']) {
      const [b, weak] = await findings(t, trace, matcher);
      t.is(weak.length, calls);
      const wrong = weak.filter((one) => !truth.isRight(pairs.get(one.call!.entered)!, one));
      const diff = await diffFiles(a, b);
      const named = diff.differences.map((difference) => difference.when);
      const byNumber = (x: number, y: number): number => x - y;
      t.deepEqual(
        named.toSorted(byNumber),
        wrong.map((one) => one.call!.entered).toSorted(byNumber),
        matcher,
      );
      t.true(wrong.length > 10, matcher);
      t.log(`${name}, ${matcher}: ${wrong.length} of ${calls}, ${diff.causes.length} causes`);
      const back = await diffFiles(b, a);
      t.is(back.differences.length, wrong.length);
    }
  });
}
