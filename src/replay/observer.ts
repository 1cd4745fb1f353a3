/** Looking at what crosses the boundary in a replay. */
import type { FlowTap } from '../engine/flow/tap.ts';

/** A device: what a read of the guest's was answered by, or a write went to. */
export type AccessSpace = 'port' | 'mmio';

/**
 * Told of what crosses the boundary, as it happens. The instruction counts are counted as a recorder counts them. What it
 * throws ends the replay.
 */
export interface ReplayObserver {
  /** The guest writes to an I/O port: `value` unsigned and `bytes` wide. Told before it is compared with the log. */
  readonly portWrite?:
    | ((port: number, value: number, bytes: 1 | 2 | 4, instruction: number) => void)
    | undefined;
  /** The guest has read from an I/O port or a memory-mapped register (its guest physical address). */
  readonly read?:
    | ((space: AccessSpace, address: number, value: number, bytes: number, instruction: number) => void)
    | undefined;
  /** Something came in: bytes by DMA to a guest physical address, an interrupt line, a time (ms), a random number. */
  readonly input?: ((input: ReplayInput, instruction: number) => void) | undefined;
}

export type ReplayInput =
  | { readonly kind: 'dma'; readonly address: number; readonly bytes: Uint8Array }
  | { readonly kind: 'irq'; readonly line: number; readonly raised: boolean }
  | { readonly kind: 'clock'; readonly ms: number }
  | { readonly kind: 'random'; readonly value: number };

/** Who gets the control flow of a replay: the engine then writes it down. Not together with hooks. */
export interface FlowSink {
  /** Before the first instruction: the machine is in its initial state. */
  attach(tap: FlowTap): void;
  /** In the middle of a `main_loop`: the engine has little room left. */
  press(): void;
  /**
   * A `main_loop` has ended.
   * @param instruction executed so far
   * @param event sequence number of the next event
   */
  loopEnded(instruction: number, event: number): void;
  /** A chunk of the log of inputs has ended, and there is another. */
  batchEnded?(): void;
}
