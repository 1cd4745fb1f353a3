/**
 * Predicts the next record of the control flow from those before it; FORMAT.md, "Flow data". Encoder and decoder keep equal
 * models, and only what the model does not foresee is written.
 *
 * A record (value, info) gets a number, its _id_, when it first occurs. Two tables are indexed by hashes of the last
 * ids, one of a long history and one of a short one; behind them stands a list of the last successors of each record.
 */
import { type BitCoder, BYTE_CONTEXTS, damagedFlow, NUMBER_CONTEXTS } from './range-coder.ts';

/** An entry of a table: id << 14 | tag << 3 | confidence; 0 if empty. */
const ID_SHIFT = 14;
const TAG_BITS = 11;
const TAG_MASK = (1 << TAG_BITS) - 1;
export const CONFIDENCE_MASK = 7;
/** Ids are 1 … 2^18 - 1; 0 is any record that got none, because there were no more. */
const ID_LIMIT = 1 << (32 - ID_SHIFT);
const LONG_BITS = 17;
const SHORT_BITS = 16;
/** A history is multiplied at each record: what is older than 32 / (zero bits at the end) records falls out of it. */
export const LONG_FACTOR = 0x9e3779b1 << 2;
export const SHORT_FACTOR = 0x9e3779b1 << 8;
/** Shifts that make a key, index << TAG_BITS | tag, of a history. */
export const LONG_KEY_SHIFT = 32 - LONG_BITS - TAG_BITS;
const SHORT_KEY_SHIFT = 32 - SHORT_BITS - TAG_BITS;
/** Successors kept for each record, the latest first. */
const SUCCESSORS = 4;

// Contexts of the choices' coder.
export const LONG_HIT = 0;
const SHORT_HIT = LONG_HIT + 8;
const SUCCESSOR_HIT = SHORT_HIT + 4 * 8;
const KNOWN = SUCCESSOR_HIT + 4 * 4;
const SMALL_INFO = KNOWN + 1;
const DISTANCE = SMALL_INFO + 1;
const DELTA = DISTANCE + NUMBER_CONTEXTS;
const INFO_LOW = DELTA + NUMBER_CONTEXTS;
const INFO_HIGH = INFO_LOW + 2 * BYTE_CONTEXTS;
export const CHOICE_CONTEXTS = INFO_HIGH + NUMBER_CONTEXTS;

/** The part of a table's index and tag in a key; what an entry must have in its low bits to be a sure prediction. */
export const indexOf = (key: number): number => key >>> TAG_BITS;
export const sureBits = (key: number): number => ((key & TAG_MASK) << 3) | CONFIDENCE_MASK;
export const sureEntry = (id: number, key: number): number => (id << ID_SHIFT) | sureBits(key);
export const SURE_MASK = (1 << ID_SHIFT) - 1;
export const idOf = (entry: number): number => entry >>> ID_SHIFT;

export class FlowModel {
  readonly long = new Int32Array(1 << LONG_BITS);
  /** The records by id: value, info. Place 0 holds the last record without an id. */
  readonly records = new Int32Array(2 * ID_LIMIT);
  private readonly short = new Int32Array(1 << SHORT_BITS);
  private readonly successors = new Int32Array(SUCCESSORS * ID_LIMIT);
  /** The next id to be given. */
  private ids = 1;

  reset(): void {
    this.long.fill(0);
    this.short.fill(0);
    this.records.fill(0, 0, 2);
    this.successors.fill(0, 0, SUCCESSORS);
    this.ids = 1;
  }

  /**
   * Codes a record that the long history does not foretell, and learns it.
   * @param longKey key of the long history: its entry is empty, another history's, or wrong
   * @param target the record's id, 0 if it has none yet; a decoder does not know it, nor `value` and `info`
   * @returns its id; the record is at that place of `records`, also if the id is 0
   */
  step(
    coder: BitCoder,
    longKey: number,
    shortHistory: number,
    previous: number,
    target: number,
    value: number,
    info: number,
  ): number {
    const at = longKey >>> TAG_BITS;
    const entry = this.long[at]!;
    const valid = belongs(entry, longKey);
    const id = this.unlikely(coder, valid ? idOf(entry) : 0, shortHistory, previous, target, value, info);
    if (id !== 0) this.long[at] = corrected(entry, valid, id, longKey);
    return id;
  }

  /** A record that is not what the long history says, if it says anything. */
  private unlikely(
    coder: BitCoder,
    wrong: number,
    history: number,
    previous: number,
    target: number,
    value: number,
    info: number,
  ): number {
    const key = history >>> SHORT_KEY_SHIFT;
    const at = key >>> TAG_BITS;
    const entry = this.short[at]!;
    const candidate = belongs(entry, key) ? idOf(entry) : 0;
    if (candidate !== 0 && candidate !== wrong) {
      const confidence = entry & CONFIDENCE_MASK;
      const context = SHORT_HIT + (wrong === 0 ? 0 : 8) + confidence;
      if (coder.bit(context, target === candidate ? 1 : 0) !== 0) {
        if (confidence < CONFIDENCE_MASK) this.short[at] = entry + 1;
        return candidate;
      }
    }
    const id = this.successor(coder, wrong, candidate, previous, target, value, info);
    if (id !== 0) this.short[at] = corrected(entry, candidate !== 0, id, key);
    return id;
  }

  /** One of the successors that the previous record had before, or another record. */
  private successor(
    coder: BitCoder,
    wrong: number,
    alsoWrong: number,
    previous: number,
    target: number,
    value: number,
    info: number,
  ): number {
    const { successors } = this;
    const first = previous * SUCCESSORS;
    const context = SUCCESSOR_HIT + (wrong === 0 ? 0 : 4) + (alsoWrong === 0 ? 0 : 8);
    let place = 0;
    let id = 0;
    for (; place < SUCCESSORS; place++) {
      const candidate = successors[first + place]!;
      if (candidate === 0) break;
      if (candidate === wrong || candidate === alsoWrong) continue;
      if (coder.bit(context + place, target === candidate ? 1 : 0) !== 0) {
        id = candidate;
        break;
      }
    }
    if (id === 0) {
      id = this.other(coder, previous, target, value, info);
      if (id === 0) return 0;
      if (place === SUCCESSORS) place--;
    }
    for (; place > 0; place--) successors[first + place] = successors[first + place - 1]!;
    successors[first] = id;
    return id;
  }

  /** A record by its id's age, or a new one in full. */
  private other(coder: BitCoder, previous: number, target: number, value: number, info: number): number {
    const { records, ids } = this;
    if (coder.bit(KNOWN, target === 0 ? 0 : 1) !== 0) {
      const age = coder.number(DISTANCE, ids - target);
      if (age <= 0 || age >= ids) damagedFlow('a record that has not been before');
      return ids - age;
    }
    const base = records[previous * 2]!;
    const delta = (value - base) | 0;
    const folded = coder.number(DELTA, (delta << 1) ^ (delta >> 31));
    const small = coder.bit(SMALL_INFO, info >>> 8 === 0 ? 1 : 0);
    const high = small !== 0 ? 0 : coder.number(INFO_HIGH, info >>> 8);
    if (high >>> 24 !== 0) damagedFlow('an info of more than 32 bits');
    const low = coder.byte(INFO_LOW + small * BYTE_CONTEXTS, info & 0xff);
    const id = ids < ID_LIMIT ? this.ids++ : 0;
    records[id * 2] = (base + ((folded >>> 1) ^ -(folded & 1))) | 0;
    records[id * 2 + 1] = (high << 8) | low;
    if (id !== 0) this.successors.fill(0, id * SUCCESSORS, (id + 1) * SUCCESSORS);
    return id;
  }
}

/** Whether an entry is of the history that has this key, or of another one that has come to the same place. */
export const belongs = (entry: number, key: number): boolean =>
  entry !== 0 && ((entry ^ (key << 3)) & (TAG_MASK << 3)) === 0;

/** An entry after a wrong prediction: less confident; with less than 2 left, it gives way to the record that came. */
function corrected(entry: number, valid: boolean, id: number, key: number): number {
  const confidence = entry & CONFIDENCE_MASK;
  const kept = valid ? (confidence === CONFIDENCE_MASK ? 4 : confidence >> 1) : 0;
  if (kept > 1) return (entry & ~CONFIDENCE_MASK) | kept;
  return (id << ID_SHIFT) | ((key & TAG_MASK) << 3) | 1;
}
