/** Numbers, many of them, added one by one. */

/** More context switches than this are not kept, so that no guest can take all memory: 100 MB. */
export const MOST_SWITCHES = 1 << 23;
const FIRST_CAPACITY = 1 << 12;

/** Who ran from when on. Full, it says that nobody is known from there on. */
export class SwitchList {
  private at = new Float64Array(FIRST_CAPACITY);
  private who = new Uint32Array(FIRST_CAPACITY);
  private count = 0;
  private readonly most: number;

  constructor(most = MOST_SWITCHES) {
    this.most = most;
  }

  get full(): boolean {
    return this.count >= this.most;
  }

  /** @param instruction not below that of the last one */
  add(instruction: number, who: number): void {
    if (this.full) return;
    if (this.count > 0 && this.who[this.count - 1] === who) return;
    if (this.count > 0 && this.at[this.count - 1] === instruction) this.count--;
    if (this.count === this.at.length) this.grow();
    this.at[this.count] = instruction;
    this.who[this.count++] = this.count === this.most ? 0 : who;
  }

  private grow(): void {
    const [at, who] = [this.at, this.who];
    this.at = new Float64Array(2 * at.length);
    this.who = new Uint32Array(2 * who.length);
    this.at.set(at);
    this.who.set(who);
  }

  done(): { at: Float64Array; who: Uint32Array } {
    return { at: this.at.slice(0, this.count), who: this.who.slice(0, this.count) };
  }
}
