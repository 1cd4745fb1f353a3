/**
 * Where the CPU half keeps its state in linear memory. The addresses are constants of v86's source
 * (`global_pointers.rs`) and hold for the engine version named here, which package.json pins.
 */

/** The npm version of v86 whose boundary, state layout and device half this build of Rebek knows. */
export const ENGINE_VERSION = '0.5.462';

/** Byte addresses in linear memory. */
export const At = {
  /** 8 × i32: EAX ECX EDX EBX ESP EBP ESI EDI. */
  reg32: 64,
  /** Lazy: arithmetic bits may be pending; the export `get_eflags` gives the true value. */
  flags: 120,
  instructionPointer: 556,
  previousIp: 560,
  /** Limit, then base, of the interrupt descriptor table. */
  idtr: 564,
  /** Limit, then base, of the global descriptor table. */
  gdtr: 572,
  /** 8 × i32, CR0 first. */
  cr: 580,
  cpl: 612,
  inHlt: 616,
  /** MSR IA32_SYSENTER_EIP. */
  sysenterEip: 644,
  /** u32, wraps; set to 0 by `reset_cpu`. */
  instructionCounter: 664,
  /** 8 × u16: ES CS SS DS FS GS TR LDTR. */
  sreg: 668,
  segmentOffsets: 736,
  segmentLimits: 768,
  protectedMode: 800,
  is32: 804,
  stackSize32: 808,
  memorySize: 812,
} as const;

/** The part of linear memory that holds CPU registers: from reg32 up to the end of the FPU stack. */
export const CPU_BLOCK = { start: 64, end: 1280 } as const;

/** Bytes of the interrupt controllers' structures, by the export that gives each one's address. */
export const INTERRUPT_CONTROLLERS = [
  ['get_pic_addr_master', 13],
  ['get_pic_addr_slave', 13],
  ['get_apic_addr', 184],
  ['get_ioapic_addr', 208],
] as const;

/** Slots of the function table before those of generated code, and the number of the latter. */
export const TABLE_RESERVED = 1024;
export const TABLE_JIT = 900;

/** Physical addresses [start, end) of the legacy VGA window: the only hole below the end of RAM. */
export const VGA_WINDOW = { start: 0xa0000, end: 0xc0000 } as const;
/** A BIOS's second image: reads and writes there go to RAM at `address & 0xfffff`, through the device half. */
export const BIOS_WINDOW_START = 0xfff00000;
/** The Bochs display interface's data port: enabling a mode through it clears the linear frame buffer. */
export const VBE_DATA_PORT = 0x1cf;
/** The port that Bochs made the emulators' debug console: nothing on a real PC. */
export const DEBUG_PORT = 0xe9;
