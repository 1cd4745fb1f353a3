/**
 * A session of hooks over recorded guests: which hooks there are changes nothing of the execution, and what a handler does
 * wrong is told and harms nobody else.
 */
import { join } from 'node:path';
import test from 'ava';
import fc from 'fast-check';
import { RebekError } from '../../src/base/errors.ts';
import { defineHooks, type HookCall, type HookFile } from '../../src/hooks/api.ts';
import { findingLine } from '../../src/hooks/findings.ts';
import { recordNtlet } from '../support/ntlet.ts';
import { root } from '../support/probe.ts';
import { ATTACK, type Ran, runHooks } from './run.ts';
import { attack, counting, named, reading, reads, sameState } from './told-calls.ts';

/** The error that another one goes back to. */
const rootOf = (error: unknown): Error =>
  error instanceof Error && error.cause instanceof Error ? rootOf(error.cause) : (error as Error);

test('two runs find the same, byte for byte', async (t) => {
  const again = await runHooks(ATTACK, [reading, counting]);
  const first = await attack();
  const text = ({ lines }: Ran): string => lines.map((line) => JSON.stringify(line)).join('\n');
  t.is(text(again), text(first));
  for (const line of first.lines) t.deepEqual(findingLine.parse(JSON.parse(JSON.stringify(line))), line);
  t.deepEqual(
    first.lines.map(({ kind }) => kind).filter((kind) => kind !== 'finding'),
    ['header', 'system', 'end'],
  );
  t.is(first.end.findings, first.findings.length);
});

test('a hook that is added while one runs sees what begins from then on', async (t) => {
  const closes: number[] = [];
  const own: string[] = [];
  const from: number[] = [];
  const late = defineHooks('late', ({ call, address }) => {
    let added = false;
    call('NtCreateProcess', {
      post(one) {
        if (added) return;
        added = true;
        from.push(one.instruction);
        call('NtClose', { pre: ({ entered }) => closes.push(entered) });
        // This very call is over for it, too.
        const note = (what: string) => (created: HookCall) => own.push(`${what} ${created.entered}`);
        call('NtCreateProcess', { pre: note('pre'), post: note('post') });
        address('NtClose', ({ instruction }) => closes.push(instruction));
      },
    });
  });
  const ran = await runHooks(ATTACK, late);
  sameState(t, ATTACK, ran);
  const after = (name: RegExp) => named(name).filter(({ instruction }) => instruction > from[0]!);
  const expected = after(/^NtClose$/);
  t.true(expected.length > 5 && expected.length < named(/^NtClose$/).length);
  t.is(closes.length, 2 * expected.length);
  const next = after(/^NtCreateProcess$/);
  t.true(next.length > 1);
  t.is(own.length, 2 * next.length);
  for (const [i, { instruction }] of next.entries()) {
    const [pre, post] = own.slice(2 * i, 2 * i + 2).map((line) => line.split(' '));
    t.is(pre![0], 'pre');
    t.deepEqual(post, ['post', pre![1]!]);
    t.true(Number(pre![1]) <= instruction);
  }
});

test('a handler that throws is told with its place, and stops no other', async (t) => {
  const wrong = defineHooks('wrong', ({ call, emit, end }) => {
    call('NtReadFile', {
      pre() {
        throw new Error('first');
      },
      post() {
        emit('bad', { at: () => 1 });
      },
    });
    call('NtClose', { pre: (async () => {}) as never });
    end(() => {
      throw Object.create(null);
    });
  });
  const ran = await runHooks(ATTACK, [wrong, reading, counting]);
  sameState(t, ATTACK, ran);
  const good = await attack();
  const findings = ({ findings: list }: Ran) => list.map((one) => ({ ...one, call: undefined }));
  t.deepEqual(findings(ran), findings(good), 'the others have found the same');
  const problems = ran.of('problem');
  const said = (pattern: RegExp) => problems.filter(({ message }) => pattern.test(message));
  const first = said(/^first$/);
  t.is(first.length, reads.length);
  t.like(first[0], { hook: 'wrong', call: 'NtReadFile' });
  for (const [i, { instruction }] of reads.entries()) {
    const before = instruction - first[i]!.instruction;
    t.true(before >= 0 && before < 2000, `${before} instructions before the truth`);
  }
  t.is(said(/cannot hold a function/).length, reads.length);
  t.is(said(/asynchronous/).length, named(/^NtClose$/).length);
  const last = problems.at(-1)!;
  t.like(last, { instruction: ran.end.instructions, message: 'something that has no text was thrown' });
  t.false('call' in last);
  t.is(ran.end.problems, problems.length);
  t.is(ran.end.findings, ran.findings.length, 'what was refused is none');
  for (const line of problems) t.deepEqual(findingLine.parse(JSON.parse(JSON.stringify(line))), line);
});

test('with `strict` the first handler that throws ends the replay', async (t) => {
  const kinds: string[] = [];
  const hooks = defineHooks('wrong', ({ call }) =>
    call('NtClose', {
      pre() {
        throw new Error('no');
      },
    }),
  );
  const run = runHooks(ATTACK, hooks, { strict: true, onLine: (line) => kinds.push(line.kind) });
  const error = await t.throwsAsync(run, { instanceOf: RebekError, code: 'ERR_HOOKS_HANDLER' });
  t.regex(error!.message, /wrong: at instruction \d+ in a handler of NtClose: no/);
  t.is(error!.exitCode, 2);
  t.like(error!.details, { hook: 'wrong', call: 'NtClose' });
  t.is(rootOf(error).message, 'no');
  t.deepEqual(kinds, ['header', 'system', 'problem', 'end']);
});

test('lines that cannot be kept end the replay, whatever a handler does about it', async (t) => {
  const full = new RebekError('ERR_OUTPUT_WRITE', 'the disk is full');
  let tried = 0;
  const hooks = defineHooks('deaf', ({ call, emit }) =>
    call('NtClose', {
      pre() {
        tried++;
        try {
          emit('close');
        } catch {
          // as if it were its own
        }
      },
    }),
  );
  const onLine = ({ kind }: { kind: string }): void => {
    if (kind === 'finding') throw full;
  };
  t.is(await t.throwsAsync(runHooks(ATTACK, hooks, { onLine })), full);
  t.is(tried, 1);
});

const nowhere: [string, (hooks: Parameters<HookFile['setup']>[0]) => unknown, string, RegExp][] = [
  ['an empty name', ({ call }) => call('', {}), 'ERR_HOOKS_WHERE', /h: a hook on "": expected a name/],
  ['a fraction', ({ call }) => call(1.5, {}), 'ERR_HOOKS_WHERE', /a hook on 1\.5/],
  ['too large an address', ({ address }) => address(2 ** 32, () => {}), 'ERR_HOOKS_WHERE', /32-bit/],
  [
    'a vector',
    ({ interrupt }) => interrupt(256, () => {}),
    'ERR_HOOKS_WHERE',
    /vector 256: expected 0 to 255/,
  ],
  ['a port', ({ portIO }) => portIO(-1, () => {}), 'ERR_HOOKS_WHERE', /I\/O port -1/],
  ['no handlers', ({ call }) => call('NtClose', undefined as never), 'ERR_HOOKS_FILE', /without handlers/],
  ['no handler', ({ end }) => end(undefined as never), 'ERR_HOOKS_FILE', /without a handler/],
  ['its own error', () => JSON.parse('{'), 'ERR_HOOKS_FILE', /h: its set-up function threw: .*JSON/],
  ['a promise', async () => {}, 'ERR_HOOKS_FILE', /asynchronous/],
];
for (const [what, setup, code, message] of nowhere) {
  test(`a set-up function that asks for what there is not: ${what}`, async (t) => {
    const run = runHooks(ATTACK, defineHooks('h', setup as HookFile['setup']));
    await t.throwsAsync(run, { instanceOf: RebekError, code, message });
  });
}

test('an unknown matcher is refused, with the names of those there are', async (t) => {
  const error = await t.throwsAsync(runHooks(ATTACK, [], { matcher: 'none' }), { code: 'ERR_HOOKS_MATCHER' });
  t.regex((error as RebekError).hint ?? '', /thread-stack/);
});

/** Hooks of every kind; each may be there or not. */
const KINDS: readonly ((hooks: Parameters<HookFile['setup']>[0]) => void)[] = [
  ({ call, emit }) =>
    call('Nt*', { pre: (one) => emit('pre', { text: one.text }), post: (one) => one.describe() }),
  ({ call }) => call('*', { pre: (one) => one.parent }),
  ({ call }) => call('ntdll.dll!*', { post: (one) => one.memory.bytes(one.esp, 64) }),
  ({ call }) => call(0x8040_1000, {}),
  ({ address, emit }) => address('NtReadFile+5', ({ cpu }) => emit('at', { esp: cpu.esp })),
  ({ address }) => address('Nt*+1', () => {}),
  ({ interrupt, emit }) => interrupt('all', ({ vector }) => emit('interrupt', { vector })),
  ({ contextSwitch, emit }) => contextSwitch(({ from }) => emit('switch', { from })),
  ({ process, emit }) => process({ start: (at) => emit('start', { ...at.process?.details() }) }),
  ({ thread }) => thread({ start() {}, end() {} }),
  ({ portIO }) => portIO('all', ({ memory, cpu }) => memory.bytes(cpu.esp, 4096)),
  ({ input }) => input(({ time }) => time),
  ({ end, emit }) => end(() => emit('over')),
];

test('no set of hooks changes what the guest does', async (t) => {
  const guest = await recordNtlet(t);
  await guest.booted();
  await guest.logIn(0, 'guest', 'guest');
  await guest.finish();
  const matchers = fc.constantFrom('thread-stack', 'return-address', 'single-slot');
  await fc.assert(
    fc.asyncProperty(fc.subarray([...KINDS.keys()]), matchers, async (chosen, matcher) => {
      const hooks = chosen.map((i) => defineHooks(`${i}`, KINDS[i]!));
      const ran = await runHooks(guest.path, hooks, { matcher });
      sameState(t, guest.path, ran);
      t.deepEqual(ran.of('problem'), []);
      t.deepEqual(ran.end.missing, []);
    }),
    {
      numRuns: 12,
      examples: [
        [[], 'thread-stack'],
        [[...KINDS.keys()], 'thread-stack'],
      ],
    },
  );
});

test('what is emitted is JSON at once; what cannot be is a problem, and no crash', async (t) => {
  const probe = join(root, 'traces/probe.rebek');
  const emits = defineHooks('emits', ({ end, emit }) => {
    end((where) => {
      const bytes = Uint8Array.of(1, 2, 3);
      emit('data', { bytes, big: 2n ** 40n, map: new Map([['a', 1]]), date: new Date(0), set: new Set([1]) });
      bytes[0] = 9;
      const circle: Record<string, unknown> = {};
      circle['self'] = circle;
      // The last one holds the guest's whole memory.
      for (const data of [circle, { f: () => 1 }, [1], null, { cpu: where.cpu }])
        try {
          emit('bad', data as never);
        } catch (error) {
          emit('refused', { message: (error as Error).message });
        }
      emit('' as never);
    });
  });
  const ran = await runHooks(probe, emits);
  sameState(t, probe, ran);
  t.deepEqual(ran.data('data'), [
    {
      bytes: 'AQID',
      big: '1099511627776',
      map: [['a', 1]],
      date: '1970-01-01T00:00:00.000Z',
      set: [1],
    },
  ]);
  t.deepEqual(ran.data('bad'), []);
  t.is(ran.data('refused').length, 5);
  t.like(ran.of('problem'), [{ hook: 'emits', message: 'the type of a finding must be a text' }]);
  t.is(ran.end.findings, 6);
});
