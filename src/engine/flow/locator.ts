/**
 * Writes down where the CPU is whenever something comes in: a location in the flow log for each read of a device, each clock
 * value and random number that an instruction asks for, each DMA transfer and each interrupt line that is raised, in the
 * order of the log of inputs, and before whatever it brings about. Recorder and replay tell of their events alike.
 */
import type { FlowTap } from './tap.ts';

/** Where in the engine we are. */
type Place =
  /** No `main_loop` is running. */
  | 'outside'
  /** One has begun, and has not looked at the clock yet. */
  | 'begun'
  /** The guest's code runs. */
  | 'guest'
  /** The device half's timers do, between two instructions. */
  | 'timers';

export class InputLocator {
  private readonly tap: FlowTap;
  private readonly press: () => void;
  private place: Place = 'outside';
  /** The last look at the clock has a location. */
  private located = false;

  /** @param press takes the records out of `tap` */
  constructor(tap: FlowTap, press: () => void) {
    this.tap = tap;
    this.press = press;
  }

  loopBegan(): void {
    this.place = 'begun';
  }

  loopEnded(): void {
    this.place = 'outside';
  }

  /** A read of a device, a random number, DMA, or an interrupt line that is raised. */
  input(): void {
    if (this.tap.locate(this.place === 'guest')) this.press();
  }

  /** The clock is read (`microtick`): by an instruction, or by `main_loop` itself, or by HLT, which let the timers run then. */
  tick(): void {
    this.located = this.place === 'guest';
    if (this.located) this.tap.locate(true);
    else if (this.place === 'begun') this.place = 'guest';
  }

  timersBegan(): void {
    if (this.located) this.tap.unlocate();
    this.located = false;
    this.place = 'timers';
  }

  timersEnded(): void {
    if (this.tap.pressing) this.press();
    this.place = 'guest';
  }
}
