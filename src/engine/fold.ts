/**
 * The rolling check over what the CPU half gives out. Recorder and replayer fold the same words, so one
 * 32-bit number, stored each time `main_loop` returns, holds together all outputs and registers up to there.
 */
import { At } from './layout.ts';

/** One word into the check. Odd multiplier: a permutation of u32 for a fixed word. */
export function fold(check: number, word: number): number {
  const mixed = Math.imul(check ^ word, 0x9e3779b1);
  return (mixed << 13) | (mixed >>> 19);
}

/** The registers that are folded in when `main_loop` returns, as indices of 32-bit words in linear memory. */
const WORDS = [
  ...Array.from({ length: 8 }, (_, i) => (At.reg32 >> 2) + i),
  At.flags >> 2,
  At.instructionPointer >> 2,
  At.previousIp >> 2,
  At.cr >> 2,
  (At.cr >> 2) + 2,
  (At.cr >> 2) + 3,
  At.instructionCounter >> 2,
];

export function foldRegisters(check: number, memory: Int32Array): number {
  for (let i = 0; i < WORDS.length; i++) check = fold(check, memory[WORDS[i]!]!);
  return check;
}
