/** A trace that was recorded without its control flow gains it by a replay, as a recorder would have logged it. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { addFlow } from '../../src/replay/add-flow.ts';
import { verifyTrace } from '../../src/replay/replay.ts';
import { openContainer } from '../../src/trace/container-reader.ts';
import { rebek, refused } from '../cli/support.ts';
import { recordNtlet } from '../support/ntlet.ts';
import { recordProbe, temporaryFolder } from '../support/probe.ts';
import { rewriteTrace } from '../support/rewrite.ts';

interface Content {
  readonly type: string;
  readonly instruction: number;
  readonly wallNs: number;
  readonly body: Readonly<Record<string, unknown>>;
}

function contents(path: string): Content[] {
  const reader = openContainer(path, { kind: 'TRCE' });
  const all = [...reader.chunks()].map(({ entry: { type, instruction, wallNs }, body }) => ({
    type,
    instruction,
    wallNs,
    body: body.raw(),
  }));
  reader.close();
  return all;
}

const withoutFlow = (from: string, to: string): string =>
  rewriteTrace(from, to, (type, body) => (type === 'FLOW' ? undefined : body));

test('probe guest: the same chunks with the same records as recorded', async (t) => {
  const folder = temporaryFolder(t);
  const { result } = await recordProbe(folder, 'live');
  const bare = withoutFlow(result.path, join(folder, 'bare.rebek'));
  const added = join(folder, 'added.rebek');
  const { chunks, records } = await addFlow(bare, added);
  const [live, again] = [contents(result.path), contents(added)];
  const flow = live.filter(({ type }) => type === 'FLOW');
  t.is(chunks, flow.length);
  t.is(
    records,
    flow.reduce((sum, { body }) => sum + (body['records'] as number), 0),
  );
  t.true(chunks > 1 && records > 1_000_000);
  t.deepEqual(
    again.map(({ type }) => type),
    live.map(({ type }) => type),
  );
  for (const [i, { type, instruction, wallNs, body }] of live.entries()) {
    t.is(again[i]!.instruction, instruction, `${type} ${i}`);
    t.deepEqual(again[i]!.body, body, `${type} ${i}`);
    // A chunk that was full has no time of its own in the log of inputs.
    if (type !== 'FLOW') t.is(again[i]!.wallNs, wallNs);
  }
  const { replay, complete } = await verifyTrace(added);
  t.true(complete);
  t.is(replay?.flow?.records, records);
});

test('ntlet, on the command line; what cannot be done is refused', async (t) => {
  const folder = temporaryFolder(t);
  const guest = await recordNtlet(t, { flow: true });
  const { path } = guest;
  await guest.booted();
  await guest.logIn(0, 'guest', 'guest');
  await guest.run('dir');
  await guest.finish();
  const bare = withoutFlow(path, join(folder, 'bare.rebek'));
  const added = join(folder, 'added.rebek');
  const { code, stdout } = await rebek(['replay', bare, '--add-flow', '-o', added, '--json']);
  t.is(code, 0);
  const told = JSON.parse(stdout) as { chunks: number; records: number; output: string };
  t.is(told.output, added);
  const flow = (file: string) => contents(file).filter(({ type }) => type === 'FLOW');
  t.deepEqual(
    flow(added).map(({ body }) => body),
    flow(path).map(({ body }) => body),
  );
  t.is(told.chunks, flow(path).length);

  refused(t, await rebek(['replay', bare, '--add-flow']), 2, 'ERR_USAGE');
  refused(t, await rebek(['replay', bare, '--add-flow', '-o', added]), 2, 'ERR_TRACE_EXISTS');
  const other = join(folder, 'other.rebek');
  refused(t, await rebek(['replay', added, '--add-flow', '-o', other]), 2, 'ERR_TRACE_HAS_FLOW');
  const torn = rewriteTrace(
    bare,
    join(folder, 'torn.rebek'),
    (type, body) => (type === 'SUMM' ? undefined : body),
    false,
  );
  refused(t, await rebek(['replay', torn, '--add-flow', '-o', other]), 4, 'ERR_TRACE_INCOMPLETE');
  const changed = rewriteTrace(bare, join(folder, 'changed.rebek'), (type, body) =>
    type === 'SUMM' ? { ...body, outputs: (body['outputs'] as number) + 1 } : body,
  );
  refused(t, await rebek(['replay', changed, '--add-flow', '-o', other]), 3, 'ERR_REPLAY_DIVERGENCE');
  t.false(existsSync(other));
  t.false(existsSync(`${other}.partial`));
});
