/**
 * The flow log's data: a few MiB of linear memory into which the engine writes what it executes, record by record. The host
 * empties it between two calls of the engine's.
 */

/** What a record stands for: bits 16 to 23 of its second word. */
export const FlowKind = {
  /** A basic block of generated code; the first word is its guest virtual address. */
  block: 0,
  /** The same, of interpreted code. */
  interpreted: 1,
  /** An interrupt or exception is delivered; the vector, and bit 8 if it is a software interrupt. */
  interrupt: 2,
  /** IRET is executed; a fault in it follows. */
  iret: 3,
  /** SYSENTER is. */
  sysenter: 4,
  /** SYSEXIT is. */
  sysexit: 5,
  /** A move to CR3 was executed; its new value. */
  addressSpace: 6,
  /** Where the CPU is when something comes in: EIP of the instruction that takes it, or of the next one. Written by the host. */
  location: 8,
} as const;
export type FlowKind = (typeof FlowKind)[keyof typeof FlowKind];

/** The bits of a record's second word that hold the number of instructions. */
export const INSTRUCTIONS_MASK = 0xffff;
export const KIND_SHIFT = 16;
/** Bytes of a record: two words. */
export const RECORD_BYTES = 8;

/** Offsets in the area, bytes. */
export const Area = {
  /** u32: where in linear memory the next record goes. */
  cursor: 0,
  /**
   * u32: EIP of the instruction of generated code that is executed, while it may take something in and EIP in memory is not up
   * to date; otherwise NO_EIP.
   */
  eip: 4,
  records: 64,
} as const;

/** In the place of an address. */
export const NO_EIP = -1;

/**
 * Records that fit. The engine comes back to its host after some 100,000 instructions, each a record at the most, and the rest of the
 * generated code that it is in.
 */
export const CAPACITY = 1 << 20;
/** Size of the area; a multiple of WebAssembly's pages. */
export const AREA_BYTES = Math.ceil((Area.records + CAPACITY * RECORD_BYTES) / 65536) * 65536;
