/** A verification makes the control flow again, and compares it with the log. */
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import test, { type ExecutionContext } from 'ava';
import { RebekError } from '../../src/base/errors.ts';
import { FlowKind, KIND_SHIFT } from '../../src/engine/flow/area.ts';
import { loadImages } from '../../src/machine/images.ts';
import { loadMachine } from '../../src/machine/machine.ts';
import { replayTrace, verifyTrace } from '../../src/replay/replay.ts';
import { instructionsOf } from '../../src/trace/flow.ts';
import { FlowDecoder, FlowEncoder } from '../../src/trace/flow-codec.ts';
import { describeFlow } from '../../src/trace/flow-text.ts';
import { TraceFile } from '../../src/trace/trace-file.ts';
import { recordAndKill } from '../support/killed.ts';
import { probeMachine, recordProbe, temporaryFolder } from '../support/probe.ts';
import { recordGuest } from '../support/record-guest.ts';
import { rewriteTrace } from '../support/rewrite.ts';

const killable = fileURLToPath(new URL('../support/record-until-killed.js', import.meta.url));

/** Value, then number of instructions and kind. */
type Pair = [value: number, info: number];

interface Sample {
  readonly path: string;
  readonly to: string;
  /** The last chunk's: where it begins, and what it has. */
  readonly instruction: number;
  readonly pairs: readonly Pair[];
  readonly before: number;
}

async function sample(t: ExecutionContext): Promise<Sample> {
  const folder = temporaryFolder(t);
  const { result } = await recordProbe(folder, 'f');
  const trace = TraceFile.open(result.path);
  let before = 0;
  let last: Omit<Sample, 'path' | 'to' | 'before'> = { instruction: 0, pairs: [] };
  for (const { instruction, words, count } of trace.flow()) {
    before += last.pairs.length;
    last = {
      instruction,
      pairs: Array.from({ length: count }, (_, i) => [words[2 * i]!, words[2 * i + 1]!]),
    };
  }
  trace.close();
  return { path: result.path, to: join(folder, 'changed.rebek'), before, ...last };
}

/** Writes the trace with another last chunk, whose records are `pairs`. */
function rewriteLast({ path, to, pairs: old }: Sample, pairs: readonly Pair[]): string {
  const trace = TraceFile.open(path);
  let chunks = [...trace.reader.entries(['FLOW'])].length;
  trace.close();
  return rewriteTrace(path, to, (type, body) => {
    if (type !== 'FLOW' || --chunks > 0) return body;
    const count = body['records'] as number;
    const found = new FlowDecoder().decode(body['data'] as Uint8Array, count);
    if (count !== old.length || found[0] !== old[0]![0]) throw new Error('another chunk');
    const data = new FlowEncoder().encode(Uint32Array.from(pairs.flat()), pairs.length);
    return { ...body, records: pairs.length, data };
  });
}

const same = (a: Pair | undefined, b: Pair | undefined): boolean => a?.[0] === b?.[0] && a?.[1] === b?.[1];
const kindOf = ([, info]: Pair): number => info >>> KIND_SHIFT;
const hex = (value: number): string => `0x${value.toString(16).padStart(8, '0')}`;

test('the control flow is logged, and made again', async (t) => {
  for (const jit of [true, false]) {
    const { result } = await recordProbe(temporaryFolder(t), 'sf', { machine: { jit } });
    const { complete, replay } = await verifyTrace(result.path);
    t.true(complete && replay!.finalChecked);
    const { blocks, records, beyond } = replay!.flow!;
    t.true(blocks > 1000 && records > blocks);
    t.is(beyond, 0);
    const trace = TraceFile.open(result.path);
    let count = 0;
    let instructions = 0;
    for (const chunk of trace.flow()) {
      t.is(chunk.instruction, instructions);
      count += chunk.count;
      for (let i = 0; i < chunk.count; i++)
        instructions += instructionsOf(chunk.words[2 * i]!, chunk.words[2 * i + 1]!);
    }
    trace.close();
    t.is(count, records);
    t.is(instructions, result.instructions);
    t.is((await replayTrace(result.path)).flow, undefined);
  }
});

test('a record that was changed is found, and told with its place', async (t) => {
  const file = await sample(t);
  const { pairs, to } = file;
  // A block in the middle, and what may be said of it.
  const at = pairs.findIndex((pair, i) => i > pairs.length / 2 && kindOf(pair) === FlowKind.block);
  const [value, info] = pairs[at]!;
  const instruction = pairs
    .slice(0, at)
    .reduce((sum, pair) => sum + instructionsOf(...pair), file.instruction);
  const found = describeFlow(value, info);
  t.true(found.includes(hex(value)) && found.includes(`${info & 0xffff} instructions`));
  const changes: Pair[] = [
    [value + 1, info],
    [value, info + 1],
    [value, info | (FlowKind.interpreted << KIND_SHIFT)],
    [0x20, FlowKind.interrupt << KIND_SHIFT],
  ];
  for (const pair of changes) {
    const expected = describeFlow(...pair);
    t.not(expected, found);
    rewriteLast(file, pairs.with(at, pair));
    const error = await t.throwsAsync(verifyTrace(to), { instanceOf: RebekError });
    t.is(error.code, 'ERR_REPLAY_FLOW');
    t.is(error.exitCode, 3);
    t.like(error.details, { instruction, record: file.before + at, expected, found });
    t.true(
      error.message.includes(`instruction ${instruction}\n  expected: ${expected}\n  found:    ${found}`),
    );
    t.regex(error.message, /changed\.rebek: /);
  }
  t.true((await replayTrace(to)).finalChecked, 'a plain replay does not need it');
});

test('records that were left out or added are found, at the end too', async (t) => {
  const file = await sample(t);
  const { pairs, to, before } = file;
  const end = pairs.length;
  const middle = pairs.findIndex((pair, i) => i > end / 2 && !same(pair, pairs[i + 1]));
  const changes: [string, readonly Pair[], { record: number; expected?: string }][] = [
    ['one less', pairs.toSpliced(middle, 1), { record: before + middle }],
    [
      'one more',
      pairs.toSpliced(middle, 0, [0, FlowKind.sysexit << KIND_SHIFT]),
      { record: before + middle, expected: 'SYSEXIT' },
    ],
    ['the last is gone', pairs.slice(0, -1), { record: before + end - 1, expected: 'nothing more' }],
    [
      'one more behind the last',
      [...pairs, [0x1000, 1]],
      { record: before + end, expected: '1 records more' },
    ],
  ];
  for (const [what, changed, details] of changes) {
    rewriteLast(file, changed);
    const error = await t.throwsAsync(verifyTrace(to), { instanceOf: RebekError }, what);
    t.is(error.code, 'ERR_REPLAY_FLOW', what);
    t.is(error.exitCode, 3);
    t.like(error.details, details, what);
  }
  rewriteLast(file, pairs);
  t.is((await verifyTrace(to)).replay?.flow?.records, before + end, 'unchanged');
});

test('a trace without the log is verified without it', async (t) => {
  const folder = temporaryFolder(t);
  const machine = await loadMachine(probeMachine(folder));
  const output = join(folder, 'plain.rebek');
  const guest = await recordGuest(t, { machine, images: await loadImages(machine), output, flow: false });
  await guest.console.waitFor(/\n/);
  await guest.finish();
  const trace = TraceFile.open(output);
  t.is([...trace.reader.entries(['FLOW'])].length, 0);
  trace.close();
  const { complete, replay } = await verifyTrace(output);
  t.true(complete && replay!.finalChecked);
  t.is(replay!.flow, undefined);
});

test.serial('what a killed recorder leaves of the log is compared', async (t) => {
  const { partial } = await recordAndKill(t, killable, temporaryFolder(t), 2500);
  const { complete, replay } = await verifyTrace(partial);
  t.false(complete);
  t.true(replay!.flow!.blocks > 1000);
  t.true(replay!.flow!.beyond >= 0);
});
