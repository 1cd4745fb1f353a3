/** The open calls of one stack. */
import type { MatchedFunction } from './matcher.ts';
import type { OpenFrame } from './open-frame.ts';

/**
 * Calls by falling address: the innermost is the last. Calls that share a return address (reached by a jump) are one entry,
 * the innermost of them.
 */
export type FrameList<F extends MatchedFunction> = OpenFrame<F>[];

/** @returns the index of the first entry with an address below `esp` */
export function firstBelow(list: readonly OpenFrame[], esp: number): number {
  const last = list.length - 1;
  // Nearly always the answer is at the end.
  if (last < 0 || list[last]!.esp >= esp) return last + 1;
  let low = 0;
  let high = last;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (list[middle]!.esp < esp) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** @returns the index of the entry with this address; -1 if there is none */
export function indexAt(list: readonly OpenFrame[], esp: number): number {
  const at = firstBelow(list, esp) - 1;
  return at >= 0 && list[at]!.esp === esp ? at : -1;
}

/** Takes one entry out. */
export function takeOut<F extends MatchedFunction>(list: FrameList<F>, index: number): OpenFrame<F> {
  const frame = list[index]!;
  if (index === list.length - 1) list.pop();
  else list.splice(index, 1);
  return frame;
}

export class CallStack<F extends MatchedFunction = MatchedFunction> {
  /** It is [low, high); `high` names it. 0 and 0: some stacks of which nobody knows where they are. */
  low: number;
  high: number;
  /**
   * One stack: a call below ESP is over. Where several may be taken for one, such a call may as well be on one that is not
   * in use, and becomes a suspect.
   */
  readonly known: boolean;
  /** Calls not known to be over. No two entries of both lists have the same address. */
  readonly open: FrameList<F> = [];
  /**
   * Calls that may be over: below ESP on a stack that is not known, or with another word in the place of the return address.
   * They are nobody's parent, and return if they are seen to.
   */
  readonly suspects: FrameList<F> = [];

  constructor(low: number, high: number) {
    this.low = low;
    this.high = high;
    this.known = high !== 0;
  }

  get isEmpty(): boolean {
    return this.open.length === 0 && this.suspects.length === 0;
  }

  has(address: number): boolean {
    return address >= this.low && address < this.high;
  }

  /** Moves an entry to the suspects. `lost`: its return address is not in its place. */
  suspect(index: number, lost: boolean): void {
    const frame = takeOut(this.open, index);
    frame.suspect = true;
    frame.lost = lost;
    insert(this.suspects, frame);
  }

  /** An entry has lost its place: it is a suspect, and so is what may have been called from within it. */
  suspectFrom(index: number): void {
    while (this.open.length > index + 1) this.suspect(this.open.length - 1, false);
    this.suspect(index, true);
  }

  /** Moves an entry back: it is not over. */
  revive(index: number): OpenFrame<F> {
    const frame = takeOut(this.suspects, index);
    frame.suspect = false;
    frame.lost = false;
    insert(this.open, frame);
    return frame;
  }
}

function insert<F extends MatchedFunction>(list: FrameList<F>, frame: OpenFrame<F>): void {
  const at = firstBelow(list, frame.esp);
  if (at === list.length) list.push(frame);
  else list.splice(at, 0, frame);
}
