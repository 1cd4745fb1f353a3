/** Runs hooks over a trace in a test, and keeps all that comes out. */
import { join } from 'node:path';
import type { HookFile } from '../../src/hooks/api.ts';
import type { Finding, FindingLine, FindingsEnd } from '../../src/hooks/findings.ts';
import { type AnalysisOptions, type AnalysisResult, analyse } from '../../src/output/analysis.ts';
import { root } from '../support/probe.ts';

/** Two consoles, a break-in: short. */
export const ATTACK = join(root, 'traces/ntlet-attack.rebek');
/** Every way in which a call can end, in 16 threads. */
export const STRESS = join(root, 'traces/ntlet-stress.rebek');

export interface Ran {
  readonly result: AnalysisResult;
  readonly lines: readonly FindingLine[];
  readonly findings: readonly Finding[];
  readonly end: FindingsEnd;
  /** The data of the findings of a type, in order. */
  data(type: string): readonly Readonly<Record<string, unknown>>[];
  /** Lines of one kind. */
  of<K extends FindingLine['kind']>(kind: K): readonly Extract<FindingLine, { kind: K }>[];
}

export async function runHooks(
  path: string,
  hooks: HookFile | readonly HookFile[],
  options: Partial<AnalysisOptions> = {},
): Promise<Ran> {
  const lines: FindingLine[] = [];
  const files = 'setup' in hooks ? [hooks] : hooks;
  const result = await analyse(path, { hooks: files, onLine: (line) => lines.push(line), ...options });
  const of: Ran['of'] = (kind) => lines.filter((line) => line.kind === kind) as never;
  const findings = of('finding');
  const data: Ran['data'] = (type) => findings.filter((one) => one.type === type).map((one) => one.data);
  return { result, lines, findings, end: of('end')[0]!, data, of };
}
