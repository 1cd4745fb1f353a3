/** Incarnations of threads and processes, with a system made up: ids and objects are used again, keys never. */
import test from 'ava';
import type { GuestOs, WatchPoint } from '../../src/guest/os.ts';
import { ThreadTable } from '../../src/hooks/threads.ts';

interface Task {
  tid: number;
  pid: number;
  /** Of the process. */
  object: number;
  incarnation: number;
  ended: boolean;
}

/** A system of which only the threads are known. */
class System {
  readonly tasks = new Map<number, Task>();
  running = 0;
  readonly told: string[] = [];
  readonly table: ThreadTable;
  readonly made: [thread: number, maker: number][] = [];

  constructor(switches = true) {
    const points: WatchPoint[] = switches ? [{ address: 1, what: 'switch' }] : [];
    const os: Partial<GuestOs> = {
      currentThread: () => this.running,
      incarnation: (address) => this.tasks.get(address)?.incarnation ?? 0,
      hasEnded: (address) => this.tasks.get(address)?.ended ?? true,
      watchPoints: () => points,
      thread: (address) => {
        const task = this.tasks.get(address);
        if (task === undefined) return undefined;
        const { tid, pid, object } = task;
        const rest = { ppid: 1, asid: pid << 12, uid: undefined };
        return { address, tid, process: { address: object, pid, name: `p${pid}`, ...rest } };
      },
    };
    this.table = new ThreadTable(os as GuestOs, {
      threadMade: ({ key }, maker) => this.made.push([key, maker.key]),
      threadStarted: ({ key, tid }) => this.told.push(`thread ${key} (${tid}) starts`),
      threadEnded: ({ key }) => this.told.push(`thread ${key} ends`),
      processStarted: ({ key, pid }) => this.told.push(`process ${key} (${pid}) starts`),
      processEnded: ({ key }) => this.told.push(`process ${key} ends`),
    });
  }

  /** A thread's object at an address. */
  make(address: number, tid: number, pid: number, incarnation: number, object = 0x9000 + pid): void {
    this.tasks.set(address, { tid, pid, object, incarnation, ended: false });
  }

  run(address: number, instruction = 0) {
    this.running = address;
    return this.table.current(instruction);
  }
}

test('no thread yet, and one that cannot be read', (t) => {
  const system = new System();
  t.is(system.run(0), undefined);
  t.is(system.run(0x1000), undefined);
  t.deepEqual(system.told, []);
});

test('a thread keeps its key as long as it is the same; its process starts with its first thread', (t) => {
  const system = new System();
  system.make(0x1000, 11, 10, 1);
  system.make(0x2000, 12, 10, 2);
  const first = system.run(0x1000, 5)!;
  const second = system.run(0x2000)!;
  t.is(system.run(0x1000, 9), first);
  t.is(first.since, 5);
  t.not(first.key, second.key);
  t.is(first.process, second.process);
  t.deepEqual(system.told, ['process 1 (10) starts', 'thread 1 (11) starts', 'thread 2 (12) starts']);
  t.is(system.table.thread(first.key), first);
  t.deepEqual([...system.table.alive()], [first, second]);
});

test('the same object and ids again are another thread', (t) => {
  const system = new System(false);
  system.make(0x1000, 11, 10, 1);
  const before = system.run(0x1000)!;
  system.make(0x1000, 11, 10, 2);
  const after = system.run(0x1000)!;
  t.not(after, before);
  t.true(before.ended);
  t.is(system.table.thread(before.key), undefined);
  t.deepEqual(system.told.slice(2), [
    'thread 1 ends',
    'process 1 ends',
    'process 2 (10) starts',
    'thread 2 (11) starts',
  ]);
});

test('where switches are seen, another id of the running thread is a new name', (t) => {
  const system = new System();
  system.make(0x1000, 11, 10, 1);
  const thread = system.run(0x1000)!;
  // Linux's de_thread: the thread becomes its group's leader.
  system.make(0x1000, 10, 10, 2, 0x1000);
  t.is(system.run(0x1000), thread);
  system.table.recheck();
  t.is(thread.tid, 10);
  t.is(thread.process.address, 0x1000);
  t.is(system.told.length, 2);
  // Also where nobody has looked before the next thread comes on.
  system.make(0x1000, 9, 10, 7, 0x1000);
  system.make(0x3000, 30, 10, 8, 0x1000);
  system.run(0x3000);
  t.is(thread.tid, 9);
  t.is(system.run(0x1000), thread);
  // With another thread in between it is another one.
  system.make(0x2000, 20, 10, 3, 0x1000);
  system.run(0x2000);
  system.make(0x1000, 10, 10, 4, 0x1000);
  t.not(system.run(0x1000), thread);
});

test('what a thread does in the kernel after its end is its own', (t) => {
  const system = new System();
  system.make(0x1000, 11, 10, 1);
  const thread = system.run(0x1000)!;
  system.tasks.get(0x1000)!.ended = true;
  system.table.ended(thread);
  t.is(system.run(0x1000), thread);
  t.is(system.told.filter((line) => line.startsWith('thread 1 ends')).length, 1);
  system.make(0x1000, 11, 10, 5);
  t.not(system.run(0x1000), thread);
});

test('a process ends with its last thread, and its object is used again', (t) => {
  const system = new System();
  system.make(0x1000, 11, 10, 1, 0x9000);
  system.make(0x2000, 12, 10, 2, 0x9000);
  const one = system.run(0x1000)!;
  const two = system.run(0x2000)!;
  system.table.ended(one);
  t.false(system.told.includes('process 1 ends'));
  system.table.ended(two);
  system.table.ended(two);
  t.deepEqual(system.told.slice(3), ['thread 1 ends', 'thread 2 ends', 'process 1 ends']);
  system.make(0x3000, 11, 10, 3, 0x9000);
  const next = system.run(0x3000)!;
  t.not(next.process, one.process);
  t.is(next.process.pid, one.process.pid);
  t.deepEqual([...system.table.alive()], [next]);
});

test('who made a thread is kept, once, and never itself', (t) => {
  const system = new System();
  system.make(0x1000, 11, 10, 1);
  system.make(0x2000, 12, 10, 2);
  const maker = system.run(0x1000)!;
  system.table.made(0x2000, maker, 3);
  system.table.made(0x1000, maker, 3);
  const made = system.run(0x2000, 8)!;
  t.is(made.maker, maker);
  t.is(made.since, 3);
  t.deepEqual(system.made, [[made.key, maker.key]]);
  t.is(maker.maker, undefined);
  system.table.made(0x2000, made, 9);
  t.is(made.maker, maker);
  system.table.made(0x7000, maker, 9); // not there
  t.is([...system.table.alive()].length, 2);
});

test('in findings a thread and a process are their numbers', (t) => {
  const system = new System();
  system.make(0x1000, 11, 10, 1);
  const thread = system.run(0x1000)!;
  t.deepEqual(thread.toJSON(), { key: 1, tid: 11 });
  t.deepEqual(thread.process.toJSON(), { key: 1, pid: 10, ppid: 1, name: 'p10' });
});
