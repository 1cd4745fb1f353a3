/**
 * The path of an i386 Linux program as QEMU's user-mode emulation runs it: the address of each instruction, in order. With
 * `-singlestep` a translation block of QEMU's is one instruction, and with `-d exec,nochain` each that is executed is logged
 * (qemu-i386(1), 7.2).
 */
import { spawn } from 'node:child_process';
import { chmod, copyFile, open, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { auxiliaryLoopOf, type Program, QUARTER_MS } from './qemu-packages.ts';

/** An instruction as QEMU has decoded it. */
export interface Instruction {
  readonly length: number;
  /** For people. */
  readonly text: string;
  /** A string instruction with a REP prefix: it is executed as often as ECX says, at one address. */
  readonly rep: boolean;
  /** INT 0x80, a system call. */
  readonly call: boolean;
}

export interface QemuPath {
  /** Of the first instruction. */
  readonly entry: number;
  /** Where the program reads its auxiliary vector. */
  readonly auxiliaryLoop: number;
  /** One element for each instruction executed; for each iteration of one with REP. */
  readonly addresses: Uint32Array;
  readonly instructions: ReadonlyMap<number, Instruction>;
  /** What the program wrote to its standard output. */
  readonly output: Uint8Array;
}

/** Some user that is not root, for a host on which we are. */
const NOBODY = 65534;

/**
 * Runs a program under QEMU, with no environment, no terminal, and not as root.
 * @param folder scratch, for a few hundred MB
 */
export async function qemuPath(qemu: string, program: Program, folder: string): Promise<QemuPath> {
  const at = (name: string): string => join(folder, `${program.name}.${name}`);
  await copyFile(qemu, at('qemu'));
  const files = {
    program: program.file,
    stdin: program.stdin,
    stdout: new Uint8Array(0),
    log: new Uint8Array(0),
  };
  for (const [name, data] of Object.entries(files)) {
    const file = await open(at(name), 'w', 0o666);
    await file.writeFile(data);
    await file.close();
    await chmod(at(name), name === 'program' ? 0o755 : 0o666);
  }
  await chmod(at('qemu'), 0o755);
  await chmod(folder, 0o755);
  const [stdin, stdout] = [await open(at('stdin'), 'r'), await open(at('stdout'), 'w')];
  try {
    const [name = '', ...args] = program.argv;
    const options = ['-singlestep', '-d', 'in_asm,exec,nochain', '-D', at('log'), '-0', name];
    const user = process.getuid?.() === 0 ? { uid: NOBODY, gid: NOBODY } : {};
    await sleep((1000 + QUARTER_MS - (Date.now() % 1000)) % 1000);
    const child = spawn(at('qemu'), [...options, at('program'), ...args], {
      cwd: '/',
      env: {},
      detached: true,
      stdio: [stdin.fd, stdout.fd, 'pipe'],
      ...user,
    });
    let said = '';
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      said += text;
    });
    const code = await new Promise<number | null>((resolve, reject) => {
      child.once('error', reject);
      child.once('close', resolve);
    });
    if (code !== 0 || said !== '') throw new Error(`${program.name} under QEMU ended with ${code}: ${said}`);
  } finally {
    await stdin.close();
    await stdout.close();
  }
  const { addresses, instructions } = await readLog(at('log'));
  const output = await readFile(at('stdout'));
  await rm(at('log'));
  return {
    entry: addresses[0] ?? 0,
    auxiliaryLoop: auxiliaryLoopOf(program.file),
    addresses,
    instructions,
    output,
  };
}

/** Reads `-d in_asm,exec`: an instruction's bytes when it is translated, then a line for each time that it is executed. */
async function readLog(path: string): Promise<Pick<QemuPath, 'addresses' | 'instructions'>> {
  const file = await open(path);
  const code = new Code();
  let addresses = new Uint32Array(1 << 20);
  let count = 0;
  try {
    for await (const line of file.readLines({ encoding: 'latin1' })) {
      if (!line.startsWith('Trace ')) {
        code.line(line);
        continue;
      }
      // Trace 0: 0x7f4a5c0000c0 [00000000/08049cbc/104000b3/00000201], that is cs_base, pc, flags, cflags
      const slash = line.indexOf('/');
      const address =
        line[slash + 9] === '/' ? Number.parseInt(line.slice(slash + 1, slash + 9), 16) : Number.NaN;
      if (Number.isNaN(address)) throw new Error(`QEMU's log is not understood: ${line}`);
      if (count === addresses.length) {
        const more = new Uint32Array(2 * count);
        more.set(addresses);
        addresses = more;
      }
      addresses[count++] = address;
    }
  } finally {
    await file.close();
  }
  return { addresses: addresses.subarray(0, count), instructions: code.instructions() };
}

/** What QEMU says of the code that it translates. */
class Code {
  private readonly bytes = new Map<number, number[]>();
  private readonly texts = new Map<number, string>();
  private last = -1;

  line(line: string): void {
    if (line === '' || line === '----------------' || line === 'IN: ') return;
    // 0x08049b24:  89 e0                    movl     %esp, %eax; the ninth byte and more have a line of their own.
    const [, place, hex = '', text = ''] =
      /^0x([\da-f]{8}): {2}([\da-f]{2}(?: [\da-f]{2})*)(?: +(\S.*))?$/.exec(line) ?? [];
    if (place === undefined) throw new Error(`QEMU's log is not understood: ${line}`);
    const address = Number.parseInt(place, 16);
    const bytes = hex.split(' ').map((byte) => Number.parseInt(byte, 16));
    const before = this.bytes.get(this.last);
    if (text === '' && before !== undefined && this.last + before.length === address) before.push(...bytes);
    else {
      this.last = address;
      this.bytes.set(address, bytes);
      this.texts.set(address, text);
    }
  }

  instructions(): Map<number, Instruction> {
    const found = new Map<number, Instruction>();
    for (const [address, bytes] of this.bytes)
      found.set(address, { length: bytes.length, text: this.texts.get(address) ?? '', ...kindOf(bytes) });
    return found;
  }
}

/** LOCK, segment overrides, operand and address size. */
const PREFIXES = new Set([0xf0, 0x2e, 0x36, 0x3e, 0x26, 0x64, 0x65, 0x66, 0x67]);
/** INS, OUTS, MOVS, CMPS, STOS, LODS, SCAS. */
const isString = (opcode: number): boolean =>
  (opcode >= 0x6c && opcode <= 0x6f) ||
  (opcode >= 0xa4 && opcode <= 0xa7) ||
  (opcode >= 0xaa && opcode <= 0xaf);

/** Intel SDM 2A, 2.1.1. */
function kindOf(bytes: readonly number[]): { rep: boolean; call: boolean } {
  let repeated = false;
  for (const byte of bytes) {
    if (byte === 0xf2 || byte === 0xf3) repeated = true;
    else if (!PREFIXES.has(byte))
      return { rep: repeated && isString(byte), call: byte === 0xcd && bytes[1] === 0x80 };
  }
  return { rep: false, call: false };
}
