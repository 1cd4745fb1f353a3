/** The Debian guest for tests: built once into the user's cache, booted with whatever v86 the test wants. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Pc, PcOptions } from '../../src/engine/pc.ts';
import { createPc } from '../../src/engine/pc.ts';
import { findBuiltin } from '../../src/machine/builtin.ts';
import { type Images, loadImages } from '../../src/machine/images.ts';
import { loadMachine } from '../../src/machine/machine.ts';
import type { Machine } from '../../src/machine/schema.ts';

/**
 * Builds a target where the cache has none, which needs a Debian-based host and its network; where that cannot be
 * done the test fails and says so.
 */
export async function ensureBuilt(name: 'debian' | 'bios'): Promise<void> {
  const target = findBuiltin(name)?.builder;
  if (target === undefined || (await target.built()) !== undefined) return;
  try {
    await target.build();
  } catch (error) {
    const { message, hint } = error as { message: string; hint?: string };
    throw new Error(`this test needs '${name}' built, and building it failed: ${message}. ${hint ?? ''}`);
  }
}

/** The Debian guest's machine and images, built if need be. */
export async function debianGuest(): Promise<{ machine: Machine; images: Images }> {
  await ensureBuilt('debian');
  const machine = await loadMachine('debian');
  return { machine, images: await loadImages(machine) };
}

/** A PC's serial console as a test reads it: wait for text, type, run a command. */
export class TestConsole {
  /** All that each port has said. */
  readonly output = ['', '', '', ''];
  private readonly pc: Pick<Pc, 'sendSerial'>;
  private readonly read = [0, 0, 0, 0];

  constructor(pc: Pick<Pc, 'onSerial' | 'sendSerial'>) {
    this.pc = pc;
    pc.onSerial((port, byte) => {
      this.output[port] += String.fromCharCode(byte);
    });
  }

  /** Waits for `pattern` in what has come since the last wait; what came up to its end. */
  async waitFor(pattern: RegExp, { port = 0, seconds = 120 } = {}): Promise<string> {
    const end = performance.now() + seconds * 1000;
    for (;;) {
      const news = (this.output[port] ?? '').slice(this.read[port]);
      const match = pattern.exec(news);
      if (match !== null) {
        const length = match.index + match[0].length;
        this.read[port] = (this.read[port] ?? 0) + length;
        return news.slice(0, length);
      }
      if (performance.now() > end) {
        throw new Error(`no ${pattern} on port ${port} within ${seconds} s; it ends:\n${news.slice(-1500)}`);
      }
      await sleep(5);
    }
  }

  type(text: string, port = 0): void {
    this.pc.sendSerial(port, new TextEncoder().encode(text));
  }

  async logIn(user = 'root', port = 0): Promise<void> {
    await this.waitFor(/login: $/, { port });
    this.type(`${user}\n`, port);
    await this.waitFor(/Password: $/, { port });
    this.type(`${user}\n`, port);
    await this.waitFor(/[#$] /, { port });
  }

  /** Runs a command in the shell that is logged in; what it said, with `\n` line ends. */
  async run(command: string, port = 0, seconds = 120): Promise<string> {
    // The quotes keep the marks out of the echo of the command line, which the shell may also break.
    this.type(`echo BE''GIN; ${command}; echo E''ND\n`, port);
    await this.waitFor(/BEGIN\r\n/, { port });
    const text = await this.waitFor(/(^|\n)END\r\n/, { port, seconds });
    await this.waitFor(/[#$] /, { port });
    return text.replaceAll('\r\n', '\n').replace(/\n?END\n$/, '');
  }
}

/** A running PC with its console. */
export async function bootPc(
  machine: Machine,
  images: Images,
  options: PcOptions = {},
): Promise<{ pc: Pc; console: TestConsole }> {
  const pc = await createPc(machine, images, options);
  const console = new TestConsole(pc);
  pc.run();
  return { pc, console };
}
