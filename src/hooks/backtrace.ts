/** A stack's return addresses. */
import type { GuestCpu } from '../guest/cpu.ts';
import type { GuestOs, ProcessInfo } from '../guest/os.ts';
import type { StackEntry } from './api.ts';

const DEFAULT = 16;
/** A frame is not larger than this, bytes: beyond, EBP is something else. */
const LARGEST = 1 << 20;

/**
 * The return address at ESP, if it is one, then those beside the saved frame pointers.
 * @param esp address of a return address: at a function's entry; undefined elsewhere
 */
export function backtrace(
  cpu: GuestCpu,
  os: GuestOs | undefined,
  process: ProcessInfo | undefined,
  esp: number | undefined,
  most = DEFAULT,
): readonly StackEntry[] {
  const found: StackEntry[] = [];
  const add = (address: number): void => {
    const symbol = os?.symbolAt(address, process);
    found.push({ address, symbol: symbol && `${symbol.module}!${symbol.name}` });
  };
  const first = esp === undefined ? undefined : cpu.memory.u32(esp);
  if (first !== undefined) add(first);
  let frame = cpu.ebp;
  let last = cpu.esp;
  while (found.length < most && frame >= last && frame - last < LARGEST) {
    const address = cpu.memory.u32(frame + 4);
    const next = cpu.memory.u32(frame);
    if (address === undefined || next === undefined || address === 0) break;
    add(address);
    last = frame + 4;
    frame = next;
  }
  return found.slice(0, most);
}
