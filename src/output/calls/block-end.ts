/** How a basic block ends: its instructions decoded, by iced-x86. */
import type { Decoder, Instruction } from 'iced-x86';

/** What the last instruction of a block does. */
export const BlockEnd = {
  /** Not known: its code could not be read, or is not what was executed. */
  unknown: 0,
  /** Execution goes on behind it: no branch. */
  next: 1,
  /** Jcc, LOOP, JCXZ. */
  branch: 2,
  jump: 3,
  indirectJump: 4,
  call: 5,
  indirectCall: 6,
  return: 7,
  /** INT n, INT3, INTO. */
  interrupt: 8,
  sysenter: 9,
  /** IRET, SYSEXIT. */
  leave: 10,
  /** As `jump` and `branch`, to where another function begins. */
  tailJump: 11,
  tailBranch: 12,
  /** As `call`, to a place inside the function that it is in. */
  innerCall: 13,
} as const;
export type BlockEnd = (typeof BlockEnd)[keyof typeof BlockEnd];

/** Longest instruction (Intel SDM vol. 2A, 2.3.11). */
const LONGEST = 15;

type Iced = typeof import('iced-x86');

/** Decodes blocks; what it has found of the last one is in its fields. */
export class BlockDecoder {
  end: BlockEnd = BlockEnd.unknown;
  /** Bytes of the block. */
  bytes = 0;
  /** Where its last instruction begins, bytes from the block's beginning. */
  last = 0;
  /** Where a relative branch leads, as bytes from the block's beginning, modulo 2^32; 0 for others. */
  target = 0;

  private readonly iced: Iced;
  private readonly instruction: Instruction;

  private constructor(iced: Iced) {
    this.iced = iced;
    this.instruction = new iced.Instruction();
  }

  /** The package is loaded here: that takes a while, and most commands do not need it. */
  static async create(): Promise<BlockDecoder> {
    return new BlockDecoder(await import('iced-x86'));
  }

  /**
   * @param code begins with the block, and may go on behind it
   * @param count instructions of the block
   * @param bits of its code segment
   * @returns false if these are not so many instructions of which only the last may branch
   */
  decode(code: Uint8Array, count: number, bits: 16 | 32): boolean {
    const { iced, instruction } = this;
    this.end = BlockEnd.unknown;
    this.bytes = this.last = this.target = 0;
    // The decoder takes a copy.
    const part = code.subarray(0, Math.min(code.length, count * LONGEST));
    const decoder: Decoder = new iced.Decoder(bits, part, iced.DecoderOptions.None);
    try {
      for (let i = 0; i < count; i++) {
        if (!decoder.canDecode) return false;
        decoder.decodeOut(instruction);
        if (instruction.code === iced.Code.INVALID) {
          // One that is in no book makes an exception, and ends the block.
          if (i < count - 1 || decoder.lastError === iced.DecoderError.NoMoreBytes) return false;
        }
        this.last = this.bytes;
        this.bytes += instruction.length;
        if (i < count - 1 && branches(iced, instruction)) return false;
      }
    } finally {
      decoder.free();
    }
    this.classify(bits);
    return true;
  }

  private classify(bits: 16 | 32): void {
    const { iced, instruction } = this;
    const { FlowControl, Code } = iced;
    const near = (end: BlockEnd): void => {
      this.end = end;
      const { nearBranchTarget } = instruction;
      this.target = Number(nearBranchTarget) | 0;
      // The block is at 0 for the decoder, and IP of 16 bits wraps around there.
      if (bits === 16) this.target = (this.target << 16) >> 16;
    };
    switch (instruction.flowControl) {
      case FlowControl.UnconditionalBranch:
        if (instruction.isJmpFar) this.end = BlockEnd.indirectJump;
        else near(BlockEnd.jump);
        break;
      case FlowControl.ConditionalBranch:
        near(BlockEnd.branch);
        break;
      case FlowControl.IndirectBranch:
        this.end = BlockEnd.indirectJump;
        break;
      case FlowControl.IndirectCall:
        this.end = BlockEnd.indirectCall;
        break;
      case FlowControl.Call:
        if (instruction.code === Code.Sysenter) this.end = BlockEnd.sysenter;
        else if (instruction.isCallFar) this.end = BlockEnd.indirectCall;
        else if (instruction.isCallNear) near(BlockEnd.call);
        else this.end = BlockEnd.next;
        break;
      case FlowControl.Return:
        this.end = LEAVES.has(Code[instruction.code]!) ? BlockEnd.leave : BlockEnd.return;
        break;
      case FlowControl.Interrupt:
        this.end = BlockEnd.interrupt;
        break;
      default:
        this.end = BlockEnd.next;
    }
  }
}

const LEAVES = new Set(['Iretw', 'Iretd', 'Sysexitd', 'Rsm']);

/** Ends a block wherever it is. */
function branches({ FlowControl }: Iced, { flowControl }: Instruction): boolean {
  switch (flowControl) {
    case FlowControl.UnconditionalBranch:
    case FlowControl.ConditionalBranch:
    case FlowControl.IndirectBranch:
    case FlowControl.IndirectCall:
    case FlowControl.Return:
      return true;
    default:
      return false;
  }
}
