import { copyFileSync, mkdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { ContainerWriter } from '../../src/trace/container-writer.ts';
import { decodeEvents, encodeEvents } from '../../src/trace/events.ts';
import { TraceFile } from '../../src/trace/trace-file.ts';
import { rebek, recordSample, refused, workplace } from './support.ts';

const commands: Record<string, readonly string[]> = {
  replay: [],
  verify: [],
  info: [],
  dump: ['--stream', 'input'],
};

interface Copy {
  readonly file: string;
  readonly chunk: number;
  readonly offset: number;
}

/** A copy of a trace with one bit changed in the middle of the payload of its first chunk of a type. */
function damage(file: string, type: string): Copy {
  const trace = TraceFile.open(file);
  const entry = [...trace.reader.entries([type])][0]!;
  trace.close();
  const bytes = readFileSync(file);
  const at = entry.offset + 100 + (entry.encodedLength >> 2);
  bytes[at] = bytes[at]! ^ 4;
  const copy = join(file, '..', `${type}.rebek`);
  writeFileSync(copy, bytes);
  return { file: copy, chunk: entry.sequence, offset: entry.offset };
}

/** Runs a command on a file that it has to refuse. */
async function refuse(t: ExecutionContext, command: string, file: string, exitCode: number, error: string) {
  const run = await rebek([command, file, ...(commands[command] ?? []), '--json']);
  refused(t, run, exitCode, error);
  const lines = run.stdout.trimEnd().split('\n');
  t.is(JSON.parse(lines.at(-1)!).error.code, error);
  if (exitCode !== 3) t.true(run.stderr.includes(basename(file)), run.stderr);
  return run.stderr;
}

test('a changed bit is found by who reads it: exit code 4, with the chunk and its place', async (t) => {
  const { folder, machine } = workplace(t);
  const file = await recordSample(t, folder, machine);
  for (const [command, type] of [
    ['verify', 'ENGN'],
    ['replay', 'ENGN'],
    ['verify', 'EVTS'],
    ['replay', 'EVTS'],
    ['dump', 'EVTS'],
    ['info', 'META'],
    ['verify', 'CONS'],
  ] as const) {
    const copy = damage(file, type);
    const said = await refuse(t, command, copy.file, 4, 'ERR_TRACE_DAMAGED');
    t.true(said.includes(`chunk ${copy.chunk} (${type}) at offset ${copy.offset}`), `${command}: ${said}`);
  }
});

test('what is no trace is refused by every command', async (t) => {
  const { folder, machine } = workplace(t);
  const empty = join(folder, 'empty.rebek');
  writeFileSync(empty, '');
  const aFolder = join(folder, 'folder.rebek');
  mkdirSync(aFolder);
  for (const command of Object.keys(commands)) {
    await refuse(t, command, empty, 4, 'ERR_TRACE_NOT_A_TRACE');
    t.regex(await refuse(t, command, join(folder, 'none.rebek'), 2, 'ERR_TRACE_OPEN'), /no such file/);
  }
  await refuse(t, 'verify', machine, 4, 'ERR_TRACE_NOT_A_TRACE');
  t.regex(await refuse(t, 'replay', aFolder, 2, 'ERR_TRACE_OPEN'), /not a regular file/);
});

test('a trace that was cut off counts as incomplete, and replays up to there', async (t) => {
  const { folder, machine } = workplace(t);
  const file = await recordSample(t, folder, machine);
  const trace = TraceFile.open(file);
  const summary = [...trace.reader.entries(['SUMM'])][0]!;
  trace.close();
  const cut = join(folder, 'cut.rebek');
  copyFileSync(file, cut);
  truncateSync(cut, summary.offset + 10);
  for (const command of ['replay', 'verify', 'dump']) {
    const run = await rebek([command, cut, ...(commands[command] ?? [])]);
    t.is(run.code, 4, run.stderr);
    t.regex(run.stderr, new RegExp(`cut\\.rebek is INCOMPLETE: .*offset ${summary.offset}\\b`));
  }
  const replay = await rebek(['replay', cut, '--allow-incomplete', '--json']);
  t.is(replay.code, 0, replay.stderr);
  t.is(JSON.parse(replay.stdout).instructions, summary.instruction);
});

/** Writes a trace again, chunk by chunk, with `letter` as what the guest read from its console. */
function rewrite(file: string, copy: string, letter: string): void {
  const trace = TraceFile.open(file);
  const out = ContainerWriter.create(copy, 'TRCE', { overwrite: true });
  for (const { entry, body } of trace.reader.chunks()) {
    const { type, instruction, wallNs } = entry;
    const optional = type === 'CONS';
    if (type === 'EVTS') {
      const batch = decodeEvents(body);
      const at = batch.value.indexOf('s'.charCodeAt(0));
      if (at >= 0) batch.value[at] = letter.charCodeAt(0);
      out.write(type, encodeEvents(batch), { instruction, wallNs });
    } else out.write(type, { ...body.raw() }, { instruction, wallNs, optional });
  }
  out.close();
  trace.close();
}

test('a trace that was changed and sealed again diverges: exit code 3, with the place', async (t) => {
  const { folder, machine } = workplace(t);
  const file = await recordSample(t, folder, machine);
  const copy = join(folder, 'copy.rebek');
  rewrite(file, copy, 's');
  const same = await rebek(['replay', copy]);
  t.is(same.code, 0, same.stderr);
  rewrite(file, copy, 'f');
  t.is((await rebek(['verify', copy, '--integrity-only'])).code, 0);
  for (const command of ['replay', 'verify']) {
    const said = await refuse(t, command, copy, 3, 'ERR_REPLAY_DIVERGENCE');
    t.regex(said, /diverged from the trace at event \d+, instruction \d+/);
  }
});
