/** What `sebek` hooks on NT: the services of files, devices, processes; sockets as requests to AFD. */
import type { HookCall, HookProcess, Hooks, Where } from '../../api.ts';
import { hookAfd } from './nt-sockets.ts';
import { fileOf, gather, type OpenFile, type Piece, type Story } from './story.ts';

const isError = (status: number): boolean => status >>> 30 === 3;
const STATUS_END_OF_FILE = 0xc000_0011;
const SEC_IMAGE = 0x100_0000;
/** Image sections that are remembered, and transfers of a process that wait. */
const MOST_SECTIONS = 1024;
const MOST_WAITING = 256;
/** OBJECT_ATTRIBUTES. */
const Attributes = { root: 4, name: 8 } as const;

/** The name in OBJECT_ATTRIBUTES, with that of the folder that it is relative to. */
function nameIn(one: HookCall, attributes: number): string | undefined {
  const text = one.memory.u32(attributes + Attributes.name);
  const name = text ? one.memory.unicodeString(text) : undefined;
  const root = one.memory.u32(attributes + Attributes.root);
  if (name === undefined || !root) return name;
  return `${one.process?.object(root)?.name ?? '?'}\\${name}`;
}

/** Whether another of these services has called this one: then that one is reported. */
const isInner = ({ parent }: HookCall): boolean => /^(Nt|Zw)(Create|Open)File$/.test(parent?.name ?? '');

export function hookNt(hooks: Pick<Hooks, 'address' | 'call' | 'process'>, story: Story): void {
  const waiting = new Waiting(story);
  transfers(hooks.call, story, waiting);
  opens(hooks.call, story);
  processes(hooks, story);
  hookAfd(hooks.call, story);
  hooks.process({ end: ({ process }) => waiting.forget(process) });
  // What a program does before it looks at what it has asked for.
  for (const name of [
    'NtClose',
    'NtWaitForSingleObject',
    'NtWaitForMultipleObjects',
    'NtDelayExecution',
    'NtRemoveIoCompletion',
  ]) {
    hooks.call(name, {
      post(one) {
        const isEvent = name === 'NtWaitForSingleObject' && one.result === 0;
        waiting.look(one, isEvent ? { event: one.args['Handle'] } : {});
      },
    });
  }
  // Its stack: the routine, its context, the IO_STATUS_BLOCK.
  hooks.address('ntdll.dll!KiUserApcDispatcher', (at) => {
    waiting.look(at, { block: at.memory.u32(at.cpu.esp + 8) });
  });
}

/** What is known to have ended: the transfer that signals an event, or that has this IO_STATUS_BLOCK. */
interface Ended {
  readonly event?: number | undefined;
  readonly block?: number | undefined;
}

interface Transfer {
  readonly type: 'read' | 'write';
  readonly number: number;
  readonly entered: number;
  readonly file: OpenFile;
  readonly pieces: readonly Piece[];
  readonly block: number;
  /** A handle that is signalled at its end; 0 if there is none. */
  readonly event: number;
  /** Of the IO_STATUS_BLOCK at the entry. */
  readonly status: number | undefined;
  readonly information: number | undefined;
  /** What is written, as it was when the service returned. */
  data?: Uint8Array;
}

/** Transfers that go on after their call has returned, until their IO_STATUS_BLOCK is filled. */
class Waiting {
  private readonly story: Story;
  private readonly transfers = new Map<HookProcess, Transfer[]>();

  constructor(story: Story) {
    this.story = story;
  }

  add({ process }: HookCall, transfer: Transfer): void {
    if (process === undefined) return;
    const list = this.transfers.get(process) ?? [];
    if (list.length >= MOST_WAITING) list.shift();
    list.push(transfer);
    this.transfers.set(process, list);
  }

  forget(process: HookProcess | undefined): void {
    if (process !== undefined) this.transfers.delete(process);
  }

  /** In the process of an event: has any of them ended? */
  look(at: Where, known: Ended = {}): void {
    const list = at.process && this.transfers.get(at.process);
    if (list === undefined) return;
    const left = list.filter((transfer) => !this.hasEnded(at, transfer, known));
    if (left.length > 0) this.transfers.set(at.process!, left);
    else this.transfers.delete(at.process!);
  }

  private hasEnded(at: Where, transfer: Transfer, known: Ended): boolean {
    const { type, block, event, number, entered, file } = transfer;
    const status = at.memory.u32(block);
    const bytes = at.memory.u32(block + 4);
    if (status === undefined || bytes === undefined) return false;
    const isKnown = block === known.block || (event !== 0 && event === known.event);
    // What an earlier transfer has left in the block can be just what this one will say.
    if (status === transfer.status && bytes === transfer.information && !isKnown) return false;
    // Or the block is gone, being on a stack: then nobody has seen the end.
    const asked = transfer.pieces[0]?.length ?? 0;
    if (isError(status) || bytes === 0 || bytes > asked || (status !== 0 && !isKnown)) return true;
    const data = transfer.data?.subarray(0, bytes) ?? gather(at.memory, transfer.pieces, bytes);
    this.story.transfer(type, at, file, bytes, data, { completes: { number, entered } });
    return true;
  }
}

function transfers(call: Hooks['call'], story: Story, waiting: Waiting): void {
  const moves = (type: 'read' | 'write') => ({
    pre(one: HookCall): void {
      const {
        FileHandle = 0,
        IoStatusBlock: block = 0,
        Buffer: address = 0,
        Length: length = 0,
        Event: event = 0,
      } = one.args;
      const status = one.memory.u32(block);
      const information = one.memory.u32(block + 4);
      const { number, entered } = one;
      const file = fileOf(one, FileHandle);
      const transfer: Transfer = {
        type,
        number,
        entered,
        file,
        pieces: [{ address, length }],
        block,
        event,
        status,
        information,
      };
      one.state = transfer;
    },
    post(one: HookCall): void {
      const transfer = one.state as Transfer;
      const { file, pieces, block } = transfer;
      if (one.outcome === 'pending') {
        story.tell(type, `waits to ${type} ${file.object?.name ?? file.fd}`, { ...file, pending: true });
        const [{ length } = { length: 0 }] = pieces;
        if (type === 'write') transfer.data = gather(one.memory, pieces, length);
        waiting.add(one, transfer);
      } else if (one.outcome === 'returned' && !isError(one.result!)) {
        const bytes = one.memory.u32(block + 4) ?? 0;
        if (bytes > 0) story.transfer(type, one, file, bytes, gather(one.memory, pieces, bytes));
      } else if (one.result === STATUS_END_OF_FILE && type === 'read') story.endOfFile(one, file);
      waiting.look(one);
    },
  });
  call('NtReadFile', moves('read'));
  call('NtWriteFile', moves('write'));
}

function opens(call: Hooks['call'], story: Story): void {
  const handlers = {
    pre(one: HookCall): void {
      if (!isInner(one)) one.state = { path: nameIn(one, one.args['ObjectAttributes'] ?? 0) };
    },
    post(one: HookCall): void {
      const state = one.state as { path: string | undefined } | undefined;
      if (state === undefined || one.outcome !== 'returned') return;
      const { DesiredAccess: access, FileHandle = 0 } = one.args;
      if (isError(one.result!)) {
        story.cannotOpen(state.path, one.resultText, { access });
        return;
      }
      const file = fileOf(one, one.memory.u32(FileHandle) ?? 0);
      if (file.object?.kind === 'socket') story.newSocket(file, {});
      story.open(state.path, file, { access });
    },
  };
  call('NtCreateFile', handlers);
  call('NtOpenFile', handlers);
}

/**
 * NT makes a program's process in steps: a section of its image, a process of that section, its parameters, and a thread.
 * The command line is there when the first thread is made.
 */
function processes({ call, process }: Pick<Hooks, 'call' | 'process'>, story: Story): void {
  /** By the section's object: the image's file. */
  const images = new Map<number, string>();
  /** Objects of processes that have no thread yet. */
  const made = new Set<number>();

  call('NtCreateSection', {
    pre(one) {
      const { AllocationAttributes = 0, FileHandle = 0 } = one.args;
      if (AllocationAttributes & SEC_IMAGE) one.state = fileOf(one, FileHandle);
    },
    post(one) {
      const file = one.state as OpenFile | undefined;
      if (file === undefined || one.outcome !== 'returned' || isError(one.result!)) return;
      const section = fileOf(one, one.memory.u32(one.args['SectionHandle'] ?? 0) ?? 0);
      const path = file.object?.name;
      if (section.object?.inode !== undefined && path !== undefined) images.set(section.object.inode, path);
      if (images.size > MOST_SECTIONS) images.delete(images.keys().next().value!);
      story.tell('open', `opens the image ${path ?? '?'} as ${section.fd}`, {
        path,
        ...section,
        image: true,
      });
    },
  });

  const creates = {
    pre(one: HookCall): void {
      const section = one.args['SectionHandle'] ?? 0;
      const object = section === 0 ? undefined : one.process?.object(section);
      one.state = { image: images.get(object?.inode ?? 0), copy: section === 0, parent: one.process?.pid };
    },
    post(one: HookCall): void {
      const { copy, image, parent } = one.state as {
        copy: boolean;
        image: string | undefined;
        parent: number;
      };
      if (one.outcome !== 'returned' || isError(one.result!)) return;
      if (one.again) {
        story.tell('fork', `is a new process of ${parent}`, { parent, again: true, copy });
        return;
      }
      const handle = one.memory.u32(one.args['ProcessHandle'] ?? 0) ?? 0;
      const object = one.process?.object(handle);
      const child = object?.name === undefined ? undefined : Number(/\((\d+)\)$/.exec(object.name)?.[1]);
      if (object?.inode !== undefined && !copy) made.add(object.inode);
      const what = copy
        ? `${object?.name ?? '?'}, a copy of itself`
        : `${object?.name ?? '?'} of ${image ?? '?'}`;
      story.tell('fork', `makes process ${what}`, { child, handle, object, image, copy });
    },
  };
  call('NtCreateProcess', creates);
  call('NtCreateProcessEx', creates);

  process({
    start({ process: one }) {
      if (one === undefined || !made.delete(one.address)) return;
      const { commandLine, imagePath } = one.details();
      story.tell('exec', `runs ${commandLine ?? imagePath ?? one.name}`, { path: imagePath, commandLine });
    },
  });
}
