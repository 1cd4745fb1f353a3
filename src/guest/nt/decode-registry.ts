/** Data of registry values, by the value's type. */
import type { Call } from './decode-call.ts';
import { fromUtf16, type Json, quoted, type Shown } from './decode-shown.ts';

/** What a value of a known type says; `call.reader` gives everything else as bytes. */
type ShowData = (bytes: Uint8Array) => Shown | undefined;

const text: ShowData = (bytes) => {
  if (bytes.length % 2 !== 0) return undefined;
  const whole = fromUtf16(bytes);
  const value = whole.endsWith('\0') ? whole.slice(0, -1) : whole;
  return { text: quoted(value), value };
};

const texts: ShowData = (bytes) => {
  if (bytes.length % 2 !== 0) return undefined;
  // Each string ends with a zero character, and one more is after the last.
  const value = fromUtf16(bytes)
    .replace(/\0{1,2}$/, '')
    .split('\0');
  return { text: `[${value.map((one) => quoted(one)).join(', ')}]`, value };
};

function number(bytes: Uint8Array, length: number, littleEndian = true): Shown | undefined {
  if (bytes.length !== length) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, length);
  if (length === 4) {
    const value = view.getUint32(0, littleEndian);
    return { text: `0x${value.toString(16)}`, value };
  }
  const value = view.getBigUint64(0, littleEndian);
  const plain: Json = value <= Number.MAX_SAFE_INTEGER ? Number(value) : value.toString();
  return { text: `0x${value.toString(16)}`, value: plain };
}

const BY_TYPE: Readonly<Record<number, ShowData>> = {
  1: text,
  2: text,
  4: (bytes) => number(bytes, 4),
  5: (bytes) => number(bytes, 4, false),
  6: text,
  7: texts,
  11: (bytes) => number(bytes, 8),
};

/** Data that is longer is shown as bytes. */
const LONGEST = 4096;

export function registryData(call: Call, address: number, length: number, type: number | undefined): Shown {
  const show = type === undefined ? undefined : BY_TYPE[type];
  if (show !== undefined && address !== 0 && length > 0 && length <= LONGEST) {
    const bytes = call.reader.some(address, length);
    const shown = bytes.length === length ? show(bytes) : undefined;
    if (shown !== undefined) return shown;
  }
  return call.reader.buffer(address, length);
}
