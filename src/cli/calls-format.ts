/** What `rebek calls` prints for people. */
import type { CallNode, CallProfile, TreeCut } from '../output/calls/call-profile.ts';
import type { CallDoubts } from '../output/calls/call-tracer.ts';
import type { TracedCalls } from '../output/calls/trace-calls.ts';
import { printable } from '../record/script-text.ts';
import { formatExact, plural } from './format.ts';

const COUNT_WIDTH = 15;
const CALLS_WIDTH = 11;

/** The tree, a line for each function in each place that it was called from. */
export function* treeLines({ roots, instructions }: CallProfile, cut: TreeCut): Generator<string> {
  const titles = ['total'.padStart(COUNT_WIDTH), '%'.padStart(6), 'own'.padStart(COUNT_WIDTH)];
  yield `${[...titles, 'calls'.padStart(CALLS_WIDTH)].join(' ')}`;
  yield* branch(roots, 0, instructions, cut);
}

function* branch(
  nodes: readonly CallNode[],
  level: number,
  instructions: number,
  cut: TreeCut,
): Generator<string> {
  for (const { name, calls, own, total, children } of nodes) {
    const percent = instructions === 0 ? 0 : (100 * total) / instructions;
    // Sorted: the others have less.
    if (percent < (cut.min ?? 0)) return;
    const columns = [
      formatExact(total).padStart(COUNT_WIDTH),
      percent.toFixed(1).padStart(6),
      formatExact(own).padStart(COUNT_WIDTH),
      (calls === 0 ? '' : formatExact(calls)).padStart(CALLS_WIDTH),
    ];
    yield `${columns.join(' ')}  ${'  '.repeat(level)}${printable(name)}`;
    if (level < (cut.depth ?? level + 1)) yield* branch(children, level + 1, instructions, cut);
  }
}

/** What must be known of a result: how much of the span it is, and what is doubtful in it. */
export function notes({ instructions, executed, doubts, places }: TracedCalls): string[] {
  const lines: string[] = [];
  if (places.map.system === undefined)
    lines.push(
      'no known operating system was found: stacks are told apart by CR3 only, and nothing has a name',
    );
  if (instructions !== executed)
    lines.push(`${plural(executed - instructions, 'instruction')} of the span were not asked for`);
  const { undecoded, contradicted, overflows, full, shared } = doubts;
  if (undecoded > 0)
    lines.push(`${share(undecoded, doubts)} could not be decoded: their code was no longer in memory`);
  if (contradicted > 0)
    lines.push(`${share(contradicted, doubts)} went on elsewhere than their code says: it had been changed`);
  if (overflows > 0)
    lines.push(`${plural(overflows, 'stack')} became too deep: what was called from there has no callers`);
  if (full) lines.push('there were too many different calls: the rest of them is in nodes called [more]');
  if (shared) lines.push('there were too many address spaces: some share a stack');
  return lines;
}

const share = (count: number, { blocks }: CallDoubts): string =>
  `${plural(count, 'basic block')} of ${formatExact(blocks)} executed`;
