/** v86's saved states: whether one fits a machine, and what v86 forgets when it restores one. */
import { RebekError } from '../base/errors.ts';
import type { Machine } from '../machine/schema.ts';
import type { Pci, V86Cpu } from './v86-internals.ts';

/** v86's save file (state.js): four little-endian words, then JSON whose `state[0]` is the size of the RAM in bytes. */
export function checkState(state: ArrayBuffer, machine: Machine): void {
  const refuse = (message: string, hint: string): never => {
    throw new RebekError('ERR_ENGINE_STATE', message, { hint });
  };
  const view = new DataView(state);
  if (state.byteLength < 16 || view.getUint32(0, true) !== 0x8676_8676)
    refuse('the saved state is not a v86 state', 'Give a file that `rebek guest boot --save` wrote.');
  const [version, total, length] = [4, 8, 12].map((offset) => view.getUint32(offset, true));
  if (version !== 6) refuse(`the saved state has version ${version}, expected 6`, 'Save it again.');
  if (total !== state.byteLength)
    refuse(
      `the saved state has ${state.byteLength} bytes, expected ${total}`,
      'It is cut short: save it again.',
    );
  let memory: unknown;
  try {
    const json: unknown = JSON.parse(new TextDecoder().decode(new Uint8Array(state, 16, length)));
    memory = (json as { state?: unknown[] }).state?.[0];
  } catch (cause) {
    throw new RebekError('ERR_ENGINE_STATE', 'the saved state is damaged', { hint: 'Save it again.', cause });
  }
  if (memory !== machine.memory << 20) {
    const had = typeof memory === 'number' ? `${memory / (1 << 20)} MiB` : 'an unknown amount';
    refuse(
      `the saved state is of a machine with ${had} of memory, ${machine.name} has ${machine.memory} MiB`,
      'Restore it with the machine that it was saved from.',
    );
  }
}

/** Registers that v86 saves but, restoring, replaces on the JavaScript side instead of storing: address by name. */
const unrestored = {
  last_result: { address: 112, type: Int32Array },
  fpu_status_word: { address: 1040, type: Uint16Array },
  mxcsr: { address: 824, type: Int32Array },
} as const;

/**
 * Finishes what v86's restore begins: stores the registers above into linear memory, and makes the properties
 * views of it again, so that the next save does not save the old values (cpu.js, `set_state`).
 */
export function mendRestoredRegisters(cpu: V86Cpu): void {
  const record = cpu as unknown as Record<string, ArrayLike<number> | undefined>;
  for (const [name, { address, type }] of Object.entries(unrestored)) {
    const view = () => new type(cpu.wasm_memory.buffer, address, 1);
    const saved = record[name]?.[0];
    if (saved !== undefined) view()[0] = saved;
    Object.defineProperty(cpu, name, { get: view, set: () => {}, configurable: true });
  }
}

/**
 * Keeps v86's restore from failing over base address registers that lead nowhere: an IDE channel without drives
 * has the addresses of its ports all the same, until the guest's system looks for devices (pci.js, `set_state`).
 * @returns a function that makes the registers again what they were
 */
export function fillEmptyBars(pci: Pci): () => void {
  const filled: (() => void)[] = [];
  for (const { pci_bars: bars } of Object.values(pci.devices).filter((device) => device !== undefined)) {
    for (const [i, bar] of bars.entries()) {
      if (bar !== undefined) continue;
      // No ports: nothing is moved.
      bars[i] = { size: 0, original_bar: 0, entries: [] };
      filled.push(() => {
        bars[i] = undefined;
      });
    }
  }
  return () => {
    for (const empty of filled) empty();
  };
}
