/** A set of whole numbers that takes little memory where they come in runs. */
export class RangeSet {
  /** First and last number of each run, ascending; no two runs touch. */
  private readonly runs: [first: number, last: number][] = [];

  has(value: number): boolean {
    const run = this.runs[this.after(value) - 1];
    return run !== undefined && value <= run[1];
  }

  /** @returns false if it was there already */
  add(value: number): boolean {
    const { runs } = this;
    const at = this.after(value);
    const before = runs[at - 1];
    const behind = runs[at];
    if (before !== undefined && value <= before[1]) return false;
    const joinsBefore = before?.[1] === value - 1;
    const joinsBehind = behind?.[0] === value + 1;
    if (joinsBefore && joinsBehind) {
      before[1] = behind[1];
      runs.splice(at, 1);
    } else if (joinsBefore) before[1] = value;
    else if (joinsBehind) behind[0] = value;
    else runs.splice(at, 0, [value, value]);
    return true;
  }

  /** Index of the first run that begins behind `value`. */
  private after(value: number): number {
    let low = 0;
    let high = this.runs.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.runs[middle]![0] <= value) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
