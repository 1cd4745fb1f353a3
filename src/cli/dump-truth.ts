/** `rebek dump FILE --stream truth`: ntlet's ground truth, a record a line. */
import { readTruth } from '../guest/ntlet/truth.ts';
import { TruthFollower } from '../guest/ntlet/truth-names.ts';
import { formatTruth } from './truth-format.ts';

interface Options {
  /** First and last guest instruction count, inclusive. */
  readonly from: number | undefined;
  readonly to: number | undefined;
  readonly json: boolean;
}

/** Between two numbers that say how far it is. */
const RECORDS = 4096;

/**
 * The records of a span as lines. Those before it are read as well: what numbers stand for is told only once. Numbers are
 * the instruction counts up to which has been read.
 * @throws RebekError ERR_TRUTH_…, ERR_TRACE_…
 */
export function* truthLines(file: string, options: Options): Generator<string | number> {
  const { from = 0, to = Number.POSITIVE_INFINITY, json } = options;
  const reader = readTruth(file);
  const follower = new TruthFollower();
  let records = 0;
  try {
    for (const record of reader) {
      if (record.instruction > to) return;
      if (++records % RECORDS === 0) yield record.instruction;
      const names = follower.follow(record);
      if (record.instruction < from) continue;
      yield json ? `${JSON.stringify({ ...record, names })}\n` : `${formatTruth(record, names)}\n`;
    }
  } finally {
    reader.close();
  }
}
