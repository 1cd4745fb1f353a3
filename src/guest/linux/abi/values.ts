/** Arguments of no particular kind: numbers, addresses, strings and buffers. */
import { arrayAt, type Call, type Decoder } from './call.ts';
import { address, decimal, hexadecimal, identity, mode, number, pointee, type Shown } from './shown.ts';

/** NGROUPS_MAX. */
const MOST_GROUPS = 65536;
/** XATTR_SIZE_MAX. */
const MOST_ATTRIBUTE = 65536;

/** What a pointer to a number points to. */
function at(bytes: number, show: (call: Call, word: number) => Shown): Decoder {
  return (call, word) => call.at(word, bytes, (s) => pointee(show(call, bytes === 2 ? s.u16(0) : s.u32(0))));
}

function wideAt(call: Call, word: number, signed: boolean): Shown {
  return call.at(word, 8, (s) => pointee(number(signed ? s.i64(0) : s.u64(0))));
}

/** `[0] => [4096]`: a position that the call has moved. */
function moved(bytes: 4 | 8): Decoder {
  const now = (call: Call, word: number): Shown | undefined => {
    const s = word === 0 ? undefined : call.reader.structure(word, bytes);
    return s === undefined ? undefined : pointee(number(bytes === 8 ? s.u64(0) : s.u32(0)));
  };
  return (call, word) => {
    if (call.entering) {
      const shown = now(call, word);
      if (shown !== undefined) call.kept['position'] = shown.text;
      return undefined;
    }
    const before = call.kept['position'];
    if (typeof before !== 'string') return address(word);
    const after = call.failed || call.result === 0 ? undefined : now(call, word);
    return after === undefined
      ? { text: before, value: before }
      : { text: `${before} => ${after.text}`, value: after.value };
  };
}

function groups(call: Call, word: number, count: number, bits: 16 | 32): Shown {
  if (count > MOST_GROUPS) return address(word);
  return arrayAt(call, word, count, bits / 8, (s) => identity(bits === 16 ? s.u16(0) : s.u32(0), bits));
}

/** A list of strings that ends with NULL. */
function strings(call: Call, word: number): Shown {
  if (word === 0) return address(0);
  const texts: string[] = [];
  const values: Shown['value'][] = [];
  for (let i = 0; ; i++) {
    const where = word + 4 * i;
    const pointer = call.reader.u32(where);
    if (pointer === undefined) {
      if (i === 0) return address(word);
      texts.push(`... /* ${address(where).text} */`);
      break;
    }
    if (pointer === 0) break;
    if (i >= call.limits.text) {
      texts.push('...');
      break;
    }
    const shown = call.string(pointer);
    texts.push(shown.text);
    values.push(shown.value);
  }
  return { text: `[${texts.join(', ')}]`, value: values };
}

/** How many strings there are: strace's form of an environment. The data for JSON has them, up to the limit of data. */
function stringCount(call: Call, word: number): Shown {
  if (word === 0) return address(0);
  const values: Shown['value'][] = [];
  let room = call.limits.data;
  let count = 0;
  for (; ; count++) {
    const pointer = call.reader.u32(word + 4 * count);
    if (pointer === undefined) {
      if (count === 0) return address(word);
      return { text: `${address(word).text} /* ${plural(count)}, unterminated */`, value: values };
    }
    if (pointer === 0) break;
    if (room > 0) {
      const { value } = call.string(pointer);
      values.push(value);
      room -= typeof value === 'string' ? value.length + 1 : 64;
    }
  }
  return { text: `${address(word).text} /* ${plural(count)} */`, value: values };
}

function plural(count: number): string {
  return `${count} var${count === 1 ? '' : 's'}`;
}

/** What the call has put into a buffer, as its result says. */
function filled(call: Call, word: number, hex = false): Shown {
  return call.failed ? address(word) : call.data(word, call.result, hex);
}

export const valueDecoders: Readonly<Record<string, Decoder>> = {
  d: (_, word) => decimal(word),
  u: (_, word) => number(word),
  x: (_, word) => hexadecimal(word),
  address: (_, word) => address(word),
  id: (_, word) => identity(word),
  id16: (_, word) => identity(word, 16),
  mode: (_, word) => mode(word & 0xffff),
  /** Two words, the lower one first. */
  lld: (call, _, index) => number(BigInt.asIntN(64, call.wide(index))),
  llu: (call, _, index) => number(call.wide(index)),
  llx: (call, _, index) => hexadecimal(call.wide(index)),
  /** Two words, the upper one first. */
  high_low: (call, word, index) =>
    number(BigInt.asIntN(64, (BigInt(word) << 32n) | BigInt(call.word(index + 1)))),
  path: (call, word) => call.path(word),
  string: (call, word) => call.string(word),
  strings,
  string_count: stringCount,
  data: (call, word) => filled(call, word),
  data_hex: (call, word) => filled(call, word, true),
  /** getcwd counts the zero byte. */
  cwd: (call, word) => (call.failed ? address(word) : call.path(word, Math.max(call.result - 1, 0))),
  xattr_read: (call, word) => (call.failed ? address(word) : attribute(call, word, call.result)),
  int: at(4, (_, word) => decimal(word)),
  uint: at(4, (_, word) => number(word)),
  ulong: at(4, (_, word) => number(word)),
  pointer_at: at(4, (_, word) => address(word)),
  id_at: at(4, (_, word) => identity(word)),
  id16_at: at(2, (_, word) => identity(word, 16)),
  loff: (call, word) => wideAt(call, word, false),
  loff_signed: (call, word) => wideAt(call, word, true),
  loff_moved: moved(8),
  ulong_moved: moved(4),
  fd_pair: (call, word) => arrayAt(call, word, 2, 4, (s) => decimal(s.u32(0))),
  groups: (call, word) => groups(call, word, call.result, 32),
  groups16: (call, word) => groups(call, word, call.result, 16),
};

/** An extended attribute: a zero byte at its end is not shown. */
function attribute(call: Call, word: number, size: number): Shown {
  if (size > MOST_ATTRIBUTE) return address(word);
  const last = word === 0 || size === 0 ? undefined : call.reader.bytes(word + size - 1, 1);
  return call.data(word, last?.[0] === 0 && size <= call.limits.text ? size - 1 : size);
}

export const valueDecodersWith: Readonly<Record<string, (...numbers: number[]) => Decoder>> = {
  /** As many bytes as another word says. */
  data: (sizeIndex) => (call, word) => call.data(word, call.word(sizeIndex!)),
  /** As many as the result says, but no more than another word. */
  data_upto: (sizeIndex) => (call, word) =>
    call.failed ? address(word) : call.data(word, Math.min(call.result, call.word(sizeIndex!))),
  groups: (countIndex) => (call, word) => groups(call, word, call.word(countIndex!), 32),
  groups16: (countIndex) => (call, word) => groups(call, word, call.word(countIndex!), 16),
  xattr: (sizeIndex) => (call, word) => attribute(call, word, call.word(sizeIndex!)),
  xattr_list: (sizeIndex) => (call, word) =>
    call.word(sizeIndex!) === 0 ? address(word) : filled(call, word),
};
