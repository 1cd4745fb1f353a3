/** The calls that a thread is in, as its own stack has them, but out of the reach of its program. */

/** What a frame is. */
export const FrameKind = {
  /** The first of a stack, or behind an interrupt: nobody knows where it returns to. */
  base: 0,
  /** Made by a CALL. */
  call: 1,
  /** … whose target is in the function that called. */
  inner: 2,
  /** An interrupt, an exception, SYSENTER: IRET or SYSEXIT ends it. */
  event: 3,
  /** The kernel has returned to another place than the one that it was entered from: a signal handler, an APC. */
  diverted: 4,
} as const;
export type FrameKind = (typeof FrameKind)[keyof typeof FrameKind];

/** Words of a frame. */
const FRAME = 8;
const RETURN = 1;
const NODE = 2;
const SAVED = 3;
const FIRST_FRAMES = 16;
/** Deeper, a stack is forgotten, and begins anew. */
export const MOST_FRAMES = 2048;

/** How the block that was executed last ends, as long as what comes next is not known. */
export interface Pending {
  /** BlockEnd. */
  end: number;
  /** Addresses: of the block, of what follows it, of what it branches to. */
  start: number;
  behind: number;
  target: number;
}

export class ShadowStack {
  /** Frames. */
  depth = 0;
  /** Where the thread was when another one came. */
  readonly pending: Pending = { end: 0, start: 0, behind: 0, target: 0 };
  /** A block has been executed before, and `pending` tells of it. */
  known = false;
  /** The tree's node of what this thread runs in. */
  readonly root: number;
  /** What it does counts. */
  readonly wanted: boolean;
  private words = new Uint32Array(FIRST_FRAMES * FRAME);
  private readonly most: number;

  constructor(root: number, wanted = true, most = MOST_FRAMES) {
    this.root = root;
    this.wanted = wanted;
    this.most = most;
  }

  get full(): boolean {
    return this.depth >= this.most;
  }

  /** The tree's node on top. */
  get node(): number {
    return this.depth === 0 ? this.root : this.words[(this.depth - 1) * FRAME + NODE]!;
  }

  kind(frame: number): FrameKind {
    return this.words[frame * FRAME]! as FrameKind;
  }

  nodeOf(frame: number): number {
    return frame < 0 ? this.root : this.words[frame * FRAME + NODE]!;
  }

  returnOf(frame: number): number {
    return this.words[frame * FRAME + RETURN]!;
  }

  /** Another function runs in the frame on top. */
  replace(node: number): void {
    this.words[(this.depth - 1) * FRAME + NODE] = node;
  }

  push(kind: FrameKind, returnAddress: number, node: number): void {
    if (this.depth * FRAME === this.words.length) {
      const words = new Uint32Array(2 * this.words.length);
      words.set(this.words);
      this.words = words;
    }
    const at = this.depth++ * FRAME;
    this.words[at] = kind;
    this.words[at + RETURN] = returnAddress;
    this.words[at + NODE] = node;
  }

  /** A frame that keeps what was going on below it. @param cr3 at that time */
  pushSaving(kind: FrameKind, node: number, { end, start, behind, target }: Pending, cr3: number): void {
    this.push(kind, 0, node);
    const at = (this.depth - 1) * FRAME + SAVED;
    this.words[at] = end;
    this.words[at + 1] = start;
    this.words[at + 2] = behind;
    this.words[at + 3] = target;
    this.words[at + 4] = cr3;
  }

  /** What an event's frame or a diverted one keeps. @returns CR3 of that time */
  saved(frame: number, into: Pending): number {
    const at = frame * FRAME + SAVED;
    into.end = this.words[at]!;
    into.start = this.words[at + 1]!;
    into.behind = this.words[at + 2]!;
    into.target = this.words[at + 3]!;
    return this.words[at + 4]!;
  }

  /** The uppermost frame that returns to an address, above the uppermost event; -1 if none does. */
  returningTo(address: number): number {
    const { words } = this;
    for (let frame = this.depth - 1; frame >= 0; frame--) {
      const kind = words[frame * FRAME]!;
      if (kind === FrameKind.event) return -1;
      if (words[frame * FRAME + RETURN] === address && (kind === FrameKind.call || kind === FrameKind.inner))
        return frame;
    }
    return -1;
  }

  /** The uppermost event; -1 if there is none. */
  event(from: number = this.depth - 1): number {
    let frame = from;
    while (frame >= 0 && this.words[frame * FRAME] !== FrameKind.event) frame--;
    return frame;
  }
}
