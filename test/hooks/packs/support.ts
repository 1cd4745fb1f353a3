/** What packs find in a trace. */

import type { Finding } from '../../../src/hooks/findings.ts';
import { packs } from '../../../src/hooks/packs/packs.ts';
import { type AnalysisResult, analyse } from '../../../src/output/analysis.ts';

export interface Found {
  readonly findings: readonly Finding[];
  readonly result: AnalysisResult;
  /** Those of a type. */
  of(type: string): readonly Finding[];
  /** Their sentences, of one process by its name. */
  texts(type: string, process: string): readonly string[];
}

/** Runs packs over a trace; a handler that throws fails the test. */
export async function findWith(path: string, ...names: readonly string[]): Promise<Found> {
  const findings: Finding[] = [];
  const hooks = packs.map(({ hooks: file }) => file).filter(({ name }) => names.includes(name));
  const onLine: Parameters<typeof analyse>[1]['onLine'] = (line) => {
    if (line.kind === 'finding') findings.push(line);
  };
  const result = await analyse(path, { hooks, strict: true, onLine });
  const of = (type: string): readonly Finding[] => findings.filter((one) => one.type === type);
  const texts = (type: string, process: string): readonly string[] =>
    of(type)
      .filter((one) => one.process?.name === process)
      .map(({ data }) => String(data['text']));
  return { findings, result, of, texts };
}
