/** `rebek dump FILE --stream flow`: the control-flow log, a record a line. */
import { FlowKind, INSTRUCTIONS_MASK, KIND_SHIFT } from '../engine/flow/area.ts';
import { ADJUSTMENT } from '../trace/flow.ts';
import {
  type AddressRange,
  dumpFlow,
  type FlowEvent,
  type FlowKindName,
  flowKinds,
} from '../trace/flow-dump.ts';
import { describeFlow, isSoftware } from '../trace/flow-text.ts';
import { usageError } from './errors.ts';
import { formatExact } from './format.ts';

const INSTRUCTION_WIDTH = 15;
/** What `--kind` may be. */
export const flowKindNames = Object.keys(flowKinds) as FlowKindName[];

/** Options that go with this stream only. */
export interface FlowArguments {
  readonly asid: number | undefined;
  readonly address: AddressRange | undefined;
  readonly kind: FlowKindName | undefined;
}

interface Arguments extends FlowArguments {
  /** First and last guest instruction count, inclusive. */
  readonly from: number | undefined;
  readonly to: number | undefined;
  readonly json: boolean;
}

/**
 * The wanted records as lines.
 * @throws RebekError ERR_TRACE_…
 */
export function* flowLines(file: string, args: Arguments): Generator<string> {
  const { from, to, asid, address, kind, json } = args;
  const events = dumpFlow(file, {
    ...(from !== undefined && { from }),
    ...(to !== undefined && { to }),
    ...(asid !== undefined && { asid }),
    ...(address !== undefined && { address }),
    ...(kind !== undefined && { kind }),
  });
  if (json) for (const event of events) yield `${JSON.stringify(toJson(event))}\n`;
  else for (const event of events) yield format(event);
}

/** `      1,234,567  0x00123000  block at 0x80401000 of 3 instructions, compiled` */
function format({ instruction, asid, value, info }: FlowEvent): string {
  const space = `0x${asid.toString(16).padStart(8, '0')}`;
  return `${formatExact(instruction).padStart(INSTRUCTION_WIDTH)}  ${space}  ${describeFlow(value, info)}\n`;
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
