/** What `sebek` hooks on Linux: the system calls of i386, through whichever door and by whichever of their forms. */
import type { HookCall, Hooks } from '../../api.ts';
import {
  type Endpoint,
  endpointAt,
  protocolOf,
  SOCKET_CALLS,
  type SocketCallName,
  type SocketFacts,
} from './sockets.ts';
import { gather, type OpenFile, fileOf as openFile, type Piece, type Story } from './story.ts';

/** Parts of one transfer at the most (UIO_MAXIOV, include/uapi/linux/uio.h). */
const MOST_PIECES = 1024;
/** Words of a command line, bytes of a word, and characters of all of them, that are kept. */
const MOST_WORDS = 256;
const LONGEST_COMMAND = 1 << 16;
const LONGEST_WORD = 4096;
/** include/uapi/linux/prctl.h */
const PR_SET_NAME = 15;
const CLONE_THREAD = 0x1_0000;
/** struct user_msghdr: name, its length, the pieces, how many; struct mmsghdr: that, and the bytes moved. */
const Message = { name: 0, nameLength: 4, pieces: 8, count: 12, bytes: 28, stride: 32 } as const;
const SOCKET_NAMES = new Map(
  Object.entries(SOCKET_CALLS).map(([name, number]) => [number, name as SocketCallName]),
);

const failed = ({ result }: HookCall): boolean => result === undefined || (result | 0) < 0;

/** `EACCES (Permission denied)`. */
const errorOf = ({ resultText }: HookCall): string => resultText.replace(/^-1 /, '');

/** A descriptor, with what is behind it now. */
const fileOf = (one: HookCall, fd: number): OpenFile => openFile(one, fd | 0);

/** The parts that an array of `struct iovec` lists. */
function pieces(call: HookCall, at: number, count: number): Piece[] {
  const found: Piece[] = [];
  for (let i = 0; i < Math.min(count, MOST_PIECES); i++) {
    const address = call.memory.u32(at + 8 * i);
    const length = call.memory.u32(at + 8 * i + 4);
    if (address === undefined || length === undefined) break;
    found.push({ address, length });
  }
  return found;
}

/** The strings of `argv`. */
function words(call: HookCall, at: number): string[] {
  const found: string[] = [];
  let length = 0;
  for (let i = 0; at !== 0 && i < MOST_WORDS && length < LONGEST_COMMAND; i++) {
    const pointer = call.memory.u32(at + 4 * i);
    const word = pointer ? call.memory.cString(pointer, LONGEST_WORD) : undefined;
    if (word === undefined) break;
    found.push(word);
    length += word.length;
  }
  return found;
}

export function hookLinux(hooks: Pick<Hooks, 'call' | 'process'>, story: Story): void {
  const { call } = hooks;
  transfers(call, story);
  opens(call, story);
  processes(hooks, story);
  sockets(call, story);
}

interface Transfer {
  readonly file: OpenFile;
  readonly pieces: readonly Piece[];
}

function transfers(call: Hooks['call'], story: Story): void {
  const plain = (one: HookCall): Piece[] => [{ address: one.word(1) ?? 0, length: one.word(2) ?? 0 }];
  const vector = (one: HookCall): Piece[] => pieces(one, one.word(1) ?? 0, one.word(2) ?? 0);
  const moves = (type: 'read' | 'write', buffers: (one: HookCall) => Piece[]) => ({
    pre(one: HookCall): void {
      one.state = { file: fileOf(one, one.word(0) ?? -1), pieces: buffers(one) } satisfies Transfer;
    },
    post(one: HookCall): void {
      if (one.outcome !== 'returned' || failed(one)) return;
      const { file, pieces: to } = one.state as Transfer;
      const bytes = one.result!;
      if (bytes > 0) story.transfer(type, one, file, bytes, gather(one.memory, to, bytes));
      else if (type === 'read') story.endOfFile(one, file);
    },
  });
  for (const name of ['read', 'pread64']) call(`sys_${name}`, moves('read', plain));
  for (const name of ['readv', 'preadv', 'preadv2']) call(`sys_${name}`, moves('read', vector));
  for (const name of ['write', 'pwrite64']) call(`sys_${name}`, moves('write', plain));
  for (const name of ['writev', 'pwritev', 'pwritev2']) call(`sys_${name}`, moves('write', vector));

  // From file to file within the kernel: the data is in nobody's buffer.
  const passes = (from: number, to: number) => ({
    pre(one: HookCall): void {
      one.state = { from: fileOf(one, one.word(from) ?? -1), to: fileOf(one, one.word(to) ?? -1) };
    },
    post(one: HookCall): void {
      if (one.outcome !== 'returned' || failed(one) || one.result === 0) return;
      const ends = one.state as { from: OpenFile; to: OpenFile };
      const through = one.name.replace(/^sys_/, '');
      story.transfer('read', one, ends.from, one.result!, undefined, { through });
      story.transfer('write', one, ends.to, one.result!, undefined, { through });
    },
  });
  for (const name of ['sendfile', 'sendfile64']) call(`sys_${name}`, passes(1, 0));
  for (const name of ['splice', 'copy_file_range']) call(`sys_${name}`, passes(0, 2));
}

interface Opening {
  readonly path: string | undefined;
  readonly flags: number;
}

function opens(call: Hooks['call'], story: Story): void {
  const hook = (name: string, path: number, flags: (one: HookCall) => number): void =>
    call(`sys_${name}`, {
      pre(one) {
        const text = one.memory.cString(one.word(path) ?? 0, LONGEST_WORD);
        one.state = { path: text, flags: flags(one) } satisfies Opening;
      },
      post(one) {
        const { path: text, flags: bits } = one.state as Opening;
        if (one.outcome !== 'returned') return;
        if (failed(one)) story.cannotOpen(text, errorOf(one), { flags: bits });
        else story.open(text, fileOf(one, one.result!), { flags: bits });
      },
    });
  hook('open', 0, (one) => one.word(1) ?? 0);
  hook('openat', 1, (one) => one.word(2) ?? 0);
  // struct open_how begins with the flags.
  hook('openat2', 1, (one) => one.memory.u32(one.word(2) ?? 0) ?? 0);
  // O_WRONLY | O_CREAT | O_TRUNC
  hook('creat', 0, () => 0o1101);
}

function processes({ call, process }: Pick<Hooks, 'call' | 'process'>, story: Story): void {
  /** By process: the flags of the fork that it is in. The child has no call of its own in the kernel: it only begins. */
  const forking = new Map<number, number>();
  process({
    start({ process: child }) {
      const { ppid: parent } = child ?? {};
      const flags = parent === undefined ? undefined : forking.get(parent);
      if (flags !== undefined) story.tell('fork', `is a new process of ${parent}`, { parent, flags });
    },
  });
  const forks = (flags: (one: HookCall) => number) => ({
    pre(one: HookCall): void {
      one.state = { flags: flags(one), parent: one.process?.pid };
      if (one.process !== undefined) forking.set(one.process.pid, flags(one));
    },
    post(one: HookCall): void {
      const { flags: bits, parent } = one.state as { flags: number; parent: number | undefined };
      forking.delete(parent ?? 0);
      if (one.outcome !== 'returned' || failed(one)) return;
      const isThread = (bits & CLONE_THREAD) !== 0;
      const how = { flags: bits, ...(isThread && { newThread: true }) };
      story.tell('fork', `makes ${isThread ? 'thread' : 'process'} ${one.result}`, {
        child: one.result,
        ...how,
      });
    },
    // Its beginning has been told.
    again(): void {},
  });
  call(
    'sys_fork',
    forks(() => 0),
  );
  call(
    'sys_vfork',
    forks(() => 0x4100),
  ); // CLONE_VFORK | CLONE_VM
  call(
    'sys_clone',
    forks((one) => one.word(0) ?? 0),
  );
  call(
    'sys_clone3',
    forks((one) => one.memory.u32(one.word(0) ?? 0) ?? 0),
  );

  const runs = (path: number) => ({
    pre(one: HookCall): void {
      const program = one.memory.cString(one.word(path) ?? 0, LONGEST_WORD);
      one.state = { program, words: words(one, one.word(path + 1) ?? 0), before: one.process?.name };
      story.finish('exec', one.process);
    },
    post(one: HookCall): void {
      const state = one.state as { program: string | undefined; words: string[]; before: string | undefined };
      const data = { path: state.program, arguments: state.words, before: state.before };
      const shown = state.words.join(' ');
      if (one.outcome !== 'returned') return;
      if (failed(one)) {
        const error = errorOf(one);
        story.tell('exec', `cannot run ${state.program ?? '?'}: ${error}`, { ...data, error });
        return;
      }
      const { commandLine: all = shown, imagePath } = one.process?.details() ?? {};
      const commandLine = all.slice(0, LONGEST_COMMAND);
      story.tell('exec', `runs ${commandLine}`, { ...data, commandLine, imagePath });
    },
  });
  call('sys_execve', runs(0));
  call('sys_execveat', runs(1));

  // A BusyBox runs most of its commands without executing a file: they only take another name.
  call('sys_prctl', {
    pre(one) {
      if (one.word(0) === PR_SET_NAME) one.state = one.memory.cString(one.word(1) ?? 0, 15);
    },
    post(one) {
      const name = one.state as string | undefined;
      if (name === undefined || name === one.process?.name || one.result !== 0) return;
      story.tell('exec', `calls itself ${name}`, { before: one.process?.name, renamed: true });
    },
  });
}

/** A socket call on its way: which, and the words that it has whether made directly or through socketcall. */
interface Conversation {
  readonly name: SocketCallName;
  readonly words: readonly number[];
  readonly file: OpenFile;
}

function sockets(call: Hooks['call'], story: Story): void {
  const begin = (one: HookCall, name: SocketCallName, argument: (index: number) => number): void => {
    const all = Array.from({ length: 6 }, (_, i) => argument(i));
    const file = name === 'socket' ? { fd: -1, object: undefined } : fileOf(one, all[0]!);
    one.state = { name, words: all, file } satisfies Conversation;
  };
  const post = (one: HookCall): void => {
    if (one.state !== undefined && one.outcome === 'returned') {
      finishConversation(one, one.state as Conversation, story);
    }
  };
  // There is no accept, send or recv on i386 but through socketcall.
  for (const name of SOCKET_NAMES.values()) {
    call(`sys_${name}`, { pre: (one) => begin(one, name, (i) => one.word(i) ?? 0), post });
  }
  call('sys_socketcall', {
    pre(one) {
      const name = SOCKET_NAMES.get((one.word(0) ?? 0) as never);
      const at = one.word(1) ?? 0;
      if (name !== undefined) begin(one, name, (i) => one.memory.u32(at + 4 * i) ?? 0);
    },
    post,
  });
}

function finishConversation(one: HookCall, { name, words: word, file }: Conversation, story: Story): void {
  const [, second = 0, third = 0, , fifth = 0, sixth = 0] = word;
  const { memory } = one;
  const error = failed(one) ? { error: errorOf(one) } : {};
  // Where an address was asked for, its length is at another place.
  const filled = (address: number, lengthAt: number): Endpoint | undefined =>
    endpointAt(memory, address, memory.u32(lengthAt) ?? 0);
  const learn = (facts: SocketFacts, where = file): void => {
    if (!failed(one)) story.learn(where, facts);
  };
  switch (name) {
    case 'socket': {
      if (failed(one)) {
        story.socket(name, file, error);
        return;
      }
      const made = fileOf(one, one.result!);
      const protocol = protocolOf(word[0]!, second, third);
      story.newSocket(made, { ...(protocol !== undefined && { protocol }) });
      story.socket(name, made, {});
      return;
    }
    case 'bind': {
      const local = endpointAt(memory, second, third);
      if (local !== undefined) learn({ local });
      story.socket(name, file, { local, ...error });
      return;
    }
    case 'connect': {
      const remote = endpointAt(memory, second, third);
      // Also where it goes on without the caller (EINPROGRESS).
      if (remote !== undefined) story.learn(file, { remote });
      story.socket(name, file, { remote, ...error });
      return;
    }
    case 'listen':
      story.socket(name, file, { backlog: second, ...error });
      return;
    case 'accept':
    case 'accept4': {
      if (failed(one)) return;
      const accepted = fileOf(one, one.result!);
      const { protocol, local } = story.facts(file);
      const remote = filled(second, third);
      const facts = { ...(protocol !== undefined && { protocol }), ...(local !== undefined && { local }) };
      story.newSocket(accepted, { ...facts, ...(remote !== undefined && { remote }) });
      story.socket(name, file, { remote, accepted });
      return;
    }
    case 'getsockname':
    case 'getpeername': {
      const found = failed(one) ? undefined : filled(second, third);
      if (found !== undefined) learn(name === 'getsockname' ? { local: found } : { remote: found });
      return;
    }
    case 'sendmmsg':
    case 'recvmmsg': {
      if (failed(one)) return;
      for (let i = 0; i < Math.min(one.result!, MOST_PIECES); i++) {
        const at = second + Message.stride * i;
        message(one, name, file, at, memory.u32(at + Message.bytes) ?? 0, story);
      }
      return;
    }
    case 'sendmsg':
    case 'recvmsg':
      if (!failed(one)) message(one, name, file, second, one.result!, story);
      return;
    default: {
      // send, recv, sendto, recvfrom
      if (failed(one)) return;
      const bytes = one.result!;
      const remote =
        name === 'sendto'
          ? endpointAt(memory, fifth, sixth)
          : name === 'recvfrom'
            ? filled(fifth, sixth)
            : undefined;
      const data = gather(memory, [{ address: second, length: third }], bytes);
      story.socket(name, file, { remote, bytes, data });
      return;
    }
  }
}

function message(
  one: HookCall,
  name: SocketCallName,
  file: OpenFile,
  at: number,
  bytes: number,
  story: Story,
): void {
  const { memory } = one;
  const word = (offset: number): number => memory.u32(at + offset) ?? 0;
  const remote = endpointAt(memory, word(Message.name), word(Message.nameLength));
  const data = gather(memory, pieces(one, word(Message.pieces), word(Message.count)), bytes);
  story.socket(name, file, { remote, bytes, data });
}
