/**
 * Sockets of NT: each is a file of the driver AFD, and what is asked of it an I/O control (ReactOS: drivers/network/afd,
 * include/reactos/drivers/afd/shared.h, whose structures are those of Windows before Vista).
 */
import type { VirtualMemory } from '../../../guest/memory.ts';
import type { HookCall, Hooks } from '../../api.ts';
import { type Endpoint, endpointAt } from './sockets.ts';
import { fileOf, gather, type OpenFile, type Piece, type Story } from './story.ts';

/** Codes of requests: `_AFD_CONTROL_CODE`. */
const Code = {
  bind: 0x12003,
  connect: 0x12007,
  listen: 0x1200b,
  waitForListen: 0x1200c,
  accept: 0x12010,
  receive: 0x12017,
  receiveDatagram: 0x1201b,
  send: 0x1201f,
  sendDatagram: 0x12023,
} as const;

/** ntlet's, which has one device for all and its own requests (nt.h): a name to resolve, a datagram and its answer. */
const NTLET_DEVICE = '\\Device\\Afd';
const NTLET_EXCHANGE = 0x1201f;
/** Address, port, and then the data. */
const EXCHANGE_DATA = 6;

const MOST_BUFFERS = 1024;
/** TRANSPORT_ADDRESS: how many; then each with its length, its type, and what is like a sockaddr from there. */
const FIRST_ADDRESS = 6;
const SOCKADDR = 24 + 4;

interface Request {
  readonly file: OpenFile;
  readonly code: number;
  readonly input: number;
  readonly inputLength: number;
  readonly output: number;
  readonly block: number;
}

const transportAddress = (memory: VirtualMemory, at: number): Endpoint | undefined =>
  endpointAt(memory, at + FIRST_ADDRESS, SOCKADDR);

/** An array of AFD_WSABUF: length and address. */
function buffers(memory: VirtualMemory, at: number, count: number): Piece[] {
  const found: Piece[] = [];
  for (let i = 0; i < Math.min(count, MOST_BUFFERS); i++) {
    const length = memory.u32(at + 8 * i);
    const address = memory.u32(at + 8 * i + 4);
    if (length === undefined || address === undefined) break;
    found.push({ address, length });
  }
  return found;
}

export function hookAfd(call: Hooks['call'], story: Story): void {
  call('NtDeviceIoControlFile', {
    pre(one) {
      const file = fileOf(one, one.args['FileHandle'] ?? 0);
      if (file.object?.kind !== 'socket' || !/^\\Device\\Afd(\\|$)/.test(file.object.name ?? '')) return;
      one.state = {
        file,
        code: one.args['IoControlCode'] ?? 0,
        input: one.args['InputBuffer'] ?? 0,
        inputLength: one.args['InputBufferLength'] ?? 0,
        output: one.args['OutputBuffer'] ?? 0,
        block: one.args['IoStatusBlock'] ?? 0,
      } satisfies Request;
    },
    post(one) {
      const request = one.state as Request | undefined;
      if (request === undefined || (one.outcome !== 'returned' && one.outcome !== 'pending')) return;
      if (request.file.object?.name === NTLET_DEVICE) exchange(one, request, story);
      else finish(one, request, story);
    },
  });
}

function exchange(one: HookCall, request: Request, story: Story): void {
  const { file, code, input, inputLength, output, block } = request;
  if (code !== NTLET_EXCHANGE || inputLength < EXCHANGE_DATA) return;
  const { memory } = one;
  const head = memory.bytes(input, EXCHANGE_DATA);
  if (head.length < EXCHANGE_DATA) return;
  const port = head[4]! * 256 + head[5]!;
  const remote: Endpoint = { family: 'inet', address: head.subarray(0, 4).join('.'), port };
  const protocol = 17;
  const moved = (address: number, bytes: number) => ({
    bytes,
    data: gather(memory, [{ address, length: bytes }], bytes),
  });
  const sent = moved(input + EXCHANGE_DATA, inputLength - EXCHANGE_DATA);
  const failed = one.result !== 0;
  story.socket('sendto', file, { remote, protocol, ...sent, ...(failed && { error: one.resultText }) });
  if (failed) return;
  story.socket('recvfrom', file, { remote, protocol, ...moved(output, memory.u32(block + 4) ?? 0) });
}

function finish(one: HookCall, { file, code, input, output, block }: Request, story: Story): void {
  const { memory } = one;
  const word = (offset: number): number => memory.u32(input + offset) ?? 0;
  const failed = one.outcome === 'returned' && one.result! >>> 30 === 3;
  const error = failed ? { error: one.resultText } : {};
  // Data that comes or goes later is not there yet: only what has been asked for is told.
  const isOver = one.outcome === 'returned' && !failed;
  const moved = () => {
    const bytes = memory.u32(block + 4) ?? 0;
    return { bytes, data: gather(memory, buffers(memory, word(0), word(4)), bytes) };
  };
  switch (code) {
    case Code.bind: {
      // AFD_BIND_DATA: how it may be shared, the address.
      const local = transportAddress(memory, input + 4);
      if (local !== undefined) story.learn(file, { local });
      story.socket('bind', file, { local, ...error });
      return;
    }
    case Code.connect: {
      // AFD_CONNECT_INFO: three words, the address.
      const remote = transportAddress(memory, input + 12);
      if (remote !== undefined) story.learn(file, { remote });
      story.socket('connect', file, { remote, ...error });
      return;
    }
    case Code.listen:
      // AFD_LISTEN_DATA: a flag, the backlog.
      story.socket('listen', file, { backlog: word(4), ...error });
      return;
    case Code.waitForListen:
      // AFD_RECEIVED_ACCEPT_DATA: a number for the connection, the address.
      if (isOver) story.socket('accept', file, { remote: transportAddress(memory, output + 4) });
      return;
    case Code.accept:
      // AFD_ACCEPT_DATA: a flag, the connection's number, the handle of the socket that is to have it.
      if (isOver) story.learn(fileOf(one, word(8)), story.facts(file));
      return;
    case Code.receive:
      if (isOver) story.socket('recv', file, moved());
      return;
    case Code.send:
      if (isOver) story.socket('send', file, moved());
      return;
    case Code.receiveDatagram: {
      // AFD_RECV_INFO_UDP: buffers, their number, two words of flags, where the sender's address goes.
      if (isOver)
        story.socket('recvfrom', file, { remote: endpointAt(memory, word(16), SOCKADDR), ...moved() });
      return;
    }
    case Code.sendDatagram:
      // AFD_SEND_INFO_UDP: buffers, their number, ten words, size of the address, where it is.
      if (isOver) story.socket('sendto', file, { remote: transportAddress(memory, word(52)), ...moved() });
  }
}
