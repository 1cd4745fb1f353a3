/** What a process was started with, from its own memory (Linux: fs/proc/base.c, get_mm_cmdline). */
import type { VirtualMemory } from '../memory.ts';

/** Arguments and environment can be longer only if somebody has raised the limit of the stack (execve(2)). */
const LONGEST = 6 << 20;

/** Strings one after the other, each ended by a zero byte; undefined unless all of it can be read. */
export function stringsBetween(memory: VirtualMemory, start: number, end: number): string[] | undefined {
  if (start === 0 || end < start || end - start > LONGEST) return undefined;
  const bytes = memory.bytes(start, end - start);
  if (bytes.length < end - start) return undefined;
  const text = new TextDecoder().decode(bytes);
  return text === '' ? [] : text.replace(/\0$/, '').split('\0');
}

/** Words as a shell takes them; without the empty ones at the end, which a program leaves that overwrites its arguments. */
export function quoteWords(words: readonly string[]): string {
  return words
    .slice(0, words.findLastIndex((word) => word !== '') + 1)
    .map((word) => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`))
    .join(' ');
}
