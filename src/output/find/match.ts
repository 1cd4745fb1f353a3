/** What was found, and the order in which it is told. */

export type ChannelKind = 'port' | 'mmio' | 'dma' | 'console' | 'net';

/** Bytes that belong together, in the order in which they crossed the boundary. */
export interface Source {
  readonly kind: ChannelKind;
  readonly direction: 'in' | 'out';
  /** I/O port; or number of a serial port or NIC, from 0. */
  readonly port?: number;
  /** `dma`: a direct store into RAM, or a call of the engine's `write8`, `write16` or `write32`. */
  readonly by?: 'store' | 'write';
}

/** Where a byte crossed the boundary. */
export interface Place {
  readonly instruction: number;
  /** Number of the event in the log; undefined in the side streams (`console`, `net`), which are not in it. */
  readonly sequence?: number;
}

export interface Match {
  readonly source: Source;
  /** Guest-physical address of the first byte: `dma`, `mmio`. */
  readonly address?: number;
  /** Of the first byte's event, and of the last byte's. */
  readonly first: Place;
  readonly last: Place;
  readonly bytes: Uint8Array;
  /** What came directly before and after on the same channel. */
  readonly before: Uint8Array;
  readonly after: Uint8Array;
  /** How a text is encoded in these bytes. */
  readonly encoding?: 'utf-8' | 'utf-16le';
}

/** So many matches, and bytes in them, are held back to bring them in order. */
const MOST_HELD = 10_000;
const MOST_BYTES = 1 << 25;

/** By when the last byte came: by then, it had entered. */
function inOrder(a: Match, b: Match): number {
  return (
    a.last.instruction - b.last.instruction ||
    (a.last.sequence ?? -1) - (b.last.sequence ?? -1) ||
    a.first.instruction - b.first.instruction
  );
}

/**
 * Matches in the order of time. They are found in another one: on a channel on which little happens, only when all of the
 * trace has been seen. So they are held until the end; where they become too many, the earliest half goes first.
 */
export class Matches {
  private held: Match[] = [];
  private bytes = 0;
  private readonly limit: number;
  private readonly most: number;

  /** @param limit no more than the first so many are wanted */
  constructor(limit = Number.POSITIVE_INFINITY, most = MOST_HELD) {
    this.limit = limit;
    this.most = most;
  }

  add(match: Match): void {
    this.held.push(match);
    this.bytes += sizeOf(match);
    // Nothing beyond the limit can come to be among the first again.
    if (this.held.length > 2 * this.limit + 100) this.hold(this.sorted().slice(0, this.limit));
  }

  /** It is time to take some away. */
  get full(): boolean {
    return this.held.length >= this.most || this.bytes >= MOST_BYTES;
  }

  /** The earliest half. */
  takeHalf(): Match[] {
    const all = this.sorted();
    const half = (all.length + 1) >> 1;
    this.hold(all.slice(half));
    return all.slice(0, half);
  }

  takeAll(): Match[] {
    const all = this.sorted();
    this.hold([]);
    return all;
  }

  private hold(matches: Match[]): void {
    this.held = matches;
    this.bytes = matches.reduce((bytes, match) => bytes + sizeOf(match), 0);
  }

  private sorted(): Match[] {
    return this.held.sort(inOrder);
  }
}

const sizeOf = ({ bytes, before, after }: Match): number => bytes.length + before.length + after.length;
