/** System V IPC: semaphores, messages and shared memory (ipc/syscall.c), and message queues. */
import { arrayAt, type Call, type CallDecoder, type Decoder } from './call.ts';
import { flags, named } from './constants.ts';
import {
  address,
  decimal,
  type Field,
  hexadecimal,
  mode,
  number,
  pointee,
  type Shown,
  structure,
} from './shown.ts';

const keys = named('ipc_private');
const operationFlags = flags('semop_flags');
const resourceFlags = flags('resource_flags');
const sharedFlags = flags('shm_resource_flags');
const messageFlags = flags('ipc_msg_flags');
const PERMISSIONS = 0o777;
const HUGE_SHIFT = 26;
const HUGE_MASK = 0x3f;
/** The command is that of the version with 32-bit identities. */
const IPC_64 = 0x100;

/** Flags and permissions: `IPC_CREAT|0600`. */
function creation(word: number): Shown {
  const set = resourceFlags((word & ~PERMISSIONS) >>> 0).text;
  return { text: `${set === '' ? '' : `${set}|`}${mode(word & PERMISSIONS).text}`, value: word };
}

function sharedCreation(word: number): Shown {
  const huge = (word >>> HUGE_SHIFT) & HUGE_MASK;
  const set = (word & ~PERMISSIONS & ~(HUGE_MASK << HUGE_SHIFT)) >>> 0;
  const parts = set === 0 ? [] : [sharedFlags(set).text];
  if (huge !== 0) parts.push(`${huge}<<SHM_HUGE_SHIFT`);
  parts.push(mode(word & PERMISSIONS).text);
  return { text: parts.join('|'), value: word };
}

function command(table: string, word: number): Shown {
  const name = named(table)((word & ~IPC_64) >>> 0).text;
  return { text: word & IPC_64 ? `IPC_64|${name}` : name, value: word };
}

/** Semaphore operations. */
function operations(call: Call, at: number, count: number): Shown {
  return arrayAt(call, at, count, 6, (s) =>
    structure([
      ['sem_num', number(s.u16(0))],
      ['sem_op', number((s.u16(2) << 16) >> 16)],
      ['sem_flg', operationFlags(s.u16(4))],
    ]),
  );
}

function message(call: Call, at: number, size: number): Shown {
  return call.at(at, 4, (s) =>
    structure([
      ['mtype', decimal(s.u32(0))],
      ['mtext', call.data(at + 4, size)],
    ]),
  );
}

/** semctl, shmctl, msgctl: what the last argument points to is not shown. `words`: where the arguments are. */
function control(
  table: string,
  names: readonly string[],
  words: readonly number[],
  last: (call: Call, word: number) => Shown = (_, word) => address(word),
): CallDecoder {
  return (call) => {
    if (!call.entering) return;
    names.forEach((name, i) => {
      const word = call.word(words[i]!);
      if (i === names.length - 1) call.show(name, 'void *', last(call, word));
      else call.show(name, 'int', i === names.length - 2 ? command(table, word) : decimal(word));
    });
  };
}

const SEMAPHORE = ['semid', 'semnum', 'cmd', 'arg'];
const SHARED = ['shmid', 'cmd', 'buf'];
const QUEUE = ['msqid', 'cmd', 'buf'];

/** ipc(2) takes a pointer to the union that semctl takes. */
const union: Decoder = (call, word) => call.at(word, 4, (s) => pointee(address(s.u32(0))));

/** Where the caller gave version 0, a pointer to the buffer and the type of message. */
const receiveIndirect: CallDecoder = (call) => {
  const size = call.word(1);
  if (call.entering) {
    call.show('msqid', 'int', decimal(call.word(0)));
    return;
  }
  const direct = call.word(5) !== 0;
  const pair = direct ? undefined : call.read(call.word(3), 8);
  const at = pair?.u32(0) ?? call.word(3);
  const known = direct || pair !== undefined;
  call.show('msgp', 'struct msgbuf *', known ? message(call, at, size) : address(at));
  call.show('msgsz', 'size_t', number(size));
  if (known) call.show('msgtyp', 'long', decimal(pair?.u32(4) ?? call.word(4)));
  call.show('msgflg', 'int', messageFlags(call.word(2)));
};

/** ipc(2) with a first argument that stands for no call. */
const ipc: CallDecoder = (call) => {
  if (!call.entering) return;
  const version = call.word(0) >>> 16;
  const within = number(call.word(0) & 0xffff).text;
  const text = version === 0 ? within : `${version}<<16|${within}`;
  call.show('call', 'unsigned int', { text, value: call.word(0) });
  ['first', 'second', 'third', 'ptr', 'fifth'].forEach((name, i) => {
    call.show(name, 'unsigned long', hexadecimal(call.word(i + 1)));
  });
};

export const ipcCalls: Readonly<Record<string, CallDecoder>> = {
  ipc,
  semctl: control('semctl_flags', SEMAPHORE, [0, 1, 2, 3]),
  shmctl: control('shmctl_flags', SHARED, [0, 1, 2]),
  msgctl: control('msgctl_flags', QUEUE, [0, 1, 2]),
  semctl_indirect: control('semctl_flags', SEMAPHORE, [0, 1, 2, 3], (call, word) => union(call, word, 3)!),
  shmctl_indirect: control('shmctl_flags', SHARED, [0, 1, 3]),
  msgctl_indirect: control('msgctl_flags', QUEUE, [0, 1, 3]),
  msgrcv_indirect: receiveIndirect,
};

function queueAttributes(call: Call, at: number, named: boolean): Shown {
  return call.at(at, 32, (s) => {
    const set = s.u32(0);
    const shown = named && set === 0x800 ? { text: 'O_NONBLOCK', value: set } : hexadecimal(set);
    return structure([
      ['mq_flags', shown],
      ...['mq_maxmsg', 'mq_msgsize', 'mq_curmsgs'].map((name, i): Field => [name, decimal(s.u32(4 + 4 * i))]),
    ]);
  });
}

const O_CREAT = 0o100;

export const ipcDecoders: Readonly<Record<string, Decoder>> = {
  ipc_key: (_, word) => keys(word),
  ipc_flags: (_, word) => creation(word),
  shm_flags_mode: (_, word) => sharedCreation(word),
  mq_attr: (call, word) => queueAttributes(call, word, true),
};

export const ipcDecodersWith: Readonly<Record<string, (...indices: number[]) => Decoder>> = {
  sembufs: (countIndex) => (call, word) => operations(call, word, call.word(countIndex!)),
  msgbuf: (sizeIndex) => (call, word) => message(call, word, call.word(sizeIndex!)),
  mq_attr_if_creating: (flagsIndex) => (call, word) =>
    call.word(flagsIndex!) & O_CREAT ? queueAttributes(call, word, false) : undefined,
};

export const ipcResults: Readonly<Record<string, (call: Call) => void>> = {
  /** ipc(2) stores the address at its third argument and returns 0. */
  shmat: (call) => {
    const at = call.failed ? undefined : call.reader.u32(call.word(2));
    if (at !== undefined) call.stored = at;
    else if (!call.failed) call.kind = 'none';
  },
};
