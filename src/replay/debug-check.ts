/** Compares what a replayed guest writes to I/O port 0xE9 with what the recorder kept of it, byte for byte. */
import { ExitCode, RebekError } from '../base/errors.ts';
import { DEBUG_PORT } from '../engine/layout.ts';
import type { StreamRecord } from '../trace/stream.ts';
import type { TraceFile } from '../trace/trace-file.ts';
import type { ReplayObserver } from './observer.ts';

/** What was compared of the bytes written to I/O port 0xE9. */
export interface DebugComparison {
  /** Bytes that the replay wrote at the instruction counts at which they were recorded. */
  readonly bytes: number;
  /** … in so many records of the trace. */
  readonly records: number;
  /**
   * Recorded bytes behind the end of the log, which nothing can make again: a killed recorder, or an emulator that
   * crashed.
   */
  readonly beyond: number;
}

/**
 * Follows a replay. The records are read a chunk at a time, as they are needed.
 *
 * Nothing is compared where the recorder did not keep such bytes: in traces without DBUG chunks whose summary does
 * not speak of them.
 */
export class DebugCheck {
  private readonly trace: TraceFile;
  private readonly recorded: Iterator<StreamRecord>;
  /** Undefined at the end of what was recorded. */
  private record: StreamRecord | undefined;
  /** Bytes of `record` that the replay has written. */
  private at = 0;
  private bytes = 0;
  private records = 0;

  private constructor(trace: TraceFile) {
    this.trace = trace;
    this.recorded = trace.stream('DBUG');
    this.next();
  }

  /** Undefined if the trace has nothing to compare with. */
  static of(trace: TraceFile): DebugCheck | undefined {
    const check = new DebugCheck(trace);
    return check.record === undefined && trace.summary?.debug === undefined ? undefined : check;
  }

  /** Sees what the guest writes to the port. Throws RebekError ERR_REPLAY_DEBUG_STREAM. */
  readonly observer: ReplayObserver = {
    portWrite: (port, value, width, instruction) => {
      if (port !== DEBUG_PORT) return;
      for (let i = 0; i < width; i++) this.compare((value >>> (8 * i)) & 0xff, instruction);
    },
  };

  private compare(byte: number, instruction: number): void {
    const { record } = this;
    if (record === undefined) {
      // What was written last may not have reached the file.
      if (this.trace.incomplete !== undefined) return;
      this.fail(instruction, 'no more bytes', hex(byte));
    }
    const expected = record.bytes[this.at]!;
    if (record.instruction !== instruction) {
      const [first, what] =
        record.instruction < instruction
          ? [record.instruction, `it wrote ${hex(byte)} only at instruction ${instruction}`]
          : [instruction, `it wrote ${hex(byte)} already at instruction ${instruction}`];
      this.fail(first, `${hex(expected)} at instruction ${record.instruction}`, what);
    }
    if (expected !== byte) this.fail(instruction, hex(expected), hex(byte));
    this.bytes++;
    if (++this.at === record.bytes.length) {
      this.records++;
      this.next();
    }
  }

  /**
   * The replay is over: was all of it written?
   * @throws RebekError ERR_REPLAY_DEBUG_STREAM
   */
  end(): DebugComparison {
    const { summary, incomplete } = this.trace;
    const { bytes, records } = this;
    const crashed = summary !== undefined && summary.final === null;
    const { record } = this;
    if (record !== undefined && incomplete === undefined && !crashed) {
      this.fail(record.instruction, hex(record.bytes[this.at]!), 'it wrote nothing more');
    }
    let beyond = 0;
    for (; this.record !== undefined; this.next()) beyond += this.record.bytes.length - this.at;
    if (summary?.debug !== undefined && summary.debug !== bytes + beyond) {
      const place = summary.instructions;
      this.fail(place, `${summary.debug} bytes in all, says the summary`, `${bytes + beyond} bytes`);
    }
    return { bytes, records, beyond };
  }

  private next(): void {
    this.at = 0;
    do {
      const { value, done } = this.recorded.next();
      this.record = done ? undefined : value;
    } while (this.record?.bytes.length === 0);
  }

  private fail(instruction: number, expected: string, found: string): never {
    const offset = this.bytes;
    throw new RebekError(
      'ERR_REPLAY_DEBUG_STREAM',
      `what the guest wrote to port 0xE9 is not what the trace says: byte ${offset}, instruction ${instruction}\n` +
        `  expected: ${expected}\n  found:    ${found}`,
      {
        exitCode: ExitCode.divergence,
        hint:
          'everything else up to there came out as recorded: the DBUG chunks were changed, or the recorder that ' +
          'wrote them had a defect',
        details: { instruction, offset, expected, found },
      },
    );
  }
}

const hex = (byte: number): string => `0x${byte.toString(16).padStart(2, '0')}`;
