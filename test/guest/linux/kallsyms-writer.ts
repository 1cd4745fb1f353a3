/** Writes kernel symbol tables as scripts/kallsyms.c lays them out, for tests of reading them. */

export interface WrittenSymbol {
  readonly name: string;
  readonly type: string;
  readonly address: number;
}

export interface Shape {
  /** From 6.4 on, the addresses come last. */
  readonly addressesLast: boolean;
  /** Offsets and a base, instead of addresses. */
  readonly relative: boolean;
  /** Bytes for each symbol between the markers and the tokens. */
  readonly sequence: 0 | 3 | 4;
}

export const shapes: readonly Shape[] = [false, true].flatMap((relative) => [
  { addressesLast: true, relative, sequence: 0 as const },
  ...([0, 3, 4] as const).map((sequence) => ({ addressesLast: false, relative, sequence })),
]);

/** Tokens: each character of ASCII is its own, and some pairs have the numbers that are left. */
const pairs = ['sy', 's_', 'do', '__', 'in', 'it', 're', 'ad', 'wr', 'te', '_t', 'ex'];
const tokens = [...Array(256).keys()].map((i) =>
  i >= 0x20 && i < 0x7f ? String.fromCharCode(i) : (pairs[i < 0x20 ? i : i - 0x7f] ?? ''),
);

function words(values: Iterable<number>): Buffer {
  const all = Uint32Array.from(values);
  return Buffer.from(all.buffer);
}

/** Where each of several things begins that stand one after the other. */
function startsOf(lengths: readonly number[]): number[] {
  let at = 0;
  return lengths.map((length) => {
    at += length;
    return at - length;
  });
}

const aligned = (part: Buffer): Buffer => Buffer.concat([part, Buffer.alloc(-part.length & 3)]);

/** A name with its type, compressed greedily. */
function compress(text: string): Buffer {
  const bytes: number[] = [];
  for (let i = 0; i < text.length; ) {
    const pair = tokens.indexOf(text.slice(i, i + 2));
    bytes.push(pair >= 0 && text.length > i + 1 ? pair : text.charCodeAt(i));
    i += pair >= 0 && text.length > i + 1 ? 2 : 1;
  }
  const { length } = bytes;
  const head = length < 128 ? [length] : [(length & 0x7f) | 0x80, length >> 7];
  return Buffer.from([...head, ...bytes]);
}

export interface Written {
  readonly bytes: Buffer;
  /** Where each part begins. */
  readonly parts: Readonly<Record<string, number>>;
}

/** @param symbols in the order of their addresses */
export function writeKallsyms(symbols: readonly WrittenSymbol[], shape: Shape): Written {
  const base = symbols[0]?.address ?? 0;
  const names = symbols.map(({ name, type }) => compress(type + name));
  const starts = startsOf(names.map(({ length }) => length));
  const index = startsOf(tokens.map(({ length }) => length + 1));
  const addresses: [string, Buffer][] = shape.relative
    ? [
        ['offsets', words(symbols.map(({ address }) => address - base))],
        ['relative_base', words([base])],
      ]
    : [['addresses', words(symbols.map(({ address }) => address))]];
  const body: [string, Buffer][] = [
    ['num_syms', words([symbols.length])],
    ['names', Buffer.concat(names)],
    ['markers', words(starts.filter((_start, i) => i % 256 === 0))],
    ['seqs_of_names', Buffer.alloc(shape.sequence * symbols.length, 0x55)],
    ['token_table', Buffer.from(tokens.map((text) => `${text}\0`).join(''), 'latin1')],
    ['token_index', Buffer.from(Uint16Array.from(index).buffer)],
  ];
  const all = shape.addressesLast ? [...body, ...addresses] : [...addresses, ...body];
  const parts: Record<string, number> = {};
  let length = 0;
  const pieces = all.map(([name, part]) => {
    const piece = aligned(part);
    parts[name] = length;
    length += piece.length;
    return piece;
  });
  return { bytes: Buffer.concat(pieces), parts };
}
