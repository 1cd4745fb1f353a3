/** `rebek dump FILE --stream flow`: the control-flow log, a record a line. */
import { hex32 } from '../base/hex.ts';
import { FlowKind, INSTRUCTIONS_MASK, KIND_SHIFT } from '../engine/flow/area.ts';
import { ADJUSTMENT } from '../trace/flow.ts';
import {
  type AddressRange,
  type FlowEvent,
  type FlowKindName,
  flowKinds,
  flowParts,
} from '../trace/flow-dump.ts';
import { describeFlow, isSoftware } from '../trace/flow-text.ts';
import type { TraceFile } from '../trace/trace-file.ts';
import type { FlowNames } from './dump-names.ts';
import { usageError } from './errors.ts';
import { formatExact } from './format.ts';

const INSTRUCTION_WIDTH = 15;
/** What `--kind` may be. */
export const flowKindNames = Object.keys(flowKinds) as FlowKindName[];

/** Options that go with this stream only. */
export interface FlowArguments {
  readonly asid: number | undefined;
  readonly address: AddressRange | undefined;
  readonly kind: readonly FlowKindName[] | undefined;
}

interface Arguments extends FlowArguments {
  /** First and last guest instruction count, inclusive. */
  readonly from: number | undefined;
  readonly to: number | undefined;
  readonly json: boolean;
  /** For `--process`, `--symbol` and `--names`. */
  readonly named: FlowNames | undefined;
}

/**
 * The wanted records as lines. Numbers are the instruction counts up to which has been read.
 * @throws RebekError ERR_TRACE_…
 */
export function* flowLines(trace: TraceFile, args: Arguments): Generator<string | number> {
  const { from, to, asid, kind, json, named } = args;
  const address = named?.address ?? args.address;
  const query = {
    ...(from !== undefined && { from }),
    ...(to !== undefined && { to }),
    ...(asid !== undefined && { asid }),
    ...(address !== undefined && { address }),
    ...(kind !== undefined && { kind }),
    ...(named?.during && { during: named.during }),
  };
  let lines = 0;
  for (const { instruction, events } of flowParts(trace, query)) {
    yield instruction;
    for (const event of events) {
      if (named === undefined || named.wants(event)) yield line(event, named, json);
      if ((++lines & 0xfff) === 0) yield event.instruction;
    }
  }
}

/** One record, with names where they are asked for. */
function line(event: FlowEvent, named: FlowNames | undefined, json: boolean): string {
  if (!named?.shown) return json ? `${JSON.stringify(toJson(event))}\n` : `${format(event)}\n`;
  if (json) return `${JSON.stringify({ ...toJson(event), ...named.of(event) })}\n`;
  return `${format(event)}${named.text(event)}\n`;
}

/** `      1,234,567  0x00123000  block at 0x80401000 of 3 instructions, compiled` */
function format({ instruction, asid, value, info }: FlowEvent): string {
  const space = hex32(asid);
  return `${formatExact(instruction).padStart(INSTRUCTION_WIDTH)}  ${space}  ${describeFlow(value, info)}`;
}

const nameOf = new Map<number, FlowKindName>(
  flowKindNames.flatMap((name) => flowKinds[name].map((kind): [number, FlowKindName] => [kind, name])),
);

/** Object literals throughout: `...` would take longer than all else together. */
function toJson({ instruction, asid, value, info }: FlowEvent): object {
  const code = info >>> KIND_SHIFT;
  const kind = nameOf.get(code) ?? code;
  switch (code) {
    case FlowKind.block:
    case FlowKind.interpreted: {
      const compiled = code === FlowKind.block;
      return { instruction, asid, kind, address: value, instructions: info & INSTRUCTIONS_MASK, compiled };
    }
    case FlowKind.interrupt:
      return { instruction, asid, kind, vector: value & 0xff, software: isSoftware(value) };
    case FlowKind.iret:
    case FlowKind.sysenter:
    case FlowKind.sysexit:
      return { instruction, asid, kind };
    case FlowKind.location:
      return { instruction, asid, kind, address: value };
    case ADJUSTMENT:
      return { instruction, asid, kind, instructions: value | 0 };
    default:
      return { instruction, asid, kind, value };
  }
}

/** A guest virtual address or CR3: `0x80401000`. */
export const address32 =
  (option: string) =>
  (text: string): number => {
    const value = parse(text);
    if (value !== undefined) return value;
    throw usageError(`--${option}: expected a number of 32 bits such as 0x80401000, found '${text}'`);
  };

/** One address, or the first and the last of a range. */
export function addressRange(text: string): AddressRange {
  const [first, last, ...more] = text.split('-').map(parse);
  if (first !== undefined && more.length === 0) {
    if (!text.includes('-')) return { first, last: first };
    if (last !== undefined && last >= first) return { first, last };
    if (last !== undefined) throw usageError(`--address: ${text} ends before it begins`);
  }
  throw usageError(
    `--address: expected an address such as 0x80401000, or a range 0x80401000-0x80401fff, found '${text}'`,
  );
}

function parse(text: string): number | undefined {
  const value = Number(text);
  return text.trim() !== '' && Number.isInteger(value) && value >= 0 && value <= 0xffffffff
    ? value
    : undefined;
}
