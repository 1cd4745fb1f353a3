/** What must be true of threads wherever the kernel comes to a watch point, in the whole session. */
import type { ExecutionContext } from 'ava';
import { findLinux, type LinuxOs } from '../../../src/guest/linux/linux.ts';
import type { WatchPoint } from '../../../src/guest/os.ts';
import { visit } from '../nt/visit.ts';
import type { Session } from './session.ts';

/** Each thread is seen to begin, to run on its own stack, and to end. @param os at the end of the session */
export function checkThreads(t: ExecutionContext, os: LinuxOs, session: Session): void {
  const byTid = (tid: number): number => os.threads().find((thread) => thread.tid === tid)?.address ?? 0;
  const begun = new Map<number, string>();
  const ended = new Set<number>();
  const programs: string[] = [];
  let switches = 0;
  let before = 0;
  let changed = 0;
  let last = -1;
  visit(session.path, [], ({ cpu, arm }) => {
    let linux: LinuxOs | undefined;
    const at = new Map<number, WatchPoint>();
    const find = (): void => {
      linux = findLinux(cpu);
      for (const point of linux?.watchPoints() ?? []) {
        at.set(point.address, point);
        arm(point.address);
      }
    };
    return {
      interrupt: () => {
        if (linux === undefined) find();
      },
      hit: (address) => {
        const point = at.get(address);
        if (linux === undefined || point === undefined) return;
        const current = linux.currentThread();
        const thread = linux.thread(current);
        if (point.what === 'switch') {
          switches++;
          if (current !== before) changed++;
          before = current;
          const stack = linux.kernelStack(current);
          if (stack !== undefined && (cpu.esp < stack.low || cpu.esp >= stack.high))
            t.fail(`${thread?.tid} is not on its stack`);
        } else if (point.what === 'thread-start') {
          const made = linux.thread(point.subject?.() ?? 0);
          if (made === undefined) return void t.true(begun.size === 0, 'known only after the first threads');
          t.false(begun.has(made.tid), `${made.tid} begins twice`);
          t.true(made.tid > last);
          last = made.tid;
          begun.set(made.tid, made.process.name);
          t.is(made.process.uid, thread?.process.uid);
        } else if (point.what === 'thread-end') {
          t.not(thread, undefined);
          ended.add(thread?.tid ?? 0);
        } else if (thread !== undefined) {
          const { arguments: args, imagePath } = linux.details(thread.process);
          t.is(thread.process.asid, cpu.cr3);
          t.truthy(imagePath);
          if (args !== undefined) programs.push(args.join(' '));
        }
      },
    };
  });
  t.log(
    `${switches} switches, ${begun.size} threads begun, ${ended.size} ended, ${programs.length} programs`,
  );
  t.true(switches > 1000 && changed > switches * 0.4);
  for (const program of [
    'syslogd',
    'sleep 5001',
    'dropbear -F -E -R -p 2222',
    'grep -E ^(Pid|Tgid|PPid|Uid|State) /proc/1/status',
  ])
    t.true(programs.includes(program), program);
  const alive = new Set(os.threads().map(({ tid }) => tid));
  for (const tid of begun.keys())
    t.is(alive.has(tid) && !os.hasEnded(byTid(tid)), !ended.has(tid), `${tid} ${begun.get(tid)}`);
  for (const tid of alive) if (tid > Math.min(...begun.keys())) t.true(begun.has(tid), `${tid}`);
}
