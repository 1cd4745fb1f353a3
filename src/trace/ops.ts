/**
 * What an event of the nondeterministic log is: one crossing of the boundary between the CPU half (WASM) and
 * the device half of the machine, or a direct store of the device half into the CPU half's memory.
 * The table is the single source for the recorder, the replayer, the column codec, `dump` and FORMAT.md.
 */

/** Set in an op byte when other events follow inside the call, up to the matching `end`. */
export const NESTED = 0x80;

export const Op = {
  // Calls the CPU half makes (imports of the module) that return a value.
  microtick: 1,
  get_rand_int: 2,
  run_hardware_timers: 3,
  io_port_read8: 4,
  io_port_read16: 5,
  io_port_read32: 6,
  mmap_read8: 7,
  mmap_read32: 8,
  // Calls the CPU half makes that return nothing. Logged only if something happened inside ("quiet" otherwise).
  io_port_write8: 16,
  io_port_write16: 17,
  io_port_write32: 18,
  mmap_write8: 19,
  mmap_write16: 20,
  mmap_write32: 21,
  mmap_write64: 22,
  mmap_write128: 23,
  stop_idling: 24,
  cpu_event_halt: 25,
  console_log_from_wasm: 26,
  // Calls the device half makes (exports of the module).
  main_loop: 32,
  device_raise_irq: 33,
  device_lower_irq: 34,
  handle_irqs: 35,
  write8: 36,
  write16: 37,
  write32: 38,
  read8: 39,
  read16: 40,
  read32s: 41,
  zero_memory: 42,
  reset_cpu: 43,
  apic_timer: 44,
  set_tsc: 45,
  update_state_flags: 46,
  clear_tlb: 47,
  full_clear_tlb: 48,
  jit_clear_cache_js: 49,
  svga_mark_dirty: 50,
  svga_fill_pixel_buffer: 51,
  svga_allocate_dest_buffer: 52,
  store_current_tsc: 53,
  // Direct stores of the device half.
  dma: 64,
  patch: 65,
  vga_clear: 66,
  // Marks.
  end: 80,
  state_hash: 81,
} as const;
export type OpName = keyof typeof Op;
export type Op = (typeof Op)[OpName];

export type OpClass = 'input' | 'output' | 'call' | 'store' | 'mark';
/** The column that holds a call's result: `tick` is a time in ms, `check` the rolling check. */
export type ResultKind = 'none' | 'tick' | 'v8' | 'v16' | 'v32' | 'check';

export interface OpInfo {
  readonly name: OpName;
  readonly class: OpClass;
  /** Number of values in the `arg` column. */
  readonly args: number;
  /** Number of values in the `f64` column that are arguments. */
  readonly f64Args: number;
  readonly result: ResultKind;
}

const info = (
  name: OpName,
  opClass: OpClass,
  args = 0,
  result: ResultKind = 'none',
  f64Args = 0,
): readonly [number, OpInfo] => [Op[name], { name, class: opClass, args, f64Args, result }];

/** By op byte (without NESTED). An output's single argument is the port or the physical address. */
export const opInfo: ReadonlyMap<number, OpInfo> = new Map([
  info('microtick', 'input', 0, 'tick'),
  info('get_rand_int', 'input', 0, 'v32'),
  // Its result, the time to the next timer, goes back to the device half when the guest is idle, and nowhere else.
  info('run_hardware_timers', 'input'),
  info('io_port_read8', 'input', 1, 'v8'),
  info('io_port_read16', 'input', 1, 'v16'),
  info('io_port_read32', 'input', 1, 'v32'),
  info('mmap_read8', 'input', 1, 'v8'),
  info('mmap_read32', 'input', 1, 'v32'),
  info('io_port_write8', 'output', 1),
  info('io_port_write16', 'output', 1),
  info('io_port_write32', 'output', 1),
  info('mmap_write8', 'output', 1),
  info('mmap_write16', 'output', 1),
  info('mmap_write32', 'output', 1),
  info('mmap_write64', 'output', 1),
  info('mmap_write128', 'output', 1),
  info('stop_idling', 'output'),
  info('cpu_event_halt', 'output'),
  info('console_log_from_wasm', 'output'),
  info('main_loop', 'call', 0, 'check'),
  info('device_raise_irq', 'call', 1),
  info('device_lower_irq', 'call', 1),
  info('handle_irqs', 'call'),
  info('write8', 'call', 2),
  info('write16', 'call', 2),
  info('write32', 'call', 2),
  info('read8', 'call', 1),
  info('read16', 'call', 1),
  info('read32s', 'call', 1),
  info('zero_memory', 'call', 2),
  info('reset_cpu', 'call'),
  info('apic_timer', 'call', 0, 'none', 1),
  info('set_tsc', 'call', 2),
  info('update_state_flags', 'call'),
  info('clear_tlb', 'call'),
  info('full_clear_tlb', 'call'),
  info('jit_clear_cache_js', 'call'),
  info('svga_mark_dirty', 'call'),
  info('svga_fill_pixel_buffer', 'call', 2),
  info('svga_allocate_dest_buffer', 'call', 1),
  info('store_current_tsc', 'call'),
  info('dma', 'store', 2),
  info('patch', 'store', 2),
  info('vga_clear', 'store'),
  info('end', 'mark'),
  info('state_hash', 'mark', 2),
]);

/** Tables by op byte for loops over many events; index 0-127. 255 marks an unknown op. */
export const argCount = new Uint8Array(128).fill(255);
export const resultKind = new Array<ResultKind>(128).fill('none');
export const f64ArgCount = new Uint8Array(128);
for (const [op, i] of opInfo) {
  argCount[op] = i.args;
  resultKind[op] = i.result;
  f64ArgCount[op] = i.f64Args;
}

/** Bytes that a `state_hash` mark puts into the blob column: SHA-256 of the CPU part, then of a slice of RAM. */
export const STATE_HASH_BYTES = 64;
