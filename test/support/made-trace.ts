/** Traces whose logs of inputs are made up, in the file of another. */
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { ContainerWriter } from '../../src/trace/container-writer.ts';
import { encodeEvents } from '../../src/trace/events.ts';
import { TraceFile } from '../../src/trace/trace-file.ts';
import { Log, type Step } from '../output/find-log.ts';
import { root, temporaryFolder } from './probe.ts';
import { rewriteTrace } from './rewrite.ts';

const probe = join(root, 'traces/probe.rebek');

/** A trace that takes some seconds to print: of five million port reads, all of which read an `a`. */
export function longTrace(t: ExecutionContext): string {
  const log = new Log();
  const read: Step = { op: 'io_port_read8', at: 0x60, bytes: [0x61], inside: [] };
  log.add(new Array<Step>(50_000).fill(read));
  const events = encodeEvents(log.batches[0]!);
  const path = join(temporaryFolder(t), 'long.rebek');
  const trace = TraceFile.open(probe);
  const out = ContainerWriter.create(path, 'TRCE');
  const meta = [...trace.reader.chunks(['META'])][0]!.body.raw();
  out.write('META', { ...meta }, { instruction: 0, wallNs: 0 });
  for (let i = 0; i < 100; i++) {
    const instruction = 1000 + i * 1e6;
    out.write('EVTS', { ...events, first: i * 50_000, instruction }, { instruction, wallNs: i * 1e9 });
  }
  out.close();
  trace.close();
  return path;
}

/** A trace whose log is this one, in the file of another. */
export function traceOf(t: ExecutionContext, ...batches: Step[][]): string {
  const log = new Log();
  for (const steps of batches) log.add(steps);
  return rewriteTrace(probe, join(temporaryFolder(t), 'made.rebek'), (type, body) => {
    if (type !== 'EVTS') return type === 'CONS' ? undefined : body;
    const batch = log.batches.shift();
    return batch && encodeEvents(batch);
  });
}
