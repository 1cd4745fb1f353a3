/** A record of the control-flow log in words. */
import { hex32 } from '../base/hex.ts';
import { FlowKind, INSTRUCTIONS_MASK, KIND_SHIFT } from '../engine/flow/area.ts';
import { ADJUSTMENT } from './flow.ts';

/** `block at 0x80401000 of 3 instructions, compiled`, `interrupt 0x0e`, `IRET`, `CR3 = 0x00123000`. */
export function describeFlow(value: number, info: number): string {
  const kind = info >>> KIND_SHIFT;
  switch (kind) {
    case FlowKind.block:
    case FlowKind.interpreted: {
      const how = kind === FlowKind.block ? 'compiled' : 'interpreted';
      return `block at ${hex32(value)} of ${counted(info & INSTRUCTIONS_MASK)}, ${how}`;
    }
    case FlowKind.interrupt: {
      const vector = (value & 0xff).toString(16).padStart(2, '0');
      return `${isSoftware(value) ? 'software ' : ''}interrupt 0x${vector}`;
    }
    case FlowKind.iret:
      return 'IRET';
    case FlowKind.sysenter:
      return 'SYSENTER';
    case FlowKind.sysexit:
      return 'SYSEXIT';
    case FlowKind.addressSpace:
      return `CR3 = ${hex32(value)}`;
    case FlowKind.location:
      return `at ${hex32(value)}`;
    case ADJUSTMENT:
      return `adjustment of ${counted(value | 0)}`;
    default:
      return `record of kind ${kind}`;
  }
}

/** The value of an interrupt's record: did an instruction (INT n, INT3, INTO) ask for it? */
export const isSoftware = (value: number): boolean => (value & 0x100) !== 0;

const counted = (instructions: number): string =>
  `${instructions} instruction${instructions === 1 ? '' : 's'}`;
