/**
 * Compares what a process of the recorded Linux guest executed in user mode, by the control-flow log, with the path of the same
 * program under QEMU: instruction by instruction, to the last.
 *
 * What lies between two instructions of the process is the kernel's: every way into it must be one that is known here, and is
 * counted. Nothing else may be left out, twice or in another order.
 */
import { FlowKind, INSTRUCTIONS_MASK, KIND_SHIFT } from '../../src/engine/flow/area.ts';
import { ADJUSTMENT, type FlowChunk } from '../../src/trace/flow.ts';
import { auxiliaryLoop } from './qemu-packages.ts';
import type { QemuPath } from './qemu-path.ts';

/** What was compared. */
export interface PathTally {
  /** The process's CR3. */
  space: number;
  /** Instructions of QEMU's path that were found in the log, each in its place; one with REP counts once. */
  instructions: number;
  /** Blocks of the process in user mode, of both kinds. */
  blocks: number;
  interpreted: number;
  /** INT 0x80. */
  calls: number;
  /** Interrupts from outside: the process goes on where it was. */
  interrupts: number;
  /** Page faults: the process goes on with the instruction that faulted, … */
  pageFaults: number;
  /** … which is inside the block that was logged; so many instructions of these blocks, that one among them, were not executed; */
  cutInstructions: number;
  /** … or is the one after the block, and could not be fetched. */
  fetchFaults: number;
  /** Times that a REP instruction went on after an interrupt, a page fault, or by the engine's choice. */
  resumed: number;
  /** Further iterations of REP instructions in QEMU's path, which knows each. */
  iterations: number;
  /**
   * Instructions in the loop over the auxiliary vector, in the guest and under QEMU: the only ones that differ. Each follows
   * from the one before, and both enter and leave the loop at the same places, once.
   */
  auxiliary: number;
  auxiliaryUnderQemu: number;
  /** Entries of the guest's vector, with the one that ends it. */
  auxiliaryEntries: number;
  /** Interrupts and faults whose location in the log is where the process went on. */
  located: number;
  adjustments: number;
  /** Instructions that others executed in user mode from the process's first to its last. */
  others: number;
}

/** Linux: user space ends at CONFIG_PAGE_OFFSET, 3 GiB in Debian's kernels. */
const KERNEL = 0xc0000000;
const SYSTEM_CALL = 0x180;
const PAGE_FAULT = 14;
/** Vectors below are the processor's own. */
const EXCEPTIONS = 32;
const NOWHERE = -1;
const hex = (value: number): string => `0x${(value >>> 0).toString(16)}`;

class Follower {
  readonly tally: PathTally = {
    space: NOWHERE,
    instructions: 0,
    blocks: 0,
    interpreted: 0,
    calls: 0,
    interrupts: 0,
    pageFaults: 0,
    cutInstructions: 0,
    fetchFaults: 0,
    resumed: 0,
    iterations: 0,
    auxiliary: 0,
    auxiliaryUnderQemu: 0,
    auxiliaryEntries: 0,
    located: 0,
    adjustments: 0,
    others: 0,
  };
  private readonly path: QemuPath;
  /** In QEMU's path, of the next instruction. */
  private position = 0;
  private cr3 = NOWHERE;
  /** The last block in any address space was the kernel's. */
  private kernel = false;
  /** The process's last block, not compared yet: what comes next tells how much of it was executed. */
  private held = NOWHERE;
  private heldCount = 0;
  /** The process is in the kernel, which it has entered by a page fault. */
  private faulted = false;
  /** By the log's own word, where something came in; where the process goes on. */
  private location = NOWHERE;
  private resume = NOWHERE;
  /** The last instruction that was compared. */
  private last = NOWHERE;
  /** The process has ended, and another address space was loaded: its page directory may be another process's. */
  private gone = false;

  constructor(path: QemuPath) {
    this.path = path;
  }

  chunk({ words, count, asid }: FlowChunk): void {
    if (this.cr3 !== NOWHERE && this.cr3 !== asid >>> 0) this.fail(`a chunk begins with CR3 ${hex(asid)}`);
    this.cr3 = asid >>> 0;
    for (let i = 0; i < 2 * count; i += 2) this.record(words[i]!, words[i + 1]!);
  }

  private record(value: number, info: number): void {
    const kind = info >>> KIND_SHIFT;
    if (kind <= FlowKind.interpreted) {
      const count = info & INSTRUCTIONS_MASK;
      if (value >= KERNEL) this.inKernel();
      else this.inUserMode(value, count, kind);
    } else if (kind === FlowKind.interrupt) this.interrupt(value);
    else if (kind === FlowKind.addressSpace) this.load(value);
    else if (kind === FlowKind.location) this.location = value;
    else if (kind === ADJUSTMENT) this.tally.adjustments++;
  }

  private load(cr3: number): void {
    this.cr3 = cr3;
    const { addresses } = this.path;
    if (this.position === addresses.length && this.held === NOWHERE && cr3 !== this.tally.space)
      this.gone = true;
  }

  private inKernel(): void {
    this.kernel = true;
    if (this.held !== NOWHERE && !this.faulted)
      this.fail('the kernel is entered without an interrupt, an exception or a system call');
  }

  private inUserMode(address: number, count: number, kind: number): void {
    const { tally, path } = this;
    const begins = address === path.entry && this.kernel;
    this.kernel = false;
    if (tally.space === NOWHERE && begins) tally.space = this.cr3;
    else if (begins && (this.position > 0 || this.cr3 !== tally.space))
      this.fail('another such process begins');
    if (this.cr3 !== tally.space || this.gone) {
      if (tally.space !== NOWHERE && !this.gone) tally.others += count;
      return;
    }
    if (this.held !== NOWHERE) this.compare(this.faulted ? address : NOWHERE);
    if (this.resume !== NOWHERE && this.resume !== address)
      this.fail(`the process goes on at ${hex(address)}`);
    this.resume = NOWHERE;
    this.location = NOWHERE;
    this.faulted = false;
    if (count === 0) this.fail('a block without instructions');
    if (this.position === path.addresses.length) this.fail(`${hex(address)} after the end`);
    this.held = address;
    this.heldCount = count;
    tally.blocks++;
    if (kind === FlowKind.interpreted) tally.interpreted++;
  }

  /** The first one behind a block of the process is what it has entered the kernel by; the others are the kernel's. */
  private interrupt(value: number): void {
    if (this.held === NOWHERE || this.faulted) return;
    const { tally, location } = this;
    if (value === SYSTEM_CALL) {
      this.compare(NOWHERE);
      if (this.path.instructions.get(this.last)?.call !== true) this.fail('a system call without INT 0x80');
      if (location !== NOWHERE && location !== this.last) this.fail(`a system call at ${hex(location)}`);
      tally.calls++;
    } else if (value === PAGE_FAULT) {
      this.faulted = true;
      this.resume = location;
      tally.pageFaults++;
    } else if (value >= EXCEPTIONS && value < 256) {
      this.compare(NOWHERE);
      this.resume = location;
      tally.interrupts++;
    } else this.fail(`interrupt ${hex(value)}`);
    if (location !== NOWHERE) tally.located++;
  }

  /**
   * The block that is held must be what QEMU executes next.
   * @param again where the process went on after a page fault; NOWHERE if all of the block was executed
   */
  private compare(again: number): void {
    const { tally, path } = this;
    const { instructions } = path;
    let address = this.held;
    this.held = NOWHERE;
    for (let i = 0; i < this.heldCount; i++) {
      if (address === again) {
        tally.cutInstructions += this.heldCount - i;
        return;
      }
      const instruction = instructions.get(address) ?? this.fail(`${hex(address)}, which QEMU does not know`);
      if (this.inLoop(address)) this.loop(address);
      else if (instruction.rep && address === this.last && i === 0) tally.resumed++;
      else this.next(address, instruction.rep);
      this.last = address;
      // INT 0x80 is a block's end: the log has the interrupt behind it.
      if (instruction.call && i < this.heldCount - 1) this.fail('INT 0x80 inside a block');
      address += instruction.length;
    }
    if (again !== NOWHERE) tally.fetchFaults++;
  }

  private inLoop(address: number): boolean {
    return address - this.path.auxiliaryLoop >= 0 && address - this.path.auxiliaryLoop < auxiliaryLoop.length;
  }

  /** In the guest at its own pace; QEMU's way through the loop is gone all at once when the guest enters it. */
  private loop(address: number): void {
    const { tally, path } = this;
    const { addresses, auxiliaryLoop: base } = path;
    if (!this.inLoop(this.last)) {
      if (tally.auxiliary > 0 || address !== base)
        this.fail(`${hex(address)}, in the auxiliary vector's loop again`);
      if (addresses[this.position] !== base) this.fail(hex(address));
      for (; this.inLoop(addresses[this.position]!); this.position++) {
        this.follows(addresses[this.position]!, addresses[this.position + 1]!);
        tally.auxiliaryUnderQemu++;
      }
    } else this.follows(this.last, address);
    if (address === base) tally.auxiliaryEntries++;
    tally.auxiliary++;
  }

  private follows(address: number, next: number): void {
    const { auxiliaryLoop: base } = this.path;
    if (!auxiliaryLoop.successors.get(address - base)?.includes(next - base))
      this.fail(`${hex(next)} behind ${hex(address)}`);
  }

  private next(address: number, rep: boolean): void {
    const { addresses } = this.path;
    if (this.inLoop(this.last)) this.follows(this.last, address);
    if (addresses[this.position] !== address) this.fail(hex(address));
    this.position++;
    this.tally.instructions++;
    while (rep && addresses[this.position] === address) {
      this.position++;
      this.tally.iterations++;
    }
  }

  end(): PathTally {
    const { addresses, instructions } = this.path;
    if (this.tally.space === NOWHERE) this.fail('no such process');
    if (this.held !== NOWHERE || this.position < addresses.length) this.fail('the log ends');
    let calls = 0;
    for (const address of addresses) if (instructions.get(address)?.call) calls++;
    if (calls !== this.tally.calls) this.fail(`${calls} system calls under QEMU`);
    return this.tally;
  }

  private fail(what: string): never {
    const { path, position, last, tally } = this;
    const next = path.addresses[position];
    const expected =
      next === undefined ? 'nothing more' : `${hex(next)} ${path.instructions.get(next)?.text}`;
    throw new Error(
      `${what}: QEMU has ${expected}, its instruction ${position} of ${path.addresses.length}, behind that at ${hex(last)}; ` +
        JSON.stringify(tally),
    );
  }
}

/** Throws at the first difference. */
export function comparePath(flow: Iterable<FlowChunk>, path: QemuPath): PathTally {
  const follower = new Follower(path);
  for (const chunk of flow) follower.chunk(chunk);
  return follower.end();
}
