/** What a guest writes to I/O port 0xE9 is recorded, and a verification makes it again. */
import { readFileSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { RebekError } from '../../src/base/errors.ts';
import { createPc } from '../../src/engine/pc.ts';
import { loadImages } from '../../src/machine/images.ts';
import { loadMachine } from '../../src/machine/machine.ts';
import { Recording } from '../../src/record/recording.ts';
import { replayTrace, verifyTrace } from '../../src/replay/replay.ts';
import { dumpEvents, type StreamEvent } from '../../src/trace/dump.ts';
import { describeTrace } from '../../src/trace/info.ts';
import { debugMachine, loopBytes, recordDebugGuest } from '../support/debug-guest.ts';
import { recordProbe, temporaryFolder } from '../support/probe.ts';
import { rewriteTrace } from '../support/rewrite.ts';
import { noise } from '../trace/support.ts';

const stream = (path: string): StreamEvent[] => [...dumpEvents(path, { stream: 'debug' })] as StreamEvent[];
const bytesOf = (path: string): Buffer => Buffer.concat(stream(path).map(({ bytes }) => bytes));
const K = 0x6b;

for (const jit of [true, false]) {
  test(`bytes, words and strings are kept and made again, ${jit ? 'compiled' : 'interpreted'}`, async (t) => {
    const folder = temporaryFolder(t);
    // More than one chunk may hold, and strings across several pages.
    const [first, second, turns] = [noise(20_000, 3), noise(400, 4), 60_000];
    const result = await recordDebugGuest(folder, { first, second, turns }, { machine: { jit } });
    t.is(result.end, 'halt');
    t.is(result.compiled > 0, jit);
    const found = bytesOf(result.path);
    const before = Buffer.concat([first, Uint8Array.of(0x41, 0x42, 0x43), loopBytes(turns)]);
    t.true(found.subarray(0, before.length).equals(before));
    // Four bytes of the time stamp counter, which is an input.
    t.true(found.subarray(before.length + 4).equals(Buffer.concat([Uint8Array.of(K), second])));
    t.is(found.length, result.debug!);
    const info = describeTrace(result.path);
    t.is(info.summary?.debug, found.length);
    t.true(info.chunks['DBUG']!.chunks > 1);
    for (const event of stream(result.path)) t.true(event.bytes.length <= 4096 && event.direction === 'out');

    const { replay, complete } = await verifyTrace(result.path);
    t.true(complete && replay!.finalChecked);
    t.deepEqual(replay!.debug, { bytes: found.length, records: stream(result.path).length, beyond: 0 });
    t.is((await replayTrace(result.path)).debug, undefined);
  });
}

/** A trace of a guest that wrote 16 bytes, then others. */
async function sample(t: ExecutionContext) {
  const folder = temporaryFolder(t);
  const first = Uint8Array.from({ length: 16 }, (_, i) => i);
  const { path } = await recordDebugGuest(folder, { first, turns: 100 });
  const to = join(folder, 'changed.rebek');
  return { path, to, records: stream(path) };
}

type Map = Record<string, unknown>;
const bin = (body: Map, name: string): Buffer => Buffer.from(body[name] as Uint8Array);

test('a byte that was changed is found, and told with its place', async (t) => {
  const { path, to } = await sample(t);
  rewriteTrace(path, to, (type, body) => {
    if (type !== 'DBUG') return body;
    const data = bin(body, 'data');
    data[9] = 0xff;
    return { ...body, data };
  });
  const error = await t.throwsAsync(verifyTrace(to), { instanceOf: RebekError });
  t.is(error.code, 'ERR_REPLAY_DEBUG_STREAM');
  t.is(error.exitCode, 3);
  const { instruction } = stream(path)[0]!;
  t.like(error.details, { offset: 9, instruction, expected: '0xff', found: '0x09' });
  t.regex(error.message, /changed\.rebek: .*byte 9, instruction \d+\n {2}expected: 0xff\n {2}found: {4}0x09/);
  t.true((await replayTrace(to)).finalChecked, 'a plain replay does not need it');
});

test('an instruction count that was changed is found', async (t) => {
  const { path, to, records } = await sample(t);
  for (const by of [1, -1]) {
    rewriteTrace(path, to, (type, body) => {
      if (type !== 'DBUG') return body;
      // The second record's distance from the first.
      const ins = bin(body, 'ins');
      ins[1]! += by;
      return { ...body, ins };
    });
    const error = await t.throwsAsync(verifyTrace(to), { code: 'ERR_REPLAY_DEBUG_STREAM' });
    const at = records[1]!.instruction;
    t.like((error as RebekError).details, { offset: 16, instruction: Math.min(at, at + by) });
    t.regex(error!.message, new RegExp(`expected: 0x41 at instruction ${at + by}\n.*instruction ${at}\n?`));
  }
});

test('bytes that were left out or added, and a summary that says another number, are found', async (t) => {
  const { path, to } = await sample(t);
  const changes: [string, (type: string, body: Map) => Map | undefined, RegExp][] = [
    ['all chunks are gone', (type, body) => (type === 'DBUG' ? undefined : body), /expected: no more bytes/],
    [
      'a byte more',
      (type, body) => {
        if (type !== 'DBUG') return body;
        const len = bin(body, 'len');
        len[len.length - 1]!++;
        return { ...body, len, data: Buffer.concat([bin(body, 'data'), Uint8Array.of(7)]) };
      },
      /expected: 0x07\n.*nothing more/,
    ],
    [
      'a byte less',
      (type, body) => {
        if (type !== 'DBUG') return body;
        const len = bin(body, 'len');
        len[len.length - 1]!--;
        return { ...body, len, data: bin(body, 'data').subarray(0, -1) };
      },
      /expected: no more bytes/,
    ],
    [
      'the summary',
      (type, body) => (type === 'SUMM' ? { ...body, debug: (body['debug'] as number) + 1 } : body),
      /bytes in all, says the summary/,
    ],
  ];
  for (const [what, change, said] of changes) {
    rewriteTrace(path, to, change);
    const error = await t.throwsAsync(verifyTrace(to), { code: 'ERR_REPLAY_DEBUG_STREAM' }, what);
    t.regex(error!.message, said);
  }
});

test('a trace of a recorder that did not keep them verifies as before', async (t) => {
  const { path, to } = await sample(t);
  rewriteTrace(path, to, (type, { debug: _, ...body }) => (type === 'DBUG' ? undefined : body));
  const { replay } = await verifyTrace(to);
  t.true(replay!.finalChecked);
  t.is(replay!.debug, undefined);
  t.is(describeTrace(to).summary?.debug, undefined);
});

test('a guest that writes nothing there has no such chunk', async (t) => {
  const { result } = await recordProbe(temporaryFolder(t), 's');
  t.is(result.debug, 0);
  t.is(describeTrace(result.path).chunks['DBUG'], undefined);
  t.deepEqual((await verifyTrace(result.path)).replay!.debug, { bytes: 0, records: 0, beyond: 0 });
});

test('an incomplete trace is compared as far as it goes, wherever it ends', async (t) => {
  const folder = temporaryFolder(t);
  const { path } = await recordDebugGuest(folder, { first: noise(4000), turns: 60_000 });
  const whole = bytesOf(path);
  const to = join(folder, 'part.rebek');
  // Log and stream end apart: one chunk of either kind is missing, or several.
  for (const [missing, from] of [
    ['EVTS', 1],
    ['DBUG', 1],
    ['EVTS', 2],
  ] as const) {
    let seen = 0;
    const partial = rewriteTrace(
      path,
      to,
      (type, body) => {
        if (type === missing && seen++ >= from) return undefined;
        return type === 'SUMM' ? undefined : body;
      },
      false,
    );
    const { replay, complete } = await verifyTrace(partial);
    t.false(complete);
    const { bytes, beyond } = replay!.debug!;
    t.true(bytes > 0 && (missing === 'EVTS' ? bytes + beyond === whole.length : bytes < whole.length));
  }
  // The file just ends somewhere.
  const size = readFileSync(path).length;
  truncateSync(path, size - 2000);
  const cut = await verifyTrace(path);
  t.false(cut.complete);
  t.true(cut.replay!.debug!.bytes > 0);
});

test('a recording from a saved state has what is written from there on', async (t) => {
  const folder = temporaryFolder(t);
  const [first, second] = [noise(64, 1), noise(64, 2)];
  const machine = await loadMachine(debugMachine(folder, { first, second }));
  const images = await loadImages(machine);
  const pc = await createPc(machine, images);
  const heard: [number, number][] = [];
  pc.onDebugPort((value, bytes) => heard.push([value, bytes]));
  const ready = new Promise<void>((resolve) => {
    pc.onSerial((_, byte) => byte === 10 && resolve());
  });
  pc.run();
  await ready;
  await pc.stop();
  const state = await pc.saveState();
  await pc.destroy();
  const words = [...new Uint32Array(first.slice().buffer)].map((word) => [word, 4]);
  t.deepEqual(heard.slice(0, -1), [...words, [0x41, 1], [0x4342, 2], [0, 4], [0, 1]] as [number, number][]);

  const output = join(folder, 'from.rebek');
  const recording = await Recording.start({ machine, images, output, from: { name: 'x', state } });
  recording.sendSerial(0, Uint8Array.of(K));
  await recording.ended;
  await recording.finish('halt', 'done');
  t.true(bytesOf(output).equals(Buffer.concat([Uint8Array.of(K), second])));
  t.is((await verifyTrace(output)).replay!.debug!.bytes, 65);
});
