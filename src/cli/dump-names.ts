/** `rebek dump --stream flow` by process and symbol: what the guest map adds to the records. */
import { RebekError } from '../base/errors.ts';
import { FlowKind, KIND_SHIFT } from '../engine/flow/area.ts';
import type { MappedProcess } from '../output/map/guest-map.ts';
import { type FoundSymbol, GuestPlaces } from '../output/map/places.ts';
import { commandName, selectProcesses } from '../output/map/select.ts';
import { visible } from '../record/script-text.ts';
import type { AddressRange, FlowEvent, InstructionSpan } from '../trace/flow-dump.ts';
import type { TraceFile } from '../trace/trace-file.ts';
import { loadMap } from './load-map.ts';

export interface NameArguments {
  /** Name or pid. */
  readonly process: string | undefined;
  readonly symbol: string | undefined;
  readonly names: boolean;
}

/** @throws RebekError as `loadMap` does; ERR_NO_PROCESS, ERR_NO_SYMBOL */
export async function loadNames(
  trace: TraceFile,
  args: NameArguments,
  signal: AbortSignal,
): Promise<FlowNames | undefined> {
  const { process, symbol, names } = args;
  if (process === undefined && symbol === undefined && !names) return undefined;
  const places = new GuestPlaces(await loadMap(trace, { signal }));
  return new FlowNames(places, args);
}

export class FlowNames {
  /** What records must be to be looked at: a part of a query. */
  readonly during: readonly InstructionSpan[] | undefined;
  readonly address: AddressRange | undefined;
  /** Whether records get names. */
  readonly shown: boolean;
  private readonly places: GuestPlaces;
  private readonly symbols: readonly FoundSymbol[] | undefined;

  constructor(places: GuestPlaces, { process, symbol, names }: NameArguments) {
    this.places = places;
    this.shown = names;
    this.during = process === undefined ? undefined : places.spansOf(selectProcesses(places.map, process));
    if (symbol === undefined) return;
    const found = places.symbols(symbol);
    if (found.length === 0) {
      const { system } = places.map;
      throw new RebekError('ERR_NO_SYMBOL', `the trace has no function '${symbol}'`, {
        hint:
          system === undefined
            ? 'no operating system that Rebek knows was found in the guest'
            : 'names without a module are the kernel’s; others are MODULE!NAME, such as libc.so.6!read',
      });
    }
    this.symbols = found;
    let [first, last] = [0xffffffff, 0];
    for (const { address, size } of found) {
      first = Math.min(first, address);
      last = Math.max(last, address + size - 1);
    }
    this.address = { first, last: Math.min(last, 0xffffffff) };
  }

  /** Whether a block is in one of the functions that are meant. */
  wants({ value, instruction }: FlowEvent): boolean {
    const { symbols } = this;
    if (symbols === undefined) return true;
    let asked = false;
    let who: MappedProcess | undefined;
    for (const { address, size, module, process } of symbols) {
      if (value < address || value >= address + size) continue;
      if (instruction < module.from || instruction >= module.to) continue;
      if (process === undefined) return true;
      if (!asked) who = this.places.processAt(instruction);
      asked = true;
      if (process === who) return true;
    }
    return false;
  }

  /** `  123 dropbear  libc.so.6!read+0x12`, behind a record; what is not known is left out. */
  text(event: FlowEvent): string {
    const { process, symbol } = this.of(event);
    const who = process === undefined ? '' : `  ${process.pid} ${visible(process.name)}`;
    return symbol === undefined ? who : `${who}  ${visible(symbol)}`;
  }

  /** The same for programs. */
  of({ value, info, instruction }: FlowEvent): {
    process?: { pid: number; name: string };
    symbol?: string;
  } {
    const who = this.places.processAt(instruction);
    const symbol =
      info >>> KIND_SHIFT <= FlowKind.interpreted ? this.symbol(value, who, instruction) : undefined;
    return {
      ...(who && { process: { pid: who.pid, name: commandName(who) } }),
      ...(symbol !== undefined && { symbol }),
    };
  }

  /** `vmlinux!ksys_read+0x12`; `busybox+0x1234` where the module has no name for it. */
  private symbol(address: number, who: MappedProcess | undefined, instruction: number): string | undefined {
    const module = this.places.moduleAt(address, who, instruction);
    if (module === undefined) return undefined;
    const place = address - module.base;
    const found = this.places.symbolIn(module, place);
    const offset = found?.offset ?? place;
    const behind = offset === 0 ? '' : `+0x${offset.toString(16)}`;
    return found === undefined
      ? `${module.name}+0x${place.toString(16)}`
      : `${module.name}!${found.name}${behind}`;
  }
}
