/** Where in the kernel something happens to threads. */
import type { GuestCpu } from '../cpu.ts';
import type { WatchPoint } from '../os.ts';
import type { KernelSymbols } from './symbols.ts';

/**
 * - kernel/sched/core.c: `finish_task_switch` is the first function that the next thread calls after it has become the current
 *   one (`schedule_tail` calls it in a new thread); `wake_up_new_task` has the new task in EAX
 * - kernel/exit.c: `do_exit`; `make_task_dead`, which calls it, is entered where the kernel itself kills
 * - fs/exec.c: at `finalize_exec`, the address space with its arguments, name and credentials are the new program's; before
 *   4.18 at `start_thread` (arch/x86/kernel/process_32.c)
 */
export function watchPoints(
  cpu: GuestCpu,
  symbols: KernelSymbols,
): { points: WatchPoint[]; missing: string[] } {
  const points: WatchPoint[] = [];
  const missing: string[] = [];
  const add = (what: WatchPoint['what'], names: readonly string[]): void => {
    const address = symbols.addressOf(...names) ?? variant(symbols, names[0] ?? '');
    if (address === undefined) missing.push(`${names[0]}, where a watch for '${what}' would be`);
    else if (what === 'thread-start') points.push({ address, what, subject: () => cpu.eax });
    else points.push({ address, what });
  };
  add('switch', ['finish_task_switch']);
  add('switch', ['schedule_tail']);
  add('thread-end', ['do_exit']);
  if (symbols.address('make_task_dead') !== undefined) add('thread-end', ['make_task_dead']);
  add('thread-start', ['wake_up_new_task']);
  add('exec', ['finalize_exec', 'start_thread']);
  return { points, missing };
}

/** A function of which the compiler has made another: `finish_task_switch.isra.0`. Not the part of it that is rarely run. */
function variant(symbols: KernelSymbols, name: string): number | undefined {
  const isVariant = new RegExp(`^${name}\\.(isra|constprop|part)\\b`);
  const found = [...symbols.functions((other) => isVariant.test(other) && !other.includes('.cold'))];
  return found.length === 1 ? found[0]?.address : undefined;
}
