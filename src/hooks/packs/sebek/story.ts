/** What `sebek` tells, in the same words for Linux and NT. */
import type { VirtualMemory } from '../../../guest/memory.ts';
import type { OpenObject } from '../../../guest/os.ts';
import type { HookCall, HookProcess, Hooks, Where } from '../../api.ts';
import { KeyLine, type LineEnd } from './keystrokes.ts';
import {
  type Endpoint,
  SOCKET_CALLS,
  type SocketCallName,
  type SocketFacts,
  showEndpoint,
} from './sockets.ts';

/** Bytes of one call that are kept. */
const MOST_DATA = 64 << 10;
/** Characters of them in the text. */
const MOST_TEXT = 80;
/** Characters of a sentence. */
const LONGEST_TEXT = 1200;
/** Sockets that are remembered. */
const MOST_SOCKETS = 4096;

/** A part of a caller's buffer. */
export interface Piece {
  readonly address: number;
  readonly length: number;
}

/** A descriptor or handle, and what was behind it at the entry. */
export interface OpenFile {
  readonly fd: number;
  readonly object: OpenObject | undefined;
}

interface SocketDetails {
  readonly local?: Endpoint | undefined;
  readonly remote?: Endpoint | undefined;
  readonly protocol?: number | undefined;
  readonly bytes?: number;
  readonly data?: Uint8Array;
  /** `accept`: of the new socket. */
  readonly accepted?: OpenFile;
  readonly backlog?: number;
  readonly error?: string;
}

/** A descriptor or handle of a call's process, with what is behind it now. */
export function fileOf({ process }: HookCall, fd: number): OpenFile {
  return { fd, object: process?.object(fd) };
}

/** The first bytes that a call has moved; less where pages are absent. */
export function gather(memory: VirtualMemory, pieces: readonly Piece[], bytes: number): Uint8Array {
  const data = new Uint8Array(Math.min(bytes, MOST_DATA));
  let have = 0;
  for (const { address, length } of pieces) {
    const wanted = Math.min(length, data.length - have);
    if (wanted === 0) continue;
    const part = memory.bytes(address, wanted);
    data.set(part, have);
    have += part.length;
    if (part.length < wanted) break;
  }
  return data.subarray(0, have);
}

/** Bytes as text: what cannot be shown is a dot. */
function printable(data: Uint8Array): string {
  const text = new TextDecoder().decode(data.subarray(0, 4 * MOST_TEXT));
  const shown = text.slice(0, MOST_TEXT).replace(/[^\P{C}\t\r\n]|\ufffd/gu, '.');
  return `"${shown}"${shown.length < text.length || data.length > 4 * MOST_TEXT ? '…' : ''}`;
}

/** A pseudo terminal's master side is not one: what is read from it is what the other side has said. */
const TERMINAL =
  /^\/dev\/(tty(?!printk)\w*|console|hvc\d+|vc\/\d+|pts\/\d+)$|^\\Device\\(Serial\d+|Console\w*)$/;

const isTerminal = (object: OpenObject | undefined): boolean =>
  object?.kind === 'device' && object.name !== undefined && TERMINAL.test(object.name);

const show = ({ fd, object }: OpenFile): string =>
  `${fd}${object?.name === undefined ? '' : ` ${object.name}`}`;
const count = (bytes: number): string => (bytes === 1 ? '1 byte' : `${bytes} bytes`);

export class Story {
  private readonly emit: Hooks['emit'];
  /** By process, and terminal. */
  private readonly lines = new Map<HookProcess, Map<string, { line: KeyLine; file: OpenFile }>>();
  /** By inode or object. */
  private readonly sockets = new Map<number, SocketFacts>();

  constructor(emit: Hooks['emit']) {
    this.emit = emit;
  }

  /** All findings are sentences; `data` says the same for programs. */
  tell(type: string, text: string, data: Readonly<Record<string, unknown>>): void {
    const shown = text.length > LONGEST_TEXT ? `${text.slice(0, LONGEST_TEXT)}…` : text;
    this.emit(type, { line: true, text: shown, ...data });
  }

  /**
   * A read or write has ended well.
   * @param more `through`: data that never was in the caller's memory, and by which call it went
   */
  transfer(
    type: 'read' | 'write',
    { process, instruction }: Where,
    file: OpenFile,
    bytes: number,
    data: Uint8Array | undefined,
    more: Readonly<Record<string, unknown>> = {},
  ): void {
    const what = `${type === 'read' ? 'reads' : 'writes'} ${count(bytes)} ${type === 'read' ? 'of' : 'to'}`;
    const shown = data === undefined ? '' : `: ${printable(data)}`;
    this.tell(type, `${what} ${show(file)}${shown}`, { ...file, bytes, data, ...more });
    if (type !== 'read' || process === undefined || data === undefined || !isTerminal(file.object)) return;
    for (const byte of data) this.key(process, file, byte, instruction);
  }

  /** Nothing more is to be read: at a terminal, Ctrl-D has been pressed, or it is gone. */
  endOfFile({ process }: HookCall, { object }: OpenFile): void {
    const typing = process && object?.name !== undefined && this.lines.get(process)?.get(object.name);
    if (typing) this.line(typing, 'eof');
  }

  private key(process: HookProcess, file: OpenFile, byte: number, instruction: number): void {
    const terminals = this.lines.get(process) ?? new Map<string, { line: KeyLine; file: OpenFile }>();
    this.lines.set(process, terminals);
    const name = file.object!.name!;
    const typing = terminals.get(name) ?? { line: new KeyLine(), file };
    terminals.set(name, typing);
    const ended = typing.line.key(byte, instruction);
    if (ended !== undefined) this.line(typing, ended);
  }

  private line({ line, file }: { line: KeyLine; file: OpenFile }, ended: LineEnd, by?: HookProcess): void {
    const taken = line.take(ended);
    if (taken === undefined) return;
    const { typed, ...rest } = taken;
    const text = `types "${typed}" at ${file.object!.name}${ended === 'enter' ? '' : ` (${ended})`}`;
    this.tell('keystrokes', text, { ...file, typed, ...rest, ...(by !== undefined && { by: by.toJSON() }) });
  }

  /** What a process has typed so far is all: it runs another program, or ends, or the trace does. */
  finish(ended: LineEnd, process: HookProcess | undefined): void {
    if (process === undefined) return;
    for (const typing of this.lines.get(process)?.values() ?? []) this.line(typing, ended);
    if (ended === 'exit') this.lines.delete(process);
  }

  finishAll(): void {
    for (const [process, terminals] of this.lines) {
      for (const typing of terminals.values()) this.line(typing, 'open', process);
    }
  }

  open(path: string | undefined, file: OpenFile, more: Readonly<Record<string, unknown>>): void {
    const name = path ?? file.object?.name ?? '?';
    this.tell('open', `opens ${name} as ${file.fd}`, { path, ...file, ...more });
  }

  cannotOpen(path: string | undefined, error: string, more: Readonly<Record<string, unknown>>): void {
    this.tell('open', `cannot open ${path ?? '?'}: ${error}`, { path, error, ...more });
  }

  /** Starts anew with what is known of a socket. */
  newSocket({ object }: OpenFile, facts: SocketFacts): void {
    if (object?.inode === undefined) return;
    this.sockets.delete(object.inode);
    this.sockets.set(object.inode, facts);
    if (this.sockets.size > MOST_SOCKETS) this.sockets.delete(this.sockets.keys().next().value!);
  }

  facts({ object }: OpenFile): SocketFacts {
    return (object?.inode === undefined ? undefined : this.sockets.get(object.inode)) ?? {};
  }

  /** Adds to it. */
  learn(file: OpenFile, facts: SocketFacts): void {
    this.newSocket(file, { ...this.facts(file), ...facts });
  }

  socket(call: SocketCallName, file: OpenFile, details: SocketDetails): void {
    const known = { ...this.facts(file) };
    const { remote = known.remote, local = known.local, protocol = known.protocol, error, ...rest } = details;
    const { bytes, data, accepted } = rest;
    const name = { 6: ' TCP', 17: ' UDP' }[protocol ?? 0] ?? '';
    const ends = [
      ...(local === undefined ? [] : [`at ${showEndpoint(local)}`]),
      ...(remote === undefined
        ? []
        : [`${/^(accept|recv)/.test(call) ? 'from' : 'to'} ${showEndpoint(remote)}`]),
    ];
    const text = [
      `${call} ${show(file)}${name}`,
      ...ends,
      ...(accepted === undefined ? [] : [`as ${show(accepted)}`]),
      ...(bytes === undefined ? [] : [count(bytes)]),
    ].join(' ');
    const shown = data === undefined ? '' : `: ${printable(data)}`;
    const number = SOCKET_CALLS[call];
    this.tell('socket', `${text}${error === undefined ? shown : `: ${error}`}`, {
      call,
      number,
      ...file,
      ...(protocol !== undefined && { protocol }),
      ...(local !== undefined && { local }),
      ...(remote !== undefined && { remote }),
      ...(error !== undefined && { error }),
      ...rest,
    });
  }
}
