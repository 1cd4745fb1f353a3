/** The plain payload of a chunk: a MessagePack map, written from plain objects, read field by checked field. */
import { endianness } from 'node:os';
import { Packr } from 'msgpackr';
import { describePlace, type Place, traceError } from './errors.ts';
import { checkMessagePack } from './msgpack-check.ts';

/** Typed arrays that can be columns. */
export type Column = Uint8Array | Uint16Array | Uint32Array | Int32Array | Float64Array;
/** What a field can hold. `undefined` leaves the field out. */
export type PlainValue =
  | null
  | undefined
  | boolean
  | number
  | string
  | Column
  | readonly PlainValue[]
  | PlainMap;
export interface PlainMap {
  readonly [name: string]: PlainValue;
}

// Columns are handed over as views, not converted element by element. v86 has the same need.
if (endianness() !== 'LE') throw new Error('Rebek needs a little-endian machine');

const packr = new Packr({ useRecords: false, mapsAsObjects: true, int64AsType: 'number' });

/**
 * Encodes a map. Typed arrays become columns.
 * @throws {TypeError} a value that the format does not know (bigint, Date, Map, class instances, cycles …)
 */
export function encodeBody(body: object): Uint8Array {
  if (Array.isArray(body) || ArrayBuffer.isView(body)) throw new TypeError('the body of a chunk is a map');
  return packr.encode(toPlain(body, '', 0));
}

/** Rebuilds a value from what the format knows, so that msgpackr never has to resort to an extension. */
function toPlain(value: unknown, path: string, depth: number): unknown {
  if (value === null || typeof value === 'boolean' || typeof value === 'number') return value;
  // half a surrogate pair has no UTF-8
  if (typeof value === 'string') return value.replace(/\p{Surrogate}/gu, '\ufffd');
  if (ArrayBuffer.isView(value) && !(value instanceof DataView))
    return value instanceof Uint8Array
      ? value
      : new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
  if (typeof value !== 'object' || depth >= 32)
    throw new TypeError(
      `a chunk cannot hold ${typeof value === 'object' ? 'such deep nesting' : `a ${typeof value}`} (${path || 'the body'})`,
    );
  if (Array.isArray(value)) return value.map((item, i) => toPlain(item, `${path}[${i}]`, depth + 1));
  const prototype = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null)
    throw new TypeError(`a chunk cannot hold a ${value.constructor?.name} (${path || 'the body'})`);
  const plain: Record<string, unknown> = {};
  for (const [name, item] of Object.entries(value)) {
    if (name === '__proto__') throw new TypeError(`a chunk cannot hold a field named ${name}`);
    if (item !== undefined) plain[name] = toPlain(item, path ? `${path}.${name}` : name, depth + 1);
  }
  return plain;
}

/**
 * Checks and decodes the plain payload of a chunk. `bin` fields are views of `plain`.
 * @throws {MessagePackError} see msgpack-check.ts
 */
export function decodeBody(plain: Uint8Array, place: Place): Body {
  checkMessagePack(plain);
  return new Body(packr.decode(plain) as Record<string, unknown>, place);
}

const columnTypes = {
  u8: Uint8Array,
  u16: Uint16Array,
  u32: Uint32Array,
  i32: Int32Array,
  f64: Float64Array,
} as const;
/** Element types of columns. */
export type ColumnType = keyof typeof columnTypes;
type ColumnOf<T extends ColumnType> = InstanceType<(typeof columnTypes)[T]>;

/** A decoded map. Every access checks the type, and its error names chunk, field, what was expected and found. */
export class Body {
  readonly place: Place;
  readonly #map: Readonly<Record<string, unknown>>;

  constructor(map: Readonly<Record<string, unknown>>, place: Place) {
    this.#map = map;
    this.place = place;
  }

  has(name: string): boolean {
    return Object.hasOwn(this.#map, name);
  }

  /** Names of all fields. */
  names(): string[] {
    return Object.keys(this.#map);
  }

  /** The map itself, unchecked but for being plain MessagePack. */
  raw(): Readonly<Record<string, unknown>> {
    return this.#map;
  }

  number(name: string): number {
    const value = this.#get(name);
    return typeof value === 'number' ? value : this.wrong(name, 'a number', value);
  }

  /** A whole number from `min` to `max`, both inclusive; by default any count or offset. */
  integer(name: string, min = 0, max: number = Number.MAX_SAFE_INTEGER): number {
    const value = this.#get(name);
    return typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max
      ? value
      : this.wrong(name, `a whole number from ${min} to ${max}`, value);
  }

  string(name: string): string {
    const value = this.#get(name);
    return typeof value === 'string' ? value : this.wrong(name, 'a string', value);
  }

  boolean(name: string): boolean {
    const value = this.#get(name);
    return typeof value === 'boolean' ? value : this.wrong(name, 'true or false', value);
  }

  /** Bytes; a view of the payload. */
  bin(name: string, length?: number): Uint8Array {
    const value = this.#get(name);
    return value instanceof Uint8Array && (length === undefined || value.length === length)
      ? value
      : this.wrong(name, length === undefined ? 'bytes' : `${length} bytes`, value);
  }

  /**
   * A column; a view of the payload if it happens to be aligned, else a copy.
   * @param length number of elements that it must have
   */
  column<T extends ColumnType>(name: string, type: T, length?: number): ColumnOf<T> {
    const bytes = this.bin(name);
    const make = columnTypes[type] as Uint32ArrayConstructor;
    const width = make.BYTES_PER_ELEMENT;
    const count = bytes.length / width;
    if (!Number.isInteger(count) || (length !== undefined && count !== length))
      return this.wrong(
        name,
        `a ${type} column${length === undefined ? '' : ` of ${length} elements`}`,
        bytes,
      );
    const aligned = bytes.byteOffset % width === 0 ? bytes : Uint8Array.prototype.slice.call(bytes);
    return new make(aligned.buffer as ArrayBuffer, aligned.byteOffset, count) as ColumnOf<T>;
  }

  /** A map inside this one; errors name its fields as `outer.inner`. */
  map(name: string): Body {
    const value = this.#get(name);
    if (typeof value !== 'object' || value === null || Array.isArray(value) || value instanceof Uint8Array)
      return this.wrong(name, 'a map', value);
    return new Body(value as Record<string, unknown>, { ...this.place, field: this.#path(name) });
  }

  array(name: string): readonly unknown[] {
    const value = this.#get(name);
    return Array.isArray(value) ? value : this.wrong(name, 'an array', value);
  }

  /** Throws the error for a field whose value makes no sense. */
  wrong(name: string, expected: string, found: unknown): never {
    const field = this.#path(name);
    const text = describeValue(found);
    throw traceError(
      'ERR_TRACE_BODY',
      `${describePlace(this.place)}: field ${field}: expected ${expected}, found ${text}`,
      { ...this.place, field },
      { details: { expected, found: text } },
    );
  }

  #get(name: string): unknown {
    return Object.hasOwn(this.#map, name) ? this.#map[name] : undefined;
  }

  #path(name: string): string {
    return this.place.field === undefined ? name : `${this.place.field}.${name}`;
  }
}

function describeValue(value: unknown): string {
  if (value === undefined) return 'nothing';
  if (value instanceof Uint8Array) return `${value.length} bytes`;
  if (Array.isArray(value)) return `an array of ${value.length}`;
  if (typeof value === 'object' && value !== null) return 'a map';
  if (typeof value === 'number') return String(value);
  const text = JSON.stringify(value);
  return typeof value === 'string' && text.length > 60 ? `${text.slice(0, 60)}…` : String(text);
}
