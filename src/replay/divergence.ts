/** A replay that does not do what the trace says. */
import { ExitCode, RebekError } from '../base/errors.ts';
import { formatRegisters, type Registers } from '../engine/guest-state.ts';

/** Where a replay is. */
export interface Position {
  /** Index of the next event in the trace's log. */
  readonly sequence: number;
  /** Guest instructions executed since the start of the trace. */
  readonly instruction: number;
}

/** @returns ERR_REPLAY_DIVERGENCE, whose details hold all that the message says. */
export function divergence(
  at: Position,
  registers: Registers,
  expected: string,
  found: string,
  cause?: unknown,
): RebekError {
  return new RebekError(
    'ERR_REPLAY_DIVERGENCE',
    `the replay diverged from the trace at event ${at.sequence}, instruction ${at.instruction}, ` +
      `EIP ${registers.eip.toString(16)}\n  expected: ${expected}\n  found:    ${found}\n  ${formatRegisters(registers)}`,
    {
      exitCode: ExitCode.divergence,
      hint: 'check the file with `rebek verify --integrity-only`; a whole trace that diverges is a defect to report',
      details: { ...at, eip: registers.eip, registers, expected, found },
      cause,
    },
  );
}
