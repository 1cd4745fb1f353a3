/**
 * Who makes which thread, on NT: its kernel has no place that is known to be passed when a thread is made, so the service
 * says it. A fork's second return is told by that.
 */
import type { GuestOs } from '../guest/os.ts';
import type { HookCall } from './api.ts';
import { type CallHook, OWN } from './call-record.ts';
import type { ThreadTable, TrackedThread } from './threads.ts';

interface Session {
  readonly os: GuestOs | undefined;
  readonly threads: ThreadTable | undefined;
}

export class ThreadMakers {
  private readonly session: Session;
  /** Services under way, by call: who makes a thread, and in which process (its object). The thread may run already. */
  private readonly making = new Map<
    number,
    { readonly maker: TrackedThread; readonly process: number | undefined }
  >();

  constructor(session: Session) {
    this.session = session;
  }

  /** NtCreateThread(ThreadHandle, DesiredAccess, ObjectAttributes, ProcessHandle, …). */
  readonly hook: CallHook = {
    file: OWN,
    where: 'NtCreateThread',
    index: 0,
    handlers: {
      pre: (call) => {
        const maker = call.caller as TrackedThread | undefined;
        if (maker !== undefined) this.making.set(call.number, { maker, process: this.target(call) });
      },
      post: (call) => {
        this.making.delete(call.number);
        const handle = call.result === 0 ? call.memory.u32(call.args['ThreadHandle'] ?? 0) : undefined;
        const object = handle === undefined ? undefined : call.process?.object(handle);
        if (object?.kind !== 'thread' || object.inode === undefined) return;
        this.session.threads?.made(object.inode, call.caller as TrackedThread, call.instruction);
      },
    },
  };

  private target({ process, args }: HookCall): number | undefined {
    const handle = args['ProcessHandle'];
    if (process === undefined || handle === undefined) return undefined;
    return handle === 0xffffffff ? process.address : process.object(handle)?.inode;
  }

  /** Who is about to make this thread, which is seen for the first time. */
  makerOf({ process }: TrackedThread): TrackedThread | undefined {
    let found: TrackedThread | undefined;
    for (const one of this.making.values()) {
      if (one.process === process.address && !one.maker.ended) found = one.maker;
    }
    return found;
  }
}
