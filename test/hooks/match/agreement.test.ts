/** `thread-stack` against a machine that knows the truth, call by call. */
import test, { type ExecutionContext } from 'ava';
import fc from 'fast-check';
import type { Truth } from './machine.ts';
import { Steps } from './steps.ts';
import type { Told } from './support.ts';

/** Of each property; more of them: `REBEK_MATCH_RUNS=100000`. */
const RUNS = Number(process.env['REBEK_MATCH_RUNS'] ?? 2000);

const histories = fc.array(fc.tuple(fc.nat(99), fc.nat(2 ** 31 - 1)), {
  minLength: 20,
  maxLength: 400,
  size: 'max',
});

function play(hidden: boolean, history: readonly (readonly [number, number])[]): Steps {
  const machine = new Steps(hidden);
  for (const [action, seed] of history) machine.step(action, seed);
  machine.finish();
  return machine;
}

function tell({ outcome, result, again }: Told | Pick<Truth, 'outcome' | 'result' | 'again'>): string {
  return [`${outcome} ${result}`, ...again.map((one) => `again ${one.result} in ${one.thread}`)].join(', ');
}

/** The truth, without what a matcher need not know, unless this one does. */
function expected({ outcome, result, again }: Truth, told: Told): string {
  const known = again.filter(
    ({ certain, thread }) => certain || told.again.some((one) => one.thread === thread),
  );
  return tell({ outcome, result, again: known });
}

/** What the host was told, by itself. */
function checkHost(t: ExecutionContext, { host }: Steps): void {
  t.deepEqual(host.problems, []);
  t.is(host.watched.size, 0, 'addresses are still watched');
  t.false(host.exits);
}

test('known stacks: outcome, result, thread and parent of every call', (t) => {
  const seen = new Map<string, number>();
  fc.assert(
    fc.property(histories, (history) => {
      const machine = play(false, history);
      const { truths, host } = machine;
      checkHost(t, machine);
      t.is(host.calls.length, truths.length);
      for (const [i, truth] of truths.entries()) {
        const told = host.calls[i]!;
        t.is(told.frame.fn, truth.fn);
        t.is(told.thread, truth.thread);
        const parent = truth.parent === undefined ? -1 : truths.indexOf(truth.parent);
        const said = told.parent === undefined ? -1 : host.calls.indexOf(told.parent);
        t.is(said, parent, `parent of call ${i + 1}, ${truth.fn.name}`);
        t.is(tell(told), expected(truth, told), `call ${i + 1}, ${truth.fn.name}`);
        seen.set(truth.outcome, (seen.get(truth.outcome) ?? 0) + 1);
        if (truth.again.length > 0) seen.set('again', (seen.get('again') ?? 0) + 1);
      }
    }),
    { numRuns: RUNS },
  );
  for (const what of ['returned', 'unwound', 'noreturn', 'killed', 'open', 'again'])
    t.true((seen.get(what) ?? 0) > RUNS / 4, `${what}: ${seen.get(what)}`);
  t.log(Object.fromEntries(seen));
});

test('stacks that nobody tells of: what returns is known, and nothing else returns', (t) => {
  fc.assert(
    fc.property(histories, (history) => {
      const machine = play(true, history);
      const { truths, host } = machine;
      checkHost(t, machine);
      t.is(host.calls.length, truths.length);
      for (const [i, truth] of truths.entries()) {
        const told = host.calls[i]!;
        if (truth.outcome === 'returned' || told.outcome === 'returned')
          t.is(tell(told), expected(truth, told), `call ${i + 1}`);
      }
    }),
    { numRuns: RUNS },
  );
});
