/** A caller's memory for tests of decoding, and a call of a service in it. */

import { beginNtCall, finishNtCall, type NtArgument } from '../../../src/guest/nt/decode.ts';
import { serviceSignature } from '../../../src/guest/nt/signatures.ts';
import type { OpenObject } from '../../../src/guest/os.ts';
import { flatMemory } from './flat.ts';

export const RAM_BYTES = 0x2_0000;
/** Beyond RAM. */
export const ABSENT = 0x7fff_0000;
export const SUCCESS = 0;
export const ACCESS_DENIED = 0xc000_0022;

export class Caller {
  readonly memory;
  private readonly view: DataView;
  private next = 0x1000;
  readonly objects = new Map<number, OpenObject>([
    [8, { kind: 'device', name: '\\Device\\Console0', inode: 1 }],
    [12, { kind: 'file', name: '\\Device\\HarddiskVolume1\\boot.ini', inode: 2 }],
    [16, { kind: 'event', name: undefined, inode: 3 }],
  ]);

  constructor(bytes = RAM_BYTES) {
    const { memory, ram } = flatMemory(bytes);
    this.memory = memory;
    this.view = new DataView(ram.buffer, ram.byteOffset, bytes);
  }

  /** Room in memory. */
  room(bytes: number): number {
    const at = this.next;
    this.next += Math.ceil(bytes / 8) * 8;
    return at;
  }

  write(at: number, bytes: Uint8Array): void {
    for (const [i, byte] of bytes.entries()) this.view.setUint8(at + i, byte);
  }

  /** Bytes in memory, or a text in ASCII. */
  put(bytes: Uint8Array | string): number {
    const all = typeof bytes === 'string' ? new TextEncoder().encode(bytes) : bytes;
    const at = this.room(all.length);
    this.write(at, all);
    return at;
  }

  set(at: number, ...words: readonly number[]): void {
    for (const [i, word] of words.entries()) this.view.setUint32(at + 4 * i, word >>> 0, true);
  }

  words(...words: readonly number[]): number {
    const at = this.room(4 * words.length);
    this.set(at, ...words);
    return at;
  }

  large(value: bigint): number {
    const at = this.room(8);
    this.view.setBigInt64(at, value, true);
    return at;
  }

  /** A UNICODE_STRING. */
  unicode(text: string): number {
    const at = this.put(utf16(text));
    return this.words((2 * text.length) | ((2 * text.length) << 16), at);
  }

  /** An OBJECT_ATTRIBUTES. */
  attributes(name: string, flags = 0x40, root = 0): number {
    return this.words(24, root, this.unicode(name), flags, 0, 0);
  }

  /**
   * A call of one of XP's services; `during` is what the service does to memory.
   * @param result `none`: it does not return
   */
  call(
    service: string,
    words: readonly number[],
    result: number | 'none' = SUCCESS,
    during: () => void = () => {},
  ): { readonly [name: string]: NtArgument } & { readonly result: string } {
    const object = (handle: number) => this.objects.get(handle);
    const { parameters } = serviceSignature(service, undefined);
    const entry = JSON.parse(
      JSON.stringify(beginNtCall(service, parameters ?? [], words, this.memory, object)),
    );
    during();
    const ended = finishNtCall(entry, result === 'none' ? undefined : result, this.memory, object);
    const named = Object.fromEntries(ended.arguments.map((argument) => [argument.name, argument]));
    return { ...named, result: ended.resultText } as never;
  }
}

export function utf16(text: string): Uint8Array {
  const bytes = new Uint8Array(2 * text.length);
  const view = new DataView(bytes.buffer);
  for (let i = 0; i < text.length; i++) view.setUint16(2 * i, text.charCodeAt(i), true);
  return bytes;
}
