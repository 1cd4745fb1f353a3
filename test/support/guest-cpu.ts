/** A replayed guest, stopped: for tests of what can be read of it. */
import { GuestCpu } from '../../src/guest/cpu.ts';
import { openReplayer } from '../../src/replay/replay.ts';
import { TraceFile } from '../../src/trace/trace-file.ts';

export interface StoppedGuest {
  readonly cpu: GuestCpu;
  /** Guest instructions executed. */
  readonly instruction: number;
  /** Executes on until at least this instruction count; false at the end of the trace. */
  advance(instruction: number): boolean;
}

/** Replays a trace up to at least an instruction count (Infinity: its end), between two events of its log. */
export function replayUntil(path: string, instruction: number): StoppedGuest {
  const trace = TraceFile.open(path);
  const replayer = openReplayer(trace);
  const guest = {
    cpu: new GuestCpu(replayer.raw.memory, replayer.layout),
    get instruction() {
      return replayer.instruction;
    },
    advance(to: number): boolean {
      while (replayer.instruction < to) {
        if (!replayer.run(2)) return false;
      }
      return true;
    },
  };
  guest.advance(instruction);
  return guest;
}
