/** Differences with all that the files say: read again where they are. */
import type { Finding } from '../../hooks/findings.ts';
import { type Alignment, FIELD_NAMES, FIELDS, type FieldName } from './align.ts';
import { onlyB } from './causes.ts';
import { type FindingColumns, NONE } from './columns.ts';
import type { LineSource } from './lines.ts';

/** A finding and its line. */
export interface Shown {
  readonly line: number;
  readonly finding: Finding;
}

export interface Difference {
  /** Undefined if that side has nothing like it. */
  readonly a: Shown | undefined;
  readonly b: Shown | undefined;
  readonly fields: readonly FieldName[];
  /** Members of `data` that differ. */
  readonly data: readonly string[];
  /** Instruction count: the call's entry, or the finding's moment. */
  readonly when: number;
}

/** How far back findings of a thread are looked for. */
const CONTEXT_REACH = 5_000;

export class Details {
  private readonly alignment: Alignment;
  private readonly a: LineSource;
  private readonly b: LineSource;

  constructor(alignment: Alignment, a: LineSource, b: LineSource) {
    this.alignment = alignment;
    this.a = a;
    this.b = b;
  }

  /** @param member of a cause */
  difference(member: number): Difference {
    const { alignment } = this;
    const { a, b } = alignment;
    const i = member < 0 ? NONE : member;
    const j = member < 0 ? onlyB(member) : alignment.partnerOfA[member]!;
    const one = i === NONE ? undefined : shown(this.a, a.findings, i);
    const other = j === NONE ? undefined : shown(this.b, b.findings, j);
    const bits = i === NONE || j === NONE ? 0 : alignment.fields[i]!;
    const data = (bits & FIELDS.data) === 0 ? [] : dataFields(one!.finding.data, other!.finding.data);
    const when = i === NONE ? b.findings.when(j) : a.findings.when(i);
    return {
      a: one,
      b: other,
      fields: FIELD_NAMES.filter((name) => (bits & FIELDS[name]) !== 0),
      data,
      when,
    };
  }

  /** Findings of side A, the last ones before a member's that are of its thread, in order. */
  context(member: number, most: number): Shown[] {
    const { alignment } = this;
    const { a } = alignment;
    if (member < 0 || most === 0) return [];
    const { findings } = a;
    const thread = findings.caller[member]!;
    const found: Shown[] = [];
    const stop = Math.max(0, member - CONTEXT_REACH);
    for (let i = member - 1; i >= stop && found.length < most; i--) {
      if (findings.caller[i] !== thread || alignment.partnerOfA[i] === NONE) continue;
      if (alignment.fields[i] !== 0) continue;
      found.push(shown(this.a, findings, i));
    }
    return found.reverse();
  }
}

function shown(source: LineSource, findings: FindingColumns, i: number): Shown {
  const text = source.part(findings.offset[i]!, findings.length[i]!).toString('utf8');
  return { line: findings.line[i]!, finding: JSON.parse(text) as Finding };
}

function dataFields(a: Finding['data'], b: Finding['data']): string[] {
  const names = new Set([...Object.keys(a), ...Object.keys(b)]);
  return [...names].filter((name) => JSON.stringify(a[name]) !== JSON.stringify(b[name]));
}
