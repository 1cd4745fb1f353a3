/**
 * Lines that strace 6.1 (Debian 12's, i386, `-f`) printed of a program that made some 350 different system calls under
 * Linux 6.1.0-50-686, in the Debian guest.
 *
 * The program wrote its registers and its memory down before and after each call; syscall-strace.jsonl has, for each call,
 * its number and words, its result, and of that memory what matters: bytes in hexadecimal by address, `+n` for n bytes of
 * zero at the end.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import {
  beginSystemCall,
  finishSystemCall,
  formatSystemCall,
} from '../../../src/guest/linux/syscall-decode.ts';
import { root } from '../../support/probe.ts';
import { FakeProgram } from './syscall-guest.ts';

interface Recorded {
  readonly line: string;
  readonly number: number;
  readonly words: readonly number[];
  readonly result: number | undefined;
  readonly before: Readonly<Record<string, string>>;
  readonly after: Readonly<Record<string, string>>;
}

function bytesOf(text: string): Buffer {
  const [hex, zeros] = text.split('+');
  return Buffer.concat([Buffer.from(hex!, 'hex'), Buffer.alloc(Number(zeros ?? 0))]);
}

function programOf(memory: Readonly<Record<string, string>>): FakeProgram {
  const program = new FakeProgram(32);
  for (const [address, text] of Object.entries(memory)) program.put(Number(address), bytesOf(text));
  return program;
}

const recorded = readFileSync(join(root, 'test/guest/linux/syscall-strace.jsonl'), 'utf8')
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line) as Recorded);

test('the same lines as strace', (t) => {
  t.true(recorded.length > 300);
  for (const { line, number, words, result, before, after } of recorded) {
    const entry = beginSystemCall(number, words, programOf(before).memory);
    const kept = JSON.parse(JSON.stringify(entry));
    t.is(formatSystemCall(finishSystemCall(kept, result, programOf(after).memory)), line);
  }
});
