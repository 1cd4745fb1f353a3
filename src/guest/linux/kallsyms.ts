/**
 * The kernel's own symbol table, as it lies in memory: `kallsyms_…` (Linux: scripts/kallsyms.c writes it, kernel/kallsyms.c
 * reads it). Names are strings of tokens; `kallsyms_token_table` holds 256 of those, `kallsyms_token_index` where each
 * begins; `kallsyms_markers` says where every 256th name begins. The parts follow one another, each aligned to 4:
 *
 * - up to 6.3: addresses, or offsets and relative_base; num_syms; names; markers; (6.2, 6.3 and stable 6.1: seqs_of_names;)
 *   token_table; token_index
 * - from 6.4: num_syms; names; markers; token_table; token_index; then addresses, or offsets and relative_base
 */

export interface Kallsyms {
  /** Ascending, virtual. */
  readonly addresses: Uint32Array;
  readonly names: readonly string[];
  /** nm's letter of each symbol, as a character code: `t` and `T` are code. */
  readonly types: Uint8Array;
}

const TOKENS = 256;
const MARKER_EVERY = 256;
/** A kernel with fewer is none; with more, nobody has seen one. */
const FEWEST = 1000;
const MOST = 1 << 20;
/** The longest name (KSYM_NAME_LEN) in characters. */
const NAME_LENGTH = 512;
/** How far in front of the token table the number of symbols is looked for. */
const NAMES_REACH = 12 << 20;
/** How far apart the first and the last symbol may be. */
const IMAGE_REACH = 256 << 20;

/** `0` to `9` are tokens of their own in every kernel, and stand one after the other. */
const DIGITS = Buffer.from([...'0123456789'].join('\0').concat('\0'), 'latin1');

const align = (at: number): number => (at + 3) & ~3;

/**
 * Finds and decodes the table.
 * @param image bytes that have it somewhere; its own offset in memory must be a multiple of 4 from the guest's
 * @param virtual the guest's address of the first byte
 * @returns undefined if there is none, or none that is consistent
 */
export function findKallsyms(image: Uint8Array, virtual: number): Kallsyms | undefined {
  const bytes = Buffer.from(image.buffer, image.byteOffset, image.byteLength);
  const view = new DataView(image.buffer, image.byteOffset, image.byteLength);
  for (let hit = bytes.indexOf(DIGITS); hit >= 0; hit = bytes.indexOf(DIGITS, hit + 1)) {
    const tokens = tokenTable(bytes, view, hit);
    if (tokens === undefined) continue;
    const found = new TableReader(bytes, view, virtual, tokens).read();
    if (found !== undefined) return found;
  }
  return undefined;
}

interface TokenTable {
  /** Offsets into the image. */
  readonly start: number;
  /** Past `token_index`. */
  readonly end: number;
  readonly tokens: readonly string[];
}

/** @param digits where the token `0` is: the whole table is there if the index agrees with it */
function tokenTable(bytes: Buffer, view: DataView, digits: number): TokenTable | undefined {
  let end = digits;
  for (let token = 0x30; token < TOKENS; token++) {
    const zero = bytes.indexOf(0, end);
    if (zero < 0 || zero - end > NAME_LENGTH) return undefined;
    end = zero + 1;
  }
  const index = align(end);
  if (index + 2 * TOKENS > bytes.length) return undefined;
  const start = digits - view.getUint16(index + 2 * 0x30, true);
  if (start < 0 || (start & 3) !== 0) return undefined;
  const tokens: string[] = [];
  let at = start;
  for (let token = 0; token < TOKENS; token++) {
    if (view.getUint16(index + 2 * token, true) !== at - start) return undefined;
    const zero = bytes.indexOf(0, at);
    if (zero < 0 || zero >= end) return undefined;
    tokens.push(bytes.toString('latin1', at, zero));
    at = zero + 1;
  }
  return at === end ? { start, end: index + 2 * TOKENS, tokens } : undefined;
}

class TableReader {
  private readonly bytes: Buffer;
  private readonly view: DataView;
  private readonly virtual: number;
  private readonly table: TokenTable;

  constructor(bytes: Buffer, view: DataView, virtual: number, table: TokenTable) {
    this.bytes = bytes;
    this.view = view;
    this.virtual = virtual;
    this.table = table;
  }

  private u32(at: number): number {
    return at >= 0 && at + 4 <= this.view.byteLength ? this.view.getUint32(at, true) : 0;
  }

  /** Tries every word in front of the token table as the number of symbols. */
  read(): Kallsyms | undefined {
    const { start } = this.table;
    const first = Math.max(0, start - NAMES_REACH);
    for (let at = start - 8; at >= first; at -= 4) {
      const count = this.view.getUint32(at, true);
      if (count < FEWEST || count > MOST) continue;
      // Nothing, three bytes or a word for each symbol may lie between the markers and the token table.
      for (const between of [0, align(3 * count), 4 * count]) {
        const markers = start - between - 4 * Math.ceil(count / MARKER_EVERY);
        if (markers < at + 4 + 2 * count || this.u32(markers) !== 0) continue;
        const found = this.decode(at, count, markers);
        if (found !== undefined) return found;
      }
    }
    return undefined;
  }

  private decode(at: number, count: number, markers: number): Kallsyms | undefined {
    if (!this.namesFit(at + 4, count, markers)) return undefined;
    const addresses = this.addresses(at, count);
    return addresses === undefined ? undefined : { addresses, ...this.names(at + 4, count) };
  }

  /** The name at `at`: where its tokens begin and end; 0 for one that cannot be. */
  private extent(at: number): { from: number; to: number } {
    const { bytes } = this;
    let from = at + 1;
    let length = bytes[at] ?? 0;
    // Since 6.1, one of 128 bytes and more has a length of two.
    if (length & 0x80) length = (length & 0x7f) | ((bytes[from++] ?? 0) << 7);
    return { from, to: length === 0 ? 0 : from + length };
  }

  private namesFit(names: number, count: number, markers: number): boolean {
    let at = names;
    for (let i = 0; i < count; i++) {
      if (i % MARKER_EVERY === 0 && this.u32(markers + 4 * (i / MARKER_EVERY)) !== at - names) return false;
      const { to } = this.extent(at);
      if (to === 0 || to > markers) return false;
      at = to;
    }
    return align(at) === markers;
  }

  private names(at: number, count: number): { names: string[]; types: Uint8Array } {
    const { tokens } = this.table;
    const names: string[] = [];
    const types = new Uint8Array(count);
    for (let i = 0; i < count; i++) {
      const { from, to } = this.extent(at);
      let text = '';
      for (let j = from; j < to; j++) text += tokens[this.bytes[j] ?? 0];
      names.push(text.slice(1, 1 + NAME_LENGTH));
      types[i] = text.charCodeAt(0);
      at = to;
    }
    return { names, types };
  }

  /** The four places and forms in which addresses are kept; only the right one is sorted. */
  private addresses(numSyms: number, count: number): Uint32Array | undefined {
    const { end } = this.table;
    return (
      this.ascending(numSyms - 4 - 4 * count, count, this.u32(numSyms - 4)) ??
      this.ascending(numSyms - 4 * count, count, 0) ??
      this.ascending(align(end), count, this.u32(align(end) + 4 * count)) ??
      this.ascending(align(end), count, 0)
    );
  }

  private ascending(at: number, count: number, base: number): Uint32Array | undefined {
    if (at < 0 || at + 4 * count > this.view.byteLength) return undefined;
    const addresses = new Uint32Array(count);
    let last = 0;
    for (let i = 0; i < count; i++) {
      const address = base + this.view.getUint32(at + 4 * i, true);
      if (address < last || address > 0xffffffff) return undefined;
      addresses[i] = last = address;
    }
    const low = addresses[0] ?? 0;
    // The table is a part of what it describes.
    const own = this.virtual + this.table.start;
    return low !== last && own - low >= 0 && own - low < IMAGE_REACH && last - low < IMAGE_REACH
      ? addresses
      : undefined;
  }
}
