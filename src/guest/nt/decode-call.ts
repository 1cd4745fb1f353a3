/** A call whose arguments are decoded, at its entry or at its end. */
import type { VirtualMemory } from '../memory.ts';
import type { OpenObject, Parameter } from '../os.ts';
import { Reader } from './decode-reader.ts';
import { hex, NULL, quoted, type Shown, UNSEEN } from './decode-shown.ts';
import { CURRENT_PROCESS, CURRENT_THREAD } from './objects.ts';

/** What is behind a handle of the caller. */
export type ObjectOf = (handle: number) => OpenObject | undefined;

export class Call {
  readonly name: string;
  readonly reader: Reader;
  readonly object: ObjectOf;
  private readonly parameters: readonly Parameter[];
  private readonly words: readonly number[];

  constructor(
    name: string,
    parameters: readonly Parameter[],
    words: readonly number[],
    memory: VirtualMemory,
    object: ObjectOf,
  ) {
    this.name = name;
    this.parameters = parameters;
    this.words = words;
    this.reader = new Reader(memory);
    this.object = object;
  }

  /** An argument by its parameter's name; undefined if there is none, or if its word could not be read. */
  word(name: string): number | undefined {
    const index = this.parameters.findIndex((parameter) => parameter.name === name);
    const word = index < 0 ? undefined : this.words[index];
    return word === undefined ? undefined : word >>> 0;
  }

  /** What an argument that is a pointer points to. */
  pointed(name: string): number | undefined {
    const address = this.word(name);
    return address === undefined || address === 0 ? undefined : this.reader.u32(address);
  }

  /** IO_STATUS_BLOCK.Information. */
  information(): number | undefined {
    const address = this.word('IoStatusBlock');
    return address === undefined || address === 0 ? undefined : this.reader.u32(address + 4);
  }

  /** A handle, and the name of what is behind it if there is one. */
  handle(handle: number): Shown {
    handle >>>= 0;
    if (handle === 0) return NULL;
    if (handle === CURRENT_PROCESS) return { text: 'NtCurrentProcess()', value: { handle, kind: 'process' } };
    if (handle === CURRENT_THREAD) return { text: 'NtCurrentThread()', value: { handle, kind: 'thread' } };
    const object = this.object(handle);
    if (object === undefined) return { text: hex(handle), value: { handle } };
    const { kind, name } = object;
    if (name === undefined) return { text: `${hex(handle)} (${kind})`, value: { handle, kind } };
    return { text: `${hex(handle)} ${printable(name)}`, value: { handle, kind, name } };
  }
}

/** A name without quotation marks; one that would not be seen as it is has them. */
function printable(name: string): string {
  return UNSEEN.test(name) ? quoted(name) : name;
}
