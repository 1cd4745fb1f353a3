/** What FORMAT.md promises to those who write a reader of their own. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { dumpEvents } from '../../src/trace/dump.ts';
import { describeTrace } from '../../src/trace/info.ts';
import { root } from '../support/probe.ts';
import { type Body, readTrace, varints } from './independent-reader.ts';

const path = join(root, 'traces/probe.rebek');
const trace = readTrace(readFileSync(path));
const bodies = (type: string): Body[] => trace.chunks.filter((c) => c.type === type).map((c) => c.body);
const [meta] = bodies('META') as [Body];
const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

test('a reader written from the specification finds the same file', (t) => {
  const info = describeTrace(path);
  t.is(trace.kind, 'TRCE');
  t.is(trace.chain, info.chain!);
  t.deepEqual(meta as unknown, info.meta as unknown);
  t.deepEqual(bodies('SUMM') as unknown, [info.summary] as unknown);
  const optional = trace.chunks.filter((c) => c.flags & 1).map((c) => c.type);
  t.deepEqual([...new Set(optional)], ['CONS']);
});

test('… the engine and the initial memory, with the hashes that META names', (t) => {
  const engine = Buffer.concat(bodies('ENGN').map(({ data }) => data as Uint8Array));
  t.is(sha256(engine), (meta['engine'] as Record<string, string>)['sha256']!);
  const memory = new Uint8Array(meta['memory'] as number);
  for (const { pages, data, same, source } of bodies('PAGE') as Record<string, Uint8Array>[]) {
    const u32 = (column: Uint8Array) => new Uint32Array(column.slice().buffer);
    for (const [i, page] of u32(pages!).entries())
      memory.set(data!.subarray(i * 4096, (i + 1) * 4096), page * 4096);
    for (const [i, page] of u32(same!).entries())
      memory.copyWithin(page * 4096, u32(source!)[i]! * 4096, (u32(source!)[i]! + 1) * 4096);
  }
  const { ramStart, ramBytes, vgaStart, vgaBytes } = meta['layout'] as Record<string, number>;
  const initial = meta['initial'] as Record<string, string>;
  t.is(sha256(memory.subarray(ramStart, ramStart! + ramBytes!)), initial['ram']!);
  t.is(sha256(memory.subarray(vgaStart, vgaStart! + vgaBytes!)), initial['vga']!);
});

test('… the events, at the same instruction counts, and the console', (t) => {
  const mine = [];
  for (const { first, instruction, op, ins, quiet } of bodies('EVTS')) {
    let at = instruction as number;
    const [elapsed, quiets] = [varints(ins!), varints(quiet!)];
    for (const i of (op as Uint8Array).keys()) {
      at += elapsed[i]!;
      mine.push([(first as number) + i, at, quiets[i]]);
    }
  }
  const theirs = Array.from(dumpEvents(path, { stream: 'input' }), (event) => {
    const { sequence, instruction, quiet } = event as {
      sequence: number;
      instruction: number;
      quiet: number;
    };
    return [sequence, instruction, quiet];
  });
  t.true(mine.length > 1000);
  t.deepEqual(mine, theirs);
  const console = bodies('CONS').flatMap(({ chan, len, data }) => {
    let at = 0;
    const channels = varints(chan!);
    return varints(len!).map((length, i) => {
      at += length;
      return channels[i]! & 1 ? '' : Buffer.from((data as Uint8Array).subarray(at - length, at)).toString();
    });
  });
  t.regex(console.join(''), /^probe ready\r\nt: [0-9a-f]{8}\r\nc: [0-9a-f]{8}\r\n/);
});
