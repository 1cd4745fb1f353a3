/**
 * The probes' data: a few MiB of linear memory behind everything that is the guest's or the engine's. Generated code and
 * the interpreter read it; only the host writes it, so that a hook is armed by storing a byte.
 */

/** Events that a probe can report, by the index of the byte that asks for them. */
export const ProbeEvent = {
  /** Before an interrupt or exception is delivered. */
  interrupt: 0,
  /** After IRET. */
  iret: 1,
  /** After SYSENTER. */
  sysenter: 2,
  /** After SYSEXIT. */
  sysexit: 3,
  /** After a MOV to a control register. */
  controlRegister: 4,
} as const;
export type ProbeEventName = keyof typeof ProbeEvent;

/** Bits of a virtual address that index the map of armed addresses: the rest is compared by the host. */
export const MAP_BITS = 22;

/** Offsets in the area, bytes. */
export const Area = {
  events: 0,
  /** Not 0: code is generated with a probe before every instruction. */
  everyInstruction: 16,
  /** u32: the instruction count at the last instruction of generated code that may bring about an event. */
  count: 20,
  /** The names by which generated code imports the host's functions. */
  hitName: 32,
  /** Bytes: not 0 where an address with these low bits is armed. */
  map: 4096,
  /** Bytes by the low 20 bits of physical addresses: code generated there has a probe in the middle of a block, too. */
  physical: 4096 + (1 << MAP_BITS),
  /** The same by the low 12 bits, for addresses whose page is not known. */
  low: 4096 + (1 << MAP_BITS) + (1 << 20),
  /** Bytes by the number of the physical page: code has been generated for it. */
  pages: 8192 + (1 << MAP_BITS) + (1 << 20),
} as const;

/** v86 has at most 2 GiB of RAM. */
const PAGES = 1 << 19;
/** Size of the area; a multiple of WebAssembly's pages. */
export const AREA_BYTES = Math.ceil((Area.pages + PAGES) / 65536) * 65536;

export const HIT_NAME = 'rebek_hit';
