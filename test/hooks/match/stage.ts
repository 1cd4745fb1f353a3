/** What the histories of the tests for `thread-stack` have in common. */
import { fn, Stage } from './support.ts';

export const KERNEL = { low: 0x8010_0000, high: 0x8010_2000 };
export const KERNEL2 = { low: 0x8011_0000, high: 0x8011_2000 };
export const USER = { low: 0x12_0000, high: 0x13_0000 };
export const read = fn('read', 0x8050_1000, 3);
export const write = fn('write', 0x8050_2000, 2);
export const open = fn('open', 0x8050_3000, 1);
export const exit = fn('exit', 0x8050_4000, 1, true);
export const f = fn('f', 0x40_1000);
export const g = fn('g', 0x40_2000);
/** Where the dispatcher gets all services back, behind `call *%ebx`. */
export const DISPATCHER = 0x8050_0100;
export const FROM_A = 0x40_0105;
export const FROM_B = 0x40_0545;

export function stage(matcher?: string): Stage {
  const s = new Stage(matcher);
  s.kernel(1, KERNEL.high - 0x80, KERNEL);
  s.codeAt(FROM_A);
  s.codeAt(FROM_B);
  s.codeAt(DISPATCHER, [0xff, 0xd3]);
  return s;
}

export const service = (s: Stage, which: typeof read): number =>
  s.call(which, DISPATCHER, new Array(which.pops).fill(7), 2);
