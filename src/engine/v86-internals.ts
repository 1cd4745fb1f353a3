/**
 * What Rebek uses of v86's inner objects, beyond its public interface: their property names are kept by the
 * published build (v86 does not mangle properties). Each is checked before use, so that another build is refused at
 * start instead of running wrongly.
 */
import type { V86 } from 'v86';
import { RebekError } from '../base/errors.ts';
import type { Machine } from '../machine/schema.ts';
import type { BootCpu } from './linux-boot.ts';

/** v86's message bus (bus.js): `send` reaches the listeners of the other end. */
interface Bus {
  readonly listeners: Record<string, { fn: (value: never) => void; this_value: unknown }[] | undefined>;
  register(name: string, fn: (value: never) => void, thisValue: unknown): void;
  send(name: string, value: unknown): void;
}
/** v86's UART (uart.js); `input` is its receive queue, without a limit. */
export interface Uart {
  readonly input: number[];
}
interface Nic {
  mac: Uint8Array;
  /** NE2000: the card's own memory, which begins with the address PROM, each byte twice. */
  readonly memory?: Uint8Array;
}
interface PciBar {
  readonly size: number;
  readonly original_bar: number;
  readonly entries: readonly unknown[];
}
/** v86's PCI bus (pci.js): its devices by their numbers, with holes. */
export interface Pci {
  readonly devices: Readonly<Record<number, { readonly pci_bars: (PciBar | undefined)[] } | undefined>>;
}
/** v86's CPU object: its views of the WASM memory and the devices. For the layout, see v86's cpu.js. */
export interface V86Cpu extends BootCpu {
  readonly io: BootCpu['io'] & {
    /** Takes over a port; `this` of the functions, one for each width, is `device` (io.js). */
    register_write(
      port: number,
      device: object,
      write8: (value: number) => void,
      write16: (value: number) => void,
      write32: (value: number) => void,
    ): void;
  };
  readonly wasm_memory: WebAssembly.Memory;
  readonly instruction_counter: Uint32Array;
  readonly devices: {
    readonly rtc: { rtc_time: number; last_update: number };
    readonly pci: Pci;
    readonly net?: Nic;
    readonly virtio_net?: Nic;
    readonly uart0: Uart;
    readonly uart1?: Uart;
    readonly uart2?: Uart;
    readonly uart3?: Uart;
  };
  get_eflags(): number;
  reboot_internal(): void;
}
/** v86's user-mode TCP/IP stack (fetch_network.js). */
interface NetworkAdapter {
  fetch: (...args: unknown[]) => Promise<never>;
}
/** What v86.d.ts leaves out of the emulator object. */
export interface Internals {
  readonly v86: { readonly cpu: V86Cpu; restore_state: (state: ArrayBuffer) => void };
  readonly bus: Bus;
  readonly emulator_bus: Bus;
  readonly network_adapter?: NetworkAdapter;
}

/** The emulator's inner objects, after checking that this build of v86 has every property this file uses. */
export function internals(emulator: V86, machine: Machine): Internals {
  const inner = emulator as unknown as Internals;
  const missing: string[] = [];
  const need = (path: string, present: boolean): void => {
    if (!present) missing.push(path);
  };
  const cpu = inner.v86?.cpu;
  need('v86.cpu', cpu !== undefined);
  need('bus.listeners', typeof inner.bus?.listeners === 'object');
  need('emulator_bus.send', typeof inner.emulator_bus?.send === 'function');
  if (cpu !== undefined) {
    for (const name of ['write_blob', 'update_state_flags', 'get_eflags', 'reboot_internal'] as const)
      need(`cpu.${name}`, typeof cpu[name] === 'function');
    for (const name of [
      'reg32',
      'mem8',
      'flags',
      'flags_changed',
      'segment_access_bytes',
      'wasm_memory',
    ] as const)
      need(`cpu.${name}`, typeof cpu[name] === 'object');
    need('v86.restore_state', typeof inner.v86.restore_state === 'function');
    need('cpu.io.port_write8', typeof cpu.io?.port_write8 === 'function');
    need('cpu.io.register_write', typeof cpu.io?.register_write === 'function');
    need('cpu.devices.rtc.rtc_time', typeof cpu.devices?.rtc?.rtc_time === 'number');
    need('cpu.devices.pci.devices', typeof cpu.devices?.pci?.devices === 'object');
    need('cpu.devices.uart0.input', Array.isArray(cpu.devices?.uart0?.input));
    if (machine.nic.model !== 'none') {
      need('network_adapter.fetch', typeof inner.network_adapter?.fetch === 'function');
      const nic = cpu.devices.net ?? cpu.devices.virtio_net;
      need('cpu.devices.(virtio_)net.mac', nic?.mac?.length === 6);
    }
  }
  if (missing.length > 0) {
    throw new RebekError('ERR_ENGINE_LAYOUT', `the installed v86 has no ${missing.join(', no ')}`, {
      hint: 'Install the exact version of v86 that Rebek asks for (npm ci).',
      details: { missing },
    });
  }
  return inner;
}
