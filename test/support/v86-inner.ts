/** What v86 can do and Rebek's `Pc` does not offer: keyboard, text screen, and TCP connections into the guest. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Pc } from '../../src/engine/pc.ts';

/** v86's user-mode TCP (fake_network.js). */
interface TcpConnection {
  on(event: 'data' | 'connect' | 'close' | 'shutdown', callback: (data: Uint8Array) => void): void;
  write(data: Uint8Array): void;
  close(): void;
}
interface Inner {
  readonly bus: { send(name: string, value: unknown): void };
  readonly network_adapter: { connect(port: number): TcpConnection };
}

interface Vga {
  readonly vga_memory: Uint8Array;
}

const innerOf = (pc: Pc): Inner => (pc as unknown as { inner: Inner }).inner;

/** Connects to a TCP port of the guest, sends `request`, and returns the first `bytes` of the answer or more. */
export async function askOverTcp(pc: Pc, port: number, request: string, bytes: number): Promise<Buffer> {
  const connection = innerOf(pc).network_adapter.connect(port);
  const parts: Uint8Array[] = [];
  let length = 0;
  const answer = new Promise<void>((resolve) => {
    connection.on('connect', () => connection.write(new TextEncoder().encode(request)));
    connection.on('data', (data) => {
      parts.push(data.slice());
      length += data.length;
      if (length >= bytes) resolve();
    });
  });
  const late = sleep(120_000, undefined, { ref: false }).then(() => {
    throw new Error(`the guest's port ${port} gave ${length} of ${bytes} bytes within 120 s`);
  });
  await Promise.race([answer, late]);
  connection.close();
  return Buffer.concat(parts);
}

/** Make codes of scan code set 1 for the characters that tests type; capitals are not among them. */
const rows: [code: number, keys: string][] = [
  [0x02, '1234567890-='],
  [0x10, 'qwertyuiop[]\n'],
  [0x1e, 'asdfghjkl;'],
  [0x2c, 'zxcvbnm,./'],
  [0x39, ' '],
];
const leftShift = 0x2a;
const shifted: Record<string, string> = { _: '-', '(': '9', ')': '0', ':': ';' };

/** Types at the PC's keyboard: each key goes down and up. */
export async function typeKeys(pc: Pc, text: string): Promise<void> {
  const send = (code: number) => innerOf(pc).bus.send('keyboard-code', code);
  for (const character of text) {
    const key = shifted[character] ?? character;
    const [code, keys] = rows.find(([, keys]) => keys.includes(key)) ?? [0, ''];
    if (keys === '') throw new Error(`no key for '${character}'`);
    const make = code + keys.indexOf(key);
    if (key !== character) send(leftShift);
    send(make);
    send(make | 0x80);
    if (key !== character) send(leftShift | 0x80);
    // The controller's buffer is short, and a boot loader polls it.
    await sleep(20);
  }
}

/** The 25 lines of the screen in text mode: in v86's VGA memory the characters are every other byte. */
function screenText(pc: Pc): string {
  const { vga_memory } = (pc.cpu.devices as unknown as { vga: Vga }).vga;
  const line = (y: number) =>
    String.fromCharCode(...Array.from({ length: 80 }, (_, x) => vga_memory[2 * (80 * y + x)] ?? 0));
  return Array.from({ length: 25 }, (_, y) => line(y)).join('\n');
}

/** Waits until the text screen shows `pattern`. */
export async function waitForScreen(pc: Pc, pattern: RegExp, seconds = 120): Promise<void> {
  const end = performance.now() + seconds * 1000;
  while (!pattern.test(screenText(pc))) {
    if (performance.now() > end) {
      throw new Error(`no ${pattern} on the screen within ${seconds} s:\n${screenText(pc)}`);
    }
    await sleep(50);
  }
}
