/** What two findings files of one recording disagree about. */
import { RebekError } from '../../base/errors.ts';
import { type Alignment, align, FIELD_NAMES, FIELDS, type FieldName } from './align.ts';
import { type Cause, findCauses } from './causes.ts';
import { NONE, type SharedNames } from './columns.ts';
import type { FindingsSide } from './read.ts';

export interface SameDiff {
  readonly alignment: Alignment;
  readonly causes: readonly Cause[];
  readonly equal: number;
  readonly different: number;
  readonly onlyA: number;
  readonly onlyB: number;
  /** Pairs in which this differs. */
  readonly fields: Readonly<Record<FieldName, number>>;
  /** What is not compared, and other things to know, for people. */
  readonly notes: readonly string[];
}

/**
 * Compares two replays of one recording.
 * @throws RebekError ERR_DIFF_RECORDINGS: they are of two
 */
export function diffSame(a: FindingsSide, b: FindingsSide, names: SharedNames): SameDiff {
  const [one, other] = [a.header.trace, b.header.trace];
  if (one.recording !== other.recording) {
    throw new RebekError(
      'ERR_DIFF_RECORDINGS',
      `these are findings of two recordings: ${one.name} (${one.recording}) and ${other.name} (${other.recording})`,
      {
        hint: 'only two analyses of one recording can be compared so far',
        details: { a: one.recording, b: other.recording },
      },
    );
  }
  const alignment = align(a, b, names);
  const count = Object.fromEntries(FIELD_NAMES.map((name) => [name, 0])) as Record<FieldName, number>;
  let [equal, different, onlyA] = [0, 0, 0];
  for (const [i, partner] of alignment.partnerOfA.entries()) {
    const fields = alignment.fields[i]!;
    if (partner === NONE) onlyA++;
    else if (fields === 0) equal++;
    else different++;
    if (fields !== 0) for (const name of FIELD_NAMES) if ((fields & FIELDS[name]) !== 0) count[name]++;
  }
  const onlyB = b.findings.count - equal - different;
  const causes = findCauses(alignment, names);
  return { alignment, causes, equal, different, onlyA, onlyB, fields: count, notes: notes(alignment) };
}

function notes({ a, b, parents }: Alignment): string[] {
  const said: string[] = [];
  if (!parents) {
    const names = `${a.header.matcher} and ${b.header.matcher}`;
    said.push(`from which call a call was made is not compared: of ${names}, not both tell`);
  }
  if (a.header.rebek !== b.header.rebek)
    said.push(`side A is of Rebek ${a.header.rebek}, side B of ${b.header.rebek}`);
  if (a.system !== b.system)
    said.push(`system: ${a.system ?? 'none known'} on side A, ${b.system ?? 'none known'} on side B`);
  for (const [name, { end, problems }] of [['A', a] as const, ['B', b] as const]) {
    if (end === undefined) said.push(`side ${name} has no end: it is not all there is`);
    else if (!end.complete)
      said.push(`side ${name} does not go to the end of the recording, or that has none`);
    if (problems > 0) said.push(`side ${name} has ${problems} problems: handlers that threw`);
  }
  return said;
}
