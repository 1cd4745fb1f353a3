/** Replays a trace and looks at the guest wherever it comes to one of some addresses, or takes an interrupt. */
import { GuestCpu } from '../../../src/guest/cpu.ts';
import { openReplayer } from '../../../src/replay/replay.ts';
import { TraceFile } from '../../../src/trace/trace-file.ts';

export interface Visitor {
  /** `address` is about to be executed. */
  hit?(address: number, instruction: number): void;
  /** An interrupt or exception is about to be taken. */
  interrupt?(instruction: number): void;
}

export interface Visit {
  readonly cpu: GuestCpu;
  /** More addresses: starts of blocks, or with `inside` any instructions. */
  arm(address: number, inside?: boolean): void;
  /** Addresses that were armed too late to be seen in code that is compiled already. */
  late(): number;
}

/**
 * @param begin is called before the first instruction
 * @returns what `begin` was given, at the end of the trace
 */
export function visit(path: string, addresses: Iterable<number>, begin: (visit: Visit) => Visitor): Visit {
  const trace = TraceFile.open(path);
  let visitor: Visitor = {};
  const replayer = openReplayer(trace, undefined, {
    hit: (address, counter) => visitor.hit?.(address, counter >>> 0),
    event: (event, _a, _b, counter) => {
      if (event === 'interrupt') visitor.interrupt?.(counter >>> 0);
    },
  });
  const probes = replayer.probes!;
  const cpu = new GuestCpu(replayer.raw.memory, replayer.layout);
  const guest: Visit = {
    cpu,
    arm: (address, inside = false) =>
      inside
        ? probes.arm(address, 'instruction', cpu.memory.translate(address))
        : probes.arm(address, 'block'),
    late: () => probes.late,
  };
  visitor = begin(guest);
  for (const address of addresses) probes.arm(address, 'block');
  if (visitor.interrupt) probes.want('interrupt', true);
  while (replayer.run(1000));
  trace.close();
  return guest;
}
