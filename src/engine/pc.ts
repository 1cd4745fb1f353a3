/**
 * A live PC: v86 assembled from a machine description, started with or without a BIOS, and reduced to what the
 * rest of Rebek uses. It knows nothing of recording: whoever owns the boundary passes `wasmFn`.
 *
 * v86's public interface (v86.d.ts) has no boot clock, no fixed MAC address, no frames in both directions and
 * no way to keep its network from fetching. For those this file reaches into objects that `internals` has checked.
 */
import { fileURLToPath } from 'node:url';
import { V86, type V86Options } from 'v86';
import { RebekError } from '../base/errors.ts';
import type { ImageRole, Images } from '../machine/images.ts';
import type { Machine } from '../machine/schema.ts';
import { DEBUG_PORT } from './layout.ts';
import { enterLinux } from './linux-boot.ts';
import { checkState, fillEmptyBars, mendRestoredRegisters } from './saved-state.ts';
import { type Internals, internals, type Uart, type V86Cpu } from './v86-internals.ts';

/** Owns the boundary: gets the imports that `v86.wasm` wants, gives back an instance's exports (or stand-ins). */
export type WasmFn = (imports: WebAssembly.Imports) => Promise<WebAssembly.Exports>;

export interface PcOptions {
  /** Instantiates the WASM half. Without it v86 loads its own binary in its own way. */
  readonly wasmFn?: WasmFn;
  /**
   * An uncompressed state from `Pc.saveState` of the same machine: the PC goes on from there. The kernel is not
   * loaded; disks must be given again, since the state holds only what was written to them.
   */
  readonly initialState?: ArrayBuffer;
}

/** Why a PC will run no further by itself. */
export type HaltReason =
  /** `hlt` with interrupts off: what an operating system without power management ends in. */
  | 'halt'
  /** The guest reset the machine, and there is no BIOS to start it again. The PC has been stopped. */
  | 'reset';
export type FrameDirection = 'in' | 'out';
/** @see Pc.onDebugPort */
export type DebugPortListener = (value: number, bytes: 1 | 2 | 4) => void;
type Off = () => void;

/** A running or stopped PC. Every `on…` returns a function that takes the listener off again. */
export interface Pc {
  /** The raw v86 CPU object, for whoever records, inspects or measures. */
  readonly cpu: V86Cpu;
  /**
   * Starts, or goes on. Guest code runs in slices between this process's other events. After a halt for
   * `reset` there is nothing to run.
   */
  run(): void;
  /** Ends with the slice that is running; resolves when no guest code will run any more. */
  stop(): Promise<void>;
  /**
   * The whole machine as v86 writes it, uncompressed (about the RAM in use plus device state). May be called at
   * any time: it happens between two slices of guest code. Serial input that the guest has not fetched from the UART
   * and open connections of the user-mode network are not part of it.
   */
  saveState(): Promise<ArrayBuffer>;
  /** A byte that the guest wrote to a serial port (0 is the first). */
  onSerial(callback: (port: number, byte: number) => void): Off;
  /**
   * Types bytes at a serial port. They are handed to the UART a FIFO's worth (16) at a time, the next when the
   * guest has taken the last: a long paste is then not lost in the guest's driver.
   * @throws RebekError ERR_ENGINE_SERIAL where the machine has no such port.
   */
  sendSerial(port: number, bytes: Uint8Array): void;
  /**
   * A write to I/O port 0xE9, where guests report to whoever emulates them. `value` is unsigned and `bytes` wide;
   * its lowest byte is the first. Called from inside the emulator, for every write: be quick.
   */
  onDebugPort(callback: DebugPortListener): Off;
  /** An Ethernet frame, without its checksum, before the other side sees it (`out`) or just after (`in`). A copy. */
  onFrame(callback: (direction: FrameDirection, frame: Uint8Array) => void): Off;
  /** Delivers an Ethernet frame to the guest's NIC. */
  sendFrame(frame: Uint8Array): void;
  /** The guest has come to an end; called once for each halt, from inside the emulator: do not stop it here, do so later. */
  onHalt(callback: (reason: HaltReason) => void): Off;
  /** Stops, and frees timers and listeners. The PC is of no use afterwards. */
  destroy(): Promise<void>;
}

/**
 * Builds a PC, stopped before its first instruction.
 *
 * The PC takes over the images' buffers: what the guest writes to a disk goes into that buffer, never to the file.
 * @throws RebekError ERR_ENGINE_LAYOUT when the installed v86 is not the one that this code knows,
 *   ERR_ENGINE_STATE when `initialState` does not fit.
 */
export async function createPc(machine: Machine, images: Images, options: PcOptions = {}): Promise<Pc> {
  const { initialState } = options;
  if (initialState !== undefined) checkState(initialState, machine);
  const emulator = await start(machine, images, options);
  const inner = internals(emulator, machine);
  const { cpu } = inner.v86;
  contain(inner);
  if (initialState === undefined) {
    setClock(cpu, machine);
    setMac(inner, machine);
    if (machine.boot.kind === 'linux') enterLinux(cpu);
  } else {
    mendRestoredRegisters(cpu);
  }
  return new LivePc(emulator, inner, machine);
}

/** Constructs v86 and waits until it has loaded. What `wasmFn` throws is thrown here: v86 itself would lose it. */
function start(machine: Machine, images: Images, options: PcOptions): Promise<V86> {
  const { wasmFn } = options;
  return new Promise<V86>((resolve, reject) => {
    const settings = v86Options(machine, images, options.initialState);
    if (wasmFn === undefined) {
      settings.wasm_path = fileURLToPath(new URL('v86.wasm', import.meta.resolve('v86')));
    } else {
      settings.wasm_fn = (imports) =>
        wasmFn(imports).catch((error: unknown) => {
          reject(error);
          return new Promise<never>(() => {});
        });
    }
    const emulator = new V86(settings as V86Options);
    if (options.initialState !== undefined) guardRestore(emulator, reject);
    emulator.add_listener('emulator-loaded', () => resolve(emulator));
  });
}

/** v86 restores a state from a timer of its own, where nobody could catch what it throws. */
function guardRestore(emulator: V86, fail: (error: RebekError) => void): void {
  emulator.add_listener('emulator-ready', () => {
    const { v86 } = emulator as unknown as Internals;
    const restore = v86.restore_state.bind(v86);
    v86.restore_state = (state) => {
      const undo = fillEmptyBars(v86.cpu.devices.pci);
      try {
        restore(state);
      } catch (cause) {
        const hint = 'Save it again.';
        fail(new RebekError('ERR_ENGINE_STATE', 'v86 cannot restore the saved state', { hint, cause }));
      } finally {
        undo();
      }
    };
  });
}

function v86Options(machine: Machine, images: Images, initialState: ArrayBuffer | undefined) {
  const mib = 1 << 20;
  const image = (role: ImageRole) => {
    const found = images[role];
    return found === undefined ? undefined : { buffer: found.data };
  };
  const { boot, nic, serial } = machine;
  const settings: Record<string, unknown> & Pick<V86Options, 'wasm_path' | 'wasm_fn'> = {
    memory_size: machine.memory * mib,
    vga_memory_size: machine.vgaMemory * mib,
    uart1: serial > 1,
    uart2: serial > 2,
    uart3: serial > 3,
    acpi: machine.acpi,
    disable_jit: !machine.jit,
    // Adapters for a browser's keyboard, mouse and sound; the emulated devices are there all the same.
    disable_keyboard: true,
    disable_mouse: true,
    disable_speaker: true,
    autostart: false,
    // v86 takes any other type as "no NIC"; leaving the option out would mean an NE2000.
    net_device:
      nic.model === 'none' ? { type: 'none' } : { type: nic.model, relay_url: 'fetch', dns_method: 'static' },
    // Without this, v86 restores a saved NE2000 without its packet memory and gives it a new address.
    preserve_mac_from_state_image: true,
  };
  if (boot.kind === 'bios') {
    settings['bios'] = image('bios');
    settings['vga_bios'] = image('vgaBios');
    settings['boot_order'] = bootOrder(boot.order);
    settings['cdrom'] = image('cdrom');
    settings['hda'] = image('disk');
    settings['hdb'] = image('disk2');
    settings['fda'] = image('floppy');
  }
  if (initialState !== undefined) {
    settings['initial_state'] = { buffer: initialState };
  } else if (boot.kind === 'linux') {
    // v86 fills in the set-up header in place: leave the caller's kernel as it was read.
    settings['bzimage'] = { buffer: images.kernel?.data.slice(0) };
    settings['initrd'] = image('initrd');
    settings['cmdline'] = boot.cmdline;
  } else if (boot.kind === 'multiboot') {
    settings['multiboot'] = image('multiboot');
    settings['initrd'] = image('initrd');
    settings['cmdline'] = boot.cmdline;
  }
  return settings;
}

/** v86's boot order (rtc.js): a nibble a drive, the first drive lowest; 1 floppy, 2 disk, 3 CD. */
function bootOrder(order: readonly ('floppy' | 'disk' | 'cdrom')[]): number {
  const code = { floppy: 1, disk: 2, cdrom: 3 } as const;
  return order.reduce((value, drive, i) => value | (code[drive] << (4 * i)), 0);
}

/**
 * Nothing that the guest sends reaches a real network. v86's stack answers DHCP, ARP, DNS (one fixed address),
 * NTP, UDP echo and ping by itself; its only way out is HTTP through the host's `fetch`. No TCP connection
 * from the guest is accepted (it sees a reset), and should one be, there is nothing to fetch with.
 */
function contain(inner: Internals): void {
  const adapter = inner.network_adapter;
  if (adapter === undefined) return;
  inner.bus.listeners['tcp-connection'] = [];
  adapter.fetch = () => Promise.reject(new Error('no network'));
}

/** The RTC's time at power-on; from there it goes on with the host's clock (rtc.js). */
function setClock(cpu: V86Cpu, machine: Machine): void {
  if (machine.clock === 'host') return;
  cpu.devices.rtc.rtc_time = Date.parse(machine.clock);
  cpu.devices.rtc.last_update = Date.now();
}

/** v86 draws half the MAC address from Math.random; give the card, its PROM and the network the machine's instead. */
function setMac(inner: Internals, machine: Machine): void {
  const { net, virtio_net } = inner.v86.cpu.devices;
  const nic = net ?? virtio_net;
  if (nic === undefined) return;
  const mac = Uint8Array.from(machine.nic.mac.split(':'), (byte) => Number.parseInt(byte, 16));
  nic.mac = mac;
  if (net?.memory !== undefined) {
    for (const [i, byte] of mac.entries()) net.memory.fill(byte, 2 * i, 2 * i + 2);
  }
  inner.emulator_bus.send('net0-mac', machine.nic.mac);
}

/** How much serial input the UART is given ahead of the guest, in bytes: a 16550's FIFO. */
const uartFifo = 16;

class LivePc implements Pc {
  readonly cpu: V86Cpu;
  private readonly emulator: V86;
  private readonly inner: Internals;
  private readonly hasBios: boolean;
  private readonly serialListeners = new Set<(port: number, byte: number) => void>();
  private readonly frameListeners = new Set<(direction: FrameDirection, frame: Uint8Array) => void>();
  private readonly haltListeners = new Set<(reason: HaltReason) => void>();
  private readonly debugListeners = new Set<DebugPortListener>();
  private readonly uarts: (Uart | undefined)[];
  private readonly typed: number[][] = [[], [], [], []];
  private pump: NodeJS.Timeout | undefined;
  private wasReset = false;

  constructor(emulator: V86, inner: Internals, machine: Machine) {
    this.emulator = emulator;
    this.inner = inner;
    this.cpu = inner.v86.cpu;
    this.hasBios = machine.boot.kind === 'bios';
    const { uart0, uart1, uart2, uart3 } = this.cpu.devices;
    this.uarts = [uart0, uart1, uart2, uart3];
    this.listen();
  }

  private listen(): void {
    const { bus, emulator_bus } = this.inner;
    for (const port of this.uarts.keys()) {
      const heard = (byte: number): void => {
        for (const callback of this.serialListeners) callback(port, byte);
      };
      bus.register(`serial${port}-output-byte`, heard, undefined);
    }
    // Ahead of v86's own stack, which answers within its listener: the question must come before the answer.
    const out = (frame: Uint8Array): void => this.frame('out', frame);
    const listeners = bus.listeners['net0-send'] ?? [];
    bus.listeners['net0-send'] = [{ fn: out, this_value: undefined }, ...listeners];
    emulator_bus.register('net0-receive', (frame: Uint8Array) => this.frame('in', frame), undefined);
    bus.register('cpu-event-halt', () => this.halted('halt'), undefined);
    const report = (bytes: 1 | 2 | 4, mask: number) => (value: number) => {
      for (const callback of this.debugListeners) callback((value & mask) >>> 0, bytes);
    };
    // v86 has a port there that takes single bytes and drops them.
    this.cpu.io.register_write(DEBUG_PORT, this, report(1, 0xff), report(2, 0xffff), report(4, -1));
    if (!this.hasBios) {
      // The reset vector holds nothing: the guest would run through empty memory for ever.
      this.cpu.reboot_internal = () => {
        // Linux tries again until the slice is over: tell it once.
        if (this.wasReset) return;
        this.wasReset = true;
        void this.emulator.stop();
        this.halted('reset');
      };
    }
  }

  private frame(direction: FrameDirection, frame: Uint8Array): void {
    if (this.frameListeners.size === 0) return;
    const copy = frame.slice();
    for (const callback of this.frameListeners) callback(direction, copy);
  }

  private halted(reason: HaltReason): void {
    for (const callback of this.haltListeners) callback(reason);
  }

  run(): void {
    if (this.wasReset) return;
    void this.emulator.run();
  }

  stop(): Promise<void> {
    return this.emulator.stop();
  }

  async saveState(): Promise<ArrayBuffer> {
    // The caller may be a listener, which runs inside a slice.
    await new Promise((resolve) => setImmediate(resolve));
    // Flags that v86 still keeps as "the last result" do not survive its restore: work them out first.
    this.cpu.flags[0] = this.cpu.get_eflags();
    this.cpu.flags_changed[0] = 0;
    return this.emulator.save_state();
  }

  onSerial(callback: (port: number, byte: number) => void): Off {
    return subscribe(this.serialListeners, callback);
  }

  onFrame(callback: (direction: FrameDirection, frame: Uint8Array) => void): Off {
    return subscribe(this.frameListeners, callback);
  }

  onDebugPort(callback: DebugPortListener): Off {
    return subscribe(this.debugListeners, callback);
  }

  onHalt(callback: (reason: HaltReason) => void): Off {
    return subscribe(this.haltListeners, callback);
  }

  sendFrame(frame: Uint8Array): void {
    this.inner.bus.send('net0-receive', frame.slice());
  }

  sendSerial(port: number, bytes: Uint8Array): void {
    const queue = this.typed[port];
    if (queue === undefined || this.uarts[port] === undefined) {
      const count = this.uarts.filter((uart) => uart !== undefined).length;
      throw new RebekError('ERR_ENGINE_SERIAL', `no serial port ${port}: the machine has ${count}, from 0`);
    }
    for (const byte of bytes) queue.push(byte);
    this.type();
  }

  /** Gives each UART what its FIFO has room for, and comes back for the rest. */
  private type(): void {
    let left = false;
    for (const [port, uart] of this.uarts.entries()) {
      const queue = this.typed[port] ?? [];
      if (uart === undefined || queue.length === 0) continue;
      const room = uartFifo - uart.input.length;
      for (const byte of queue.splice(0, Math.max(0, room))) this.inner.bus.send(`serial${port}-input`, byte);
      left ||= queue.length > 0;
    }
    this.pump = left && this.pump === undefined ? setTimeout(() => this.retype(), 1) : this.pump;
  }

  private retype(): void {
    this.pump = undefined;
    this.type();
  }

  async destroy(): Promise<void> {
    clearTimeout(this.pump);
    for (const queue of this.typed) queue.length = 0;
    await this.emulator.destroy();
    const { serialListeners, frameListeners, haltListeners, debugListeners } = this;
    for (const set of [serialListeners, frameListeners, haltListeners, debugListeners]) set.clear();
  }
}

function subscribe<T>(listeners: Set<T>, callback: T): Off {
  listeners.add(callback);
  return () => listeners.delete(callback);
}
